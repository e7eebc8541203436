//! A USB stick as a person brings it: a folder, and what the program writes into it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parotidd::db::users::{self, Role, UserChange};
use parotidd::db::{self, audit};

/// A box with settings and a database, and a stick.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["etc", "data", "stick/parotidd"] {
            fs::create_dir_all(place.at(name)).unwrap();
        }
        fs::write(place.settings(), place.settings_text("")).unwrap();
        drop(db::open(&place.at("data/parotidd.db")).unwrap());
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> PathBuf {
        self.at("etc/parotidd.toml")
    }

    fn settings_text(&self, more: &str) -> String {
        format!("data_dir = {:?}\n{more}", self.at("data"))
    }

    fn on_stick(&self, name: &str, text: &str) {
        fs::write(self.at("stick/parotidd").join(name), text).unwrap();
    }

    /// An account: the box is not new any more.
    fn set_up(&self) {
        let opened = db::open(&self.at("data/parotidd.db")).unwrap();
        let change = UserChange::Add {
            name: "eve".into(),
            role: Role::Engineer,
            password_hash: "$argon2id$".into(),
        };
        opened.db.call_blocking(users::change(change, "test".into(), 0)).unwrap();
    }

    fn plug_in(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parotidd"))
            .args(["appliance", "stick"])
            .arg(self.at("stick"))
            .arg("--config")
            .arg(self.settings())
            .arg("--codes")
            .arg(self.at("codes"))
            .arg("--update-request")
            .arg(self.at("update/request"))
            .arg("--service-request")
            .arg(self.at("service/request"))
            .output()
            .unwrap()
    }

    /// Plugs it in; the answer on the stick, which is what was printed, too.
    fn answer(&self) -> String {
        let output = self.plug_in();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer = fs::read_to_string(self.at("stick/parotidd/answer.txt")).unwrap();
        assert!(answer.lines().all(|line| !line.contains('\r')) && answer.contains("\r\n"));
        let answer = answer.replace('\r', "");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), answer);
        answer
    }

    /// The code that the display shows.
    fn code(&self) -> Option<String> {
        let now = jiff::Timestamp::now().as_millisecond();
        parotidd::appliance::stick::code::shown(&self.at("codes"), now).map(|it| it.shown())
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_new_box_is_set_up_by_whoever_brings_a_stick() {
    let place = Place::new();
    let before = fs::read_to_string(place.settings()).unwrap();
    let settings = place.settings_text("[dicom]\nae_title = 'CTAI'\n");
    place.on_stick("parotidd.toml", &settings);
    let answer = place.answer();
    has(&answer, &["TAKEN OVER", "dicom.ae_title: \"PAROTIDD\" -> \"CTAI\"", "can be pulled out"]);
    assert_eq!(fs::read_to_string(place.settings()).unwrap(), settings);
    let kept = fs::read_to_string(place.at("etc/parotidd.toml.before")).unwrap();
    assert_eq!(kept, before);
    assert_eq!(place.names("etc"), ["parotidd.toml", "parotidd.toml.before"]);
    let opened = db::open(&place.at("data/parotidd.db")).unwrap();
    let events = opened.db.call_blocking(audit::since(0)).unwrap();
    assert_eq!(events.last().unwrap().event.kind.code(), "settings_changed");
    has(&place.answer(), &["in force already"]);
}

#[test]
fn later_it_takes_the_code_that_the_display_shows() {
    let place = Place::new();
    place.set_up();
    let before = fs::read_to_string(place.settings()).unwrap();
    let settings = place.settings_text("[series]\nquiet_s = 33\n");
    place.on_stick("parotidd.toml", &settings);
    assert_eq!(place.code(), None);
    has(&place.answer(), &["WAIT FOR A CODE", "series.quiet_s: 20 -> 33", "code.txt"]);
    assert_eq!(fs::read_to_string(place.settings()).unwrap(), before);
    let code = place.code().unwrap();
    place.on_stick("code.txt", "AAAA-AAAA");
    has(&place.answer(), &["REFUSED", "not the one"]);
    assert_eq!(place.code().as_ref(), Some(&code));
    place.on_stick("code.txt", &code.to_lowercase());
    has(&place.answer(), &["TAKEN OVER"]);
    assert_eq!(fs::read_to_string(place.settings()).unwrap(), settings);
    assert_eq!(place.code(), None);
    // The same code again is good for nothing.
    place.on_stick("parotidd.toml", &before);
    has(&place.answer(), &["REFUSED", "WAIT FOR A CODE"]);
}

#[test]
fn settings_that_would_break_the_box_are_not_taken() {
    let place = Place::new();
    let before = fs::read_to_string(place.settings()).unwrap();
    let check = |more: &str, says: &[&str]| {
        place.on_stick("parotidd.toml", &place.settings_text(more));
        has(&place.answer(), &[&["NOT TAKEN OVER"], says].concat());
        assert_eq!(fs::read_to_string(place.settings()).unwrap(), before);
        assert_eq!(place.names("etc"), ["parotidd.toml"]);
    };
    check("surprise = 1", &["surprise", "parotidd/parotidd.toml"]);
    check("[series]\nquiet_s = 0", &["1 to 3600"]);
    // What they name must be in the box, too.
    check("[dicom.tls]\ncertificate = '/nowhere/c.pem'\nkey = '/nowhere/k.pem'", &["/nowhere/"]);
}

/// A destination whose token is a file beside the settings, and a file that nobody names.
fn bring_token(place: &Place, token: &str) {
    let file = place.at("etc/files/ward.token");
    let ward = format!(
        "[[destination]]\nname = 'ward'\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/'\nbearer_token_file = {file:?}\n"
    );
    place.on_stick("parotidd.toml", &place.settings_text(&ward));
    fs::create_dir_all(place.at("stick/parotidd/files")).unwrap();
    place.on_stick("files/ward.token", token);
    place.on_stick("files/other", "of nobody");
}

#[test]
fn files_that_the_settings_name_come_with_them() {
    let place = Place::new();
    bring_token(&place, "first");
    let answer = place.answer();
    has(&answer, &["TAKEN OVER", "files/ward.token: not set -> a file"]);
    assert!(!answer.contains("first"), "{answer}");
    assert_eq!(place.names("etc"), ["files", "parotidd.toml", "parotidd.toml.before"]);
    assert_eq!(place.names("etc/files"), ["ward.token"]);
    let file = place.at("etc/files/ward.token");
    assert_eq!(fs::read_to_string(&file).unwrap(), "first");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    has(&place.answer(), &["in force already"]);

    // A new one under the same settings is a change, too, and wants the same permission.
    place.set_up();
    bring_token(&place, "second");
    has(&place.answer(), &["WAIT FOR A CODE", "files/ward.token: another one"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "first");
    place.on_stick("code.txt", &place.code().unwrap());
    has(&place.answer(), &["TAKEN OVER"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "second");

    // Settings before are kept with what they name; what neither needs goes.
    fs::remove_dir_all(place.at("stick/parotidd/files")).unwrap();
    for (more, left) in [("", &["ward.token"][..]), ("[series]\nquiet_s = 33\n", &[])] {
        place.on_stick("parotidd.toml", &place.settings_text(more));
        place.answer();
        place.on_stick("code.txt", &place.code().unwrap());
        has(&place.answer(), &["TAKEN OVER"]);
        assert_eq!(place.names("etc/files"), left);
    }
}

#[test]
fn files_that_are_no_good_change_nothing() {
    let place = Place::new();
    let before = fs::read_to_string(place.settings()).unwrap();
    let check = |says: &[&str]| {
        has(&place.answer(), &[&["NOT TAKEN OVER"], says].concat());
        assert_eq!(fs::read_to_string(place.settings()).unwrap(), before);
        assert_eq!(place.names("etc"), ["parotidd.toml"]);
    };
    bring_token(&place, "");
    check(&["empty", "parotidd/files/ward.token"]);
    fs::remove_file(place.at("stick/parotidd/files/ward.token")).unwrap();
    check(&["ward.token"]);
    symlink("/etc/hostname", place.at("stick/parotidd/files/ward.token")).unwrap();
    check(&["parotidd/files/ward.token was not read"]);
    let (certificate, key) = (place.at("etc/files/c.pem"), place.at("etc/files/k.pem"));
    let console = format!(
        "[console]\nlisten = ['127.0.0.1:1']\ntls = {{ certificate = {certificate:?}, key = {key:?} }}\n"
    );
    place.on_stick("parotidd.toml", &place.settings_text(&console));
    fs::remove_file(place.at("stick/parotidd/files/ward.token")).unwrap();
    for name in ["files/c.pem", "files/k.pem"] {
        place.on_stick(name, "no PEM");
    }
    check(&["console.tls", "parotidd/files/c.pem"]);
}

#[test]
fn service_mode_wants_the_code_always() {
    let place = Place::new();
    let request = place.at("service/request");
    place.on_stick("service", "");
    has(&place.answer(), &["SERVICE MODE WAITS FOR A CODE"]);
    assert!(!request.exists());
    let code = place.code().unwrap();
    place.on_stick("code.txt", "AAAA-AAAA");
    has(&place.answer(), &["REFUSED", "SERVICE MODE WAITS"]);
    assert!(!request.exists());
    place.on_stick("code.txt", &code);
    has(&place.answer(), &["SERVICE MODE\n", "for an hour"]);
    assert!(request.exists());
    let opened = db::open(&place.at("data/parotidd.db")).unwrap();
    let events = opened.db.call_blocking(audit::since(0)).unwrap();
    let event = &events.last().unwrap().event;
    assert_eq!((event.kind.code(), event.actor.as_str()), ("service_mode", "stick"));
    // The code was good once, and what waited for the service manager is gone with the next stick.
    has(&place.answer(), &["SERVICE MODE WAITS"]);
    assert!(!request.exists());
}

#[test]
fn a_box_that_cannot_work_is_mended_without_a_code() {
    let place = Place::new();
    place.set_up();
    fs::write(place.settings(), "surprise = 1\n").unwrap();
    place.on_stick("parotidd.toml", &place.settings_text(""));
    has(&place.answer(), &["TAKEN OVER"]);
}

#[test]
fn the_updater_is_told_and_support_is_written() {
    let place = Place::new();
    fs::create_dir(place.at("stick/parotidd/update")).unwrap();
    place.on_stick("support.txt", "");
    // Pulled out in the middle, the last time.
    fs::create_dir(place.at("stick/parotidd/results-20260101-000000.part")).unwrap();
    has(&place.answer(), &["UPDATE", "SUPPORT", "without patients"]);
    let told = fs::read_to_string(place.at("update/request")).unwrap();
    assert_eq!(Path::new(told.trim()), place.at("stick/parotidd/update"));
    let names = place.names("stick/parotidd");
    let bundle = names.iter().find(|name| name.starts_with("support-")).unwrap();
    assert!(bundle.ends_with(".tar.gz"), "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with(".part")), "{names:?}");

    fs::remove_file(place.at("update/request")).unwrap();
    fs::write(place.settings(), place.settings_text("appliance.update.stick = false\n")).unwrap();
    has(&place.answer(), &["UPDATE WAS REFUSED"]);
    assert!(!place.at("update/request").exists());
}

#[test]
fn results_without_any_and_sticks_of_others_are_answered_or_left_alone() {
    let place = Place::new();
    place.on_stick("export", "");
    has(&place.answer(), &["NOT WRITTEN", "no result yet"]);
    assert_eq!(place.names("stick/parotidd"), ["answer.txt", "export"]);
    place.set_up();
    has(&place.answer(), &["A CODE IS NEEDED"]);
    fs::remove_file(place.at("stick/parotidd/export")).unwrap();
    has(&place.answer(), &["NOTHING WAS ASKED", "parotidd.toml"]);

    fs::remove_dir_all(place.at("stick/parotidd")).unwrap();
    let output = place.plug_in();
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(place.names("stick"), [""; 0]);
    // Not even through a link.
    symlink(place.at("etc"), place.at("stick/parotidd")).unwrap();
    assert!(place.plug_in().stdout.is_empty());
    assert_eq!(place.names("etc"), ["parotidd.toml"]);
}

#[test]
fn a_backup_on_a_stick_is_put_back_by_another_box() {
    let place = Place::new();
    place.set_up();
    place.on_stick("backup", "");
    has(&place.answer(), &["A CODE IS NEEDED", "The backup is"]);
    place.on_stick("code.txt", &place.code().unwrap());
    has(&place.answer(), &["BACKUP\n", "parotidd/backup-", "lock the stick away"]);
    let names = place.names("stick/parotidd");
    let [backup] = &names.iter().filter(|it| it.starts_with("backup-")).collect::<Vec<_>>()[..]
    else {
        panic!("{names:?}");
    };

    let opened = db::open(&place.at("data/parotidd.db")).unwrap();
    let events = opened.db.call_blocking(audit::since(0)).unwrap();
    assert_eq!(events.last().unwrap().event.kind.code(), "results_exported");

    let other = Place::new();
    let restored = Command::new(env!("CARGO_BIN_EXE_parotidd"))
        .arg("restore")
        .arg(place.at("stick/parotidd").join(backup))
        .arg("--config")
        .arg(other.settings())
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let opened = db::open(&other.at("data/parotidd.db")).unwrap();
    let known = opened.db.call_blocking(users::list()).unwrap();
    assert_eq!(known.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["eve"]);
}

#[test]
fn an_answer_does_not_follow_a_link() {
    let place = Place::new();
    symlink(place.settings(), place.at("stick/parotidd/answer.txt")).unwrap();
    let before = fs::read_to_string(place.settings()).unwrap();
    has(&place.answer(), &["NOTHING WAS ASKED"]);
    assert_eq!(fs::read_to_string(place.settings()).unwrap(), before);
}

#[test]
fn a_stick_is_written_for_the_answer_alone() {
    let place = Place::new();
    let script = "set -e; mount -t tmpfs none \"$1\"; mkdir \"$1/parotidd\"; mount -o remount,ro \"$1\"; \
                  \"$2\" appliance stick \"$1\" --config \"$3\" --codes \"$4\" --service-request \"$4/service\" --remount >&2; \
                  cat \"$1/parotidd/answer.txt\"; ! touch \"$1/more\" 2>/dev/null; grep \" $1 \" /proc/mounts";
    // A name space of our own: no other mount is touched.
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(place.at("stick"))
        .arg(env!("CARGO_BIN_EXE_parotidd"))
        .arg(place.settings())
        .arg(place.at("codes"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Operation not permitted") && said.contains("unshare") {
        return eprintln!("skipped: no name space for mounts here: {said}");
    }
    assert!(output.status.success(), "{said}");
    let shown = String::from_utf8_lossy(&output.stdout);
    has(&shown, &["NOTHING WAS ASKED", " ro,", "nosuid", "nodev", "noexec"]);
}
