//! Modality Worklist (PS3.4 annex K) as values: what is asked, and what is answered. No socket.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use super::attributes::{items, put_text, sequence, text, texts};
use super::dataset_scan::{ScanError, scan_message};
use super::uid::{AeTitle, StudyInstanceUid};
use crate::error::{Dispose, Disposition};
use crate::phi::Phi;

/// SOP class of the query.
pub const SOP_CLASS: &str = uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND;

/// Why an answer, or our own query, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WorklistError {
    /// No data set, or a hostile one.
    #[error("could not read the identifier")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing to know it again by.
    #[error("the entry has neither a study nor an accession number nor a patient id")]
    Nameless,
    /// The query could not be encoded.
    #[error("could not encode the query")]
    Encode(#[source] Box<dicom_object::WriteError>),
}

impl Dispose for WorklistError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

impl From<ScanError> for WorklistError {
    fn from(error: ScanError) -> Self {
        Self::Read(Box::new(error))
    }
}

/// What the scanners are to do between two days: CT, on one station or on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorklistQuery {
    /// Scheduled Station AE Title (0040,0001); any where it is absent.
    pub station: Option<AeTitle>,
    /// First day, the site's own time.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

impl WorklistQuery {
    /// The identifier, in Implicit VR Little Endian (PS3.4 table K.6-1). What is empty is asked for.
    ///
    /// # Errors
    /// When it cannot be encoded; it always can.
    pub fn identifier(&self) -> Result<Vec<u8>, WorklistError> {
        let day = |date: Date| date.strftime("%Y%m%d").to_string();
        let days = format!("{}-{}", day(self.from), day(self.to));
        let station = self.station.as_ref().map_or("", AeTitle::as_str);
        let mut step = InMemDicomObject::new_empty();
        for (tag, vr, value) in [
            (tags::MODALITY, VR::CS, "CT"),
            (tags::SCHEDULED_STATION_AE_TITLE, VR::AE, station),
            (tags::SCHEDULED_PROCEDURE_STEP_START_DATE, VR::DA, &days),
            (tags::SCHEDULED_PROCEDURE_STEP_START_TIME, VR::TM, ""),
            (tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, VR::LO, ""),
            (tags::SCHEDULED_PROCEDURE_STEP_ID, VR::SH, ""),
        ] {
            put_text(&mut step, tag, vr, value);
        }
        let mut identifier = InMemDicomObject::new_empty();
        // No key has other letters than ASCII; this says what answers may be written in.
        put_text(&mut identifier, tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        for (tag, vr) in RETURNED {
            identifier.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
        }
        identifier.put(sequence(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]));
        let implicit = TransferSyntaxRegistry
            .get(uids::IMPLICIT_VR_LITTLE_ENDIAN)
            .expect("the registry has the default transfer syntax");
        let mut bytes = Vec::new();
        identifier
            .write_dataset_with_ts(&mut bytes, implicit)
            .map_err(|error| WorklistError::Encode(Box::new(error)))?;
        Ok(bytes)
    }
}

/// What is asked for beside the procedure step.
const RETURNED: [(Tag, VR); 10] = [
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::REQUESTED_PROCEDURE_DESCRIPTION, VR::LO),
    (tags::REQUESTED_PROCEDURE_ID, VR::SH),
];

/// Who it is about. All may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatientIdentity {
    /// Patient ID (0010,0020).
    pub id: Phi<String>,
    /// Issuer of Patient ID (0010,0021): whose number that is.
    pub issuer: Phi<String>,
    /// Patient's Name (0010,0010).
    pub name: Phi<String>,
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    pub birth_date: Phi<String>,
}

impl PatientIdentity {
    pub(super) const TAGS: [Tag; 4] = [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::ISSUER_OF_PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
    ];

    pub(super) fn of(object: &InMemDicomObject) -> Self {
        let value = |tag| Phi::new(text(object, tag).unwrap_or_default());
        Self {
            id: value(tags::PATIENT_ID),
            issuer: value(tags::ISSUER_OF_PATIENT_ID),
            name: value(tags::PATIENT_NAME),
            birth_date: value(tags::PATIENT_BIRTH_DATE),
        }
    }
}

/// One entry of the worklist: a procedure step, and the order that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScheduledProcedureStep {
    /// Study Instance UID (0020,000D); `None` where it is no UID.
    pub study: Option<StudyInstanceUid>,
    /// Accession Number (0008,0050).
    pub accession_number: Phi<String>,
    /// The patient.
    pub patient: PatientIdentity,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician: Phi<String>,
    /// Requested Procedure ID (0040,1001).
    pub requested_procedure_id: Phi<String>,
    /// Requested Procedure Description (0032,1060).
    pub requested_procedure_description: Phi<String>,
    /// Scheduled Procedure Step ID (0040,0009).
    pub step_id: Phi<String>,
    /// Scheduled Procedure Step Description (0040,0007).
    pub step_description: Phi<String>,
    /// Modality (0008,0060).
    pub modality: String,
    /// Scheduled Station AE Title (0040,0001), one or more.
    pub stations: Vec<String>,
    /// Scheduled start (0040,0002 and 0040,0003), the site's own time; midnight where only the day is
    /// given.
    pub start: Option<DateTime>,
}

