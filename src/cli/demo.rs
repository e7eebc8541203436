//! `parotidd demo`: the whole loop in one process tree.
//!
//!   phantom --C-STORE--> daemon --screened--> webhook --caught--> verdict beside the truth

#![allow(
    clippy::print_stdout,
    reason = "the demo's steps are its result, each said when it is done"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::networks::screener;
use super::screen::series_identity;
use super::screen_files;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DicomConfig, DisplayConfig, SeriesConfig, SpoolConfig};
use crate::daemon::Daemon;
use crate::delivery::Destination;
use crate::dicom::result_objects::Source;
use crate::dicom::scu::{self, ScuOptions};
use crate::evaluation::phantom_files::{PhantomFiles, write_phantom};
use crate::intake::scan::scan;
use crate::limits::{DEMO_ALERT_WAIT, DEMO_ALERTS_MAX, REDRAW_WAIT_MIN};
use crate::phantom::{Phantom, PhantomSpec, Protocol, Site, generate};
use crate::screening::{Decision, ScreeningReport};
use crate::status::Activity;
use crate::units::{CubicCentimeters, Side};
use crate::worker::series::Analysis;

/// Run the whole loop once: a phantom over DICOM to the daemon, the alert caught, the display drawn
///
/// Needs no settings and no network: everything happens on loopback and in one folder. A phantom is a
/// drawing, not a patient.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the phantom, the daemon's data and the pictures; a demo's earlier content is replaced
    #[arg(long, default_value = "demo")]
    out: PathBuf,
    /// Which phantom
    #[arg(long, default_value_t = 12)]
    seed: u64,
    /// Side of its mass
    #[arg(long, value_enum, default_value_t = super::phantom::TumorArg::Right)]
    tumor: super::phantom::TumorArg,
}

/// The display as it was when the result was up.
const DISPLAY: &str = "display.png";
/// Marks a folder that a demo may replace.
const MARKER: &str = ".parotidd-demo";

