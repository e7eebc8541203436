//! What several pages show.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::console::access::CurrentUser;
use crate::console::views::series::{AlertView, SeriesView};

/// A time of RFC 3339 by the site's clock; to the second, as events follow one another.
pub(super) fn time(zone: &TimeZone, rfc3339: &str) -> Markup {
    let local = rfc3339
        .parse::<Timestamp>()
        .map(|it| it.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string());
    html! { time datetime=(rfc3339) { (local.as_deref().unwrap_or(rfc3339)) } }
}

/// How far a series is.
pub(super) fn state_chip(series: &SeriesView) -> Markup {
    html! {
        span class={ "chip " (series.state.class()) } {
            span aria-hidden="true" { (series.state.sign()) " " } (series.state.words())
        }
    }
}

/// What an answer found, in a line.
pub(super) fn finding(series: &SeriesView) -> String {
    if let Some(reason) = &series.reason {
        return reason.sentence.to_owned();
    }
    let sides: Vec<_> = series.sides.iter().map(ToString::to_string).collect();
    match series.volume_cm3 {
        Some(volume) => format!("{}, {volume:.1} cm³", sides.join(" and ")),
        None => String::new(),
    }
}

/// What became of an alert.
pub(super) fn alert(zone: &TimeZone, alert: &AlertView) -> Markup {
    html! {
        @match alert.state.as_str() {
            "open" => { span.chip.flagged { span aria-hidden="true" { "⚑ " } "nobody has acknowledged it" } }
            "acknowledged" => {
                "acknowledged by " (alert.acknowledged_by.as_deref().unwrap_or("somebody"))
                @if let Some(at) = &alert.closed_at { ", " (time(zone, at)) }
            }
            _ => { "withdrawn by a later answer" }
        }
        @if alert.is_held { " (it came in a digest)" }
    }
}

/// What every form has: the proof that it is ours.
pub(super) fn csrf(user: &CurrentUser) -> Markup {
    html! { input type="hidden" name="csrf" value=(user.session.csrf); }
}
