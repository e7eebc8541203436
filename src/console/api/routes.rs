//! What the API answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::rfc3339;
use crate::console::Console;
use crate::console::access::permission::Permission;
use crate::console::access::{ApiSubmitted, ApiUser};
use crate::console::pages::day::{Day, today};
use crate::console::problem::{ApiProblem, Problem, ProblemDetails};
use crate::console::said::{Said, Verdicts};
use crate::console::series_detail::SeriesDetail;
use crate::console::viewer::VolumeView;
use crate::console::views::outbox::{DeliveryView, DestinationView};
use crate::console::views::review::ReviewView;
use crate::console::views::series::SeriesView;
use crate::console::views::site::{StatusView, StorageView, WorklistView};
use crate::db::audit;
use crate::dicom::uid::SeriesInstanceUid;
use crate::screening::report::Models;

type Answer<T> = Result<Json<T>, ApiProblem>;

/// What the appliance is doing.
#[utoipa::path(get, path = "/api/v1/status", tag = "status",
    responses((status = 200, body = StatusView), (status = 401, body = ProblemDetails)))]
pub(in crate::console) async fn status(
    State(console): State<Arc<Console>>,
    ApiUser(_): ApiUser,
) -> Json<StatusView> {
    Json(StatusView::new(&console.status.watch().borrow()))
}

/// The series of a day, and those whose alert is open; newest first.
#[utoipa::path(get, path = "/api/v1/series", tag = "series",
    params(("day" = Option<String>, Query, description = "`2026-01-31`, by the site's clock; today where it is absent")),
    responses((status = 200, body = Vec<SeriesView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn series_of_day(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    Query(Day { day }): Query<Day>,
) -> Answer<Vec<SeriesView>> {
    user.must(Permission::SeePatients)?;
    let day = day.map_or_else(|| today(&console), Ok)?;
    Ok(Json(console.series_of(day).await?))
}

/// Everything about one series.
#[utoipa::path(get, path = "/api/v1/series/{uid}", tag = "series",
    params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, body = SeriesDetail), (status = 404, body = ProblemDetails)))]
pub(in crate::console) async fn series(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    Path(uid): Path<SeriesInstanceUid>,
) -> Answer<SeriesDetail> {
    user.must(Permission::SeePatients)?;
    Ok(Json(console.detail(uid).await?))
}

/// Say that a series' alert was seen.
#[utoipa::path(post, path = "/api/v1/series/{uid}/acknowledgement", tag = "series",
    params(("uid" = String, Path, description = "Series Instance UID")), request_body = serde_json::Value,
    responses((status = 204), (status = 404, body = ProblemDetails)))]
pub(in crate::console) async fn acknowledge(
    State(console): State<Arc<Console>>,
    Path(uid): Path<SeriesInstanceUid>,
    it: ApiSubmitted<serde_json::Value>,
) -> Result<StatusCode, ApiProblem> {
    console.acknowledge(&it.user, &uid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say what one thinks of an answer.
#[utoipa::path(post, path = "/api/v1/series/{uid}/verdicts", tag = "series",
    params(("uid" = String, Path, description = "Series Instance UID")), request_body = Said,
    responses((status = 204), (status = 422, body = ProblemDetails)))]
pub(in crate::console) async fn judge(
    State(console): State<Arc<Console>>,
    Path(uid): Path<SeriesInstanceUid>,
    it: ApiSubmitted<Said>,
) -> Result<StatusCode, ApiProblem> {
    it.user.must(Permission::Judge)?;
    let report = console.detail(uid.clone()).await?.report;
    let report = report.ok_or(Problem::NotFound("This series has no answer yet."))?;
    let verdicts = Verdicts::of(&it.said, &report)?;
    console.keep_verdicts(&it.user, &uid, verdicts).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A series' volume: grid, outlines, findings. Who asks is in the audit trail.
#[utoipa::path(get, path = "/api/v1/series/{uid}/volume", tag = "series",
    params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, body = VolumeView), (status = 404, body = ProblemDetails)))]
pub(in crate::console) async fn volume(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    Path(uid): Path<SeriesInstanceUid>,
) -> Answer<VolumeView> {
    user.must(Permission::SeePatients)?;
    let opened = console.shelf.open(&console.db, &uid).await?;
    console.opened(&user, &uid).await?;
    Ok(Json(VolumeView::new(&opened)))
}

