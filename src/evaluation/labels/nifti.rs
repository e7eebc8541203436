//! Labels from NIfTI-1 files (`.nii`, `.nii.gz`): masks of one thing, or one number a thing.
//!
//! The voxels' place is that of the sform, else of the qform (Cox et al., "A (sort of) new image data
//! format standard: NIfTI-1", 2004; `nifti1.h`, methods 3 and 2). It is RAS there, so x and y change
//! their sign. A file with neither does not say where it is and is refused.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use nifti::volume::{InMemNiftiVolume, NiftiVolume, RandomAccessNiftiVolume};
use nifti::{NiftiHeader, Unit};

use super::names::{Meaning, meaning};
use super::{Label, LabelError, LabelMap, Target};
use crate::error::{Dispose, Disposition};
use crate::imaging::{Geometry, PatientPoint, Volume};
use crate::limits;

/// Bytes of the header and of the four that say whether extensions follow.
const HEADER_BYTES: u64 = 348;
const VOXELS_FROM_MIN: u64 = 352;

/// A NIfTI file could not be read as labels.
#[derive(Debug, thiserror::Error)]
pub enum NiftiError {
    /// The file cannot be opened.
    #[error("could not open the file")]
    Open(#[source] io::Error),
    /// It is no NIfTI-1, or ends too early.
    #[error("not a whole NIfTI-1 file; NIfTI-2 and Analyze have to be converted")]
    Parse(#[source] Box<::nifti::NiftiError>),
    /// A header field is impossible, or more than we read.
    #[error("header field {0} is impossible or not supported")]
    Header(&'static str),
    /// Neither sform nor qform.
    #[error("it has neither sform nor qform, so nobody knows where in the patient it is")]
    NoPlace,
    /// A voxel that is no label.
    #[error(
        "voxel value {0} is no label; labels are whole numbers (cut probabilities at 0.5 first)"
    )]
    Value(f64),
    /// A label nobody explained.
    #[error(
        "nobody says what voxel value {0} is; without other words 1 is the right gland, 2 the left \
         gland, 3 a right mass, 4 a left mass: use a file name such as `tumor_left.nii.gz` or the \
         column `labels`, e.g. `{0}=left mass`"
    )]
    Unexplained(u16),
    /// A file named after one thing that has several.
    #[error(
        "its name says one thing and it has several values; explain them in the column `labels`, \
         e.g. `1=right gland;2=left gland`"
    )]
    Several,
}

impl Dispose for NiftiError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Open(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl From<::nifti::NiftiError> for NiftiError {
    fn from(error: ::nifti::NiftiError) -> Self {
        Self::Parse(Box::new(error))
    }
}

/// Reads the labels of a file onto the target's grid, by half coverage.
pub(super) fn read(path: &Path, target: &Target<'_>) -> Result<Vec<Label>, LabelError> {
    let to_error = |source| LabelError::Nifti { path: path.to_owned(), source };
    let volume = read_values(path).map_err(to_error)?;
    let mut labels = Vec::new();
    for (name, values, meaning) in explain(path, target, &volume).map_err(to_error)? {
        let own = volume.map(|value| u8::from(values.contains(value)));
        let mask = own.on_grid(target.grid);
        if mask.n_inside() == 0 && own.n_inside() > 0 {
            return Err(LabelError::Outside { path: path.to_owned(), name });
        }
        labels.push(Label { name, kind: meaning.kind, side: meaning.side, mask });
    }
    Ok(labels)
}

/// Which values are which label: name, values, meaning.
type Explained = Vec<(String, Vec<u16>, Meaning)>;

fn explain(
    path: &Path,
    target: &Target<'_>,
    volume: &Volume<u16>,
) -> Result<Explained, NiftiError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = file_name.split(".nii").next().unwrap_or_default();
    let values = values_of(volume);
    let whole = |meaning| Ok(vec![(stem.to_owned(), values.clone(), meaning)]);
    let by_value = |map: &LabelMap| -> Explained {
        let explained = values.iter().map(|value| (value, map.of_value(*value)));
        explained.filter_map(|(v, m)| Some((format!("{stem} {v}"), vec![*v], m?))).collect()
    };
    if let Some(map) = target.map {
        if let Some(meaning) = map.of_name(&file_name).or_else(|| map.of_name(stem)) {
            return whole(meaning);
        }
        if map.has_values() {
            return Ok(by_value(map));
        }
    }
    match meaning(stem) {
        Some(_) if values.len() > 1 => Err(NiftiError::Several),
        Some(meaning) => whole(meaning),
        None => {
            let convention = LabelMap::convention();
            match values.iter().find(|value| convention.of_value(**value).is_none()) {
                Some(value) => Err(NiftiError::Unexplained(*value)),
                None => Ok(by_value(&convention)),
            }
        }
    }
}

/// All values but 0, ascending.
fn values_of(volume: &Volume<u16>) -> Vec<u16> {
    let mut seen = vec![false; usize::from(u16::MAX) + 1];
    for value in volume.voxels() {
        seen[usize::from(*value)] = true;
    }
    (1..=u16::MAX).filter(|value| seen[usize::from(*value)]).collect()
}

