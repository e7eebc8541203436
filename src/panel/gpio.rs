//! Lines of GPIO chips through Linux' character device: opened by the chip's label, set, and listened to.
//!
//! The calls take microseconds on a chip of the processor's own, and a millisecond on one behind I2C.

use std::io;
use std::thread;
use std::time::Instant;

use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Value};
use tokio::sync::mpsc;

use super::button::Debounce;
use crate::error::{Dispose, Disposition};
use crate::limits::{BUTTON_DEBOUNCE, BUTTON_LEVELS_MAX, BUTTON_POLL, BUTTON_WAIT, GPIO_CHIPS_MAX};
use crate::system::wiring::{ButtonLine, LineId, Output, Pull};

/// Who holds a line, for `gpioinfo`.
pub const CONSUMER: &str = "parotidd";

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// No chip of that name.
    #[error("no GPIO chip is labelled `{label}` ({found})")]
    NoChip {
        /// What was looked for.
        label: String,
        /// What there is.
        found: String,
    },
    /// The chip has no such line.
    #[error("GPIO chip `{label}` has no {line}")]
    NoLine {
        /// The chip.
        label: String,
        /// What was looked for.
        line: LineId,
    },
    /// Somebody has it, or the kernel does not give it.
    #[error("could not have {line} of GPIO chip `{label}`{holder}")]
    Request {
        /// The chip.
        label: String,
        /// The line.
        line: LineId,
        /// Who has it, in words; empty where nobody.
        holder: String,
        /// Why.
        source: Refusal,
    },
    /// It was there, and does not answer.
    #[error("{line} of GPIO chip `{label}` does not answer")]
    Gone {
        /// The chip.
        label: String,
        /// The line.
        line: LineId,
        /// Why.
        source: Refusal,
    },
    /// Nobody can wait for it.
    #[error("could not start the thread that waits for the button")]
    Thread(#[source] io::Error),
    /// Nobody waits for it any more.
    #[error("the thread that waits for the button ended")]
    Silent,
}

/// What the kernel says. The library's own error says it twice: as text, and as its source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl From<gpiocdev::Error> for Refusal {
    fn from(error: gpiocdev::Error) -> Self {
        Self(error.to_string())
    }
}

impl Dispose for GpioError {
    /// Chips come and go, and lines are given back.
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// A line that was found.
struct Found {
    chip: Chip,
    offset: u32,
    /// Who has it.
    holder: Option<String>,
}

/// Who has a line of a chip, if anybody; opens nothing.
///
/// # Errors
/// When there is no such line.
pub fn holder(label: &str, line: &LineId) -> Result<Option<String>, GpioError> {
    find(label, line).map(|found| found.holder)
}

/// The first chip with that label, and the line on it.
fn find(label: &str, line: &LineId) -> Result<Found, GpioError> {
    let paths = chips().unwrap_or_default();
    let (mut labels, mut n_closed) = (Vec::new(), 0);
    for path in paths.into_iter().take(GPIO_CHIPS_MAX) {
        let opened = Chip::from_path(&path).and_then(|chip| Ok((chip.info()?, chip)));
        let Ok((info, chip)) = opened else {
            n_closed += 1;
            continue;
        };
        if info.label != label {
            labels.push(info.label);
            continue;
        }
        let found = match line {
            LineId::Offset(offset) if *offset < info.num_lines => chip.line_info(*offset).ok(),
            LineId::Offset(_) => None,
            LineId::Name(name) => chip.find_line_info(name),
        };
        let Some(found) = found else {
            return Err(GpioError::NoLine { label: label.to_owned(), line: line.clone() });
        };
        let holder = found.used.then_some(found.consumer);
        return Ok(Found { chip, offset: found.offset, holder });
    }
    let found = match (labels.as_slice(), n_closed) {
        ([], 0) => "this machine has none".to_owned(),
        (_, 0) => format!("this machine has: {}", labels.join(", ")),
        (_, n) => format!(
            "{n} could not be opened: is the user in the group of /dev/gpiochip*? The others: {}",
            if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
        ),
    };
    Err(GpioError::NoChip { label: label.to_owned(), found })
}

fn refused(
    label: String,
    line: LineId,
    holder: Option<String>,
    source: gpiocdev::Error,
) -> GpioError {
    let holder = holder.map_or(String::new(), |holder| format!(", which `{holder}` has"));
    GpioError::Request { label, line, holder, source: source.into() }
}

/// A line that we set.
#[derive(Debug)]
pub struct OutputLine {
    request: Request,
    label: String,
    line: LineId,
}

impl OutputLine {
    /// Opens it, off.
    ///
    /// # Errors
    /// See [`GpioError`].
    pub fn open(output: &Output) -> Result<Self, GpioError> {
        let (label, line) = (output.chip.clone(), output.line.clone());
        let Found { chip, offset, holder } = find(&label, &line)?;
        let mut builder = Request::builder();
        builder.on_chip(chip.path()).with_consumer(CONSUMER).with_line(offset);
        if output.active_low {
            builder.as_active_low();
        }
        match builder.as_output(Value::Inactive).request() {
            Ok(request) => Ok(Self { request, label, line }),
            Err(source) => Err(refused(label, line, holder, source)),
        }
    }

