//! What `parotidd screen --out` writes for one series.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::dicom::attributes::PatientStudy;
use crate::dicom::result_segmentation::write_result_segmentation;
use crate::dicom::segmentation::SourceSeries;
use crate::display::headless::write_png;
use crate::display::key_image::key_image;
use crate::screening::ScreeningReport;
use crate::units::Side;
use crate::worker::series::{Analysed, Detail};

/// Writes `report.json`, a picture of each gland that was found, and the outlines where there are any.
///
/// Files of an earlier screening that this one does not have are removed: a folder is one answer.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn write(folder: &Path, analysed: &Analysed) -> Result<()> {
    let Analysed { report, detail } = analysed;
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let path = folder.join("report.json");
    let text = serde_json::to_string_pretty(report)? + "\n";
    fs::write(&path, text).with_context(|| format!("could not write `{}`", path.display()))?;
    for side in Side::BOTH {
        let path = folder.join(format!("key-{side}.png"));
        let picture = detail
            .as_ref()
            .and_then(|found| key_image(&found.volume, report, &found.outlines, side));
        match picture {
            Some(picture) => write_png(&picture, &path)
                .with_context(|| format!("could not write `{}`", path.display()))?,
            None => remove(&path)?,
        }
    }
    let path = folder.join("seg.dcm");
    match detail.as_ref().filter(|found| !found.outlines.is_empty()) {
        Some(found) => write_outlines(&path, report, found),
        None => remove(&path),
    }
}

fn write_outlines(path: &Path, report: &ScreeningReport, found: &Detail) -> Result<()> {
    let slices = &found.plan.slices;
    let first = &slices.first().expect("a plan has slices").instance;
    let patient_study = PatientStudy::read(&first.path)?;
    let Some(source) = SourceSeries::from_images(slices, found.plan.geometry, patient_study) else {
        eprintln!(
            "series {}: no seg.dcm, it has no frame of reference",
            report.series_instance_uid
        );
        return remove(path);
    };
    write_result_segmentation(path, &source, report, &found.outlines)
        .with_context(|| format!("could not write `{}`", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}