/// Runs the command.
///
/// # Errors
/// When a step fails; it says which.
pub fn run(args: &DemoArgs) -> Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut steps = Steps { clock: Arc::clone(&clock), since: clock.monotonic() };
    clear(&args.out)?;
    println!("parotidd demo: a phantom, not a patient; not for diagnostic use\n");

    let spec = PhantomSpec {
        seed: args.seed,
        site: Site::A,
        protocol: Protocol::Neck,
        tumor: args.tumor.side(),
    };
    let phantom = generate(&spec);
    let files = write_phantom(&args.out.join("phantom"), &spec, &phantom)?;
    steps.done("phantom", &format!("seed {}, {} slices", spec.seed, files.slices.len()));

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(go_round(&args.out, &files, Arc::clone(&clock), &mut steps))?;
    let pictures = draw(&args.out, &files, clock.as_ref())?;
    steps.done("pictures", "the same by `parotidd screen --out`, with outlines");
    tell(&report, &phantom);
    println!("\ndisplay    {}", args.out.join(DISPLAY).display());
    for picture in pictures {
        println!("picture    {}", picture.display());
    }
    println!("phantom    {} (truth.dcm holds the outlines)", args.out.join("phantom").display());
    let flagged: Vec<Side> = report.flagged_sides();
    let right_answer = flagged == spec.tumor.into_iter().collect::<Vec<_>>();
    Ok(if right_answer { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what each step took.
struct Steps {
    clock: Arc<dyn Clock>,
    since: Duration,
}

impl Steps {
    fn done(&mut self, step: &str, what: &str) {
        let now = self.clock.monotonic();
        println!("{step:<10} {what:<56} {:>6.2} s", (now - self.since).as_secs_f64());
        self.since = now;
    }
}

/// Daemon up, phantom sent, alert caught, daemon down.
async fn go_round(
    out: &Path,
    files: &PhantomFiles,
    clock: Arc<dyn Clock>,
    steps: &mut Steps,
) -> Result<ScreeningReport> {
    let (address, mut alerts) = receive_alerts().await?;
    let config = config(out.join("var"), address)?;
    let called = config.dicom.ae_title.clone();
    let daemon = Daemon::start(config, screener(None, None)?, clock, Vec::new()).await?;
    let [(_, at), ..] = daemon.listening() else { bail!("the daemon listens nowhere") };
    let at = *at;
    let mut status = daemon.status();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(daemon.run_until(async {
        // The demo's end, or its failure, which drops the sender.
        let _ = stopped.await;
    }));
    steps.done("daemon", &format!("DICOM on {at}"));

    let options = ScuOptions::new("CT1".parse().expect("a constant AE title"), called);
    scu::echo::echo(at, &options).await.context("C-ECHO failed")?;
    let sent = scu::store::send(at, &options, &files.slices).await.context("C-STORE failed")?;
    let n_stored = sent.iter().filter(|outcome| outcome.is_stored()).count();
    ensure!(n_stored == files.slices.len(), "only {n_stored} slices were answered with Success");
    steps.done("sent", &format!("{n_stored} slices over C-STORE, each synced before its Success"));

    let alert = timeout(DEMO_ALERT_WAIT, alerts.recv())
        .await
        .context("no alert came in time")?
        .context("the alert receiver ended")?;
    let report: ScreeningReport =
        serde_json::from_value(alert["report"].clone()).context("the alert holds no report")?;
    let ms = report.timing_ms;
    steps.done("alert", &format!("after 1 s of quiet and {} ms of screening", ms.total));
    println!(
        "           load {} ms, resample {} ms, localize {} ms, segment {} ms, decide {} ms",
        ms.load, ms.resample, ms.localize, ms.segment, ms.decide
    );
    // The daemon's last picture says that it has stopped; the one of the result is kept.
    let shown = status.wait_for(|now| now.last_result.is_some() && now.activity == Activity::Ready);
    let _ = timeout(DEMO_ALERT_WAIT, shown).await;
    tokio::time::sleep(2 * REDRAW_WAIT_MIN).await;
    fs::copy(out.join("var/display.png"), out.join(DISPLAY)).context("no picture was drawn")?;
    drop(stop);
    running.await.context("the daemon panicked")??;
    steps.done("stopped", "everything under way was finished");
    Ok(report)
}

fn config(data_dir: PathBuf, alerts: SocketAddr) -> Result<Config> {
    let destination: Destination = serde_json::from_value(serde_json::json!({
        "name": "demo",
        "kind": "webhook",
        "url": format!("http://{alerts}/alert"),
        "on": ["flagged", "not_flagged", "not_assessable"],
    }))?;
    Ok(Config {
        data_dir,
        dicom: DicomConfig {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            ..DicomConfig::default()
        },
        spool: SpoolConfig { prepared_files: 32 },
        series: SeriesConfig { quiet_s: 1, settle_s: 1 },
        display: DisplayConfig::default(),
        destinations: vec![destination],
        ..Config::default()
    })
}

/// A webhook receiver on a free port of loopback.
async fn receive_alerts() -> Result<(SocketAddr, mpsc::Receiver<serde_json::Value>)> {
    let (sender, receiver) = mpsc::channel(DEMO_ALERTS_MAX);
    let take = move |body: String| {
        let sender = sender.clone();
        async move {
            let taken =
                serde_json::from_str(&body).is_ok_and(|alert| sender.try_send(alert).is_ok());
            if taken { StatusCode::OK } else { StatusCode::BAD_REQUEST }
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on loopback")?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/alert", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((address, receiver))
}

/// Key pictures and outlines, as `parotidd screen --out` makes them.
fn draw(out: &Path, files: &PhantomFiles, clock: &dyn Clock) -> Result<Vec<PathBuf>> {
    let screener = screener(None, None)?;
    let analysis = Analysis { screener: &screener, clock, on_stage: &|_| {}, ahead: None };
    let images = scan(&files.slices).series.remove(&files.series).unwrap_or_default();
    let identity = series_identity(&files.series, &images);
    let folder = out.join("screened");
    let source = Source::of_images(&images)?;
    screen_files::write(&folder, &analysis.analyse(&identity, images, &[])?, source.as_ref())?;
    let paths = ["key-right.png", "key-left.png"].map(|name| folder.join(name));
    Ok(paths.into_iter().filter(|path| path.exists()).collect())
}

/// The verdict beside the truth.
fn tell(report: &ScreeningReport, phantom: &Phantom) {
    let sides: Vec<&str> = report.flagged_sides().iter().map(|side| side.as_str()).collect();
    let decision = report.decision.as_str().replace('_', " ").to_uppercase();
    println!("\nverdict    {decision} {}", sides.join(" and "));
    if report.decision == Decision::NotAssessable
        && let Some(reason) = report.reason
    {
        println!("           {}", reason.sentence());
    }
    let truth = phantom.tumor.as_ref().map(|tumor| (tumor.side, tumor.mask.mm3() / 1000.0));
    match (report.largest_kept(), truth) {
        (Some(found), Some((side, cm3))) => {
            let CubicCentimeters(volume) = found.volume_cm3;
            println!(
                "volume     {volume:.2} cm3; the truth is {cm3:.2} cm3, {side} ({:+.0} %)",
                100.0 * (volume / cm3 - 1.0)
            );
            println!("diameter   {:.0} mm", found.longest_diameter_mm.0);
        }
        (None, Some((side, cm3))) => println!("truth      a mass of {cm3:.2} cm3, {side}: missed"),
        (Some(_), None) => println!("truth      no mass: a false alarm"),
        (None, None) => println!("truth      no mass"),
    }
    let models = &report.models;
    println!(
        "by         {} {}, {} {}",
        models.localizer.name,
        models.localizer.version,
        models.segmenter.name,
        models.segmenter.version
    );
}

/// Empties the folder, if it is a demo's or new.
fn clear(out: &Path) -> Result<()> {
    let doing = || format!("could not prepare `{}`", out.display());
    if out.exists() && !out.join(MARKER).exists() && fs::read_dir(out)?.next().is_some() {
        bail!("`{}` holds something that is no demo's; name another --out", out.display());
    }
    for folder in ["phantom", "var", "screened"] {
        match fs::remove_dir_all(out.join(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(doing);
            }
            _ => {}
        }
    }
    fs::create_dir_all(out).with_context(doing)?;
    fs::write(out.join(MARKER), "").with_context(doing)
}
