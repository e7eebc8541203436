//! Which order a series belongs to. Pure: the series' keys and the worklist's entries in, one order or
//! the reason why none, out.
//!
//! | found by | when |
//! |---|---|
//! | Study Instance UID | the same, and not another patient's |
//! | Accession Number | the same, with the same Patient ID |
//! | patient and time | Patient ID, modality and station are the same, the scheduled time is near, the entry is still on the worklist, and the birth date or else the name agrees |
//!
//! The first row that finds anything decides. Entries of one order, its procedure steps, count as one;
//! two orders are one too many, and then none is taken: a wrong order sends a report to the wrong
//! doctor. A Patient ID alone never finds anything: sites reuse them, and scanners take them from the
//! patient before.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::dicom::series_keys::SeriesKeys;
use crate::dicom::worklist::{PatientIdentity, ScheduledProcedureStep};
use crate::limits::SCHEDULE_DISTANCE_MAX;
use crate::phi::Phi;

/// What is taken from the worklist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// Accession Number (0008,0050).
    pub accession_number: Phi<String>,
    /// Requested Procedure ID (0040,1001).
    pub requested_procedure_id: Phi<String>,
    /// Requested Procedure Description (0032,1060).
    pub requested_procedure_description: Phi<String>,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician: Phi<String>,
    /// Scheduled Station AE Titles of all its steps.
    pub stations: Vec<String>,
}

/// What an order was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// Study Instance UID.
    StudyInstanceUid,
    /// Accession Number and Patient ID.
    AccessionNumber,
    /// Patient, confirmed by a second identifier, with modality, station and time.
    PatientAndTime,
}

/// Why no order was taken. Codes are never renamed or reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// No entry of the worklist fits.
    NoWorklistEntry,
    /// More than one order fits.
    AmbiguousWorklistEntries,
    /// The entry that fits does not have the Patient ID of the series.
    PatientDiffers,
    /// One order fits, by nothing that confirms the Patient ID.
    PatientNotConfirmed,
    /// The series' own header could not be read.
    UnreadableSeries,
}

impl Unmatched {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NoWorklistEntry,
        Self::AmbiguousWorklistEntries,
        Self::PatientDiffers,
        Self::PatientNotConfirmed,
        Self::UnreadableSeries,
    ];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoWorklistEntry => "no_worklist_entry",
            Self::AmbiguousWorklistEntries => "ambiguous_worklist_entries",
            Self::PatientDiffers => "patient_differs",
            Self::PatientNotConfirmed => "patient_not_confirmed",
            Self::UnreadableSeries => "unreadable_series",
        }
    }
}

/// What became of a series' order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderMatch {
    /// It has one.
    Matched {
        /// Which.
        order: Order,
        /// How it was found.
        by: MatchedBy,
    },
    /// It has none.
    Unmatched(Unmatched),
}

impl OrderMatch {
    /// The order.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Matched { order, .. } => Some(order),
            Self::Unmatched(_) => None,
        }
    }
}

/// An entry that may fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As the worklist had it.
    pub entry: ScheduledProcedureStep,
    /// Whether the newest whole answer had it still. One that is gone was begun, or cancelled.
    pub is_listed: bool,
}

/// Finds the order of a series.
#[must_use]
pub fn match_order(keys: &SeriesKeys, candidates: &[Candidate]) -> OrderMatch {
    let of_study: Vec<_> =
        candidates.iter().filter(|it| it.entry.study.as_ref() == Some(&keys.study)).collect();
    if !of_study.is_empty() {
        if of_study.iter().any(|it| is_other_patient(&keys.patient, &it.entry.patient)) {
            return OrderMatch::Unmatched(Unmatched::PatientDiffers);
        }
        return one_order(&of_study, MatchedBy::StudyInstanceUid);
    }
    let (of_patient, of_others): (Vec<_>, Vec<_>) = candidates
        .iter()
        .filter(|it| is_same(&keys.accession_number, &it.entry.accession_number))
        .partition(|it| is_same_patient_id(&keys.patient, &it.entry.patient));
    if !of_patient.is_empty() {
        return one_order(&of_patient, MatchedBy::AccessionNumber);
    }
    let near: Vec<_> = candidates.iter().filter(|it| is_near(keys, it)).collect();
    match one_order(&near, MatchedBy::PatientAndTime) {
        OrderMatch::Matched { .. }
            if !near.iter().all(|it| is_confirmed(&keys.patient, &it.entry.patient)) =>
        {
            OrderMatch::Unmatched(Unmatched::PatientNotConfirmed)
        }
        OrderMatch::Unmatched(Unmatched::NoWorklistEntry) if !of_others.is_empty() => {
            OrderMatch::Unmatched(Unmatched::PatientDiffers)
        }
        found => found,
    }
}

