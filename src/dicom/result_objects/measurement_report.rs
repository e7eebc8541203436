//! What was measured, and what was not and why: a structured report by TID 1500 (PS3.16; an example is PS3.17 RRR.2).
//!
//! ```text
//!  Imaging Measurement Report
//!    language, observer (this appliance), procedure
//!    Image Library             the instances that were read
//!    Imaging Measurements
//!      Measurement Group       TID 1411, one a mass: site, segment, volume, long axis, attenuation, certainty
//!      Measurement Group       TID 1501, one a gland: mass present, absent, undetermined (why)
//!    Qualitative Evaluations   the answer for the series, what it is not for
//! ```
//! A negative answer and one that could not be had are documents too.

use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::ScreenedSeries;
use super::outlines::{self, Written};
use crate::dicom::attributes::{put_text, sequence};
use crate::dicom::codes::{self, Code};
use crate::dicom::ct_series_writer::{WriteError, write_object};
use crate::dicom::derived_object::{DerivedFrom, DerivedKind, PRODUCT};
use crate::dicom::reference::Reference;
use crate::dicom::structured_report::Relationship::{
    Contains, HasConceptModifier, HasObservationContext,
};
use crate::dicom::structured_report::{ContentItem, SeriesEvidence, put_document, put_evidence};
use crate::reason::Reason;
use crate::screening::report::{CandidateReport, GlandReport, GlandState, NOT_FOR_DIAGNOSTIC_USE};
use crate::screening::{Decision, ScreeningReport};
use crate::units::{Side, rounded};

pub(super) const KIND: DerivedKind = DerivedKind {
    name: "sr",
    sop_class: uids::COMPREHENSIVE3_DSR_STORAGE,
    modality: "SR",
    series_number: 9_002,
    description: "Parotid screening, AI result, not for diagnostic use",
};

/// Writes it; `segmentation` is the object with the outlines, where there is one.
pub(super) fn write(
    path: &Path,
    series: &ScreenedSeries,
    from: &DerivedFrom,
    segmentation: Option<&Written>,
) -> Result<Reference, WriteError> {
    let mut object = InMemDicomObject::new_empty();
    from.put(&mut object, &KIND, 1);
    from.put_content_date_time(&mut object);
    put_general(&mut object);
    let outlines_series = from.series(&outlines::KIND);
    let evidence = [
        SeriesEvidence {
            series: &series.report.series_instance_uid,
            instances: &series.source.instances,
        },
        SeriesEvidence {
            series: &outlines_series,
            instances: segmentation
                .map(|it| std::slice::from_ref(&it.reference))
                .unwrap_or_default(),
        },
    ];
    put_evidence(
        &mut object,
        tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE,
        from.study.as_str(),
        &evidence,
    );
    let content = Content { series, from, segmentation };
    put_document(&mut object, codes::IMAGING_MEASUREMENT_REPORT, "1500", content.items());
    write_object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, path)?;
    Ok(from.reference(&KIND, 1))
}

/// SR Document General (PS3.3 C.17.2): nobody has verified it.
fn put_general(object: &mut InMemDicomObject) {
    put_text(object, tags::COMPLETION_FLAG, VR::CS, "COMPLETE");
    put_text(object, tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    put_text(object, tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY");
    object.put(sequence(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new()));
    object.put(sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new()));
}

struct Content<'a> {
    series: &'a ScreenedSeries<'a>,
    from: &'a DerivedFrom,
    segmentation: Option<&'a Written>,
}

