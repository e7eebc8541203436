//! A phantom as files: a DICOM CT series and, where it has glands, `truth.dcm` beside it: the layout
//! that [`super::cohort`] reads.

use std::path::{Path, PathBuf};

use super::cohort::TRUTH;
use crate::dicom::attributes::PatientStudy;
use crate::dicom::ct_series_writer::{CtEncoding, CtSeriesHeader, WriteError, write_ct_series};
use crate::dicom::segmentation::{
    Algorithm, AlgorithmKind, Segment, SegmentKind, SegmentationHeader, SourceSeries,
    write_segmentation,
};
use crate::dicom::uid::{SeriesInstanceUid, derived_uid};
use crate::phantom::elsewhere::BodyPhantom;
use crate::phantom::{Acquisition, Phantom, PhantomSpec};
use crate::phi::Phi;
use crate::units::Side;

/// All phantoms were scanned at the same invented moment: the same seed gives the same bytes.
const DATE: &str = "20260101";
const TIME: &str = "120000";

/// What was written.
#[derive(Debug, Clone)]
pub struct PhantomFiles {
    /// The CT series.
    pub series: SeriesInstanceUid,
    /// Its files, one a slice.
    pub slices: Vec<PathBuf>,
    /// The outlines.
    pub truth: PathBuf,
}

/// Writes `IM00001.dcm`, .. and `truth.dcm` into `folder`, which is created.
///
/// # Errors
/// When the disk refuses.
pub fn write_phantom(
    folder: &Path,
    spec: &PhantomSpec,
    phantom: &Phantom,
) -> Result<PhantomFiles, WriteError> {
    let description = format!("{} phantom", spec.protocol.as_str());
    let header =
        ct_header(spec.seed, &key(spec, phantom), description, "HEADNECK", &phantom.acquisition);
    create(folder)?;
    let slices = write_ct_series(folder, &phantom.volume, &header)?;
    let truth = folder.join(TRUTH);
    let source = SourceSeries::from_header(&header, *phantom.volume.geometry());
    let tracking = ["segment 1", "segment 2", "segment 3"].map(|it| truth_uid(spec, phantom, it));
    let segments = segments(phantom, &tracking);
    write_segmentation(&truth, &source, &segments, &truth_header(spec, phantom))?;
    Ok(PhantomFiles { series: header.series_instance_uid, slices, truth })
}

/// Writes `IM00001.dcm`, .. of a phantom without glands into `folder`, which is created. There is no
/// truth to write: nothing is outlined. Returns the slices' paths.
///
/// # Errors
/// When the disk refuses.
pub fn write_body_phantom(
    folder: &Path,
    seed: u64,
    phantom: &BodyPhantom,
) -> Result<Vec<PathBuf>, WriteError> {
    let part = phantom.part.as_str();
    let key = format!("{seed}-{part}-{:?}", phantom.volume.shape());
    let description = format!("{} phantom", part.replace('_', " "));
    let header = ct_header(seed, &key, description, phantom.part.examined(), &phantom.acquisition);
    create(folder)?;
    write_ct_series(folder, &phantom.volume, &header)
}

fn create(folder: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| WriteError::Write { path: folder.to_owned(), source: error.into() })
}

/// One text that names the phantom and how it was scanned.
fn key(spec: &PhantomSpec, phantom: &Phantom) -> String {
    let tumor = spec.tumor.map_or("none", Side::as_str);
    let PhantomSpec { seed, site, protocol, .. } = spec;
    let shape = phantom.volume.shape();
    format!("{seed}-{}-{}-{tumor}-{shape:?}", site.as_str(), protocol.as_str())
}

fn ct_header(
    seed: u64,
    key: &str,
    series_description: String,
    body_part: &str,
    acquisition: &Acquisition,
) -> CtSeriesHeader {
    let uid = |what: &str| derived_uid(&["parotidd phantom", what, key]);
    let valid = "derived UIDs are valid";
    CtSeriesHeader {
        patient_study: PatientStudy {
            patient_name: Phi::new(format!("PHANTOM^{seed}")),
            patient_id: Phi::new(format!("PHANTOM-{seed}")),
            sex: Phi::new("O".into()),
            study_date: Phi::new(DATE.into()),
            study_time: Phi::new(TIME.into()),
            accession_number: Phi::new(format!("P{seed}")),
            study_id: Phi::new("1".into()),
            ..PatientStudy::default()
        },
        patient_age: String::new(),
        study_instance_uid: uid("study").parse().expect(valid),
        series_instance_uid: uid("series").parse().expect(valid),
        frame_of_reference_uid: uid("frame of reference").parse().expect(valid),
        series_number: 2,
        series_description,
        series_date: DATE.into(),
        series_time: TIME.into(),
        body_part: body_part.into(),
        manufacturer: acquisition.manufacturer.clone(),
        model_name: acquisition.model_name.clone(),
        kernel: acquisition.kernel_name.clone(),
        kvp: acquisition.kvp,
        slice_thickness_mm: acquisition.slice_thickness_mm,
        encoding: CtEncoding::default(),
    }
}

/// Segments with these tracking UIDs: the right gland's, the left one's, the mass's.
fn segments<'a>(phantom: &'a Phantom, uids: &'a [String; 3]) -> Vec<Segment<'a>> {
    let [right, left] = &phantom.glands;
    let [right_uid, left_uid, mass_uid] = uids;
    let gland = |label, side, mask, tracking_uid| {
        let kind = SegmentKind::ParotidGland;
        Segment { label, kind, side, tracking_uid, mask }
    };
    let mut segments = vec![
        gland("Right parotid gland", Side::Right, right, right_uid),
        gland("Left parotid gland", Side::Left, left, left_uid),
    ];
    segments.extend(phantom.tumor.as_ref().map(|tumor| Segment {
        label: "Mass",
        kind: SegmentKind::Mass,
        side: tumor.side,
        tracking_uid: mass_uid,
        mask: &tumor.mask,
    }));
    segments
}

/// A UID of the truth of a phantom.
fn truth_uid(spec: &PhantomSpec, phantom: &Phantom, what: &str) -> String {
    derived_uid(&["phantom truth", env!("CARGO_PKG_VERSION"), &key(spec, phantom), what])
}

fn truth_header(spec: &PhantomSpec, phantom: &Phantom) -> SegmentationHeader {
    SegmentationHeader {
        sop_instance_uid: truth_uid(spec, phantom, "instance"),
        series_instance_uid: truth_uid(spec, phantom, "series"),
        series_number: 100,
        series_description: "Phantom truth, not a patient".into(),
        content_label: "PHANTOM_TRUTH".into(),
        content_date: DATE.into(),
        content_time: TIME.into(),
        manufacturer: "parotidd".into(),
        model_name: "parotidd phantom".into(),
        serial_number: "0".into(),
        algorithm: Algorithm {
            kind: AlgorithmKind::Automatic,
            name: "parotidd phantom".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            parameters: key(spec, phantom),
        },
        empty_frames: false,
    }
}
