//! A radiologist's report out of a message: ORU^R01 (HL7 v2.5.1 chapter 7) or MDM (chapter 9).
//!
//! | what | where |
//! |---|---|
//! | patient | PID-3, then PID-2 and PID-4 of older versions |
//! | accession number | IPC-1, OBR-18 (IHE RAD, Results Distribution), OBR-3, ORC-3, TXA-15, OBR-20, OBR-2, ORC-2, TXA-14 |
//! | study | IPC-3, ZDS-1, OBX of the concept 113014 or alike |
//! | status | OBR-25, OBX-11; TXA-17, TXA-19 and the event |
//! | who signed | OBR-32; TXA-22, TXA-9, TXA-10 |
//! | text | OBX-5 of texts; NTE-3 where there are none |
//!
//! Pure. Vendors differ in where they put a number, so there are candidates in an order, and whoever knows the studies
//! looks for the first that is one.

mod body;
mod concept;
mod identifiers;
mod status;

use super::ack::{Answer, Condition};
use super::read::Message;
use crate::error::{Dispose, Disposition};
use crate::limits;
use crate::phi::Phi;

/// How far a report is (tables 0123, 0085, 0271).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultStatus {
    /// Not yet signed.
    Preliminary,
    /// Signed.
    Final,
    /// Signed again, after a change or with an addendum. It takes the place of what was sent before.
    Corrected,
    /// Taken back, or its order was cancelled: what was sent before is void.
    Deleted,
}

/// Who answers for a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Their number; may be empty.
    pub id: Phi<String>,
    /// Their name, `Family^Given`; may be empty.
    pub name: Phi<String>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadiologyReport {
    /// Identifiers of the patient; those that are a hospital's come first.
    pub patient_ids: Vec<Phi<String>>,
    /// What may be the Accession Number (0008,0050), the likeliest first.
    pub accession_numbers: Vec<Phi<String>>,
    /// Study Instance UIDs (0020,000D).
    pub study_instance_uids: Vec<String>,
    /// How far it is.
    pub status: ResultStatus,
    /// Who answers for it: who signed it, or who dictated it.
    pub signed_by: Vec<Person>,
    /// Its text; a line `FINDINGS:` or the like stands where the message names a section. May be empty where it was
    /// deleted, and where it is a document.
    pub text: Phi<String>,
    /// Documents within the message (PDF, RTF), which are not read.
    pub n_documents: usize,
}

/// What is no report that can be used. No text holds anything of the message but codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// Another kind of message.
    #[error("{kind:?} carries no report; send ORU^R01, or MDM^T02, T04, T06, T08, T10 or T11")]
    Kind {
        /// Code and event, at most some characters.
        kind: String,
    },
    /// A result of another department (OBR-24).
    #[error("the result is of section {0:?} (OBR-24), which is no imaging")]
    NotImaging(String),
    /// Only the state of an order.
    #[error("the order has no result yet (OBR-25)")]
    NoResult,
    /// It does not say what it is about.
    #[error("the report names neither patient (PID-3) nor order (OBR-18, OBR-3) nor study")]
    NoIdentifiers,
    /// There is nothing to read.
    #[error("the report has no text (OBX-5 of type TX, FT, ST, CE or CWE)")]
    NoText,
    /// There is too much to read.
    #[error("the report's text is longer than {} bytes", limits::REPORT_TEXT_BYTES_MAX)]
    TooLong,
}

impl NotAReport {
    /// What to answer. Feeds bring more than reports: what is nothing to us is taken and dropped, as a refusal would
    /// stop the feed.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let condition = match self {
            Self::NotImaging(_) | Self::NoResult => return Answer::Accepted,
            Self::Kind { kind } if kind.starts_with("MDM") => Condition::UnsupportedEventCode,
            Self::Kind { .. } => Condition::UnsupportedMessageType,
            Self::NoIdentifiers | Self::NoText => Condition::RequiredFieldMissing,
            Self::TooLong => Condition::ApplicationInternalError,
        };
        Answer::Refused(condition, self.to_string())
    }
}

impl Dispose for NotAReport {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// Sections of table 0074 (OBR-24) that make no images. Others, and none, may be radiology.
const NOT_IMAGING: &[&str] = &[
    "LAB", "CH", "HM", "MB", "MCB", "MYC", "VR", "SP", "SR", "BG", "BLB", "CP", "TX", "IMM", "OT",
    "PHR", "PHY", "PT", "RC", "RT", "EC", "EN", "PF", "ICU", "AU",
];

impl RadiologyReport {
    /// Reads a report.
    ///
    /// # Errors
    /// Where the message is none that can be used.
    pub fn read(message: &Message) -> Result<Self, NotAReport> {
        let header = message.header();
        let (code, event) = (header.message_code.as_str(), header.trigger_event.as_str());
        let is_report = match code {
            "ORU" => ["", "R01"].contains(&event),
            "MDM" => ["T02", "T04", "T06", "T08", "T10", "T11"].contains(&event),
            _ => false,
        };
        if !is_report {
            let short = |text: &str| text.chars().take(8).collect::<String>();
            return Err(NotAReport::Kind { kind: format!("{}^{}", short(code), short(event)) });
        }
        let orders = message.segments().filter(|it| it.name() == "OBR");
        let sections: Vec<_> = orders.map(|it| it.value(24, 1).to_ascii_uppercase()).collect();
        if let Some(section) = sections.first()
            && sections.iter().all(|it| NOT_IMAGING.contains(&it.as_str()))
        {
            return Err(NotAReport::NotImaging(section.clone()));
        }
        let status = status::status(message)?;
        let body = body::body(message)?;
        let report = Self {
            patient_ids: identifiers::patient_ids(message),
            accession_numbers: identifiers::accession_numbers(message),
            study_instance_uids: identifiers::study_instance_uids(message),
            status,
            signed_by: identifiers::signed_by(message),
            text: Phi::new(body.text),
            n_documents: body.n_documents,
        };
        let is_empty = report.text.expose().is_empty() && report.n_documents == 0;
        if is_empty && status != ResultStatus::Deleted {
            return Err(NotAReport::NoText);
        }
        if report.patient_ids.is_empty()
            && report.accession_numbers.is_empty()
            && report.study_instance_uids.is_empty()
        {
            return Err(NotAReport::NoIdentifiers);
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
