//! The commands as a shell runs them: what they print, what they write, how they end.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use parotidd::inference::InstructionSet;

fn parotidd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parotidd")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Settings whose data are in `folder`.
fn settings(folder: &Path) -> String {
    let path = folder.join("parotidd.toml");
    fs::write(&path, format!("data_dir = {:?}\n", folder.join("data"))).unwrap();
    path.display().to_string()
}

#[test]
fn every_command_explains_itself() {
    let help = stdout(&parotidd(&["--help"]));
    for part in ["not for diagnostic use", "Exit codes", "65  no usable input", "flagged"] {
        assert!(help.contains(part), "{part}\n{help}");
    }
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"screen") && names.contains(&"self-test"), "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        let help = stdout(&parotidd(&[name, "--help"]));
        assert!(help.lines().count() >= 5, "{name}: {help}");
    }
    assert_eq!(parotidd(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = stdout(&parotidd(&["man"]));
    assert!(page.contains(".TH") && page.contains("EXIT STATUS"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert!(parotidd(&["man", "--out", pages.to_str().unwrap()]).status.success());
    for name in ["parotidd.1", "parotidd-run.1", "parotidd-screen.1", "parotidd-self-test.1"] {
        assert!(pages.join(name).is_file(), "{name}");
    }
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&parotidd(&["completions", shell])).contains("self-test"), "{shell}");
    }
}

#[test]
fn views_are_rendered_by_name_or_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("ready.png");
    let out = png.to_str().unwrap();
    assert!(parotidd(&["render", "ready", "--size", "480x320", "--out", out]).status.success());
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&png).unwrap()));
    let reader = decoder.read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (480, 320));
    let help = stdout(&parotidd(&["render", "--help"]));
    let all = folder.path().join("all");
    let arguments = ["render", "--all", "--size", "320x240", "--out", all.to_str().unwrap()];
    assert!(parotidd(&arguments).status.success());
    for (name, _) in parotidd::display::samples::views(parotidd::display::strings::Language::En) {
        assert!(help.contains(name), "{name} is in --help");
        assert!(all.join(format!("{name}.png")).is_file(), "{name}");
    }
    assert_eq!(parotidd(&["render", "nothing", "--out", out]).status.code(), Some(2));
    assert_eq!(parotidd(&["render", "--out", out]).status.code(), Some(2));
}

#[test]
fn status_reads_the_database_and_says_when_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path());
    let none = parotidd(&["status", "--config", &config]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("no database"), "{}", stderr(&none));
    assert!(!folder.path().join("data").exists());

    fs::create_dir(folder.path().join("data")).unwrap();
    // Kept open: the daemon may be running.
    let opened = parotidd::db::open(&folder.path().join("data/parotidd.db")).unwrap();
    let status = parotidd(&["status", "--config", &config, "--format", "json"]);
    assert!(status.status.success(), "{}", stderr(&status));
    let json: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(json["schema"], "parotidd.status/1");
    assert_eq!(json["n_instances"], 0);
    assert_eq!(json["jobs"]["queued"], 0);
    assert_eq!(json["deliveries"]["dead"], 0);
    assert_eq!(json["newest_result"], serde_json::Value::Null);
    assert_eq!(json["models"]["localizer"]["sha256"].as_str().unwrap().len(), 64);
    let text = stdout(&parotidd(&["status", "--config", &config]));
    assert!(text.contains("none yet") && text.contains("0 dead letters"), "{text}");
    drop(opened);
}

