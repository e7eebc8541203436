//! What a person says about an answer, from any form.

use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::limits::NOTE_BYTES_MAX;
use crate::screening::report::ScreeningReport;
use crate::units::Side;
use crate::verdict::Verdict;

/// A form's fields: a verdict's code for each side, or nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct Said {
    /// `accepted`, `rejected`, `wrong_outline` for a flagged gland; `missed`, `confirmed_negative` for another one.
    pub(super) right: String,
    /// The same for the left one.
    pub(super) left: String,
    /// Without patient data.
    pub(super) note: String,
}

/// The same, checked.
#[derive(Debug)]
pub(super) struct Verdicts {
    pub(super) of: Vec<(Side, Verdict)>,
    pub(super) note: String,
}

impl Verdicts {
    /// What goes with an answer.
    pub(super) fn of(said: &Said, report: &ScreeningReport) -> Result<Self, Problem> {
        if said.note.len() > NOTE_BYTES_MAX {
            return Err(Problem::Unclear("The note is too long: at most 2000 bytes.".to_owned()));
        }
        let flagged = report.flagged_sides();
        let mut of = Vec::new();
        for (side, text) in [(Side::Right, &said.right), (Side::Left, &said.left)] {
            if text.is_empty() {
                continue;
            }
            let known = Verdict::ALL.into_iter().find(|it| it.as_str() == text);
            let fits = known.filter(|it| it.is_of_flagged() == flagged.contains(&side));
            let verdict = fits.ok_or_else(|| {
                let text = "That verdict does not go with the answer for that side.";
                Problem::Unclear(text.to_owned())
            })?;
            of.push((side, verdict));
        }
        Ok(Self { of, note: said.note.clone() })
    }
}
