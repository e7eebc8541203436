//! `parotidd golden`, hidden: keeps the answer that `parotidd self-test` will compare with, for those who release models.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::networks::screener;
use super::self_test::Scratch;
use super::self_test::golden::{ANSWER_FILE, Case, Grid, IMAGES_FILE};
use crate::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use crate::units::Side;

/// Small, with a mass.
const PHANTOM: PhantomSpec =
    PhantomSpec { seed: 7, site: Site::A, protocol: Protocol::Neck, tumor: Some(Side::Left) };
const SIZE: Overrides =
    Overrides { matrix: Some(192), slice_spacing_mm: Some(2.5), n_slices_max: Some(60) };
/// Values are kept in steps of so many HU: as noisy as a scanner's, and a third of the bytes.
const STEP_HU: i16 = 16;

/// Write golden.json, the answer that the self-test compares with, beside new models
///
/// The self-test of an installation with these models then fails where the answer is another one.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct GoldenArgs {
    /// Folder with the networks; the ones inside the program where it is left out
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Where to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Draw the images anew as well: a new version of the program, whose models all need a new answer
    #[arg(long)]
    draw: bool,
}

/// Runs the command.
///
/// # Errors
/// When the models cannot be read or the folder cannot be written.
pub fn run(args: &GoldenArgs) -> Result<()> {
    let case = if args.draw {
        let images = draw()?;
        let path = args.out.join(IMAGES_FILE);
        fs::write(&path, &images)
            .with_context(|| format!("could not write `{}`", path.display()))?;
        Case::read(&images)?
    } else {
        Case::shipped()?
    };
    let screener = screener(args.models.as_deref(), None)?;
    let scratch = Scratch::new(&args.out)?;
    let files = case.write(&scratch.folder)?;
    let answer = case.answer(&screener, &files)?;
    let path = args.out.join(ANSWER_FILE);
    fs::write(&path, answer.text()?)
        .with_context(|| format!("could not write `{}`", path.display()))?;
    eprintln!("parotidd: {}", answer.line());
    Ok(())
}

/// The images' file.
fn draw() -> Result<Vec<u8>> {
    let volume = generate_with(&PHANTOM, SIZE).volume;
    let geometry = volume.geometry();
    let origin = geometry.origin();
    let grid = Grid {
        shape: geometry.shape(),
        spacing_mm: geometry.spacing_mm(),
        origin_mm: [origin.x, origin.y, origin.z],
    };
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    file.write_all(serde_json::to_string(&grid)?.as_bytes())?;
    file.write_all(b"\n")?;
    for value in volume.voxels() {
        file.write_all(&(value.0 / STEP_HU * STEP_HU).to_le_bytes())?;
    }
    Ok(file.finish()?)
}
