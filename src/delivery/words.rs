//! A result in sentences, as messages for people have them. No patient data.

use crate::screening::report::{Decision, ScreeningReport};
use crate::units::{Side, rounded};

/// `left`, or `right and left`.
pub(super) fn sides(sides: &[Side]) -> String {
    sides.iter().map(|side| side.as_str()).collect::<Vec<_>>().join(" and ")
}

/// The answer.
pub(super) fn answer(report: &ScreeningReport) -> String {
    let flagged = report.flagged_sides();
    match report.decision {
        Decision::Flagged if flagged.len() > 1 => {
            format!("Flagged: possible masses in the {} parotid gland.", sides(&flagged))
        }
        Decision::Flagged => {
            format!("Flagged: possible mass in the {} parotid gland.", sides(&flagged))
        }
        Decision::NotFlagged => "Not flagged: no mass was outlined in a parotid gland.".to_owned(),
        Decision::NotAssessable => report.reason.map_or_else(
            || "Not assessable.".to_owned(),
            |reason| format!("Not assessable ({}): {}", reason.code(), reason.sentence()),
        ),
    }
}

/// Size of the largest mass that counts.
pub(super) fn largest(report: &ScreeningReport) -> Option<String> {
    report.largest_kept().map(|it| {
        let volume_cm3 = rounded(it.volume_cm3.0, 1);
        let diameter_mm = rounded(it.longest_diameter_mm.0, 0);
        format!("{volume_cm3:.1} cm3, longest diameter {diameter_mm:.0} mm")
    })
}

/// What answered.
pub(super) fn versions(report: &ScreeningReport) -> String {
    let models = &report.models;
    format!(
        "parotidd {}, {} {}, {} {}, decision rule {}",
        report.software_version,
        models.localizer.name,
        models.localizer.version,
        models.segmenter.name,
        models.segmenter.version,
        models.decision.version
    )
}
