//! One file a command: parses its arguments, calls downward, prints the result.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError};
use crate::db::audit::{AuditKind, NewAuditEvent, record};
use crate::db::{DbError, beside};

pub mod alerts;
pub mod appliance;
pub mod audit;
pub mod backup;
pub mod check_board;
pub mod check_config;
pub mod completions;
pub mod demo;
pub mod evaluate;
pub mod export;
pub mod export_results;
pub mod feedback;
pub mod golden;
pub mod man;
mod networks;
pub mod phantom;
pub mod prepare;
mod progress;
pub mod read_report;
pub mod render;
pub mod retention;
pub mod review;
pub mod run;
pub mod screen;
mod screen_files;
pub mod self_test;
pub mod status;
mod status_watch;
mod stick;
pub mod support_bundle;
pub mod user;
mod whole_volume;

/// Bad configuration: the service manager does not start us again (sysexits.h, `EX_USAGE`).
pub const EXIT_BAD_CONFIGURATION: u8 = 64;
/// No usable input (sysexits.h, `EX_DATAERR`).
pub const EXIT_NO_USABLE_INPUT: u8 = 65;

/// How the program ends, and what it means.
const EXIT_CODES: [(u8, &str); 5] = [
    (0, "done"),
    (1, "failed; standard error says why"),
    (2, "wrong arguments"),
    (EXIT_BAD_CONFIGURATION, "bad settings; the service manager does not start it again"),
    (
        EXIT_NO_USABLE_INPUT,
        "no usable input; standard error has the reason for each series or file",
    ),
];

/// Where the output goes.
const STREAMS: &str =
    "Standard output carries only the result; progress and logs go to standard error.
RUST_LOG sets what is logged, for example RUST_LOG=info. RAYON_NUM_THREADS sets how many cores compute,
PAROTIDD_INSTRUCTION_SET on which instructions, for example portable; answers are the same.";

/// What `--help` says below everything else.
fn after_help() -> String {
    let codes: String =
        EXIT_CODES.iter().map(|(code, means)| format!("  {code:<3} {means}\n")).collect();
    format!("Exit codes:\n{codes}\n{STREAMS}")
}

/// Screens head and neck CT for parotid tumours beside the scanner
///
/// Receives CT over DICOM, looks for a mass in each parotid gland with two neural networks, and says
/// flagged, not flagged, or not assessable with a reason. Not a medical device; not for diagnostic use.
#[derive(Debug, Parser)]
#[command(name = "parotidd", version, verbatim_doc_comment, after_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Screen(screen::ScreenArgs),
    Demo(demo::DemoArgs),
    CheckConfig(check_config::CheckConfigArgs),
    CheckBoard(check_board::CheckBoardArgs),
    Phantom(phantom::PhantomArgs),
    Prepare(prepare::PrepareArgs),
    Evaluate(evaluate::EvaluateArgs),
    Export(export::ExportArgs),
    ExportResults(export_results::ExportResultsArgs),
    Status(status::StatusArgs),
    Alerts(alerts::AlertsArgs),
    Acknowledge(alerts::AcknowledgeArgs),
    Feedback(feedback::FeedbackArgs),
    Audit(audit::AuditArgs),
    User(user::UserArgs),
    Review(review::ReviewArgs),
    ReadReport(read_report::ReadReportArgs),
    Render(render::RenderArgs),
    Retention(retention::RetentionArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    SelfTest(self_test::SelfTestArgs),
    SupportBundle(support_bundle::SupportBundleArgs),
    Appliance(appliance::ApplianceArgs),
    #[command(hide = true)]
    Golden(golden::GoldenArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Cli {
    /// What is logged where `RUST_LOG` does not say: little, unless we are the service.
    #[must_use]
    pub fn log_filter(&self) -> &'static str {
        match self.command {
            Command::Run(_) => "info,tract=warn,ureq=warn,dicom_parser=error",
            _ => "warn,dicom_parser=error",
        }
    }

    /// Runs the command that was typed.
    ///
    /// # Errors
    /// Whatever the command could not do; [`exit_code`] says how to end.
    pub fn execute(self) -> Result<ExitCode> {
        match self.command {
            Command::Run(args) => run::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Screen(args) => screen::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::CheckConfig(args) => check_config::run(&args).map(|()| ExitCode::SUCCESS),
            Command::CheckBoard(args) => check_board::run(&args),
            Command::Phantom(args) => phantom::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Prepare(args) => prepare::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Evaluate(args) => evaluate::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Export(args) => export::run(&args),
            Command::ExportResults(args) => export_results::run(&args),
            Command::Status(args) => status::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Alerts(args) => alerts::list(&args).map(|()| ExitCode::SUCCESS),
            Command::Acknowledge(args) => alerts::acknowledge(&args),
            Command::Feedback(args) => feedback::run(&args),
            Command::Audit(args) => audit::run(&args).map(|()| ExitCode::SUCCESS),
            Command::User(args) => user::run(&args),
            Command::Review(args) => review::run(&args).map(|()| ExitCode::SUCCESS),
            Command::ReadReport(args) => read_report::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Backup(args) => backup::back_up(&args).map(|()| ExitCode::SUCCESS),
            Command::Restore(args) => backup::restore(&args).map(|()| ExitCode::SUCCESS),
            Command::Retention(args) => retention::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Render(args) => render::run(&args).map(|()| ExitCode::SUCCESS),
            Command::SelfTest(args) => self_test::run(&args),
            Command::SupportBundle(args) => support_bundle::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Appliance(args) => appliance::run(&args),
            Command::Golden(args) => golden::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Completions(args) => completions::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Man(args) => man::run(&args).map(|()| ExitCode::SUCCESS),
        }
    }
}

/// How the process ends on an error.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.is::<ConfigError>()) {
        ExitCode::from(EXIT_BAD_CONFIGURATION)
    } else {
        ExitCode::FAILURE
    }
}

/// Who is at the command line, for the audit trail.
fn person() -> String {
    let login = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|it| std::env::var(it).ok());
    login.unwrap_or_else(|| "command line".to_owned())
}

/// The database of these settings.
fn database(config: &Config) -> Result<PathBuf> {
    let path = config.database();
    if !path.exists() {
        bail!(
            "no database at `{}`: `parotidd run` has not been started with these settings",
            path.display()
        );
    }
    Ok(path)
}

/// Who took something out of the appliance is in its audit trail.
fn write_down(
    config: &Config,
    actor: String,
    kind: AuditKind,
    detail: String,
) -> Result<(), DbError> {
    let event = NewAuditEvent {
        at_unix_ms: SystemClock::new().unix_ms(),
        kind,
        result: None,
        actor,
        detail,
    };
    beside::run(&config.database(), record(event))
}

/// Milliseconds since 1970 UTC of the beginning of a day, by this machine's time.
fn start_of_day(date: Date) -> Result<i64> {
    let start = date.to_zoned_datetime(TimeZone::system()).context("there is no such day")?;
    Ok(start.timestamp().as_millisecond())
}

/// Makes a folder, or sees that it is empty; says whether it made it.
fn prepare_folder(out: &Path) -> Result<bool> {
    match fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(false),
        Ok(false) => bail!(
            "`{}` is not empty; name a new folder, so that no two exports are mixed",
            out.display()
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(out)
                .with_context(|| format!("could not create `{}`", out.display()))?;
            Ok(true)
        }
        Err(error) => Err(error).with_context(|| format!("could not read `{}`", out.display())),
    }
}
