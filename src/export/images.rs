//! The images of a case: those that its volume is made of, and no others. Planning radiographs, pictures of dose
//! tables and the like, on which there is writing, have no place in a volume.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::NotExported;
use crate::db::cases::StoredCase;
use crate::dicom::ct_image::{CtImage, CtInstance, read_images};
use crate::dicom::deidentify::Deidentifier;
use crate::intake::ct_volume::VolumePlan;

/// The images of a series, as the worker read them: what gives none is passed over.
///
/// # Errors
/// When not all of its instances are kept any more.
pub(super) fn read(spool: &Path, case: &StoredCase) -> Result<Vec<CtImage>, NotExported> {
    let paths: Vec<_> = case.instances.iter().map(|it| spool.join(&it.path)).collect();
    let n_kept = paths.iter().filter(|path| path.is_file()).count();
    let n_instances = case.n_instances;
    if n_kept < n_instances {
        return Err(NotExported::ImagesGone { n_gone: n_instances - n_kept, n_instances });
    }
    let read: Vec<_> = paths.par_iter().filter_map(|path| read_images(path).ok()).collect();
    Ok(read.into_iter().flatten().collect())
}

/// Writes the de-identified instances of a volume, `IM00001.dcm` and so on in the order of its slices; says how many.
///
/// # Errors
/// The first that cannot be de-identified.
pub(super) fn write(
    folder: &Path,
    plan: &VolumePlan,
    deidentifier: &Deidentifier,
) -> Result<usize, NotExported> {
    let mut instances: Vec<&Arc<CtInstance>> = plan.slices.iter().map(|it| &it.instance).collect();
    // Frames of one instance are neighbours.
    instances.dedup_by(|a, b| Arc::ptr_eq(a, b));
    instances.par_iter().enumerate().try_for_each(|(number, instance)| {
        let to = folder.join(format!("IM{:05}.dcm", number + 1));
        let written = deidentifier.deidentify(&instance.path, &to);
        written.map(|_| ()).map_err(NotExported::Deidentify)
    })?;
    Ok(instances.len())
}
