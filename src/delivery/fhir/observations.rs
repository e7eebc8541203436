//! What was found, as Observations: one for the series, one a gland, and the masses in it.
//!
//! Those of series and glands have identities that last, so that a later answer takes their place. Masses have none:
//! the second largest of one answer may be the largest of the next. So a gland's Observation has the measurements of its
//! largest mass, and each further mass is contained in it; what a later answer no longer has does not stay behind.

use serde_json::{Value, json};

use super::terms::{coding, concept, gland, quantity};
use crate::dicom::codes::{
    ABSENT, ATTENUATION, CERTAINTY, CUBIC_CENTIMETER, Code, HOUNSFIELD_UNIT, LONG_AXIS, MASS,
    MILLIMETER, PAROTID_GLAND, PERCENT, PRESENT, UNDETERMINED, VOLUME,
};
use crate::reason::Reason;
use crate::screening::report::{
    CandidateReport, Decision, NOT_FOR_DIAGNOSTIC_USE, ScreeningReport,
};
use crate::units::{Side, rounded};

/// What all Observations of an answer share.
#[derive(Debug)]
pub(super) struct Context {
    /// References, as Bundle entries name them.
    pub(super) subject: Option<Value>,
    /// See [`Context::subject`].
    pub(super) device: Value,
    /// See [`Context::subject`].
    pub(super) study: Value,
    /// Day of the study.
    pub(super) effective: Option<String>,
    /// When the answer was made.
    pub(super) issued: String,
}

/// Whether there is a mass.
pub(super) fn presence(decision: Decision) -> Code {
    match decision {
        Decision::Flagged => PRESENT,
        Decision::NotFlagged => ABSENT,
        Decision::NotAssessable => UNDETERMINED,
    }
}

/// The answer for the series.
pub(super) fn of_series(report: &ScreeningReport, identifier: Value, context: &Context) -> Value {
    let mut observation = context.observation(identifier, report.decision, report.reason);
    observation["bodySite"] = concept(PAROTID_GLAND);
    let score = json!({"code": concept(CERTAINTY), "valueQuantity": percent(report.score)});
    observation["component"] = json!([score]);
    observation
}

/// The answer for one gland; undetermined where the report has none, as no volume came about.
pub(super) fn of_gland(
    side: Side,
    report: &ScreeningReport,
    identifier: Value,
    context: &Context,
) -> Value {
    let found = report.glands.iter().find(|gland| gland.side == side);
    let decision = found.map_or(Decision::NotAssessable, |gland| gland.decision);
    let reason = found.map_or(report.reason, |gland| gland.reason);
    let mut observation = context.observation(identifier, decision, reason);
    observation["bodySite"] = gland(side);
    let masses = report.candidates.iter().filter(|it| it.kept && it.side == side);
    let mut masses: Vec<_> = masses.collect();
    masses.sort_by_key(|it| std::cmp::Reverse(it.voxels));
    let Some((largest, further)) = masses.split_first() else { return observation };
    observation["component"] = measurements(largest);
    let names: Vec<_> = (2..).take(further.len()).map(|n| format!("mass-{n}")).collect();
    let contained = further.iter().zip(&names).map(|(it, name)| context.mass(it, name));
    observation["contained"] = contained.collect();
    observation["hasMember"] =
        names.iter().map(|name| json!({"reference": format!("#{name}")})).collect();
    observation
}

impl Context {
    fn observation(&self, identifier: Value, decision: Decision, reason: Option<Reason>) -> Value {
        let mut observation = self.bare();
        observation["identifier"] = json!([identifier]);
        observation["valueCodeableConcept"] = concept(presence(decision));
        let mut notes = vec![format!("Result of a computer program, {NOT_FOR_DIAGNOSTIC_USE}.")];
        notes.extend(reason.map(|it| format!("{} ({})", it.sentence(), it.code())));
        observation["note"] = notes.into_iter().map(|text| json!({"text": text})).collect();
        observation
    }

    /// A mass beside the largest of its gland.
    fn mass(&self, it: &CandidateReport, name: &str) -> Value {
        let mut observation = self.bare();
        observation["id"] = json!(name);
        observation["bodySite"] = gland(it.side);
        observation["valueCodeableConcept"] = concept(PRESENT);
        observation["component"] = measurements(it);
        observation
    }

    fn bare(&self) -> Value {
        json!({
            "resourceType": "Observation",
            "status": "preliminary",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "imaging",
                "display": "Imaging",
            }]}],
            "code": {"coding": [coding(MASS)], "text": "Mass in a parotid gland, CT"},
            "subject": self.subject,
            "effectiveDateTime": self.effective,
            "issued": self.issued,
            "device": self.device,
            "derivedFrom": [self.study],
        })
    }
}

fn measurements(it: &CandidateReport) -> Value {
    let component = |code: Code, text: &str, value: Value| {
        let code = json!({"coding": [coding(code)], "text": text});
        json!({"code": code, "valueQuantity": value})
    };
    let volume = quantity(rounded(it.volume_cm3.0, 3), CUBIC_CENTIMETER);
    let diameter = quantity(rounded(it.longest_diameter_mm.0, 1), MILLIMETER);
    let attenuation = quantity(rounded(it.mean_hu, 1), HOUNSFIELD_UNIT);
    json!([
        component(VOLUME, "Volume", volume),
        component(LONG_AXIS, "Longest diameter", diameter),
        component(ATTENUATION, "Mean attenuation", attenuation),
        component(CERTAINTY, "Score", percent(it.score)),
    ])
}

/// A score of 0 to 1, as the structured report has it.
fn percent(score: f64) -> Value {
    quantity(rounded(score * 100.0, 1), PERCENT)
}
