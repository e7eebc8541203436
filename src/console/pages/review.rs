//! The radiologist's list: flagged and not in the report, in the report and not flagged.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Section, page};
use super::parts::time;
use crate::console::Console;
use crate::console::access::CurrentUser;
use crate::console::access::permission::Permission;
use crate::console::problem::PageProblem;
use crate::console::views::review::ReviewView;

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Judge)?;
    let found = console.reviews().await?;
    let of = |list: &str| found.iter().filter(|it| it.list == list).collect::<Vec<_>>();
    let body = html! {
        h1 { "Beside the reports" }
        p { "Where the answer and the radiologist's signed report do not agree, until somebody judges the series. Rules read the \
             reports, not people: about one in ten sentences is read wrongly." }
        div id="reviews" data-live {
            h2 { "Flagged, not in the report" }
            (table(&console, &of("flagged_not_in_report")))
            h2 { "In the report, not flagged" }
            (table(&console, &of("in_report_not_flagged")))
        }
    };
    Ok(page(&console, &user, Section::Review, "Beside the reports", &body).into_response())
}

fn table(console: &Console, found: &[&ReviewView]) -> Markup {
    if found.is_empty() {
        return html! { p { "None." } };
    }
    html! {
        table {
            thead { tr {
                th scope="col" { "Accession" } th scope="col" { "Side" } th scope="col" { "Report came" }
                th scope="col" { "The report says" } th scope="col" { "Series" }
            } }
            tbody { @for it in found { tr {
                td { (it.accession_number) }
                td { @for side in &it.sides { (side) " " } }
                td { (time(&console.site.time_zone, &it.report_received_at)) }
                td { @for sentence in &it.sentences { q { (sentence) } " " } }
                td { a href={ "/series/" (it.series_instance_uid) } { "Images and verdict" } }
            } } }
        }
    }
}
