//! The task that holds the lines: it says what the status says, and hears the button.
//!
//! A chip or a line that is not there is warned of once and tried again every [`PANEL_RETRY`]; nothing here ends the
//! program. At the end the outputs are put to the board's `stopped`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::face::{Act, Face};
use super::gpio::{ButtonInput, GpioError, Listener, OutputLine};
use crate::clock::Clock;
use crate::db::alerts::{self, Acknowledgement, AlertName, Channel};
use crate::db::{Db, DbError};
use crate::error::Chain;
use crate::heartbeat::Heart;
use crate::limits::{PANEL_LOOK, PANEL_RETRY};
use crate::status_writer::StatusWriter;
use crate::system::board::Board;
use crate::system::wiring::Output;

/// The button's name where its problems are told.
const BUTTON: &str = "button";

/// Everything the task needs.
#[derive(Debug)]
pub struct PanelTask {
    /// Whose lamps and button.
    pub board: Board,
    /// Where alerts are acknowledged.
    pub db: Db,
    /// What patterns and presses are timed by.
    pub clock: Arc<dyn Clock>,
    /// What it shows, and where it says that a part fails.
    pub status: Arc<StatusWriter>,
    /// Shows that it still turns.
    pub heart: Heart,
}

/// A line, and what it was set to last.
struct Lit {
    line: OutputLine,
    is_on: bool,
}

/// What is open, and what is wrong.
struct Lines {
    outputs: Vec<Option<Lit>>,
    button: Option<Listener>,
    /// By the part's name.
    problems: BTreeMap<String, String>,
    tried: Option<Duration>,
}

impl PanelTask {
    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        if self.board.outputs.is_empty() && self.board.button.is_none() {
            self.heart.finish();
            return stop.await;
        }
        let mut watched = self.status.watch();
        let mut face = Face::new(&self.board.outputs, &self.board.states, self.clock.monotonic());
        let mut lines = Lines::none(self.board.outputs.len());
        loop {
            self.heart.beat();
            self.open(&mut lines).await;
            if let Some(is_down) = lines.button.as_ref().and_then(Listener::is_down) {
                self.hear(&mut lines, &mut face, is_down).await;
            }
            let now = self.clock.monotonic();
            face.show(now, &watched.borrow_and_update());
            lines.set(&self.board.outputs, &face.levels(now));
            self.report(&lines);
            let wait = face.until_change(now).map_or(PANEL_LOOK, |wait| wait.min(PANEL_LOOK));
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = status_changed(&mut watched) => {}
                level = lines.button_moved() => match level {
                    Ok(is_down) => self.hear(&mut lines, &mut face, is_down).await,
                    Err(error) => lines.lose_button(&error),
                },
                () = sleep(wait) => {}
            }
        }
        let now = self.clock.monotonic();
        face.stop(now);
        lines.set(&self.board.outputs, &face.levels(now));
        self.heart.finish();
    }

    /// Looks after what is open, and opens what is not, if it is time to.
    async fn open(&self, lines: &mut Lines) {
        let now = self.clock.monotonic();
        if lines.tried.is_some_and(|tried| now.saturating_sub(tried) < PANEL_RETRY) {
            return;
        }
        lines.tried = Some(now);
        lines.look_after(&self.board.outputs);
        for (output, lit) in self.board.outputs.iter().zip(&mut lines.outputs) {
            if lit.is_some() {
                continue;
            }
            let wanted = output.clone();
            let opened = off_the_runtime(move || OutputLine::open(&wanted)).await;
            let opened = opened.map(|opened| opened.map(|line| Lit { line, is_on: false }));
            *lit = note(&mut lines.problems, &output.name, opened);
        }
        if let (Some(wanted), None) = (self.board.button.clone(), &lines.button) {
            let opened = off_the_runtime(move || ButtonInput::open(&wanted)).await;
            let opened = opened.map(|opened| opened.and_then(Listener::new));
            lines.button = note(&mut lines.problems, BUTTON, opened);
        }
    }

    /// Does what the button's level means now.
    async fn hear(&self, lines: &mut Lines, face: &mut Face, is_down: bool) {
        match face.press(self.clock.monotonic(), is_down) {
            None => {}
            Some(Act::Acknowledge(up_to)) => {
                if let Err(error) = self.acknowledge(up_to).await {
                    tracing::error!(error = %Chain(&error), "the button acknowledged nothing");
                }
            }
            Some(Act::ReportStuck) => {
                let problem = "it is held down for more than 30 s: stuck, or a wire is off";
                tracing::warn!(part = BUTTON, problem, "a part of the board fails");
                lines.problems.insert(BUTTON.into(), problem.into());
            }
            Some(Act::ReportFreed) => {
                tracing::info!(part = BUTTON, "works again");
                lines.problems.remove(BUTTON);
            }
        }
    }

    async fn acknowledge(&self, up_to: i64) -> Result<(), DbError> {
        let by = Acknowledgement {
            by: BUTTON.to_owned(),
            via: Channel::Button,
            at_unix_ms: self.clock.unix_ms(),
        };
        let closed = self.db.call(alerts::acknowledge(AlertName::OpenUpTo(up_to), by)).await?;
        tracing::info!(n_alerts = closed.len(), "acknowledged by the button");
        // At once, not when they are counted next: the person is standing there.
        let alerts = self.db.call(alerts::now()).await?;
        self.status.modify(|status| status.alerts = alerts);
        Ok(())
    }

    fn report(&self, lines: &Lines) {
        self.status.modify_if(|status| {
            let is_new = !status.parts_failing.iter().eq(lines.problems.keys());
            if is_new {
                status.parts_failing = lines.problems.keys().cloned().collect();
            }
            is_new
        });
    }
}

