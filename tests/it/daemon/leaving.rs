//! What leaves the box on purpose: signed results with their patients, and the support bundle without them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::export::{MARK, check_no_secret, files, of_somebody, screened, secrets, settings};
use super::support::*;

/// A tool that says what the daemon has said, as the journal does.
fn journal_of(site: &Site, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let said = folder.join("said");
    fs::write(&said, site.log()).unwrap();
    let tool = folder.join("journalctl");
    fs::write(&tool, format!("#!/bin/sh\ncat {}\n", said.display())).unwrap();
    fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
}

fn support_bundle(site: &Site, tools: &Path, out: &Path) -> Ended {
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let arguments = ["support-bundle", "--config"];
    let mut command = parotidd(&arguments);
    command.arg(site.config()).arg("--out").arg(out).env("PATH", path);
    command.stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn support_sees_no_patient_and_no_secret() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let small = of_somebody(&phantoms.small, &at("small"), |_| ());
    let hook = "[[destination]]\nname = 'ward'\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/T0/hush?a=hush'\n";
    let tested = at("night.json");
    let upkeep = format!("[upkeep]\nself_tests = [{tested:?}]\n");
    let site = Site::new(&format!("{}{hook}{upkeep}", settings()));
    let config = site.config();
    let golden = ["self-test", "--golden", "--config", config.to_str().unwrap(), "--json"];
    let ended = run(&[&golden[..], &[tested.to_str().unwrap()]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let daemon = screened(&site, &[&small]);
    journal_of(&site, &at("tools"));
    let out = at("bundle.tar.gz");
    let ended = support_bundle(&site, &at("tools"), &out);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let unpacked = at("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(&out).arg("-C").arg(&unpacked).status().unwrap();
    assert!(tar.success());

    let read =
        |name: &str| fs::read_to_string(unpacked.join("parotidd-support").join(name)).unwrap();
    // It does say what is needed.
    assert!(read("journal.txt").contains(" screened "), "{}", read("journal.txt"));
    assert!(read("about.txt").contains(env!("CARGO_PKG_VERSION")));
    assert!(read("self-test-night.json").contains("\"golden\""));
    assert!(read("settings.toml").contains("url = \"http://127.0.0.1:9/..\""));
    let status: serde_json::Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(status["n_instances"], small.files.len());
    let newest = status["newest_result"]["series_instance_uid"].as_str().unwrap();
    assert!(newest.starts_with("uid-") && read("journal.txt").contains(newest), "{newest}");
    let mut secrets = secrets(&[&small]);
    secrets.insert("hush".to_owned());
    check_no_secret(&unpacked, &secrets);
    assert!(site.log().contains(&small.uid), "the UIDs were there to be masked");
    assert!(daemon.terminate().success());

    let again = support_bundle(&site, &at("tools"), &out);
    assert_eq!(again.code, Some(1), "what is there is not written over");
}

fn export_results(site: &Site, out: &Path, more: &[&str]) -> Ended {
    let (config, out) = (site.config(), out.to_str().unwrap().to_owned());
    let mut arguments = vec!["export-results", "--config", config.to_str().unwrap(), "--out", &out];
    arguments.extend(more);
    run(&arguments)
}

/// Runs the commands of VERIFY.txt in its folder; says whether each was content.
fn verify(out: &Path) -> Vec<bool> {
    let text = fs::read_to_string(out.join("VERIFY.txt")).unwrap();
    let is_command = |line: &&str| ["openssl ", "sha256sum "].iter().any(|it| line.starts_with(it));
    let commands: Vec<_> = text.lines().map(str::trim).filter(is_command).collect();
    assert_eq!(commands.len(), 2, "{text}");
    let run = |command: &&str| {
        Command::new("sh").args(["-c", command]).current_dir(out).output().unwrap().status.success()
    };
    commands.iter().map(run).collect()
}

#[test]
fn results_are_signed_by_the_box_and_checked_by_anyone() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let seven = of_somebody(&phantoms.seven, &at("seven"), |_| ());
    let site = Site::new(&settings());
    let daemon = screened(&site, &[&seven]);
    let ended = export_results(&site, &at("out"), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("1 results, signed"), "{}", ended.stdout);

    let result = at("out").join("results").join(&seven.uid);
    for name in ["report.json", "sr.dcm", "seg.dcm", "report.dcm", "page.pdf"] {
        assert!(result.join(name).is_file(), "{name}");
    }
    assert!(fs::read(result.join("page.pdf")).unwrap().starts_with(b"%PDF-"));
    let index = fs::read_to_string(at("out").join("index.csv")).unwrap();
    assert!(index.contains(&format!("{MARK}-ID")) && index.contains(",flagged,"), "{index}");
    let sums = fs::read_to_string(at("out").join("SHA256SUMS")).unwrap();
    // All but the sums and their signature.
    assert_eq!(sums.lines().count() + 2, files(&at("out")).len());
    assert_eq!(verify(&at("out")), [true, true]);

    // The same key again; without it nothing is vouched for.
    assert_eq!(export_results(&site, &at("again"), &[]).code, Some(0));
    let key = |name: &str| fs::read_to_string(at(name).join("signer.pem")).unwrap();
    assert_eq!(key("out"), key("again"));
    let audit = fs::read_to_string(at("again").join("audit.csv")).unwrap();
    assert!(audit.contains("results_exported"), "{audit}");
    fs::write(result.join("report.json"), "{}").unwrap();
    assert_eq!(verify(&at("out")), [true, false]);
    fs::write(at("out").join("SHA256SUMS"), "").unwrap();
    assert!(!verify(&at("out"))[0]);

    let ours = site.data_dir().join("copies/new");
    let refused = export_results(&site, &ours, &[]);
    assert!(refused.stderr.contains("own data folder"), "{}", refused.stderr);
    assert!(!ours.exists());
    let none = export_results(&site, &at("none"), &["--since", "2199-01-01"]);
    assert_eq!((none.code, at("none").exists()), (Some(65), false));
    assert!(daemon.terminate().success());
}