impl Content<'_> {
    fn report(&self) -> &ScreeningReport {
        self.series.report
    }

    fn items(&self) -> Vec<ContentItem> {
        let mut items =
            vec![ContentItem::code(HasConceptModifier, codes::LANGUAGE, codes::ENGLISH)];
        items.extend(self.observer());
        let procedure =
            ContentItem::code(HasConceptModifier, codes::PROCEDURE_REPORTED, codes::CT_UNSPECIFIED);
        items.push(procedure);
        items.extend(self.library());
        let mut groups = self.masses();
        groups.extend(self.report().glands.iter().map(|gland| self.gland(gland)));
        if !groups.is_empty() {
            items.push(ContentItem::container(codes::IMAGING_MEASUREMENTS, None, groups));
        }
        let evaluations = self.evaluations();
        items.push(ContentItem::container(codes::QUALITATIVE_EVALUATIONS, None, evaluations));
        items
    }

    /// TID 1001 with 1002 and 1004.
    fn observer(&self) -> Vec<ContentItem> {
        let text = |concept, value: &str| ContentItem::text(HasObservationContext, concept, value);
        let uid = self.device_uid();
        vec![
            ContentItem::code(HasObservationContext, codes::OBSERVER_TYPE, codes::DEVICE),
            ContentItem::uid(HasObservationContext, codes::DEVICE_OBSERVER_UID, &uid),
            text(codes::DEVICE_OBSERVER_NAME, PRODUCT),
            text(codes::DEVICE_OBSERVER_MANUFACTURER, PRODUCT),
            text(codes::DEVICE_OBSERVER_MODEL, concat!("parotidd ", env!("CARGO_PKG_VERSION"))),
            text(codes::DEVICE_OBSERVER_SERIAL, self.series.serial_number),
        ]
    }

    fn device_uid(&self) -> String {
        crate::dicom::uid::derived_uid(&[PRODUCT, "device", self.series.serial_number])
    }

    /// TID 1600.
    fn library(&self) -> Option<ContentItem> {
        let images = &self.series.source.instances;
        let items = images.iter().map(|image| ContentItem::image(None, image, None)).collect();
        let group = ContentItem::container(codes::IMAGE_LIBRARY_GROUP, None, items);
        let library = || ContentItem::container(codes::IMAGE_LIBRARY, None, vec![group]);
        (!images.is_empty()).then(library)
    }

    fn masses(&self) -> Vec<ContentItem> {
        let kept: Vec<_> = self.report().candidates.iter().filter(|it| it.kept).collect();
        let named = outlines::mass_names(kept.iter().map(|candidate| candidate.side));
        (0..)
            .zip(kept.into_iter().zip(named))
            .map(|(n, (it, name))| self.mass(n, it, &name))
            .collect()
    }

    /// TID 1411; without a segment to speak of, 1501. `nth` from 0.
    fn mass(&self, nth: u16, it: &CandidateReport, name: &str) -> ContentItem {
        let mut items = vec![
            ContentItem::text(HasObservationContext, codes::TRACKING_IDENTIFIER, name),
            ContentItem::uid(
                HasObservationContext,
                codes::TRACKING_UID,
                &outlines::tracking_uid(self.from, name),
            ),
            ContentItem::code(Contains, codes::FINDING, codes::MASS),
        ];
        items.extend(self.algorithm());
        items.push(site(it.side));
        if let Some(segmentation) = self.segmentation {
            let number = segmentation.first_mass + nth;
            let concept = Some(codes::REFERENCED_SEGMENT);
            items.push(ContentItem::image(concept, &segmentation.reference, Some(number)));
            let source = &self.report().series_instance_uid;
            items.push(ContentItem::uid(Contains, codes::SOURCE_SERIES, source));
        }
        items.extend(measurements(it));
        let template = if self.segmentation.is_some() { "1411" } else { "1501" };
        ContentItem::container(codes::MEASUREMENT_GROUP, Some(template), items)
    }

    /// TID 4019.
    fn algorithm(&self) -> [ContentItem; 3] {
        let segmenter = &self.report().models.segmenter;
        let text = |concept, value: &str| ContentItem::text(HasConceptModifier, concept, value);
        [
            text(codes::ALGORITHM_NAME, &segmenter.name),
            text(codes::ALGORITHM_VERSION, &segmenter.version),
            text(codes::ALGORITHM_PARAMETERS, &self.from.made_by),
        ]
    }

    /// TID 1501: whether there is a mass in a gland.
    fn gland(&self, gland: &GlandReport) -> ContentItem {
        let label = outlines::gland_name(gland.side);
        let answer = match gland.decision {
            Decision::Flagged => codes::PRESENT,
            Decision::NotFlagged => codes::ABSENT,
            Decision::NotAssessable => codes::UNDETERMINED,
        };
        let mut items = vec![
            ContentItem::text(HasObservationContext, codes::TRACKING_IDENTIFIER, &label),
            ContentItem::uid(
                HasObservationContext,
                codes::TRACKING_UID,
                &outlines::tracking_uid(self.from, &label),
            ),
            site(gland.side),
        ];
        items.push(ContentItem::code(Contains, codes::MASS, answer));
        items.extend(gland.reason.map(|reason| comment(&why(reason))));
        ContentItem::container(codes::MEASUREMENT_GROUP, Some("1501"), items)
    }

    fn evaluations(&self) -> Vec<ContentItem> {
        let report = self.report();
        let summary =
            ContentItem::code(Contains, codes::FINDINGS_SUMMARY, findings_summary(report));
        let mut items = vec![summary];
        items.push(comment(&format!(
            "Result of a computer program, {NOT_FOR_DIAGNOSTIC_USE}. The images are to be read as always."
        )));
        items.extend(report.reason.map(|reason| comment(&why(reason))));
        items.extend(report.warnings.iter().map(|warning| comment(warning.sentence())));
        items
    }
}

