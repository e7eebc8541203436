//! `parotidd run`: the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::networks::{self, instruction_set};
use crate::clock::SystemClock;
use crate::daemon::Daemon;
use crate::limits::RUNTIME_THREADS;
use crate::system::{passed_sockets, threads};

/// Run the daemon: receive CT over DICOM, screen it, show the state, forward alerts
///
/// With no settings it listens on loopback only, port 11112, AE title PAROTIDD, and keeps its data in
/// $STATE_DIRECTORY or ./var. SIGTERM and SIGINT end it after what is under way. Ends with 64 on bad
/// settings. Not for diagnostic use.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RunArgs {
    /// Settings (TOML); see `parotidd check-config`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, or the daemon cannot start or go on.
pub fn run(args: &RunArgs) -> Result<()> {
    // Before any thread or file of ours.
    let passed = passed_sockets::take();
    let mut config = networks::load(args.config.as_deref())?;
    let board = config.board()?;
    tracing::info!(board = board.name, title = board.title, verified = ?board.verified, "board");
    let n_threads = match config.inference.threads {
        0 => board.cores.map_or(usize::MAX, |cores| cores as usize),
        n_threads => n_threads,
    };
    let n_threads = threads::start(n_threads, config.inference.pin)?;
    let set = instruction_set(config.inference.instruction_set)?;
    tracing::info!(n_threads, is_pinned = config.inference.pin, set = set.name(), "inference");
    let screener = networks::in_use(&mut config)?;
    if let Some(folder) = &config.models_dir {
        tracing::info!(folder = %folder.display(), "networks that are not the built-in ones");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(async {
        // Before anybody is answered: who stops it then finds an orderly end as well.
        let stop = asked_to_stop()?;
        let daemon = Daemon::start(config, screener, Arc::new(SystemClock::new()), passed).await?;
        for (service, address) in daemon.listening() {
            tracing::info!(%address, "{}", service.words());
        }
        daemon.run_until(stop).await?;
        Ok(())
    })
}

/// Ready at the first SIGTERM or SIGINT.
fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    let signals = || Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?));
    let (mut terminate, mut interrupt) =
        signals().map_err(|error: std::io::Error| error).context("could not listen for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
