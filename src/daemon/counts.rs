//! Keeps the status' counts true, and the service manager's status line.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::db::{Db, DbError, alerts, deliveries, jobs, results};
use crate::heartbeat::Heart;
use crate::limits::TASK_BEAT;
use crate::status::{Activity, Status};
use crate::status_writer::StatusWriter;
use crate::system::notify;

/// Reads the counts at start, after each delivery attempt and result, and every [`TASK_BEAT`].
pub(super) async fn run(
    db: Db,
    status: Arc<StatusWriter>,
    mut attempts: watch::Receiver<u64>,
    heart: Heart,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DbError> {
    let mut watched = status.watch();
    let mut told_ready = false;
    while !*stop.borrow() {
        heart.beat();
        let jobs = db.call(jobs::counts()).await?;
        let deliveries = db.call(deliveries::counts()).await?;
        let destinations_down = db.call(deliveries::destinations_down()).await?;
        let n_screened = db.call(results::count()).await?;
        let destinations_refusing = db.call(deliveries::destinations_refusing()).await?;
        let alerts = db.call(alerts::now()).await?;
        status.modify_if(|status| {
            let before = status.clone();
            status.n_jobs_waiting = jobs.n_queued;
            status.n_deliveries_waiting = deliveries.n_waiting;
            status.n_deliveries_dead = deliveries.n_dead;
            status.alerts = alerts;
            status.destinations_refusing = destinations_refusing;
            status.destinations_down = destinations_down;
            status.n_series_screened = n_screened;
            // Pages and lamps are told of what changed alone.
            *status != before
        });
        let now = watched.borrow_and_update().clone();
        if now.activity != Activity::Starting && !told_ready {
            notify::ready();
            told_ready = true;
        }
        notify::status(&line(&now));
        let _ = timeout(TASK_BEAT, async {
            tokio::select! {
                _ = attempts.changed() => {}
                _ = stop.changed() => {}
                () = until_activity_changes(&mut watched, &now) => {}
            }
        })
        .await;
    }
    heart.finish();
    Ok(())
}

async fn until_activity_changes(watched: &mut watch::Receiver<Status>, before: &Status) {
    // An error means that the daemon is ending; the stop flag says so too.
    let _ = watched.wait_for(|now| now.activity != before.activity).await;
}

/// One line for `systemctl status`.
fn line(status: &Status) -> String {
    let doing = match &status.activity {
        Activity::Starting => "starting".to_owned(),
        Activity::Ready => "ready".to_owned(),
        Activity::Receiving { n_instances } => format!("receiving, {n_instances} instances"),
        Activity::Analysing { n_slices, .. } => format!("analysing {n_slices} slices"),
        Activity::Stopping => "stopping".to_owned(),
        Activity::Fault { message } => format!("fault: {message}"),
    };
    let doing = match &status.updating {
        Some(updating) => format!("{doing}, installing {}", updating.version),
        None => doing,
    };
    format!(
        "{doing}; {} screened, {} waiting, {} alerts open, {} deliveries waiting, {} refused",
        status.n_series_screened,
        status.n_jobs_waiting,
        status.alerts.n_open,
        status.n_deliveries_waiting,
        status.n_deliveries_dead
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_it_does() {
        let status = Status {
            activity: Activity::Receiving { n_instances: 12 },
            n_deliveries_waiting: 1,
            ..Status::default()
        };
        assert_eq!(
            line(&status),
            "receiving, 12 instances; 0 screened, 0 waiting, 0 alerts open, 1 deliveries waiting, 0 refused"
        );
    }
}
