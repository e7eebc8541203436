//! What holds images, and what is known of those that went.

use super::*;
use crate::db::alerts::{AlertName, Tier, acknowledge};
use crate::db::deliveries::{Attempted, Next, next, record_attempt};
use crate::db::instances::tests::instance;
use crate::db::jobs::{Enqueued, JobId, JobState};
use crate::db::open::in_memory;
use crate::db::results::tests::{at, report, to_ward};
use crate::db::results::{JobEnd, Routed, Unrouted, commit};
use crate::db::{alerts, instances, jobs};
use crate::intake::completeness::CompleteBy;
use crate::screening::report::Decision;

fn uid() -> SeriesInstanceUid {
    "1.2.1".parse().unwrap()
}

fn receive(connection: &Connection, n: u32) {
    instances::record(instance(1, n)).run(connection).unwrap();
}

fn enqueue(connection: &Connection) -> Enqueued {
    jobs::enqueue(uid(), "m".into(), CompleteBy::Quiet, 0).run(connection).unwrap()
}

/// Screens what waits.
fn screen(
    connection: &Connection,
    decision: Decision,
    route: impl FnOnce(&Unrouted<'_>) -> Routed + Send + 'static,
) {
    let job = jobs::claim().run(connection).unwrap().unwrap();
    commit(job.id, JobEnd::Done, report(decision), at(5), route).run(connection).unwrap();
}

fn holds(connection: &Connection) -> Vec<Hold> {
    kept().run(connection).unwrap().remove(0).holds
}

fn remove(connection: &Connection) -> Removal {
    remove_images(uid(), "old".into(), 50).run(connection).unwrap()
}

fn events(connection: &Connection) -> Vec<&'static str> {
    audit::since(0).run(connection).unwrap().iter().map(|it| it.event.kind.code()).collect()
}

/// Three images of series 1, screened, nobody to be told.
fn screened() -> Connection {
    let connection = in_memory();
    (1..=3).for_each(|n| receive(&connection, n));
    enqueue(&connection);
    screen(&connection, Decision::NotFlagged, |_| Routed::default());
    connection
}

#[test]
fn each_thing_that_is_under_way_holds_the_images() {
    let connection = in_memory();
    receive(&connection, 1);
    assert_eq!(holds(&connection), [Hold::NotScreened]);
    assert_eq!(remove(&connection), Removal::Held(vec![Hold::NotScreened]));
    enqueue(&connection);
    assert_eq!(holds(&connection), [Hold::NotScreened, Hold::JobOpen]);
    let tell = |unrouted: &Unrouted<'_>| Routed { alert: Some(Tier::Pushed), ..to_ward(unrouted) };
    screen(&connection, Decision::Flagged, tell);
    assert_eq!(holds(&connection), [Hold::DeliveryWaiting, Hold::AlertOpen]);
    let Next::Due(delivery) = next("ward".into(), 9).run(&connection).unwrap() else {
        panic!("it is due")
    };
    let refused = Attempted::Refused { error: "404".into(), at_unix_ms: 10 };
    record_attempt(delivery.id, refused).run(&connection).unwrap();
    assert_eq!(holds(&connection), [Hold::RefusalUnseen, Hold::AlertOpen]);
    let by =
        alerts::Acknowledgement { by: "A".into(), via: alerts::Channel::Button, at_unix_ms: 11 };
    acknowledge(AlertName::Newest, by).run(&connection).unwrap();
    assert_eq!(holds(&connection), [Hold::RefusalUnseen]);
    let see = || see_refusals(None, "A".into(), 12).run(&connection).unwrap();
    assert_eq!((see(), see()), (1, 0));
    assert_eq!(holds(&connection), []);
    receive(&connection, 2);
    assert_eq!(holds(&connection), [Hold::NotScreened]);
    assert!(matches!(remove(&connection), Removal::Held(_)));
}

#[test]
fn rows_go_and_a_note_stays_until_the_files_are_gone() {
    let connection = screened();
    let Removal::Removed(files) = remove(&connection) else { panic!("nothing holds it") };
    assert_eq!(files.len(), 3);
    assert_eq!(files[0].received_unix_ms, instance(1, 1).received_unix_ms);
    assert_eq!(remove(&connection), Removal::Nothing);
    assert_eq!(instances::count().run(&connection).unwrap(), 0);
    let left = interrupted().run(&connection).unwrap();
    assert_eq!((left.len(), left[0].removed_unix_ms), (1, 50));
    assert!(left[0].names.contains("1.2.1.3") && !left[0].names.contains("1.2.1.4"));
    cleared(uid()).run(&connection).unwrap();
    assert_eq!(interrupted().run(&connection).unwrap(), []);
    assert_eq!(events(&connection), ["images_removed"]);
}

