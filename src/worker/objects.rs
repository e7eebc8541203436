//! The objects of a job's result, on the disk before the result is in the database.

use std::path::Path;

use super::series::{Analysed, Detail};
use crate::db::jobs::Job;
use crate::delivery::{Destination, Kind, ResultFiles};
use crate::dicom::attributes::PatientStudy;
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::reference::Reference;
use crate::dicom::result_objects::{
    SERIAL_NUMBER, ScreenedSeries, Source, write_durably, write_outlines_durably,
};
use crate::error::Chain;

/// Whether any destination takes objects.
pub(super) fn are_wanted(destinations: &[Destination]) -> bool {
    destinations.iter().any(|it| matches!(it.kind, Kind::Pacs(_)))
}

/// Writes them into a folder of `results`. `None` where that failed: then the alert goes out without them, and the
/// log says so.
pub(super) fn write(
    results: &Path,
    patient: &PatientStudy,
    job: &Job,
    analysed: &Analysed,
) -> Option<ResultFiles> {
    match try_write(results, patient, job, analysed) {
        Ok(files) => Some(files),
        Err(error) => {
            tracing::error!(series = %job.series, error = %Chain(&error), "no objects of the result");
            None
        }
    }
}

/// Writes the outlines alone, for who looks at the images here. A failure costs the outlines, not the answer.
pub(super) fn write_outlines(
    results: &Path,
    patient: &PatientStudy,
    job: &Job,
    analysed: &Analysed,
) {
    let Analysed { report, detail } = analysed;
    let source = source(patient, &job.instances);
    let found = detail.as_ref().map(Detail::found);
    let series = ScreenedSeries { report, source: &source, serial_number: SERIAL_NUMBER, found };
    if let Err(error) = write_outlines_durably(results, &series) {
        tracing::error!(series = %job.series, error = %Chain(&error), "no outlines for the viewer");
    }
}

fn try_write(
    results: &Path,
    patient: &PatientStudy,
    job: &Job,
    analysed: &Analysed,
) -> Result<ResultFiles, WriteError> {
    let Analysed { report, detail } = analysed;
    let source = source(patient, &job.instances);
    let found = detail.as_ref().map(Detail::found);
    let series = ScreenedSeries { report, source: &source, serial_number: SERIAL_NUMBER, found };
    let (folder, written) = write_durably(results, &series)?;
    let names = written.iter().filter_map(|it| it.path.file_name()?.to_str().map(str::to_owned));
    Ok(ResultFiles::new(folder.into(), names.collect()))
}

/// Every instance of a job, also those that no image could be read from.
#[must_use]
pub fn source(patient: &PatientStudy, instances: &[ReceivedInstance]) -> Source {
    let reference = |it: &ReceivedInstance| Reference {
        sop_class: it.sop_class.clone(),
        sop_instance: it.sop_instance.clone(),
    };
    let mut instances: Vec<_> = instances.iter().map(reference).collect();
    instances.sort_unstable_by(|a, b| a.sop_instance.cmp(&b.sop_instance));
    Source { patient_study: patient.clone(), instances }
}
