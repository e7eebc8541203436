//! Modality Performed Procedure Step (PS3.4 annex F) as values: what a scanner says it has made. No socket.
//!
//! ```text
//!  N-CREATE --> in progress --N-SET--> in progress | completed | discontinued (both final)
//! ```
//! Of a step only its status and the instances of each series are read, nothing about the patient.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{items, text};
use super::dataset_scan::{ScanError, scan_message};
use super::reference::Reference;
use super::uid::{SeriesInstanceUid, TransferSyntaxUid};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Modality Performed Procedure Step SOP Class.
pub const SOP_CLASS: &str = uids::MODALITY_PERFORMED_PROCEDURE_STEP;

/// Performed Procedure Step Status (0040,0252), PS3.3 C.4.14.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Begun.
    InProgress,
    /// Ended well; what it names is what there is.
    Completed,
    /// Broken off; what it names is what there is.
    Discontinued,
}

impl StepStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InProgress, Self::Completed, Self::Discontinued];

    /// The attribute's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Discontinued => "DISCONTINUED",
        }
    }

    /// Whether the step may no longer be changed (PS3.4 F.7.2.2.2).
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::InProgress
    }
}

/// A series of a step: an item of the Performed Series Sequence (0040,0340).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformedSeries {
    /// Series Instance UID (0020,000E).
    pub series: SeriesInstanceUid,
    /// Referenced Image Sequence (0008,1140). May be empty.
    pub images: Vec<Reference>,
}

/// What an N-CREATE or N-SET says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepChange {
    /// The new status; `None` where it stays.
    pub status: Option<StepStatus>,
    /// The series, all of them; `None` where they stay. A sequence is set as a whole (PS3.4 F.7.2.2.2).
    pub series: Option<Vec<PerformedSeries>>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It is durable.
    Done,
    /// A step of that name is there already.
    Duplicate,
    /// There is no such step.
    Unknown,
    /// The step is completed or discontinued and stays as it is.
    Final,
}

