//! One series: images, findings, what people said, and what happened.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Section, page};
use super::parts::{alert, csrf, finding, state_chip, time};
use crate::console::Console;
use crate::console::access::permission::Permission;
use crate::console::access::{CurrentUser, Submitted};
use crate::console::assets::VIEWER;
use crate::console::problem::{PageProblem, Problem};
use crate::console::said::{Said, Verdicts};
use crate::console::series_detail::SeriesDetail;
use crate::console::signed::page::words;
use crate::console::views::timeline::TimelineEvent;
use crate::dicom::uid::SeriesInstanceUid;
use crate::screening::report::ScreeningReport;
use crate::units::Side;
use crate::verdict::Verdict;

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
    Path(uid): Path<SeriesInstanceUid>,
) -> Result<Response, PageProblem> {
    user.must(Permission::SeePatients)?;
    let detail = console.detail(uid).await?;
    let it = &detail.series;
    let name = it.patient.as_ref().map_or("", |it| it.name.as_str());
    let title = if name.is_empty() { "no name" } else { name };
    let body = html! {
        p { a href="/series" { "← Series of today" } }
        h1 { (title) }
        (patient(&detail))
        div.two {
            (viewer(&it.series_instance_uid))
            aside {
                section id="answer" data-live { (answer(&console, &user, &detail)) }
                @if user.may(Permission::Judge) { (judgement(&user, &detail)) }
                section id="timeline" data-live { (timeline(&console, &detail.timeline)) }
                (about(&detail))
            }
        }
        script type="module" src=(VIEWER.address()) {}
    };
    Ok(page(&console, &user, Section::Series, title, &body).into_response())
}

fn patient(detail: &SeriesDetail) -> Markup {
    let series = &detail.series;
    html! {
        dl.line {
            @if let Some(it) = &series.patient {
                @for (name, value) in [
                    ("ID", &it.patient_id), ("Born", &it.birth_date), ("Sex", &it.sex),
                    ("Study", &it.study_date), ("Accession", &it.accession_number),
                ] {
                    @if !value.is_empty() { div { dt { (name) } dd { (value) } } }
                }
            }
            div { dt { "From" } dd { (series.calling_ae_title) } }
            @if let Some(order) = &series.order {
                div { dt { "Order" } dd {
                    @if order.is_matched {
                        (order.description.as_deref().unwrap_or("matched"))
                        @if let Some(doctor) = order.referring_physician.as_deref().filter(|it| !it.is_empty()) {
                            ", for " (doctor)
                        }
                    } @else { "none: " (order.code.replace('_', " ")) }
                } }
            }
        }
    }
}

/// What `viewer.js` fills. Without scripts it says so.
fn viewer(uid: &str) -> Markup {
    html! {
        section.viewer id="viewer" aria-label="Images" data-series=(uid) {
            noscript { p { "The images need JavaScript." } }
            p.message role="status" { "Opening the images" }
        }
    }
}

fn answer(console: &Console, user: &CurrentUser, detail: &SeriesDetail) -> Markup {
    let series = &detail.series;
    html! {
        h2 { "Answer" }
        p { (state_chip(series)) " " (finding(series)) }
        @if let Some(report) = &detail.report { (findings(report)) }
        @for warning in &detail.warnings { p.caution { (warning) } }
        @if let Some(it) = &series.alert {
            p { "Alert " (it.number) ": " (alert(&console.site.time_zone, it)) }
            @if it.is_open() && user.may(Permission::Acknowledge) {
                form method="post" action={ "/series/" (series.series_instance_uid) "/acknowledge" } {
                    (csrf(user))
                    button.primary type="submit" { "I have seen this alert" }
                }
            }
        }
    }
}

