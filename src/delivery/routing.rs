//! Who is told what. Pure: a result and what was told before, in; deliveries out.
//!
//! A ward wants to know once, and wants to know when it no longer holds:
//!
//! | told before about the series | answer now | sent |
//! |---|---|---|
//! | nothing | a decision in `on` | an alert |
//! | nothing | another decision | nothing |
//! | an answer | the same decision, the same sides | nothing: a late slice or a re-run is no second alert |
//! | an answer | another decision, or another side | an update with `supersedes`, whatever `on` says |
//!
//! The last row is why `on` does not silence corrections: who was told "left side flagged" must hear
//! that it is withdrawn, moved, or could not be assessed after all. A changed volume alone is no news:
//! it is in the report, and the person who looks at the images sees it there. What a destination
//! refused for good was never told.
//!
//! A PACS is an archive and gets the objects of every answer in `on`, and of each later one.
//!
//! A destination may be limited to some orders: then an alert about another order is nothing to it, but
//! corrections still are. What the worklist says stands on the alert alone: a report is what images and
//! models give, whether the RIS was there or not. Only where the images have no accession number, the
//! report in an alert shows the order's.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::destination::{Destination, Kind};
use super::pacs::ResultFiles;
use crate::clock::rfc3339;
use crate::db::deliveries::{NewDelivery, Told};
use crate::db::results::Unrouted;
use crate::reason::Reason;
use crate::screening::report::{Decision, NOT_FOR_DIAGNOSTIC_USE, ScreeningReport};
use crate::units::{CubicCentimeters, Millimeters, Side};
use crate::worklist::matching::{MatchedBy, Order, OrderMatch, Unmatched};

/// Version of the alert's JSON.
pub const SCHEMA: &str = "parotidd.alert/1";

/// What a webhook gets.
#[derive(Debug, Serialize)]
struct Alert<'a> {
    schema: &'static str,
    /// The same in every attempt; also in the header `Idempotency-Key`.
    id: &'a str,
    /// RFC 3339, UTC.
    created: String,
    notice: &'static str,
    decision: Decision,
    reason: Option<Reason>,
    /// The patient's sides that are flagged, right first.
    sides: Vec<Side>,
    /// Of the largest candidate that counts.
    volume_cm3: Option<CubicCentimeters>,
    longest_diameter_mm: Option<Millimeters>,
    /// The `id` of the earlier alert that no longer holds.
    supersedes: Option<&'a str>,
    /// What was ordered; only where there is a worklist, and it has the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<AlertOrder<'a>>,
    /// Why there is no order; only where there is a worklist.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_unmatched: Option<AlertUnmatched>,
    report: Cow<'a, ScreeningReport>,
}

#[derive(Debug, Serialize)]
struct AlertOrder<'a> {
    accession_number: &'a str,
    requested_procedure_id: &'a str,
    requested_procedure_description: &'a str,
    referring_physician: &'a str,
    matched_by: MatchedBy,
}

#[derive(Debug, Serialize)]
struct AlertUnmatched {
    reason: Unmatched,
}

