//! `parotidd prepare`: training tensors from a labelled cohort.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use rayon::prelude::*;

use super::progress;
use crate::error::Chain;
use crate::evaluation::sources::{Source, sources};
use crate::evaluation::tensors::{
    Drawing, Example, drawn_example, localizer_example, plain_example,
};
use crate::units::Side;

/// Of the masses drawn into a gland, those that are deep whatever their number says: a tenth of masses
/// are as they come, too few to learn them from.
const DEEP_EVERY: u64 = 4;

/// Write training tensors (.npy) by the code that inference uses
///
/// COHORT is a labelled cohort (docs/cohorts.md), one made by `parotidd phantom --cohort`, or the OpenKBP
/// planning CTs. Under --out come
/// `localizer/` and `segmenter/`, each with an index.csv. Masses are drawn into glands that have none.
/// Cases keep the split of their table; of phantoms without one, a tenth is `validation`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct PrepareArgs {
    /// Folder with the labelled cases
    cohort: PathBuf,
    /// Folder to write to
    #[arg(long)]
    out: PathBuf,
    /// Masses drawn into each gland that has none
    #[arg(long, default_value_t = 3)]
    variants: u64,
    /// First seed of the drawn masses
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Voxels added on each side of a crop, for random windows in training
    #[arg(long, default_value_t = 8)]
    margin: usize,
}

/// Runs the command.
///
/// # Errors
/// When the cohort cannot be read or the tensors cannot be written.
pub fn run(args: &PrepareArgs) -> Result<()> {
    let sources = sources(&args.cohort)?;
    for task in ["localizer", "segmenter"] {
        let folder = args.out.join(task);
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
    }
    let bar = progress::bar("cases", sources.len());
    let lines = sources
        .par_iter()
        .enumerate()
        .map(|(number, source)| {
            let lines = prepare_case(args, source, number as u64)
                .with_context(|| format!("case {}", source.case));
            bar.inc(1);
            lines
        })
        .collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    write_index(
        &args.out.join("localizer"),
        "case,patient,source,split,input,target",
        lines.iter().flat_map(|case| &case.localizer),
    )?;
    write_index(
        &args.out.join("segmenter"),
        "case,patient,source,split,side,variant,tumor_cm3,target_overlap,input,target",
        lines.iter().flat_map(|case| &case.segmenter),
    )
}

#[derive(Default)]
struct Lines {
    localizer: Vec<String>,
    segmenter: Vec<String>,
}

fn prepare_case(args: &PrepareArgs, source: &Source, number: u64) -> Result<Lines> {
    let mut lines = Lines::default();
    let case = match source.read() {
        Ok(case) => case,
        // One case that cannot be read is no reason to lose a night's work on the others.
        Err(error) => {
            eprintln!("left out: {}: {}", source.case, Chain(&error));
            return Ok(lines);
        }
    };
    let Source { case: name, patient, split, .. } = source;
    let origin = source.origin();
    if let Some(example) = localizer_example(&case) {
        let files = write_example(&args.out.join("localizer"), name, &example)?;
        lines.localizer.push(format!("{name},{patient},{origin},{split},{files}"));
    }
    // A mass without an outline would be taught as none.
    for side in Side::BOTH.into_iter().filter(|side| !source.unmasked[*side as usize]) {
        let has_mass = case.masses.iter().any(|(at, _)| *at == side);
        // 0 is the gland as it is, 1 and 2 have no mass either, then masses, every fourth a deep one.
        let variants = if has_mass { 0 } else { 2 + args.variants };
        for variant in 0..=variants {
            let seed = (args.seed + number) * 1000 + variant * 2 + side as u64;
            let draw = |drawing| drawn_example(&case, side, args.margin, drawing, seed);
            let made = match variant {
                0 => plain_example(&case, side, args.margin),
                1 => draw(Drawing::Nothing),
                2 => draw(Drawing::Mimics),
                _ if variant % DEEP_EVERY == 0 => draw(Drawing::DeepMass),
                _ => draw(Drawing::Mass),
            };
            let Some(example) = made else { continue };
            let stem = format!("{name}-{side}-{variant}");
            let files = write_example(&args.out.join("segmenter"), &stem, &example)?;
            let overlap = case.target_overlap[side as usize];
            lines.segmenter.push(format!(
                "{stem},{patient},{origin},{split},{side},{variant},{:.3},{overlap:.3},{files}",
                example.tumor_cm3
            ));
        }
    }
    Ok(lines)
}

/// Writes both arrays and says their names, `input,target`.
fn write_example(folder: &Path, stem: &str, example: &Example) -> Result<String> {
    let [input, target] = [format!("{stem}.npy"), format!("{stem}.target.npy")];
    ndarray_npy::write_npy(folder.join(&input), &example.input)
        .with_context(|| format!("could not write `{input}`"))?;
    ndarray_npy::write_npy(folder.join(&target), &example.target)
        .with_context(|| format!("could not write `{target}`"))?;
    Ok(format!("{input},{target}"))
}

fn write_index<'a>(
    folder: &Path,
    header: &str,
    lines: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let path = folder.join("index.csv");
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(&path)?);
        writeln!(file, "{header}")?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write().with_context(|| format!("could not write `{}`", path.display()))
}
