//! Durable outbox: routing, retry, and one file a kind of destination.
//!
//! ```text
//!  results::commit --rows--> database --next due--> one task a destination --thread--> webhook, PACS, HL7
//!        `--- wake() -----------------------------------^   `-- receipt, later, or dead --> database
//! ```
//! Nothing is sent that is not a row first, and a row is done only when its receipt is stored. So a
//! delivery is sent at least once, always with the same `Idempotency-Key`; after a crash between the
//! answer and the receipt it is sent again, and the receiver knows it by that key. Destinations do not
//! wait for each other; one destination has one delivery in flight.

mod alert;
mod authorities;
pub mod case;
pub mod destination;
mod digest;
pub mod email;
pub mod fhir;
mod hl7;
mod http;
pub mod links;
mod oru;
mod pacs;
pub mod policy;
pub mod reminder;
pub mod retry;
pub mod routing;
mod secrets;
mod senders;
mod signature;
mod webhook;
mod words;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub use destination::{Destination, DestinationError, Kind};
pub use http::HttpUrl;
pub use pacs::{Commitments, ResultFiles};
pub use senders::{Channel, Means, channels};

use crate::clock::Clock;
use crate::db::deliveries::{self, Attempted, Delivery, DeliveryId, Next};
use crate::db::{Db, DbError};
use crate::dicom::scu::ScuError;
use crate::error::{Chain, Dispose, Disposition};
use crate::heartbeat::{Heart, Heartbeats};
use crate::limits::{
    DELIVERY_TIMEOUT, HEARTBEAT_OUTBOX, RETRY_WAIT_MAX, RETRY_WAIT_MIN, TASK_BEAT,
};

/// Why an attempt at a delivery came to nothing. No text holds anything of the payload.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The destination will not take it, now or later; what it answered.
    #[error("the destination refused the delivery: {0}")]
    Refused(String),
    /// The destination cannot take it now.
    #[error("the destination could not take the delivery now: {answer}")]
    NotNow {
        /// What it answered.
        answer: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing came back: no network, no such host, a wrong certificate, silence.
    #[error("no answer from the destination")]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// No association with the PACS, or it broke.
    #[error("could not send the objects")]
    Association(#[from] ScuError),
    /// The row does not hold what its destination takes: it was made for another kind.
    #[error(
        "the delivery was made for a destination of another kind; give the new destination another name"
    )]
    Payload(#[source] Box<dyn Error + Send + Sync>),
    /// No thread for the attempt.
    #[error("could not start a thread for the delivery")]
    Spawn(#[source] std::io::Error),
    /// The attempt's thread panicked.
    #[error("the delivery's thread ended without an answer")]
    Panicked,
}

impl Dispose for SendError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Refused(_) | Self::Payload(_) => Disposition::Reject,
            // An association that is rejected is a setting of one side or the other: a person mends it, and then all must
            // go.
            Self::Association(_)
            | Self::NotNow { .. }
            | Self::NoAnswer(_)
            | Self::Spawn(_)
            | Self::Panicked => Disposition::Retry,
        }
    }
}

/// What an attempt knows beside the delivery.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// For the whole of it.
    pub timeout: Duration,
    /// Milliseconds since 1970 UTC.
    pub now_unix_ms: i64,
}

/// The way to one destination. It blocks, and is called on a thread of its own.
pub trait Sender: Send + Sync + std::fmt::Debug {
    /// Sends one delivery and waits for the answer, which is the receipt.
    ///
    /// # Errors
    /// Why there is none; the error's disposition says whether it is tried again.
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError>;
}

/// Tells the outbox that rows were added.
#[derive(Debug, Clone)]
pub struct Waker(watch::Sender<()>);

impl Waker {
    /// Looks for due deliveries now. Cheap, and never lost: a wake-up while a delivery is in flight
    /// counts after it.
    pub fn wake(&self) {
        self.0.send_replace(());
    }
}

/// Sends what the database says is due, for ever.
#[derive(Debug)]
pub struct Outbox {
    db: Db,
    clock: Arc<dyn Clock>,
    channels: Vec<Channel>,
    hearts: Heartbeats,
    timeout: Duration,
    rest: Duration,
    wakes: watch::Sender<()>,
    n_attempts: watch::Sender<u64>,
}

