//! The appliance itself, as pages and the API ask for it: outbox, worklist, disk, models, settings.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::task::spawn_blocking;

use super::Console;
use super::access::CurrentUser;
use super::access::permission::Permission;
use super::problem::Problem;
use super::views::outbox::{DeliveryView, DestinationView, destinations};
use super::views::site::{StorageView, WorklistView};
use crate::db::deliveries::DeliveryId;
use crate::db::{orders, outbox, stock};
use crate::delivery::routing::Rules;
use crate::disk;
use crate::screening::report::Models;

/// What does not change while the program runs.
#[derive(Debug)]
pub struct Site {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The settings in force, as a file would have them; secrets are in files of their own.
    pub settings: String,
    /// The site's clock.
    pub time_zone: TimeZone,
    /// Who is told what.
    pub rules: Arc<Rules>,
    /// What answers.
    pub models: Models,
    /// What the networks are for, and how well they do: Markdown.
    pub model_card: String,
    /// Whether there is a worklist to ask.
    pub has_worklist: bool,
    /// What this machine is called.
    pub host_name: String,
    /// How the console is reached.
    pub address: String,
    /// SHA-256 of its certificate; `None` without TLS.
    pub fingerprint: Option<String>,
    /// Whether `/metrics` answers.
    pub has_metrics: bool,
}

impl Console {
    /// Each destination and how it does.
    pub(super) async fn destinations(&self) -> Result<Vec<DestinationView>, Problem> {
        let counts = self.db.call(outbox::destinations()).await?;
        Ok(destinations(&self.site.rules.destinations, &counts))
    }

    /// The newest deliveries in a state.
    pub(super) async fn deliveries(
        &self,
        state: Option<&'static str>,
    ) -> Result<Vec<DeliveryView>, Problem> {
        let found = self.db.call(outbox::list(state)).await?;
        Ok(found.into_iter().map(DeliveryView::new).collect())
    }

    /// Has a delivery tried again now.
    pub(super) async fn retry(&self, user: &CurrentUser, id: i64) -> Result<(), Problem> {
        user.must(Permission::Administer)?;
        let now = self.clock.unix_ms();
        let retry = outbox::retry(DeliveryId(id), user.name().to_owned(), now);
        if !self.db.call(retry).await? {
            let text = "This delivery cannot be tried again: it was received, cancelled, or its time has not come.";
            return Err(Problem::Conflict(text.to_owned()));
        }
        self.outbox.wake();
        self.changed.notify();
        Ok(())
    }

    /// How the worklist is.
    pub(super) async fn worklist(&self) -> Result<Option<WorklistView>, Problem> {
        if !self.site.has_worklist {
            return Ok(None);
        }
        Ok(Some(WorklistView::new(&self.db.call(orders::state()).await?)))
    }

    /// What is kept, and how much room is left.
    pub(super) async fn storage(&self) -> Result<StorageView, Problem> {
        let stock = self.db.call(stock::read()).await?;
        let data_dir = self.site.data_dir.clone();
        let disk = spawn_blocking(move || disk::room(&data_dir)).await;
        let disk = disk.map_err(|error| Problem::Broken(error.to_string()))?;
        let room = disk.map_err(|error| Problem::Unreadable(error.to_string()))?;
        Ok(StorageView::new(&stock, room.free_bytes, room.total_bytes))
    }
}
