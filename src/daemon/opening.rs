//! Opens the data folder: lock, database and spool, made to agree; and the ports.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::DaemonError;
use super::parts::Parts;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::db::audit::{self, AuditKind, NewAuditEvent};
use crate::db::{self, Db, DbThread, instances, jobs, results};
use crate::delivery::links::Links;
use crate::delivery::routing::Rules;
use crate::dicom::uid::SopInstanceUid;
use crate::error::Chain;
use crate::heartbeat::Heartbeats;
use crate::intake::decode_ahead::DecodeAhead;
use crate::intake::spool::{Leftovers, Spool, SpoolOptions};
use crate::keeping::Remover;
use crate::keeping::backup::restore::is_interrupted;
use crate::limits::PREPARE_AT_START;
use crate::screening::Screener;
use crate::status::{LastResult, ModelVersions, Status};
use crate::status_writer::StatusWriter;
use crate::worker;

/// Makes the data folder and locks it, for as long as the file is open.
///
/// # Errors
/// [`DaemonError::InUse`] where a daemon works there, [`DaemonError::DataDir`] where it cannot be used.
pub fn lock_data_dir(data_dir: &Path) -> Result<File, DaemonError> {
    let problem = |source| DaemonError::DataDir { path: data_dir.to_owned(), source };
    fs::create_dir_all(data_dir).map_err(problem)?;
    let lock = File::create(data_dir.join("lock")).map_err(problem)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(DaemonError::InUse { path: data_dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(problem(source)),
    }
}

/// Database and spool, made to agree; jobs that the last run left are queued again.
pub(super) async fn open(
    config: Config,
    screener: Screener,
    clock: Arc<dyn Clock>,
) -> Result<(Parts, DbThread), DaemonError> {
    if is_interrupted(&config.data_dir) {
        return Err(DaemonError::RestoreInterrupted { path: config.data_dir });
    }
    let db_path = config.database();
    let spool_options = SpoolOptions::of(&config.data_dir, config.spool.prepared_files);
    let opening = move || -> Result<_, DaemonError> {
        screener.warm_up()?;
        let opened = db::open(&db_path)?;
        let (spool, left) = Spool::open(&spool_options)?;
        if left != Leftovers::default() {
            let (n_restored, n_removed) = (left.restored.len(), left.removed.len());
            tracing::warn!(n_restored, n_removed, "instances that were not finished");
        }
        Remover::finish_interrupted(&opened.db, &spool)?;
        if let Err(error) = spool.prepare(PREPARE_AT_START) {
            tracing::warn!(error = %Chain(&error), "no files made ahead");
        }
        Ok((screener, opened, spool))
    };
    let (screener, opened, spool) = tokio::task::spawn_blocking(opening)
        .await
        .map_err(|_| DaemonError::TaskEnded { task: "opening" })??;
    record_the_rest(&opened.db, &spool, &config).await?;
    let n_jobs = opened.db.call(jobs::recover(screener.key())).await?;
    if n_jobs > 0 {
        tracing::info!(n_jobs, "jobs go on");
    }
    let status = status(&screener, &opened.db, &config).await?;
    if let Some(aside) = &opened.set_aside {
        tell_of_damage(&opened.db, &status, aside, clock.unix_ms()).await?;
    }
    let ahead =
        DecodeAhead::new(spool.folder(), Arc::clone(&clock)).map_err(DaemonError::DecodeAhead)?;
    let parts = Parts {
        ahead: Arc::new(ahead),
        rules: Arc::new(Rules {
            destinations: config.destinations.clone().into(),
            policy: config.alerts.policy(links(&config)?).map_err(ConfigError::from)?,
        }),
        board: config.board()?,
        config,
        screener: Arc::new(screener),
        hearts: Heartbeats::new(Arc::clone(&clock)),
        commitments: Arc::default(),
        clock,
        db: opened.db,
        spool: Arc::new(spool),
        status: Arc::new(status),
    };
    Ok((parts, opened.thread))
}

/// The database was damaged, and an empty one took its place. What follows from the images is made again; a person must
/// know that the rest is gone, and how to have it back.
async fn tell_of_damage(
    db: &Db,
    status: &StatusWriter,
    aside: &Path,
    now_unix_ms: i64,
) -> Result<(), DaemonError> {
    tracing::error!(
        aside = %aside.display(),
        "the database was damaged: images are screened again; accounts and acknowledgements are gone until the newest \
         backup is restored: stop parotidd, run `parotidd restore`"
    );
    let message = "Database damaged, made anew from the images. Restore the newest backup, or restart to go on without.";
    status.fault(message.to_owned());
    let event = NewAuditEvent {
        at_unix_ms: now_unix_ms,
        kind: AuditKind::Rebuilt,
        result: None,
        actor: "parotidd".into(),
        detail: format!("the damaged one is {}", aside.display()),
    };
    Ok(db.call(audit::record(event)).await?)
}

/// What makes signed links, where there are pages behind them.
fn links(config: &Config) -> Result<Option<Links>, DaemonError> {
    let Some(base) = config.console.link_base().map_err(ConfigError::from)? else {
        return Ok(None);
    };
    let path = config.links_key();
    let links = Links::open(&base, &path);
    links.map(Some).map_err(|source| DaemonError::Links { path, source })
}

/// What is known from the start.
async fn status(
    screener: &Screener,
    db: &Db,
    config: &Config,
) -> Result<StatusWriter, DaemonError> {
    let identities = screener.identities();
    let (status, _) = StatusWriter::new(Status {
        models: Some(ModelVersions {
            localizer: identities.localizer.version,
            segmenter: identities.segmenter.version,
        }),
        last_result: last_result(db).await?,
        n_destinations: u32::try_from(config.destinations.len()).unwrap_or(u32::MAX),
        ..Status::default()
    });
    Ok(status)
}

/// The newest answer, which a restart must not take off the display.
async fn last_result(db: &Db) -> Result<Option<LastResult>, DaemonError> {
    let Some(stored) = db.call(results::latest()).await? else { return Ok(None) };
    // Stored by an earlier version, perhaps; the display can do without.
    let report = serde_json::from_str(&stored.report).ok();
    Ok(report.map(|report| LastResult {
        finished_unix_ms: stored.created_unix_ms,
        outcome: worker::outcome(&report),
    }))
}

/// Writes a row for every instance of the spool that has none: the power went before it was written, or
/// the database was damaged and a new one is empty.
async fn record_the_rest(db: &Db, spool: &Spool, config: &Config) -> Result<(), DaemonError> {
    let named = spool.recover()?.into_iter().filter_map(|path| {
        let name = path.file_stem()?.to_str()?.parse::<SopInstanceUid>().ok()?;
        Some((name, path))
    });
    let mut paths: BTreeMap<_, _> = named.collect();
    let without = instances::without_row(paths.keys().cloned().collect());
    let mut found = Vec::new();
    for name in db.call(without).await? {
        let Some(path) = paths.remove(&name) else { continue };
        match spool.read_back(&path, &config.dicom.ae_title) {
            Ok(instance) => found.push(instance),
            Err(error) => tracing::warn!(%error, "an instance of the spool cannot be read"),
        }
    }
    if !found.is_empty() {
        let n = db.call(instances::record_all(found)).await?;
        tracing::warn!(n, "instances were recorded from the spool");
    }
    Ok(())
}
