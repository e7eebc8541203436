//! `parotidd status`: what the database holds, read beside a running daemon.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::networks;
use super::screen::Format;
use super::{database, status_watch};
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Config;
use crate::db::results::StoredResult;
use crate::db::summary::{self, Summary};
use crate::error::Chain;
use crate::screening::report::{Decision, Models};
use crate::status::UpdateStep;
use crate::system::update_state::LastUpdate;
use crate::system::upkeep::{Told, UpkeepSettings};
use crate::units::Side;

/// Version of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Version of the JSON.
const SCHEMA: &str = "parotidd.status/1";

/// Show what was received, screened and delivered, and by which models
///
/// Reads the database in data_dir and changes nothing; the daemon may be running. Ends with 1 when
/// there is no database yet.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Keep looking and show the most important of it, until q or Ctrl-C
    #[arg(long, conflicts_with = "format")]
    watch: bool,
}

#[derive(Debug, Serialize)]
struct StatusReport {
    schema: &'static str,
    software_version: &'static str,
    models: Models,
    data_dir: PathBuf,
    listen: Vec<Listen>,
    n_instances: u64,
    jobs: serde_json::Map<String, serde_json::Value>,
    /// Jobs by how their series was known to be complete.
    complete_by: serde_json::Map<String, serde_json::Value>,
    results: serde_json::Map<String, serde_json::Value>,
    deliveries: Deliveries,
    alerts: Alerts,
    newest_result: Option<Newest>,
    /// Only where the settings have an updater.
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<Update>,
    /// Names of required checks that the newest self-tests failed.
    self_test_failing: Vec<String>,
    /// Only where the settings have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    worklist: Option<Worklist>,
}

