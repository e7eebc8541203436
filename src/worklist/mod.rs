//! Modality Worklist SCU: asks the RIS what was ordered, now and then and when a new study arrives.
//!
//! ```text
//!  schedule, or an unknown study --C-FIND a station--> answers --> database --> matching, at a result
//!        ^---- later after a failure: the outbox's back-off
//! ```
//! Nothing waits for it: a series is screened and its alert leaves with whatever was known by then.

pub mod matching;
mod settings;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

pub use self::settings::{WorklistSettings, WorklistSettingsError};

use crate::clock::Clock;
use crate::db::orders::{self, WorklistState};
use crate::db::{Db, DbError};
use crate::delivery::retry;
use crate::dicom::scu::find::{FindRequest, find};
use crate::dicom::scu::{ScuError, ScuOptions};
use crate::dicom::tls::Connector;
use crate::dicom::uid::{AeTitle, StudyInstanceUid};
use crate::dicom::worklist::{SOP_CLASS, ScheduledProcedureStep, WorklistError, WorklistQuery};
use crate::error::{Chain, Dispose, Disposition};
use crate::heartbeat::Heart;
use crate::limits::{
    FIND_ANSWERS_MAX, RETRY_WAIT_MAX, TASK_BEAT, WORKLIST_ARRIVALS_MAX, WORKLIST_WAIT_MIN,
};
use crate::status::WorklistStatus;
use crate::status_writer::StatusWriter;

/// Why a round of queries did not bring the whole worklist. No text holds anything of an entry.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The worklist could not be asked.
    #[error("the worklist did not answer")]
    Ask(#[source] ScuError),
    /// The query could not be made.
    #[error("the worklist could not be asked")]
    Query(#[source] WorklistError),
    /// It has more than we take.
    #[error(
        "the worklist has more than {FIND_ANSWERS_MAX} entries; name the scanners in \
         `worklist.station_ae_titles`"
    )]
    TooMany,
    /// Some of its answers are no entries.
    #[error("{0} of the worklist's answers could not be read")]
    Unreadable(usize),
}

impl Dispose for QueryError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Ask(error) => error.disposition(),
            Self::Query(_) | Self::TooMany | Self::Unreadable(_) => Disposition::Reject,
        }
    }
}

/// What one round brought.
#[derive(Debug)]
pub struct Round {
    /// Entries that could be read.
    pub entries: Vec<ScheduledProcedureStep>,
    /// Why they are not all.
    pub incomplete: Option<QueryError>,
}

/// Tells the worklist's task of studies.
#[derive(Debug)]
pub struct Arrivals {
    studies: mpsc::Sender<StudyInstanceUid>,
    /// Told of already, the newest last.
    told: VecDeque<StudyInstanceUid>,
}

impl Arrivals {
    /// And where the task hears of them.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<StudyInstanceUid>) {
        let (studies, arrived) = mpsc::channel(WORKLIST_ARRIVALS_MAX);
        (Self { studies, told: VecDeque::new() }, arrived)
    }

    /// An instance of this study arrived. Cheap; one that is lost is found by the schedule.
    pub fn arrived(&mut self, study: &StudyInstanceUid) {
        // Most often the newest again.
        if self.told.iter().rev().any(|told| told == study) {
            return;
        }
        if self.told.len() == WORKLIST_ARRIVALS_MAX {
            self.told.pop_front();
        }
        self.told.push_back(study.clone());
        let _ = self.studies.try_send(study.clone());
    }
}

/// Asks, for ever.
#[derive(Debug)]
pub struct WorklistTask {
    /// Whom to ask, and for what.
    pub settings: WorklistSettings,
    /// Our own name.
    pub calling_ae: AeTitle,
    /// TLS to it; plain DICOM without.
    pub tls: Option<Connector>,
    /// Where entries go.
    pub db: Db,
    /// For the days that are asked for, and the time of an answer.
    pub clock: Arc<dyn Clock>,
    /// Where it says how it goes.
    pub status: Arc<StatusWriter>,
    /// Shows that it still makes progress.
    pub heart: Heart,
}

