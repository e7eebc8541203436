//! The same as the pages, for programs: JSON under `/api/v1`, described by OpenAPI.
//!
//! A program logs in as a person does (`POST /api/v1/session`), keeps the cookie, and shows the token with each change.

mod routes;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;

use super::{Console, events};

/// The description, at `/api/v1/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "parotidd",
        description = "What the console's pages show, as JSON. Not a medical device, not for diagnostic use. \
                       Every request but `POST /api/v1/session`, `/healthz` and `/metrics` needs a session's cookie; every \
                       change needs the session's `csrf` in `X-CSRF-Token`. Problems are RFC 9457."
    ),
    paths(
        session::open,
        session::show,
        session::close,
        routes::status,
        events::follow,
        routes::series_of_day,
        routes::series,
        routes::acknowledge,
        routes::judge,
        routes::volume,
        routes::slice,
        routes::reviews,
        routes::destinations,
        routes::deliveries,
        routes::retry,
        routes::worklist,
        routes::storage,
        routes::models,
        routes::audit,
    ),
    components(schemas(super::problem::ProblemDetails))
)]
struct Description;

/// The description as JSON.
fn description() -> String {
    Description::openapi().to_pretty_json().expect("a description is JSON")
}

/// Everything under `/api/v1`.
pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/session", post(session::open).get(session::show).delete(session::close))
        .route("/status", get(routes::status))
        .route("/events", get(events::follow))
        .route("/series", get(routes::series_of_day))
        .route("/series/{uid}", get(routes::series))
        .route("/series/{uid}/acknowledgement", post(routes::acknowledge))
        .route("/series/{uid}/verdicts", post(routes::judge))
        .route("/series/{uid}/volume", get(routes::volume))
        .route("/series/{uid}/slices/{n}", get(routes::slice))
        .route("/reviews", get(routes::reviews))
        .route("/destinations", get(routes::destinations))
        .route("/deliveries", get(routes::deliveries))
        .route("/deliveries/{id}/retry", post(routes::retry))
        .route("/worklist", get(routes::worklist))
        .route("/storage", get(routes::storage))
        .route("/models", get(routes::models))
        .route("/audit", get(routes::audit))
}

async fn openapi() -> impl axum::response::IntoResponse {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], description())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_answered_is_described() {
        let described: serde_json::Value = serde_json::from_str(&description()).unwrap();
        let paths = described["paths"].as_object().unwrap();
        let source = include_str!("mod.rs");
        let routed: Vec<_> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next())
            .filter(|path| *path != "/openapi.json")
            .collect();
        assert!(routed.len() > 10);
        for path in &routed {
            assert!(paths.contains_key(&format!("/api/v1{path}")), "{path} is not described");
        }
        assert_eq!(paths.len(), routed.len());
        for (path, about) in paths {
            for (method, about) in about.as_object().unwrap() {
                assert!(about["responses"].is_object(), "{method} {path}");
                assert!(about["summary"].as_str().is_some_and(|it| !it.is_empty()), "{path}");
            }
        }
    }
}