impl Lines {
    fn none(n_outputs: usize) -> Self {
        let outputs = (0..n_outputs).map(|_| None).collect();
        Self { outputs, button: None, problems: BTreeMap::new(), tried: None }
    }

    /// Sets again what is open: a chip that went while nothing changed is noticed.
    fn look_after(&mut self, outputs: &[Output]) {
        for (output, slot) in outputs.iter().zip(&mut self.outputs) {
            if let Some(Err(error)) = slot.as_ref().map(|lit| lit.line.set(lit.is_on)) {
                *slot = note(&mut self.problems, &output.name, Some(Err(error)));
            }
        }
    }

    /// Sets what has changed. A line that fails is closed, and opened again later.
    fn set(&mut self, outputs: &[Output], levels: &[bool]) {
        for ((output, slot), &is_on) in outputs.iter().zip(&mut self.outputs).zip(levels) {
            let Some(lit) = slot.as_mut().filter(|lit| lit.is_on != is_on) else { continue };
            match lit.line.set(is_on) {
                Ok(()) => lit.is_on = is_on,
                Err(error) => *slot = note(&mut self.problems, &output.name, Some(Err(error))),
            }
        }
    }

    /// The button's next level; never where it is not open.
    async fn button_moved(&mut self) -> Result<bool, GpioError> {
        match &mut self.button {
            Some(button) => button.next().await,
            None => std::future::pending().await,
        }
    }

    fn lose_button(&mut self, error: &GpioError) {
        self.button = None;
        warn_once(&mut self.problems, BUTTON, Chain(error).to_string());
    }
}

/// What was opened, with its problem remembered or forgotten. `None` where the attempt itself was lost.
fn note<T>(
    problems: &mut BTreeMap<String, String>,
    part: &str,
    opened: Option<Result<T, GpioError>>,
) -> Option<T> {
    match opened? {
        Ok(line) => {
            if problems.remove(part).is_some() {
                tracing::info!(part, "works again");
            }
            Some(line)
        }
        Err(error) => {
            warn_once(problems, part, Chain(&error).to_string());
            None
        }
    }
}

fn warn_once(problems: &mut BTreeMap<String, String>, part: &str, problem: String) {
    if problems.get(part) != Some(&problem) {
        tracing::warn!(part, problem, "a part of the board fails; tried again every 30 s");
        problems.insert(part.to_owned(), problem);
    }
}

/// Chips are found by opening each of them: not on the runtime's threads.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

async fn status_changed(watched: &mut watch::Receiver<crate::status::Status>) {
    // A writer that is gone means that the daemon ends; `stop` says so too.
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
