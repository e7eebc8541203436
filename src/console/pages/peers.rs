//! The table of the systems that we speak with over DICOM, on the page of the settings.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};

use super::parts::{csrf, time};
use super::series::Nothing;
use crate::clock::rfc3339;
use crate::console::Console;
use crate::console::access::{CurrentUser, Submitted};
use crate::console::echo::Echoed;
use crate::console::problem::PageProblem;

/// All of them, each with a way to ask it.
pub(super) fn table(console: &Console, user: &CurrentUser) -> Markup {
    let echoes = &console.echoes;
    if echoes.peers.is_empty() {
        return html! { p { "The settings name no other DICOM system." } };
    }
    html! {
        table {
            caption { "Other DICOM systems: is it there, and does it know us (C-ECHO)?" }
            thead { tr {
                th scope="col" { "AE title" } th scope="col" { "What for" } th scope="col" { "Address" }
                th scope="col" { "Our AE title" } th scope="col" { "Last answer" } th scope="col" { "Action" }
            } }
            tbody { @for it in &echoes.peers { tr {
                th scope="row" { (it.options.called_ae) }
                td { (it.role) }
                td { (it.address.as_str()) @if it.options.tls.is_some() { " (TLS)" } }
                td { (it.options.calling_ae) }
                td { (answer(console, echoes.newest(&it.name))) }
                td {
                    form method="post" action={ "/settings/peers/" (it.name) "/echo" } {
                        (csrf(user))
                        button type="submit" aria-label={ "Test: " (it.role) " " (it.options.called_ae) } { "Test" }
                    }
                }
            } } }
        }
    }
}

fn answer(console: &Console, echoed: Option<Echoed>) -> Markup {
    let Some(Echoed { at_unix_ms, error }) = echoed else { return html! { "not asked yet" } };
    let (class, sign) = if error.is_none() { ("calm", "✓") } else { ("broken", "✕") };
    html! {
        span class={ "chip " (class) } {
            span aria-hidden="true" { (sign) " " } (error.as_deref().unwrap_or("it answers"))
        }
        " " (time(&console.site.time_zone, &rfc3339(at_unix_ms)))
    }
}

/// Asks one.
pub(in crate::console) async fn ask(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Redirect, PageProblem> {
    console.ask_peer(&user, &name).await?;
    Ok(Redirect::to("/settings"))
}