impl WorklistTask {
    /// Asks until `shutdown`; a query under way is then given up.
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub async fn run(
        self,
        arrived: mpsc::Receiver<StudyInstanceUid>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), DbError> {
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            failed = self.ask_for_ever(arrived) => failed,
        };
        self.heart.finish();
        outcome
    }

    async fn ask_for_ever(
        &self,
        mut arrived: mpsc::Receiver<StudyInstanceUid>,
    ) -> Result<(), DbError> {
        self.survive(self.show().await).await?;
        let mut n_failures = 0;
        loop {
            let round = self.round().await;
            let wait = match self.keep(round).await {
                Ok(wait) => wait,
                Err(error) => {
                    self.survive(Err(error)).await?;
                    continue;
                }
            };
            let (first, last) = match wait {
                Wait::Schedule => {
                    n_failures = 0;
                    (WORKLIST_WAIT_MIN, Duration::from_secs(self.settings.every_s))
                }
                Wait::BackOff(disposition) => {
                    n_failures += 1;
                    let wait = back_off(n_failures, disposition, &self.settings);
                    tracing::warn!(?wait, n_failures, "the worklist is asked again later");
                    (wait, wait)
                }
            };
            self.pause(&mut arrived, first, last).await?;
        }
    }

    /// Waits for `last`, or for an unknown study, but not less than `first`.
    async fn pause(
        &self,
        arrived: &mut mpsc::Receiver<StudyInstanceUid>,
        first: Duration,
        last: Duration,
    ) -> Result<(), DbError> {
        let (first, last) = (Instant::now() + first, Instant::now() + last);
        let mut until = last;
        while Instant::now() < until {
            self.heart.beat();
            let beat = until.min(Instant::now() + TASK_BEAT);
            tokio::select! {
                () = sleep_until(beat) => {}
                Some(study) = arrived.recv() => match self.db.call(orders::knows_study(study)).await {
                    Ok(true) => {}
                    Ok(false) => until = first.max(Instant::now()).min(last),
                    Err(error) => self.survive(Err(error)).await?,
                },
            }
        }
        Ok(())
    }

    /// One query a station, beating meanwhile.
    async fn round(&self) -> Round {
        let mut asking =
            pin!(ask(&self.settings, &self.calling_ae, self.tls.clone(), self.clock.unix_ms()));
        loop {
            self.heart.beat();
            tokio::select! {
                round = &mut asking => return round,
                () = sleep(TASK_BEAT) => {}
            }
        }
    }

    /// Stores what a round brought; says when to ask again.
    async fn keep(&self, round: Round) -> Result<Wait, DbError> {
        let now = self.clock.unix_ms();
        let Round { entries, incomplete } = round;
        let n_entries = entries.len();
        let n_listed = self.db.call(orders::replace(entries, incomplete.is_none(), now)).await?;
        tracing::debug!(n_entries, n_listed, "worklist read");
        let wait = match incomplete {
            None => Wait::Schedule,
            Some(error) => {
                let text = Chain(&error).to_string();
                tracing::warn!(error = text, "the worklist is not whole");
                self.db.call(orders::record_failure(text, now)).await?;
                match error {
                    QueryError::Ask(_) => Wait::BackOff(error.disposition()),
                    _ => Wait::Schedule,
                }
            }
        };
        self.show().await?;
        Ok(wait)
    }

    async fn show(&self) -> Result<(), DbError> {
        let WorklistState { succeeded_unix_ms, n_listed, last_error, .. } =
            self.db.call(orders::state()).await?;
        self.status.modify(|status| {
            status.worklist = Some(WorklistStatus {
                last_success_unix_ms: succeeded_unix_ms,
                n_entries: n_listed,
                last_error,
            });
        });
        Ok(())
    }

    /// Waits a little where the database may recover.
    async fn survive(&self, outcome: Result<(), DbError>) -> Result<(), DbError> {
        match outcome {
            Err(error) if error.disposition() == Disposition::Retry => {
                tracing::warn!(error = %Chain(&error), "the worklist waits for the database");
                self.heart.beat();
                sleep(WORKLIST_WAIT_MIN).await;
                Ok(())
            }
            outcome => outcome,
        }
    }
}