#[test]
fn networks_from_a_folder_bring_their_decision_policy() {
    let folder = tempfile::tempdir().unwrap();
    let [models, data] = ["models", "data"].map(|name| folder.path().join(name));
    for path in [&models, &data] {
        fs::create_dir(path).unwrap();
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["localizer", "segmenter"]
        .iter()
        .flat_map(|task| [format!("{task}.onnx"), format!("{task}.toml")])
    {
        fs::copy(shipped.join(&name), models.join(&name)).unwrap();
    }
    let config = folder.path().join("parotidd.toml");
    fs::write(&config, format!("data_dir = {data:?}\nmodels_dir = {models:?}\n")).unwrap();
    let opened = parotidd::db::open(&data.join("parotidd.db")).unwrap();
    let version = || {
        let status =
            parotidd(&["status", "--config", config.to_str().unwrap(), "--format", "json"]);
        assert!(status.status.success(), "{}", stderr(&status));
        let json: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        json["models"]["decision"]["version"].as_str().unwrap().to_owned()
    };
    let built_in = version();
    let policy = fs::read_to_string(shipped.join("decision.toml")).unwrap();
    let line = format!("version = \"{built_in}\"");
    assert!(policy.contains(&line), "{line}");
    let own = policy.replace(&line, "version = \"9.8.7\"");
    fs::write(models.join("decision.toml"), own).unwrap();
    assert_eq!(version(), "9.8.7");
    drop(opened);
}

#[test]
fn bad_settings_end_with_64() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    fs::write(&path, "surprise = 1\n").unwrap();
    for command in ["status", "self-test"] {
        let output = parotidd(&[command, "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(64), "{command}");
    }
}

#[test]
fn the_self_test_passes_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path());
    let output = parotidd(&["self-test", "--config", &config]);
    let lines = stdout(&output);
    assert!(output.status.success(), "{lines}\n{}", stderr(&output));
    for check in ["models", "images", "golden", "repeat", "spool", "database", "display"] {
        assert!(lines.contains(&format!("ok      {check}: ")), "{check}\n{lines}");
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_self_test_that_fails_says_what_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    let config = folder.path().join("parotidd.toml");
    let data = folder.path().join("data");
    fs::write(&config, format!("data_dir = {data:?}\nmodels_dir = {models:?}\n")).unwrap();
    let output = parotidd(&["self-test", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let lines = stdout(&output);
    assert!(lines.contains("failed  models: ") && lines.contains("ok      spool: "), "{lines}");
}

/// An answer of one's own models is kept by a command that the help does not show.
#[test]
fn models_without_a_golden_answer_fail_until_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let models = path("models");
    fs::create_dir(&models).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["localizer", "segmenter"]
        .iter()
        .flat_map(|it| [format!("{it}.onnx"), format!("{it}.toml")])
    {
        fs::copy(shipped.join(&name), models.join(&name)).unwrap();
    }
    let config = path("parotidd.toml");
    fs::write(&config, format!("data_dir = {:?}\nmodels_dir = {models:?}\n", path("data")))
        .unwrap();
    let [config, result] =
        [&config, &path("golden.json")].map(|it| it.to_str().unwrap().to_owned());
    let test = || {
        let told = ["--format", "json", "--json", &result];
        let output =
            parotidd(&[&["self-test", "--golden", "--config", &config][..], &told].concat());
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let written: serde_json::Value =
            serde_json::from_slice(&fs::read(&result).unwrap()).unwrap();
        assert_eq!(printed, written);
        (output.status.code(), printed)
    };
    let (code, printed) = test();
    assert_eq!((code, &printed["ok"]), (Some(1), &serde_json::Value::Bool(false)));
    let golden = &printed["checks"][2];
    assert_eq!(
        (golden["name"].as_str(), golden["need"].as_str()),
        (Some("golden"), Some("required"))
    );
    assert!(
        golden["text"].as_str().unwrap().contains("no golden answer for these models"),
        "{golden}"
    );

    let models = models.to_str().unwrap();
    let kept = parotidd(&["golden", "--models", models, "--out", models]);
    assert!(kept.status.success(), "{}", stderr(&kept));
    let (code, printed) = test();
    assert_eq!((code, &printed["ok"]), (Some(0), &serde_json::Value::Bool(true)), "{printed}");
    assert!(!stdout(&parotidd(&["--help"])).contains("golden"));
}

#[test]
fn a_screening_writes_what_its_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let [series, out] = ["series", "out"].map(|name| folder.path().join(name));
    let [series, out] = [&series, &out].map(|path| path.to_str().unwrap());
    let size = ["--matrix", "128", "--slices", "36", "--spacing", "4"];
    let phantom = ["phantom", "--seed", "7", "--tumor", "left", "--out", series];
    assert!(parotidd(&[&phantom[..], &size].concat()).status.success());
    let screened = parotidd(&["screen", series, "--out", out]);
    assert!(screened.status.success(), "{}", stderr(&screened));
    let report: serde_json::Value = serde_json::from_slice(&screened.stdout).unwrap();
    let written = Path::new(out).join(report["series_instance_uid"].as_str().unwrap());
    let kept: serde_json::Value =
        serde_json::from_slice(&fs::read(written.join("report.json")).unwrap()).unwrap();
    assert_eq!(kept, report);
    for gland in report["glands"].as_array().unwrap() {
        let picture = written.join(format!("key-{}.png", gland["side"].as_str().unwrap()));
        assert_eq!(picture.exists(), !gland["center_mm"].is_null(), "{gland}");
    }
    let candidates = report["candidates"].as_array().unwrap();
    let any_kept = candidates.iter().any(|candidate| candidate["kept"] == true);
    assert_eq!(written.join("gsps.dcm").exists(), any_kept);
    assert!(written.join("seg.dcm").exists() && written.join("sr.dcm").exists());
}

#[test]
fn other_parts_of_the_body_are_written_without_truth() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bodies");
    let size = ["--matrix", "48", "--slices", "8", "--spacing", "5"];
    let cohort = ["phantom", "--body", "any", "--cohort", "3", "--seed", "7"];
    let place = ["--out", out.to_str().unwrap()];
    let written = parotidd(&[&cohort[..], &place, &size].concat());
    assert!(written.status.success(), "{}", stderr(&written));
    let table = fs::read_to_string(out.join("cohort.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "case,seed,site,protocol,tumor_side,tumor_cm3,body");
    // Parts come by turns.
    for (line, (name, seed)) in
        lines[1..].iter().zip([("water_phantom", 7), ("head_phantom", 8), ("table", 9)])
    {
        let start = format!("{name}-{seed},{seed},");
        let end = format!(",{name},none,0.000,{name}");
        assert!(line.starts_with(&start) && line.ends_with(&end), "{line}");
        let case = out.join(format!("{name}-{seed}"));
        assert!(case.join("IM00001.dcm").is_file() && !case.join("truth.dcm").exists());
    }
    let both = ["phantom", "--seed", "1", "--body", "chest", "--tumor", "left"];
    assert_eq!(parotidd(&[&both[..], &place].concat()).status.code(), Some(2));
}

#[test]
fn what_cannot_be_screened_ends_with_65_and_leaves_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let [series, out] = ["series", "out"].map(|name| folder.path().join(name));
    let [series, out] = [&series, &out].map(|path| path.to_str().unwrap());
    let size = ["--matrix", "64", "--slices", "4", "--spacing", "4"];
    assert!(
        parotidd(&[&["phantom", "--seed", "1", "--out", series][..], &size].concat())
            .status
            .success()
    );
    let screened = parotidd(&["screen", series, "--out", out]);
    assert_eq!(screened.status.code(), Some(65));
    assert!(stderr(&screened).contains("too_few_slices"), "{}", stderr(&screened));
    let written = fs::read_dir(out).unwrap().next().unwrap().unwrap().path();
    let mut names: Vec<_> =
        fs::read_dir(written).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["report.dcm", "report.json", "sr.dcm"]);
}

