//! Who is told what, case by case.

use super::*;
use crate::db::alerts::Held;
use crate::db::deliveries::DeliveryId;
use crate::db::results::{Moment, ResultId};
use crate::delivery::policy::AlertSettings;
use crate::imaging::PatientPoint;
use crate::reason::Reason;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use crate::screening::report::{
    CandidateReport, DecisionIdentity, GlandReport, GlandState, ModelIdentity, Models, Timing,
};
use crate::units::{CubicCentimeters, Millimeters, Side};
use crate::units::{Probability, VoxelCount};
use crate::worklist::matching::{MatchedBy, Order, Unmatched};

fn report(decision: Decision, flagged: &[Side]) -> ScreeningReport {
    let model = ModelIdentity { name: "m".into(), version: "1".into(), sha256: "0".repeat(64) };
    let gland = |side: Side| GlandReport {
        side,
        state: GlandState::Assessed,
        reason: None,
        center_mm: Some(PatientPoint::default()),
        heatmap_peak: Probability(0.9),
        decision: match flagged.contains(&side) {
            true => Decision::Flagged,
            false => Decision::NotFlagged,
        },
        score: 0.9,
    };
    let candidate = |side: Side| CandidateReport {
        side,
        voxels: VoxelCount(4620),
        volume_cm3: CubicCentimeters(4.62),
        longest_diameter_mm: Millimeters(24.1),
        center_mm: PatientPoint::default(),
        mean_hu: 52.0,
        score: 0.97,
        kept: true,
    };
    ScreeningReport {
        schema: "parotidd.report/1".into(),
        software_version: "0.1.0".into(),
        notice: NOT_FOR_DIAGNOSTIC_USE.into(),
        study_instance_uid: "1.2".into(),
        series_instance_uid: "1.2.1".into(),
        accession_number: "A1".into(),
        models: Models {
            localizer: model.clone(),
            segmenter: model,
            decision: DecisionIdentity {
                version: "1".into(),
                rule: "size".into(),
                gamma: 5.0,
                tumor_voxels_min: VoxelCount(500),
            },
        },
        decision,
        reason: (decision == Decision::NotAssessable).then_some(Reason::GlandNotFound),
        warnings: Vec::new(),
        score: 0.97,
        glands: Side::BOTH.map(gland).into(),
        candidates: flagged.iter().copied().map(candidate).collect(),
        timing_ms: Timing::default(),
    }
}

fn destination(name: &str, on: &[Decision]) -> Destination {
    let text = format!("name = '{name}'\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/'");
    Destination { on: on.into(), ..toml::from_str(&text).unwrap() }
}

fn rules(destinations: &[Destination], settings: &AlertSettings) -> Rules {
    Rules { destinations: destinations.into(), policy: settings.policy(None).unwrap() }
}

/// A first answer, at the start of 2026.
fn unrouted<'a>(report: &'a ScreeningReport, told: &'a [Told]) -> Unrouted<'a> {
    let now_unix_ms = 1_767_225_600_000;
    Unrouted {
        result_key: "k",
        report,
        moment: Moment {
            now_unix_ms,
            day_start_unix_ms: now_unix_ms,
            digest_unix_ms: now_unix_ms + 3_600_000,
        },
        told,
        standing: None,
        n_pushed_today: 0,
        held: &[],
        digest_is_stale: false,
    }
}

/// The deliveries without settings about alerts.
fn deliveries(to: &[Destination], about: &About, result: &Unrouted<'_>) -> Vec<NewDelivery> {
    route(&rules(to, &AlertSettings::default()), about, result).deliveries
}

