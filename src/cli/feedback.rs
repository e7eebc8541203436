//! `parotidd feedback`: what a person thinks of the answer for one gland.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{EXIT_NO_USABLE_INPUT, database};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::db::alerts::Channel;
use crate::db::beside;
use crate::db::feedback::{self, Feedback, Kept};
use crate::limits::NOTE_BYTES_MAX;
use crate::units::Side;
use crate::verdict::Verdict;

/// Say what you think of the answer for one gland; it is kept with the case
///
/// Verdicts are what a cohort for evaluation or retraining is made of (`parotidd export`). The newest for a side counts.
/// Ends with 65 where the series was not screened, or the verdict does not go with the answer.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct FeedbackArgs {
    /// Series Instance UID
    series: String,
    /// The patient's side
    #[arg(long, value_enum)]
    side: SideArg,
    /// What you think
    #[arg(long, value_enum)]
    verdict: VerdictArg,
    /// Who you are
    #[arg(long, value_name = "NAME")]
    by: String,
    /// More about it, without patient data
    #[arg(long, default_value = "")]
    note: String,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SideArg {
    Right,
    Left,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum VerdictArg {
    /// Flagged: there is a mass, as outlined
    Accepted,
    /// Flagged: there is no mass
    Rejected,
    /// Flagged: there is a mass, and the outline is wrong
    WrongOutline,
    /// Not flagged: there is a mass
    Missed,
    /// Not flagged: there is no mass
    ConfirmedNegative,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, the name is empty, the note too long, or the database cannot be written.
pub fn run(args: &FeedbackArgs) -> Result<ExitCode> {
    let path = database(&Config::load(args.config.as_deref())?)?;
    let by = args.by.trim().to_owned();
    if by.is_empty() {
        bail!("`--by` is empty; say who you are");
    }
    if args.note.len() > NOTE_BYTES_MAX {
        bail!("the note has {} bytes; {NOTE_BYTES_MAX} is the most", args.note.len());
    }
    let feedback = Feedback {
        side: match args.side {
            SideArg::Right => Side::Right,
            SideArg::Left => Side::Left,
        },
        verdict: match args.verdict {
            VerdictArg::Accepted => Verdict::Accepted,
            VerdictArg::Rejected => Verdict::Rejected,
            VerdictArg::WrongOutline => Verdict::WrongOutline,
            VerdictArg::Missed => Verdict::Missed,
            VerdictArg::ConfirmedNegative => Verdict::ConfirmedNegative,
        },
        by,
        via: Channel::CommandLine,
        note: args.note.clone(),
        at_unix_ms: SystemClock::new().unix_ms(),
    };
    let problem = match beside::run(&path, feedback::record(args.series.clone(), feedback))? {
        Kept::With(_) => return Ok(ExitCode::SUCCESS),
        Kept::NoResult => "the series was not screened here; give its Series Instance UID",
        Kept::DoesNotFit => {
            "the verdict does not go with the answer: accepted, rejected and wrong-outline are for a flagged gland, \
             missed and confirmed-negative for one that is not"
        }
    };
    eprintln!("{problem}");
    Ok(ExitCode::from(EXIT_NO_USABLE_INPUT))
}
