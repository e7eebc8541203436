//! Has old images and results removed: every hour, and as soon as the disk is short of room.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::stopped;
use crate::clock::Clock;
use crate::error::Chain;
use crate::keeping::{KeepingError, Removed, Remover};
use crate::limits::{RETENTION_EVERY, RETENTION_LOOK};

/// Runs until told to stop. What fails is tried again at the next look, and stops nothing else.
pub(super) async fn run(remover: Remover, clock: Arc<dyn Clock>, stopping: watch::Receiver<bool>) {
    let remover = Arc::new(remover);
    let removing = async {
        let mut removed_at: Option<Duration> = None;
        loop {
            let now = clock.monotonic();
            let is_time = removed_at.is_none_or(|at| now.saturating_sub(at) >= RETENTION_EVERY);
            let worker = Arc::clone(&remover);
            match spawn_blocking(move || look(&worker, is_time)).await {
                Ok(Ok(Some(removed))) => {
                    removed_at = is_time.then_some(now).or(removed_at);
                    tell(removed);
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = %Chain(&error), "nothing more was removed; tried again soon");
                }
                Err(error) => tracing::error!(%error, "removing what is old failed"),
            }
            sleep(RETENTION_LOOK).await;
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = removing => {}
    }
}

fn look(remover: &Remover, is_time: bool) -> Result<Option<Removed>, KeepingError> {
    if is_time || remover.is_short()? { remover.remove() } else { Ok(None) }
}

fn tell(removed: Removed) {
    if removed != Removed::default() {
        let Removed { n_series, bytes, n_results } = removed;
        tracing::info!(n_series, bytes, n_results, "made room");
    }
}