type Answer = (Decision, &'static [Side]);

/// Whether a destination with `on` is sent something, and whether it supersedes.
fn sent(on: &[Decision], before: Option<Answer>, now: Answer) -> Option<bool> {
    let told = before.map(|(decision, sides)| Told {
        destination: "ward".into(),
        delivery: DeliveryId(7),
        idempotency_key: "earlier".into(),
        decision,
        sides: sides.into(),
    });
    let told: Vec<_> = told.into_iter().collect();
    let report = report(now.0, now.1);
    let same = before == Some(now) && now.0 == Decision::Flagged;
    let standing = same.then_some(Standing::Pushed);
    let unrouted = Unrouted { standing, ..unrouted(&report, &told) };
    let deliveries = deliveries(&[destination("ward", on)], &About::default(), &unrouted);
    assert!(deliveries.len() <= 1);
    let delivery = deliveries.first()?;
    let alert: serde_json::Value = serde_json::from_str(&delivery.payload).unwrap();
    assert_eq!(alert["supersedes"] == "earlier", delivery.follows.is_some());
    Some(delivery.follows.is_some())
}

#[test]
fn a_ward_is_told_once_and_told_when_it_no_longer_holds() {
    const LEFT: Answer = (Decision::Flagged, &[Side::Left]);
    const RIGHT: Answer = (Decision::Flagged, &[Side::Right]);
    const CLEAR: Answer = (Decision::NotFlagged, &[]);
    const NOT_ASSESSABLE: Answer = (Decision::NotAssessable, &[]);
    let check = |before: Option<Answer>, now: Answer, expected: Option<bool>| {
        let got = sent(&[Decision::Flagged], before, now);
        assert_eq!(got, expected, "{before:?} then {now:?}");
    };
    check(None, LEFT, Some(false));
    check(None, CLEAR, None);
    check(None, NOT_ASSESSABLE, None);
    check(Some(LEFT), LEFT, None);
    check(Some(LEFT), RIGHT, Some(true));
    check(Some(LEFT), CLEAR, Some(true));
    check(Some(LEFT), NOT_ASSESSABLE, Some(true));
    check(Some(CLEAR), LEFT, Some(true));
    check(Some(CLEAR), CLEAR, None);
    let both = [Decision::Flagged, Decision::NotAssessable];
    assert_eq!(sent(&both, None, NOT_ASSESSABLE), Some(false));
    assert_eq!(sent(&both, None, CLEAR), None);
}

#[test]
fn an_archive_gets_the_objects_of_every_answer() {
    let text = "name='archive'\nkind='pacs'\naddress='pacs:104'\nae_title='PACS'";
    let archive: Destination = toml::from_str(text).unwrap();
    let files = ResultFiles::new("1.2.3".into(), vec!["sr.dcm".into()]);
    let told = Told {
        destination: "archive".into(),
        delivery: DeliveryId(7),
        idempotency_key: "earlier".into(),
        decision: Decision::NotFlagged,
        sides: Vec::new(),
    };
    let report = report(Decision::NotFlagged, &[]);
    let check = |told: &[Told], files: Option<&ResultFiles>| {
        let about = About { files: files.cloned(), ..About::default() };
        let unrouted = unrouted(&report, told);
        let deliveries = deliveries(std::slice::from_ref(&archive), &about, &unrouted);
        deliveries.into_iter().map(|it| it.payload).collect::<Vec<_>>()
    };
    let payload = serde_json::to_string(&files).unwrap();
    assert_eq!(check(&[], Some(&files)), std::slice::from_ref(&payload));
    // The same answer about more slices is other objects.
    assert_eq!(check(&[told], Some(&files)), [payload]);
    assert!(check(&[], None).is_empty());
}

#[test]
fn the_alert_says_what_matters_first() {
    let report = report(Decision::Flagged, &[Side::Left]);
    let on = [Decision::Flagged];
    let to = [destination("ward", &on), destination("it", &on)];
    let deliveries = deliveries(&to, &About::default(), &unrouted(&report, &[]));
    assert_eq!(deliveries.len(), 2);
    assert_ne!(deliveries[0].idempotency_key, deliveries[1].idempotency_key);
    let mut alert: serde_json::Value = serde_json::from_str(&deliveries[0].payload).unwrap();
    let inner: ScreeningReport = serde_json::from_value(alert["report"].take()).unwrap();
    assert_eq!(inner, report);
    assert_eq!(
        alert,
        serde_json::json!({
            "schema": "parotidd.alert/1",
            "id": deliveries[0].idempotency_key,
            "created": "2026-01-01T00:00:00Z",
            "notice": "not for diagnostic use",
            "decision": "flagged",
            "reason": null,
            "sides": ["left"],
            "volume_cm3": 4.62,
            "longest_diameter_mm": 24.1,
            "supersedes": null,
            "report": null,
        })
    );
}

/// What a destination is sent of one result, as JSON.
fn alert(to: &Destination, accession: &str, found: &OrderMatch) -> Option<serde_json::Value> {
    let mut report = report(Decision::Flagged, &[Side::Left]);
    report.accession_number = accession.into();
    let about = About { found: Some(found.clone()), ..About::default() };
    let deliveries = deliveries(std::slice::from_ref(to), &about, &unrouted(&report, &[]));
    deliveries.first().map(|delivery| serde_json::from_str(&delivery.payload).unwrap())
}

#[test]
fn the_order_stands_beside_the_report() {
    let phi = |text: &str| crate::phi::Phi::new(text.to_owned());
    let order = Order {
        accession_number: phi("A9"),
        requested_procedure_id: phi("R9"),
        requested_procedure_description: phi("CT neck"),
        referring_physician: phi("Smith^Jane"),
        stations: vec!["CT1".into()],
    };
    let matched = OrderMatch::Matched { order, by: MatchedBy::StudyInstanceUid };
    let unmatched = OrderMatch::Unmatched(Unmatched::AmbiguousWorklistEntries);
    let ward = destination("ward", &[Decision::Flagged]);
    let sent = alert(&ward, "", &matched).unwrap();
    assert_eq!(
        sent["order"],
        serde_json::json!({
            "accession_number": "A9",
            "requested_procedure_id": "R9",
            "requested_procedure_description": "CT neck",
            "referring_physician": "Smith^Jane",
            "matched_by": "study_instance_uid",
        })
    );
    assert_eq!(
        (&sent["report"]["accession_number"], sent.get("order_unmatched")),
        (&"A9".into(), None)
    );
    // What the scanner sent stays.
    assert_eq!(alert(&ward, "A1", &matched).unwrap()["report"]["accession_number"], "A1");
    let sent = alert(&ward, "", &unmatched).unwrap();
    assert_eq!(sent["order_unmatched"]["reason"], "ambiguous_worklist_entries");
    assert_eq!((&sent["report"]["accession_number"], sent.get("order")), (&"".into(), None));

    let limit = |station: &str| {
        let mut limited = destination("ward", &[Decision::Flagged]);
        limited.orders.stations = vec![station.to_owned()];
        limited
    };
    assert!(alert(&limit("CT1"), "", &matched).is_some());
    assert!(alert(&limit("CT2"), "", &matched).is_none());
    assert!(alert(&limit("CT2"), "", &unmatched).is_some(), "somebody must hear of it");
}

const HOUR_MS: i64 = 3_600_000;

/// Names, and hours until they are told.
fn waits(deliveries: &[NewDelivery], now: i64) -> Vec<(&str, i64)> {
    let hours = |it: &NewDelivery| it.not_before_unix_ms.map_or(0, |at| (at - now) / HOUR_MS);
    deliveries.iter().map(|it| (it.destination.as_str(), hours(it))).collect()
}

#[test]
fn who_comes_later_is_told_when_nobody_has_acknowledged() {
    let on = [Decision::Flagged];
    let first = destination("first", &on);
    let second = Destination { after_min: 120, ..destination("second", &on) };
    let mut night = destination("night", &on);
    night.duty.hours = "20:00-06:00".parse().ok();
    let to = [first, second, night];
    let settings = AlertSettings { time_zone: Some("UTC".into()), ..AlertSettings::default() };
    let report = report(Decision::Flagged, &[Side::Left]);
    let noon = |result: Unrouted<'_>| {
        let mut moment = result.moment;
        moment.now_unix_ms += 12 * HOUR_MS;
        route(&rules(&to, &settings), &About::default(), &Unrouted { moment, ..result })
    };
    let now = unrouted(&report, &[]).moment.now_unix_ms + 12 * HOUR_MS;
    let routed = noon(unrouted(&report, &[]));
    assert_eq!(routed.alert, Some(Tier::Pushed));
    assert_eq!(waits(&routed.deliveries, now), [("first", 0), ("second", 2), ("night", 8)]);
    let alert: serde_json::Value = serde_json::from_str(&routed.deliveries[1].payload).unwrap();
    assert_eq!(alert["unacknowledged_min"], 120);
    // The re-run of an answer that was refused or acknowledged.
    let again = |standing| Unrouted { standing: Some(standing), ..unrouted(&report, &[]) };
    let routed = noon(again(Standing::Pushed));
    assert_eq!(waits(&routed.deliveries, now), [("first", 0), ("night", 8)]);
    assert_eq!(routed.alert, None);
    for standing in [Standing::Acknowledged, Standing::Held] {
        assert!(noon(again(standing)).deliveries.is_empty());
    }
}

