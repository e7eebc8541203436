//! Logging in and out, the first account, and one's own password.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Section, bare, page};
use super::parts::csrf;
use super::series::Nothing;
use crate::console::Console;
use crate::console::access::login::{self, hash};
use crate::console::access::{CurrentUser, Submitted, is_from_here, set_cookie};
use crate::console::problem::{PageProblem, Problem};
use crate::db::users::{self, UserChange};
use crate::limits::PASSWORD_CHARACTERS_MIN;

type Peer = Extension<ConnectInfo<SocketAddr>>;

/// Name and password, or the first ones with the code on the display.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    code: String,
}

/// Where one logs in; where there is no account yet, where the first is made.
pub(in crate::console) async fn login_page(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
) -> Result<Response, PageProblem> {
    Ok(if CurrentUser::of(&console, &headers).is_some() {
        Redirect::to("/").into_response()
    } else if login::is_to_be_set_up(&console).await? {
        Redirect::to("/set-up").into_response()
    } else {
        login_form(StatusCode::OK, None)
    })
}

fn login_form(status: StatusCode, problem: Option<&str>) -> Response {
    bare(
        status,
        "Log in",
        &html! {
            (said(problem))
            form.stack method="post" action="/login" {
                label { "Name" input type="text" name="name" required maxlength="64" autocomplete="username" autocapitalize="none"
                    autofocus; }
                label { "Password" input type="password" name="password" required autocomplete="current-password"; }
                button.primary type="submit" { "Log in" }
            }
        },
    )
}

/// The first account.
pub(in crate::console) async fn set_up_page(
    State(console): State<Arc<Console>>,
) -> Result<Response, PageProblem> {
    Ok(match login::is_to_be_set_up(&console).await? {
        true => set_up_form(StatusCode::OK, None),
        false => Redirect::to("/login").into_response(),
    })
}

fn set_up_form(status: StatusCode, problem: Option<&str>) -> Response {
    bare(
        status,
        "Set up this appliance",
        &html! {
            p { "The appliance's display shows a code. It makes the first account, an engineer's, who adds the others. Without a \
                 display: " code { "parotidd user add NAME --role engineer" } "." }
            (said(problem))
            form.stack method="post" action="/set-up" {
                label { "Code on the display" input type="text" name="code" required maxlength="16" autocomplete="off"
                    autocapitalize="characters" autofocus; }
                label { "Name" input type="text" name="name" required maxlength="32" autocomplete="username" autocapitalize="none"; }
                label { "Password, at least " (PASSWORD_CHARACTERS_MIN) " characters"
                    input type="password" name="password" required autocomplete="new-password" minlength=(PASSWORD_CHARACTERS_MIN); }
                button.primary type="submit" { "Make the account" }
            }
        },
    )
}

fn said(problem: Option<&str>) -> Markup {
    html! { @if let Some(it) = problem { p.caution role="alert" { (it) } } }
}

/// Logs in.
pub(in crate::console) async fn log_in(
    State(console): State<Arc<Console>>,
    Extension(ConnectInfo(peer)): Peer,
    headers: HeaderMap,
    Form(it): Form<Credentials>,
) -> Result<Response, PageProblem> {
    if !is_from_here(&headers) {
        return Err(Problem::NotMeant.into());
    }
    match login::log_in(&console, peer.ip(), &it.name, it.password).await {
        Ok(token) => Ok(entered(&console, &token)),
        Err(problem @ (Problem::Unclear(_) | Problem::TooMany(_))) => {
            let text = problem.sentence();
            let status = match problem {
                Problem::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNAUTHORIZED,
            };
            Ok(login_form(status, Some(&text)))
        }
        Err(other) => Err(other.into()),
    }
}

/// Makes the first account.
pub(in crate::console) async fn set_up(
    State(console): State<Arc<Console>>,
    Extension(ConnectInfo(peer)): Peer,
    headers: HeaderMap,
    Form(it): Form<Credentials>,
) -> Result<Response, PageProblem> {
    if !is_from_here(&headers) {
        return Err(Problem::NotMeant.into());
    }
    match login::set_up(&console, peer.ip(), &it.code, &it.name, it.password).await {
        Ok(token) => Ok(entered(&console, &token)),
        Err(problem @ (Problem::Unclear(_) | Problem::TooMany(_))) => {
            Ok(set_up_form(StatusCode::UNPROCESSABLE_ENTITY, Some(&problem.sentence())))
        }
        Err(other) => Err(other.into()),
    }
}

fn entered(console: &Console, token: &str) -> Response {
    let cookie = set_cookie(console.is_tls, Some(token));
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Logs out.
pub(in crate::console) async fn log_out(
    State(console): State<Arc<Console>>,
    Submitted { user, said: Nothing {} }: Submitted<Nothing>,
) -> Result<Response, PageProblem> {
    login::log_out(&console, &user).await?;
    let cookie = set_cookie(console.is_tls, None);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

/// One's own account.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    user: CurrentUser,
) -> Response {
    let body = html! {
        h1 { (user.name()) }
        p { "You are logged in as " (user.role().code()) "." }
        h2 { "Another password" }
        form.stack method="post" action="/account/password" {
            (csrf(&user))
            input type="text" name="username" value=(user.name()) autocomplete="username" aria-label="Name" hidden;
            label { "The one of now" input type="password" name="current" required autocomplete="current-password"; }
            label { "The new one, at least " (PASSWORD_CHARACTERS_MIN) " characters"
                input type="password" name="password" required autocomplete="new-password" minlength=(PASSWORD_CHARACTERS_MIN); }
            button type="submit" { "Change it" }
        }
    };
    page(&console, &user, Section::Account, "Your account", &body).into_response()
}

/// The old password and the new one.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct OwnPassword {
    current: String,
    password: String,
}

/// Changes one's own password; other sessions of the name end.
pub(in crate::console) async fn own_password(
    State(console): State<Arc<Console>>,
    Extension(ConnectInfo(peer)): Peer,
    Submitted { user, said }: Submitted<OwnPassword>,
) -> Result<Response, PageProblem> {
    let name = user.name().to_owned();
    // The same way as a log-in: wrong ones lock the name.
    let token = login::log_in(&console, peer.ip(), &name, said.current).await?;
    let hashed = hash(&console, name.clone(), said.password).await;
    let password_hash = hashed.inspect_err(|_| console.sessions.close(&token))?;
    let change = UserChange::SetPassword { name: name.clone(), password_hash };
    let now = console.clock.unix_ms();
    console.db.call(users::change(change, name.clone(), now)).await?;
    console.sessions.close_all_of(&name);
    let role = user.role();
    let token = console.sessions.open(name, role);
    let token = token.map_err(|error| Problem::Broken(error.to_string()))?;
    Ok(entered(&console, &token))
}
