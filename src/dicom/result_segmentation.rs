//! The outlines of a screening as a DICOM Segmentation: what [`super::segmentation`] writes, filled in
//! from a report.

use std::path::Path;

use super::ct_series_writer::WriteError;
use super::segmentation::{
    Algorithm, AlgorithmKind, Segment, SegmentKind, SegmentationHeader, SourceSeries,
    write_segmentation,
};
use crate::imaging::Mask;
use crate::screening::{Outline, ScreeningReport};
use crate::units::Side;

/// Series Number: far above what scanners give, so that it sorts last.
const SERIES_NUMBER: u32 = 9_001;
/// Content Date and Time of a study that has none.
const UNDATED: (&str, &str) = ("19000101", "000000");

/// Writes one segment for each outline, on the source's own grid.
///
/// The object is a function of the images and the report: it is dated as its study, so the same
/// images and versions give the same bytes.
///
/// # Errors
/// [`WriteError::Grid`] where there is no outline; otherwise see [`WriteError`].
pub fn write_result_segmentation(
    path: &Path,
    source: &SourceSeries,
    report: &ScreeningReport,
    outlines: &[Outline],
) -> Result<(), WriteError> {
    let drawn: Vec<(String, Side, Mask)> = outlines
        .iter()
        .enumerate()
        .map(|(n, outline)| {
            let nth = outlines[..=n].iter().filter(|other| other.side == outline.side).count();
            let label = format!("Mass {nth}, {} parotid gland", outline.side);
            (label, outline.side, outline.mask.on_grid(&source.geometry))
        })
        .collect();
    let segments: Vec<Segment> = drawn
        .iter()
        .map(|(label, side, mask)| Segment { label, kind: SegmentKind::Mass, side: *side, mask })
        .collect();
    write_segmentation(path, source, &segments, &header(source, report))
}

fn header(source: &SourceSeries, report: &ScreeningReport) -> SegmentationHeader {
    let about = &source.patient_study;
    let (date, time) = (about.study_date.expose(), about.study_time.expose());
    let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let has_time = time.len() >= 6 && time.is_ascii();
    SegmentationHeader {
        series_number: SERIES_NUMBER,
        series_description: "Parotid masses, AI outline, not for diagnostic use".into(),
        content_label: "PAROTID_MASS".into(),
        content_date: if is_date { date } else { UNDATED.0 }.into(),
        content_time: if is_date && has_time { &time[..6] } else { UNDATED.1 }.into(),
        manufacturer: "parotidd".into(),
        model_name: "parotidd".into(),
        serial_number: "0".into(),
        algorithm: algorithm(report),
        empty_frames: false,
    }
}

/// Everything that an outline depends on.
fn algorithm(report: &ScreeningReport) -> Algorithm {
    let models = &report.models;
    let [localizer, segmenter] = [&models.localizer, &models.segmenter]
        .map(|model| format!("{} {} sha256 {}", model.name, model.version, model.sha256));
    let decision = &models.decision;
    Algorithm {
        kind: AlgorithmKind::ArtificialIntelligence,
        name: models.segmenter.name.clone(),
        version: models.segmenter.version.clone(),
        parameters: format!(
            "{localizer}; {segmenter}; decision {} rule {} tumor_voxels_min {} on a 1 mm grid; \
             parotidd {}",
            decision.version, decision.rule, decision.tumor_voxels_min.0, report.software_version
        ),
    }
}
