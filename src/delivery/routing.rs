//! Who is told what. Pure: a result and what was told before, in; deliveries and an alert out.
//!
//! People (a push) want to know once, and want to know when it no longer holds:
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
//! Of a flagged series people are pushed an alert only at the site's operating point or above, and within the day's
//! budget; the others come in a digest. A destination with `after_min` is told when nobody has acknowledged the alert by
//! then, one with hours of duty when they begin: rows with a time before which they are not sent.
//!
//! A system (a PACS, say) is an archive and gets every answer in `on`, and each later one.
//!
//! A destination may be limited to some orders: then an alert about another order is nothing to it, but
//! corrections still are. What the worklist says stands on the alert alone: a report is what images and
//! models give, whether the RIS was there or not.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::alert;
use super::case::Case;
use super::destination::{Destination, Kind};
use super::digest::{Digest, DigestEntry};
use super::pacs::ResultFiles;
use super::policy::AlertPolicy;
use super::{email, fhir, oru};
use crate::clock::rfc3339;
use crate::db::alerts::{Standing, Tier};
use crate::db::deliveries::{DeliveryKind, NewDelivery, Told};
use crate::db::results::{Routed, Unrouted};
use crate::dicom::attributes::PatientStudy;
use crate::screening::report::{Decision, ScreeningReport};
use crate::worklist::matching::OrderMatch;

/// By what results are routed: the settings.
#[derive(Debug)]
pub struct Rules {
    /// Who may be told.
    pub destinations: Arc<[Destination]>,
    /// When people are alerted.
    pub policy: AlertPolicy,
}

/// What messages say beside the report.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Patient and study, as the images have them.
    pub patient: PatientStudy,
    /// What the worklist gave; `None` where there is no worklist.
    pub found: Option<OrderMatch>,
    /// The result's objects; `None` where there are none to send.
    pub files: Option<ResultFiles>,
}

/// What [`crate::db::results::commit`] calls to turn a result into deliveries.
pub fn router(
    rules: Arc<Rules>,
    about: About,
) -> impl FnOnce(&Unrouted<'_>) -> Routed + Send + 'static {
    move |result| route(&rules, &about, result)
}

/// The deliveries of one result, at most one a destination and its digest, in the order of the settings, and its alert.
#[must_use]
pub fn route(rules: &Rules, about: &About, result: &Unrouted<'_>) -> Routed {
    let routing = Routing { rules, about, result, tier: tier(&rules.policy, result) };
    let mut deliveries: Vec<_> =
        rules.destinations.iter().filter_map(|it| routing.to_one(it)).collect();
    let is_held = matches!(routing.tier, Some(Tier::Digest(_)));
    if is_held || (result.digest_is_stale && !result.held.is_empty()) {
        deliveries.extend(rules.destinations.iter().filter_map(|it| routing.digest(it)));
    }
    Routed { deliveries, alert: routing.tier }
}

/// The alert that a result opens: none where it is not flagged, is below the operating point, or has its alert.
fn tier(policy: &AlertPolicy, result: &Unrouted<'_>) -> Option<Tier> {
    let is_flagged = result.report.decision == Decision::Flagged;
    if !is_flagged || result.report.score < policy.score_min || result.standing.is_some() {
        return None;
    }
    let is_spent = policy.per_day_max.is_some_and(|most| result.n_pushed_today >= most);
    Some(if is_spent { Tier::Digest(result.moment.digest_unix_ms) } else { Tier::Pushed })
}

struct Routing<'a> {
    rules: &'a Rules,
    about: &'a About,
    result: &'a Unrouted<'a>,
    tier: Option<Tier>,
}

