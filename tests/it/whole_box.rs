//! The box as settings: what `parotidd appliance` writes, and what the system's own tools say of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Settings, and a folder that stands for the file system.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(settings: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.set(settings);
        place
    }

    fn set(&self, settings: &str) {
        fs::write(self.config(), settings).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("parotidd.toml")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn configure(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parotidd"))
            .args(["appliance", "configure", "--config"])
            .arg(self.config())
            .arg("--root")
            .arg(self.root())
            .output()
            .unwrap()
    }

    /// What it said, without the folder's name.
    fn configured(&self) -> String {
        let output = self.configure();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().replace(&self.root().display().to_string(), "")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
}

/// The kernel must not be asked in the name of a person: in a name space of our own, where that is allowed.
fn nft(arguments: &[&str]) -> Option<Output> {
    if let Err(error) = Command::new("nft").arg("--version").output() {
        eprintln!("skipped: nft: {error}");
        return None;
    }
    let output = Command::new("unshare").args(["-rn", "nft"]).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Operation not permitted") {
        eprintln!("skipped: no network name space here: {said}");
        return None;
    }
    Some(output)
}

const OPEN: &str = "[dicom]\nlisten = ['0.0.0.0:104', '[::]:104']\n\
    [console]\nlisten = ['0.0.0.0:443']\nbase_url = 'https://10.0.0.7'\n\
    [appliance]\nhostname = 'parotidd-ct1'\n\
    network = { address = '10.0.0.7/24', gateway = '10.0.0.1' }\n\
    time = { timezone = 'Europe/Berlin' }\n";

#[test]
fn the_system_is_told_what_changed_and_nothing_else() {
    let place = Place::new(OPEN);
    let first = place.configured();
    insta::assert_snapshot!(first);
    assert_eq!(place.configured(), "");
    // A comment is no setting.
    place.set(&format!("# why\n{OPEN}"));
    assert_eq!(place.configured(), "");
    place.set(&format!("{OPEN}\n[series]\nquiet_s = 30\n"));
    let changed = "changed /run/parotidd-appliance/settings.sha256\n\
                   to run: systemctl --no-block restart parotidd.service\n";
    assert_eq!(place.configured(), changed);
    place.set(&OPEN.replace("10.0.0.7/24", "10.0.0.8/24"));
    let changed = place.configured();
    assert!(changed.contains("/run/systemd/network/10-parotidd.network\n"), "{changed}");
    assert!(!changed.contains("firewall") && !changed.contains("socket"), "{changed}");
}

#[test]
fn another_certificate_starts_the_daemon_anew() {
    let place = Place::new(OPEN);
    place.configured();
    let files = place.config().with_file_name("files");
    fs::create_dir(&files).unwrap();
    for text in ["first", "second"] {
        fs::write(files.join("c.pem"), text).unwrap();
        assert!(place.configured().contains("restart parotidd.service"), "{text}");
        assert_eq!(place.configured(), "");
    }
}

#[test]
fn the_update_folder_is_told_and_taken_back() {
    let place = Place::new(OPEN);
    place.configured();
    let told =
        || fs::read_to_string(place.root().join("run/parotidd-appliance/update-folder")).ok();
    assert_eq!(told(), None);
    place.set(&format!("{OPEN}update = {{ folder = 'http://10.0.0.4/parotidd' }}\n"));
    assert!(place.configured().contains("changed /run/parotidd-appliance/update-folder\n"));
    assert_eq!(told().as_deref(), Some("http://10.0.0.4/parotidd\n"));
    place.set(OPEN);
    place.configured();
    assert_eq!(told(), None);
    // Who reads it is the unit that the timer starts, each night on a new box.
    let unit = shipped("parotidd-update-folder.service").1;
    assert!(unit.contains("\nConditionPathExists=/run/parotidd-appliance/update-folder\n"));
    assert!(shipped("90-parotidd.preset").1.contains("\nenable parotidd-update-folder.timer\n"));
}

