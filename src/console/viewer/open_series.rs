//! A series whose images were looked through: which image is which slice, and what was outlined on it.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::console::problem::Problem;
use crate::dicom::attributes::PatientStudy;
use crate::dicom::ct_image::{CtImage, read_images};
use crate::dicom::ct_pixels::{decode_pixels, same_pixels};
use crate::dicom::received::ReceivedInstance;
use crate::dicom::result_objects::{OUTLINES, SERIAL_NUMBER, folder_name};
use crate::dicom::segmentation::SegmentKind;
use crate::dicom::segmentation_reader::read_segmentation;
use crate::error::Chain;
use crate::imaging::contours::contours;
use crate::intake::ct_volume::{VolumePlan, assemble};
use crate::screening::ScreeningReport;
use crate::units::{Hounsfield, Side};
use crate::worker::objects;

/// Lines on the slices: closed, `[column, row]` from the outer corner of the first pixel.
pub(super) type Lines = BTreeMap<usize, Vec<Vec<[f32; 2]>>>;

/// What is outlined.
#[derive(Debug)]
pub(super) struct OutlinedSegment {
    pub(super) label: String,
    pub(super) kind: SegmentKind,
    pub(super) side: Option<Side>,
    pub(super) lines: Lines,
}

/// A series that can be shown.
#[derive(Debug)]
pub(in crate::console) struct OpenSeries {
    pub(super) plan: VolumePlan,
    /// `None` where nothing is kept of what was outlined.
    pub(super) segments: Option<Vec<OutlinedSegment>>,
    /// The answer that the outlines are of.
    pub(super) report: Option<ScreeningReport>,
}

impl OpenSeries {
    /// Reads headers and outlines. Blocks for a tenth of a second.
    pub(super) fn open(
        spool: &Path,
        results: &Path,
        instances: &[ReceivedInstance],
        report: Option<ScreeningReport>,
    ) -> Result<Self, Problem> {
        let read: Vec<_> =
            instances.par_iter().map(|it| read_images(&spool.join(&it.path))).collect();
        // A file that gives no image is a hole in the series: the answer said so, and the others can still be seen.
        let images: Vec<CtImage> = read.into_iter().filter_map(Result::ok).flatten().collect();
        if images.is_empty() {
            let text = "No image of this series can be read any more.";
            return Err(Problem::Unreadable(text.to_owned()));
        }
        let plan = assemble(images, same_pixels).map_err(|refusal| {
            Problem::Unreadable(format!(
                "These images are no volume that can be shown here: {} Look at them in the PACS.",
                refusal.reason.sentence()
            ))
        })?;
        let segments = report.as_ref().and_then(|report| {
            let patient =
                instances.iter().find_map(|it| PatientStudy::read(&spool.join(&it.path)).ok());
            let source = objects::source(&patient.unwrap_or_default(), instances);
            let folder = results.join(folder_name(report, &source, SERIAL_NUMBER));
            segments(&folder.join(OUTLINES), &plan)
        });
        Ok(Self { plan, segments, report })
    }

    /// How many slices.
    pub(in crate::console) fn n_slices(&self) -> usize {
        self.plan.slices.len()
    }

    /// Rows and columns of each.
    pub(in crate::console) fn n_columns(&self) -> usize {
        self.plan.geometry.shape()[2]
    }

    /// The pixels of one. Blocks.
    pub(in crate::console) fn slice(&self, n: usize) -> Result<Vec<Hounsfield>, Problem> {
        let image = self.plan.slices.get(n).ok_or(Problem::NotFound("There is no such slice."))?;
        let [_, n_rows, n_columns] = self.plan.geometry.shape();
        let mut pixels = vec![Hounsfield::AIR; n_rows * n_columns];
        decode_pixels(image, &mut pixels).map_err(|error| {
            tracing::warn!(error = %Chain(&error), "a slice could not be shown");
            Problem::Unreadable("This slice cannot be read any more.".to_owned())
        })?;
        Ok(pixels)
    }
}

fn segments(path: &Path, plan: &VolumePlan) -> Option<Vec<OutlinedSegment>> {
    if !path.exists() {
        return None;
    }
    let read = read_segmentation(path, &plan.geometry)
        .inspect_err(|error| {
            tracing::warn!(error = %Chain(error), "outlines could not be shown");
        })
        .ok()?;
    let outlined = read.into_par_iter().filter_map(|segment| {
        let lines = (0..plan.slices.len())
            .map(|slice| (slice, contours(&segment.mask, slice)))
            .filter(|(_, lines)| !lines.is_empty())
            .collect();
        let description = segment.description;
        let kind = description.kind?;
        Some(OutlinedSegment { label: description.label, kind, side: description.side, lines })
    });
    Some(outlined.collect())
}
