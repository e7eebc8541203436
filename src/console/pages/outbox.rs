//! Destinations, what waits for them, and what they refused.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::layout::{Section, page};
use super::parts::{csrf, time};
use super::series::Nothing;
use crate::console::Console;
use crate::console::access::permission::Permission;
use crate::console::access::{CurrentUser, Submitted};
use crate::console::problem::PageProblem;
use crate::console::views::outbox::{DeliveryView, DestinationView};

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let destinations = console.destinations().await?;
    let waiting = console.deliveries(Some("waiting")).await?;
    let dead = console.deliveries(Some("dead")).await?;
    let newest = console.deliveries(Some("sent")).await?;
    let body = html! {
        h1 { "Outbox" }
        div id="outbox" data-live {
            (destinations_table(&console, &destinations))
            h2 { "Refused for good" }
            p { "A destination said no, and asking again would not help unless something is mended there. Tried again, \
                 the same bytes go under the same key." }
            (deliveries_table(&console, &user, &dead))
            h2 { "Waiting" }
            (deliveries_table(&console, &user, &waiting))
            h2 { "Received" }
            (deliveries_table(&console, &user, newest.get(..20).unwrap_or(&newest)))
        }
    };
    Ok(page(&console, &user, Section::Outbox, "Outbox", &body).into_response())
}

fn destinations_table(console: &Console, destinations: &[DestinationView]) -> Markup {
    if destinations.is_empty() {
        return html! { p { "The settings name no destination: nobody is told of an answer. See " code { "[[destination]]" } "." } };
    }
    html! {
        table {
            caption { "Destinations" }
            thead { tr {
                th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "Role" } th scope="col" { "State" }
                th scope="col" { "Waiting" } th scope="col" { "Refused" } th scope="col" { "Received" }
                th scope="col" { "Last received" }
            } }
            tbody { @for it in destinations { tr {
                th scope="row" { (it.name) }
                td { (it.kind.as_deref().unwrap_or("no longer in the settings")) }
                td { (it.role.as_deref().unwrap_or_default()) }
                td { (state(it.state)) }
                td.number { (it.n_waiting) }
                td.number { (it.n_dead) }
                td.number { (it.n_sent) }
                td { @if let Some(at) = &it.last_sent_at { (time(&console.site.time_zone, at)) } }
            } } }
        }
    }
}

fn state(state: &str) -> Markup {
    let (class, sign, words) = match state {
        "fine" => ("calm", "✓", "fine"),
        "waiting" => ("busy", "…", "waiting"),
        "down" => ("broken", "✕", "cannot be reached"),
        _ => ("broken", "✕", "refuses"),
    };
    html! { span class={ "chip " (class) } { span aria-hidden="true" { (sign) " " } (words) } }
}

fn deliveries_table(console: &Console, user: &CurrentUser, deliveries: &[DeliveryView]) -> Markup {
    if deliveries.is_empty() {
        return html! { p { "None." } };
    }
    let zone = &console.site.time_zone;
    html! {
        table {
            thead { tr {
                th scope="col" { "Made" } th scope="col" { "To" } th scope="col" { "What" } th scope="col" { "Attempts" }
                th scope="col" { "Next or end" } th scope="col" { "What went wrong last" } th scope="col" { "Action" }
            } }
            tbody { @for it in deliveries { tr {
                td { (time(zone, &it.created_at)) }
                td { (it.destination) }
                td { (it.kind) br; small { code { (it.series_instance_uid) } } }
                td.number { (it.attempts) }
                td { @if let Some(at) = it.next_attempt_at.as_ref().or(it.finished_at.as_ref()) { (time(zone, at)) } }
                td { (it.last_error.as_deref().unwrap_or_default()) }
                td { @if it.can_be_retried() {
                    form method="post" action={ "/outbox/" (it.id) "/retry" } {
                        (csrf(user))
                        button type="submit" aria-label={ "Try again: delivery " (it.id) " to " (it.destination) } { "Try again" }
                    }
                } }
            } } }
        }
    }
}

/// Has a delivery tried again.
pub(in crate::console) async fn retry(
    State(console): State<Arc<Console>>,
    Path(id): Path<i64>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Redirect, PageProblem> {
    console.retry(&user, id).await?;
    Ok(Redirect::to("/outbox"))
}
