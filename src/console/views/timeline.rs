//! What happened to a series, in order.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::db::audit::{AuditEvent, AuditKind};
use crate::db::history::SeriesHistory;
use crate::db::jobs::JobState;
use crate::screening::report::Decision;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::console) struct TimelineEvent {
    /// RFC 3339.
    pub(in crate::console) at: String,
    /// What, for people.
    pub(in crate::console) what: String,
    /// Who, where it was not the appliance.
    pub(in crate::console) who: Option<String>,
    #[serde(skip)]
    unix_ms: i64,
}

impl TimelineEvent {
    fn new(unix_ms: i64, what: impl Into<String>, who: Option<&str>) -> Self {
        let who = who.filter(|it| *it != "parotidd").map(str::to_owned);
        Self { at: rfc3339(unix_ms), what: what.into(), who, unix_ms }
    }
}

/// The events of a series, oldest first.
pub(in crate::console) fn timeline(
    series: &SeriesHistory,
    audit: &[AuditEvent],
) -> Vec<TimelineEvent> {
    let sender = Some(series.calling_ae.as_str());
    let mut events = vec![TimelineEvent::new(series.first_unix_ms, "first image", sender)];
    if series.n_instances > 1 {
        let n = series.n_instances;
        events.push(TimelineEvent::new(series.last_unix_ms, format!("{n} images"), sender));
    }
    if let Some(job) = &series.job {
        let missing = match job.n_missing {
            0 => String::new(),
            n => format!(", {n} named by the scanner did not come"),
        };
        let what = format!("complete, by {}{missing}", job.complete_by.as_str().replace('_', " "));
        events.push(TimelineEvent::new(job.queued_unix_ms, what, None));
        if let (JobState::Failed, Some(at)) = (job.state, job.finished_unix_ms) {
            let why = job.error.as_deref().unwrap_or("the log says why");
            events.push(TimelineEvent::new(at, format!("screening failed: {why}"), None));
        }
    }
    if let Some(answer) = &series.answer {
        let decision = match answer.report.decision {
            Decision::Flagged => "flagged",
            Decision::NotFlagged => "not flagged",
            Decision::NotAssessable => "not assessable",
        };
        let again = if answer.is_update { ", in place of an earlier answer" } else { "" };
        let ms = answer.report.timing_ms.total;
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a screening")]
        let what = format!("{decision}{again} ({:.1} s)", ms as f64 / 1000.0);
        events.push(TimelineEvent::new(answer.created_unix_ms, what, None));
    }
    for AuditEvent { event, .. } in audit {
        let what = words(event.kind);
        let detail =
            if event.detail.is_empty() { String::new() } else { format!(" ({})", event.detail) };
        let what = format!("{what}{detail}");
        events.push(TimelineEvent::new(event.at_unix_ms, what, Some(&event.actor)));
    }
    // The sort is stable: what happened in one millisecond stays in the order of its making.
    events.sort_by_key(|it| it.unix_ms);
    events
}

/// An event of the audit trail in words.
pub(in crate::console) fn words(kind: AuditKind) -> &'static str {
    match kind {
        AuditKind::AlertOpened => "alert opened",
        AuditKind::Delivered => "delivered",
        AuditKind::Refused => "refused",
        AuditKind::Acknowledged => "acknowledged",
        AuditKind::Withdrawn => "alert withdrawn",
        AuditKind::FeedbackGiven => "judged",
        AuditKind::ReportReceived => "radiologist's report came",
        AuditKind::Exported => "exported",
        AuditKind::LoggedIn => "logged in",
        AuditKind::LoggedOut => "logged out",
        AuditKind::LogInFailed => "log-in failed",
        AuditKind::LockedOut => "locked out",
        AuditKind::UserChanged => "account changed",
        AuditKind::SeriesOpened => "images opened",
        AuditKind::DeliveryRetried => "delivery tried again",
        AuditKind::RefusalSeen => "refused delivery acknowledged",
        AuditKind::ImagesRemoved => "images removed",
        AuditKind::LateImages => "late images not screened",
        AuditKind::ResultsRemoved => "results removed",
        AuditKind::Restored => "backup restored",
        AuditKind::Rebuilt => "database made anew",
        AuditKind::ResultsExported => "results written to a medium",
        AuditKind::SettingsChanged => "settings changed",
        AuditKind::ServiceMode => "service mode started",
        AuditKind::PeerAsked => "another system was asked",
    }
}
