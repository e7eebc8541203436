//! `kill -9` at moments that nobody chose: nothing that was acknowledged is lost, nobody is told twice.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use parotidd::db::{self, Db, deliveries, instances, jobs, results};
use parotidd::intake::spool::{Leftovers, Spool, SpoolOptions};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::support::*;
use super::ward::Ward;

/// Long enough that a series does not become stable between a kill and the sender's next try.
const SETTINGS: &str = "[dicom]\nlisten = [\"127.0.0.1:0\"]\n[series]\nquiet_s = 2\n";
/// How long the receiver thinks.
const WARD_DELAY: Duration = Duration::from_millis(300);

/// What the daemon is about when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Receiving,
    Quiet,
    /// In quiet time, and once more while it starts.
    Starting,
    Screening,
    Delivering,
}

impl Moment {
    const ALL: [Self; 5] =
        [Self::Receiving, Self::Quiet, Self::Starting, Self::Screening, Self::Delivering];

    /// The kill comes at most so long after the moment has begun.
    fn lasts_ms(self) -> u64 {
        match self {
            Self::Receiving => 20,
            Self::Quiet | Self::Starting => 2000,
            Self::Screening => 1500,
            Self::Delivering => 600,
        }
    }
}

#[test]
fn killed_five_times_it_loses_nothing() {
    check(1);
}

#[test]
fn killed_five_more_times_it_loses_nothing() {
    check(2);
}

/// One daemon's folder, killed once at each moment, in the seed's order; a series for each.
fn check(seed: u64) {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let original = phantoms.folder_of(&phantoms.small);
    let screened = run(&["screen", original.to_str().unwrap()]);
    let expected: Value = serde_json::from_str(&screened.stdout).unwrap();

    let ward = Ward::open();
    ward.delay(WARD_DELAY);
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut moments = Moment::ALL;
    moments.shuffle(&mut random);
    let folder = tempfile::tempdir().unwrap();
    let name = |moment| format!("{seed}-{moment:?}");
    let all =
        moments.map(|moment| phantoms.small.copy(&name(moment), &folder.path().join(name(moment))));
    let mut lane = Lane { site: &site, ward, expected, random, acknowledged: Vec::new() };
    let mut daemon = site.start();
    for (moment, series) in moments.into_iter().zip(&all) {
        daemon = lane.kill_at(moment, series, daemon);
        lane.send_what_was_not_acknowledged(series, &mut daemon);
        lane.wait_for_answer(series);
    }
    assert!(daemon.terminate().success(), "{}", site.log());
    lane.check_acknowledged();
    lane.check_answers(&all);
}

struct Lane<'a> {
    site: &'a Site,
    ward: Ward,
    /// What `screen` says about the series that all are copies of.
    expected: Value,
    random: ChaCha8Rng,
    /// Files that were answered `Success`.
    acknowledged: Vec<PathBuf>,
}

