//! The series that viewers have open: the last few stay at hand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;

use super::open_series::OpenSeries;
use super::pack;
use crate::console::problem::Problem;
use crate::db::results::{self, ResultId};
use crate::db::{Db, history};
use crate::dicom::uid::SeriesInstanceUid;
use crate::limits::{VIEWER_DECODES_MAX, VIEWER_SERIES_MAX};

/// Which images, and which answer about them: a late slice or a new answer opens the series anew.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    series: SeriesInstanceUid,
    answer: Option<ResultId>,
    n_instances: usize,
}

type Slot = Arc<OnceCell<Arc<OpenSeries>>>;

/// Series at hand.
#[derive(Debug)]
pub(in crate::console) struct Shelf {
    spool: PathBuf,
    results: PathBuf,
    /// The one that was looked at last is last.
    slots: Mutex<Vec<(Key, Slot)>>,
    decoding: Semaphore,
}

impl Shelf {
    /// Nothing open yet.
    pub(in crate::console) fn new(spool: PathBuf, results: PathBuf) -> Self {
        let decoding = Semaphore::new(VIEWER_DECODES_MAX);
        Self { spool, results, slots: Mutex::default(), decoding }
    }

    /// The images of a series, opened where they are not.
    pub(in crate::console) async fn open(
        &self,
        db: &Db,
        series: &SeriesInstanceUid,
    ) -> Result<Arc<OpenSeries>, Problem> {
        let instances = db.call(history::instances_of(series.clone())).await?;
        if instances.is_empty() {
            return Err(Problem::NotFound("No image of this series is kept here."));
        }
        let answer = db.call(results::latest_of_series(series.clone())).await?;
        let key = Key {
            series: series.clone(),
            answer: answer.as_ref().map(|it| it.id),
            n_instances: instances.len(),
        };
        let slot = self.slot(key);
        let opened = slot.get_or_try_init(|| async {
            let report = answer.and_then(|it| serde_json::from_str(&it.report).ok());
            let (spool, results) = (self.spool.clone(), self.results.clone());
            blocking(move || OpenSeries::open(&spool, &results, &instances, report).map(Arc::new))
                .await
        });
        opened.await.cloned()
    }

    /// One slice, packed.
    pub(in crate::console) async fn slice(
        &self,
        series: Arc<OpenSeries>,
        n: usize,
    ) -> Result<Vec<u8>, Problem> {
        let closed = |_| Problem::Broken("the viewer is closed".to_owned());
        let _permit = self.decoding.acquire().await.map_err(closed)?;
        blocking(move || Ok(pack(&series.slice(n)?, series.n_columns()))).await
    }

    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let found = slots.iter().position(|(it, _)| *it == key).map(|at| slots.remove(at).1);
        let slot = found.unwrap_or_default();
        while slots.len() >= VIEWER_SERIES_MAX {
            slots.remove(0);
        }
        slots.push((key, Arc::clone(&slot)));
        slot
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(|error| Problem::Broken(error.to_string()))?
}
