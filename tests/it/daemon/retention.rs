//! What was received and answered goes in its time, and nothing else, whenever the power goes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use parotidd::clock::{Clock, ManualClock, SystemClock};
use parotidd::db::jobs::{self, Enqueued};
use parotidd::db::results::{self, JobEnd, Moment, Routed};
use parotidd::db::{self, Db, DbThread, instances, retention};
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::series_hints::SeriesHints;
use parotidd::intake::completeness::CompleteBy;
use parotidd::intake::spool::{Spool, SpoolOptions};
use parotidd::keeping::{InUse, Removed, Remover, RetentionSettings};

use super::support::{Site, run};
use crate::made_results::report;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A data folder with made series, beside no daemon.
struct Folder {
    site: Site,
    db: Db,
    thread: DbThread,
    spool: Arc<Spool>,
    now: i64,
}

impl Folder {
    fn open(settings: &str) -> Self {
        let site = Site::new(settings);
        fs::create_dir_all(site.data_dir()).unwrap();
        let opened = db::open(&site.data_dir().join("parotidd.db")).unwrap();
        let spool = Spool::open(&SpoolOptions::of(&site.data_dir(), 0)).unwrap().0;
        let now = SystemClock::new().unix_ms();
        Self { site, db: opened.db, thread: opened.thread, spool: Arc::new(spool), now }
    }

    /// Three images of series `1.2.<n>.1`, so many days old; answered where that is said.
    fn series(&self, n: u32, days: i64, is_answered: bool) {
        let received_unix_ms = self.now - days * DAY_MS - 1000;
        for image in 1..=3 {
            let path = PathBuf::from(format!("1.2.{n}.1/1.2.{n}.1.{image}.dcm"));
            let file = self.file(&path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "an image").unwrap();
            let time = UNIX_EPOCH + Duration::from_millis(received_unix_ms.try_into().unwrap());
            File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
            let row = instances::record(ReceivedInstance {
                sop_instance: format!("1.2.{n}.1.{image}").parse().unwrap(),
                sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
                series: format!("1.2.{n}.1").parse().unwrap(),
                study: format!("1.2.{n}").parse().unwrap(),
                transfer_syntax: "1.2.840.10008.1.2".parse().unwrap(),
                calling_ae: "CT1".parse().unwrap(),
                path,
                bytes: 8,
                received_unix_ms,
                hints: SeriesHints::default(),
            });
            self.db.call_blocking(row).unwrap();
        }
        let series = format!("1.2.{n}.1").parse().unwrap();
        let job = jobs::enqueue(series, "m".into(), CompleteBy::Quiet, received_unix_ms);
        assert!(matches!(self.db.call_blocking(job).unwrap(), Enqueued::New(_)));
        if is_answered {
            let job = self.db.call_blocking(jobs::claim()).unwrap().unwrap();
            let moment = Moment {
                now_unix_ms: received_unix_ms,
                day_start_unix_ms: 0,
                digest_unix_ms: i64::MAX,
            };
            let nobody_is_told = |_: &results::Unrouted<'_>| Routed::default();
            let end = results::commit(job.id, JobEnd::Done, report(n), moment, nobody_is_told);
            self.db.call_blocking(end).unwrap();
        }
    }

    fn file(&self, path: &std::path::Path) -> PathBuf {
        self.spool.folder().join(path)
    }

    fn n_files(&self) -> usize {
        self.spool.recover().unwrap().len()
    }

    fn remover(&self, settings: RetentionSettings) -> Remover {
        let clock = ManualClock::default();
        let ahead_ms = u64::try_from(self.now - clock.unix_ms()).unwrap();
        clock.advance(Duration::from_millis(ahead_ms));
        Remover {
            db: self.db.clone(),
            spool: Arc::clone(&self.spool),
            clock: Arc::new(clock),
            data_dir: self.site.data_dir(),
            results: self.site.data_dir().join("results"),
            settings,
        }
    }
}

