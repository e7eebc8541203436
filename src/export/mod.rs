//! Series of this site as a cohort for others: de-identified images, outlines and a table.
//!
//! ```text
//!  database --newest answer, verdicts--> truth --+
//!  spool ------images of the volume--------------+--deidentify--> OUT/<case>/IM00001.dcm, ..
//!  results/<uid>/seg.dcm, or made again ---------+--deidentify--> OUT/<case>/truth.dcm
//!                                                +--------------> OUT/cohort.csv
//! ```
//!
//! Cases and patients have pseudonyms that only who has `export.key` can go back from. Nothing is sent anywhere, and
//! nothing in the database or the spool is changed.

mod images;
pub mod key;
mod masks;
mod table;
pub mod truth;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use self::key::ExportKey;
pub use self::table::table;
use self::truth::{CaseTruth, Label, has_mass, truth};
use crate::clock::Clock;
use crate::db::cases::StoredCase;
use crate::dicom::attributes::{AttributesError, PatientStudy};
use crate::dicom::ct_image::CtImage;
use crate::dicom::ct_pixels::same_pixels;
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::deidentify::{Dates, Deidentifier, DeidentifyError};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::segmentation_reader::SegmentationError;
use crate::dicom::series_keys::SeriesKeys;
use crate::error::{Dispose, Disposition};
use crate::evaluation::cohort::TRUTH;
use crate::intake::completeness::CompleteBy;
use crate::intake::ct_volume::{Refusal, assemble};
use crate::reason::Reason;
use crate::screening::screener::ScreenError;
use crate::screening::{Decision, Screener, ScreeningReport};
use crate::units::{CubicCentimeters, Side};
use crate::verdict::Review;
use crate::worker::objects;

/// What is exported, from where, to where.
#[derive(Debug)]
pub struct Exporter<'a> {
    /// The folder that instances' paths start from.
    pub spool: PathBuf,
    /// The folder of the results' objects.
    pub results: PathBuf,
    /// A folder of ours for what still has the patient in it.
    pub scratch: PathBuf,
    /// The cohort's folder.
    pub out: PathBuf,
    /// The site's secret.
    pub key: ExportKey,
    /// Whether dates are kept, shifted.
    pub with_modified_dates: bool,
    /// Whether answers that nobody judged are taken for the truth.
    pub with_unreviewed: bool,
    /// Screens again what has no outlines.
    pub screener: &'a Screener,
    /// For the screening's timing.
    pub clock: &'a dyn Clock,
}

/// A case that was exported. Holds no patient data.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedCase {
    /// Its name, and that of its folder.
    pub name: String,
    /// The patient's pseudonym.
    pub patient: String,
    /// What is known of it.
    pub truth: CaseTruth,
    /// Volume of the largest mass that is outlined and true.
    pub tumor_cm3: Option<CubicCentimeters>,
    /// The answer that it had.
    pub decision: Decision,
    /// What people said about it.
    pub review: Review,
    /// How the series was known to be complete.
    pub complete_by: CompleteBy,
    /// Networks and program, with versions.
    pub made_by: String,
    /// Images written.
    pub n_images: usize,
    /// Whether it was screened again for its outlines.
    pub is_screened_again: bool,
}

/// Why a series was not exported. Holds no patient data.
#[derive(Debug, thiserror::Error)]
pub enum NotExported {
    /// It has no answer to learn from.
    #[error("it is not assessable ({0})")]
    NotAssessable(Reason),
    /// Nobody judged it.
    #[error("nobody has judged it; --unreviewed takes the networks' own answer for the truth")]
    Unreviewed,
    /// Retention was faster.
    #[error("{n_gone} of its {n_instances} images are no longer kept")]
    ImagesGone {
        /// How many.
        n_gone: usize,
        /// Of how many.
        n_instances: usize,
    },
    /// The images are no volume.
    #[error("its images are no volume")]
    Assemble(#[source] Refusal),
    /// Nobody can tell whose it is.
    #[error("could not tell whose it is")]
    Patient(#[source] AttributesError),
    /// It could not be screened again.
    #[error("it has no outlines, and could not be screened again for them")]
    Screen(#[source] ScreenError),
    /// Screening it again gave something else.
    #[error(
        "it has no outlines, and the networks of today give another answer than the one that is stored"
    )]
    OtherAnswer,
    /// Nothing is outlined.
    #[error("no gland is outlined: none was found, or the images have no frame of reference")]
    NoOutlines,
    /// The outlines are not those of the answer.
    #[error(
        "its outlines lack a mass that its answer has; remove its folder under results/ to have them made again"
    )]
    OtherOutlines,
    /// The outlines can't be read.
    #[error("could not read its outlines")]
    ReadOutlines(#[source] SegmentationError),
    /// The outlines can't be written.
    #[error("could not write its outlines")]
    WriteOutlines(#[source] WriteError),
    /// An image or its outlines can't be de-identified.
    #[error("it was not de-identified")]
    Deidentify(#[source] DeidentifyError),
    /// The cohort's folder can't be written.
    #[error("could not write `{path}`")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Dispose for NotExported {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Write { .. }
            | Self::Deidentify(DeidentifyError::Write { .. })
            | Self::WriteOutlines(WriteError::Write { .. }) => Disposition::Retry,
            Self::Screen(source) => source.disposition(),
            _ => Disposition::Reject,
        }
    }
}

