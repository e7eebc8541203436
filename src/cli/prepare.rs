//! `parotidd prepare`: training tensors from a labelled cohort.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use rayon::prelude::*;

use super::progress;
use crate::evaluation::case::LabelledCase;
use crate::evaluation::cohort::{Cohort, CohortRow};
use crate::evaluation::openkbp;
use crate::evaluation::tensors::{Example, drawn_example, localizer_example, plain_example};
use crate::units::Side;

/// Write training tensors (.npy) by the code that inference uses
///
/// COHORT is a folder made by `parotidd phantom --cohort`, or the OpenKBP planning CTs. Under --out come
/// `localizer/` and `segmenter/`, each with an index.csv. Masses are drawn into glands that have none.
/// OpenKBP's cases keep their own split; those of other cohorts have that of their table, else `train`.
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

/// A case not yet read.
struct Source {
    name: String,
    split: String,
    origin: &'static str,
    read: Box<dyn Fn() -> Result<LabelledCase> + Send + Sync>,
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
                .with_context(|| format!("case {}", source.name));
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

fn sources(folder: &Path) -> Result<Vec<Source>> {
    if openkbp::is_openkbp(folder) {
        let to_source = |entry: openkbp::OpenKbpEntry| Source {
            name: entry.patient.clone(),
            split: entry.split.clone(),
            origin: "openkbp",
            read: Box::new(move || Ok(entry.read()?.into())),
        };
        return Ok(openkbp::read_index(folder)?.into_iter().map(to_source).collect());
    }
    let cohort = Arc::new(Cohort::open(folder)?);
    let to_source = |row: &CohortRow| {
        let (cohort, row) = (Arc::clone(&cohort), row.clone());
        Source {
            name: row.case.clone(),
            split: row.split.as_str().into(),
            origin: if row.seed.is_some() { "phantom" } else { "cohort" },
            read: Box::new(move || Ok(cohort.load(&row)?.into())),
        }
    };
    Ok(cohort.rows().iter().map(to_source).collect())
}

#[derive(Default)]
struct Lines {
    localizer: Vec<String>,
    segmenter: Vec<String>,
}

fn prepare_case(args: &PrepareArgs, source: &Source, number: u64) -> Result<Lines> {
    let mut lines = Lines::default();
    let case = match (source.read)() {
        Ok(case) => case,
        // One case that cannot be read is no reason to lose a night's work on the others.
        Err(error) => {
            eprintln!("left out: {error:#}");
            return Ok(lines);
        }
    };
    let Source { name, split, origin, .. } = source;
    if let Some(example) = localizer_example(&case) {
        let files = write_example(&args.out.join("localizer"), name, &example)?;
        lines.localizer.push(format!("{name},{name},{origin},{split},{files}"));
    }
    for side in Side::BOTH {
        let has_mass = case.masses.iter().any(|(at, _)| *at == side);
        let variants = if has_mass { 0 } else { args.variants };
        for variant in 0..=variants {
            let seed = (args.seed + number) * 1000 + variant * 2 + side as u64;
            let made = match variant {
                0 => plain_example(&case, side, args.margin),
                _ => drawn_example(&case, side, args.margin, seed),
            };
            let Some(example) = made else { continue };
            let stem = format!("{name}-{side}-{variant}");
            let files = write_example(&args.out.join("segmenter"), &stem, &example)?;
            let overlap = case.target_overlap[side as usize];
            lines.segmenter.push(format!(
                "{stem},{name},{origin},{split},{side},{variant},{:.3},{overlap:.3},{files}",
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
