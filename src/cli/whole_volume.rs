//! `parotidd evaluate --whole-volume N`: crops of each gland against the whole body.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};

use crate::clock::SystemClock;
use crate::evaluation::case::LabelledCase;
use crate::evaluation::outcome::CaseOutcome;
use crate::evaluation::statistics::quantile::{quantile, sorted};
use crate::evaluation::whole_volume::{WholeVolumeOutcome, whole_volume};
use crate::screening::Screener;
use crate::screening::report::NOT_FOR_DIAGNOSTIC_USE;

/// What was measured, a JSON object a case.
const OUTCOMES: &str = "whole_volume.jsonl";

/// Segments each case as a whole, after all were screened by crops: the process's peak memory before and
/// after are then those of either way. Gives the table.
pub(super) fn compare(
    screener: &Screener,
    cases: &[(LabelledCase, CaseOutcome)],
    name: &str,
    out: Option<&Path>,
) -> Result<String> {
    let clock = SystemClock::new();
    let crop_mib = peak_mib()?;
    let mut found = Vec::new();
    for (case, outcome) in cases {
        let whole = whole_volume(screener.segmenter(), &clock, case, outcome)
            .with_context(|| format!("could not segment case {} as a whole", outcome.case))?;
        found.extend(whole);
    }
    let whole_mib = peak_mib()?;
    if let Some(out) = out {
        fs::create_dir_all(out).with_context(|| format!("could not create `{}`", out.display()))?;
        let lines = found.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let path = out.join(OUTCOMES);
        fs::write(&path, lines.join("\n") + "\n")
            .with_context(|| format!("could not write `{}`", path.display()))?;
    }
    Ok(table(&found, name, [crop_mib, whole_mib]))
}

fn table(found: &[WholeVolumeOutcome], name: &str, [crop_mib, whole_mib]: [i64; 2]) -> String {
    let median = |value: fn(&WholeVolumeOutcome) -> f64| {
        quantile(&sorted(found.iter().map(value)), 0.5).unwrap_or(f64::NAN)
    };
    #[allow(clippy::cast_precision_loss, reason = "milliseconds and voxels are far below 2^52")]
    let [crop_s, whole_s, voxels] = [
        median(|it| it.crop_ms as f64 / 1000.0),
        median(|it| it.whole_ms as f64 / 1000.0),
        median(|it| it.whole_voxels as f64 / 1e6),
    ];
    let dice = [median(|it| it.crop_dice), median(|it| it.whole_dice)];
    format!(
        "{name}: {} cases with a mass, medians. {NOT_FOR_DIAGNOSTIC_USE}.\n\n\
         | way | Dice | time a case | peak memory of the process | voxels |\n|---|---|---|---|---|\n\
         | localizer and two crops | {:.3} | {crop_s:.2} s | {crop_mib} MiB | 0.8 million |\n\
         | whole body, both sides | {:.3} | {whole_s:.2} s | {whole_mib} MiB | 2 x {voxels:.1} million |\n",
        found.len(),
        dice[0],
        dice[1],
    )
}

/// Most memory that this process ever held, MiB.
fn peak_mib() -> Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("could not read the memory used")?;
    // Linux counts in KiB.
    Ok(usage.max_rss() / 1024)
}
