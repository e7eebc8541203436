//! What a series says about itself that an order is found by.

use std::fs::File;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use jiff::civil::DateTime;

use super::attributes::{AttributesError, text};
use super::dataset_scan::{ScanError, scan};
use super::uid::{AeTitle, StudyInstanceUid};
use super::worklist::{PatientIdentity, date_time};
use crate::phi::Phi;

/// Keys of a received series. All texts may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesKeys {
    /// Study Instance UID.
    pub study: StudyInstanceUid,
    /// Accession Number (0008,0050).
    pub accession_number: Phi<String>,
    /// The patient.
    pub patient: PatientIdentity,
    /// Modality (0008,0060).
    pub modality: String,
    /// AE titles of the scanner: who sent it, Station AE Title (0008,0055), and Performed Station AE
    /// Title (0040,0241).
    pub stations: Vec<String>,
    /// Study Date and Time (0008,0020 and 0008,0030), the scanner's own time.
    pub study_time: Option<DateTime>,
}

impl SeriesKeys {
    /// Those of an instance on disk.
    ///
    /// # Errors
    /// When the file is no DICOM that can be read.
    pub fn read(
        path: &Path,
        study: StudyInstanceUid,
        calling_ae: &AeTitle,
    ) -> Result<Self, AttributesError> {
        let mut wanted: Vec<Tag> = vec![
            tags::SPECIFIC_CHARACTER_SET,
            tags::STUDY_DATE,
            tags::STUDY_TIME,
            tags::ACCESSION_NUMBER,
            tags::STATION_AE_TITLE,
            tags::MODALITY,
            tags::PERFORMED_STATION_AE_TITLE,
        ];
        wanted.extend(PatientIdentity::TAGS);
        let file = File::open(path).map_err(ScanError::Read)?;
        let length = file.metadata().map_err(ScanError::Read)?.len();
        let object = scan(file, length, &wanted)?.object;
        let mut stations = vec![calling_ae.to_string()];
        stations.extend(text(&object, tags::STATION_AE_TITLE));
        stations.extend(text(&object, tags::PERFORMED_STATION_AE_TITLE));
        Ok(Self {
            study,
            accession_number: Phi::new(text(&object, tags::ACCESSION_NUMBER).unwrap_or_default()),
            patient: PatientIdentity::of(&object),
            modality: text(&object, tags::MODALITY).unwrap_or_default(),
            stations,
            study_time: date_time(
                text(&object, tags::STUDY_DATE).as_deref(),
                text(&object, tags::STUDY_TIME).as_deref(),
            ),
        })
    }
}