impl ScheduledProcedureStep {
    /// Reads an answer's identifier.
    ///
    /// # Errors
    /// When it is no data set, or names nothing.
    pub fn parse(identifier: &[u8]) -> Result<Self, WorklistError> {
        const WANTED: &[Tag] = &[
            tags::SPECIFIC_CHARACTER_SET,
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
            tags::PATIENT_NAME,
            tags::PATIENT_ID,
            tags::ISSUER_OF_PATIENT_ID,
            tags::PATIENT_BIRTH_DATE,
            tags::STUDY_INSTANCE_UID,
            tags::REQUESTED_PROCEDURE_DESCRIPTION,
            tags::REQUESTED_PROCEDURE_ID,
            tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE,
        ];
        // The only syntax that is proposed.
        let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN.parse().expect("a UID");
        let object = &scan_message(identifier, &syntax, WANTED)?;
        let empty = InMemDicomObject::new_empty();
        // Each answer has one item (PS3.4 table K.6-1).
        let step = items(object, tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).first();
        let step = step.unwrap_or(&empty);
        let value = |tag| Phi::new(text(object, tag).unwrap_or_default());
        let of_step = |tag| Phi::new(text(step, tag).unwrap_or_default());
        let stations = texts(step, tags::SCHEDULED_STATION_AE_TITLE).unwrap_or_default();
        let entry = Self {
            study: text(object, tags::STUDY_INSTANCE_UID).and_then(|uid| uid.parse().ok()),
            accession_number: value(tags::ACCESSION_NUMBER),
            patient: PatientIdentity::of(object),
            referring_physician: value(tags::REFERRING_PHYSICIAN_NAME),
            requested_procedure_id: value(tags::REQUESTED_PROCEDURE_ID),
            requested_procedure_description: value(tags::REQUESTED_PROCEDURE_DESCRIPTION),
            step_id: of_step(tags::SCHEDULED_PROCEDURE_STEP_ID),
            step_description: of_step(tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
            modality: text(step, tags::MODALITY).unwrap_or_default(),
            stations: stations.into_iter().filter(|title| !title.is_empty()).collect(),
            start: date_time(
                text(step, tags::SCHEDULED_PROCEDURE_STEP_START_DATE).as_deref(),
                text(step, tags::SCHEDULED_PROCEDURE_STEP_START_TIME).as_deref(),
            ),
        };
        let named = entry.study.is_some()
            || !entry.accession_number.expose().is_empty()
            || !entry.patient.id.expose().is_empty();
        if named { Ok(entry) } else { Err(WorklistError::Nameless) }
    }
}

/// DA and TM as a time of the site's clock (PS3.5 table 6.2-1); midnight without a TM that can be read,
/// `None` without such a DA.
pub(super) fn date_time(date: Option<&str>, time: Option<&str>) -> Option<DateTime> {
    let number = |text: &str, from: usize, length: usize| -> Option<i8> {
        let digits = text.get(from..from + length)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let date = date?;
    let year: i16 = date.get(..4)?.parse().ok()?;
    let date = Date::new(year, number(date, 4, 2)?, number(date, 6, 2)?).ok()?;
    let time = time.unwrap_or_default();
    let part = |at| number(time, at, 2).unwrap_or(0);
    let time = jiff::civil::Time::new(part(0), part(2), part(4), 0);
    Some(date.to_datetime(time.unwrap_or(jiff::civil::Time::midnight())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query() -> WorklistQuery {
        let day = |day| Date::new(2026, 1, day).unwrap();
        WorklistQuery { station: Some("CT1".parse().unwrap()), from: day(1), to: day(3) }
    }

    #[test]
    fn the_query_names_what_it_matches_and_what_it_wants() {
        let bytes = query().identifier().unwrap();
        assert_eq!(bytes.len() % 2, 0);
        let read = ScheduledProcedureStep::parse(&bytes).unwrap_err();
        assert!(matches!(read, WorklistError::Nameless), "{read:?}");
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        assert!(has(b"20260101-20260103 ") && has(b"CT1 ") && has(b"ISO_IR 192"));
        for (tag, _) in RETURNED {
            let head = [tag.group().to_le_bytes(), tag.element().to_le_bytes(), [0; 2], [0; 2]];
            assert!(has(&head.concat()), "{tag} is asked for, empty");
        }
        let anywhere = WorklistQuery { station: None, ..query() }.identifier().unwrap();
        assert!(anywhere.len() < bytes.len());
    }

    #[test]
    fn times_are_read_as_far_as_they_are_given() {
        let check = |date: Option<&str>, time: Option<&str>, expected: Option<&str>| {
            let read = date_time(date, time).map(|it| it.to_string());
            assert_eq!(read.as_deref(), expected, "{date:?} {time:?}");
        };
        check(Some("20260131"), Some("134501.25"), Some("2026-01-31T13:45:01"));
        check(Some("20260131"), Some("13"), Some("2026-01-31T13:00:00"));
        check(Some("20260131"), Some("nonsense"), Some("2026-01-31T00:00:00"));
        check(Some("20260131"), Some("99"), Some("2026-01-31T00:00:00"));
        check(Some("20260131"), None, Some("2026-01-31T00:00:00"));
        check(Some("20260231"), Some("13"), None);
        check(Some("2026"), None, None);
        check(Some("2026+1+1"), None, None);
        check(None, Some("13"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = ScheduledProcedureStep::parse(&bytes);
        }

        #[test]
        fn damaged_answers_are_survived(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let mut bytes = query().identifier().unwrap();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut.max(8));
            let _ = ScheduledProcedureStep::parse(&bytes);
        }

        #[test]
        fn any_times_are_survived(date: String, time: String) {
            let _ = date_time(Some(&date), Some(&time));
        }
    }
}
