//! The files under `systemd/`: what the service manager's own tools say of them.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use parotidd::clock::SystemClock;
use parotidd::config::Config;
use parotidd::error::Chain;
use parotidd::heartbeat::Heartbeats;
use parotidd::limits::DRAIN;
use parotidd::system::board::{Board, DisplayBackend};
use parotidd::system::notify;
use tokio::time::sleep;

/// Highest exposure that is allowed, in tenths: `systemd-analyze security` counts from 0.0 to 10.0.
const EXPOSURE_MAX: &str = "15";

/// Services that run tools of the system's alone.
const TOOLS_ALONE: &[&str] =
    &["parotidd-service-mode.service", "parotidd-shell@.service", "parotidd-update-folder.service"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

/// Runs a tool, or says that the test is skipped on a machine without it.
fn run(tool: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(tool).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: {tool}: {error}");
            None
        }
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// The units, by what their names end in.
fn units(endings: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(file("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut units: Vec<_> =
        names.filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect();
    units.sort();
    assert!(!units.is_empty(), "{endings:?}");
    units
}

#[test]
fn the_units_are_clean() {
    let folder = tempfile::tempdir().unwrap();
    let paths = units(&[".service", ".socket", ".timer"]).into_iter().map(|name| {
        let unit = std::fs::read_to_string(file(&name)).unwrap();
        let is_ours = name.ends_with(".service") && !TOOLS_ALONE.contains(&name.as_str());
        assert_eq!(unit.contains("=/usr/bin/parotidd "), is_ours, "{name}");
        // As installed, but with the program that was just built: `verify` wants to see it.
        let program = format!("={} ", env!("CARGO_BIN_EXE_parotidd"));
        let path = folder.path().join(name);
        std::fs::write(&path, unit.replace("=/usr/bin/parotidd ", &program)).unwrap();
        path.display().to_string()
    });
    let paths: Vec<_> = paths.collect();
    let arguments = ["verify", "--man=no"].into_iter().chain(paths.iter().map(String::as_str));
    let Some(output) = run("systemd-analyze", &arguments.collect::<Vec<_>>()) else { return };
    assert!(output.status.success(), "{}", text(&output));
    // Other units of the machine are not ours to judge.
    let ours: Vec<_> = text(&output).lines().map(str::to_owned).collect();
    assert!(!ours.iter().any(|line| line.contains("parotidd")), "{ours:#?}");
}

#[test]
fn the_services_are_sandboxed() {
    // Those of root are few, and each says what it needs root for.
    let ours = |name: &String| !values(name, "User").is_empty();
    for unit in units(&[".service"]).into_iter().filter(ours) {
        let unit = file(&unit);
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let arguments =
            ["security", "--offline=true", "--no-pager", &threshold, unit.to_str().unwrap()];
        let Some(output) = run("systemd-analyze", &arguments) else { return };
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// The values of a key, in any section of a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let unit = std::fs::read_to_string(file(unit)).unwrap();
    let values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn self_tests_write_what_the_settings_read() {
    let settings = std::fs::read_to_string(file("parotidd.toml")).unwrap();
    let upkeep = toml::from_str::<Config>(&settings).unwrap().upkeep;
    let written = ["parotidd-self-test.service", "parotidd-golden.service"].map(|unit| {
        let commands = values(unit, "ExecStart");
        PathBuf::from(commands[0].rsplit_once(" --json ").unwrap().1)
    });
    assert_eq!(upkeep.self_tests, written);
    let folder = |unit: &str| Path::new("/run").join(&values(unit, "RuntimeDirectory")[0]);
    assert!(written.iter().all(|path| path.starts_with(folder("parotidd-golden.service"))));
    assert!(upkeep.health.unwrap().starts_with(folder("parotidd.service")));
    assert_eq!(values("parotidd-self-test.service", "Before"), ["boot-complete.target"]);
    assert_eq!(values("parotidd-self-test.service", "RequiredBy"), ["boot-complete.target"]);
}

#[test]
fn the_socket_is_that_of_the_settings_as_shipped() {
    let settings = std::fs::read_to_string(file("parotidd.toml")).unwrap();
    let settings: Config = toml::from_str(&settings).unwrap();
    let wanted: Vec<_> = settings.dicom.listen.iter().map(ToString::to_string).collect();
    assert_eq!(values("parotidd.socket", "ListenStream"), wanted);
    assert_eq!(values("parotidd.service", "Sockets"), ["parotidd.socket"]);
    // It screens without being called, and the port is there before it.
    assert_eq!(values("parotidd.service", "WantedBy"), ["multi-user.target"]);
    assert_eq!(values("parotidd.service", "Also"), ["parotidd.socket"]);
}

#[test]
fn a_new_box_is_copied_each_night() {
    let preset = std::fs::read_to_string(file("90-parotidd.preset")).unwrap();
    assert!(preset.contains("\nenable parotidd-backup.timer\n"));
    let settings = read(&std::fs::read_to_string(file("parotidd.toml")).unwrap());
    let name = settings.backup.folder.unwrap();
    let name = name.strip_prefix("/var/lib").unwrap().to_str().unwrap().to_owned();
    let folders = values("parotidd-backup.service", "StateDirectory").join(" ");
    assert!(folders.split(' ').any(|folder| folder == name));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/backup.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(read(example).backup.other_disk);
}

#[test]
fn the_unit_may_use_what_boards_have() {
    let unit = std::fs::read_to_string(file("parotidd.service")).unwrap();
    let has = |line: &str| assert!(unit.lines().any(|it| it == line), "{line}");
    has("DevicePolicy=closed");
    has("DeviceAllow=char-gpiochip rw");
    has("DeviceAllow=char-drm rw");
    let groups = unit.lines().find_map(|line| line.strip_prefix("SupplementaryGroups=")).unwrap();
    let rules = std::fs::read_to_string(file("parotidd.udev")).unwrap();
    assert!(groups.split(' ').any(|group| rules.contains(&format!("GROUP=\"{group}\""))));
    for board in Board::built_in() {
        let display = &board.display;
        let path = display.path.as_deref().unwrap_or(Path::new("/dev/fb0"));
        let device = format!("DeviceAllow={} rw", path.display());
        assert!(
            display.backend != DisplayBackend::Framebuffer || unit.contains(&device),
            "{device}"
        );
    }
}

#[test]
fn the_example_of_a_board_is_a_board() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/boards.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.toml");
    std::fs::write(&path, example).unwrap();
    let board = Board::read(&path).unwrap_or_else(|error| panic!("{}", Chain(&error)));
    assert!(board.button.is_some() && board.outputs.len() == 2);
    let state = |it: &str| page.contains(&format!("| `{it}` |"));
    let all = ["starting", "ready", "busy", "alert", "attention", "fault", "stopping", "stopped"];
    assert!(all.into_iter().all(state));
}

#[test]
fn stopping_waits_longer_than_draining() {
    let unit = std::fs::read_to_string(file("parotidd.service")).unwrap();
    let seconds = unit
        .lines()
        .find_map(|line| line.strip_prefix("TimeoutStopSec=")?.strip_suffix('s')?.parse().ok());
    let stop_s: u64 = seconds.unwrap();
    assert!(stop_s > DRAIN.as_secs() + 10, "{stop_s}");
}

#[test]
fn the_user_and_the_folders_can_be_made() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let root_argument = format!("--root={}", root.path().display());
    let users = file("parotidd.sysusers");
    let Some(output) = run("systemd-sysusers", &[&root_argument, users.to_str().unwrap()]) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    let passwd = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(passwd.contains("parotidd:"), "{passwd}");
    let group = std::fs::read_to_string(root.path().join("etc/group")).unwrap();
    assert!(group.lines().any(|line| line.starts_with("gpio:")), "{group}");

    let settings = root.path().join("usr/share/parotidd");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::copy(file("parotidd.toml"), settings.join("parotidd.toml")).unwrap();
    let folders = file("parotidd.tmpfiles");
    let arguments = ["--create", &root_argument, folders.to_str().unwrap()];
    let Some(output) = run("systemd-tmpfiles", &arguments) else { return };
    assert!(output.status.success(), "{}", text(&output));
    let copied = std::fs::read_to_string(root.path().join("etc/parotidd/parotidd.toml")).unwrap();
    assert_eq!(copied, std::fs::read_to_string(file("parotidd.toml")).unwrap());
    assert!(root.path().join("var/lib/parotidd").is_dir());
}

#[test]
fn the_example_settings_are_toml_and_so_are_its_commented_lines() {
    let settings = std::fs::read_to_string(file("parotidd.toml")).unwrap();
    let uncommented: String = settings
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let check = |text: &str, n_destinations: usize| {
        let table: toml::Table = toml::from_str(text).unwrap();
        let destinations = table.get("destination").and_then(toml::Value::as_array);
        assert_eq!(destinations.map_or(0, Vec::len), n_destinations);
        assert_eq!(table["dicom"]["listen"][0].as_str(), Some("127.0.0.1:11112"));
    };
    check(&settings, 0);
    check(&uncommented, 5);
    read(&uncommented);
}

/// Reads settings as the daemon does.
fn read(settings: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parotidd.toml");
    std::fs::write(&path, settings).unwrap();
    Config::load(Some(&path)).unwrap_or_else(|error| panic!("{}\n{settings}", Chain(&error)))
}

#[test]
fn the_examples_about_alerts_are_settings() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks: Vec<_> = blocks.collect();
    assert_eq!(blocks.len(), 6);
    assert_eq!(read(&blocks.join("\n")).destinations.len(), 4);
}

/// Says that this process is the child of the test below.
const IS_CHILD: &str = "PAROTIDD_TEST_NOTIFY_CHILD";

/// What a daemon tells over its life; does something only as the child of the next test.
#[tokio::test]
async fn notify_child() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let hearts = Heartbeats::new(Arc::new(SystemClock::new()));
    let heart = hearts.register("worker", Duration::from_secs(60));
    notify::ready();
    notify::status("ready\nREADY=0");
    notify::feed_watchdog(hearts.clone(), sleep(Duration::from_millis(250))).await;
    notify::status("the worker dies");
    drop(heart);
    notify::feed_watchdog(hearts, sleep(Duration::from_millis(250))).await;
    notify::stopping();
}

#[test]
fn the_service_manager_hears_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "units::notify_child"])
        .env(IS_CHILD, "1")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", text(&child));
    socket.set_nonblocking(true).unwrap();
    let mut heard: Vec<String> = Vec::new();
    let mut message = [0; 1024];
    while let Ok(length) = socket.recv(&mut message) {
        heard.push(String::from_utf8_lossy(&message[..length]).into_owned());
    }
    // At once, and every 50 ms for 250 ms; how many come in time depends on the machine.
    let is_watchdog = |line: &String| line == "WATCHDOG=1";
    let n_watchdog = heard.iter().filter(|line| is_watchdog(line)).count();
    assert!((2..=6).contains(&n_watchdog), "{heard:?}");
    let death = heard.iter().position(|line| line == "STATUS=the worker dies").unwrap();
    assert!(!heard[death..].iter().any(is_watchdog), "{heard:?}");
    heard.retain(|line| !is_watchdog(line));
    let rest = ["READY=1", "STATUS=ready READY=0", "STATUS=the worker dies", "STOPPING=1"];
    assert_eq!(heard, rest);
}