impl Routing<'_> {
    fn to_one(&self, destination: &Destination) -> Option<NewDelivery> {
        let told = self.result.told.iter().find(|told| told.destination == destination.name);
        let found = self.about.found.as_ref();
        let is_wanted = destination.on.contains(&self.result.report.decision)
            && destination.orders.includes(found.and_then(OrderMatch::order));
        let id = idempotency_key(self.result.result_key, &destination.name);
        let (payload, not_before_unix_ms) = if destination.kind.is_push() {
            let is_sent = match told {
                Some(told) => self.is_news(told),
                None => is_wanted && self.is_pushed(destination),
            };
            let payload = is_sent.then(|| self.message(destination, &id, told)).flatten()?;
            (payload, if told.is_none() { self.not_before(destination) } else { None })
        } else {
            let is_sent = is_wanted || told.is_some();
            (is_sent.then(|| self.message(destination, &id, told)).flatten()?, None)
        };
        Some(NewDelivery {
            destination: destination.name.clone(),
            kind: DeliveryKind::Result,
            not_before_unix_ms,
            payload,
            follows: told.map(|told| told.delivery),
            idempotency_key: id,
        })
    }

    fn is_news(&self, told: &Told) -> bool {
        let report = self.result.report;
        told.decision != report.decision || told.sides != report.flagged_sides()
    }

    /// Whether people who know nothing of the series are told. An escalation is for what can be acknowledged.
    fn is_pushed(&self, destination: &Destination) -> bool {
        let report = self.result.report;
        if report.decision != Decision::Flagged {
            return destination.after_min == 0;
        }
        // Who refused the alert that stands may take its re-run.
        let is_again = self.result.standing == Some(Standing::Pushed) && destination.after_min == 0;
        (self.tier == Some(Tier::Pushed) || is_again) && destination.findings.includes(report)
    }

    /// The time of an escalation, and of the hours of duty.
    fn not_before(&self, destination: &Destination) -> Option<i64> {
        let now = self.result.moment.now_unix_ms;
        let due = now.saturating_add(i64::from(destination.after_min) * 60_000);
        let due = destination.duty.first_from(due, &self.rules.policy.zone);
        (due > now).then_some(due)
    }

    /// What a destination of this kind is sent; `None` where there is nothing for it.
    fn message(&self, destination: &Destination, id: &str, told: Option<&Told>) -> Option<String> {
        let links = self.rules.policy.links.as_ref();
        let is_alert = self.result.report.decision == Decision::Flagged;
        let url = links
            .filter(|_| is_alert && destination.kind.is_push())
            .map(|links| links.url(self.result.result_key, &destination.name));
        let digest_follows =
            self.is_last_of_budget().then(|| rfc3339(self.result.moment.digest_unix_ms));
        let case = Case {
            id,
            created_unix_ms: self.result.moment.now_unix_ms,
            report: self.result.report,
            patient: &self.about.patient,
            found: self.about.found.as_ref(),
            supersedes: told.map(|told| told.idempotency_key.as_str()),
            acknowledge_url: url.as_deref(),
            unacknowledged_min: if told.is_none() { destination.after_min } else { 0 },
            digest_follows: digest_follows.as_deref(),
        };
        match &destination.kind {
            Kind::Webhook(_) => Some(alert::alert(&case)),
            Kind::Hl7(settings) => Some(oru::oru(&case, settings)),
            Kind::Email(settings) => Some(email::mail(&case, settings)),
            Kind::Fhir(settings) => Some(fhir::bundle(&case, settings)),
            // Other objects than before, always: they name the instances that they are about.
            Kind::Pacs(_) => self.about.files.as_ref().map(|files| {
                serde_json::to_string(files).expect("texts and lists always serialize")
            }),
        }
    }

    fn is_last_of_budget(&self) -> bool {
        let next = self.result.n_pushed_today.saturating_add(1);
        self.tier == Some(Tier::Pushed) && self.rules.policy.per_day_max == Some(next)
    }

    /// All alerts that wait for the digest, this one too. Whose orders they are is not asked: somebody must hear of them.
    fn digest(&self, destination: &Destination) -> Option<NewDelivery> {
        let per_day_max = self.rules.policy.per_day_max?;
        let is_told = destination.kind.is_push()
            && destination.after_min == 0
            && destination.on.contains(&Decision::Flagged);
        if !is_told {
            return None;
        }
        let due_unix_ms = self.result.moment.digest_unix_ms;
        let links = self.rules.policy.links.as_ref();
        let entry = |key: &str, report, created_unix_ms| DigestEntry {
            report,
            created_unix_ms,
            acknowledge_url: links.map(|links| links.url(key, &destination.name)),
        };
        let held = self.result.held.iter();
        let held = held.map(|it| entry(&it.result_key, &it.report, it.created_unix_ms));
        let own = matches!(self.tier, Some(Tier::Digest(_))).then(|| {
            entry(self.result.result_key, self.result.report, self.result.moment.now_unix_ms)
        });
        let is_for_it = |report: &ScreeningReport| destination.findings.includes(report);
        let entries: Vec<_> = held.chain(own).filter(|it| is_for_it(it.report)).collect();
        if entries.is_empty() {
            return None;
        }
        let id = digest_key(due_unix_ms, &destination.name);
        let digest = Digest { id: &id, due_unix_ms, per_day_max, entries };
        let payload = match &destination.kind {
            Kind::Webhook(_) => alert::digest(&digest),
            Kind::Email(settings) => email::digest(&digest, settings),
            Kind::Pacs(_) | Kind::Hl7(_) | Kind::Fhir(_) => return None,
        };
        Some(NewDelivery {
            destination: destination.name.clone(),
            kind: DeliveryKind::Digest,
            not_before_unix_ms: Some(due_unix_ms),
            payload,
            follows: None,
            idempotency_key: id,
        })
    }
}

/// Names one result for one destination, for ever: 64 hex digits. It depends on nothing but the
/// instances, the models and the destination's name, so that even a box whose database was lost and
/// that screens its spool again is recognized by the receiver.
fn idempotency_key(result_key: &str, destination: &str) -> String {
    hash(&[result_key, destination])
}

/// Names the digest of one day for one destination.
fn digest_key(due_unix_ms: i64, destination: &str) -> String {
    hash(&["digest", &due_unix_ms.to_string(), destination])
}

/// Names the reminder about one result for one destination.
pub(super) fn reminder_key(result_key: &str, destination: &str) -> String {
    hash(&["reminder", result_key, destination])
}

fn hash(parts: &[&str]) -> String {
    format!("{:x}", Sha256::digest(parts.join("\n")))
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
