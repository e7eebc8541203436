//! Backups of made folders: what is in them, what is shared, what is refused.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::db;

/// A data folder with a database, a key, and the objects of a result; and a settings' file.
struct Here {
    dir: tempfile::TempDir,
    sources: Sources,
    out: PathBuf,
    clock: ManualClock,
}

impl Here {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [data_dir, out, settings] =
            ["data", "out", "parotidd.toml"].map(|name| dir.path().join(name));
        for folder in [&data_dir.join("results/1.2.3"), &data_dir.join("spool/1.2"), &out] {
            fs::create_dir_all(folder).unwrap();
        }
        let opened = db::open(&data_dir.join(DATABASE)).unwrap();
        drop(opened.db);
        opened.thread.join().unwrap();
        for (name, text) in [
            ("links.key", "secret"),
            ("display.png", "a picture"),
            ("results/1.2.3/sr.dcm", "a report"),
            ("spool/1.2/1.2.3.dcm", "an image"),
        ] {
            fs::write(data_dir.join(name), text).unwrap();
        }
        fs::write(&settings, "# ours").unwrap();
        let sources = Sources { data_dir, settings: vec![settings] };
        Self { dir, sources, out, clock: ManualClock::default() }
    }

    /// One a minute.
    fn back_up(&self, n_kept: usize) -> Written {
        self.clock.advance(Duration::from_secs(60));
        self.sources.back_up(&self.out, n_kept, &self.clock).unwrap()
    }

    fn data(&self, name: &str) -> PathBuf {
        self.sources.data_dir.join(name)
    }

    fn restore(&self) -> Result<Restored, BackupError> {
        restore(&self.out, &self.sources.data_dir, "test", &self.clock)
    }
}

#[test]
fn a_backup_has_what_cannot_be_made_again_and_is_for_nobody_else() {
    let here = Here::new();
    let written = here.back_up(3);
    assert!(written.path.ends_with("parotidd-20260101T000100Z"), "{}", written.path.display());
    let manifest = Manifest::read(&written.path).unwrap();
    let names: Vec<_> = manifest.files.iter().map(|file| file.path.clone()).collect();
    let settings = here.dir.path().join("parotidd.toml");
    let settings = format!("settings{}", settings.display());
    let expected =
        ["data/parotidd.db", "data/links.key", "data/results/1.2.3/sr.dcm", settings.as_str()];
    assert_eq!(names, expected);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&written.path), 0o700);
    assert_eq!(mode(&written.path.join("data/links.key")), 0o600);
}

#[test]
fn objects_are_shared_and_the_newest_backups_stay() {
    let here = Here::new();
    let inode = |written: &Written| {
        fs::metadata(written.path.join("data/results/1.2.3/sr.dcm")).unwrap().ino()
    };
    let first = here.back_up(2);
    let second = here.back_up(2);
    assert_eq!(inode(&first), inode(&second));
    fs::create_dir(here.out.join("parotidd-20250101T000000Z.part")).unwrap();
    fs::create_dir(here.out.join("parotidd-theirs")).unwrap();
    let third = here.back_up(2);
    assert_eq!(third.n_removed, 1);
    assert_eq!(list(&here.out).unwrap(), [second.path, third.path]);
    let mut names: Vec<_> =
        fs::read_dir(&here.out).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 3);
    assert_eq!(names[2], "parotidd-theirs");
}

#[test]
fn a_restore_keeps_what_was_there_and_the_images() {
    let here = Here::new();
    assert!(matches!(here.restore(), Err(BackupError::NoBackup { .. })));
    here.back_up(2);
    fs::write(here.data("links.key"), "another").unwrap();
    fs::remove_file(here.data("results/1.2.3/sr.dcm")).unwrap();
    let restored = here.restore().unwrap();
    assert_eq!(restored.n_files, 3);
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(read(&here.data("links.key")), "secret");
    assert_eq!(read(&here.data("results/1.2.3/sr.dcm")), "a report");
    assert_eq!(read(&here.data("spool/1.2/1.2.3.dcm")), "an image");
    let replaced = restored.replaced.unwrap();
    assert_eq!(read(&replaced.join("links.key")), "another");
    assert_eq!(read(&replaced.join("display.png")), "a picture");
    assert!(!restore::is_interrupted(&here.sources.data_dir));
    // Into an empty folder, as on another box.
    let empty = here.dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let restored = restore(&here.out, &empty, "test", &here.clock).unwrap();
    assert_eq!((restored.n_files, restored.replaced), (3, None));
    let audit = db::beside::run(&empty.join(DATABASE), db::audit::since(0)).unwrap();
    assert_eq!(audit[0].event.actor, "test");
}

#[test]
fn damage_is_found_before_anything_is_changed() {
    for name in ["data/links.key", "data/results/1.2.3/sr.dcm", "data/parotidd.db"] {
        let here = Here::new();
        let written = here.back_up(2);
        let path = written.path.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // The object is shared with the data folder.
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let error = here.restore().unwrap_err();
        assert!(matches!(&error, BackupError::Damaged { path } if path == name), "{error}");
        assert!(here.data(DATABASE).exists() && !here.data("restore.part").exists());
    }
}

#[test]
fn an_interrupted_restore_is_seen_and_done_again() {
    let here = Here::new();
    here.back_up(2);
    fs::create_dir(here.data("restore.part")).unwrap();
    assert!(!restore::is_interrupted(&here.sources.data_dir), "the database is in its place");
    fs::rename(here.data(DATABASE), here.data("restore.part").join(DATABASE)).unwrap();
    assert!(restore::is_interrupted(&here.sources.data_dir));
    here.restore().unwrap();
    assert!(!restore::is_interrupted(&here.sources.data_dir));
    assert!(!here.data("restore.part").exists());
}

#[test]
fn a_medium_that_is_absent_is_named() {
    let here = Here::new();
    let settings = |other_disk| BackupSettings { other_disk, ..BackupSettings::default() };
    let why =
        |other_disk, folder: &Path| settings(other_disk).why_not(folder, &here.sources.data_dir);
    assert_eq!(why(false, &here.out), None);
    assert_eq!(why(true, &here.out), Some("no other disk is mounted there"));
    assert_eq!(why(true, Path::new("/proc")), None);
    assert_eq!(why(false, &here.out.join("usb")), Some("it is not there"));
    assert_eq!(why(false, &here.data("links.key")), Some("it is no folder"));
}
