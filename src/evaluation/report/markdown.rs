//! The report for people.

use std::fmt::Write as _;

use super::table::{Table, escape};
use super::{PlotFile, cohort, study};
use crate::evaluation::figures::Evaluation;
use crate::evaluation::outcome::CohortKind;
use crate::evaluation::wording;

pub(super) fn markdown(evaluation: &Evaluation, files: &[PlotFile]) -> String {
    let mut text = String::from("# Figures of parotidd\n\n");
    let notice = evaluation.notice.to_uppercase();
    let versions = escape(&evaluation.versions.to_string());
    let _ = writeln!(text, "**{notice}.** Measured with {versions}.");
    at_a_glance(&mut text, evaluation);
    for (index, figures) in evaluation.cohorts.iter().enumerate() {
        let _ = write!(text, "\n## {}\n\n", escape(&wording::cohort(figures)));
        let _ = writeln!(text, "{}. {}.", wording::size(figures), capital(&evaluation.notice));
        cohort::write(&mut text, figures);
        write_plots(&mut text, files.iter().filter(|file| file.cohort == index), index, evaluation);
    }
    text.push_str(HOW_TO_READ);
    study::write(&mut text);
    text
}

fn at_a_glance(text: &mut String, evaluation: &Evaluation) {
    if evaluation.cohorts.is_empty() {
        let _ = writeln!(text, "\nNo case was screened: {}.", wording::NOT_MEASURED);
        return;
    }
    let mut table = Table::new([
        "cohort",
        "cases",
        "AUC",
        "sensitivity",
        "specificity",
        "Dice, median",
        "both glands within 10 mm",
        "no gland found",
    ]);
    for figures in &evaluation.cohorts {
        let rates = &figures.by_case.rates;
        let has_glands = figures.kind != CohortKind::NoGland;
        // Of images without a gland only one thing can be asked, of the others all else.
        let asked = |asked: bool, cell: String| if asked { cell } else { "–".to_owned() };
        let auc = wording::or_not_measured(figures.by_case.auc, |it| {
            wording::with_interval(it.value, it.interval, 3)
        });
        table.row([
            wording::cohort(figures),
            figures.counts.n_cases.to_string(),
            asked(has_glands, auc),
            asked(has_glands, wording::proportion(rates.sensitivity)),
            asked(has_glands, wording::proportion(rates.specificity)),
            asked(has_glands, wording::median(figures.dice.all, 3)),
            asked(has_glands, wording::proportion(figures.localizer.both_within_10_mm)),
            asked(!has_glands, wording::proportion(figures.no_gland.and_then(|it| it.none_found))),
        ]);
    }
    table.write(text);
}

fn write_plots<'a>(
    text: &mut String,
    files: impl Iterator<Item = &'a PlotFile>,
    cohort: usize,
    evaluation: &Evaluation,
) {
    let cohort = escape(&wording::cohort(&evaluation.cohorts[cohort]));
    let image = |file: &&PlotFile| format!("![{}, {cohort}]({})", file.plot.title(), file.path);
    let files: Vec<&PlotFile> = files.collect();
    // Two beside each other; the text of an image is escaped already.
    for (pair, index) in files.chunks(2).zip(0..) {
        if index == 0 {
            text.push_str("\n| | |\n|---|---|\n");
        }
        let images: Vec<String> = pair.iter().map(image).collect();
        let _ = writeln!(text, "| {} |{}", images.join(" | "), " |".repeat(2 - pair.len()));
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|it| it.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const HOW_TO_READ: &str = "
## How to read this

- In parentheses: intervals of 95 %. Shares have Wilson's, widened where patients give several
  observations (Rao and Scott); areas have DeLong's, over patients (Obuchowski); medians and means
  resample patients. \"No interval\": one patient, or no spread to measure it by.
- What was not assessable is never a negative answer: with a mass it counts as missed, without one it is
  left out of the specificity and counted apart.
- Dice counts every gland with a mass; where nothing was outlined, or the gland was not found, it is 0.
- PPV and NPV of a cohort depend on its own share of masses, which was chosen; at a prevalence they follow
  from sensitivity and specificity (Mercaldo).
- Volumes are compared for masses that were found; missed ones are counted beside them.
- Sites and protocols: rank test of one Dice a patient, Fisher's exact test of cases, taken as
  independent; p values are not corrected for their number. \"No difference\" is an answer only where the
  power to see one is high: the share of simulated cohorts of this size in which that test sees masses
  outlined so much worse in one group, those missed staying missed.
";
