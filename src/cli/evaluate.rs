//! `parotidd evaluate`: the study's table on a labelled cohort.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use rayon::prelude::*;

use super::networks::{policy_of, read_policy, screener_with};
use super::{progress, whole_volume};
use crate::clock::SystemClock;
use crate::error::Chain;
use crate::evaluation::case::LabelledCase;
use crate::evaluation::figures::sweep::{Keeps, Sweeps};
use crate::evaluation::figures::{Evaluation, Versions};
use crate::evaluation::fine::{fine, with_mass, without_glands};
use crate::evaluation::outcome::{CandidateOutcome, CaseOutcome, CohortKind};
use crate::evaluation::rejudge::rejudge;
use crate::evaluation::report::{self, write_report};
use crate::evaluation::screened::{CaseIdentity, screen_case};
use crate::evaluation::sources::{Source, sources};
use crate::screening::report::Models;
use crate::screening::{DecisionPolicy, Screener};
use crate::units::{Side, VoxelCount};

/// What was measured, a JSON object a case: figures are computed from it again without screening.
const OUTCOMES: &str = "outcomes.jsonl";

/// Screen a labelled cohort and write the study's figures, with intervals and plots
///
/// COHORT is a folder with cohort.csv, one CT series a case, and its outlines (see docs/cohorts.md); one
/// made by `parotidd phantom --cohort`; or the OpenKBP planning CTs, which get masses drawn into their
/// glands, and are also shown without their glands and upside down. A file of outcomes that an earlier
/// run wrote works too, and is judged by this run's policy: another threshold needs no screening. Prints the report; with --out also writes figures.json, figures.md, plots/ and
/// outcomes.jsonl. Figures of phantoms, of masses drawn into real CT and of real masses never share a
/// row. Not for diagnostic use.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct EvaluateArgs {
    /// Folder with the labelled cases, or an outcomes.jsonl
    cohort: PathBuf,
    /// Folder to write the report to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What the tables call the cohort, in place of the folder's name
    #[arg(long)]
    name: Option<String>,
    /// Only the cases of this split; OpenKBP's default is `test`
    #[arg(long)]
    split: Option<String>,
    /// At most so many cases, evenly over the cohort
    #[arg(long, value_name = "N")]
    cases: Option<usize>,
    /// Masses drawn into each gland that has none, one a scan (OpenKBP)
    #[arg(long, value_name = "N", default_value_t = 1)]
    masses: u64,
    /// First seed of the drawn masses: a final test takes seeds that nobody used before
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead of the figures: so many cases with a mass by crops and as a whole (Dice, time, memory; slow)
    #[arg(long, value_name = "N", conflicts_with = "cases")]
    whole_volume: Option<usize>,
    /// Folder with the two networks and decision.toml, in place of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Decision policy, in place of the one beside the networks or the built-in one
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Folder of decision policies that differ in gamma alone, for the sweep
    #[arg(long, value_name = "DIR")]
    gammas: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the cohort cannot be read, a network fails or the report cannot be written.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let policy = match &args.policy {
        Some(path) => read_policy(path)?,
        None => policy_of(args.models.as_deref())?,
    };
    let screener = screener_with(args.models.as_deref(), policy.clone(), None)?;
    if let Some(n) = args.whole_volume {
        return compare_whole_volumes(args, &screener, n);
    }
    let outcomes = if args.cohort.is_file() {
        read_outcomes(&args.cohort, &policy)?
    } else {
        screen_all(args, &screener)?
    };
    if outcomes.is_empty() {
        bail!("`{}` has no case that could be read", args.cohort.display());
    }
    let gammas = args.gammas.as_deref().map(read_gammas).transpose()?.unwrap_or_default();
    let name = args.name.clone().unwrap_or_else(|| folder_name(&args.cohort));
    let mut evaluation = Evaluation::new(versions(&screener.identities()));
    let by_size =
        |it: &CandidateOutcome, size: VoxelCount| accepts(&policy, it) && it.voxels >= size.0;
    let sweeps = Sweeps {
        by_size: &by_size,
        tumor_voxels_min: policy.tumor_voxels_min,
        by_gamma: gammas.iter().map(keeps_at).collect(),
        gamma: Some(policy.gamma),
    };
    evaluation.add(&name, &outcomes, &sweeps);
    print(&report::to_markdown(&evaluation))?;
    if let Some(out) = &args.out {
        write_report(out, &evaluation)?;
        write_outcomes(&out.join(OUTCOMES), &outcomes)?;
    }
    Ok(())
}

/// Screens cases with a mass until there are `n`, then segments each as a whole.
fn compare_whole_volumes(args: &EvaluateArgs, screener: &Screener, n: usize) -> Result<()> {
    let mut cases = Vec::new();
    for (number, source) in (0_u64..).zip(chosen(args)?) {
        if cases.len() == n {
            break;
        }
        for (case, outcome) in screen_source(args, screener, &source, number)? {
            if outcome.has_mass() && cases.len() < n {
                cases.push((case, outcome));
            }
        }
    }
    let name = args.name.clone().unwrap_or_else(|| folder_name(&args.cohort));
    print(&whole_volume::compare(screener, &cases, &name, args.out.as_deref())?)
}