impl Outbox {
    /// An outbox with the ways to its destinations, not yet running.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>, channels: Vec<Channel>) -> Self {
        let (wakes, _) = watch::channel(());
        let (n_attempts, _) = watch::channel(0);
        let (timeout, rest) = (DELIVERY_TIMEOUT, RETRY_WAIT_MIN);
        let hearts = Heartbeats::new(Arc::clone(&clock));
        Self { db, clock, channels, hearts, timeout, rest, wakes, n_attempts }
    }

    /// Each destination's task has a heart among these, [`HEARTBEAT_OUTBOX`].
    #[must_use]
    pub fn with_hearts(self, hearts: Heartbeats) -> Self {
        Self { hearts, ..self }
    }

    /// Gives each attempt so long, instead of [`DELIVERY_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Rests so long after an attempt that came to nothing, instead of [`RETRY_WAIT_MIN`].
    #[must_use]
    pub fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// For whoever commits results.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(self.wakes.clone())
    }

    /// Changes after each recorded attempt: the time to read
    /// [`counts`](crate::db::deliveries::counts) again.
    #[must_use]
    pub fn attempts(&self) -> watch::Receiver<u64> {
        self.n_attempts.subscribe()
    }

    /// Delivers until `shutdown`, then finishes what is in flight (at most one attempt's time-out;
    /// dropping this future instead is safe, the rows stay).
    ///
    /// # Errors
    /// When the database fails in a way that waiting does not mend.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), DbError> {
        self.warn_of_orphans().await?;
        let (stop, stopped) = watch::channel(false);
        let outbox = Arc::new(self);
        let mut tasks = JoinSet::new();
        for n in 0..outbox.channels.len() {
            let queue = Queue {
                outbox: Arc::clone(&outbox),
                n,
                wakes: outbox.wakes.subscribe(),
                stopped: stopped.clone(),
                down: None,
                heart: outbox.hearts.register("outbox", HEARTBEAT_OUTBOX),
            };
            tasks.spawn(queue.run());
        }
        let mut outcome = Ok(());
        tokio::select! {
            () = shutdown => {}
            // A task ends before the shutdown only by failing.
            Some(ended) = tasks.join_next() => outcome = flatten(ended),
        }
        stop.send_replace(true);
        while let Some(ended) = tasks.join_next().await {
            outcome = outcome.and(flatten(ended));
        }
        outcome
    }

    /// Rows for a destination that the settings no longer have stay, and someone should know.
    async fn warn_of_orphans(&self) -> Result<(), DbError> {
        for name in self.db.call(deliveries::destinations_waiting()).await? {
            if !self.channels.iter().any(|channel| channel.name == name) {
                tracing::warn!(
                    destination = name,
                    "deliveries wait for a destination that is not configured; they are kept"
                );
            }
        }
        Ok(())
    }
}

impl Down {
    fn after(before: Option<Self>, key: &str, now_unix_ms: i64) -> Self {
        let n_attempts = before.map_or(0, |down| down.n_attempts).saturating_add(1);
        let wait = retry::wait(n_attempts, key, None);
        let wait_ms = i64::try_from(wait.as_millis()).expect("at most `RETRY_WAIT_MAX`");
        Self { n_attempts, until_unix_ms: now_unix_ms.saturating_add(wait_ms) }
    }

    /// How long it is still left alone; not where the clock was set back.
    fn wait(self, now_unix_ms: i64) -> Option<Duration> {
        let ms = u64::try_from(self.until_unix_ms.saturating_sub(now_unix_ms)).ok()?;
        Some(Duration::from_millis(ms))
            .filter(|wait| (1..=RETRY_WAIT_MAX.as_millis()).contains(&wait.as_millis()))
    }
}

fn flatten(ended: Result<Result<(), DbError>, tokio::task::JoinError>) -> Result<(), DbError> {
    ended.unwrap_or(Err(DbError::Gone { doing: "deliver: a delivery task panicked" }))
}

/// One destination's task.
struct Queue {
    outbox: Arc<Outbox>,
    n: usize,
    wakes: watch::Receiver<()>,
    stopped: watch::Receiver<bool>,
    /// Since the destination does not answer at all.
    down: Option<Down>,
    heart: Heart,
}

/// A destination that does not answer: it is asked again for one row, not for each that waits.
#[derive(Debug, Clone, Copy)]
struct Down {
    n_attempts: u32,
    until_unix_ms: i64,
}

impl Queue {
    fn channel(&self) -> &Channel {
        &self.outbox.channels[self.n]
    }

