//! The series of a day.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Section, page};
use super::parts::{alert, finding, state_chip, time};
use crate::console::Console;
use crate::console::access::CurrentUser;
use crate::console::access::permission::Permission;
use crate::console::problem::{PageProblem, Problem};
use crate::console::views::series::SeriesView;

/// Which day.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Day {
    /// `2026-01-31`; today where it is absent.
    pub(in crate::console) day: Option<Date>,
}

/// The first page of each role.
pub(in crate::console) async fn home(user: CurrentUser) -> Redirect {
    Redirect::to(if user.may(Permission::SeePatients) { "/series" } else { "/outbox" })
}

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
    Query(Day { day }): Query<Day>,
) -> Result<Response, PageProblem> {
    user.must(Permission::SeePatients)?;
    let today = today(&console)?;
    let day = day.unwrap_or(today);
    let series = console.series_of(day).await?;
    let body = html! {
        h1 { @if day == today { "Series of today" } @else { "Series of " (day) } }
        (days(day, today))
        div id="series" data-live { (table(&console, &series)) }
    };
    Ok(page(&console, &user, Section::Series, "Series", &body).into_response())
}

/// Today, by the site's clock.
pub(in crate::console) fn today(console: &Console) -> Result<Date, Problem> {
    let now = Timestamp::from_millisecond(console.clock.unix_ms());
    let now = now.map_err(|error| Problem::Broken(error.to_string()))?;
    Ok(now.to_zoned_datetime(console.site.time_zone.clone()).date())
}

fn days(day: Date, today: Date) -> Markup {
    let before = day.checked_sub(1.day()).ok();
    let after = day.checked_add(1.day()).ok().filter(|it| *it <= today);
    html! {
        form.days method="get" action="/series" {
            @if let Some(it) = before { a href={ "/series?day=" (it) } { "← " (it) } }
            label { "Day " input type="date" name="day" value=(day) max=(today); }
            button type="submit" { "Show" }
            @if let Some(it) = after { a href={ "/series?day=" (it) } { (it) " →" } }
        }
    }
}

fn table(console: &Console, series: &[SeriesView]) -> Markup {
    if series.is_empty() {
        return html! { p { "Nothing came on this day." } };
    }
    let zone = &console.site.time_zone;
    html! {
        table {
            thead { tr {
                th scope="col" { "Received" } th scope="col" { "Patient" } th scope="col" { "Accession" }
                th scope="col" { "From" } th scope="col" { "Images" } th scope="col" { "State" }
                th scope="col" { "Finding" } th scope="col" { "Alert" }
            } }
            tbody {
                @for it in series {
                    @let patient = it.patient.as_ref();
                    tr class=[it.alert.as_ref().filter(|alert| alert.is_open()).map(|_| "open")] {
                        td { (time(zone, &it.last_received_at)) }
                        td {
                            a href={ "/series/" (it.series_instance_uid) } {
                                @let name = patient.map_or("", |it| it.name.as_str());
                                (if name.is_empty() { "no name" } else { name })
                            }
                            @if let Some(patient) = patient { br; small { (patient.patient_id) } }
                        }
                        td { (patient.map_or("", |it| it.accession_number.as_str())) }
                        td { (it.calling_ae_title) }
                        td.number { (it.n_instances) }
                        td { (state_chip(it)) }
                        td { (finding(it)) }
                        td { @if let Some(it) = &it.alert { (alert(zone, it)) } }
                    }
                }
            }
        }
    }
}
