//! The outlines of the masses over the source's own images, for viewers without segmentations.

use std::path::Path;

use contour::ContourBuilder;
use dicom_dictionary_std::uids;

use super::{Found, ScreenedSeries, outlines};
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::{DerivedFrom, DerivedKind};
use crate::dicom::presentation_state::{Annotation, write_presentation_state};
use crate::dicom::reference::Reference;
use crate::imaging::Mask;
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
            let lines = outline(mask, slice)?;
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

/// Closed lines around a slice's voxels, `[column, row]` from the outer corner of the first pixel.
fn outline(mask: &Mask, slice: usize) -> Result<Vec<Vec<[f32; 2]>>, WriteError> {
    let [_, n_rows, n_columns] = mask.shape();
    let voxels = mask.slice(slice);
    if voxels.iter().all(|&voxel| voxel == 0) {
        return Ok(Vec::new());
    }
    let values: Vec<f64> = voxels.iter().map(|&voxel| f64::from(voxel)).collect();
    let contours = ContourBuilder::new(n_columns, n_rows, false)
        .contours(&values, &[0.5])
        .map_err(|error| WriteError::Build(Box::new(error)))?;
    let polygons = contours.iter().flat_map(|contour| &contour.geometry().0);
    let rings = polygons.flat_map(|it| std::iter::once(it.exterior()).chain(it.interiors()));
    #[allow(clippy::cast_possible_truncation, reason = "coordinates stay below 2^16")]
    let lines = rings.map(|ring| ring.coords().map(|at| [at.x as f32, at.y as f32]).collect());
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Geometry, PatientPoint};

    #[test]
    fn lines_run_around_the_voxels() {
        let grid = Geometry::axis_aligned(PatientPoint::default(), [1.0; 3], [2, 6, 8]).unwrap();
        let mut mask = Mask::filled(grid, 0);
        for (row, column) in [(2, 3), (2, 4), (3, 3), (3, 4)] {
            let at = mask.offset([1, row, column]);
            mask.voxels_mut()[at] = 1;
        }
        assert!(outline(&mask, 0).unwrap().is_empty());
        let lines = outline(&mask, 1).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        let sides = |axis: usize| {
            let values = lines[0].iter().map(|at| at[axis]);
            (values.clone().fold(f32::MAX, f32::min), values.fold(0.0, f32::max))
        };
        // Half a pixel around the centres, which lie at 3.5 and 4.5, 2.5 and 3.5.
        assert_eq!((sides(0), sides(1)), ((3.0, 5.0), (2.0, 4.0)));
    }
}
