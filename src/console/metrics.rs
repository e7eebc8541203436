//! `/metrics`: counts in the text format of OpenMetrics, for Prometheus. No patient data, nothing that a count does not say.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::Console;
use super::problem::{ApiProblem, Problem};
use super::views::site::{StatusView, StorageView};
use crate::status::Status;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Destination {
    destination: String,
}

/// Counts of now.
pub(super) async fn show(State(console): State<Arc<Console>>) -> Result<Response, ApiProblem> {
    if !console.site.has_metrics {
        return Err(Problem::NotFound("The settings turn /metrics off.").into());
    }
    let destinations = console.destinations().await?;
    let storage = console.storage().await?;
    let status = console.status.watch().borrow().clone();
    let mut registry = Registry::with_prefix("parotidd");
    register(&mut registry, &status, &storage);
    let waiting = Family::<Destination, Gauge>::default();
    let refused = Family::<Destination, Gauge>::default();
    for it in destinations {
        let label = Destination { destination: it.name };
        waiting.get_or_create(&label).set(it.n_waiting.into());
        refused.get_or_create(&label).set(it.n_dead.into());
    }
    registry.register("deliveries_waiting", "Deliveries not yet received", waiting);
    registry.register("deliveries_refused", "Deliveries refused for good", refused);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Problem::Broken(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn register(registry: &mut Registry, status: &Status, storage: &StorageView) {
    let view = StatusView::new(status);
    let up = i64::from(!matches!(view.activity, "starting" | "stopping" | "fault"));
    registry.register("up", "Whether the appliance is at work", ConstGauge::new(up));
    let count = |n: u64| ConstCounter::new(n);
    registry.register("series_screened", "Series answered", count(status.n_series_screened));
    registry.register(
        "instances_received",
        "Images received since the start",
        count(status.n_instances_received),
    );
    let gauge = |n: u32| ConstGauge::new(i64::from(n));
    registry.register(
        "jobs_waiting",
        "Series that wait for the networks",
        gauge(status.n_jobs_waiting),
    );
    registry.register(
        "alerts_open",
        "Alerts that nobody acknowledged",
        gauge(status.alerts.n_open),
    );
    registry.register("associations", "Connections of scanners", gauge(status.n_associations));
    let flag = |is: bool| gauge(u32::from(is));
    registry.register(
        "updating",
        "Whether a version is installed",
        flag(status.updating.is_some()),
    );
    registry.register(
        "update_failed",
        "Whether the newest update was undone or refused",
        flag(status.update_trouble.is_some()),
    );
    registry.register(
        "self_test_failing",
        "Whether a required check of the newest self-tests failed",
        flag(!status.self_test_failing.is_empty()),
    );
    let bytes = |n: u64| ConstGauge::new(i64::try_from(n).unwrap_or(i64::MAX));
    registry.register(
        "disk_free_bytes",
        "Bytes that can still be filled",
        bytes(storage.free_bytes),
    );
    registry.register("disk_bytes", "Bytes of the disk", bytes(storage.total_bytes));
    registry.register("instances_bytes", "Bytes of images kept", bytes(storage.instances_bytes));
}

/// Whether the appliance is at work: 200, or 503 with what it does. For load balancers and watchdogs.
pub(super) async fn health(State(console): State<Arc<Console>>) -> Response {
    use axum::http::StatusCode;
    let view = StatusView::new(&console.status.watch().borrow());
    let is_well = !matches!(view.activity, "starting" | "stopping" | "fault");
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, view.activity).into_response()
}
