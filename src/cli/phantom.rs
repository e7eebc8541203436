//! `parotidd phantom`: synthetic CT as DICOM, head and neck with ground truth or other parts of the
//! body.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use rayon::prelude::*;

use super::progress;
use crate::evaluation::cohort::TABLE;
use crate::evaluation::phantom_files::{write_body_phantom, write_phantom};
use crate::phantom::elsewhere::{BodyPart, generate_body};
use crate::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use crate::units::Side;

/// Write a phantom as a DICOM CT series with its truth (SEG), or a cohort of them
///
/// With --body what has no parotid gland, and then no truth: chests, abdomens, legs, test objects.
/// A phantom is a drawing: figures measured on phantoms say nothing about patients.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct PhantomArgs {
    /// Which patient; with --cohort the first of them
    #[arg(long)]
    seed: u64,
    /// Which of two imaging centres
    #[arg(long, value_enum, ignore_case = true, default_value_t = SiteArg::A)]
    site: SiteArg,
    /// What the scan is for
    #[arg(long, value_enum, default_value_t = ProtocolArg::Neck)]
    protocol: ProtocolArg,
    /// Side of the mass
    #[arg(long, value_enum, default_value_t = TumorArg::None)]
    tumor: TumorArg,
    /// Another part of the body, or all in turn (any), in place of head and neck; the seed picks the site
    #[arg(long, value_parser = PossibleValuesParser::new(body_names()),
        conflicts_with_all = ["site", "protocol", "tumor"])]
    body: Option<String>,
    /// Folder to write to
    #[arg(long)]
    out: PathBuf,
    /// Rows and columns, in place of 512
    #[arg(long)]
    matrix: Option<usize>,
    /// Slices at most, around the glands; with --body around the middle
    #[arg(long)]
    slices: Option<usize>,
    /// Distance between slices, mm
    #[arg(long)]
    spacing: Option<f64>,
    /// Write so many phantoms, of both sites and protocols, half of them with a mass, and cohort.csv
    #[arg(long, value_name = "N", conflicts_with_all = ["site", "protocol", "tumor"])]
    cohort: Option<u64>,
}

/// As typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SiteArg {
    #[value(name = "A")]
    A,
    #[value(name = "B")]
    B,
}

/// As typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ProtocolArg {
    Neck,
    Head,
}

/// As typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TumorArg {
    Left,
    Right,
    None,
}

impl TumorArg {
    /// The side, if there is a mass.
    #[must_use]
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Left => Some(Side::Left),
            Self::Right => Some(Side::Right),
            Self::None => None,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the disk refuses.
pub fn run(args: &PhantomArgs) -> Result<()> {
    match (args.cohort, &args.body) {
        (None, None) => write(args, &args.out, &spec(args)).map(|_| ()),
        (None, Some(name)) => {
            write_body(args, &args.out, args.seed, part(name, args.seed)).map(|_| ())
        }
        (Some(n), _) => write_cohort(args, n),
    }
}

/// Writes so many, and the table of them.
fn write_cohort(args: &PhantomArgs, n: u64) -> Result<()> {
    fs::create_dir_all(&args.out)
        .with_context(|| format!("could not create `{}`", args.out.display()))?;
    let bar = progress::bar("phantoms", usize::try_from(n)?);
    let rows = (0..n)
        .into_par_iter()
        .map(|number| {
            let seed = args.seed + number;
            let row = match &args.body {
                None => write_row(args, &cohort_spec(seed))?,
                Some(name) => write_body_row(args, seed, part(name, seed))?,
            };
            bar.inc(1);
            Ok(row)
        })
        .collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let table = args.out.join(TABLE);
    let more = if args.body.is_some() { ",body" } else { "" };
    let text = format!("case,seed,site,protocol,tumor_side,tumor_cm3{more}\n{}", rows.concat());
    fs::write(&table, text).with_context(|| format!("could not write `{}`", table.display()))
}

/// One case of a cohort: its files and its row.
fn write_row(args: &PhantomArgs, spec: &PhantomSpec) -> Result<String> {
    let PhantomSpec { seed, site, protocol, tumor } = *spec;
    let case = format!("phantom-{seed}");
    let cm3 = write(args, &args.out.join(&case), spec)?;
    let side = tumor.map_or("none", Side::as_str);
    let (site, protocol) = (site.as_str(), protocol.as_str());
    Ok(format!("{case},{seed},{site},{protocol},{side},{cm3:.3}\n"))
}

/// The same without glands; the column `body` says why there is no truth.
fn write_body_row(args: &PhantomArgs, seed: u64, part: BodyPart) -> Result<String> {
    let name = part.as_str();
    let case = format!("{name}-{seed}");
    let site = write_body(args, &args.out.join(&case), seed, part)?.as_str();
    Ok(format!("{case},{seed},{site},{name},none,0.000,{name}\n"))
}

/// What `--body` takes.
fn body_names() -> Vec<&'static str> {
    BodyPart::ALL.iter().map(|part| part.as_str()).chain(["any"]).collect()
}

/// The part of a name, by turns where any will do.
fn part(name: &str, seed: u64) -> BodyPart {
    let found = BodyPart::ALL.into_iter().find(|part| part.as_str() == name);
    let n = BodyPart::ALL.len();
    found.unwrap_or(BodyPart::ALL[usize::try_from(seed).unwrap_or(0) % n])
}

fn spec(args: &PhantomArgs) -> PhantomSpec {
    PhantomSpec {
        seed: args.seed,
        site: match args.site {
            SiteArg::A => Site::A,
            SiteArg::B => Site::B,
        },
        protocol: match args.protocol {
            ProtocolArg::Neck => Protocol::Neck,
            ProtocolArg::Head => Protocol::Head,
        },
        tumor: args.tumor.side(),
    }
}

/// Sites alternate, three of four are neck scans, every second one has a mass, on either side: each
/// combination comes round within 16 seeds.
fn cohort_spec(seed: u64) -> PhantomSpec {
    PhantomSpec {
        seed,
        site: if seed.is_multiple_of(2) { Site::A } else { Site::B },
        protocol: if (seed / 2) % 4 == 3 { Protocol::Head } else { Protocol::Neck },
        tumor: match (seed / 8 + seed) % 4 {
            0 => Some(Side::Right),
            1 => Some(Side::Left),
            _ => None,
        },
    }
}

/// Generates and writes one; says how large its mass is, cm3.
fn write(args: &PhantomArgs, folder: &Path, spec: &PhantomSpec) -> Result<f64> {
    let phantom = generate_with(spec, overrides(args));
    write_phantom(folder, spec, &phantom)
        .with_context(|| format!("could not write the phantom to `{}`", folder.display()))?;
    Ok(phantom.tumor.map_or(0.0, |tumor| tumor.mask.mm3() / 1000.0))
}

/// Generates and writes a phantom without glands; says where it was scanned.
fn write_body(args: &PhantomArgs, folder: &Path, seed: u64, part: BodyPart) -> Result<Site> {
    let phantom = generate_body(part, seed, overrides(args));
    write_body_phantom(folder, seed, &phantom)
        .with_context(|| format!("could not write the phantom to `{}`", folder.display()))?;
    Ok(phantom.acquisition.site)
}

fn overrides(args: &PhantomArgs) -> Overrides {
    Overrides { matrix: args.matrix, slice_spacing_mm: args.spacing, n_slices_max: args.slices }
}
