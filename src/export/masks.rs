//! The outlines of a case, as far as they are true.

use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::db::cases::StoredCase;
use crate::dicom::ct_image::CtImage;
use crate::dicom::derived_object::PRODUCT;
use crate::dicom::result_objects::{
    OUTLINES, SERIAL_NUMBER, ScreenedSeries, Source, folder_name, write_outlines,
};
use crate::dicom::segmentation::{
    Algorithm, AlgorithmKind, Segment, SegmentKind, SegmentationHeader, SourceSeries,
    write_segmentation,
};
use crate::dicom::segmentation_reader::{ReadSegment, SegmentDescription, read_segmentation};
use crate::dicom::uid::derived_uid;
use crate::intake::ct_volume::VolumePlan;
use crate::screening::{Screener, ScreeningReport};
use crate::status::Stage;
use crate::units::{Side, VoxelCount};
use crate::worker::series::{Analysis, Detail, SeriesIdentity};

use super::NotExported;
use super::truth::{CaseTruth, SideTruth};

/// Where the outlines of a result lie; `None` where none were written.
pub(super) fn written(
    results: &Path,
    report: &ScreeningReport,
    source: &Source,
) -> Option<PathBuf> {
    let path = results.join(folder_name(report, source, SERIAL_NUMBER)).join(OUTLINES);
    path.is_file().then_some(path)
}

/// Screens a series again, for its outlines, and writes them to `path`.
///
/// # Errors
/// When it cannot be screened, gives another answer than the one that is stored (other networks, other rules), or has
/// nothing to outline.
pub(super) fn make(
    path: &Path,
    case: &StoredCase,
    source: &Source,
    images: Vec<CtImage>,
    (screener, clock): (&Screener, &dyn Clock),
) -> Result<(), NotExported> {
    let on_stage = |_: Stage| ();
    let analysis = Analysis { screener, clock, on_stage: &on_stage, ahead: None };
    let identity = SeriesIdentity {
        study: case.study.clone(),
        series: case.series.clone(),
        accession_number: crate::phi::Phi::default(),
    };
    let analysed = analysis.analyse(&identity, images, &[]).map_err(NotExported::Screen)?;
    if findings(&analysed.report) != findings(&case.report) {
        return Err(NotExported::OtherAnswer);
    }
    let found = analysed.detail.as_ref().map(Detail::found);
    let report = &case.report;
    let series = ScreenedSeries { report, source, serial_number: SERIAL_NUMBER, found };
    let reference = write_outlines(path, &series).map_err(NotExported::WriteOutlines)?;
    reference.map(|_| ()).ok_or(NotExported::NoOutlines)
}

/// What two reports have in common that say the same.
fn findings(report: &ScreeningReport) -> (crate::screening::Decision, Vec<(Side, VoxelCount)>) {
    let kept = report.candidates.iter().filter(|it| it.kept);
    (report.decision, kept.map(|it| (it.side, it.voxels)).collect())
}

/// The segments of a segmentation that are true.
#[derive(Debug)]
pub(super) struct TrueSegments {
    segments: Vec<ReadSegment>,
    /// Whether they are all that the file has.
    pub(super) is_whole: bool,
    /// Whether one of them is a mass.
    pub(super) has_mass: bool,
}

impl TrueSegments {
    /// Reads them, on the grid of the volume.
    ///
    /// # Errors
    /// When the file is no segmentation of that volume, or nothing in it is true.
    pub(super) fn read(
        path: &Path,
        plan: &VolumePlan,
        truth: &CaseTruth,
    ) -> Result<Self, NotExported> {
        let mut segments =
            read_segmentation(path, &plan.geometry).map_err(NotExported::ReadOutlines)?;
        let n_all = segments.len();
        segments.retain(|it| is_true(&it.description, truth));
        if segments.is_empty() {
            return Err(NotExported::NoOutlines);
        }
        let is_outlined = |side: Side| {
            let mass = (Some(SegmentKind::Mass), Some(side));
            segments.iter().any(|it| (it.description.kind, it.description.side) == mass)
        };
        let mut outlined = truth.sides_that_are(SideTruth::Outlined).peekable();
        let has_mass = outlined.peek().is_some();
        if !outlined.all(is_outlined) {
            return Err(NotExported::OtherOutlines);
        }
        Ok(Self { is_whole: segments.len() == n_all, has_mass, segments })
    }

    /// Writes them alone, as a segmentation of the volume's own images.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(
        &self,
        path: &Path,
        plan: &VolumePlan,
        source: &Source,
        report: &ScreeningReport,
    ) -> Result<(), NotExported> {
        let patient_study = source.patient_study.clone();
        let series = SourceSeries::from_images(&plan.slices, plan.geometry, patient_study)
            .ok_or(NotExported::NoOutlines)?;
        let uid = |what: &str| derived_uid(&["export", report.series_instance_uid.as_str(), what]);
        let tracking: Vec<_> = self.segments.iter().map(|it| uid(&it.description.label)).collect();
        let segments: Vec<_> = self.segments.iter().zip(&tracking).filter_map(segment).collect();
        let header = header(report, &series, &uid);
        write_segmentation(path, &series, &segments, &header).map_err(NotExported::WriteOutlines)
    }
}

/// A gland stays whatever is in it: it says where to look.
fn is_true(segment: &SegmentDescription, truth: &CaseTruth) -> bool {
    match (segment.kind, segment.side) {
        (Some(SegmentKind::ParotidGland), Some(_)) => true,
        (Some(SegmentKind::Mass), Some(side)) => truth.of(side) == SideTruth::Outlined,
        _ => false,
    }
}

fn segment<'a>((read, tracking_uid): (&'a ReadSegment, &'a String)) -> Option<Segment<'a>> {
    let SegmentDescription { label, kind, side, .. } = &read.description;
    Some(Segment { label, kind: (*kind)?, side: (*side)?, tracking_uid, mask: &read.mask })
}

/// A program drew it, a person took some away.
fn header(
    report: &ScreeningReport,
    series: &SourceSeries,
    uid: &dyn Fn(&str) -> String,
) -> SegmentationHeader {
    let segmenter = &report.models.segmenter;
    SegmentationHeader {
        sop_instance_uid: uid("instance"),
        series_instance_uid: uid("series"),
        series_number: 9_001,
        series_description: "Parotid masses, reviewed, not for diagnostic use".into(),
        content_label: "PAROTID_MASS".into(),
        content_date: series.patient_study.study_date.expose().clone(),
        content_time: series.patient_study.study_time.expose().clone(),
        manufacturer: PRODUCT.into(),
        model_name: PRODUCT.into(),
        serial_number: SERIAL_NUMBER.into(),
        algorithm: Algorithm {
            kind: AlgorithmKind::Semiautomatic,
            name: segmenter.name.clone(),
            version: segmenter.version.clone(),
            parameters: String::new(),
        },
        empty_frames: false,
    }
}