/// CID 6047. A gland that was not screened is never part of "all".
fn findings_summary(report: &ScreeningReport) -> Code {
    let all = report.glands.len() == 2
        && report.glands.iter().all(|gland| gland.state == GlandState::Assessed);
    match (report.decision, all) {
        (Decision::Flagged, true) => codes::ALL_SUCCEEDED_WITH_FINDINGS,
        (Decision::Flagged, false) => codes::NOT_ALL_SUCCEEDED_WITH_FINDINGS,
        (Decision::NotFlagged, true) => codes::ALL_SUCCEEDED_WITHOUT_FINDINGS,
        (Decision::NotFlagged | Decision::NotAssessable, _) => {
            let any = report.glands.iter().any(|gland| gland.state == GlandState::Assessed);
            if any { codes::NOT_ALL_SUCCEEDED_WITHOUT_FINDINGS } else { codes::NONE_SUCCEEDED }
        }
    }
}

fn why(reason: Reason) -> String {
    format!("Not assessable ({}): {}", reason.code(), reason.sentence())
}

fn comment(text: &str) -> ContentItem {
    ContentItem::text(Contains, codes::COMMENT, text)
}

/// Finding Site with its side.
fn site(side: Side) -> ContentItem {
    let laterality = codes::laterality(side);
    ContentItem::code(HasConceptModifier, codes::FINDING_SITE, codes::PAROTID_GLAND)
        .holding(vec![ContentItem::code(HasConceptModifier, codes::LATERALITY, laterality)])
}

fn measurements(it: &CandidateReport) -> [ContentItem; 4] {
    let modifier = |concept, value| vec![ContentItem::code(HasConceptModifier, concept, value)];
    [
        ContentItem::number(codes::VOLUME, rounded(it.volume_cm3.0, 3), codes::CUBIC_CENTIMETER)
            .holding(modifier(codes::MEASUREMENT_METHOD, codes::SUM_OF_VOXELS)),
        ContentItem::number(
            codes::LONG_AXIS,
            rounded(it.longest_diameter_mm.0, 1),
            codes::MILLIMETER,
        ),
        ContentItem::number(codes::ATTENUATION, rounded(it.mean_hu, 1), codes::HOUNSFIELD_UNIT)
            .holding(modifier(codes::DERIVATION, codes::MEAN)),
        ContentItem::number(codes::CERTAINTY, rounded(it.score * 100.0, 1), codes::PERCENT),
    ]
}
