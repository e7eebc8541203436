//! What a webhook gets: an alert, or a digest of several, as JSON.

use std::borrow::Cow;

use serde::Serialize;

use super::case::Case;
use super::digest::Digest;
use crate::clock::rfc3339;
use crate::reason::Reason;
use crate::screening::report::{Decision, NOT_FOR_DIAGNOSTIC_USE, ScreeningReport};
use crate::units::{CubicCentimeters, Millimeters, Side};
use crate::worklist::matching::{MatchedBy, OrderMatch, Unmatched};

/// Version of the alert's JSON.
pub(super) const SCHEMA: &str = "parotidd.alert/1";
/// Version of the digest's JSON.
pub(super) const DIGEST_SCHEMA: &str = "parotidd.digest/1";

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
    /// Where to say that it was seen: opened by a person, or a POST of `{"by": "..."}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
    /// For how long nobody had acknowledged it, where that is why this goes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    unacknowledged_min: Option<u32>,
    /// When further alerts of the day go out together: this one was the last of the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_follows: Option<&'a str>,
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

/// The alert of one result.
pub(super) fn alert(case: &Case<'_>) -> String {
    let report = case.report;
    let largest = report.largest_kept();
    text(&Alert {
        schema: SCHEMA,
        id: case.id,
        created: rfc3339(case.created_unix_ms),
        notice: NOT_FOR_DIAGNOSTIC_USE,
        decision: report.decision,
        reason: report.reason,
        sides: report.flagged_sides(),
        volume_cm3: largest.map(|candidate| candidate.volume_cm3),
        longest_diameter_mm: largest.map(|candidate| candidate.longest_diameter_mm),
        supersedes: case.supersedes,
        acknowledge_url: case.acknowledge_url,
        unacknowledged_min: (case.unacknowledged_min > 0).then_some(case.unacknowledged_min),
        digest_follows: case.digest_follows,
        order: alert_order(case.found),
        order_unmatched: match case.found {
            Some(OrderMatch::Unmatched(reason)) => Some(AlertUnmatched { reason: *reason }),
            _ => None,
        },
        report: with_accession(case),
    })
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
fn with_accession<'a>(case: &Case<'a>) -> Cow<'a, ScreeningReport> {
    let number = case.accession_number();
    if number == case.report.accession_number {
        return Cow::Borrowed(case.report);
    }
    Cow::Owned(ScreeningReport { accession_number: number.to_owned(), ..case.report.clone() })
}

#[derive(Debug, Serialize)]
struct DigestJson<'a> {
    schema: &'static str,
    id: &'a str,
    /// RFC 3339, UTC.
    created: String,
    notice: &'static str,
    /// Why it is a digest.
    per_day_max: u32,
    n_alerts: usize,
    alerts: Vec<DigestEntryJson<'a>>,
}

#[derive(Debug, Serialize)]
struct DigestEntryJson<'a> {
    created: String,
    decision: Decision,
    sides: Vec<Side>,
    volume_cm3: Option<CubicCentimeters>,
    score: f64,
    study_instance_uid: &'a str,
    series_instance_uid: &'a str,
    accession_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
}

/// A digest.
pub(super) fn digest(digest: &Digest<'_>) -> String {
    let alerts = digest.entries.iter().map(|it| DigestEntryJson {
        created: rfc3339(it.created_unix_ms),
        decision: it.report.decision,
        sides: it.report.flagged_sides(),
        volume_cm3: it.report.largest_kept().map(|candidate| candidate.volume_cm3),
        score: it.report.score,
        study_instance_uid: &it.report.study_instance_uid,
        series_instance_uid: &it.report.series_instance_uid,
        accession_number: &it.report.accession_number,
        acknowledge_url: it.acknowledge_url.as_deref(),
    });
    text(&DigestJson {
        schema: DIGEST_SCHEMA,
        id: digest.id,
        created: rfc3339(digest.due_unix_ms),
        notice: NOT_FOR_DIAGNOSTIC_USE,
        per_day_max: digest.per_day_max,
        n_alerts: digest.entries.len(),
        alerts: alerts.collect(),
    })
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, texts and lists always serialize")
}