    async fn run(mut self) -> Result<(), DbError> {
        while !*self.stopped.borrow() {
            self.heart.beat();
            // Seen before the look, so that a row added after it is another change.
            self.wakes.mark_unchanged();
            let now_unix_ms = self.outbox.clock.unix_ms();
            if let Some(wait) = self.down.and_then(|down| down.wait(now_unix_ms))
                && !self.pause(wait).await
            {
                continue;
            }
            let look = deliveries::next(self.channel().name.clone(), now_unix_ms);
            match self.outbox.db.call(look).await {
                Ok(Next::Due(delivery)) => self.deliver(delivery).await?,
                Ok(Next::At(at_unix_ms)) => {
                    let ms = u64::try_from(at_unix_ms - now_unix_ms).unwrap_or(0);
                    let _ = self.pause(Duration::from_millis(ms)).await;
                }
                Ok(Next::Nothing) => {
                    let _ = self.pause(RETRY_WAIT_MAX).await;
                }
                Err(error) => self.survive(error).await?,
            }
        }
        self.heart.finish();
        Ok(())
    }

    /// Waits for the time, a wake-up or the end, whichever is first; says whether it was a wake-up.
    async fn pause(&mut self, time: Duration) -> bool {
        let end = tokio::time::sleep(time.min(RETRY_WAIT_MAX));
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return false,
                _ = self.wakes.changed() => return true,
                _ = self.stopped.wait_for(|stopped| *stopped) => return false,
                () = tokio::time::sleep(TASK_BEAT) => self.heart.beat(),
            }
        }
    }

    /// Waits a little where the database may recover.
    async fn survive(&mut self, error: DbError) -> Result<(), DbError> {
        if error.disposition() != Disposition::Retry {
            return Err(error);
        }
        tracing::warn!(error = %Chain(&error), "the outbox waits for the database");
        self.rest().await;
        Ok(())
    }

    /// The shortest wait, or the end.
    async fn rest(&mut self) {
        self.heart.beat();
        tokio::select! {
            () = tokio::time::sleep(self.outbox.rest) => {}
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    /// One attempt, written down.
    async fn deliver(&mut self, delivery: Delivery) -> Result<(), DbError> {
        let (id, attempts) = (delivery.id, delivery.attempts + 1);
        let key = delivery.idempotency_key.clone();
        let sent = self.attempt(delivery).await;
        let at_unix_ms = self.outbox.clock.unix_ms();
        self.down = match &sent {
            Err(SendError::NoAnswer(_) | SendError::Association(_)) => {
                Some(Down::after(self.down, &key, at_unix_ms))
            }
            _ => None,
        };
        let name = &self.channel().name;
        let attempted = match sent {
            Ok(receipt) => {
                tracing::info!(destination = %name, id = %key, attempts, "delivered");
                Attempted::Sent { receipt, at_unix_ms }
            }
            Err(error) if error.disposition() == Disposition::Retry => {
                let asked = match error {
                    SendError::NotNow { retry_after, .. } => retry_after,
                    _ => None,
                };
                let wait = retry::wait(attempts, &key, asked);
                let error = Chain(&error).to_string();
                tracing::warn!(destination = %name, id = %key, attempts, ?wait, error, "not delivered");
                let wait_ms = i64::try_from(wait.as_millis()).expect("at most `RETRY_WAIT_MAX`");
                Attempted::PutOff { error, next_unix_ms: at_unix_ms.saturating_add(wait_ms) }
            }
            Err(error) => {
                let error = Chain(&error).to_string();
                tracing::warn!(destination = %name, id = %key, attempts, error, "given up");
                Attempted::Refused { error, at_unix_ms }
            }
        };
        self.record(id, &attempted).await?;
        if matches!(attempted, Attempted::PutOff { .. }) {
            // A destination that is down is not asked once for each waiting row at once.
            self.rest().await;
        }
        Ok(())
    }

    /// Stores how the attempt went, however long that takes: sending again because the receipt could
    /// not be stored would flood the destination. After the stop it is tried once.
    async fn record(&mut self, id: DeliveryId, attempted: &Attempted) -> Result<(), DbError> {
        loop {
            let record = deliveries::record_attempt(id, attempted.clone());
            match self.outbox.db.call(record).await {
                Ok(_) => break,
                Err(error) => self.survive(error).await?,
            }
            if *self.stopped.borrow() {
                break;
            }
        }
        self.outbox.n_attempts.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Sends on a thread of its own: a blocked one must hold up neither the runtime's threads nor the
    /// end of the process.
    async fn attempt(&self, delivery: Delivery) -> Result<String, SendError> {
        let (answer, answered) = oneshot::channel();
        let sender = Arc::clone(&self.channel().sender);
        let attempt =
            Attempt { timeout: self.outbox.timeout, now_unix_ms: self.outbox.clock.unix_ms() };
        let send = move || {
            // Nobody listens any more when the process is ending; the row is still there.
            let _ = answer.send(sender.send(&delivery, attempt));
        };
        std::thread::Builder::new()
            .name("delivery".into())
            .spawn(send)
            .map_err(SendError::Spawn)?;
        answered.await.unwrap_or(Err(SendError::Panicked))
    }
}
