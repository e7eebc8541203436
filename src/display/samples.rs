//! A view of every page, and of what makes pages crowded: for `parotidd render`, documents and tests.

use crate::display::strings::Language;
use crate::display::view::View;
use crate::reason::Reason;
use crate::status::{Activity, LastResult, ModelVersions, Outcome, Stage, Status};
use crate::units::{CubicCentimeters, Side};

/// When the samples are looked at: 2026-01-01 12:00 UTC.
pub const NOW_UNIX_MS: i64 = 1_767_268_800_000;
const MINUTE_MS: i64 = 60_000;

/// Every sample with its name.
#[must_use]
pub fn views() -> Vec<(&'static str, View)> {
    let mut views: Vec<_> = statuses()
        .into_iter()
        .map(|(name, status)| (name, View::new(&status, NOW_UNIX_MS, Language::En)))
        .collect();
    views.push(("stopped", View::stopped(&Status::default(), Language::En)));
    views
}

/// The names of the samples.
pub fn names() -> impl Iterator<Item = &'static str> {
    views().into_iter().map(|(name, _)| name)
}

/// The sample of that name.
#[must_use]
pub fn view(name: &str) -> Option<View> {
    views().into_iter().find_map(|(known, view)| (known == name).then_some(view))
}

fn statuses() -> Vec<(&'static str, Status)> {
    let base = Status {
        activity: Activity::Ready,
        n_series_screened: 1_284,
        n_jobs_waiting: 2,
        n_associations: 1,
        models: Some(ModelVersions { localizer: "0.1.0".into(), segmenter: "0.1.0".into() }),
        ..Status::default()
    };
    let after = |outcome, minutes: i64| Status {
        last_result: Some(LastResult {
            finished_unix_ms: NOW_UNIX_MS - minutes * MINUTE_MS,
            outcome,
        }),
        ..base.clone()
    };
    let flagged = |sides: &[Side], volume| Outcome::Flagged {
        sides: sides.to_vec(),
        volume_cm3: CubicCentimeters(volume),
    };
    let doing = |activity| Status { activity, ..base.clone() };
    let down = |status| Status {
        destinations_down: vec!["ward".into()],
        n_deliveries_waiting: 3,
        ..status
    };
    let left = flagged(&[Side::Left], 4.62);
    let message = "The models cannot be read. Install them again.".to_owned();
    vec![
        ("starting", Status::default()),
        ("ready", after(Outcome::NotFlagged, 12)),
        ("ready_new", base.clone()),
        ("receiving", doing(Activity::Receiving { n_instances: 143 })),
        (
            "receiving_after_flag",
            Status {
                activity: Activity::Receiving { n_instances: 7 },
                ..after(flagged(&Side::BOTH, 4.0), 59)
            },
        ),
        ("analysing", doing(Activity::Analysing { stage: Stage::Localizing, n_slices: 212 })),
        (
            "analysing_down",
            down(doing(Activity::Analysing { stage: Stage::Deciding, n_slices: 1_024 })),
        ),
        ("flagged_right", after(flagged(&[Side::Right], 4.62), 0)),
        ("flagged_left_down", down(after(left, 3))),
        ("flagged_both", after(flagged(&Side::BOTH, 112.4), 59)),
        ("not_flagged", after(Outcome::NotFlagged, 3)),
        ("not_assessable", after(Outcome::NotAssessable { reason: Reason::MissingSlice }, 1)),
        (
            "not_assessable_long",
            down(after(Outcome::NotAssessable { reason: Reason::SpacingTooLarge }, 1)),
        ),
        ("undelivered_down", down(base.clone())),
        ("undelivered_dead", Status { n_deliveries_dead: 1, ..base.clone() }),
        ("stopping", doing(Activity::Stopping)),
        ("fault", doing(Activity::Fault { message })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name() {
        assert_eq!(view("fault").map(|view| view.headline).as_deref(), Some("Fault"));
        assert_eq!(view("nothing"), None);
    }
}
