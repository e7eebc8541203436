//! A reminder that an answer and the radiologist's report do not agree: who gets it, and as what.

use serde::Serialize;

use super::destination::{Destination, Kind};
use super::email;
use super::routing::{Rules, reminder_key};
use crate::clock::rfc3339;
use crate::db::deliveries::{DeliveryKind, NewDelivery};
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use crate::units::Side;

/// Version of the reminder's JSON.
const SCHEMA: &str = "parotidd.reminder/1";
/// The role of those who are reminded.
const RADIOLOGIST: &str = "radiologist";

/// What does not agree.
#[derive(Debug, Clone, Copy)]
pub struct Reminder<'a> {
    /// Names the answer.
    pub result_key: &'a str,
    /// Milliseconds since 1970 UTC.
    pub now_unix_ms: i64,
    /// `flagged_not_in_report` or `in_report_not_flagged`.
    pub list: &'static str,
    /// The sides; none where the report gives no side.
    pub sides: &'a [Side],
    /// Study Instance UID.
    pub study: &'a str,
    /// Series Instance UID of the answer.
    pub series: &'a str,
    /// May be empty.
    pub accession_number: &'a str,
}

impl Reminder<'_> {
    /// Whether the series was flagged and the report has no mass; else it is the other way round.
    pub(super) fn is_about_flagged(&self) -> bool {
        self.list == "flagged_not_in_report"
    }
}

#[derive(Debug, Serialize)]
struct ReminderJson<'a> {
    schema: &'static str,
    id: &'a str,
    /// RFC 3339, UTC.
    created: String,
    notice: &'static str,
    reason: &'static str,
    sides: &'a [Side],
    study_instance_uid: &'a str,
    series_instance_uid: &'a str,
    accession_number: &'a str,
    /// Where to say what you think of the answer; only of a flagged one.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
}

/// One reminder for each destination whose role is the radiologist; where none has it, for each that is alerted at once.
#[must_use]
pub fn remind(rules: &Rules, reminder: &Reminder<'_>) -> Vec<NewDelivery> {
    let is_radiologist = |it: &&Destination| {
        it.kind.is_push()
            && it.role.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(RADIOLOGIST))
    };
    let mut to: Vec<_> = rules.destinations.iter().filter(is_radiologist).collect();
    if to.is_empty() {
        to =
            rules.destinations.iter().filter(|it| it.kind.is_push() && it.after_min == 0).collect();
    }
    to.into_iter().filter_map(|it| for_one(rules, reminder, it)).collect()
}

fn for_one(rules: &Rules, reminder: &Reminder<'_>, to: &Destination) -> Option<NewDelivery> {
    let id = reminder_key(reminder.result_key, &to.name);
    let is_flagged = reminder.is_about_flagged();
    let links = rules.policy.links.as_ref().filter(|_| is_flagged);
    let url = links.map(|links| links.url(reminder.result_key, &to.name));
    let payload = match &to.kind {
        Kind::Webhook(_) => json(reminder, &id, url.as_deref()),
        Kind::Email(settings) => email::reminder(reminder, &id, url.as_deref(), settings),
        Kind::Pacs(_) | Kind::Hl7(_) | Kind::Fhir(_) => return None,
    };
    let due = to.duty.first_from(reminder.now_unix_ms, &rules.policy.zone);
    Some(NewDelivery {
        destination: to.name.clone(),
        kind: DeliveryKind::Reminder,
        not_before_unix_ms: Some(due),
        payload,
        follows: None,
        idempotency_key: id,
    })
}

fn json(reminder: &Reminder<'_>, id: &str, acknowledge_url: Option<&str>) -> String {
    let json = ReminderJson {
        schema: SCHEMA,
        id,
        created: rfc3339(reminder.now_unix_ms),
        notice: NOT_FOR_DIAGNOSTIC_USE,
        reason: reminder.list,
        sides: reminder.sides,
        study_instance_uid: reminder.study,
        series_instance_uid: reminder.series,
        accession_number: reminder.accession_number,
        acknowledge_url,
    };
    serde_json::to_string(&json).expect("texts and lists always serialize")
}
