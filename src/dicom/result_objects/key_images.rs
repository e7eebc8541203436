//! A picture of each gland that was found, for viewers that show nothing else.

use std::path::Path;

use dicom_dictionary_std::uids;
use embedded_graphics::geometry::{OriginDimensions, Size};

use super::{Found, ObjectFile, ScreenedSeries, outlines};
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::{DerivedFrom, DerivedKind};
use crate::dicom::reference::Reference;
use crate::dicom::secondary_capture::{Picture, write_secondary_capture};
use crate::display::canvas::Canvas;
use crate::display::key_image::key_image;
use crate::imaging::PatientPoint;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use crate::units::Side;

pub(super) const KIND: DerivedKind = DerivedKind {
    name: "key",
    sop_class: uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    modality: "OT",
    series_number: 9_003,
    description: "Parotid glands, AI key images, not for diagnostic use",
};

/// The pictures of the glands that were found, right first.
pub(super) fn draw(series: &ScreenedSeries) -> Vec<(Side, Canvas)> {
    let Some(found) = &series.found else { return Vec::new() };
    let draw = |side| Some((side, key_image(found.volume, series.report, found.outlines, side)?));
    Side::BOTH.into_iter().filter_map(draw).collect()
}

/// Writes `key-right.dcm` and `key-left.dcm` from the pictures that there are.
pub(super) fn write(
    folder: &Path,
    series: &ScreenedSeries,
    from: &DerivedFrom,
    pictures: &[(Side, Canvas)],
) -> Result<Vec<ObjectFile>, WriteError> {
    let Some(found) = &series.found else { return Ok(Vec::new()) };
    let mut written = Vec::new();
    for (side, canvas) in pictures {
        let side = *side;
        let number = match side {
            Side::Right => 1,
            Side::Left => 2,
        };
        let path = folder.join(file_name(side));
        let Size { width, height } = canvas.size();
        let to_u16 = |side: u32| u16::try_from(side).expect("pictures are small");
        let gland = outlines::gland_name(side);
        let picture = Picture {
            rows: to_u16(height),
            columns: to_u16(width),
            rgb: &canvas.to_rgb_bytes(),
            laterality: match side {
                Side::Right => "R",
                Side::Left => "L",
            },
            description: &format!("{gland}, {NOT_FOR_DIAGNOSTIC_USE}"),
            sources: &source(found, series, side).into_iter().collect::<Vec<_>>(),
        };
        write_secondary_capture(&path, from, &KIND, number, &picture)?;
        written.push(ObjectFile { reference: from.reference(&KIND, number), path });
    }
    Ok(written)
}

/// Name of the picture of a side.
pub(super) fn file_name(side: Side) -> &'static str {
    match side {
        Side::Right => "key-right.dcm",
        Side::Left => "key-left.dcm",
    }
}

/// The slice that the picture shows.
fn source(found: &Found, series: &ScreenedSeries, side: Side) -> Option<Reference> {
    let outlined = found.outlines.iter().find(|it| it.side == side).map(|it| it.center);
    let gland = series.report.glands.iter().find(|it| it.side == side)?;
    let at: PatientPoint = outlined.or(gland.center_mm)?;
    let [slice, _, _] = found.geometry.to_index(at);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    let image = found.slices.get(slice.round() as usize)?;
    Some(Reference {
        sop_class: image.instance.sop_class_uid.clone(),
        sop_instance: image.instance.sop_instance_uid.clone(),
    })
}