fn findings(report: &ScreeningReport) -> Markup {
    let kept: Vec<_> = report.candidates.iter().filter(|it| it.kept).collect();
    html! {
        @if !kept.is_empty() {
            table.measures {
                caption { "Outlined, not for diagnostic use" }
                thead { tr {
                    th scope="col" { "Gland" } th scope="col" { "Volume" } th scope="col" { "Diameter" }
                    th scope="col" { "Mean" } th scope="col" { "Score" }
                } }
                tbody { @for it in kept { tr {
                    th scope="row" { (it.side) }
                    td.number { (format!("{:.2} cm³", it.volume_cm3.0)) }
                    td.number { (format!("{:.0} mm", it.longest_diameter_mm.0)) }
                    td.number { (format!("{:.0} HU", it.mean_hu)) }
                    td.number { (format!("{:.2}", it.score)) }
                } } }
            }
        }
        ul.glands {
            @for gland in &report.glands {
                li { (gland.side) " gland: "
                    @match gland.reason {
                        Some(reason) => { "not assessable. " (reason.sentence()) }
                        None => { (gland.decision.as_str().replace('_', " ")) }
                    }
                }
            }
        }
    }
}

fn judgement(user: &CurrentUser, detail: &SeriesDetail) -> Markup {
    let Some(report) = &detail.report else { return html! {} };
    let flagged = report.flagged_sides();
    let stands = |side| detail.verdicts.iter().find(|it| it.side == side);
    html! {
        section {
            h2 { "What do you think?" }
            form method="post" action={ "/series/" (detail.series.series_instance_uid) "/verdicts" } {
                (csrf(user))
                @for side in Side::BOTH {
                    fieldset {
                        legend { (side) " gland, " @if !flagged.contains(&side) { "not " } "flagged" }
                        @for verdict in Verdict::ALL.into_iter().filter(|it| it.is_of_flagged() == flagged.contains(&side)) {
                            label {
                                input type="radio" name=(side) value=(verdict.as_str())
                                    checked[stands(side).is_some_and(|it| it.verdict == verdict)];
                                " " (words(verdict))
                            }
                        }
                        @if let Some(it) = stands(side) { small { "said by " (it.by) } }
                    }
                }
                label { "Note, without patient data" textarea name="note" rows="2" maxlength="500" {} }
                button type="submit" { "Keep" }
            }
        }
    }
}

fn timeline(console: &Console, events: &[TimelineEvent]) -> Markup {
    html! {
        h2 { "What happened" }
        ol.timeline {
            @for it in events {
                li { (time(&console.site.time_zone, &it.at)) " " (it.what)
                    @if let Some(who) = &it.who { ", " (who) }
                }
            }
        }
    }
}

fn about(detail: &SeriesDetail) -> Markup {
    html! {
        details {
            summary { "Series and models" }
            dl {
                dt { "Series Instance UID" } dd { code { (detail.series.series_instance_uid) } }
                dt { "Study Instance UID" } dd { code { (detail.series.study_instance_uid) } }
                @if let Some(report) = &detail.report {
                    @for model in [&report.models.localizer, &report.models.segmenter] {
                        dt { (model.name) " " (model.version) } dd { code { (model.sha256) } }
                    }
                    dt { "Decision" } dd { (report.models.decision.version) ", " (report.models.decision.rule) }
                    dt { "Program" } dd { "parotidd " (report.software_version) }
                }
            }
        }
    }
}

/// Nothing but that it was meant.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Nothing {}

/// An alert was seen.
pub(in crate::console) async fn acknowledge(
    State(console): State<Arc<Console>>,
    Path(uid): Path<SeriesInstanceUid>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Redirect, PageProblem> {
    console.acknowledge(&user, &uid).await?;
    Ok(Redirect::to(&format!("/series/{uid}")))
}

/// What a radiologist thinks.
pub(in crate::console) async fn judge(
    State(console): State<Arc<Console>>,
    Path(uid): Path<SeriesInstanceUid>,
    Submitted { user, said }: Submitted<Said>,
) -> Result<Redirect, PageProblem> {
    user.must(Permission::Judge)?;
    let report = console.detail(uid.clone()).await?.report;
    let report = report.ok_or(Problem::NotFound("This series has no answer yet."))?;
    let verdicts = Verdicts::of(&said, &report)?;
    console.keep_verdicts(&user, &uid, verdicts).await?;
    Ok(Redirect::to(&format!("/series/{uid}")))
}