fn settings() -> RetentionSettings {
    RetentionSettings { images_days: 30, results_days: 100, free_share_min: 0.0 }
}

#[test]
fn what_is_old_and_answered_goes_with_its_files() {
    let it = Folder::open("");
    it.series(1, 31, true);
    it.series(2, 29, true);
    // Screened one after the other: this one waits.
    it.series(3, 40, false);
    let remover = it.remover(settings());
    let reading = InUse::read(&it.site.data_dir()).unwrap();
    assert_eq!(remover.remove().unwrap(), None);
    assert_eq!(it.n_files(), 9);
    drop(reading);
    let one = Removed { n_series: 1, bytes: 24, n_results: 0 };
    assert_eq!(remover.remove().unwrap(), Some(one));
    assert_eq!(it.n_files(), 6);
    assert!(!it.spool.folder().join("1.2.1.1").exists());
    assert_eq!(remover.remove().unwrap(), Some(Removed::default()));
    let stands = results::latest_of_series("1.2.1.1".parse().unwrap());
    assert!(it.db.call_blocking(stands).unwrap().is_some());

    // Years later the answer goes too, with its objects.
    let objects = it.site.data_dir().join("results/2.25.1");
    fs::create_dir_all(&objects).unwrap();
    fs::write(objects.join("sr.dcm"), "a report").unwrap();
    assert_eq!(remover.remove().unwrap(), Some(Removed::default()));
    assert!(objects.exists());
    let later = Folder { now: it.now + 200 * DAY_MS, ..it };
    let removed = later.remover(settings()).remove().unwrap().unwrap();
    assert_eq!((removed.n_series, removed.n_results), (1, 2));
    assert_eq!(later.n_files(), 3, "what was never screened stays");
    assert!(!objects.exists());
}

#[test]
fn a_power_cut_between_rows_and_files_leaves_nothing_new() {
    let it = Folder::open("");
    it.series(1, 31, true);
    let rows = retention::remove_images("1.2.1.1".parse().unwrap(), "test".into(), it.now);
    it.db.call_blocking(rows).unwrap();
    assert_eq!(it.n_files(), 3);
    // One was sent again in between: it is no left-over.
    let again = it.file("1.2.1.1/1.2.1.1.2.dcm".as_ref());
    let later = UNIX_EPOCH + Duration::from_millis((it.now + 5).try_into().unwrap());
    File::options().write(true).open(&again).unwrap().set_modified(later).unwrap();
    for _ in 0..2 {
        Remover::finish_interrupted(&it.db, &it.spool).unwrap();
        assert_eq!(it.spool.recover().unwrap(), [PathBuf::from("1.2.1.1/1.2.1.1.2.dcm")]);
    }
}

#[test]
fn the_command_says_what_goes_and_then_removes_it() {
    let it = Folder::open("[retention]\nfree_share_min = 0.0\n");
    it.series(1, 31, true);
    it.series(2, 60, false);
    let config = it.site.config();
    let config = config.to_str().unwrap();
    let dry = run(&["retention", "--config", config, "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    let expected = "goes 1.2.1.1: 3 images, 24 bytes, older than 30 days\n\
                    stays 1.2.2.1: not_screened, job_open\n";
    assert_eq!(dry.stdout, expected);
    assert_eq!(it.n_files(), 6);
    // A daemon has the folder.
    let lock = parotidd::daemon::lock_data_dir(&it.site.data_dir()).unwrap();
    let refused = run(&["retention", "--config", config]);
    assert_eq!((refused.code, it.n_files()), (Some(1), 6));
    assert!(refused.stderr.contains("another parotidd uses"), "{}", refused.stderr);
    drop(lock);
    let Folder { site, db, thread, spool, .. } = it;
    drop(db);
    thread.join().unwrap();
    let done = run(&["retention", "--config", config]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), expected), "{}", done.stderr);
    assert_eq!(spool.recover().unwrap().len(), 3);
    drop(site);
}