#[derive(Debug, Serialize)]
struct Update {
    /// The version that is being installed.
    installing: Option<String>,
    step: Option<UpdateStep>,
    percent: Option<u8>,
    last: Option<LastUpdate>,
    /// What a person should know, as a sentence.
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Worklist {
    entries: u32,
    last_success_at: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<String>,
    studies_matched: u32,
    studies_unmatched: serde_json::Map<String, serde_json::Value>,
}

/// Where the daemon listens by these settings.
#[derive(Debug, Serialize)]
struct Listen {
    address: SocketAddr,
    tls: bool,
}

#[derive(Debug, Serialize)]
struct Deliveries {
    waiting: u32,
    sent: u64,
    dead: u32,
    oldest_waiting_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Alerts {
    open: u32,
    oldest_open_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Newest {
    series_instance_uid: String,
    decision: Decision,
    sides: Vec<Side>,
    score: f64,
    at: String,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, or there is no database that can be read.
pub fn run(args: &StatusArgs) -> Result<()> {
    let config = networks::load(args.config.as_deref())?;
    if args.watch {
        return status_watch::run(&config);
    }
    let report = read(config)?;
    let text = match args.format {
        Format::Json => serde_json::to_string(&report)? + "\n",
        Format::Text => text(&report),
    };
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// The same as JSON over several lines.
pub(super) fn json(config: Config) -> Result<String> {
    Ok(serde_json::to_string_pretty(&read(config)?)? + "\n")
}

fn read(mut config: Config) -> Result<StatusReport> {
    let path = database(&config)?;
    let summary = summary::read(&path)?;
    let models = networks::in_use(&mut config)?.identities();
    let has_worklist = config.worklist.is_some();
    let told = told(&config.upkeep);
    let update = update(&config.upkeep, &told);
    let mut report = report(summary, models, config);
    report.worklist = report.worklist.filter(|_| has_worklist);
    (report.update, report.self_test_failing) = (update, told.self_test_failing);
    Ok(report)
}

/// What the appliance's files say; of those that cannot be used the log has why.
fn told(upkeep: &UpkeepSettings) -> Told {
    let (told, unusable) = upkeep.look(SystemClock::new().unix_ms());
    for error in unusable {
        tracing::warn!(error = %Chain(&error), "a file of the appliance cannot be used");
    }
    told
}

/// `told` has said already why the updater's file cannot be used.
fn update(upkeep: &UpkeepSettings, told: &Told) -> Option<Update> {
    let state = upkeep.update().ok()??;
    Some(Update {
        installing: told.updating.as_ref().map(|it| it.version.clone()),
        step: state.step,
        percent: told.updating.as_ref().and_then(|it| it.percent),
        last: state.last,
        trouble: told.update_trouble.as_ref().map(|it| it.sentence(VERSION)),
    })
}

fn report(summary: Summary, models: Models, config: Config) -> StatusReport {
    let Config { data_dir, dicom, .. } = config;
    let listen = |tls| move |&address: &SocketAddr| Listen { address, tls };
    let plain = dicom.listen.iter().map(listen(false));
    let listen = plain.chain(dicom.tls_listen().iter().map(listen(true))).collect();
    let Summary { n_instances, jobs, complete_by, results, deliveries, alerts, newest, worklist } =
        summary;
    StatusReport {
        schema: SCHEMA,
        software_version: VERSION,
        models,
        data_dir,
        listen,
        n_instances,
        jobs: jobs.into_iter().map(|(it, n)| (it.as_str().to_owned(), n.into())).collect(),
        complete_by: complete_by
            .into_iter()
            .map(|(by, n)| (by.as_str().to_owned(), n.into()))
            .collect(),
        results: results.into_iter().map(|(it, n)| (it.as_str().to_owned(), n.into())).collect(),
        deliveries: Deliveries {
            waiting: deliveries.n_waiting,
            sent: deliveries.n_sent,
            dead: deliveries.n_dead,
            oldest_waiting_at: deliveries.oldest_waiting_unix_ms.map(rfc3339),
        },
        alerts: Alerts {
            open: alerts.n_open,
            oldest_open_at: alerts.oldest.map(|oldest| rfc3339(oldest.opened_unix_ms)),
        },
        newest_result: newest.map(|newest| {
            let StoredResult { series, decision, sides, score, created_unix_ms, .. } = newest;
            let series_instance_uid = series.to_string();
            Newest { series_instance_uid, decision, sides, score, at: rfc3339(created_unix_ms) }
        }),
        update: None,
        self_test_failing: Vec::new(),
        worklist: Some(Worklist {
            entries: worklist.n_listed,
            last_success_at: worklist.succeeded_unix_ms.map(rfc3339),
            last_error: worklist.last_error,
            last_error_at: worklist.failed_unix_ms.map(rfc3339),
            studies_matched: worklist.n_matched,
            studies_unmatched: worklist
                .unmatched
                .into_iter()
                .map(|(reason, n)| (reason.code().to_owned(), n.into()))
                .collect(),
        }),
    }
}

fn text(report: &StatusReport) -> String {
    let counts = |map: &serde_json::Map<String, serde_json::Value>| {
        let entries = map.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " ")));
        entries.collect::<Vec<_>>().join(", ")
    };
    let Deliveries { waiting, sent, dead, oldest_waiting_at } = &report.deliveries;
    let oldest = oldest_waiting_at.as_ref().map_or(String::new(), |at| format!(" (since {at})"));
    let newest = report.newest_result.as_ref().map_or("none yet".to_owned(), |newest| {
        let sides: String = newest.sides.iter().map(|side| format!(" {side}")).collect();
        let decision = newest.decision.as_str().replace('_', " ");
        format!("{decision}{sides}, {}, series {}", newest.at, newest.series_instance_uid)
    });
    let Models { localizer, segmenter, decision } = &report.models;
    let models = format!(
        "{} {}, {} {}, decision {}",
        localizer.name, localizer.version, segmenter.name, segmenter.version, decision.version
    );
    let listens: Vec<_> = report
        .listen
        .iter()
        .map(|it| format!("{}{}", it.address, if it.tls { " (TLS)" } else { "" }))
        .collect();
    let mut out = String::new();
    let mut lines = vec![
        ("data", report.data_dir.display().to_string()),
        ("listens", listens.join(", ")),
        ("instances", report.n_instances.to_string()),
        ("jobs", counts(&report.jobs)),
        ("complete by", counts(&report.complete_by)),
        ("results", counts(&report.results)),
        ("newest", newest),
        ("deliveries", format!("{waiting} waiting{oldest}, {sent} sent, {dead} dead letters")),
        ("alerts", alerts_text(&report.alerts)),
        ("models", models),
        ("parotidd", report.software_version.to_owned()),
    ];
    if let Some(worklist) = &report.worklist {
        lines.push(("worklist", worklist_text(worklist, counts(&worklist.studies_unmatched))));
    }
    if let Some(update) = report.update.as_ref().and_then(update_text) {
        lines.push(("update", update));
    }
    if !report.self_test_failing.is_empty() {
        lines.push(("self-test", format!("failed: {}", report.self_test_failing.join(", "))));
    }
    for (name, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:11} {value}");
    }
    out
}

fn update_text(update: &Update) -> Option<String> {
    let Update { installing, percent, last, trouble, .. } = update;
    if let Some(version) = installing {
        let done = percent.map_or(String::new(), |percent| format!(", {percent} %"));
        return Some(format!("installing {version}{done}"));
    }
    let last = last.as_ref()?;
    let at = rfc3339(last.unix_ms);
    let told = trouble.clone().unwrap_or_else(|| format!("{}: {}", last.version, last.outcome));
    Some(format!("{told} ({at})"))
}

fn alerts_text(Alerts { open, oldest_open_at }: &Alerts) -> String {
    let since = oldest_open_at.as_ref().map_or(String::new(), |at| format!(" (since {at})"));
    format!("{open} that nobody has acknowledged{since}")
}

fn worklist_text(worklist: &Worklist, unmatched: String) -> String {
    let Worklist { entries, last_success_at, last_error, studies_matched, .. } = worklist;
    let since = last_success_at.as_ref().map_or("never read".to_owned(), |at| format!("read {at}"));
    let error = last_error.as_ref().map_or(String::new(), |error| format!("; {error}"));
    let unmatched = if unmatched.is_empty() { "none".to_owned() } else { unmatched };
    format!(
        "{entries} entries, {since}{error}; studies with an order: {studies_matched}, without: {unmatched}"
    )
}