#[test]
fn service_mode_starts_for_the_right_stick_and_ends_by_itself() {
    let unit = shipped("parotidd-service-mode.service").1;
    let has = |unit: &str, line: &str| assert!(unit.lines().any(|it| it == line), "{line}");
    has(&unit, "ConditionPathExists=/run/parotidd-stick/service");
    has(&unit, "ExecStart=/usr/bin/sleep 60m");
    has(&unit, "RuntimeMaxSec=61min");
    let folder = parotidd::appliance::stick::SERVICE_MODE.strip_prefix("/run/").unwrap();
    has(&unit, &format!("RuntimeDirectory={folder}"));
    has(&shipped("parotidd-shell@.service").1, "BindsTo=parotidd-service-mode.service");
    let stick = shipped("parotidd-stick@.service").1;
    assert!(stick.contains("start parotidd-service-mode.service\n"));
}

#[test]
fn settings_that_cannot_be_used_shut_a_new_box_and_leave_another_alone() {
    let place = Place::new("surprise = 1\n");
    let refused = place.configure();
    assert_eq!(refused.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("surprise"));
    let firewall = place.read("run/parotidd-appliance/firewall.nft");
    assert!(firewall.contains("policy drop;") && !firewall.contains("tcp dport"), "{firewall}");
    place.set(OPEN);
    place.configured();
    let open = place.read("run/parotidd-appliance/firewall.nft");
    assert!(open.contains("tcp dport { 104, 443 }"), "{open}");
    place.set("surprise = 1\n");
    assert_eq!(place.configure().status.code(), Some(64));
    assert_eq!(place.read("run/parotidd-appliance/firewall.nft"), open);
}

#[test]
fn the_kernel_takes_the_firewall_again_and_again() {
    for settings in [OPEN, "", "[dicom]\nlisten = ['[::1]:104', '[fd00::7]:105']\n[appliance]\n"] {
        let place = Place::new(settings);
        place.configured();
        let file = place.root().join("run/parotidd-appliance/firewall.nft");
        let file = file.to_str().unwrap();
        let Some(checked) = nft(&["-c", "-f", file]) else { return };
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let twice = nft(&["-f", file, "-f", file]).unwrap();
        assert!(twice.status.success(), "{}", String::from_utf8_lossy(&twice.stderr));
    }
}

/// Judges units as installed, but with the program that was just built.
fn verify(units: &[(&str, String)], drop_ins: Option<&Path>, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in units {
        let program = format!("{} ", env!("CARGO_BIN_EXE_parotidd"));
        fs::write(folder.path().join(name), text.replace("/usr/bin/parotidd ", &program)).unwrap();
    }
    let extra = drop_ins.map(|it| format!(":{}", it.display())).unwrap_or_default();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(folder.path().join(name))
        .env("SYSTEMD_UNIT_PATH", format!("{}{extra}:", folder.path().display()))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: systemd-analyze: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = said.lines().filter(|line| line.contains("parotidd")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

fn shipped(name: &str) -> (&str, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
    (name, fs::read_to_string(path).unwrap())
}

#[test]
fn the_units_and_what_is_added_to_them_are_clean() {
    let units = [shipped("parotidd-configure.service"), shipped("parotidd-configure.path")];
    verify(&units, None, "parotidd-configure.path");
    verify(&units, None, "parotidd-configure.service");
    let stick = shipped("parotidd-stick@.service");
    verify(&[stick], None, "parotidd-stick@.service");
    // What udev starts is that unit.
    assert!(shipped("parotidd-stick.rules").1.contains("+=\"parotidd-stick@%k.service\""));
    let place = Place::new(OPEN);
    place.configured();
    let drop_ins = place.root().join("run/systemd/system");
    let socket = "[Socket]\nListenStream=127.0.0.1:11112\n".to_owned();
    let units = [shipped("parotidd.service"), ("parotidd.socket", socket)];
    verify(&units, Some(&drop_ins), "parotidd.socket");
    verify(&units, Some(&drop_ins), "parotidd.service");
}

#[test]
fn the_example_of_the_page_is_what_the_shipped_file_has() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/appliance.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    Place::new(example).configured();
    let (_, shipped) = shipped("parotidd.toml");
    for line in example.lines().filter(|line| !line.is_empty()) {
        assert!(shipped.contains(&format!("\n#{line}\n")), "{line}");
    }
}
