//! What every page has: head, navigation by role, the state of the appliance, and that it is not for diagnostic use.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::console::Console;
use crate::console::access::CurrentUser;
use crate::console::access::permission::Permission;
use crate::console::assets::{ICON, LIVE, STYLE};
use crate::console::views::site::StatusView;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;

/// Where a page stands in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Section {
    Series,
    Review,
    Outbox,
    Worklist,
    Storage,
    Models,
    Audit,
    Users,
    Settings,
    Account,
}

/// Address, name, and who sees it; `None` for everyone.
const SECTIONS: [(Section, &str, &str, Option<Permission>); 9] = [
    (Section::Series, "/series", "Series", Some(Permission::SeePatients)),
    (Section::Review, "/review", "Reports", Some(Permission::Judge)),
    (Section::Outbox, "/outbox", "Outbox", Some(Permission::Administer)),
    (Section::Worklist, "/worklist", "Worklist", Some(Permission::Administer)),
    (Section::Storage, "/storage", "Storage", Some(Permission::Administer)),
    (Section::Models, "/models", "Models", None),
    (Section::Audit, "/audit", "Audit", Some(Permission::Administer)),
    (Section::Users, "/users", "Users", Some(Permission::Administer)),
    (Section::Settings, "/settings", "Settings", Some(Permission::Administer)),
];

/// A page of somebody who is logged in.
pub(in crate::console) fn page(
    console: &Console,
    user: &CurrentUser,
    section: Section,
    title: &str,
    body: &Markup,
) -> Response {
    let status = StatusView::new(&console.status.watch().borrow());
    document(
        StatusCode::OK,
        title,
        &html! {
            a.skip href="#main" { "Skip to the content" }
            header {
                strong { "parotidd" }
                nav aria-label="Pages" { ul {
                    @for (it, address, name, permission) in SECTIONS {
                        @if permission.is_none_or(|it| user.may(it)) {
                            li { a href=(address) aria-current=[(it == section).then_some("page")] { (name) } }
                        }
                    }
                } }
                form.who method="post" action="/logout" {
                    a href="/account" aria-current=[(section == Section::Account).then_some("page")] {
                        (user.name()) ", " (user.role().code())
                    }
                    input type="hidden" name="csrf" value=(user.session.csrf);
                    button type="submit" { "Log out" }
                }
            }
            p.status id="status" role="status" data-live { (status_line(&status)) }
            main id="main" tabindex="-1" { (body) }
        },
    )
}

/// A page of nobody in particular.
pub(in crate::console) fn bare(status: StatusCode, title: &str, body: &Markup) -> Response {
    document(status, title, &html! { main.narrow id="main" { h1 { (title) } (body) } })
}

fn status_line(status: &StatusView) -> Markup {
    html! {
        span class={ "chip " (status.class) } { span aria-hidden="true" { (status.sign) " " } (status.words) }
        @if status.n_alerts_open > 0 {
            span.chip.flagged { span aria-hidden="true" { "⚑ " } (status.n_alerts_open) " waiting for acknowledgement" }
        }
        @if status.n_jobs_waiting > 0 { span { (status.n_jobs_waiting) " in the queue" } }
        @for name in &status.destinations_down {
            span.chip.broken { span aria-hidden="true" { "✕ " } (name) " cannot be reached" }
        }
        @if status.n_deliveries_dead > 0 {
            span.chip.broken { span aria-hidden="true" { "✕ " } (status.n_deliveries_dead) " refused" }
        }
        @if !status.self_test_failing.is_empty() {
            span.chip.broken {
                span aria-hidden="true" { "✕ " } "self-test failed: " (status.self_test_failing.join(", "))
            }
        }
        @if let Some(version) = &status.updating_to {
            span.chip.busy { span aria-hidden="true" { "… " } "installing " (version) }
        }
        @if let Some(trouble) = &status.update_trouble {
            span.chip.unknown { span aria-hidden="true" { "? " } (trouble) }
        }
    }
}

fn document(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="dark light";
                title { (title) " - parotidd" }
                link rel="icon" type="image/svg+xml" href=(ICON.address());
                link rel="stylesheet" href=(STYLE.address());
                script type="module" src=(LIVE.address()) {}
            }
            body {
                (body)
                footer { "parotidd " (env!("CARGO_PKG_VERSION")) ", " (NOT_FOR_DIAGNOSTIC_USE) }
            }
        }
    };
    let kind = [(axum::http::header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, page.into_string()).into_response()
}