enum Wait {
    Schedule,
    BackOff(Disposition),
}

/// Asking again at once changes nothing about a refusal; a person may have, in a while.
fn back_off(n_failures: u32, disposition: Disposition, settings: &WorklistSettings) -> Duration {
    match disposition {
        Disposition::Retry => {
            retry::wait(n_failures, settings.address.as_str(), None).max(WORKLIST_WAIT_MIN)
        }
        Disposition::Reject | Disposition::Fatal => RETRY_WAIT_MAX,
    }
}

/// Asks for the orders of each station in turn, from yesterday to tomorrow: whatever the time zone,
/// today is among them. A station that does not answer leaves the others' entries.
pub async fn ask(
    settings: &WorklistSettings,
    calling_ae: &AeTitle,
    tls: Option<Connector>,
    now_unix_ms: i64,
) -> Round {
    let peer = settings.called_ae_title.clone();
    let options = ScuOptions { tls, ..ScuOptions::new(calling_ae.clone(), peer) };
    let mut stations: Vec<_> = settings.station_ae_titles.iter().cloned().map(Some).collect();
    if stations.is_empty() {
        stations.push(None);
    }
    let today = day(now_unix_ms);
    let mut round = Round { entries: Vec::new(), incomplete: None };
    let mut n_unreadable = 0;
    for station in stations {
        let query = WorklistQuery {
            station,
            from: today.yesterday().unwrap_or(today),
            to: today.tomorrow().unwrap_or(today),
        };
        match ask_one(settings, &options, &query).await {
            Ok((identifiers, is_complete)) => {
                for identifier in identifiers {
                    match ScheduledProcedureStep::parse(&identifier) {
                        Ok(entry) => round.entries.push(entry),
                        Err(_) => n_unreadable += 1,
                    }
                }
                if !is_complete {
                    round.incomplete.get_or_insert(QueryError::TooMany);
                }
            }
            Err(error) => {
                round.incomplete = Some(error);
                // One peer answers for all stations.
                break;
            }
        }
    }
    if n_unreadable > 0 {
        round.incomplete.get_or_insert(QueryError::Unreadable(n_unreadable));
    }
    round
}

async fn ask_one(
    settings: &WorklistSettings,
    options: &ScuOptions,
    query: &WorklistQuery,
) -> Result<(Vec<Vec<u8>>, bool), QueryError> {
    let identifier = query.identifier().map_err(QueryError::Query)?;
    let request =
        FindRequest { sop_class: SOP_CLASS, service: "Modality Worklist", identifier: &identifier };
    let found = find(settings.address.as_str(), options, request).await;
    let found = found.map_err(QueryError::Ask)?;
    Ok((found.identifiers, found.is_complete))
}

/// The day, UTC.
fn day(unix_ms: i64) -> Date {
    let at = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(at).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> WorklistSettings {
        toml::from_str("address = 'ris:104'\ncalled_ae_title = 'RIS'").unwrap()
    }

    #[test]
    fn a_worklist_that_is_away_is_not_flooded() {
        for n in 1..50 {
            let wait = back_off(n, Disposition::Retry, &settings());
            assert!((WORKLIST_WAIT_MIN..=RETRY_WAIT_MAX).contains(&wait));
        }
        assert_eq!(back_off(1, Disposition::Reject, &settings()), RETRY_WAIT_MAX);
    }

    #[test]
    fn only_new_studies_are_told() {
        let (mut arrivals, mut arrived) = Arrivals::channel();
        for study in ["1.2", "1.2", "1.3", "1.2"] {
            arrivals.arrived(&study.parse().unwrap());
        }
        drop(arrivals);
        let mut told = Vec::new();
        while let Some(study) = arrived.blocking_recv() {
            told.push(study.to_string());
        }
        assert_eq!(told, ["1.2", "1.3"]);
    }

    #[test]
    fn days_are_of_the_calendar() {
        assert_eq!(day(1_767_225_600_000).to_string(), "2026-01-01");
        assert_eq!(day(1_767_225_599_999).to_string(), "2025-12-31");
        assert_eq!(day(i64::MAX).to_string(), "1970-01-01");
    }
}
