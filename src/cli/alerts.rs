//! `parotidd alerts` and `parotidd acknowledge`: what a person should look at, and that they do.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::screen::Format;
use super::{EXIT_NO_USABLE_INPUT, database};
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Config;
use crate::db::alerts::{self, Acknowledgement, Alert, AlertName, Channel};
use crate::db::{beside, retention};
use crate::units::Side;

/// Version of the JSON.
const SCHEMA: &str = "parotidd.alerts/1";

/// List the alerts that nobody has acknowledged
///
/// One line an alert, newest first: its number, when it was opened, which sides, how large the largest mass is, the
/// series. Reads the database in data_dir and changes nothing; the daemon may be running.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct AlertsArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also those that were acknowledged or withdrawn
    #[arg(long)]
    all: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Acknowledge an alert: somebody has seen it, and it escalates no further
///
/// The daemon may be running. Who acknowledged first stays; the command says who that was. Ends with 65 where there is no
/// such alert.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct AcknowledgeArgs {
    /// Number of the alert, as `parotidd alerts` shows it, or the Series Instance UID; the newest open one where it is
    /// left out
    alert: Option<String>,
    /// In place of an alert: what destinations refused for good, of the series that is named or of all. Retention
    /// keeps images until then
    #[arg(long)]
    refusals: bool,
    /// Who has seen it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct AlertJson<'a> {
    schema: &'static str,
    number: i64,
    state: &'a str,
    opened_at: String,
    closed_at: Option<String>,
    acknowledged_by: Option<&'a str>,
    acknowledged_via: Option<&'a str>,
    sides: Vec<Side>,
    volume_cm3: Option<f64>,
    score: f64,
    series_instance_uid: &'a str,
}

/// Runs `parotidd alerts`.
///
/// # Errors
/// When the settings are bad, or there is no database that can be read.
pub fn list(args: &AlertsArgs) -> Result<()> {
    let path = database(&Config::load(args.config.as_deref())?)?;
    let found = beside::run(&path, alerts::list(!args.all))?;
    print(&found, args.format)
}

/// Runs `parotidd acknowledge`.
///
/// # Errors
/// When the settings are bad, the name is empty, or the database cannot be written.
pub fn acknowledge(args: &AcknowledgeArgs) -> Result<ExitCode> {
    let path = database(&Config::load(args.config.as_deref())?)?;
    let by = args.by.trim().to_owned();
    if by.is_empty() {
        bail!("`--by` is empty; say who has seen the alert");
    }
    if args.refusals {
        return acknowledge_refusals(&path, args.alert.as_deref(), by);
    }
    let name = match &args.alert {
        None => AlertName::Newest,
        Some(text) => match text.trim_start_matches('#').parse() {
            Ok(number) => AlertName::Number(number),
            Err(_) => AlertName::Series(text.clone()),
        },
    };
    let at_unix_ms = SystemClock::new().unix_ms();
    let acknowledgement = Acknowledgement { by, via: Channel::CommandLine, at_unix_ms };
    let found = beside::run(&path, alerts::acknowledge(name, acknowledgement))?;
    if found.is_empty() {
        eprintln!("there is no such alert; `parotidd alerts --all` lists them");
        return Ok(ExitCode::from(EXIT_NO_USABLE_INPUT));
    }
    print(&found, args.format)?;
    Ok(ExitCode::SUCCESS)
}

fn acknowledge_refusals(path: &Path, series: Option<&str>, by: String) -> Result<ExitCode> {
    let series =
        series.map(str::parse).transpose().context("refusals are named by their series")?;
    let seen = retention::see_refusals(series, by, SystemClock::new().unix_ms());
    let n_results = beside::run(path, seen)?;
    if n_results == 0 {
        eprintln!("nothing was refused that nobody has acknowledged");
        return Ok(ExitCode::from(EXIT_NO_USABLE_INPUT));
    }
    let text = format!("acknowledged what was refused of {n_results} results\n");
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn print(alerts: &[Alert], format: Format) -> Result<()> {
    let mut out = String::new();
    for alert in alerts {
        // Writing to a String cannot fail.
        let _ = match format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&json(alert))?),
            Format::Text => writeln!(out, "{}", text(alert)),
        };
    }
    if alerts.is_empty() && format == Format::Text {
        out.push_str("no alert waits for anybody\n");
    }
    io::stdout().write_all(out.as_bytes()).context("could not write to standard output")
}

fn json(alert: &Alert) -> AlertJson<'_> {
    AlertJson {
        schema: SCHEMA,
        number: alert.number,
        state: &alert.state,
        opened_at: rfc3339(alert.opened_unix_ms),
        closed_at: alert.closed_unix_ms.map(rfc3339),
        acknowledged_by: alert.acknowledged_by.as_deref(),
        acknowledged_via: alert.acknowledged_via.as_deref(),
        sides: alert.report.flagged_sides(),
        volume_cm3: alert.report.largest_kept().map(|it| it.volume_cm3.0),
        score: alert.report.score,
        series_instance_uid: &alert.series,
    }
}

fn text(alert: &Alert) -> String {
    let sides: Vec<_> = alert.report.flagged_sides().iter().map(ToString::to_string).collect();
    let volume = alert
        .report
        .largest_kept()
        .map_or(String::new(), |it| format!(" {:.2} cm3", it.volume_cm3.0));
    let closed = alert.closed_unix_ms.map_or(String::new(), |at| format!(" {}", rfc3339(at)));
    let by = match (&alert.acknowledged_by, &alert.acknowledged_via) {
        (Some(by), Some(via)) => format!(" by {by} ({via})"),
        _ => String::new(),
    };
    format!(
        "#{} {} {}{volume}, score {:.2}, {}{by}{closed}, series {}",
        alert.number,
        rfc3339(alert.opened_unix_ms),
        sides.join(" and "),
        alert.report.score,
        alert.state,
        alert.series
    )
}
