//! The outlines of the masses over the source's own images, for viewers without segmentations.

use std::path::Path;

use dicom_dictionary_std::uids;

use super::{Found, ScreenedSeries, outlines};
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::{DerivedFrom, DerivedKind};
use crate::dicom::presentation_state::{Annotation, write_presentation_state};
use crate::dicom::reference::Reference;
use crate::imaging::Mask;
use crate::imaging::contours::contours;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;

pub(super) const KIND: DerivedKind = DerivedKind {
    name: "pr",
    sop_class: uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE,
    modality: "PR",
    series_number: 9_004,
    description: "Parotid masses, AI outline, not for diagnostic use",
};

/// Writes it; `None` where no mass was outlined.
pub(super) fn write(
    path: &Path,
    series: &ScreenedSeries,
    from: &DerivedFrom,
) -> Result<Option<Reference>, WriteError> {
    let Some(found) = &series.found else { return Ok(None) };
    let names = outlines::mass_names(found.outlines.iter().map(|outline| outline.side));
    let masses: Vec<(String, Mask)> = names
        .into_iter()
        .zip(found.outlines.iter().map(|outline| outline.mask.on_grid(&found.geometry)))
        .collect();
    let mut annotations = Vec::new();
    for (slice, image) in found.slices.iter().enumerate() {
        for (name, mask) in &masses {
            let lines = contours(mask, slice);
            if !lines.is_empty() {
                let text = format!("{name}, AI, {NOT_FOR_DIAGNOSTIC_USE}");
                annotations.push(Annotation { image, lines, text });
            }
        }
    }
    // One state has one rescaling; images that differ in it cannot share one.
    if annotations.is_empty() || !is_rescaled_alike(found) {
        return Ok(None);
    }
    write_presentation_state(path, from, &KIND, &annotations)?;
    Ok(Some(from.reference(&KIND, 1)))
}

fn is_rescaled_alike(found: &Found) -> bool {
    found.slices.windows(2).all(|pair| pair[0].is_rescaled_as(&pair[1]))
}