/// What [`crate::db::results::commit`] calls to turn a result into deliveries.
pub fn router(
    destinations: Arc<[Destination]>,
    order: Option<OrderMatch>,
    files: Option<ResultFiles>,
) -> impl FnOnce(&Unrouted<'_>) -> Vec<NewDelivery> + Send + 'static {
    move |result| route(&destinations, result, order.as_ref(), files.as_ref())
}

/// The deliveries of one result, at most one a destination, in the order of the settings. `found` is
/// what the worklist gave, `None` where there is no worklist; `files` the result's objects, `None` where there are
/// none to send.
#[must_use]
pub fn route(
    destinations: &[Destination],
    result: &Unrouted<'_>,
    found: Option<&OrderMatch>,
    files: Option<&ResultFiles>,
) -> Vec<NewDelivery> {
    let order = found.and_then(OrderMatch::order);
    let sides = result.report.flagged_sides();
    let to_one = |destination: &Destination| {
        let told = result.told.iter().find(|told| told.destination == destination.name);
        let is_wanted =
            destination.on.contains(&result.report.decision) && destination.orders.includes(order);
        let payload = match &destination.kind {
            // Other objects than before, always: they name the instances that they are about.
            Kind::Pacs { .. } => {
                let files = files.filter(|_| is_wanted || told.is_some())?;
                serde_json::to_string(files).expect("texts and lists always serialize")
            }
            Kind::Webhook { .. } => {
                let is_news = told.map_or(is_wanted, |told| {
                    told.decision != result.report.decision || told.sides != sides
                });
                is_news.then(|| alert(destination, result, told, found))?
            }
        };
        Some(NewDelivery {
            destination: destination.name.clone(),
            payload,
            follows: told.map(|told| told.delivery),
            idempotency_key: idempotency_key(result.result_key, &destination.name),
        })
    };
    destinations.iter().filter_map(to_one).collect()
}

/// What a webhook gets.
fn alert(
    destination: &Destination,
    result: &Unrouted<'_>,
    told: Option<&Told>,
    found: Option<&OrderMatch>,
) -> String {
    let idempotency_key = idempotency_key(result.result_key, &destination.name);
    let report = result.report;
    let largest = report.largest_kept();
    let alert = Alert {
        schema: SCHEMA,
        id: &idempotency_key,
        created: rfc3339(result.created_unix_ms),
        notice: NOT_FOR_DIAGNOSTIC_USE,
        decision: report.decision,
        reason: report.reason,
        sides: report.flagged_sides(),
        volume_cm3: largest.map(|candidate| candidate.volume_cm3),
        longest_diameter_mm: largest.map(|candidate| candidate.longest_diameter_mm),
        supersedes: told.map(|told| told.idempotency_key.as_str()),
        order: alert_order(found),
        order_unmatched: match found {
            Some(OrderMatch::Unmatched(reason)) => Some(AlertUnmatched { reason: *reason }),
            _ => None,
        },
        report: with_accession(report, found.and_then(OrderMatch::order)),
    };
    serde_json::to_string(&alert).expect("numbers, texts and lists always serialize")
}

fn alert_order(found: Option<&OrderMatch>) -> Option<AlertOrder<'_>> {
    let OrderMatch::Matched { order, by } = found? else { return None };
    Some(AlertOrder {
        accession_number: order.accession_number.expose(),
        requested_procedure_id: order.requested_procedure_id.expose(),
        requested_procedure_description: order.requested_procedure_description.expose(),
        referring_physician: order.referring_physician.expose(),
        matched_by: *by,
    })
}

/// The report with the order's accession number where the images have none.
fn with_accession<'a>(
    report: &'a ScreeningReport,
    order: Option<&Order>,
) -> Cow<'a, ScreeningReport> {
    match order {
        Some(order) if report.accession_number.is_empty() => Cow::Owned(ScreeningReport {
            accession_number: order.accession_number.expose().clone(),
            ..report.clone()
        }),
        _ => Cow::Borrowed(report),
    }
}

/// Names one result for one destination, for ever: 64 hex digits. It depends on nothing but the
/// instances, the models and the destination's name, so that even a box whose database was lost and
/// that screens its spool again is recognized by the receiver.
fn idempotency_key(result_key: &str, destination: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(result_key.as_bytes());
    hash.update(b"\n");
    hash.update(destination.as_bytes());
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::deliveries::DeliveryId;
    use crate::imaging::PatientPoint;
    use crate::screening::report::{
        CandidateReport, DecisionIdentity, GlandReport, GlandState, ModelIdentity, Models, Timing,
    };
    use crate::units::{Probability, VoxelCount};

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
        let unrouted =
            Unrouted { result_key: "k", report: &report, created_unix_ms: 0, told: &told };
        let deliveries = route(&[destination("ward", on)], &unrouted, None, None);
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
            let unrouted = Unrouted { result_key: "k", report: &report, created_unix_ms: 0, told };
            let deliveries = route(std::slice::from_ref(&archive), &unrouted, None, files);
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
        let unrouted = Unrouted {
            result_key: "k",
            report: &report,
            created_unix_ms: 1_767_225_600_000,
            told: &[],
        };
        let on = [Decision::Flagged];
        let deliveries =
            route(&[destination("ward", &on), destination("it", &on)], &unrouted, None, None);
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
        let unrouted = Unrouted { result_key: "k", report: &report, created_unix_ms: 0, told: &[] };
        let deliveries = route(std::slice::from_ref(to), &unrouted, Some(found), None);
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
}
