//! Numbers, times, sides and names as a person reads them, in one language.

use crate::display::strings::{Texts, fill};
use crate::status::Outcome;
use crate::units::{CubicCentimeters, Side};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const GIGABYTE: u64 = 1_000_000_000;
/// Names that are listed; of more it is said how many.
const NAMES_MAX: usize = 3;
/// An analysis that ends within so many seconds is almost done.
const SOON_S: i64 = 5;
/// Seconds are given in steps of so many: an estimate is no clock.
const SECONDS_STEP: i64 = 5;

/// How long ago `then_unix_ms` was.
pub(super) fn age(texts: &Texts, now_unix_ms: i64, then_unix_ms: i64) -> String {
    let units = [&texts.age_minutes, &texts.age_hours, &texts.age_days];
    span(now_unix_ms.saturating_sub(then_unix_ms), &texts.age_now, units)
}

/// How long it has lasted since `then_unix_ms`.
pub(super) fn wait(texts: &Texts, now_unix_ms: i64, then_unix_ms: i64) -> String {
    let units = [&texts.wait_minutes, &texts.wait_hours, &texts.wait_days];
    span(now_unix_ms.saturating_sub(then_unix_ms), &texts.wait_now, units)
}

fn span(span_ms: i64, least: &str, [minutes, hours, days]: [&String; 3]) -> String {
    let (template, n) = if span_ms < MINUTE_MS {
        return least.to_owned();
    } else if span_ms < HOUR_MS {
        (minutes, span_ms / MINUTE_MS)
    } else if span_ms < DAY_MS {
        (hours, span_ms / HOUR_MS)
    } else {
        (days, span_ms / DAY_MS)
    };
    fill(template, &[("n", &n.to_string())])
}

/// What is left of a time that was estimated.
pub(super) fn time_left(texts: &Texts, now_unix_ms: i64, ends_unix_ms: i64) -> String {
    let seconds = ends_unix_ms.saturating_sub(now_unix_ms) / 1000;
    let (template, n) = if seconds < SOON_S {
        return texts.left_soon.clone();
    } else if seconds < 60 {
        (&texts.left_seconds, (seconds + SECONDS_STEP - 1) / SECONDS_STEP * SECONDS_STEP)
    } else {
        (&texts.left_minutes, (seconds + 30) / 60)
    };
    fill(template, &[("n", &n.to_string())])
}

/// A volume; of several masses it is the largest one's.
pub(super) fn volume(texts: &Texts, sides: &[Side], volume: CubicCentimeters) -> String {
    let template = if sides.len() > 1 { &texts.volume_largest } else { &texts.volume };
    let number = format!("{:.1}", volume.0).replace('.', &texts.decimal_mark);
    fill(template, &[("volume", &number)])
}

/// Room on a disk: tenths only where they matter.
pub(super) fn gigabytes(texts: &Texts, bytes: u64) -> String {
    let tenths = bytes / (GIGABYTE / 10);
    let number = if tenths < 100 {
        format!("{}{}{}", tenths / 10, texts.decimal_mark, tenths % 10)
    } else {
        (tenths / 10).to_string()
    };
    fill(&texts.gigabytes, &[("n", &number)])
}

/// The patient's sides.
pub(super) fn side<'t>(texts: &'t Texts, sides: &[Side]) -> &'t str {
    match sides {
        [Side::Right] => &texts.side_right,
        [Side::Left] => &texts.side_left,
        _ => &texts.side_both,
    }
}

/// An answer, within a sentence.
pub(super) fn outcome(texts: &Texts, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Flagged { sides, .. } => {
            fill(&texts.outcome_flagged, &[("side", side(texts, sides))])
        }
        Outcome::NotFlagged => texts.outcome_not_flagged.clone(),
        Outcome::NotAssessable { .. } => texts.outcome_not_assessable.clone(),
    }
}

/// The first few names, and how many more there are.
pub(super) fn names(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        n => format!("{shown} +{n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::strings::Language;

    const NOW: i64 = 1_767_225_600_000;

    #[test]
    fn ages_read_well() {
        let check = |age_ms: i64, text| {
            assert_eq!(age(Language::En.texts(), NOW, NOW - age_ms), text);
        };
        check(-5, "just\u{a0}now");
        check(59_999, "just\u{a0}now");
        check(MINUTE_MS, "1\u{a0}min\u{a0}ago");
        check(2 * HOUR_MS + 5, "2\u{a0}h\u{a0}ago");
        check(3 * DAY_MS, "3\u{a0}d\u{a0}ago");
        assert_eq!(wait(Language::De.texts(), NOW, NOW - HOUR_MS), "1\u{a0}h");
    }

    #[test]
    fn what_is_left_is_said_in_steps() {
        let check = |left_s: i64, text| {
            assert_eq!(time_left(Language::En.texts(), NOW, NOW + left_s * 1000), text);
        };
        check(-100, "Almost done");
        check(4, "Almost done");
        check(6, "About 10\u{a0}s left");
        check(55, "About 55\u{a0}s left");
        check(61, "About 1\u{a0}min left");
        check(100, "About 2\u{a0}min left");
    }

    #[test]
    fn numbers_follow_the_language() {
        let check = |language: Language, bytes: u64, text| {
            assert_eq!(gigabytes(language.texts(), bytes), text);
        };
        check(Language::En, 3_460_000_000, "3.4\u{a0}GB");
        check(Language::De, 9_990_000_000, "9,9\u{a0}GB");
        check(Language::Fr, 112_000_000_000, "112\u{a0}Go");
        let texts = Language::Es.texts();
        assert_eq!(volume(texts, &[Side::Left], CubicCentimeters(4.62)), "4,6\u{a0}cm³");
    }

    #[test]
    fn many_names_are_counted() {
        let list = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&list(3)), "0, 1, 2");
        assert_eq!(names(&list(5)), "0, 1, 2 +2");
        assert_eq!(names(&[]), "");
    }
}
