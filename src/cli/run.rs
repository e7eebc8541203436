//! `parotidd run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::screener;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::Daemon;
use crate::system::board::Board;

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
    let config = Config::load(args.config.as_deref())?;
    let board = Board::recognise(&Board::built_in(), Path::new("/"));
    tracing::info!(board = board.name, title = board.title, verified = ?board.verified, "board");
    let screener = screener(config.models_dir.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(async {
        let daemon = Daemon::start(config, screener, Arc::new(SystemClock::new())).await?;
        for address in daemon.addresses() {
            tracing::info!(%address, "listening");
        }
        daemon.run_until(asked_to_stop()?).await?;
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
