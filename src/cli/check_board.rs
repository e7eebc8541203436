//! `parotidd check-board`: each part of the board, and what to do about those that fail.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::screen::Format;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DisplayConfig};
use crate::display::backend::Backend;
use crate::error::Chain;
use crate::limits::{EXERCISE_BUTTON_WAIT, EXERCISE_LAMP};
use crate::panel::gpio::{self, ButtonInput, GpioError, OutputLine};
use crate::system::board::{Board, BoardDisplay, DisplayBackend, Verified};
use crate::system::inspection::{PartReport, PartState, inspect};
use crate::system::wiring::LineId;

/// Version of the JSON.
const SCHEMA: &str = "parotidd.check-board/1";
/// What to do about a line of a GPIO chip.
const WIRING: &str =
    "see docs/boards.md: the board file names chip and line, and the user needs the chip's group";

/// Check the parts of the board: display, lamps, button, thermal zones, watchdog, cores, memory, disk, clock
///
/// Each is present, absent or failing, with what to do. Ends with 1 where one fails. Changes nothing; the daemon may be
/// running. With --exercise, for which the daemon must be stopped, each lamp and the buzzer is on for a second, one
/// after the other, and the button has fifteen seconds to be pressed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CheckBoardArgs {
    /// Settings (TOML) that name display, data folder and board file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Light each lamp in turn and wait for the button
    #[arg(long)]
    exercise: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct BoardReport<'a> {
    schema: &'static str,
    board: &'a str,
    title: &'a str,
    verified: Verified,
    parts: Vec<PartReport>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad. A part that fails is a result.
pub fn run(args: &CheckBoardArgs) -> Result<ExitCode> {
    let config = Config::load(args.config.as_deref())?;
    let board = config.board()?;
    let mut parts = vec![display(&config.display, &board.display, &config.data_dir)];
    parts.extend(if args.exercise { exercise(&board) } else { lines(&board) });
    let now = SystemClock::new().unix_ms();
    parts.extend(inspect(Path::new("/"), &board, &config.data_dir, now));
    let is_fine = parts.iter().all(|part| part.state != PartState::Failing);
    let Board { name, title, verified, .. } = &board;
    let report = BoardReport { schema: SCHEMA, board: name, title, verified: *verified, parts };
    let text = match args.format {
        Format::Json => serde_json::to_string(&report)? + "\n",
        Format::Text => text(&report),
    };
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")?;
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &BoardReport<'_>) -> String {
    let verified = match report.verified {
        Verified::None => "its facts are from documents, not tried",
        Verified::Qemu => "its facts were tried in QEMU",
        Verified::Hardware => "its facts were tried on the hardware",
    };
    let mut out = format!("{} ({}); {verified}\n", report.title, report.board);
    for PartReport { part, state, found, advice } in &report.parts {
        let state = match state {
            PartState::Present => "present",
            PartState::Absent => "absent",
            PartState::Failing => "failing",
        };
        let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{state:8} {part}: {found}{advice}");
    }
    out
}

fn display(display: &DisplayConfig, board: &BoardDisplay, data_dir: &Path) -> PartReport {
    match display.backend(board) {
        DisplayBackend::None => {
            PartReport::absent("display", "the settings or the board have none", None)
        }
        DisplayBackend::Headless => PartReport::absent("display", "headless: a picture file", None),
        DisplayBackend::Framebuffer | DisplayBackend::Drm => {
            match Backend::open(&display.target(board, data_dir)) {
                Ok(backend) => {
                    let size = backend.size().unwrap_or_default();
                    let device = display
                        .device
                        .as_deref()
                        .map_or("the first one", |it| it.to_str().unwrap_or("it"));
                    PartReport::present(
                        "display",
                        format!("{device}, {}x{}", size.width, size.height),
                    )
                }
                Err(error) => PartReport::failing(
                    "display",
                    Chain(&error).to_string(),
                    "look at the cable, at `display.device`, and whether the user is in the group video",
                ),
            }
        }
    }
}

/// Every line of the board file, as the kernel knows it.
fn lines(board: &Board) -> Vec<PartReport> {
    let outputs = board.outputs.iter().map(|it| line(&it.name, &it.chip, &it.line));
    let button =
        board.button.as_ref().map_or_else(no_button, |it| line("button", &it.chip, &it.line));
    outputs.chain([button]).collect()
}

fn no_button() -> PartReport {
    PartReport::absent("button", "the board file names none", None)
}

fn line(part: &str, chip: &str, line: &LineId) -> PartReport {
    match gpio::holder(chip, line) {
        Ok(None) => PartReport::present(part, format!("{line} of {chip}")),
        Ok(Some(holder)) if holder == gpio::CONSUMER => {
            PartReport::present(part, format!("{line} of {chip}, which the daemon has"))
        }
        Ok(Some(holder)) => {
            PartReport::failing(part, format!("{line} of {chip}, which `{holder}` has"), WIRING)
        }
        Err(error) => PartReport::failing(part, Chain(&error).to_string(), WIRING),
    }
}

/// Every line of the board file, with a person watching.
fn exercise(board: &Board) -> Vec<PartReport> {
    let lamp = |output: &crate::system::wiring::Output| {
        eprintln!("{} is on for a second", output.name);
        let lit = || -> Result<(), GpioError> {
            let line = OutputLine::open(output)?;
            line.set(true)?;
            sleep(EXERCISE_LAMP);
            line.set(false)
        };
        match lit() {
            Ok(()) => PartReport::present(&output.name, "it was set on and off".to_owned()),
            Err(error) => PartReport::failing(&output.name, Chain(&error).to_string(), WIRING),
        }
    };
    let mut parts: Vec<_> = board.outputs.iter().map(lamp).collect();
    let Some(button) = &board.button else {
        parts.push(no_button());
        return parts;
    };
    eprintln!("press the button within fifteen seconds");
    let pressed = ButtonInput::open(button).and_then(|input| {
        let end = Instant::now() + EXERCISE_BUTTON_WAIT;
        while Instant::now() < end {
            if input.is_down()? {
                return Ok(true);
            }
            sleep(crate::limits::BUTTON_POLL);
        }
        Ok(false)
    });
    parts.push(match pressed {
        Ok(true) => PartReport::present("button", "it was pressed".to_owned()),
        Ok(false) => PartReport::failing(
            "button",
            "nobody pressed it, or it is not heard".to_owned(),
            WIRING,
        ),
        Err(error) => PartReport::failing("button", Chain(&error).to_string(), WIRING),
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_part_says_what_to_do() {
        let parts = vec![
            PartReport::present("cores", "4".into()),
            PartReport::failing("clock", "1970-01-01T00:00:00Z".into(), "set it"),
        ];
        let (schema, verified) = (SCHEMA, Verified::Qemu);
        let report = BoardReport { schema, board: "b", title: "A board", verified, parts };
        assert_eq!(
            text(&report),
            "A board (b); its facts were tried in QEMU\n\
             present  cores: 4\n\
             failing  clock: 1970-01-01T00:00:00Z; set it\n"
        );
    }
}
