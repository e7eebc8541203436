//! `parotidd self-test`: whether this installation can do its work, on this machine and this disk, and beside the running
//! service.
//!
//! ```text
//!  models --> images --> golden --> repeat      the networks answer as when they were released
//!               `------> spool ---> database    a folder of its own on the disk that is used
//!  display
//!  service, echo, live_database, outbox, picture          with --service: what runs
//! ```

mod checks;
pub(super) mod golden;
mod live;
mod machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use self::checks::{Found, Tally};
use super::networks::{self, screener};
use super::screen::Format;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::screening::Screener;
use crate::system::self_test_result::Need;
use crate::system::state_file;

/// Check this installation: models, answers, database, disk and display
///
/// Prints a line for each check and ends with 1 when a required one failed; one that is only wanted warns. The golden
/// case is a phantom whose answer was kept when the models were released: the same bytes must come out on every
/// machine. Works in a folder of its own under data_dir, which it removes; the daemon may be running. With --service
/// it must be: the self-test then asks its DICOM port, its database and its outbox as well.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct SelfTestArgs {
    /// Settings (TOML) to check with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the daemon that runs with these settings as well
    #[arg(long)]
    service: bool,
    /// Folder of networks to check, in place of those of the settings
    #[arg(long, value_name = "FOLDER", conflicts_with = "service")]
    models: Option<PathBuf>,
    /// Models and golden case alone
    #[arg(long, conflicts_with = "service")]
    golden: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the result there as well, as JSON, in place of the one before
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad, or data_dir or the file of --json cannot be written. A failed check is a result.
pub fn run(args: &SelfTestArgs) -> Result<ExitCode> {
    let mut config = networks::load(args.config.as_deref())?;
    if args.models.is_some() {
        config.models_dir.clone_from(&args.models);
    }
    let clock = SystemClock::new();
    let mut tally = Tally::new(&clock, args.format);
    // Gone before the result is told: who reads it may look.
    {
        let scratch = Scratch::new(&config.data_dir)?;
        let files = answers(&mut tally, &config, &scratch.folder);
        if !args.golden {
            machine(&mut tally, &config, &scratch.folder, files.first().map(PathBuf::as_path));
        }
    }
    if args.service {
        live::check(&mut tally, &config, &clock)?;
    }
    let result = tally.result();
    if let Some(path) = &args.json {
        state_file::write(path, &result)?;
    }
    tally.print(&result)?;
    Ok(if result.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Models and golden case. Returns the case's files, where they could be written.
fn answers(tally: &mut Tally<'_>, config: &Config, folder: &Path) -> Vec<PathBuf> {
    let models = tally.note("models", Need::Required, || {
        // The daemon would go on with the built-in ones.
        networks::brought(config)?;
        let screener = screener(config.models_dir.as_deref(), config.inference.instruction_set)?;
        Ok(Found::with(models_line(&screener), screener))
    });
    let case = tally.note("images", Need::Required, || {
        let case = golden::Case::shipped()?;
        let files = case.write(&folder.join("golden"))?;
        Ok(Found::with(format!("{} slices, whole", files.len()), (case, files)))
    });
    let Some((case, files)) = case else { return Vec::new() };
    if let Some(screener) = models {
        let answer = tally.note("golden", Need::Required, || {
            let answer = case.answer(&screener, &files)?;
            let known = golden::known(config.models_dir.as_deref())?;
            answer.compare(&known)?;
            Ok(Found::with(format!("{}, as released", answer.line()), answer))
        });
        if let Some(answer) = answer {
            tally.note("repeat", Need::Required, || {
                answer.compare(&case.answer(&screener, &files)?.text()?)?;
                Ok(Found::text("the same again"))
            });
        }
    }
    files
}

/// Disk, database and drawing.
fn machine(tally: &mut Tally<'_>, config: &Config, folder: &Path, instance: Option<&Path>) {
    if let Some(instance) = instance {
        let received = tally.note("spool", Need::Required, || machine::spool(folder, instance));
        if let Some(received) = received {
            tally.note("database", Need::Required, || machine::database(folder, received));
        }
    }
    tally.note("display", Need::Required, || {
        machine::display(folder, config.display.headless_size(&config.board()?.display))
    });
}

/// The hashes were compared when the networks were read.
fn models_line(screener: &Screener) -> String {
    let models = screener.identities();
    let [localizer, segmenter] = [models.localizer, models.segmenter]
        .map(|it| format!("{} {} ({})", it.name, it.version, &it.sha256[..12]));
    format!("{localizer}, {segmenter}, decision {}", models.decision.version)
}

/// A folder on the disk that will be used, removed at the end.
pub(super) struct Scratch {
    pub(super) folder: PathBuf,
    made_data_dir: Option<PathBuf>,
}

impl Scratch {
    pub(super) fn new(data_dir: &Path) -> Result<Self> {
        let made_data_dir = (!data_dir.exists()).then(|| data_dir.to_owned());
        let folder = data_dir.join(format!("self-test.{}", std::process::id()));
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        Ok(Self { folder, made_data_dir })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("parotidd: could not remove `{}`: {error}", self.folder.display());
        }
        if let Some(data_dir) = &self.made_data_dir {
            // It stays where someone else has put something there.
            let _ = fs::remove_dir(data_dir);
        }
    }
}