#[test]
fn beyond_the_budget_comes_a_digest_and_below_the_operating_point_nothing() {
    let on = [Decision::Flagged];
    let to = [destination("ward", &on), Destination { after_min: 30, ..destination("late", &on) }];
    let settings =
        AlertSettings { per_day_max: Some(2), score_min: 0.9, ..AlertSettings::default() };
    let rules = rules(&to, &settings);
    let about = About::default();
    let flagged = report(Decision::Flagged, &[Side::Left]);
    let plain = || unrouted(&flagged, &[]);
    let after = |n| route(&rules, &about, &Unrouted { n_pushed_today: n, ..plain() });
    let json = |it: &NewDelivery| serde_json::from_str::<serde_json::Value>(&it.payload).unwrap();

    assert_eq!(after(0).alert, Some(Tier::Pushed));
    assert!(json(&after(0).deliveries[0]).get("digest_follows").is_none());
    assert_eq!(json(&after(1).deliveries[0])["digest_follows"], "2026-01-01T01:00:00Z");
    let due = plain().moment.digest_unix_ms;
    let spent = after(2);
    assert_eq!(spent.alert, Some(Tier::Digest(due)));
    assert_eq!(spent.deliveries.len(), 1);
    let digest = &spent.deliveries[0];
    assert_eq!((digest.kind, digest.not_before_unix_ms), (DeliveryKind::Digest, Some(due)));
    assert_eq!(json(digest)["alerts"][0]["sides"], serde_json::json!(["left"]));

    // The next one is in the same digest.
    let held = [Held {
        result: ResultId(1),
        result_key: "h".into(),
        report: flagged.clone(),
        created_unix_ms: 0,
    }];
    let grown = Unrouted { n_pushed_today: 2, held: &held, ..plain() };
    let grown = route(&rules, &about, &grown).deliveries.remove(0);
    assert_eq!(grown.idempotency_key, digest.idempotency_key);
    assert_eq!(json(&grown)["n_alerts"], 2);
    // One of them is withdrawn.
    let clear = report(Decision::NotFlagged, &[]);
    let shrunk = Unrouted { held: &held, digest_is_stale: true, ..unrouted(&clear, &[]) };
    let shrunk = route(&rules, &about, &shrunk).deliveries;
    assert_eq!((shrunk.len(), &json(&shrunk[0])["n_alerts"]), (1, &1.into()));

    let low = ScreeningReport { score: 0.89, ..flagged.clone() };
    let quiet = route(&rules, &about, &unrouted(&low, &[]));
    assert!(quiet.deliveries.is_empty() && quiet.alert.is_none());
}