impl<'a> Lane<'a> {
    /// Sends a series and kills the daemon at that moment. The next one is up.
    fn kill_at(&mut self, moment: Moment, series: &Series, mut daemon: Daemon<'a>) -> Daemon<'a> {
        let mut sending = Sending::start(series, daemon.address());
        let n_stored = match moment {
            Moment::Receiving => self.random.random_range(0..series.files.len()),
            _ => series.files.len(),
        };
        wait_for("instances to be stored", || {
            (sending.stored().len() >= n_stored || sending.has_ended()).then_some(())
        });
        match moment {
            Moment::Screening => {
                daemon.wait_for_log(&format!("screening series={}", series.uid));
            }
            Moment::Delivering => {
                self.ward.wait_for_alert(&series.uid);
            }
            Moment::Receiving | Moment::Quiet | Moment::Starting => {}
        }
        self.pause(moment, n_stored);
        daemon.kill_9();
        self.acknowledged.extend(sending.end().1);
        self.check_files();
        if moment == Moment::Starting {
            let starting = self.site.spawn();
            self.pause(moment, n_stored);
            starting.kill_9();
            self.check_files();
        }
        let daemon = self.site.start();
        self.check_acknowledged();
        daemon
    }

    fn pause(&mut self, moment: Moment, n_stored: usize) {
        let ms = self.random.random_range(0..moment.lasts_ms());
        eprintln!("killed {ms} ms into {moment:?}, after {n_stored} instances");
        sleep(Duration::from_millis(ms));
    }

    /// A scanner sends the whole series again when its association broke.
    fn send_what_was_not_acknowledged(&mut self, series: &Series, daemon: &mut Daemon<'_>) {
        if series.files.iter().any(|file| !self.acknowledged.contains(file)) {
            store(series, daemon.address());
            self.acknowledged.extend(series.files.iter().cloned());
        }
    }

    /// Waits until the ward knows the answer to the whole series.
    fn wait_for_answer(&self, series: &Series) {
        wait_for("the alert about the whole series", || {
            let newest = self.ward.distinct_about(&series.uid).pop()?;
            (newest.alert["decision"] == self.expected["decision"]).then_some(())
        });
    }

    fn db(&self) -> Db {
        db::open(&self.site.data_dir().join("parotidd.db")).unwrap().db
    }

    /// Every instance that was answered `Success` has its row and lies in the spool as it was sent,
    /// and no file has a finished file's name that is not whole.
    /// Every acknowledged instance lies there as it was sent, whatever the database says.
    fn check_files(&self) {
        let spool = self.site.data_dir().join("spool");
        let files: BTreeMap<_, _> = fs::read_dir(spool)
            .unwrap()
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_owned(), path))
            .collect();
        for file in &self.acknowledged {
            let (uid, sent) = data_set(file);
            let path = files.get(OsStr::new(&format!("{uid}.dcm")));
            let path = path.unwrap_or_else(|| panic!("{uid} was acknowledged and is gone"));
            assert!(data_set(path) == (uid, sent), "{} is not as sent", path.display());
        }
    }

    fn check_acknowledged(&self) {
        let db = self.db();
        let spool = self.site.data_dir().join("spool");
        for file in &self.acknowledged {
            let (uid, sent) = data_set(file);
            let row = db.call_blocking(instances::find(uid.parse().unwrap())).unwrap();
            let row = row.unwrap_or_else(|| panic!("{uid} was acknowledged and has no row"));
            let path = spool.join(&row.path);
            assert!(data_set(&path) == (uid, sent), "{} is not as sent", path.display());
            assert_eq!(fs::metadata(&path).unwrap().len(), row.bytes);
        }
        let sent_bytes = self.acknowledged.first().map(|file| data_set(file).1.len());
        for folder in fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path()) {
            if !folder.is_dir() {
                continue;
            }
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let kept_bytes = data_set(&path).1.len();
                // All slices are about as long; half of one is not.
                let least = sent_bytes.unwrap_or(kept_bytes) * 9 / 10;
                assert!(kept_bytes >= least, "{} is not whole", path.display());
            }
        }
    }

    /// Each series has its result; it was announced as new once; whatever else was said of it
    /// corrects what was said before.
    fn check_answers(&self, all: &[Series]) {
        let db = self.db();
        let mut n_alerts = BTreeMap::new();
        for series in all {
            let uid: parotidd::dicom::uid::SeriesInstanceUid = series.uid.parse().unwrap();
            let result = db.call_blocking(results::latest_of_series(uid.clone())).unwrap().unwrap();
            let report: Value = serde_json::from_str(&result.report).unwrap();
            for field in ["decision", "reason", "score", "glands", "candidates", "models"] {
                assert_eq!(report[field], self.expected[field], "{}", series.uid);
            }
            let deliveries = db.call_blocking(deliveries::of_series(uid)).unwrap();
            assert!(deliveries.iter().all(|it| it.state == "sent"), "{deliveries:?}");

            let told = self.ward.distinct_about(&series.uid);
            assert_eq!(told[0].alert["supersedes"], Value::Null);
            for pair in told.windows(2) {
                assert_eq!(pair[1].alert["supersedes"], pair[0].key.as_str());
                assert_ne!(pair[1].alert["decision"], pair[0].alert["decision"]);
            }
            assert_eq!(told.len(), deliveries.len());
            n_alerts.insert(&series.uid, (told.len(), self.ward.about(&series.uid).len()));
        }
        eprintln!("alerts, and how often they came: {n_alerts:?}");
        let counts = db.call_blocking(jobs::counts()).unwrap();
        assert_eq!((counts.n_queued, counts.n_running), (0, 0));
        let n_instances: usize = all.iter().map(|series| series.files.len()).sum();
        assert_eq!(db.call_blocking(instances::count()).unwrap(), n_instances as u64);
        let (_, left) = Spool::open(&SpoolOptions::of(&self.site.data_dir(), 8)).unwrap();
        assert_eq!(left, Leftovers::default());
    }
}