#[test]
fn the_instruction_set_can_be_chosen_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan");
    let scan = scan.to_str().unwrap();
    let size = ["--matrix", "128", "--slices", "36", "--spacing", "4"];
    let phantom = ["phantom", "--seed", "5", "--tumor", "left", "--out", scan];
    assert!(parotidd(&[&phantom[..], &size].concat()).status.success());
    let screened = |set: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parotidd"));
        command.args(["screen", scan, "--format", "json"]).env("PAROTIDD_INSTRUCTION_SET", set);
        command.output().unwrap()
    };
    // Times differ.
    let report = |output: &Output| {
        let mut report: serde_json::Value = serde_json::from_str(&stdout(output)).unwrap();
        report.as_object_mut().unwrap().remove("timing_ms").unwrap();
        report
    };
    // The portable one, slow in a test build, is compared with them layer by layer elsewhere.
    let sets = InstructionSet::available();
    let fast = sets.iter().filter(|set| **set != InstructionSet::Portable);
    let reports: Vec<_> = fast.map(|set| report(&screened(set.name()))).collect();
    assert!(reports.windows(2).all(|pair| pair[0] == pair[1]), "{sets:?}: {reports:?}");
    let unknown = screened("mmx");
    assert!(!unknown.status.success());
    assert!(stderr(&unknown).contains("use one of avx512"), "{}", stderr(&unknown));
}

#[test]
fn a_report_is_read_for_its_mentions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.txt");
    let text =
        "HISTORY: right parotid mass.\nFINDINGS: There is a mass in the left parotid gland.\n";
    fs::write(&file, text).unwrap();
    let read = parotidd(&["read-report", file.to_str().unwrap()]);
    assert!(read.status.success(), "{}", stderr(&read));
    let line: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
    let expected = serde_json::json!([
        {"side": "left", "sentence": "There is a mass in the left parotid gland."}
    ]);
    assert_eq!(line["mentions"], expected);
    let missing = parotidd(&["read-report", "/nowhere/report.txt"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("/nowhere/report.txt"));
}
