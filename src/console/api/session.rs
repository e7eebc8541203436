//! Sessions of programs.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::console::Console;
use crate::console::access::{ApiUser, CurrentUser, is_from_here, login, set_cookie};
use crate::console::problem::{ApiProblem, Problem, ProblemDetails};

/// Who one is.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::console) struct Credentials {
    name: String,
    password: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct SessionView {
    /// Who is logged in.
    name: String,
    /// `technologist`, `radiologist` or `engineer`.
    role: &'static str,
    /// To be shown with each change, in `X-CSRF-Token`.
    csrf: String,
}

impl SessionView {
    fn new(user: &CurrentUser) -> Self {
        Self {
            name: user.name().to_owned(),
            role: user.role().code(),
            csrf: user.session.csrf.clone(),
        }
    }
}

/// Log in: answers with the session's cookie and token.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = SessionView), (status = 422, body = ProblemDetails),
        (status = 429, body = ProblemDetails)))]
pub(in crate::console) async fn open(
    State(console): State<Arc<Console>>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    headers: HeaderMap,
    Json(it): Json<Credentials>,
) -> Result<Response, ApiProblem> {
    if !is_from_here(&headers) {
        return Err(Problem::NotMeant.into());
    }
    let token = login::log_in(&console, peer.ip(), &it.name, it.password).await?;
    let session = console.sessions.find(&token, true).ok_or(Problem::NotLoggedIn)?;
    let cookie = set_cookie(console.is_tls, Some(&token));
    let view = SessionView::new(&CurrentUser { session, token });
    Ok(([(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionView), (status = 401, body = ProblemDetails)))]
pub(in crate::console) async fn show(ApiUser(user): ApiUser) -> Json<SessionView> {
    Json(SessionView::new(&user))
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204), (status = 401, body = ProblemDetails)))]
pub(in crate::console) async fn close(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    headers: HeaderMap,
) -> Result<Response, ApiProblem> {
    if !is_from_here(&headers) {
        return Err(Problem::NotMeant.into());
    }
    login::log_out(&console, &user).await?;
    let cookie = set_cookie(console.is_tls, None);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
