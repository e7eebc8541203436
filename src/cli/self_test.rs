//! `parotidd self-test`: whether this installation can do its work, on this machine and this disk.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use embedded_graphics::geometry::Size;

use super::screen::series_identity;
use super::screener;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::db::{self, Opened, instances, summary};
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::display::headless::write_png;
use crate::display::strings::Language;
use crate::display::{render_view, samples};
use crate::evaluation::phantom_files::write_phantom;
use crate::intake::scan::scan;
use crate::intake::spool::{Spool, SpoolOptions};
use crate::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use crate::screening::report::Timing;
use crate::screening::{Decision, Screener, ScreeningReport};
use crate::units::Side;
use crate::worker::series::Analysis;

/// The phantom that is screened: small, and the same on every machine.
const PHANTOM: PhantomSpec =
    PhantomSpec { seed: 7, site: Site::A, protocol: Protocol::Neck, tumor: Some(Side::Left) };
const SIZE: Overrides =
    Overrides { matrix: Some(192), slice_spacing_mm: Some(2.5), n_slices_max: Some(60) };

/// Check this installation: models, screening, database, disk and display
///
/// Prints a line for each check and ends with 1 when one failed. Works in a folder of its own under
/// data_dir, which it removes; the daemon may be running.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct SelfTestArgs {
    /// Settings (TOML) to check with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings are bad or data_dir cannot be written. A failed check is a result.
pub fn run(args: &SelfTestArgs) -> Result<ExitCode> {
    let config = Config::load(args.config.as_deref())?;
    let scratch = Scratch::new(&config.data_dir)?;
    let folder = &scratch.folder;
    let mut tally = Tally { n_failed: 0 };
    let models = screener(config.models_dir.as_deref(), config.inference.instruction_set);
    let screener = tally.note("models", models.map(|screener| (models_line(&screener), screener)));
    let phantom = tally.note("phantom", phantom(&folder.join("phantom")));
    if let (Some(screener), Some(files)) = (&screener, &phantom) {
        tally.note("screening", screen_twice(screener, files).map(|line| (line, ())));
    }
    if let Some(files) = &phantom {
        let received = tally.note("spool", spool(folder, &files[0]));
        if let Some(received) = received {
            tally.note("database", database(folder, received).map(|line| (line, ())));
        }
    }
    let size = config.display.headless_size(&config.board()?.display);
    tally.note("display", display(folder, size).map(|line| (line, ())));
    Ok(tally.exit_code())
}

/// Prints what each check found.
struct Tally {
    n_failed: u32,
}

impl Tally {
    fn note<T>(&mut self, name: &str, outcome: Result<(String, T)>) -> Option<T> {
        match outcome {
            Ok((found, value)) => {
                println(&format!("ok      {name}: {found}"));
                Some(value)
            }
            Err(error) => {
                self.n_failed += 1;
                println(&format!("failed  {name}: {error:#}"));
                None
            }
        }
    }

    fn exit_code(&self) -> ExitCode {
        if self.n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[allow(clippy::print_stdout, reason = "the result of the command, a line as soon as it is known")]
fn println(line: &str) {
    println!("{line}");
}

/// A folder on the disk that will be used, removed at the end.
struct Scratch {
    folder: PathBuf,
    made_data_dir: Option<PathBuf>,
}

impl Scratch {
    fn new(data_dir: &Path) -> Result<Self> {
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

/// The hashes were compared when the networks were read.
fn models_line(screener: &Screener) -> String {
    let models = screener.identities();
    let [localizer, segmenter] = [models.localizer, models.segmenter]
        .map(|it| format!("{} {} ({})", it.name, it.version, &it.sha256[..12]));
    format!("{localizer}, {segmenter}, decision {}", models.decision.version)
}

fn phantom(folder: &Path) -> Result<(String, Vec<PathBuf>)> {
    let files = write_phantom(folder, &PHANTOM, &generate_with(&PHANTOM, SIZE))?;
    Ok((format!("{} slices", files.slices.len()), files.slices))
}

/// The same files twice: the answers must be the same to the last bit.
fn screen_twice(screener: &Screener, files: &[PathBuf]) -> Result<String> {
    let [first, second] = [screen(screener, files)?, screen(screener, files)?];
    let ms = first.timing_ms.total;
    let [first, second] = [first, second].map(|report| {
        serde_json::to_string(&ScreeningReport { timing_ms: Timing::default(), ..report })
    });
    let (first, second) = (first?, second?);
    ensure!(first == second, "the same images gave two answers: {first} and {second}");
    let report: ScreeningReport = serde_json::from_str(&first)?;
    ensure!(
        !report.glands.is_empty() || report.decision == Decision::NotAssessable,
        "an answer without glands"
    );
    let reason = report.reason.map_or(String::new(), |reason| format!(" ({reason})"));
    Ok(format!(
        "{}{reason}, score {:.3}, twice the same, {ms} ms",
        report.decision.as_str(),
        report.score
    ))
}

fn screen(screener: &Screener, files: &[PathBuf]) -> Result<ScreeningReport> {
    let (uid, images) = scan(files).series.pop_first().context("the phantom was not found")?;
    let clock = SystemClock::new();
    let analysis = Analysis { screener, clock: &clock, on_stage: &|_| {}, ahead: None };
    Ok(analysis.screen(&series_identity(&uid, &images), images, &[])?)
}

/// One instance the way a received one goes: written, synced, renamed, read back.
fn spool(folder: &Path, instance: &Path) -> Result<(String, ReceivedInstance)> {
    let mut file = File::open(instance)?;
    let (meta, data_set_start) = FileMeta::read(&mut file)?;
    let mut data_set = Vec::new();
    file.seek(SeekFrom::Start(data_set_start))?;
    file.read_to_end(&mut data_set)?;
    let (spool, _) = Spool::open(&SpoolOptions::of(folder, 0))?;
    let spool = Arc::new(spool);
    let mut part = spool.begin(meta)?;
    part.write(&data_set)?;
    let identity = part.identify()?;
    let path = part.commit(&identity.series)?;
    let mut kept = File::open(spool.folder().join(&path))?;
    let (_, data_set_start) = FileMeta::read(&mut kept)?;
    let mut read_back = Vec::new();
    kept.seek(SeekFrom::Start(data_set_start))?;
    kept.read_to_end(&mut read_back)?;
    ensure!(read_back == data_set, "what was written is not what is read");
    let received = spool.read_back(&path, &Config::default().dicom.ae_title)?;
    Ok((format!("{} bytes written, synced and read back", data_set.len()), received))
}

/// A row through the thread that writes, and out again.
fn database(folder: &Path, received: ReceivedInstance) -> Result<String> {
    let path = folder.join("parotidd.db");
    let Opened { db, thread, .. } = db::open(&path)?;
    db.call_blocking(instances::record(received))?;
    drop(db);
    thread.join()?;
    let n = summary::read(&path)?.n_instances;
    ensure!(n == 1, "{n} rows where one was written");
    Ok("a row written, synced and read back".to_owned())
}

/// Every view, in the display's size.
fn display(folder: &Path, size: Size) -> Result<String> {
    let views = samples::views(Language::default());
    for (name, view) in &views {
        let picture = render_view(view, size);
        let path = folder.join(format!("{name}.png"));
        write_png(&picture, &path)?;
    }
    Ok(format!("{} views of {}x{} drawn", views.len(), size.width, size.height))
}
