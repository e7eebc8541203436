//! Alerts from their opening to their end.

use super::*;
use crate::db::deliveries::{DeliveryKind, NewDelivery, Next};
use crate::db::instances::tests::instance;
use crate::db::open::in_memory;
use crate::db::results::tests::report;
use crate::db::results::{JobEnd, Moment, Routed, Unrouted, commit};
use crate::db::{instances, jobs};
use crate::intake::completeness::CompleteBy;

/// At once to the ward, in an hour to the one on call; an alert unless it stands.
fn route(unrouted: &Unrouted<'_>, digest: bool) -> Routed {
    if unrouted.report.decision != Decision::Flagged || unrouted.standing.is_some() {
        return Routed::default();
    }
    let to = |name: &str, kind, after: Option<i64>| NewDelivery {
        destination: name.into(),
        kind,
        not_before_unix_ms: after,
        idempotency_key: format!("{} {name}", unrouted.result_key),
        payload: "{}".into(),
        follows: None,
    };
    let due = unrouted.moment.digest_unix_ms;
    if digest {
        let key = format!("digest {due}");
        let payload = format!("{}", unrouted.held.len());
        let digest = to("ward", DeliveryKind::Digest, Some(due));
        let deliveries = vec![NewDelivery { idempotency_key: key, payload, ..digest }];
        return Routed { deliveries, alert: Some(Tier::Digest(due)) };
    }
    let later = Some(unrouted.moment.now_unix_ms + 60);
    let kind = DeliveryKind::Result;
    let deliveries = vec![to("ward", kind, None), to("on call", kind, later)];
    Routed { deliveries, alert: Some(Tier::Pushed) }
}

/// Screens series `series` once more at a time, digests at 100.
fn answer(connection: &Connection, series: u32, n: u32, decision: Decision, at: i64, digest: bool) {
    instances::record(instance(series, n)).run(connection).unwrap();
    let uid = format!("1.2.{series}").parse().unwrap();
    jobs::enqueue(uid, "m".into(), CompleteBy::Quiet, 0).run(connection).unwrap();
    let job = jobs::claim().run(connection).unwrap().unwrap().id;
    let moment = Moment { now_unix_ms: at, day_start_unix_ms: 0, digest_unix_ms: 100 };
    let route = move |unrouted: &Unrouted<'_>| route(unrouted, digest);
    commit(job, JobEnd::Done, report(decision), moment, route).run(connection).unwrap();
}

fn next(connection: &Connection, name: &str, now: i64) -> Next {
    deliveries::next(name.into(), now).run(connection).unwrap()
}

fn by(name: &str, at_unix_ms: i64) -> Acknowledgement {
    Acknowledgement { by: name.into(), via: Channel::CommandLine, at_unix_ms }
}

fn events(connection: &Connection) -> Vec<&'static str> {
    let events = audit::since(0).run(connection).unwrap();
    events.iter().map(|it| it.event.kind.code()).collect()
}

#[test]
fn an_escalation_comes_unless_someone_acknowledges_first() {
    let connection = in_memory();
    answer(&connection, 1, 1, Decision::Flagged, 10, false);
    answer(&connection, 2, 1, Decision::Flagged, 10, false);
    let standing = now().run(&connection).unwrap();
    let oldest = OpenAlert { opened_unix_ms: 10, sides: vec![] };
    assert_eq!((standing.n_open, standing.oldest), (2, Some(oldest)));
    assert!(standing.newest.is_some());
    assert_eq!(next(&connection, "on call", 11), Next::At(70));
    let key = list(true).run(&connection).unwrap()[1].result_key.clone();
    let name = AlertName::Key(format!("{key} ward"));
    let found = acknowledge(name.clone(), by("Dr A", 20)).run(&connection).unwrap();
    assert_eq!((found.len(), found[0].state.as_str()), (1, "acknowledged"));
    // The first stays.
    let again = acknowledge(name, by("Dr B", 30)).run(&connection).unwrap();
    assert_eq!(again[0].acknowledged_by.as_deref(), Some("Dr A"));
    assert!(
        acknowledge(AlertName::Key("x".into()), by("x", 30)).run(&connection).unwrap().is_empty()
    );
    let Next::Due(it) = next(&connection, "on call", 70) else { panic!("the other series'") };
    assert_ne!(it.idempotency_key, format!("{key} on call"));
    assert_eq!(now().run(&connection).unwrap().n_open, 1);
    assert_eq!(events(&connection), ["alert_opened", "alert_opened", "acknowledged"]);
    // What was due at once is due still.
    assert!(matches!(next(&connection, "ward", 30), Next::Due(_)));
}

#[test]
fn a_later_answer_withdraws_and_the_same_answer_does_not_open_again() {
    let connection = in_memory();
    answer(&connection, 1, 1, Decision::Flagged, 10, false);
    answer(&connection, 1, 2, Decision::Flagged, 20, false);
    assert_eq!(now().run(&connection).unwrap().n_open, 1);
    acknowledge(AlertName::Newest, by("Dr A", 25)).run(&connection).unwrap();
    let acknowledged = || now().run(&connection).unwrap().acknowledged_result_unix_ms;
    assert_eq!(acknowledged(), Some(20));
    answer(&connection, 1, 3, Decision::Flagged, 30, false);
    assert_eq!(acknowledged(), Some(30), "the answer is newer, the alert is the same");
    assert_eq!(now().run(&connection).unwrap().n_open, 0, "it is acknowledged");
    answer(&connection, 2, 1, Decision::Flagged, 40, false);
    assert_eq!(acknowledged(), None, "another series");
    answer(&connection, 2, 2, Decision::NotFlagged, 50, false);
    assert_eq!(list(false).run(&connection).unwrap()[0].state, "withdrawn");
    assert_eq!(next(&connection, "on call", 1000), Next::Nothing);
    answer(&connection, 2, 3, Decision::Flagged, 60, false);
    assert_eq!(now().run(&connection).unwrap().n_open, 1, "it is news again");
}

#[test]
fn a_digest_grows_until_its_time_and_goes_when_it_is_empty() {
    let connection = in_memory();
    answer(&connection, 1, 1, Decision::Flagged, 10, true);
    answer(&connection, 2, 1, Decision::Flagged, 20, true);
    assert_eq!(next(&connection, "ward", 30), Next::At(100));
    let Next::Due(digest) = next(&connection, "ward", 100) else { panic!("it is due") };
    assert_eq!(digest.payload, "1", "the one before is in it");
    answer(&connection, 1, 2, Decision::NotFlagged, 30, true);
    answer(&connection, 2, 2, Decision::NotFlagged, 40, true);
    assert_eq!(next(&connection, "ward", 100), Next::Nothing);
}