#[test]
fn a_part_of_what_was_removed_is_not_screened_and_all_of_it_is() {
    let connection = screened();
    remove(&connection);
    cleared(uid()).run(&connection).unwrap();
    // A late slice.
    receive(&connection, 4);
    assert_eq!(enqueue(&connection), Enqueued::ImagesGone { n_gone: 3 });
    assert_eq!(instances::open_series().run(&connection).unwrap(), []);
    assert_eq!(holds(&connection), []);
    // Two of the three come again: as many as there were, and not the same.
    (1..=2).for_each(|n| receive(&connection, n));
    assert_eq!(enqueue(&connection), Enqueued::ImagesGone { n_gone: 1 });
    receive(&connection, 3);
    assert_eq!(enqueue(&connection), Enqueued::New(JobId(2)));
    let job = jobs::claim().run(&connection).unwrap().unwrap();
    assert_eq!(job.instances.len(), 4);
    assert_eq!(events(&connection), ["images_removed", "late_images", "late_images"]);
}

#[test]
fn the_same_images_sent_again_have_their_answer() {
    let connection = screened();
    remove(&connection);
    cleared(uid()).run(&connection).unwrap();
    (1..=3).for_each(|n| receive(&connection, n));
    assert_eq!(enqueue(&connection), Enqueued::Known(JobId(1), JobState::Done));
    assert_eq!(holds(&connection), []);
    // They go once more, and what went with a late slice is noted beside them.
    receive(&connection, 4);
    assert_eq!(enqueue(&connection), Enqueued::New(JobId(2)));
    screen(&connection, Decision::NotFlagged, |_| Routed::default());
    assert!(matches!(remove(&connection), Removal::Removed(files) if files.len() == 4));
    receive(&connection, 1);
    assert_eq!(enqueue(&connection), Enqueued::ImagesGone { n_gone: 3 });
}

#[test]
fn answers_go_after_their_images_and_the_trail_stays() {
    let connection = screened();
    let old = |before| old_results(before).run(&connection).unwrap();
    let end = |before| remove_results(uid(), before, 99).run(&connection).unwrap();
    assert_eq!(old(100), []);
    assert!(!end(100), "its images are here");
    remove(&connection);
    assert_eq!((old(5), old(6)), (vec![], vec![uid()]));
    assert!(!end(5));
    assert!(end(6));
    assert_eq!(old(100), []);
    assert_eq!(crate::db::results::count().run(&connection).unwrap(), 0);
    assert_eq!(events(&connection), ["images_removed", "results_removed"]);
    receive(&connection, 1);
    assert_eq!(enqueue(&connection), Enqueued::New(JobId(1)));
}

#[test]
fn what_has_lost_its_images_is_not_screened_in_parts() {
    let connection = screened();
    for n in 1..=2 {
        instances::record(instance(2, n)).run(&connection).unwrap();
    }
    let second = || {
        let uid = "1.2.2".parse().unwrap();
        jobs::enqueue(uid, "m".into(), CompleteBy::Quiet, 0).run(&connection).unwrap()
    };
    assert!(matches!(second(), Enqueued::New(_)));
    // One image of each series is here.
    let here = ["1.2.1.1", "1.2.2.1"].map(str::to_owned).into();
    let lost = lose_images(here, 50).run(&connection).unwrap();
    assert_eq!((lost.n_answered, lost.unanswered), (1, vec!["1.2.2".parse().unwrap()]));
    assert_eq!(instances::count().run(&connection).unwrap(), 2);
    assert_eq!(jobs::counts().run(&connection).unwrap().n_queued, 0);
    assert_eq!(second(), Enqueued::ImagesGone { n_gone: 1 });
    instances::record(instance(2, 2)).run(&connection).unwrap();
    assert!(matches!(second(), Enqueued::New(_)), "all of it is here again");
    (2..=3).for_each(|n| receive(&connection, n));
    assert_eq!(enqueue(&connection), Enqueued::Known(JobId(1), JobState::Done));
}