fn read_values(path: &Path) -> Result<Volume<u16>, NiftiError> {
    let mut source = open(path).map_err(NiftiError::Open)?;
    let mut header = NiftiHeader::from_reader(&mut source)?;
    let geometry = check_header(&header)?;
    if !header.scl_slope.is_finite() || !header.scl_inter.is_finite() {
        // Not a number stands for unscaled, as 0 does.
        header.scl_slope = 0.0;
    }
    skip_to_voxels(&mut source, &header)?;
    let volume = InMemNiftiVolume::from_reader(&mut source, &header)?;
    // Behind the voxels stands gzip's checksum of all that was read.
    skip(&mut source, limits::NIFTI_HEADER_BYTES_MAX)?;
    let mut index = vec![0_u16; volume.dimensionality()];
    let [n_slices, n_rows, n_columns] = geometry.shape();
    let mut voxels = Vec::with_capacity(geometry.n_voxels());
    for offset in 0..n_slices * n_rows * n_columns {
        // NIfTI's first axis is the fastest, so its order is ours.
        let at = [offset % n_columns, offset / n_columns % n_rows, offset / (n_columns * n_rows)];
        for (index, at) in index.iter_mut().zip(at) {
            *index = u16::try_from(at).map_err(|_| NiftiError::Header("dim"))?;
        }
        voxels.push(to_label(volume.get_f64(&index)?)?);
    }
    Ok(Volume::new(geometry, voxels).expect("one value a voxel"))
}

fn to_label(value: f64) -> Result<u16, NiftiError> {
    const ROUNDING: f64 = 1e-3;
    let whole = value.round();
    if (value - whole).abs() > ROUNDING || !(0.0..=f64::from(u16::MAX)).contains(&whole) {
        return Err(NiftiError::Value(value));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    Ok(whole as u16)
}

/// The bytes of the file, decompressed where they begin like gzip, whatever the name says.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    const GZIP: [u8; 2] = [0x1F, 0x8B];
    let mut file = BufReader::new(File::open(path)?);
    let is_gzip = file.fill_buf()?.starts_with(&GZIP);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn skip_to_voxels(source: &mut impl Read, header: &NiftiHeader) -> Result<(), NiftiError> {
    let offset = f64::from(header.vox_offset);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let possible = (0.0..=limits::NIFTI_HEADER_BYTES_MAX as f64).contains(&offset);
    if !possible || offset.fract() != 0.0 {
        return Err(NiftiError::Header("vox_offset"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    let n_bytes = (offset as u64).max(VOXELS_FROM_MIN) - HEADER_BYTES;
    skip(source, n_bytes)
}

fn skip(source: &mut impl Read, n_bytes: u64) -> Result<(), NiftiError> {
    let skipped = io::copy(&mut source.take(n_bytes), &mut io::sink());
    skipped.map(|_| ()).map_err(|error| ::nifti::NiftiError::Io(error).into())
}

/// Grid of the file, index order `[k, j, i]`, in LPS.
fn check_header(header: &NiftiHeader) -> Result<Geometry, NiftiError> {
    if &header.magic != b"n+1\0" {
        return Err(NiftiError::Header("magic: pairs of .hdr and .img"));
    }
    let dim = header.dim()?;
    let side = |axis: usize| dim.get(axis).map_or(1, |n| usize::from(*n));
    let shape = [side(2), side(1), side(0)];
    let n_voxels = shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side));
    let is_3d = dim.iter().skip(3).all(|n| *n == 1);
    // The crate reads the voxels by type and the bytes by size; it must be the same.
    let n_bits = header.data_type()?.size_of() * 8;
    if !is_3d || n_voxels.is_none_or(|n| n > limits::VOLUME_VOXELS_MAX) {
        Err(NiftiError::Header("dim"))
    } else if usize::try_from(header.bitpix) != Ok(n_bits) {
        Err(NiftiError::Header("bitpix"))
    } else {
        geometry(header, shape)
    }
}

fn geometry(header: &NiftiHeader, shape: [usize; 3]) -> Result<Geometry, NiftiError> {
    let rows: [[f64; 4]; 3] = if header.sform_code > 0 {
        [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from))
    } else if header.qform_code > 0 {
        qform(header)
    } else {
        return Err(NiftiError::NoPlace);
    };
    // Nearly all files are in mm, or do not say.
    let unit_mm = match header.xyzt_to_space() {
        Ok(Unit::Meter) => 1000.0,
        Ok(Unit::Micron) => 0.001,
        _ => 1.0,
    };
    // RAS to LPS.
    let to_lps = |column: usize| {
        let [x, y, z] = rows.map(|row| row[column] * unit_mm);
        [-x, -y, z]
    };
    let origin: PatientPoint = to_lps(3).into();
    Geometry::new(origin, [to_lps(2), to_lps(1), to_lps(0)], shape)
        .ok_or(NiftiError::Header("sform or qform"))
}

/// The affine that quaternion and `pixdim` give (`nifti1.h`, method 2).
fn qform(header: &NiftiHeader) -> [[f64; 4]; 3] {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let a = (1.0 - (b * b + c * c + d * d)).max(0.0).sqrt();
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - c * c - b * b],
    ];
    let [x, y, z] = [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from);
    let handed = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let [_, di, dj, dk, ..] = header.pixdim.map(f64::from);
    let row = |r: [f64; 3], shift: f64| [r[0] * di, r[1] * dj, r[2] * dk * handed, shift];
    [row(rotation[0], x), row(rotation[1], y), row(rotation[2], z)]
}