    /// Turns it on or off.
    ///
    /// # Errors
    /// When the chip has gone.
    pub fn set(&self, is_on: bool) -> Result<(), GpioError> {
        let value = if is_on { Value::Active } else { Value::Inactive };
        self.request.set_lone_value(value).map_err(|source| {
            let (label, line) = (self.label.clone(), self.line.clone());
            GpioError::Gone { label, line, source: source.into() }
        })
    }
}

/// The line of a button.
#[derive(Debug)]
pub struct ButtonInput {
    request: Request,
    /// Whether the kernel tells of edges, and debounces them; it does so on any chip with interrupts.
    has_edges: bool,
    label: String,
    line: LineId,
}

impl ButtonInput {
    /// Opens it.
    ///
    /// # Errors
    /// See [`GpioError`].
    pub fn open(button: &ButtonLine) -> Result<Self, GpioError> {
        let (label, line) = (button.chip.clone(), button.line.clone());
        let Found { chip, offset, holder } = find(&label, &line)?;
        let request = |has_edges: bool| {
            let mut builder = Request::builder();
            builder.on_chip(chip.path()).with_consumer(CONSUMER).with_line(offset).as_input();
            if button.active_low {
                builder.as_active_low();
            }
            match button.pull {
                Pull::AsIs => {}
                Pull::Up => drop(builder.with_bias(Bias::PullUp)),
                Pull::Down => drop(builder.with_bias(Bias::PullDown)),
            }
            if has_edges {
                builder.with_edge_detection(EdgeDetection::BothEdges);
                builder.with_debounce_period(BUTTON_DEBOUNCE);
            }
            builder.request()
        };
        let (request, has_edges) = match request(true) {
            Ok(told) => (Ok(told), true),
            // A chip without interrupts, an expander mostly.
            Err(_) => (request(false), false),
        };
        match request {
            Ok(request) => Ok(Self { request, has_edges, label, line }),
            Err(source) => Err(refused(label, line, holder, source)),
        }
    }

    /// Tells of each level, the first one at once, until `levels` has no reader or the chip has gone.
    fn tell(&self, levels: &mpsc::Sender<Result<bool, GpioError>>) {
        let mut debounce = Debounce::default();
        let start = Instant::now();
        let mut told = None;
        while !levels.is_closed() {
            let level = if self.has_edges {
                self.next_edge(told.is_some())
            } else {
                thread::sleep(BUTTON_POLL);
                self.is_down().map(|is_down| debounce.at(start.elapsed(), is_down))
            };
            match level {
                Ok(Some(is_down)) if told != Some(is_down) => {
                    told = Some(is_down);
                    if levels.blocking_send(Ok(is_down)).is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    // Nobody who could hear it is there any more.
                    let _ = levels.blocking_send(Err(error));
                    return;
                }
            }
        }
    }

    /// The level after the next edge, and the level as it is where nothing was told yet or nothing happens for
    /// [`BUTTON_WAIT`]. Edges are taken one by one: a press that is over before we wake up is a press.
    fn next_edge(&self, has_told: bool) -> Result<Option<bool>, GpioError> {
        if !has_told {
            return self.is_down().map(Some);
        }
        if !self.request.wait_edge_event(BUTTON_WAIT).map_err(|e| self.gone(e))? {
            // Edges that did not fit into the kernel's queue are made up for.
            return self.is_down().map(Some);
        }
        let edge = self.request.read_edge_event().map_err(|e| self.gone(e))?;
        Ok(Some(edge.kind == EdgeKind::Rising))
    }

    /// Whether it is down now.
    ///
    /// # Errors
    /// When the chip has gone.
    pub fn is_down(&self) -> Result<bool, GpioError> {
        let value = self.request.lone_value().map_err(|source| self.gone(source))?;
        Ok(value == Value::Active)
    }

    fn gone(&self, source: gpiocdev::Error) -> GpioError {
        GpioError::Gone {
            label: self.label.clone(),
            line: self.line.clone(),
            source: source.into(),
        }
    }
}

/// A button that a task listens to. A thread of its own waits for the kernel, and ends when this is dropped.
#[derive(Debug)]
pub struct Listener {
    levels: mpsc::Receiver<Result<bool, GpioError>>,
    is_down: Option<bool>,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn new(input: ButtonInput) -> Result<Self, GpioError> {
        let (told, levels) = mpsc::channel(BUTTON_LEVELS_MAX);
        let thread = thread::Builder::new().name("button".into());
        thread.spawn(move || input.tell(&told)).map_err(GpioError::Thread)?;
        Ok(Self { levels, is_down: None })
    }

    /// The next level. May be dropped and called again.
    ///
    /// # Errors
    /// When the chip has gone.
    pub async fn next(&mut self) -> Result<bool, GpioError> {
        let level = self.levels.recv().await.unwrap_or(Err(GpioError::Silent))?;
        self.is_down = Some(level);
        Ok(level)
    }

    /// The newest level; `None` before the first.
    #[must_use]
    pub fn is_down(&self) -> Option<bool> {
        self.is_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::wiring::OutputKind;

    #[test]
    fn a_chip_that_is_not_there_is_named() {
        let output = Output {
            name: "lamp".into(),
            kind: OutputKind::Lamp,
            chip: "no such chip".into(),
            line: LineId::Offset(3),
            active_low: false,
        };
        let error = OutputLine::open(&output).unwrap_err().to_string();
        assert!(error.starts_with("no GPIO chip is labelled `no such chip` ("), "{error}");
        let (chip, line) = (output.chip, LineId::Name("KEY".into()));
        let button = ButtonLine { chip, line, active_low: true, pull: Pull::Up };
        assert!(matches!(ButtonInput::open(&button), Err(GpioError::NoChip { .. })));
    }
}
