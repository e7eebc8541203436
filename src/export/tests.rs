//! Reports and cases for the tests of this room.

use super::*;
use crate::imaging::PatientPoint;
use crate::screening::report::{
    CandidateReport, DecisionIdentity, GlandReport, GlandState, ModelIdentity, Models,
    NOT_FOR_DIAGNOSTIC_USE, SCHEMA, Timing,
};
use crate::units::{Millimeters, Probability, VoxelCount};
use crate::verdict::Verdict;

/// A report with a mass on each of the `flagged` sides, whose glands were screened but those that were `cut`.
pub(in crate::export) fn report(flagged: &[Side], cut: &[Side]) -> ScreeningReport {
    let model = ModelIdentity { name: "m".into(), version: "1".into(), sha256: "0".repeat(64) };
    let rule = DecisionIdentity {
        version: "1".into(),
        rule: "size".into(),
        gamma: 5.0,
        tumor_voxels_min: VoxelCount(500),
    };
    let decision = |is_flagged: bool| match is_flagged {
        true => Decision::Flagged,
        false => Decision::NotFlagged,
    };
    let gland = |side: Side| GlandReport {
        side,
        state: if cut.contains(&side) { GlandState::NotAssessable } else { GlandState::Assessed },
        reason: cut.contains(&side).then_some(Reason::NotInFieldOfView),
        center_mm: None,
        heatmap_peak: Probability(0.9),
        decision: decision(flagged.contains(&side)),
        score: 0.5,
    };
    let candidate = |side: &Side| CandidateReport {
        side: *side,
        voxels: VoxelCount(4620),
        volume_cm3: CubicCentimeters(4.62),
        longest_diameter_mm: Millimeters(24.0),
        center_mm: PatientPoint::default(),
        mean_hu: 50.0,
        score: 0.9,
        kept: true,
    };
    ScreeningReport {
        schema: SCHEMA.into(),
        software_version: "0.1.0".into(),
        notice: NOT_FOR_DIAGNOSTIC_USE.into(),
        study_instance_uid: "1.2".into(),
        series_instance_uid: "1.2.1".into(),
        accession_number: String::new(),
        models: Models { localizer: model.clone(), segmenter: model, decision: rule },
        decision: decision(!flagged.is_empty()),
        reason: None,
        warnings: Vec::new(),
        score: 0.5,
        glands: Side::BOTH.map(gland).to_vec(),
        candidates: flagged.iter().map(candidate).collect(),
        timing_ms: Timing::default(),
    }
}

/// A case of patient `pat-0` with masses that were found and what people said.
pub(in crate::export) fn exported(
    name: &str,
    flagged: &[Side],
    verdicts: &[(Side, Verdict)],
) -> ExportedCase {
    let report = report(flagged, &[]);
    let review = Review { verdicts: verdicts.to_vec() };
    let truth = truth(&report, &review);
    ExportedCase {
        name: name.into(),
        patient: "pat-0".into(),
        truth,
        tumor_cm3: largest(&report, &truth),
        decision: report.decision,
        review,
        complete_by: CompleteBy::Count,
        made_by: "m 1, 0.1.0".into(),
        n_images: 1,
        is_screened_again: false,
    }
}
