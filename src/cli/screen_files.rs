//! What `parotidd screen --out` writes for one series.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::dicom::result_objects::{self, FILE_NAMES, SERIAL_NUMBER, ScreenedSeries, Source};
use crate::display::headless::write_png;
use crate::display::key_image::key_image;
use crate::units::Side;
use crate::worker::series::{Analysed, Detail};

/// Writes `report.json`, a picture of each gland that was found, and DICOM objects of `source`.
///
/// Files of an earlier screening that this one does not have are removed: a folder is one answer.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn write(folder: &Path, analysed: &Analysed, source: Option<&Source>) -> Result<()> {
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
    write_objects(folder, analysed, source)
}

fn write_objects(folder: &Path, analysed: &Analysed, source: Option<&Source>) -> Result<()> {
    for name in FILE_NAMES {
        remove(&folder.join(name))?;
    }
    let Some(source) = source else { return Ok(()) };
    let found = analysed.detail.as_ref().map(Detail::found);
    let report = &analysed.report;
    let series = ScreenedSeries { report, source, serial_number: SERIAL_NUMBER, found };
    let written = result_objects::write(folder, &series)
        .with_context(|| format!("could not write the objects in `{}`", folder.display()))?;
    let has_outlines = written.iter().any(|it| it.path.ends_with(FILE_NAMES[0]));
    if analysed.detail.is_some() && !has_outlines {
        let uid = &report.series_instance_uid;
        eprintln!(
            "series {uid}: no seg.dcm: no gland was found, or there is no frame of reference"
        );
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}