/// The order that all entries belong to.
fn one_order(entries: &[&Candidate], by: MatchedBy) -> OrderMatch {
    let Some((first, others)) = entries.split_first() else {
        return OrderMatch::Unmatched(Unmatched::NoWorklistEntry);
    };
    if others.iter().any(|other| !is_same_order(&first.entry, &other.entry)) {
        return OrderMatch::Unmatched(Unmatched::AmbiguousWorklistEntries);
    }
    let entry = &first.entry;
    let mut stations: Vec<_> = entries.iter().flat_map(|it| it.entry.stations.clone()).collect();
    stations.sort_unstable();
    stations.dedup();
    let order = Order {
        accession_number: entry.accession_number.clone(),
        requested_procedure_id: entry.requested_procedure_id.clone(),
        requested_procedure_description: entry.requested_procedure_description.clone(),
        referring_physician: entry.referring_physician.clone(),
        stations,
    };
    OrderMatch::Matched { order, by }
}

/// Whether two entries are steps of one order: all that is taken from them is the same.
fn is_same_order(a: &ScheduledProcedureStep, b: &ScheduledProcedureStep) -> bool {
    a.study == b.study
        && a.accession_number == b.accession_number
        && a.patient.id == b.patient.id
        && a.requested_procedure_id == b.requested_procedure_id
        && a.requested_procedure_description == b.requested_procedure_description
        && a.referring_physician == b.referring_physician
}

fn is_same(a: &Phi<String>, b: &Phi<String>) -> bool {
    !a.expose().is_empty() && a == b
}

fn differs(a: &Phi<String>, b: &Phi<String>) -> bool {
    !a.expose().is_empty() && !b.expose().is_empty() && a != b
}

fn is_same_patient_id(a: &PatientIdentity, b: &PatientIdentity) -> bool {
    is_same(&a.id, &b.id) && !differs(&a.issuer, &b.issuer)
}

fn is_other_patient(a: &PatientIdentity, b: &PatientIdentity) -> bool {
    differs(&a.id, &b.id) || differs(&a.issuer, &b.issuer)
}

fn is_near(keys: &SeriesKeys, candidate: &Candidate) -> bool {
    let entry = &candidate.entry;
    candidate.is_listed
        && is_same_patient_id(&keys.patient, &entry.patient)
        && !differs(&keys.accession_number, &entry.accession_number)
        && !keys.modality.is_empty()
        && keys.modality == entry.modality
        && entry.stations.iter().any(|station| keys.stations.contains(station))
        && keys.study_time.zip(entry.start).is_some_and(|(at, start)| is_soon(at, start))
}

fn is_soon(a: DateTime, b: DateTime) -> bool {
    let apart = a.duration_since(b).unsigned_abs();
    apart <= SCHEDULE_DISTANCE_MAX
}

/// Whether something beside the Patient ID says that it is the same person. A name is written in many
/// ways, so another name says nothing; another birth date does.
fn is_confirmed(a: &PatientIdentity, b: &PatientIdentity) -> bool {
    let names = |name: &Phi<String>| -> Vec<String> {
        let groups = name.expose().split('=');
        let plain = groups.map(|group| group.trim_matches(['^', ' ']).to_lowercase());
        plain.filter(|group| !group.is_empty()).collect()
    };
    let is_same_name = || names(&a.name).iter().any(|name| names(&b.name).contains(name));
    !differs(&a.birth_date, &b.birth_date)
        && (is_same(&a.birth_date, &b.birth_date) || is_same_name())
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