impl Exporter<'_> {
    /// Exports one series. Where that fails nothing of it is left in the cohort's folder.
    ///
    /// # Errors
    /// Why it was left out. [`Disposition::Retry`] is about the folder, and all others would fail too.
    pub fn export(&self, case: &StoredCase) -> Result<ExportedCase, NotExported> {
        let report = &case.report;
        if report.decision == Decision::NotAssessable {
            let reason = report.reason.unwrap_or(Reason::AnalysisFailed);
            return Err(NotExported::NotAssessable(reason));
        }
        let truth = truth(report, &case.review);
        if truth.label == Label::Unreviewed && !self.with_unreviewed {
            return Err(NotExported::Unreviewed);
        }
        let images = images::read(&self.spool, case)?;
        let patient = self.pseudonym(case)?;
        let name = self.key.case(&patient, &case.series);
        let folder = self.out.join(&name);
        let written = self.write(&folder, &patient, case, &truth, images);
        if written.is_err() {
            // The reason why it is left out says more than why a part of it stays.
            let _ = fs::remove_dir_all(&folder);
        }
        let Written { n_images, has_mass, is_screened_again } = written?;
        Ok(ExportedCase {
            tumor_cm3: has_mass.then(|| largest(report, &truth)).flatten(),
            name,
            patient,
            truth,
            decision: report.decision,
            review: case.review.clone(),
            complete_by: case.complete_by,
            made_by: made_by(report),
            n_images,
            is_screened_again,
        })
    }

    fn pseudonym(&self, case: &StoredCase) -> Result<String, NotExported> {
        let n_instances = case.n_instances;
        let gone = NotExported::ImagesGone { n_gone: n_instances, n_instances };
        let first = case.instances.first().ok_or(gone)?;
        let path = self.spool.join(&first.path);
        let keys = SeriesKeys::read(&path, case.study.clone(), &first.calling_ae)
            .map_err(NotExported::Patient)?;
        Ok(self.key.patient(&keys.patient, &case.study))
    }

    fn write(
        &self,
        folder: &Path,
        patient: &str,
        case: &StoredCase,
        truth: &CaseTruth,
        images: Vec<CtImage>,
    ) -> Result<Written, NotExported> {
        let write_error = |path: &Path| {
            let path = path.to_owned();
            move |source| NotExported::Write { path, source }
        };
        let plan = assemble(images.clone(), same_pixels).map_err(NotExported::Assemble)?;
        let read = |it: &ReceivedInstance| PatientStudy::read(&self.spool.join(&it.path)).ok();
        let patient_study = case.instances.iter().find_map(read).unwrap_or_default();
        let source = objects::source(&patient_study, &case.instances);
        let report = &case.report;
        let stored = masks::written(&self.results, report, &source);
        let is_screened_again = stored.is_none();
        let outlines = match stored {
            Some(path) => path,
            None => {
                let path = self.scratch.join("made.dcm");
                masks::make(&path, case, &source, images, (self.screener, self.clock))?;
                path
            }
        };
        let segments = masks::TrueSegments::read(&outlines, &plan, truth)?;
        let reviewed = self.scratch.join("reviewed.dcm");
        let outlines = if segments.is_whole { outlines } else { reviewed };
        if !segments.is_whole {
            segments.write(&outlines, &plan, &source, report)?;
        }
        fs::create_dir(folder).map_err(write_error(folder))?;
        let deidentifier = Deidentifier {
            uids: self.key.uids(),
            dates: match self.with_modified_dates {
                true => self.key.shifted_dates(patient),
                false => Dates::Removed,
            },
            pseudonym: patient.to_owned(),
        };
        let n_images = images::write(folder, &plan, &deidentifier)?;
        deidentifier.deidentify(&outlines, &folder.join(TRUTH)).map_err(NotExported::Deidentify)?;
        Ok(Written { n_images, has_mass: segments.has_mass, is_screened_again })
    }
}

/// What is in a case's folder.
struct Written {
    n_images: usize,
    has_mass: bool,
    is_screened_again: bool,
}

/// Volume of the largest mass on a side whose outline is true.
fn largest(report: &ScreeningReport, truth: &CaseTruth) -> Option<CubicCentimeters> {
    let is_true =
        |side: Side| truth.of(side) == truth::SideTruth::Outlined && has_mass(report, side);
    let kept = report.candidates.iter().filter(|it| it.kept && is_true(it.side));
    kept.map(|it| it.volume_cm3).max_by(|a, b| a.0.total_cmp(&b.0))
}

fn made_by(report: &ScreeningReport) -> String {
    let models = &report.models;
    let [localizer, segmenter] =
        [&models.localizer, &models.segmenter].map(|it| format!("{} {}", it.name, it.version));
    format!("{localizer} {segmenter} parotidd {}", report.software_version)
}

#[cfg(test)]
mod tests;
