//! The audit trail.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::{Section, page};
use super::parts::time;
use crate::clock::rfc3339;
use crate::console::Console;
use crate::console::access::CurrentUser;
use crate::console::access::permission::Permission;
use crate::console::problem::PageProblem;
use crate::console::views::timeline::words;
use crate::db::audit;
use crate::limits::AUDIT_PAGE_MAX;

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let events = console.db.call(audit::page()).await?;
    let body = html! {
        h1 { "Audit trail" }
        p { "The newest " (AUDIT_PAGE_MAX) " events. All of them: " code { "parotidd audit" } "." }
        div id="audit" data-live {
            table {
                thead { tr {
                    th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Who" }
                    th scope="col" { "More" } th scope="col" { "Series" }
                } }
                tbody { @for it in &events { tr {
                    td { (time(&console.site.time_zone, &rfc3339(it.event.at_unix_ms))) }
                    td { (words(it.event.kind)) }
                    td { (it.event.actor) }
                    td { (it.event.detail) }
                    td { small { code { (it.series) } } }
                } } }
            }
        }
    };
    Ok(page(&console, &user, Section::Audit, "Audit trail", &body).into_response())
}
