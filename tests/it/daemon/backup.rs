//! Disasters: a box that burnt goes on from its backup, and one whose database was damaged from its images.

use std::fs;
use std::os::unix::fs::FileExt as _;

use parotidd::db::users::{self, Role, UserChange};
use parotidd::db::{self, beside, results};

use super::support::*;
use super::ward::{AwayWard, Ward};

const SETTINGS: &str = "[dicom]\nlisten = [\"127.0.0.1:0\"]\n[series]\nquiet_s = 2\n";

fn stored(site: &Site, series: &Series) -> Option<results::StoredResult> {
    let path = site.data_dir().join("parotidd.db");
    beside::run(&path, results::latest_of_series(series.uid.parse().unwrap())).unwrap()
}

fn names(site: &Site) -> Vec<String> {
    let path = site.data_dir().join("parotidd.db");
    beside::run(&path, users::list()).unwrap().into_iter().map(|user| user.name).collect()
}

fn wait_for_sent(site: &Site, n_sent: u64) {
    wait_for("receipts", || (site.summary().deliveries.n_sent == n_sent).then_some(()));
}

#[test]
fn a_box_that_burnt_goes_on_from_its_backup() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let first = &phantoms.small;
    let (ward, night) = (Ward::open(), AwayWard::new());
    let second_ward = Ward::destination(&night.url).replace("\"ward\"", "\"night\"");
    let site = Site::new(&format!("{SETTINGS}{}{second_ward}", Ward::destination(&ward.url)));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let (config, out) = (site.config(), out.to_str().unwrap().to_owned());
    let back_up = ["backup", "--config", config.to_str().unwrap(), "--out", &out];
    let restore = ["restore", &out, "--config", config.to_str().unwrap()];

    let mut daemon = site.start();
    let add = UserChange::Add {
        name: "anna".into(),
        role: Role::Radiologist,
        password_hash: "none".into(),
    };
    let database = site.data_dir().join("parotidd.db");
    beside::run(&database, users::change(add, "test".into(), 0)).unwrap();
    store(first, daemon.address());
    ward.wait_for_alert(&first.uid);
    wait_for_sent(&site, 1);
    let before = stored(&site, first).unwrap();
    // Images arrive while the backup is written.
    let late = first.copy("late", &folder.path().join("late"));
    let sending = Sending::start(&late, daemon.address());
    let ended = run(&back_up);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(sending.end().0, "receiving goes on");
    let refused = run(&restore);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("another parotidd uses"), "{}", refused.stderr);
    daemon.kill_9();
    fs::remove_dir_all(site.data_dir()).unwrap();

    let ended = run(&restore);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("1 series have their answer"), "{}", ended.stdout);
    assert_eq!((names(&site), stored(&site, first)), (vec!["anna".to_owned()], Some(before)));
    let night = night.open();
    let mut daemon = site.start();
    night.wait_for_alert(&first.uid);
    wait_for_sent(&site, 2);
    // Sent again by the archive: one has its answer, the other gets it.
    store(first, daemon.address());
    store(&late, daemon.address());
    ward.wait_for_alert(&late.uid);
    night.wait_for_alert(&late.uid);
    assert_eq!((ward.about(&first.uid).len(), night.about(&first.uid).len()), (1, 1));
    assert!(daemon.terminate().success(), "{}", site.log());
}

/// Flips bytes in the middle of the database, once all of it is in its file.
fn damage(site: &Site) {
    let path = site.data_dir().join("parotidd.db");
    let opened = db::open(&path).unwrap();
    assert_eq!(opened.set_aside, None);
    drop(opened.db);
    opened.thread.join().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let quarter = file.metadata().unwrap().len() / 4;
    file.write_all_at(&vec![0xa5; quarter as usize], 2 * quarter).unwrap();
}

#[test]
fn a_damaged_database_is_made_anew_from_the_images() {
    if !has_dcmtk("storescu") {
        return;
    }
    let phantoms = Phantoms::get();
    let series = &phantoms.small;
    let ward = Ward::open();
    let site = Site::new(&format!("{SETTINGS}{}", Ward::destination(&ward.url)));
    let mut daemon = site.start();
    store(series, daemon.address());
    ward.wait_for_alert(&series.uid);
    wait_for_sent(&site, 1);
    let before = stored(&site, series).unwrap();
    assert!(daemon.terminate().success());
    damage(&site);

    let mut daemon = site.start();
    daemon.wait_for_log("the database was damaged");
    assert!(site.data_dir().join("parotidd.db.corrupt-1").exists());
    let after = wait_for("the answer", || stored(&site, series));
    assert_eq!((after.result_key, after.decision), (before.result_key, before.decision));
    wait_for_sent(&site, 1);
    // It was told again, and whoever has it knows it again.
    let told = ward.about(&series.uid);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].key, told[1].key);
    assert_eq!(told[0].alert["decision"], told[1].alert["decision"]);
    let audit = run(&["audit", "--config", site.config().to_str().unwrap()]);
    assert!(audit.stdout.contains("rebuilt"), "{}", audit.stdout);
    assert!(daemon.terminate().success(), "{}", site.log());
}
