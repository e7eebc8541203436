//! Of what a destination is told, and when. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::screening::report::ScreeningReport;
use crate::units::{CubicCentimeters, Side};
use crate::worklist::matching::Order;

/// Limits a destination to some orders; each list that is empty limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderLimit {
    /// Referring Physician's Name, in any case, `SMITH^JANE` or any of its groups.
    pub referring_physicians: Vec<String>,
    /// Requested Procedure Description, in any case.
    pub requested_procedures: Vec<String>,
    /// Scheduled Station AE Title.
    pub stations: Vec<String>,
}

impl OrderLimit {
    /// Whether an order is one of them. A series without an order is: an alert that nobody hears of
    /// because the RIS was away is the worse mistake.
    #[must_use]
    pub fn includes(&self, order: Option<&Order>) -> bool {
        let Some(order) = order else { return true };
        let named = |wanted: &[String], values: &[&str]| {
            let plain = |text: &str| text.trim_matches(['^', ' ']).to_lowercase();
            let is_one = |value: &&str| wanted.iter().any(|it| plain(it) == plain(value));
            wanted.is_empty() || values.iter().any(is_one)
        };
        let physician = order.referring_physician.expose();
        let groups: Vec<_> = [physician.as_str()].into_iter().chain(physician.split('=')).collect();
        let stations: Vec<_> = order.stations.iter().map(String::as_str).collect();
        named(&self.referring_physicians, &groups)
            && named(&self.requested_procedures, &[order.requested_procedure_description.expose()])
            && named(&self.stations, &stations)
    }
}

/// Limits a destination to some findings; what is not flagged has none and is not limited.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindingLimit {
    /// The patient's sides; both where it is empty.
    pub sides: Vec<Side>,
    /// Smallest volume of the largest mass.
    pub volume_cm3_min: Option<CubicCentimeters>,
    /// Lowest score.
    pub score_min: Option<f64>,
}

impl FindingLimit {
    /// Whether a report is one of them.
    #[must_use]
    pub fn includes(&self, report: &ScreeningReport) -> bool {
        let sides = report.flagged_sides();
        if sides.is_empty() {
            return true;
        }
        let volume = report.largest_kept().map(|it| it.volume_cm3.0);
        (self.sides.is_empty() || sides.iter().any(|side| self.sides.contains(side)))
            && self.volume_cm3_min.is_none_or(|min| volume.is_none_or(|volume| volume >= min.0))
            && self.score_min.is_none_or(|min| report.score >= min)
    }
}

/// Hours of a day, `08:00-17:30`; one that ends before it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    begin: Time,
    end: Time,
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (begin, end) = text.split_once('-')?;
            let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
            Some(Self { begin: time(begin)?, end: time(end)? })
        };
        read().ok_or_else(|| format!("{text:?} are no hours; write them as \"08:00-17:30\""))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.begin.strftime("%H:%M"), self.end.strftime("%H:%M"))
    }
}

/// A day of the week, `mon` to `sun`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// When a destination may be told: an alert waits until then, and is cancelled when someone acknowledges it first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duty {
    /// At any hour where it is `None`.
    pub hours: Option<Hours>,
    /// On any day where it is empty. Hours that go over midnight belong to the day on which they begin.
    pub days: Vec<Day>,
}

impl Duty {
    /// The first time on duty that is not before `unix_ms`, milliseconds since 1970 UTC, by the site's clock.
    #[must_use]
    pub fn first_from(&self, unix_ms: i64, zone: &TimeZone) -> i64 {
        let Ok(at) = Timestamp::from_millisecond(unix_ms) else { return unix_ms };
        if *self == Self::default() {
            return unix_ms;
        }
        let today = at.to_zoned_datetime(zone.clone()).date();
        // Yesterday's hours may go on; a week has each day.
        let days = (-1..=8).filter_map(|days| today.checked_add(days.days()).ok());
        let first = days.filter(|day| self.is_on(*day)).find_map(|day| {
            let (begin, end) = self.span(day, zone)?;
            (at < end).then_some(begin.max(at))
        });
        first.map_or(unix_ms, Timestamp::as_millisecond)
    }

    fn is_on(&self, day: Date) -> bool {
        self.days.is_empty() || self.days.iter().any(|it| it.weekday() == day.weekday())
    }

    /// The hours of one day.
    fn span(&self, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let at = |day: Date, time: Time| {
            Some(day.to_datetime(time).to_zoned_datetime(zone.clone()).ok()?.timestamp())
        };
        let next = day.tomorrow().ok()?;
        let Some(Hours { begin, end }) = self.hours else {
            return Some((at(day, Time::midnight())?, at(next, Time::midnight())?));
        };
        Some((at(day, begin)?, at(if end <= begin { next } else { day }, end)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_off_duty_waits_for_the_next_on_duty() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let unix_ms = |text: &str| {
            text.parse::<jiff::civil::DateTime>()
                .unwrap()
                .to_zoned_datetime(zone.clone())
                .unwrap()
                .timestamp()
                .as_millisecond()
        };
        let check = |hours: &str, days: &[Day], at: &str, expected: &str| {
            let duty = Duty { hours: hours.parse().ok(), days: days.into() };
            let got = duty.first_from(unix_ms(at), &zone);
            assert_eq!(got, unix_ms(expected), "{hours} {days:?} {at}: {expected}");
        };
        // 2026-03-27 is a Friday; the clocks go forward on Sunday the 29th.
        check("08:00-17:00", &[], "2026-03-27T07:59", "2026-03-27T08:00");
        check("08:00-17:00", &[], "2026-03-27T12:00", "2026-03-27T12:00");
        check("08:00-17:00", &[], "2026-03-27T17:00", "2026-03-28T08:00");
        check("17:00-08:00", &[], "2026-03-27T03:00", "2026-03-27T03:00");
        check("17:00-08:00", &[], "2026-03-27T12:00", "2026-03-27T17:00");
        check("08:00-17:00", &[Day::Mon], "2026-03-27T12:00", "2026-03-30T08:00");
        // The night of Friday goes on in the morning of Saturday, and no longer.
        check("20:00-06:00", &[Day::Fri], "2026-03-28T05:00", "2026-03-28T05:00");
        check("20:00-06:00", &[Day::Fri], "2026-03-28T06:00", "2026-04-03T20:00");
        check("any", &[Day::Sat, Day::Sun], "2026-03-27T12:00", "2026-03-28T00:00");
        check("any", &[], "2026-03-27T12:00", "2026-03-27T12:00");
        // A time that the clocks leave out.
        check("02:30-03:00", &[Day::Sun], "2026-03-28T12:00", "2026-03-29T03:30");
    }

    #[test]
    fn hours_are_read_as_they_are_written() {
        let hours: Hours = "08:00-17:30".parse().unwrap();
        assert_eq!(hours.to_string(), "08:00-17:30");
        for wrong in ["8-17h", "08:00", "25:00-26:00", ""] {
            assert!(wrong.parse::<Hours>().unwrap_err().contains("17:30"), "{wrong}");
        }
    }
}
