//! Everything that one result becomes for other systems: DICOM objects in a folder.
//!
//! ```text
//!  report, images, outlines --+--> seg.dcm            where each mass is, and the gland around it
//!                             +--> sr.dcm             what was measured, or why not (TID 1500)
//!                             +--> key-<side>.dcm     a picture of each gland, for who sees nothing else
//!                             +--> gsps.dcm           the outlines over the source's own images
//!                             +--> report.dcm         one page to read or print
//! ```
//! All are a function of the images and the report: the same result gives the same bytes.

mod key_images;
mod lines;
mod measurement_report;
mod outlines;
mod page;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::uids;

use crate::dicom::attributes::{AttributesError, PatientStudy};
use crate::dicom::ct_image::CtImage;
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::{DerivedFrom, DerivedKind};
use crate::dicom::encapsulated_pdf::write_encapsulated_pdf;
use crate::dicom::reference::Reference;
use crate::imaging::{Geometry, Volume};
use crate::screening::gland::GlandOutline;
use crate::screening::report::{ModelIdentity, NOT_FOR_DIAGNOSTIC_USE};
use crate::screening::{Outline, ScreeningReport};
use crate::units::Hounsfield;

/// Patient, study and instances of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Patient and study.
    pub patient_study: PatientStudy,
    /// Every instance that an answer is about, in order of their UIDs.
    pub instances: Vec<Reference>,
}

impl Source {
    /// Of images of one series; `None` where there is none.
    ///
    /// # Errors
    /// When the first one's file cannot be read any more.
    pub fn of_images(images: &[CtImage]) -> Result<Option<Self>, AttributesError> {
        let Some(first) = images.first() else { return Ok(None) };
        let patient_study = PatientStudy::read(&first.instance.path)?;
        let reference = |image: &CtImage| Reference {
            sop_class: image.instance.sop_class_uid.clone(),
            sop_instance: image.instance.sop_instance_uid.clone(),
        };
        let mut instances: Vec<_> = images.iter().map(reference).collect();
        instances.sort_unstable_by(|a, b| a.sop_instance.cmp(&b.sop_instance));
        instances.dedup();
        Ok(Some(Self { patient_study, instances }))
    }
}

/// What its objects are.
pub const SOP_CLASSES: [&str; 5] = [
    outlines::KIND.sop_class,
    measurement_report::KIND.sop_class,
    key_images::KIND.sop_class,
    lines::KIND.sop_class,
    PAGE.sop_class,
];

/// A result and what it was found in.
#[derive(Debug, Clone)]
pub struct ScreenedSeries<'a> {
    /// The answer.
    pub report: &'a ScreeningReport,
    /// What it is about.
    pub source: &'a Source,
    /// Serial number of this appliance.
    pub serial_number: &'a str,
    /// `None` where the series is no volume.
    pub found: Option<Found<'a>>,
}

/// The volume of a series, and what is in it.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// In the order of the geometry's slices.
    pub slices: &'a [CtImage],
    /// Where the slices are.
    pub geometry: Geometry,
    /// The slices.
    pub volume: &'a Volume<Hounsfield>,
    /// One for each kept candidate of the report, in their order.
    pub outlines: &'a [Outline],
    /// The glands that were found.
    pub gland_outlines: &'a [GlandOutline],
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFile {
    /// What it is to DICOM.
    pub reference: Reference,
    /// Where it lies.
    pub path: PathBuf,
}

/// Name of the outlines' file.
pub const OUTLINES: &str = "seg.dcm";
/// Name of the page's file.
pub const PAGE_FILE: &str = "report.dcm";
/// Names of the files that there may be.
pub const FILE_NAMES: [&str; 6] =
    [OUTLINES, "sr.dcm", "key-right.dcm", "key-left.dcm", "gsps.dcm", PAGE_FILE];

const PAGE: DerivedKind = DerivedKind {
    name: "page",
    sop_class: uids::ENCAPSULATED_PDF_STORAGE,
    modality: "DOC",
    series_number: 9_005,
    description: "Parotid screening, AI result, not for diagnostic use",
};

/// Device Serial Number of an appliance that has none.
pub const SERIAL_NUMBER: &str = "0";

/// As [`write`], into a folder of `root` that is the result's own; says its name. All of it is durable on the disk.
///
/// # Errors
/// As [`write`].
pub fn write_durably(
    root: &Path,
    series: &ScreenedSeries,
) -> Result<(String, Vec<ObjectFile>), WriteError> {
    durably(root, series, |folder| write(folder, series))
}

