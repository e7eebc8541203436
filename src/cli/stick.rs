//! `parotidd appliance stick`: what a person asks with a USB stick.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use clap::Args;

use super::{backup, export_results, networks, person, support_bundle, write_down};
use crate::appliance::put::removed;
use crate::appliance::stick::code::CODES;
use crate::appliance::stick::taking::Current;
use crate::appliance::stick::{Hands, Here, Mount, Places, serve};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::db::audit::AuditKind;
use crate::db::{beside, users};
use crate::keeping::backup::Written;

/// Do what the folder `parotidd` of a mounted USB stick asks for, and answer on it
///
/// Takes over settings, tells the updater, writes signed results, a backup and the support bundle; docs/appliance.md says what is
/// looked for and who may ask. Prints the answer, too; nothing where the stick has no such folder.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct StickArgs {
    /// Where the stick is mounted
    folder: PathBuf,
    /// Settings (TOML) in force
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// It is mounted read-only: make it writable for the answer
    #[arg(long)]
    remount: bool,
    /// Where the code waits that the display shows
    #[arg(long, value_name = "DIR", default_value = CODES)]
    codes: PathBuf,
    /// The file that the updater waits for
    #[arg(long, value_name = "FILE", default_value = "/run/parotidd-update/request")]
    update_request: PathBuf,
    /// The file that service mode waits for
    #[arg(long, value_name = "FILE", default_value = "/run/parotidd-stick/service")]
    service_request: PathBuf,
}

/// The rest of the program, for a stick.
struct ThisBox<'a> {
    /// Where its settings lie.
    settings: &'a Path,
    config: Result<Config>,
}

impl ThisBox<'_> {
    fn config(&self) -> Result<&Config, String> {
        self.config.as_ref().map_err(|error| format!("The settings cannot be used: {error:#}"))
    }

    /// One backup, in a folder of its own.
    fn write_backup(&self, folder: &Path) -> Result<Written> {
        let config = self.config().map_err(Error::msg)?;
        let sources = backup::sources(config, self.settings)?;
        fs::create_dir(folder).with_context(|| format!("could not make `{}`", folder.display()))?;
        let written = sources.back_up(folder, 1, &SystemClock::new())?;
        let detail = "all of them, in a backup on a USB stick".to_owned();
        write_down(config, person(), AuditKind::ResultsExported, detail)
            .context("the backup was written, and the audit trail does not say so")?;
        Ok(written)
    }

    fn note(&self, actor: String, kind: AuditKind, detail: String) -> Result<(), String> {
        let Ok(config) = &self.config else { return Ok(()) };
        if !config.database().exists() {
            // A new box: there is no trail yet.
            return Ok(());
        }
        write_down(config, actor, kind, detail)
            .map_err(|error| format!("The audit trail does not say so: {error}"))
    }
}

impl Hands for ThisBox<'_> {
    fn export(&self, folder: &Path) -> Result<String, String> {
        let done = export_results::export(self.config()?, None, folder);
        match done.map_err(|error| format!("{error:#}"))? {
            Some(done) => Ok(format!("{done}. VERIFY.txt says how to check them.")),
            None => Err("There is no result yet.".to_owned()),
        }
    }

    fn back_up(&self, folder: &Path) -> Result<String, String> {
        let written = self.write_backup(folder).map_err(|error| format!("{error:#}"))?;
        Ok(format!(
            "{} files. They hold patients, keys and secrets as they are: lock the stick away. `parotidd restore` takes the \
             folder.",
            written.n_files
        ))
    }

    fn support(&self, file: &Path) -> Result<String, String> {
        support_bundle::bundle(self.config()?, file).map_err(|error| format!("{error:#}"))
    }

    fn settings_taken(&self, n_changes: usize) -> Result<(), String> {
        let detail = format!("{n_changes} settings, from a USB stick");
        self.note(person(), AuditKind::SettingsChanged, detail)
    }

    fn service_begins(&self) -> Result<(), String> {
        let detail = "a root shell on the consoles, for an hour".to_owned();
        self.note("stick".to_owned(), AuditKind::ServiceMode, detail)
    }
}

/// Runs the command.
///
/// # Errors
/// When the stick cannot be written.
pub(super) fn run(args: &StickArgs) -> Result<ExitCode> {
    let now_unix_ms = SystemClock::new().unix_ms();
    let hands = ThisBox { settings: &args.config, config: networks::load(Some(&args.config)) };
    let places = Places {
        stick: args.folder.clone(),
        settings: args.config.clone(),
        codes: args.codes.clone(),
        update_request: args.update_request.clone(),
        service_request: args.service_request.clone(),
    };
    let config = hands.config.as_ref().ok();
    let here = Here {
        places: &places,
        current: &Current::of(config, now_unix_ms),
        is_new: config.is_some_and(is_new),
        now_unix_ms,
    };
    // What a start that failed left behind is no permission for this stick.
    let request = &args.service_request;
    removed(request).with_context(|| format!("could not remove `{}`", request.display()))?;
    let mount = if args.remount { Mount::Again } else { Mount::AsItIs };
    if let Some(answer) = serve(here, &hands, mount)? {
        io::stdout()
            .write_all(answer.replace('\r', "").as_bytes())
            .context("could not write to standard output")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether nobody has an account yet. A database that does not answer is no sign of it.
fn is_new(config: &Config) -> bool {
    let path = config.database();
    !path.exists() || beside::run(&path, users::list()).is_ok_and(|users| users.is_empty())
}
