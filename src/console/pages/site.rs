//! Worklist, storage, models and settings: what there is to see of the appliance, without patients.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html::push_html};

use super::layout::{Section, page};
use super::parts::time;
use super::peers;
use crate::console::Console;
use crate::console::access::CurrentUser;
use crate::console::access::permission::Permission;
use crate::console::problem::PageProblem;
use crate::console::views::site::StorageView;
use crate::delivery::policy::{AlertPolicy, STUDY};

/// How the worklist is.
pub(in crate::console) async fn worklist(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let zone = &console.site.time_zone;
    let body = html! {
        h1 { "Modality worklist" }
        div id="worklist" data-live {
            @match console.worklist().await? {
                None => p { "The settings have no " code { "[worklist]" } ": alerts go out without orders." },
                Some(it) => {
                    dl {
                        dt { "Entries" } dd { (it.n_entries) }
                        dt { "Answered last" } dd { @match &it.last_success_at { Some(at) => (time(zone, at)), None => "never" } }
                        @if let Some(error) = &it.last_error {
                            dt { "Did not answer" } dd { @if let Some(at) = &it.last_error_at { (time(zone, at)) ": " } (error) }
                        }
                        dt { "Studies with their order" } dd { (it.n_matched) }
                        @for it in &it.unmatched {
                            dt { "Studies without: " (it.reason.replace('_', " ")) } dd { (it.n) }
                        }
                    }
                }
            }
        }
    };
    Ok(page(&console, &user, Section::Worklist, "Worklist", &body).into_response())
}

/// What is kept.
pub(in crate::console) async fn storage(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let it = console.storage().await?;
    let body = html! {
        h1 { "Storage" }
        div id="storage" data-live { (storage_list(&console, &it)) }
    };
    Ok(page(&console, &user, Section::Storage, "Storage", &body).into_response())
}

fn storage_list(console: &Console, it: &StorageView) -> Markup {
    let used = it.total_bytes.saturating_sub(it.free_bytes);
    html! {
        p {
            label for="disk" { "Disk: " (size(it.free_bytes)) " of " (size(it.total_bytes)) " free " }
            meter id="disk" min="0" max=(it.total_bytes) high=(it.total_bytes / 10 * 9) value=(used) {
                (size(used)) " used"
            }
        }
        dl {
            dt { "Folder" } dd { code { (console.site.data_dir.display()) } }
            dt { "Images" } dd { (it.n_instances) " in " (it.n_series) " series, " (size(it.instances_bytes)) }
            @if let Some(at) = &it.oldest_received_at { dt { "Oldest" } dd { (time(&console.site.time_zone, at)) } }
            dt { "Answers" } dd { (it.n_results) }
            dt { "Database" } dd { (size(it.database_bytes)) }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// What answers, and how well.
pub(in crate::console) async fn models(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Response {
    let models = &console.site.models;
    let body = html! {
        h1 { "Models" }
        table {
            thead { tr { th scope="col" { "What" } th scope="col" { "Version" } th scope="col" { "SHA-256" } } }
            tbody {
                @for it in [&models.localizer, &models.segmenter] {
                    tr { th scope="row" { (it.name) } td { (it.version) } td { code { (it.sha256) } } }
                }
                tr {
                    th scope="row" { "decision" } td { (models.decision.version) }
                    td { "rule " (models.decision.rule) ", at least " (models.decision.tumor_voxels_min.0) " mm³" }
                }
            }
        }
        (policy(&console.site.rules.policy))
        article.card { (PreEscaped(markdown(&console.site.model_card))) }
    };
    page(&console, &user, Section::Models, "Models", &body).into_response()
}

fn policy(policy: &AlertPolicy) -> Markup {
    html! {
        h2 { "Alerts at this site" }
        dl {
            dt { "Lowest score that is pushed" } dd { (policy.score_min) }
            dt { "Most a day" } dd { @match policy.per_day_max { Some(n) => (n), None => "no limit" } }
            dt { "The study that this implements" }
            dd { "sensitivity " (STUDY.sensitivity) ", specificity " (STUDY.specificity) ", where half had a tumour" }
        }
    }
}

/// Markdown as HTML, without any HTML of its own. Links and pictures, which lead to files that are not in the program, are
/// their words alone.
fn markdown(text: &str) -> String {
    let options = Options::ENABLE_TABLES;
    let events = Parser::new_ext(text, options).filter_map(|event| match event {
        Event::Html(it) | Event::InlineHtml(it) => Some(Event::Text(it)),
        Event::Start(Tag::Link { .. } | Tag::Image { .. })
        | Event::End(TagEnd::Link | TagEnd::Image) => None,
        other => Some(other),
    });
    let mut out = String::new();
    push_html(&mut out, events);
    // The page has its own first heading.
    out.replace("<h2>", "<h3>")
        .replace("</h2>", "</h3>")
        .replace("<h1>", "<h2>")
        .replace("</h1>", "</h2>")
}

/// The settings in force.
pub(in crate::console) async fn settings(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let body = html! {
        h1 { "Settings" }
        dl {
            dt { "This machine" } dd { (console.site.host_name) }
            dt { "How the console is reached" } dd { (console.site.address) }
        }
        p { "What is in force stands below, defaults written out. Settings are changed in the file that " code { "parotidd run --config" }
            " names, and tried with " code { "parotidd check-config" } "." }
        @if let Some(it) = &console.site.fingerprint {
            p { "This console's certificate, SHA-256: " code { (it) } }
        }
        (peers::table(&console, &user))
        h2 { "In force" }
        pre tabindex="0" aria-label="Settings" { code { (console.site.settings) } }
    };
    Ok(page(&console, &user, Section::Settings, "Settings", &body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_shown_without_html_of_its_own() {
        let out = markdown("# Card\n\n<script>x</script>\n\n|a|b|\n|-|-|\n|1|2|\n");
        assert!(out.contains("<h2>Card</h2>") && out.contains("<table>"), "{out}");
        assert!(!out.contains("<script>"), "{out}");
        let out = markdown("![seen *here*](../a.png), [more](b.md)");
        assert_eq!(out, "<p>seen <em>here</em>, more</p>\n");
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_500), "1.5 kB");
        assert_eq!(size(64_000_000_000), "64.0 GB");
    }
}