/// As [`write_outlines`], into the folder that [`write_durably`] gives the result. It is durable on the disk.
///
/// # Errors
/// As [`write`].
pub fn write_outlines_durably(root: &Path, series: &ScreenedSeries) -> Result<(), WriteError> {
    let outlines = |folder: &Path| {
        let path = folder.join(OUTLINES);
        let written = write_outlines(&path, series)?;
        Ok(written.map(|reference| ObjectFile { reference, path }).into_iter().collect())
    };
    durably(root, series, outlines).map(|_| ())
}

fn durably(
    root: &Path,
    series: &ScreenedSeries,
    write: impl FnOnce(&Path) -> Result<Vec<ObjectFile>, WriteError>,
) -> Result<(String, Vec<ObjectFile>), WriteError> {
    let name = folder_name(series.report, series.source, series.serial_number);
    let folder = root.join(&name);
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source: std::io::Error| WriteError::Write { path, source: Box::new(source) }
    };
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let written = write(&folder)?;
    let files = written.iter().map(|it| it.path.as_path());
    for path in files.chain([folder.as_path(), root]).chain(root.parent()) {
        File::open(path).and_then(|file| file.sync_all()).map_err(failed(path))?;
    }
    Ok((name, written))
}

/// Writes all objects of a result into an existing folder.
///
/// # Errors
/// When the images cannot be outlined or the folder cannot be written, see [`WriteError`].
pub fn write(folder: &Path, series: &ScreenedSeries) -> Result<Vec<ObjectFile>, WriteError> {
    let from = derived_from(series);
    let mut written = Vec::new();
    let [seg, sr, _, _, gsps, report] = FILE_NAMES.map(|name| folder.join(name));
    let segmentation = outlines::write(&seg, series, &from)?;
    written.extend(
        segmentation.as_ref().map(|it| ObjectFile { reference: it.reference.clone(), path: seg }),
    );
    let reference = measurement_report::write(&sr, series, &from, segmentation.as_ref())?;
    written.push(ObjectFile { reference, path: sr });
    let pictures = key_images::draw(series);
    written.extend(key_images::write(folder, series, &from, &pictures)?);
    let lines = lines::write(&gsps, series, &from)?;
    written.extend(lines.map(|reference| ObjectFile { reference, path: gsps }));
    let pdf = page::pdf(series, &from, &pictures)?;
    write_encapsulated_pdf(&report, &from, &PAGE, &pdf, &series.source.instances)?;
    written.push(ObjectFile { reference: from.reference(&PAGE, 1), path: report });
    Ok(written)
}

/// Writes the outlines alone; `None` where there is nothing to outline, or the images have no frame of reference to
/// outline it in.
///
/// # Errors
/// As [`write`].
pub fn write_outlines(
    path: &Path,
    series: &ScreenedSeries,
) -> Result<Option<Reference>, WriteError> {
    let written = outlines::write(path, series, &derived_from(series))?;
    Ok(written.map(|it| it.reference))
}

/// The folder that [`write_durably`] gives a result.
#[must_use]
pub fn folder_name(report: &ScreeningReport, source: &Source, serial_number: &str) -> String {
    derived_from(&ScreenedSeries { report, source, serial_number, found: None }).uid(&["folder"])
}

fn derived_from(series: &ScreenedSeries) -> DerivedFrom {
    let report = series.report;
    let instances = series.source.instances.iter().map(|it| it.sop_instance.as_str());
    let instances = instances.collect::<Vec<_>>().join(" ");
    let made_by = made_by(report);
    let key = [report.series_instance_uid.as_str(), &made_by, &instances].join("\n");
    DerivedFrom {
        patient_study: series.source.patient_study.clone(),
        study: report.study_instance_uid.parse().expect("a report names its study"),
        key,
        made_by,
        serial_number: series.serial_number.to_owned(),
    }
}

/// Everything but the images that an answer depends on.
fn made_by(report: &ScreeningReport) -> String {
    let about = |it: &ModelIdentity| format!("{} {} sha256 {}", it.name, it.version, it.sha256);
    let models = &report.models;
    let decision = &models.decision;
    format!(
        "{NOT_FOR_DIAGNOSTIC_USE}; {}; {}; decision {} rule {} tumor_voxels_min {} on a 1 mm grid; \
         parotidd {}",
        about(&models.localizer),
        about(&models.segmenter),
        decision.version,
        decision.rule,
        decision.tumor_voxels_min.0,
        report.software_version
    )
}
