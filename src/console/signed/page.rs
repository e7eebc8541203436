//! The pages, as HTML. Nothing is loaded from elsewhere, and nothing of a patient is on them.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::clock::rfc3339;
use crate::db::alerts::Alert;
use crate::db::feedback::Feedback;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use crate::units::Side;
use crate::verdict::Verdict;

const STYLE: &str = "body{font:18px/1.45 system-ui,sans-serif;margin:0 auto;max-width:40rem;padding:1rem;
color:#111;background:#fff}h1{font-size:1.4rem}fieldset{margin:1rem 0;border:1px solid #888}label{display:block;
padding:.3rem 0}input[type=text],textarea{width:100%;font:inherit;box-sizing:border-box;padding:.4rem}
button{font:inherit;padding:.6rem 1.2rem}dt{font-weight:bold}dd{margin:0 0 .4rem}.note{color:#555;font-size:.9rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}.note{color:#aaa}}";

/// A whole page. No cache keeps it, no other page frames it, and its address is told to nobody.
pub(super) fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                // None: browsers ask for one that is not named.
                link rel="icon" href="data:,";
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                p.note { "parotidd " (env!("CARGO_PKG_VERSION")) ", " (NOT_FOR_DIAGNOSTIC_USE) "." }
            }
        }
    };
    const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
        form-action 'self'; frame-ancestors 'none'";
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, page.into_string()).into_response()
}

/// One sentence.
pub(super) fn message(text: &str) -> Markup {
    html! { h1 { "parotidd" } p { (text) } }
}

/// An alert, what became of it, and the form.
pub(super) fn alert(status: StatusCode, alert: &Alert, verdicts: &[Feedback]) -> Response {
    let report = &alert.report;
    let sides: Vec<_> = report.flagged_sides().iter().map(ToString::to_string).collect();
    let title = format!("CT series flagged: {}", sides.join(" and "));
    let body = html! {
        h1 { (title) }
        dl {
            dt { "Alert" } dd { "No. " (alert.number) ", " (rfc3339(alert.opened_unix_ms)) }
            @for found in report.candidates.iter().filter(|it| it.kept) {
                dt { "Mass, " (found.side) " parotid gland" }
                dd {
                    (format!("{:.2}", found.volume_cm3.0)) " cm³, longest diameter "
                    (format!("{:.0}", found.longest_diameter_mm.0)) " mm, score "
                    (format!("{:.2}", found.score))
                }
            }
            dt { "Series" } dd { (report.series_instance_uid) }
            dt { "Models" }
            dd {
                (report.models.localizer.name) " " (report.models.localizer.version) ", "
                (report.models.segmenter.name) " " (report.models.segmenter.version) ", decision "
                (report.models.decision.version)
            }
            dt { "State" } dd { (state(alert)) }
            @for it in verdicts {
                dt { "Verdict, " (it.side) }
                dd { (words(it.verdict)) ", " (it.by) ", " (rfc3339(it.at_unix_ms)) }
            }
        }
        @if alert.state != "withdrawn" { (form(alert)) }
    };
    page(status, &title, &body)
}

fn state(alert: &Alert) -> String {
    let by = alert.acknowledged_by.as_deref().unwrap_or_default();
    let at = alert.closed_unix_ms.map(rfc3339).unwrap_or_default();
    match alert.state.as_str() {
        "open" => "nobody has acknowledged it".to_owned(),
        "acknowledged" => format!("acknowledged by {by}, {at}"),
        _ => format!("withdrawn by a later answer, {at}: it no longer holds"),
    }
}

fn form(alert: &Alert) -> Markup {
    let flagged = alert.report.flagged_sides();
    html! {
        form method="post" {
            label { "Your name" input type="text" name="by" maxlength="100" required autocomplete="name"; }
            @for side in Side::BOTH {
                fieldset {
                    legend {
                        "What do you think, " (side) " gland (" @if !flagged.contains(&side) { "not " } "flagged)? You can say it later, too."
                    }
                    @for verdict in Verdict::ALL.into_iter().filter(|it| it.is_of_flagged() == flagged.contains(&side)) {
                        label { input type="radio" name=(side) value=(verdict.as_str()); " " (words(verdict)) }
                    }
                }
            }
            label { "Note, without patient data" textarea name="note" rows="2" maxlength="500" {} }
            p { button type="submit" { @if alert.state == "open" { "I have seen this alert" } @else { "Send" } } }
        }
    }
}

/// A verdict in words.
pub(in crate::console) fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "there is a mass, as outlined",
        Verdict::Rejected => "there is no mass",
        Verdict::WrongOutline => "there is a mass, the outline is wrong",
        Verdict::Missed => "there is a mass that was not flagged",
        Verdict::ConfirmedNegative => "there is no mass",
    }
}
