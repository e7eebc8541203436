//! How a picture is shown whatever it says: by day or night, and where on the panel. Pure.

#![allow(clippy::cast_possible_wrap, reason = "picture coordinates stay below `PICTURE_SIDE_MAX`")]

use embedded_graphics::geometry::{Point, Size};
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::display::theme::{DAY, NIGHT, Palette};
use crate::display::view::View;
use crate::limits::{BURN_IN_SHARE, BURN_IN_STEP};

/// The places of the cycle around the middle: neighbours differ by one step, so that nobody sees it jump.
const PLACES: [(i32, i32); 8] =
    [(0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1)];

/// When the display is dark, by the site's clock; over midnight where it ends before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// The first minute of it.
    #[serde(with = "clock_time")]
    pub from: Time,
    /// The first minute after it.
    #[serde(with = "clock_time")]
    pub to: Time,
}

/// The night of a site.
#[derive(Debug, Clone)]
pub struct Ambience {
    /// Never where it is `None`.
    pub night: Option<Night>,
    /// Whose clock it is.
    pub zone: TimeZone,
}

impl Ambience {
    /// As by day at all times.
    #[must_use]
    pub fn day() -> Self {
        Self { night: None, zone: TimeZone::UTC }
    }

    /// The colours of a view: a night's, unless somebody should come.
    #[must_use]
    pub fn palette(&self, view: &View, now_unix_ms: i64) -> &'static Palette {
        if !view.is_urgent() && self.is_night(now_unix_ms) { &NIGHT } else { &DAY }
    }

    fn is_night(&self, now_unix_ms: i64) -> bool {
        let Some(Night { from, to }) = self.night else { return false };
        let Ok(now) = Timestamp::from_millisecond(now_unix_ms) else { return false };
        let now = self.zone.to_datetime(now).time();
        if from <= to { from <= now && now < to } else { from <= now || now < to }
    }
}

/// How far the picture is moved at a time, against burn-in.
#[must_use]
pub fn shift(now_unix_ms: i64, size: Size) -> Point {
    let step_ms = i64::try_from(BURN_IN_STEP.as_millis()).unwrap_or(i64::MAX);
    let n_places = PLACES.len() as i64;
    let place = usize::try_from((now_unix_ms / step_ms).rem_euclid(n_places)).unwrap_or(0);
    let reach = (size.width.min(size.height) / BURN_IN_SHARE).max(1) as i32;
    let (x, y) = PLACES[place];
    Point::new(x * reach, y * reach)
}

mod clock_time {
    //! `22:00`.

    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.strftime("%H:%M").to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        Time::strptime("%H:%M", &text)
            .map_err(|_| D::Error::custom(format!("{text:?} is no time; write it as \"22:00\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::strings::Language;
    use crate::status::{Activity, Status};

    fn night(from: &str, to: &str) -> Result<Night, toml::de::Error> {
        toml::from_str(&format!("from = '{from}'\nto = '{to}'"))
    }

    fn view(activity: Activity) -> View {
        View::new(&Status { activity, ..Status::default() }, 0, Language::En)
    }

    #[test]
    fn nights_may_go_over_midnight() {
        let check = |from: &str, to: &str, now: &str, is_dark: bool| {
            let zone =
                TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::fixed(jiff::tz::offset(1)));
            let ambience = Ambience { night: Some(night(from, to).unwrap()), zone };
            let now: Timestamp = format!("2026-01-01T{now}:00+01:00").parse().unwrap();
            let palette = ambience.palette(&view(Activity::Ready), now.as_millisecond());
            assert_eq!(palette == &NIGHT, is_dark, "{from} to {to} at {now}");
        };
        check("22:00", "06:00", "21:59", false);
        check("22:00", "06:00", "22:00", true);
        check("22:00", "06:00", "05:59", true);
        check("22:00", "06:00", "06:00", false);
        check("01:00", "05:00", "03:00", true);
        check("01:00", "05:00", "23:00", false);
        assert!(night("22", "6").unwrap_err().to_string().contains("22:00"));
    }

    #[test]
    fn what_should_be_seen_is_not_dimmed() {
        let ambience = Ambience { night: night("00:00", "23:59").ok(), zone: TimeZone::UTC };
        let palette = |activity| ambience.palette(&view(activity), 0);
        assert_eq!(palette(Activity::Ready), &NIGHT);
        assert_eq!(palette(Activity::Fault { message: "x".into() }), &DAY);
    }

    #[test]
    fn the_picture_moves_a_little_now_and_then() {
        let size = Size::new(800, 480);
        let step_ms = BURN_IN_STEP.as_millis() as i64;
        let places: Vec<_> = (0..8).map(|n| shift(n * step_ms, size)).collect();
        assert_eq!(shift(0, size), shift(step_ms - 1, size));
        assert_eq!(shift(8 * step_ms, size), places[0]);
        for (n, place) in places.iter().enumerate() {
            let next = places[(n + 1) % 8] - *place;
            assert!(next.x.abs() + next.y.abs() <= 2 * 4, "{places:?}");
            assert!(place.x.abs() <= 4 && place.y.abs() <= 4);
        }
        assert_eq!(places.iter().filter(|place| **place == Point::zero()).count(), 1);
    }
}
