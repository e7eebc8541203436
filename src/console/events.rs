//! Pages that stay fresh: server-sent events (WHATWG HTML section 9.2) that say that something changed.
//!
//! An event holds no data but the state in a word: the page asks for itself again, with the rights of its session.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::sleep;

use super::Console;
use super::access::{ApiUser, CurrentUser};
use super::problem::{ApiProblem, Problem};
use crate::limits::{EVENTS_SILENCE_MAX, EVENTS_WAIT_MIN};
use crate::status::Status;

/// Says that something changed which the status does not show.
#[derive(Debug)]
pub(super) struct Changed(watch::Sender<u64>);

impl Changed {
    /// Nothing changed yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Something did.
    pub(super) fn notify(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }
}

struct Following {
    console: Arc<Console>,
    user: CurrentUser,
    status: watch::Receiver<Status>,
    changed: watch::Receiver<u64>,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

impl Following {
    /// The next event; `None` at the end of the session.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::take(&mut self.is_first) {
            sleep(EVENTS_WAIT_MIN).await;
            tokio::select! {
                changed = self.status.changed() => changed.ok()?,
                changed = self.changed.changed() => changed.ok()?,
            }
        }
        self.changed.mark_unchanged();
        self.console.sessions.find(&self.user.token, false)?;
        let view = super::views::site::StatusView::new(&self.status.borrow_and_update());
        Some(Event::default().event("changed").data(view.activity))
    }
}

/// Follows the appliance until the session ends, or the page is left.
#[utoipa::path(get, path = "/api/v1/events", tag = "status",
    responses((status = 200, description = "`changed` whenever something did", content_type = "text/event-stream")))]
pub(super) async fn follow(
    State(console): State<Arc<Console>>,
    ApiUser(user): ApiUser,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiProblem> {
    let permit = Arc::clone(&console.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::TooMany("Too many pages follow the appliance."))?;
    let following = Following {
        status: console.status.watch(),
        changed: console.changed.0.subscribe(),
        console,
        user,
        is_first: true,
        _permit: permit,
    };
    let events = futures_util::stream::unfold(following, |mut it| async move {
        it.next().await.map(|event| (Ok(event), it))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(EVENTS_SILENCE_MAX)))
}
