//! Series as people and programs see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::console::patients::Patient;
use crate::db::history::{AlertHistory, SeriesHistory};
use crate::db::jobs::JobState;
use crate::screening::report::{Decision, ScreeningReport};
use crate::units::Side;
use crate::worklist::matching::OrderMatch;

/// How far a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::console) enum SeriesState {
    /// Images come, or may still come.
    Receiving,
    /// It waits to be screened.
    Queued,
    /// It is being screened.
    Analysing,
    /// A mass was outlined.
    Flagged,
    /// Both glands were screened, nothing was outlined.
    NotFlagged,
    /// It could not be screened.
    NotAssessable,
}

impl SeriesState {
    /// In words.
    pub(in crate::console) fn words(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Analysing => "analysing",
            Self::Flagged => "flagged",
            Self::NotFlagged => "not flagged",
            Self::NotAssessable => "not assessable",
        }
    }

    /// A sign beside the words, so that colour is never the only difference.
    pub(in crate::console) fn sign(self) -> &'static str {
        match self {
            Self::Receiving => "↓",
            Self::Queued | Self::Analysing => "…",
            Self::Flagged => "⚑",
            Self::NotFlagged => "✓",
            Self::NotAssessable => "?",
        }
    }

    /// Name of its style.
    pub(in crate::console) fn class(self) -> &'static str {
        match self {
            Self::Receiving | Self::Queued | Self::Analysing => "busy",
            Self::Flagged => "flagged",
            Self::NotFlagged => "calm",
            Self::NotAssessable => "unknown",
        }
    }

    fn of(series: &SeriesHistory) -> Self {
        match (series.job.as_ref().map(|it| it.state), &series.answer) {
            (Some(JobState::Queued), _) => Self::Queued,
            (Some(JobState::Running), _) => Self::Analysing,
            (_, Some(answer)) => match answer.report.decision {
                Decision::Flagged => Self::Flagged,
                Decision::NotFlagged => Self::NotFlagged,
                Decision::NotAssessable => Self::NotAssessable,
            },
            (_, None) => Self::Receiving,
        }
    }
}

/// A series in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct SeriesView {
    /// Series Instance UID.
    pub(in crate::console) series_instance_uid: String,
    /// Study Instance UID.
    pub(in crate::console) study_instance_uid: String,
    /// Who sent it.
    pub(in crate::console) calling_ae_title: String,
    /// Whose it is; for roles that see patients.
    pub(in crate::console) patient: Option<PatientView>,
    /// How far it is.
    pub(in crate::console) state: SeriesState,
    /// Why it is not assessable.
    pub(in crate::console) reason: Option<ReasonView>,
    /// Images that are kept.
    pub(in crate::console) n_instances: u32,
    /// When the first came, RFC 3339.
    pub(in crate::console) first_received_at: String,
    /// When the newest came, RFC 3339.
    pub(in crate::console) last_received_at: String,
    /// When it was answered, RFC 3339.
    pub(in crate::console) answered_at: Option<String>,
    /// Flagged sides.
    #[schema(value_type = Vec<String>)]
    pub(in crate::console) sides: Vec<Side>,
    /// Volume of the largest mass, cubic centimetres.
    pub(in crate::console) volume_cm3: Option<f64>,
    /// 0 to 1.
    pub(in crate::console) score: Option<f64>,
    /// Its alert.
    pub(in crate::console) alert: Option<AlertView>,
    /// Its order in the worklist.
    pub(in crate::console) order: Option<OrderView>,
}

/// A reason.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct ReasonView {
    /// The stable code.
    pub(in crate::console) code: &'static str,
    /// For people.
    pub(in crate::console) sentence: &'static str,
}