/// Why a step can't be made or changed so.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No data set, or a hostile one.
    #[error("could not read the data set")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A required attribute is not there.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
    /// A required attribute has no value.
    #[error("attribute {0} is empty")]
    Empty(&'static str),
    /// A value that is not allowed.
    #[error("attribute {0} has an impossible value")]
    Invalid(&'static str),
    /// More than [`limits::LIST_INSTANCES_MAX`] instances or [`limits::ASSOCIATION_SERIES_MAX`] series.
    #[error("too many instances or series in one procedure step")]
    TooMany,
}

impl Dispose for StepError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

impl From<ScanError> for StepError {
    fn from(error: ScanError) -> Self {
        Self::Read(Box::new(error))
    }
}

/// What an N-CREATE must bring with a value, beside the status (PS3.4 table F.7.2-1, type 1).
const REQUIRED: [(Tag, &str); 6] = [
    (tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, "ScheduledStepAttributesSequence"),
    (tags::PERFORMED_PROCEDURE_STEP_ID, "PerformedProcedureStepID"),
    (tags::PERFORMED_STATION_AE_TITLE, "PerformedStationAETitle"),
    (tags::PERFORMED_PROCEDURE_STEP_START_DATE, "PerformedProcedureStepStartDate"),
    (tags::PERFORMED_PROCEDURE_STEP_START_TIME, "PerformedProcedureStepStartTime"),
    (tags::MODALITY, "Modality"),
];
const STATUS: &str = "PerformedProcedureStepStatus";

impl StepChange {
    /// Reads the attributes of an N-CREATE. Its status is in progress, or it is refused (PS3.4 F.7.2.1.2).
    ///
    /// # Errors
    /// When it can't be read, lacks what is required, or names too much.
    pub fn of_create(data_set: &[u8], syntax: &TransferSyntaxUid) -> Result<Self, StepError> {
        let mut wanted =
            vec![tags::PERFORMED_PROCEDURE_STEP_STATUS, tags::PERFORMED_SERIES_SEQUENCE];
        wanted.extend(REQUIRED.map(|(tag, _)| tag));
        let object = scan_message(data_set, syntax, &wanted)?;
        let change = Self::read(&object)?;
        match change.status {
            None => return Err(StepError::Missing(STATUS)),
            Some(StepStatus::InProgress) => {}
            Some(_) => return Err(StepError::Invalid(STATUS)),
        }
        for (tag, name) in REQUIRED {
            let element = object.get(tag).ok_or(StepError::Missing(name))?;
            if element.items().map_or_else(|| text(&object, tag).is_none(), <[_]>::is_empty) {
                return Err(StepError::Empty(name));
            }
        }
        Ok(change)
    }

    /// Reads the modifications of an N-SET. Attributes that may not be set again are not looked at.
    ///
    /// # Errors
    /// When it can't be read, has an impossible value, or names too much.
    pub fn of_set(data_set: &[u8], syntax: &TransferSyntaxUid) -> Result<Self, StepError> {
        const WANTED: &[Tag] =
            &[tags::PERFORMED_PROCEDURE_STEP_STATUS, tags::PERFORMED_SERIES_SEQUENCE];
        Self::read(&scan_message(data_set, syntax, WANTED)?)
    }

    fn read(object: &InMemDicomObject) -> Result<Self, StepError> {
        let status = match object.get(tags::PERFORMED_PROCEDURE_STEP_STATUS) {
            None => None,
            Some(_) => {
                let value = text(object, tags::PERFORMED_PROCEDURE_STEP_STATUS);
                let value = value.ok_or(StepError::Empty(STATUS))?;
                let known = StepStatus::ALL.into_iter().find(|status| status.as_str() == value);
                Some(known.ok_or(StepError::Invalid(STATUS))?)
            }
        };
        let series = object.get(tags::PERFORMED_SERIES_SEQUENCE).map(|_| read_series(object));
        Ok(Self { status, series: series.transpose()? })
    }
}

fn images_of(series: &InMemDicomObject) -> &[InMemDicomObject] {
    items(series, tags::REFERENCED_IMAGE_SEQUENCE)
}

fn read_series(object: &InMemDicomObject) -> Result<Vec<PerformedSeries>, StepError> {
    let performed = items(object, tags::PERFORMED_SERIES_SEQUENCE);
    let n_images: usize = performed.iter().map(|item| images_of(item).len()).sum();
    if performed.len() > limits::ASSOCIATION_SERIES_MAX || n_images > limits::LIST_INSTANCES_MAX {
        return Err(StepError::TooMany);
    }
    let one = |item: &InMemDicomObject| {
        const SERIES: &str = "SeriesInstanceUID";
        let series = text(item, tags::SERIES_INSTANCE_UID).ok_or(StepError::Missing(SERIES))?;
        let images: Option<Vec<_>> = images_of(item).iter().map(Reference::read).collect();
        Ok(PerformedSeries {
            series: series.parse().map_err(|_| StepError::Invalid(SERIES))?,
            images: images.ok_or(StepError::Invalid("ReferencedImageSequence"))?,
        })
    };
    performed.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;
    use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
    use proptest::prelude::*;

    use super::*;
    use crate::dicom::attributes::{put_text, sequence};

    const SYNTAXES: [&str; 3] = [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        crate::dicom::transfer_syntax::EXPLICIT_VR_BIG_ENDIAN,
    ];

    fn object(parts: &[(Tag, VR, &str)]) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        for (tag, vr, value) in parts {
            put_text(&mut object, *tag, *vr, value);
        }
        object
    }

    fn image(instance: &str) -> InMemDicomObject {
        object(&[
            (tags::REFERENCED_SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
            (tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance),
        ])
    }

    fn series(uid: &str, images: &[&str]) -> InMemDicomObject {
        let mut item = object(&[(tags::SERIES_INSTANCE_UID, VR::UI, uid)]);
        let images = images.iter().map(|uid| image(uid)).collect();
        item.put(sequence(tags::REFERENCED_IMAGE_SEQUENCE, images));
        item
    }

    fn created() -> InMemDicomObject {
        let mut step = object(&[
            (tags::PERFORMED_PROCEDURE_STEP_ID, VR::SH, "P1"),
            (tags::PERFORMED_STATION_AE_TITLE, VR::AE, "CT1"),
            (tags::PERFORMED_PROCEDURE_STEP_START_DATE, VR::DA, "20260101"),
            (tags::PERFORMED_PROCEDURE_STEP_START_TIME, VR::TM, "120000"),
            (tags::MODALITY, VR::CS, "CT"),
            (tags::PERFORMED_PROCEDURE_STEP_STATUS, VR::CS, "IN PROGRESS"),
        ]);
        let scheduled = object(&[(tags::STUDY_INSTANCE_UID, VR::UI, "1.2")]);
        step.put(sequence(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, vec![scheduled]));
        step.put(sequence(tags::PERFORMED_SERIES_SEQUENCE, Vec::new()));
        step
    }

    fn encode(object: &InMemDicomObject, syntax: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let syntax = TransferSyntaxRegistry.get(syntax).unwrap();
        object.write_dataset_with_ts(&mut bytes, syntax).unwrap();
        bytes
    }

    #[test]
    fn a_step_is_read_in_each_syntax() {
        for syntax in SYNTAXES {
            let uid = syntax.parse().unwrap();
            let change = StepChange::of_create(&encode(&created(), syntax), &uid).unwrap();
            let begun = StepChange { status: Some(StepStatus::InProgress), series: Some(vec![]) };
            assert_eq!(change, begun, "{syntax}");
            let mut end = object(&[(tags::PERFORMED_PROCEDURE_STEP_STATUS, VR::CS, "COMPLETED")]);
            let all = vec![series("1.3", &["1.3.1", "1.3.2"]), series("1.4", &[])];
            end.put(sequence(tags::PERFORMED_SERIES_SEQUENCE, all));
            let change = StepChange::of_set(&encode(&end, syntax), &uid).unwrap();
            assert_eq!(change.status, Some(StepStatus::Completed));
            let named = change.series.unwrap();
            let names: Vec<_> =
                named.iter().map(|it| (it.series.as_str(), it.images.len())).collect();
            assert_eq!(names, [("1.3", 2), ("1.4", 0)]);
        }
        let set = encode(&object(&[(tags::MODALITY, VR::CS, "CT")]), SYNTAXES[0]);
        let change = StepChange::of_set(&set, &SYNTAXES[0].parse().unwrap()).unwrap();
        assert_eq!(change, StepChange { status: None, series: None });
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |edit: &dyn Fn(&mut InMemDicomObject), expected: &str| {
            let mut step = created();
            edit(&mut step);
            let syntax = SYNTAXES[1].parse().unwrap();
            let error = StepChange::of_create(&encode(&step, SYNTAXES[1]), &syntax).unwrap_err();
            assert_eq!(format!("{error:?}"), expected);
        };
        let put = |tag, vr, value: &'static str| {
            move |it: &mut InMemDicomObject| put_text(it, tag, vr, value)
        };
        let remove = |tag| move |it: &mut InMemDicomObject| assert!(it.remove_element(tag));
        check(&remove(tags::MODALITY), "Missing(\"Modality\")");
        check(&put(tags::MODALITY, VR::CS, ""), "Empty(\"Modality\")");
        let status = tags::PERFORMED_PROCEDURE_STEP_STATUS;
        check(&remove(status), "Missing(\"PerformedProcedureStepStatus\")");
        check(&put(status, VR::CS, "COMPLETED"), "Invalid(\"PerformedProcedureStepStatus\")");
        check(&put(status, VR::CS, "DONE"), "Invalid(\"PerformedProcedureStepStatus\")");
        check(&put(status, VR::CS, ""), "Empty(\"PerformedProcedureStepStatus\")");
        let named = |items: Vec<InMemDicomObject>| {
            move |it: &mut InMemDicomObject| {
                it.put(sequence(tags::PERFORMED_SERIES_SEQUENCE, items.clone()));
            }
        };
        let scheduled = |it: &mut InMemDicomObject| {
            it.put(sequence(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, Vec::new()));
        };
        check(&scheduled, "Empty(\"ScheduledStepAttributesSequence\")");
        check(&named(vec![series("a series", &[])]), "Invalid(\"SeriesInstanceUID\")");
        check(&named(vec![object(&[])]), "Missing(\"SeriesInstanceUID\")");
        check(&named(vec![series("1.3", &["../1"])]), "Invalid(\"ReferencedImageSequence\")");
        let many: Vec<_> =
            (0..=limits::ASSOCIATION_SERIES_MAX).map(|_| series("1.3", &[])).collect();
        check(&named(many), "TooMany");
        let uids: Vec<_> = (0..=limits::LIST_INSTANCES_MAX).map(|n| format!("1.{n}")).collect();
        let uids: Vec<_> = uids.iter().map(String::as_str).collect();
        check(&named(vec![series("1.3", &uids)]), "TooMany");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for syntax in SYNTAXES {
                let syntax = syntax.parse().unwrap();
                let _ = StepChange::of_create(&bytes, &syntax);
                let _ = StepChange::of_set(&bytes, &syntax);
            }
        }

        #[test]
        fn any_change_of_a_good_one_is_survived(
            at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(),
        ) {
            for syntax in SYNTAXES {
                let mut step = created();
                step.put(sequence(tags::PERFORMED_SERIES_SEQUENCE, vec![series("1.3", &["1.3.1"])]));
                let mut bytes = encode(&step, syntax);
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes.truncate(cut.index(bytes.len()) + 1);
                let _ = StepChange::of_create(&bytes, &syntax.parse().unwrap());
            }
        }
    }
}
