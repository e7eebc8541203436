//! Keeps the spool's stock of files made ahead, when nothing arrives.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::stopped;
use crate::error::Chain;
use crate::intake::spool::Spool;
use crate::limits::{PREPARE_AGAIN, PREPARE_WHEN_QUIET};

/// Runs until told to stop. A disk that fails here fails no one: instances then get new files.
pub(super) async fn keep(spool: Arc<Spool>, stopping: watch::Receiver<bool>) {
    let keeping = async {
        let mut n_begun = spool.n_begun();
        loop {
            sleep(PREPARE_WHEN_QUIET).await;
            let was = std::mem::replace(&mut n_begun, spool.n_begun());
            if was != n_begun || spool.n_short() == 0 {
                continue;
            }
            let worker = Arc::clone(&spool);
            match spawn_blocking(move || worker.prepare(PREPARE_WHEN_QUIET)).await {
                Ok(Ok(n)) if n > 0 => tracing::debug!(n, "files made ahead"),
                Ok(outcome) => {
                    if let Err(error) = outcome {
                        tracing::warn!(error = %Chain(&error), "no files made ahead");
                    }
                    sleep(PREPARE_AGAIN).await;
                }
                Err(error) => tracing::error!(%error, "making files ahead failed"),
            }
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = keeping => {}
    }
}
