//! Where the masses and the glands are: a segmentation on the source's own grid.
//!
//! Segments are the glands that were found, right first, then the masses in the report's order. A gland is as coarse as
//! the localizer's grid: it shows where a mass was looked for.

use std::path::Path;

use dicom_dictionary_std::uids;

use super::{Found, ScreenedSeries};
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::{DerivedFrom, DerivedKind, PRODUCT};
use crate::dicom::reference::Reference;
use crate::dicom::segmentation::{
    Algorithm, AlgorithmKind, Segment, SegmentKind, SegmentationHeader, SourceSeries,
    write_segmentation,
};
use crate::imaging::Mask;
use crate::screening::ScreeningReport;
use crate::units::Side;

pub(super) const KIND: DerivedKind = DerivedKind {
    name: "seg",
    sop_class: uids::SEGMENTATION_STORAGE,
    modality: "SEG",
    series_number: 9_001,
    description: "Parotid masses, AI outline, not for diagnostic use",
};

/// The segmentation, and which of its segments are the masses.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) reference: Reference,
    /// Number of the segment of the first mass; the others follow.
    pub(super) first_mass: u16,
}

struct Drawn {
    label: String,
    kind: SegmentKind,
    side: Side,
    tracking_uid: String,
    mask: Mask,
}

impl Drawn {
    fn segment(&self) -> Segment<'_> {
        Segment {
            label: &self.label,
            kind: self.kind,
            side: self.side,
            tracking_uid: &self.tracking_uid,
            mask: &self.mask,
        }
    }
}

/// Writes it; `None` where there is nothing to outline, or the images have no frame of reference to outline it in.
pub(super) fn write(
    path: &Path,
    series: &ScreenedSeries,
    from: &DerivedFrom,
) -> Result<Option<Written>, WriteError> {
    let Some(found) = &series.found else { return Ok(None) };
    let patient_study = series.source.patient_study.clone();
    let source = SourceSeries::from_images(found.slices, found.geometry, patient_study);
    let drawn = draw(found, from);
    let Some(source) = source.filter(|_| !drawn.is_empty()) else { return Ok(None) };
    let segments: Vec<Segment> = drawn.iter().map(Drawn::segment).collect();
    write_segmentation(path, &source, &segments, &header(series.report, from))?;
    let n_glands = u16::try_from(found.gland_outlines.len()).expect("a patient has two glands");
    Ok(Some(Written { reference: from.reference(&KIND, 1), first_mass: n_glands + 1 }))
}

fn draw(found: &Found, from: &DerivedFrom) -> Vec<Drawn> {
    let drawn = |label: String, kind, side, mask: &Mask| Drawn {
        tracking_uid: tracking_uid(from, &label),
        label,
        kind,
        side,
        mask: mask.on_grid(&found.geometry),
    };
    let glands = found.gland_outlines.iter().map(|gland| {
        drawn(gland_name(gland.side), SegmentKind::ParotidGland, gland.side, &gland.mask)
    });
    let names = mass_names(found.outlines.iter().map(|outline| outline.side));
    let masses = found
        .outlines
        .iter()
        .zip(names)
        .map(|(outline, name)| drawn(name, SegmentKind::Mass, outline.side, &outline.mask));
    glands.chain(masses).collect()
}

/// What a gland is called in every object.
pub(super) fn gland_name(side: Side) -> String {
    match side {
        Side::Right => "Right parotid gland".to_owned(),
        Side::Left => "Left parotid gland".to_owned(),
    }
}

/// What the masses on these sides are called in every object: numbered on each side.
pub(super) fn mass_names(sides: impl Iterator<Item = Side>) -> Vec<String> {
    let mut n = [0; 2];
    sides
        .map(|side| {
            let n = &mut n[usize::from(side == Side::Left)];
            *n += 1;
            format!("Mass {n}, {side} parotid gland")
        })
        .collect()
}

/// The same for a gland or mass in every object.
pub(super) fn tracking_uid(from: &DerivedFrom, name: &str) -> String {
    from.uid(&["tracking", name])
}

fn header(report: &ScreeningReport, from: &DerivedFrom) -> SegmentationHeader {
    let (date, time) = from.content_date_time();
    let segmenter = &report.models.segmenter;
    SegmentationHeader {
        sop_instance_uid: from.reference(&KIND, 1).sop_instance.to_string(),
        series_instance_uid: from.series(&KIND),
        series_number: KIND.series_number,
        series_description: KIND.description.into(),
        content_label: "PAROTID_MASS".into(),
        content_date: date.into(),
        content_time: time.into(),
        manufacturer: PRODUCT.into(),
        model_name: PRODUCT.into(),
        serial_number: from.serial_number.clone(),
        algorithm: Algorithm {
            kind: AlgorithmKind::ArtificialIntelligence,
            name: segmenter.name.clone(),
            version: segmenter.version.clone(),
            parameters: from.made_by.clone(),
        },
        empty_frames: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_are_numbered_on_their_side() {
        let names = mass_names([Side::Right, Side::Left, Side::Left].into_iter());
        let left = ["Mass 1, left parotid gland", "Mass 2, left parotid gland"];
        assert_eq!(names, ["Mass 1, right parotid gland", left[0], left[1]]);
    }
}