/// A patient, as far as the images say.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct PatientView {
    /// As it is written on paper.
    pub(in crate::console) name: String,
    /// Patient ID.
    pub(in crate::console) patient_id: String,
    /// `YYYY-MM-DD`.
    pub(in crate::console) birth_date: String,
    /// `F`, `M`, `O`.
    pub(in crate::console) sex: String,
    /// Accession Number.
    pub(in crate::console) accession_number: String,
    /// `YYYY-MM-DD`.
    pub(in crate::console) study_date: String,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct AlertView {
    /// For people.
    pub(in crate::console) number: i64,
    /// `open`, `acknowledged` or `withdrawn`.
    pub(in crate::console) state: String,
    /// RFC 3339.
    pub(in crate::console) opened_at: String,
    /// RFC 3339.
    pub(in crate::console) closed_at: Option<String>,
    /// Who.
    pub(in crate::console) acknowledged_by: Option<String>,
    /// How.
    pub(in crate::console) acknowledged_via: Option<String>,
    /// Whether it waited for a digest.
    pub(in crate::console) is_held: bool,
}

/// An order, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct OrderView {
    /// Whether there is one.
    pub(in crate::console) is_matched: bool,
    /// By what it was found, or why it was not.
    pub(in crate::console) code: String,
    /// Requested Procedure Description.
    pub(in crate::console) description: Option<String>,
    /// Referring Physician.
    pub(in crate::console) referring_physician: Option<String>,
}

impl SeriesView {
    /// Of what is stored; with `patient` for roles that see patients.
    pub(in crate::console) fn new(series: &SeriesHistory, patient: Option<&Patient>) -> Self {
        let report = series.answer.as_ref().map(|it| &it.report);
        let is_flagged = |it: &&ScreeningReport| it.decision == Decision::Flagged;
        Self {
            series_instance_uid: series.series.to_string(),
            study_instance_uid: series.study.to_string(),
            calling_ae_title: series.calling_ae.clone(),
            patient: patient.map(PatientView::new),
            state: SeriesState::of(series),
            reason: report
                .and_then(|it| it.reason)
                .map(|it| ReasonView { code: it.code(), sentence: it.sentence() }),
            n_instances: series.n_instances,
            first_received_at: rfc3339(series.first_unix_ms),
            last_received_at: rfc3339(series.last_unix_ms),
            answered_at: series.answer.as_ref().map(|it| rfc3339(it.created_unix_ms)),
            sides: report.map(ScreeningReport::flagged_sides).unwrap_or_default(),
            volume_cm3: report
                .filter(is_flagged)
                .and_then(ScreeningReport::largest_kept)
                .map(|it| it.volume_cm3.0),
            score: report.map(|it| it.score),
            alert: series.alert.as_ref().map(AlertView::new),
            order: series.order.as_ref().filter(|_| patient.is_some()).map(OrderView::new),
        }
    }
}

impl PatientView {
    fn new(patient: &Patient) -> Self {
        Self {
            name: patient.name.expose().clone(),
            patient_id: patient.id.expose().clone(),
            birth_date: patient.birth_date.expose().clone(),
            sex: patient.sex.expose().clone(),
            accession_number: patient.accession_number.expose().clone(),
            study_date: patient.study_date.expose().clone(),
        }
    }
}

impl AlertView {
    fn new(alert: &AlertHistory) -> Self {
        Self {
            number: alert.number,
            state: alert.state.clone(),
            opened_at: rfc3339(alert.opened_unix_ms),
            closed_at: alert.closed_unix_ms.map(rfc3339),
            acknowledged_by: alert.acknowledged_by.clone(),
            acknowledged_via: alert.acknowledged_via.clone(),
            is_held: alert.is_held,
        }
    }

    /// Whether somebody should look.
    pub(in crate::console) fn is_open(&self) -> bool {
        self.state == "open"
    }
}

impl OrderView {
    fn new(order: &OrderMatch) -> Self {
        match order {
            OrderMatch::Matched { order, by } => Self {
                is_matched: true,
                code: serde_json::to_value(by)
                    .ok()
                    .and_then(|it| it.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                description: Some(order.requested_procedure_description.expose().clone()),
                referring_physician: Some(order.referring_physician.expose().clone()),
            },
            OrderMatch::Unmatched(reason) => Self {
                is_matched: false,
                code: reason.code().to_owned(),
                description: None,
                referring_physician: None,
            },
        }
    }
}
