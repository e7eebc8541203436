//! Why a request is not answered as it was asked, for people and for programs.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::DbError;
use crate::error::Chain;
use crate::limits::RETRY_AFTER;

/// Why something is not done.
#[derive(Debug)]
pub(super) enum Problem {
    /// Nobody is logged in, or no longer.
    NotLoggedIn,
    /// This role does not do that.
    NotAllowed,
    /// There is no such thing.
    NotFound(&'static str),
    /// What was sent makes no sense.
    Unclear(String),
    /// It makes sense, and does not fit what is there.
    Conflict(String),
    /// The change was not meant, or the page is an old one.
    NotMeant,
    /// Too often, or too much at once.
    TooMany(&'static str),
    /// The disk does not give it.
    Unreadable(String),
    /// The database cannot do it now.
    Database(DbError),
    /// We are broken.
    Broken(String),
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::NotAllowed | Self::NotMeant => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unclear(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unreadable(_) => StatusCode::NOT_FOUND,
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For the person in front of it; what is about us goes to the log.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::NotLoggedIn => "Please log in.".to_owned(),
            Self::NotAllowed => {
                "Your role does not do this. Ask whoever looks after the appliance.".to_owned()
            }
            Self::NotMeant => {
                "This page is an old one. Load it again, and try once more.".to_owned()
            }
            Self::NotFound(text) | Self::TooMany(text) => (*text).to_owned(),
            Self::Unclear(text) | Self::Conflict(text) | Self::Unreadable(text) => text.clone(),
            Self::Database(_) => {
                "The database cannot do it now. Please try again; if it stays so, call whoever \
                                  looks after the appliance."
                    .to_owned()
            }
            Self::Broken(_) => {
                "Something is broken. The log says what: call whoever looks after the appliance."
                    .to_owned()
            }
        }
    }

    fn log(&self) {
        match self {
            Self::Database(error) => {
                tracing::error!(error = %Chain(error), "the console got no answer")
            }
            Self::Broken(error) => tracing::error!(error, "the console is broken"),
            _ => {}
        }
    }
}

/// What programs get (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    /// The HTTP status.
    status: u16,
    /// What it means.
    title: String,
    /// What to do.
    detail: String,
}

/// A problem of the API.
#[derive(Debug)]
pub(super) struct ApiProblem(pub(super) Problem);

impl<E: Into<Problem>> From<E> for ApiProblem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        self.0.log();
        let status = self.0.status();
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let details = ProblemDetails { status: status.as_u16(), title, detail: self.0.sentence() };
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if matches!(self.0, Problem::TooMany(_)) {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER.as_secs().into());
        }
        let mut response = (status, Json(details)).into_response();
        response.headers_mut().extend(headers);
        response
    }
}

/// A problem of a page.
#[derive(Debug)]
pub(super) struct PageProblem(pub(super) Problem);

impl<E: Into<Problem>> From<E> for PageProblem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        if matches!(self.0, Problem::NotLoggedIn) {
            return Redirect::to("/login").into_response();
        }
        self.0.log();
        super::pages::layout::bare(
            self.0.status(),
            "It was not done",
            &maud::html! {
                p { (self.0.sentence()) }
                p { a href="/" { "Back to the series of today" } }
            },
        )
    }
}
