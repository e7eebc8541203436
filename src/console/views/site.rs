//! The appliance as people and programs see it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::db::orders::WorklistState;
use crate::db::stock::Stock;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;
use crate::status::{Activity, Status};

/// What the appliance is doing now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::console) struct StatusView {
    /// Never for diagnosis.
    notice: &'static str,
    /// Version of the program.
    software_version: &'static str,
    /// `starting`, `ready`, `receiving`, `analysing`, `stopping` or `fault`.
    pub(in crate::console) activity: &'static str,
    /// The same for people; of a fault what to do.
    pub(in crate::console) words: String,
    /// Series that wait for the networks.
    pub(in crate::console) n_jobs_waiting: u32,
    /// Not yet received by their destinations.
    pub(in crate::console) n_deliveries_waiting: u32,
    /// Refused for good.
    pub(in crate::console) n_deliveries_dead: u32,
    /// Alerts that nobody acknowledged.
    pub(in crate::console) n_alerts_open: u32,
    /// Since the database was made.
    pub(in crate::console) n_series_screened: u64,
    /// Since the program started.
    pub(in crate::console) n_instances_received: u64,
    /// Connections of scanners.
    pub(in crate::console) n_associations: u32,
    /// Names of destinations that cannot be reached.
    pub(in crate::console) destinations_down: Vec<String>,
    /// The version that is being installed.
    pub(in crate::console) updating_to: Option<String>,
    /// An update that was undone or refused, as a sentence.
    pub(in crate::console) update_trouble: Option<String>,
    /// Names of required checks that the newest self-tests failed: answers may be wrong.
    pub(in crate::console) self_test_failing: Vec<String>,
    #[serde(skip)]
    pub(in crate::console) class: &'static str,
    #[serde(skip)]
    pub(in crate::console) sign: &'static str,
}

impl StatusView {
    /// Of a status.
    pub(in crate::console) fn new(status: &Status) -> Self {
        let (activity, words, class, sign) = match &status.activity {
            Activity::Starting => ("starting", "starting".to_owned(), "busy", "…"),
            Activity::Ready => ("ready", "ready".to_owned(), "calm", "✓"),
            Activity::Receiving { .. } => ("receiving", "receiving images".to_owned(), "busy", "↓"),
            Activity::Analysing { .. } => ("analysing", "analysing".to_owned(), "busy", "…"),
            Activity::Stopping => ("stopping", "stopping".to_owned(), "unknown", "…"),
            Activity::Fault { message } => ("fault", message.clone(), "broken", "✕"),
        };
        Self {
            notice: NOT_FOR_DIAGNOSTIC_USE,
            software_version: env!("CARGO_PKG_VERSION"),
            activity,
            words,
            n_jobs_waiting: status.n_jobs_waiting,
            n_deliveries_waiting: status.n_deliveries_waiting,
            n_deliveries_dead: status.n_deliveries_dead,
            n_alerts_open: status.alerts.n_open,
            n_series_screened: status.n_series_screened,
            n_instances_received: status.n_instances_received,
            n_associations: status.n_associations,
            destinations_down: status.destinations_down.clone(),
            updating_to: status.updating.as_ref().map(|updating| updating.version.clone()),
            update_trouble: status
                .update_trouble
                .as_ref()
                .map(|trouble| trouble.sentence(env!("CARGO_PKG_VERSION"))),
            self_test_failing: status.self_test_failing.clone(),
            class,
            sign,
        }
    }
}

/// What is kept, and how much room is left.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct StorageView {
    /// Bytes of the disk that can still be filled.
    pub(in crate::console) free_bytes: u64,
    /// Bytes of the disk.
    pub(in crate::console) total_bytes: u64,
    /// Images that are kept.
    pub(in crate::console) n_instances: u64,
    /// Series of these.
    pub(in crate::console) n_series: u64,
    /// Bytes of these.
    pub(in crate::console) instances_bytes: u64,
    /// When the oldest came, RFC 3339.
    pub(in crate::console) oldest_received_at: Option<String>,
    /// Answers.
    pub(in crate::console) n_results: u64,
    /// Bytes of the database.
    pub(in crate::console) database_bytes: u64,
}

impl StorageView {
    /// Of what is in the database, and of the disk.
    pub(in crate::console) fn new(stock: &Stock, free_bytes: u64, total_bytes: u64) -> Self {
        Self {
            free_bytes,
            total_bytes,
            n_instances: stock.n_instances,
            n_series: stock.n_series,
            instances_bytes: stock.bytes,
            oldest_received_at: stock.oldest_unix_ms.map(rfc3339),
            n_results: stock.n_results,
            database_bytes: stock.database_bytes,
        }
    }
}

/// How the modality worklist is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct WorklistView {
    /// When it answered last, RFC 3339.
    pub(in crate::console) last_success_at: Option<String>,
    /// When it did not, unless it did since; RFC 3339.
    pub(in crate::console) last_error_at: Option<String>,
    /// Why.
    pub(in crate::console) last_error: Option<String>,
    /// Entries that it has.
    pub(in crate::console) n_entries: u32,
    /// Studies of the last days with an order.
    pub(in crate::console) n_matched: u32,
    /// Studies without, by reason.
    pub(in crate::console) unmatched: Vec<UnmatchedView>,
}

/// Studies that have no order for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct UnmatchedView {
    /// Its code.
    pub(in crate::console) reason: &'static str,
    /// How many.
    pub(in crate::console) n: u32,
}

impl WorklistView {
    /// Of what is stored.
    pub(in crate::console) fn new(state: &WorklistState) -> Self {
        let unmatched = state.unmatched.iter();
        Self {
            last_success_at: state.succeeded_unix_ms.map(rfc3339),
            last_error_at: state.failed_unix_ms.map(rfc3339),
            last_error: state.last_error.clone(),
            n_entries: state.n_listed,
            n_matched: state.n_matched,
            unmatched: unmatched
                .map(|(reason, n)| UnmatchedView { reason: reason.code(), n: *n })
                .collect(),
        }
    }
}
