//! Labels from RT Structure Sets.

use std::path::Path;

use super::{Label, LabelError, Target, none_named};
use crate::dicom::structure_set_reader::{Roi, StructureSetError, read_structure_set};
use crate::imaging::polygon::fill_contours;
use crate::limits;

/// Reads the structures that are glands or masses. One that was never drawn is none.
pub(super) fn read(path: &Path, target: &Target<'_>) -> Result<Vec<Label>, LabelError> {
    let to_error = |source| LabelError::StructureSet { path: path.to_owned(), source };
    let rois = read_structure_set(path, |name| target.meaning_of_name(name).is_some())
        .map_err(to_error)?;
    let mut labels = Vec::new();
    let mut n_named = 0;
    for roi in &rois {
        let Some(meaning) = target.meaning_of_name(&roi.name) else { continue };
        n_named += 1;
        if n_named > limits::SEGMENTS_MAX {
            return Err(to_error(StructureSetError::TooMany(roi.name.clone())));
        }
        if roi.contours.is_empty() {
            continue;
        }
        if !is_on(roi, target) {
            return Err(LabelError::FrameOfReference { path: path.to_owned() });
        }
        let (path, name) = (path.to_owned(), roi.name.clone());
        let mask = match fill_contours(&roi.contours, target.grid) {
            Ok(mask) if mask.n_inside() == 0 => return Err(LabelError::Outside { path, name }),
            Ok(mask) => mask,
            Err(source) => return Err(LabelError::Contours { path, name, source }),
        };
        labels.push(Label { name, kind: meaning.kind, side: meaning.side, mask });
    }
    if n_named == 0 {
        let names: Vec<_> = rois.into_iter().map(|roi| roi.name).collect();
        return Err(none_named(path, &names));
    }
    Ok(labels)
}

/// Whether a structure was drawn in the CT's coordinates, as far as both say.
fn is_on(roi: &Roi, target: &Target<'_>) -> bool {
    match (&roi.frame_of_reference_uid, target.frame_of_reference_uid) {
        (Some(of_roi), Some(of_ct)) => of_roi == of_ct,
        _ => true,
    }
}
