//! `parotidd audit`: what was done about alerts, by whom.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::database;
use super::screen::Format;
use crate::clock::rfc3339;
use crate::config::Config;
use crate::db::audit::{self, AuditEvent};
use crate::db::beside;

/// Version of the JSON.
const SCHEMA: &str = "parotidd.audit/1";

/// Show what was done about alerts: opened, delivered, refused, acknowledged, withdrawn, judged
///
/// One line an event, oldest first: when, what, by whom or to whom, which series. Holds no patient data. The daemon may be
/// running.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct AuditArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only since this day, YYYY-MM-DD, by UTC
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: &'static str,
    at: String,
    event: &'static str,
    actor: &'a str,
    detail: &'a str,
    series_instance_uid: &'a str,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, or there is no database that can be read.
pub fn run(args: &AuditArgs) -> Result<()> {
    let path = database(&Config::load(args.config.as_deref())?)?;
    let since = args.since.map(|day| day.to_zoned_datetime(TimeZone::UTC)).transpose()?;
    let since = since.map_or(i64::MIN, |day| day.timestamp().as_millisecond());
    let mut out = String::new();
    for AuditEvent { event, series } in beside::run(&path, audit::since(since))? {
        let line = Line {
            schema: SCHEMA,
            at: rfc3339(event.at_unix_ms),
            event: event.kind.code(),
            actor: &event.actor,
            detail: &event.detail,
            series_instance_uid: &series,
        };
        // Writing to a String cannot fail.
        let _ = match args.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&line)?),
            Format::Text => writeln!(
                out,
                "{} {:15} {}: {} {series}",
                line.at, line.event, line.actor, line.detail
            ),
        };
    }
    io::stdout().write_all(out.as_bytes()).context("could not write to standard output")
}
