//! OBX segments: the decision first, then what it is made of, what made it, and what it was made from.

use crate::dicom::codes::{self, Code};
use crate::dicom::derived_object::PRODUCT;
use crate::hl7::build::{Field, Segment};
use crate::reason::Reason;
use crate::screening::report::{CandidateReport, Decision, GlandReport, ScreeningReport};
use crate::units::Side;

// What is observed and has no code elsewhere.
const DECISION: [&str; 3] = ["PAROTID-MASS", "Parotid mass on CT", "L"];
const REASON: [&str; 3] = ["NOT-ASSESSABLE-REASON", "Why it could not be assessed", "L"];
const SCORE: [&str; 3] = ["SCORE", "Score of the series, 0 to 1", "L"];
const GLAND: [&str; 3] = ["PAROTID-GLAND", "Mass in this gland", "L"];
const LOCALIZER: [&str; 3] = ["MODEL-LOCALIZER", "Network that finds the glands", "L"];
const SEGMENTER: [&str; 3] = ["MODEL-SEGMENTER", "Network that outlines a mass", "L"];
const RULE: [&str; 3] = ["MODEL-DECISION", "Decision rule", "L"];
/// IHE RAD's name of the code.
const STUDY_UID: [&str; 3] = ["113014", "DICOM Study", "DCM"];
const SERIES_UID: [&str; 3] = ["112002", "Series Instance UID", "DCM"];

/// All of them, in their order. `created` is when they were made, `study_time` when the images were.
pub(super) fn observations(
    report: &ScreeningReport,
    created: &str,
    study_time: &str,
) -> Vec<Segment> {
    let equipment = format!("{PRODUCT} {}", report.software_version);
    let mut all = Observations { segments: Vec::new(), created, study_time, equipment: &equipment };
    all.coded(DECISION, "", decision(report.decision), flag(report.decision));
    all.reason("", report.reason);
    all.number(SCORE, "", report.score, 4, None);
    for gland in &report.glands {
        all.gland(gland);
    }
    for side in Side::BOTH {
        let kept = report.candidates.iter().filter(|it| it.kept && it.side == side);
        for (n, finding) in kept.enumerate() {
            all.finding(finding, &format!("{}.{}", letter(side), n + 1));
        }
    }
    let models = &report.models;
    for (concept, model) in [(LOCALIZER, &models.localizer), (SEGMENTER, &models.segmenter)] {
        all.text(concept, &format!("{} {}", model.name, model.version));
    }
    all.text(RULE, &format!("{} {}", models.decision.rule, models.decision.version));
    all.text(STUDY_UID, &report.study_instance_uid);
    all.text(SERIES_UID, &report.series_instance_uid);
    all.segments
}

/// OBX-4 of a gland.
fn letter(side: Side) -> &'static str {
    match side {
        Side::Right => "R",
        Side::Left => "L",
    }
}

/// Present, absent or undetermined, and beside it the word that the report has.
fn decision(decision: Decision) -> Field {
    let (code, text) = match decision {
        Decision::Flagged => (codes::PRESENT, "Flagged"),
        Decision::NotFlagged => (codes::ABSENT, "Not flagged"),
        Decision::NotAssessable => (codes::UNDETERMINED, "Not assessable"),
    };
    let [value, meaning, scheme] = code.parts();
    Field::from([value, meaning, scheme, decision.as_str(), text, "L"])
}

/// OBX-8 (table 0078). What is not assessable is neither.
fn flag(decision: Decision) -> &'static str {
    match decision {
        Decision::Flagged => "A",
        Decision::NotFlagged => "N",
        Decision::NotAssessable => "",
    }
}

struct Observations<'a> {
    segments: Vec<Segment>,
    created: &'a str,
    study_time: &'a str,
    equipment: &'a str,
}

impl Observations<'_> {
    /// The next segment, with what all of them share.
    fn add(&mut self, kind: &str, concept: [&str; 3], part: &str, value: Field) -> &mut Segment {
        let [method, meaning, scheme] = codes::ARTIFICIAL_INTELLIGENCE.parts();
        let mut obx = Segment::new("OBX");
        obx.set(1, (self.segments.len() + 1).to_string())
            .set(2, kind)
            .set(3, concept)
            .set(4, part)
            .set(5, value)
            .set(11, "P")
            .set(14, self.study_time)
            .set(17, [method, meaning, scheme])
            .set(18, self.equipment)
            .set(19, self.created);
        self.segments.push(obx);
        self.segments.last_mut().expect("one was just pushed")
    }

    fn coded(&mut self, concept: [&str; 3], part: &str, value: Field, flag: &str) {
        self.add("CWE", concept, part, value).set(8, flag);
    }

    fn reason(&mut self, part: &str, reason: Option<Reason>) {
        if let Some(reason) = reason {
            self.coded(REASON, part, [reason.code(), reason.sentence(), "L"].into(), "");
        }
    }

    /// Nothing where it is no number.
    fn number(
        &mut self,
        concept: [&str; 3],
        part: &str,
        value: f64,
        digits: usize,
        unit: Option<Code>,
    ) {
        if !value.is_finite() {
            return;
        }
        // Without zeros at the end, and without a minus before nothing.
        let value = format!("{value:.digits$}").parse().unwrap_or(value) + 0.0;
        let obx = self.add("NM", concept, part, Field::from(value.to_string()));
        if let Some(unit) = unit {
            obx.set(6, unit.parts());
        }
    }

    fn text(&mut self, concept: [&str; 3], text: &str) {
        if !text.is_empty() {
            self.add("ST", concept, "", text.into());
        }
    }

    fn gland(&mut self, gland: &GlandReport) {
        let part = letter(gland.side);
        self.coded(GLAND, part, decision(gland.decision), flag(gland.decision));
        self.reason(part, gland.reason);
    }

    fn finding(&mut self, it: &CandidateReport, part: &str) {
        let side = codes::laterality(it.side).parts().into();
        self.coded(codes::LATERALITY.parts(), part, side, "");
        let mut number = |concept: Code, value: f64, digits: usize, unit: Code| {
            self.number(concept.parts(), part, value, digits, Some(unit));
        };
        number(codes::VOLUME, it.volume_cm3.0, 3, codes::CUBIC_CENTIMETER);
        number(codes::LONG_AXIS, it.longest_diameter_mm.0, 1, codes::MILLIMETER);
        number(codes::ATTENUATION, it.mean_hu, 1, codes::HOUNSFIELD_UNIT);
        number(codes::CERTAINTY, it.score * 100.0, 1, codes::PERCENT);
    }
}
