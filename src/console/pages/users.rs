//! Who may use the console.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Section, page};
use super::parts::{csrf, time};
use super::series::Nothing;
use crate::clock::rfc3339;
use crate::console::Console;
use crate::console::access::login::{bad_name, hash};
use crate::console::access::passwords::user_name;
use crate::console::access::permission::Permission;
use crate::console::access::{CurrentUser, Submitted};
use crate::console::problem::{PageProblem, Problem};
use crate::db::users::{self, Changed, Role, User, UserChange};
use crate::limits::PASSWORD_CHARACTERS_MIN;

/// The page.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Result<Response, PageProblem> {
    user.must(Permission::Administer)?;
    let everyone = console.db.call(users::list()).await?;
    let now = console.clock.unix_ms();
    let body = html! {
        h1 { "Users" }
        table {
            thead { tr {
                th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Since" } th scope="col" { "State" }
                th scope="col" { "Actions" }
            } }
            tbody { @for it in &everyone { tr {
                th scope="row" { (it.name) }
                td { (it.role.code()) }
                td { (time(&console.site.time_zone, &rfc3339(it.created_unix_ms))) }
                td { @if it.is_locked(now) { "locked after wrong passwords" } @else { "fine" } }
                td { (actions(&user, it, now)) }
            } } }
        }
        (add(&user))
    };
    Ok(page(&console, &user, Section::Users, "Users", &body).into_response())
}

fn actions(user: &CurrentUser, it: &User, now_unix_ms: i64) -> Markup {
    html! {
        @if it.is_locked(now_unix_ms) {
            form method="post" action={ "/users/" (it.name) "/unlock" } {
                (csrf(user))
                button type="submit" aria-label={ "Unlock " (it.name) } { "Unlock" }
            }
        }
        details {
            summary { "Another password" }
            form method="post" action={ "/users/" (it.name) "/password" } {
                (csrf(user))
                label { "New password of " (it.name) input type="password" name="password" required autocomplete="new-password"
                    minlength=(PASSWORD_CHARACTERS_MIN); }
                button type="submit" { "Set" }
            }
        }
        details {
            summary { "Remove" }
            form method="post" action={ "/users/" (it.name) "/remove" } {
                (csrf(user))
                button type="submit" { "Remove " (it.name) " for good" }
            }
        }
    }
}

fn add(user: &CurrentUser) -> Markup {
    html! {
        h2 { "Another one" }
        form.stack method="post" action="/users" {
            (csrf(user))
            label { "Name" input type="text" name="name" required maxlength="32" autocomplete="off" autocapitalize="none"; }
            label { "Role" select name="role" {
                @for role in Role::ALL { option value=(role.code()) { (role.code()) ", " (about(role)) } }
            } }
            label { "Password, at least " (PASSWORD_CHARACTERS_MIN) " characters"
                input type="password" name="password" required autocomplete="new-password" minlength=(PASSWORD_CHARACTERS_MIN); }
            button type="submit" { "Add" }
        }
    }
}

fn about(role: Role) -> &'static str {
    match role {
        Role::Technologist => "sees series, acknowledges",
        Role::Radiologist => "judges findings, too",
        Role::Engineer => "looks after the appliance, sees no patient",
    }
}

/// A new account.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct NewUser {
    name: String,
    role: String,
    password: String,
}

/// Adds one.
pub(in crate::console) async fn create(
    State(console): State<Arc<Console>>,
    Submitted { user, said }: Submitted<NewUser>,
) -> Result<Redirect, PageProblem> {
    user.must(Permission::Administer)?;
    let name = user_name(&said.name).ok_or_else(bad_name)?;
    let role = Role::ALL.into_iter().find(|it| it.code() == said.role);
    let role = role.ok_or_else(|| Problem::Unclear("There is no such role.".to_owned()))?;
    let password_hash = hash(&console, name.clone(), said.password).await?;
    change(&console, &user, UserChange::Add { name, role, password_hash }).await
}

/// Another password.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct NewPassword {
    password: String,
}

/// Sets another password.
pub(in crate::console) async fn password(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Submitted { user, said }: Submitted<NewPassword>,
) -> Result<Redirect, PageProblem> {
    user.must(Permission::Administer)?;
    let password_hash = hash(&console, name.clone(), said.password).await?;
    change(&console, &user, UserChange::SetPassword { name, password_hash }).await
}

/// Opens a lock.
pub(in crate::console) async fn unlock(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Redirect, PageProblem> {
    change(&console, &user, UserChange::Unlock { name }).await
}

/// Removes one.
pub(in crate::console) async fn remove(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Redirect, PageProblem> {
    change(&console, &user, UserChange::Remove { name }).await
}

async fn change(
    console: &Console,
    user: &CurrentUser,
    change: UserChange,
) -> Result<Redirect, PageProblem> {
    user.must(Permission::Administer)?;
    let name = change.name().to_owned();
    // Whoever was removed, or has another password, is out at once.
    let ends_sessions =
        matches!(change, UserChange::Remove { .. } | UserChange::SetPassword { .. });
    let by = user.name().to_owned();
    let said = console.db.call(users::change(change, by, console.clock.unix_ms())).await?;
    let conflict = |text: &str| Err(Problem::Conflict(text.to_owned()).into());
    match said {
        Changed::Done => {}
        Changed::NameTaken => return conflict("There is such a name already."),
        Changed::NoSuchUser => return conflict("There is no such name."),
        Changed::LastEngineer => return conflict("Nobody would be left who can add others."),
        Changed::TooMany => return conflict("There are too many accounts; remove one first."),
    }
    if ends_sessions && name != user.name() {
        console.sessions.close_all_of(&name);
    }
    Ok(Redirect::to("/users"))
}
