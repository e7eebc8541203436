//! Destinations and deliveries as people and programs see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::db::outbox::{DeliveryView as Stored, DestinationCounts};
use crate::delivery::Destination;

/// A destination and how it does.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct DestinationView {
    /// Its name.
    pub(in crate::console) name: String,
    /// `webhook`, `pacs`, `hl7`, `fhir` or `email`; `null` for one that the settings no longer have.
    pub(in crate::console) kind: Option<String>,
    /// Whose it is.
    pub(in crate::console) role: Option<String>,
    /// `fine`, `waiting`, `down` or `refuses`.
    pub(in crate::console) state: &'static str,
    /// Not yet received.
    pub(in crate::console) n_waiting: u32,
    /// Refused for good.
    pub(in crate::console) n_dead: u32,
    /// Received.
    pub(in crate::console) n_sent: u64,
    /// When it took something last, RFC 3339.
    pub(in crate::console) last_sent_at: Option<String>,
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct DeliveryView {
    /// Names it.
    pub(in crate::console) id: i64,
    /// Series Instance UID.
    pub(in crate::console) series_instance_uid: String,
    /// Name of the destination.
    pub(in crate::console) destination: String,
    /// `result`, `digest` or `reminder`.
    pub(in crate::console) kind: String,
    /// `waiting`, `sent`, `dead` or `cancelled`.
    pub(in crate::console) state: String,
    /// Attempts made.
    pub(in crate::console) attempts: u32,
    /// RFC 3339.
    pub(in crate::console) created_at: String,
    /// RFC 3339; while it waits.
    pub(in crate::console) next_attempt_at: Option<String>,
    /// RFC 3339.
    pub(in crate::console) finished_at: Option<String>,
    /// What went wrong last.
    pub(in crate::console) last_error: Option<String>,
}

/// Those of the settings, and those that something still waits for.
pub(in crate::console) fn destinations(
    settings: &[Destination],
    counts: &[DestinationCounts],
) -> Vec<DestinationView> {
    let known = settings.iter().map(|it| {
        let count = counts.iter().find(|count| count.destination == it.name);
        view(&it.name, Some(it), count)
    });
    let gone = counts
        .iter()
        .filter(|it| !settings.iter().any(|known| known.name == it.destination))
        .filter(|it| it.n_waiting > 0 || it.n_dead > 0)
        .map(|it| view(&it.destination, None, Some(it)));
    known.chain(gone).collect()
}

fn view(
    name: &str,
    settings: Option<&Destination>,
    count: Option<&DestinationCounts>,
) -> DestinationView {
    let state = match count {
        Some(it) if it.n_dead > 0 => "refuses",
        Some(it) if it.n_failing > 0 => "down",
        Some(it) if it.n_waiting > 0 => "waiting",
        _ => "fine",
    };
    DestinationView {
        name: name.to_owned(),
        kind: settings.map(|it| it.kind.name().to_owned()),
        role: settings.and_then(|it| it.role.clone()),
        state,
        n_waiting: count.map_or(0, |it| it.n_waiting),
        n_dead: count.map_or(0, |it| it.n_dead),
        n_sent: count.map_or(0, |it| it.n_sent),
        last_sent_at: count.and_then(|it| it.last_sent_unix_ms).map(rfc3339),
    }
}

impl DeliveryView {
    /// Of what is stored.
    pub(in crate::console) fn new(stored: Stored) -> Self {
        let is_waiting = stored.state == "waiting";
        Self {
            id: stored.id.0,
            series_instance_uid: stored.series,
            destination: stored.destination,
            kind: stored.kind,
            attempts: stored.attempts,
            created_at: rfc3339(stored.created_unix_ms),
            next_attempt_at: is_waiting.then(|| rfc3339(stored.next_attempt_unix_ms)),
            finished_at: stored.finished_unix_ms.map(rfc3339),
            last_error: stored.last_error,
            state: stored.state,
        }
    }

    /// Whether a person can have it tried again.
    pub(in crate::console) fn can_be_retried(&self) -> bool {
        self.state == "waiting" || self.state == "dead"
    }
}
