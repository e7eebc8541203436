//! Dates of a patient, all moved by the same number of days: intervals stay, the calendar does not.

use dicom_core::VR;
use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// What becomes of dates and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// What the Basic Profile says: gone, empty or a dummy.
    Removed,
    /// Moved by so many days (PS3.15 E.3.6, with modified dates). Times of day stay.
    Shifted {
        /// The same for all of one patient; negative is into the past.
        days: i32,
    },
}

impl Dates {
    /// Longitudinal Temporal Information Modified (0028,0303).
    pub(super) fn term(self) -> &'static str {
        match self {
            Self::Removed => "REMOVED",
            Self::Shifted { .. } => "MODIFIED",
        }
    }

    /// Values of a date, time or both, shifted; `None` where they are not to be kept, or one is none.
    pub(super) fn shift(self, vr: VR, values: &[String]) -> Option<Vec<String>> {
        let Self::Shifted { days } = self else { return None };
        let shifted =
            values.iter().map(|value| shift_one(vr, value.trim_matches([' ', '\0']), days));
        shifted.collect()
    }
}

fn shift_one(vr: VR, value: &str, days: i32) -> Option<String> {
    if value.is_empty() {
        return Some(String::new());
    }
    let is_time = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match vr {
        // YYYY.MM.DD is older than DICOM, and still seen (PS3.5 table 6.2-1).
        VR::DA => shift_date(&value.replace('.', ""), days),
        VR::TM => is_time(value).then(|| value.to_owned()),
        VR::DT => {
            // The offset from UTC would say where it was.
            let local = value.split(['+', '-']).next()?;
            let (date, time) = local.split_at_checked(DATE_DIGITS)?;
            is_time(time).then_some(())?;
            Some(shift_date(date, days)? + time)
        }
        _ => None,
    }
}

const DATE_DIGITS: usize = 8;

fn shift_date(date: &str, days: i32) -> Option<String> {
    if date.len() != DATE_DIGITS || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| date[range].parse::<i16>().ok();
    let month = i8::try_from(number(4..6)?).ok()?;
    let day = i8::try_from(number(6..8)?).ok()?;
    let span: Span = days.days();
    let shifted = Date::new(number(0..4)?, month, day).ok()?.checked_add(span).ok()?;
    Some(shifted.strftime("%Y%m%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_moved_and_hours_are_not() {
        let dates = Dates::Shifted { days: -60 };
        let check = |vr, value: &str, expected: Option<&str>| {
            let shifted = dates.shift(vr, &[value.to_owned()]);
            assert_eq!(shifted, expected.map(|it| vec![it.to_owned()]), "{value}");
        };
        check(VR::DA, "20260301", Some("20251231"));
        check(VR::DA, "2026.03.01 ", Some("20251231"));
        check(VR::DA, "", Some(""));
        check(VR::TM, "101112.123", Some("101112.123"));
        check(VR::DT, "20260301101112.5+0100", Some("20251231101112.5"));
        check(VR::DT, "20260301", Some("20251231"));
        // A month alone, no day, a name, one from before all calendars.
        check(VR::DT, "202603", None);
        check(VR::DA, "20260230", None);
        check(VR::DA, "DOE^JANE", None);
        check(VR::DA, "2026030\u{e9}", None);
        check(VR::DT, "2026030\u{e9}1", None);
        check(VR::TM, "MORNING", None);
        check(VR::SH, "+0100", None);
        assert_eq!(Dates::Removed.shift(VR::DA, &["20260301".to_owned()]), None);
    }

    #[test]
    fn intervals_stay() {
        let dates = Dates::Shifted { days: 400 };
        let values = ["20260227".to_owned(), "20260301".to_owned()];
        assert_eq!(dates.shift(VR::DA, &values).unwrap(), ["20270403", "20270405"]);
    }
}