fn folder_name(path: &Path) -> String {
    let name = path.file_name().or_else(|| path.parent()?.file_name());
    name.map_or_else(|| "cohort".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn versions(models: &Models) -> Versions {
    let decision = &models.decision;
    Versions {
        software: env!("CARGO_PKG_VERSION").to_owned(),
        localizer: format!("{} {}", models.localizer.name, models.localizer.version),
        segmenter: format!("{} {}", models.segmenter.name, models.segmenter.version),
        decision: format!(
            "decision {}: {}, gamma {}, from {} voxels",
            decision.version, decision.rule, decision.gamma, decision.tumor_voxels_min.0
        ),
    }
}

/// The cases that were asked for, not yet read.
fn chosen(args: &EvaluateArgs) -> Result<Vec<Source>> {
    let all = sources(&args.cohort)?;
    let split = args
        .split
        .clone()
        .or_else(|| all.iter().any(Source::is_openkbp).then(|| "test".to_owned()));
    let is_asked_for = |source: &Source| split.as_deref().is_none_or(|split| source.split == split);
    let all: Vec<Source> = all.into_iter().filter(is_asked_for).collect();
    // Evenly over the cohort.
    let n = args.cases.unwrap_or(usize::MAX).min(all.len());
    Ok((0..n).map(|at| all[at * all.len() / n].clone()).collect())
}

/// Every case of the cohort that was asked for, screened; what cannot be read is named and left out.
fn screen_all(args: &EvaluateArgs, screener: &Screener) -> Result<Vec<CaseOutcome>> {
    let chosen = chosen(args)?;
    let bar = progress::bar("cases", chosen.len());
    let outcomes = chosen
        .par_iter()
        .enumerate()
        .map(|(number, source)| {
            let found = screen_source(args, screener, source, number as u64)?;
            bar.inc(1);
            Ok(found.into_iter().map(|(_, outcome)| outcome).collect())
        })
        .collect::<Result<Vec<Vec<CaseOutcome>>>>()?;
    bar.finish_and_clear();
    Ok(outcomes.into_iter().flatten().collect())
}

/// One case, and what is made of a planning CT, each with what screening it gave.
fn screen_source(
    args: &EvaluateArgs,
    screener: &Screener,
    source: &Source,
    number: u64,
) -> Result<Vec<(LabelledCase, CaseOutcome)>> {
    if source.unmasked.contains(&true) {
        eprintln!("left out: {}: it may have a mass that nobody outlined", source.case);
        return Ok(Vec::new());
    }
    let case = match source.read() {
        Ok(case) => case,
        Err(error) => {
            eprintln!("left out: {}: {}", source.case, Chain(&error));
            return Ok(Vec::new());
        }
    };
    let clock = SystemClock::new();
    let screen = |name: String, kind, case: LabelledCase| {
        let identity = CaseIdentity {
            case: name,
            patient: source.patient.clone(),
            kind,
            site: source.site.clone(),
            protocol: source.protocol.clone(),
        };
        let outcome = screen_case(screener, &clock, identity, &case)
            .with_context(|| format!("could not screen case {}", source.case))?;
        anyhow::Ok((case, outcome))
    };
    if !source.is_openkbp() {
        return Ok(vec![screen(source.case.clone(), source.kind, case)?]);
    }
    let mut outcomes = Vec::new();
    let seed = (args.seed + number) * 1000;
    let Some(plain) = fine(&case, seed) else { return Ok(outcomes) };
    for drawn in 0..args.masses * 2 {
        let side = Side::BOTH[usize::from(drawn % 2 == 1)];
        if let Some(case) = with_mass(&plain, side, seed + 1 + drawn) {
            let name = format!("{}-{side}-{}", source.case, drawn / 2 + 1);
            outcomes.push(screen(name, CohortKind::DrawnIntoReal, case)?);
        }
    }
    for (what, part) in without_glands(&plain) {
        outcomes.push(screen(format!("{}-{what}", source.case), CohortKind::NoGland, part)?);
    }
    outcomes.push(screen(source.case.clone(), CohortKind::DrawnIntoReal, plain)?);
    Ok(outcomes)
}

/// All policies of a folder, by gamma.
fn read_gammas(folder: &Path) -> Result<Vec<DecisionPolicy>> {
    let mut policies = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            policies.push(read_policy(&path)?);
        }
    }
    policies.sort_by(|a, b| a.gamma.total_cmp(&b.gamma));
    Ok(policies)
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// The decision of another machine, by its gamma.
fn keeps_at(policy: &DecisionPolicy) -> (f64, Box<Keeps<'_>>) {
    let keeps =
        |it: &CandidateOutcome| accepts(policy, it) && it.voxels >= policy.tumor_voxels_min.0;
    (policy.gamma, Box::new(keeps))
}

/// Outcomes of another version may have other features: no rule of this one accepts them.
fn accepts(policy: &DecisionPolicy, candidate: &CandidateOutcome) -> bool {
    let features = candidate.features.as_slice().try_into();
    features.is_ok_and(|features| policy.accepts(features))
}

/// Outcomes as they were written, judged by the policy of this run.
fn read_outcomes(path: &Path, policy: &DecisionPolicy) -> Result<Vec<CaseOutcome>> {
    let file = File::open(path).with_context(|| format!("could not read `{}`", path.display()))?;
    let mut outcomes = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("could not read `{}`", path.display()))?;
        let place = || format!("line {} of `{}`", number + 1, path.display());
        let mut outcome: CaseOutcome = serde_json::from_str(&line)
            .with_context(|| format!("{} is no outcome of a case", place()))?;
        if !rejudge(&mut outcome, policy) {
            bail!("{} has features of another version; screen the cohort again", place());
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn write_outcomes(path: &Path, outcomes: &[CaseOutcome]) -> Result<()> {
    let write = || -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for outcome in outcomes {
            serde_json::to_writer(&mut file, outcome)?;
            file.write_all(b"\n")?;
        }
        Ok(file.flush()?)
    };
    write().with_context(|| format!("could not write `{}`", path.display()))
}