/// One slice of it: Hounsfield units as 16-bit numbers, each the difference from its left neighbour (the first of a row: from
/// the one above); all low bytes first, then all high ones.
#[utoipa::path(get, path = "/api/v1/series/{uid}/slices/{n}", tag = "series",
    params(("uid" = String, Path, description = "Series Instance UID"),
        ("n" = usize, Path, description = "From 0, in the volume's order")),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404, body = ProblemDetails)))]
pub(in crate::console) async fn slice(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    Path((uid, n)): Path<(SeriesInstanceUid, usize)>,
) -> Result<Response, ApiProblem> {
    user.must(Permission::SeePatients)?;
    let opened = console.shelf.open(&console.db, &uid).await?;
    let bytes = console.shelf.slice(opened, n).await?;
    let kind =
        [(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_ENCODING, "gzip")];
    Ok((kind, bytes).into_response())
}

/// Where answers and radiologists' signed reports do not agree, until somebody judges the series.
#[utoipa::path(get, path = "/api/v1/reviews", tag = "series",
    responses((status = 200, body = Vec<ReviewView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn reviews(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Answer<Vec<ReviewView>> {
    user.must(Permission::Judge)?;
    Ok(Json(console.reviews().await?))
}

/// Destinations and how they do.
#[utoipa::path(get, path = "/api/v1/destinations", tag = "outbox",
    responses((status = 200, body = Vec<DestinationView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn destinations(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Answer<Vec<DestinationView>> {
    user.must(Permission::Administer)?;
    Ok(Json(console.destinations().await?))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::console) struct Which {
    /// `waiting`, `sent`, `dead` or `cancelled`; all where it is absent.
    state: Option<String>,
}

/// The newest deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "outbox", params(Which),
    responses((status = 200, body = Vec<DeliveryView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn deliveries(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
    Query(Which { state }): Query<Which>,
) -> Answer<Vec<DeliveryView>> {
    user.must(Permission::Administer)?;
    const STATES: [&str; 4] = ["waiting", "sent", "dead", "cancelled"];
    let state = match state {
        None => None,
        Some(text) => {
            let known = STATES.into_iter().find(|it| *it == text);
            Some(known.ok_or_else(|| Problem::Unclear("There is no such state.".to_owned()))?)
        }
    };
    Ok(Json(console.deliveries(state).await?))
}

/// Have a delivery tried again now.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/retry", tag = "outbox",
    params(("id" = i64, Path, description = "The delivery")), request_body = serde_json::Value,
    responses((status = 204), (status = 409, body = ProblemDetails)))]
pub(in crate::console) async fn retry(
    State(console): State<Arc<Console>>,
    Path(id): Path<i64>,
    it: ApiSubmitted<serde_json::Value>,
) -> Result<StatusCode, ApiProblem> {
    console.retry(&it.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How the modality worklist is; `null` where there is none.
#[utoipa::path(get, path = "/api/v1/worklist", tag = "appliance",
    responses((status = 200, body = Option<WorklistView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn worklist(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Answer<Option<WorklistView>> {
    user.must(Permission::Administer)?;
    Ok(Json(console.worklist().await?))
}

/// What is kept, and how much room is left.
#[utoipa::path(get, path = "/api/v1/storage", tag = "appliance",
    responses((status = 200, body = StorageView), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn storage(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Answer<StorageView> {
    user.must(Permission::Administer)?;
    Ok(Json(console.storage().await?))
}

/// The networks and the decision rule that answer.
#[utoipa::path(get, path = "/api/v1/models", tag = "appliance",
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemDetails)))]
pub(in crate::console) async fn models(
    State(console): State<Arc<Console>>,
    ApiUser(_): ApiUser,
) -> Json<Models> {
    Json(console.site.models.clone())
}

/// An event of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct AuditView {
    /// RFC 3339.
    at: String,
    /// Its code.
    event: &'static str,
    /// Who.
    actor: String,
    /// More about it.
    detail: String,
    /// Series Instance UID; empty where it is about none.
    series_instance_uid: String,
}

/// The newest events of the audit trail, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "appliance",
    responses((status = 200, body = Vec<AuditView>), (status = 403, body = ProblemDetails)))]
pub(in crate::console) async fn audit(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Answer<Vec<AuditView>> {
    user.must(Permission::Administer)?;
    let events = console.db.call(audit::page()).await?;
    let view = |it: audit::AuditEvent| AuditView {
        at: rfc3339(it.event.at_unix_ms),
        event: it.event.kind.code(),
        actor: it.event.actor,
        detail: it.event.detail,
        series_instance_uid: it.series,
    };
    Ok(Json(events.into_iter().map(view).collect()))
}
