//! The tables of one cohort: the answers. Every row names it.

use std::fmt::Write as _;

use super::cohort::counts;
use super::table::Table;
use crate::evaluation::figures::CohortFigures;
use crate::evaluation::figures::comparison::{
    Comparison, DICE_DIFFERENCE, DiceComparison, RateComparison,
};
use crate::evaluation::figures::screening::ScreeningFigures;
use crate::evaluation::figures::sweep::SweepRow;
use crate::evaluation::statistics::power::POWER;
use crate::evaluation::statistics::predictive::PredictiveValue;
use crate::evaluation::statistics::proportion::Proportion;
use crate::evaluation::wording::{
    cohort, decimal, estimate, median, or_not_measured, p_value, proportion, with_interval,
};

/// Of the sweep's sizes; the others are in the JSON and the plot.
const SIZES_SHOWN: [f64; 7] = [100.0, 200.0, 300.0, 500.0, 700.0, 1000.0, 2000.0];

pub(super) fn write(text: &mut String, figures: &CohortFigures) {
    operating_point(text, figures);
    predictive(text, figures);
    comparisons(text, figures);
    sweep(text, figures, "Gamma of the support vector machine", "gamma", &figures.gamma_sweep);
    let shown = |row: &&SweepRow| row.is_operating_point || SIZES_SHOWN.contains(&row.at);
    let sizes: Vec<SweepRow> = figures.size_sweep.iter().filter(shown).copied().collect();
    sweep(text, figures, "Size from which a mass flags", "voxels", &sizes);
}

fn operating_point(text: &mut String, figures: &CohortFigures) {
    let mut table = Table::new(["screening at the operating point", "a case", "a gland", "cohort"]);
    let (case, gland) = (&figures.by_case, &figures.by_gland);
    let mut row = |name: &str, read: &dyn Fn(&ScreeningFigures) -> String| {
        table.row([name.to_owned(), read(case), read(gland), cohort(figures)]);
    };
    let share = |share: Option<Proportion>| {
        or_not_measured(share, |it| format!("{}, {}", proportion(Some(it)), counts(Some(it))))
    };
    row("AUC", &|it| {
        or_not_measured(it.auc, |auc| {
            let (n, other) = (auc.n_positive, auc.n_negative);
            format!("{}, {n} against {other}", with_interval(auc.value, auc.interval, 3))
        })
    });
    row("accuracy", &|it| share(it.rates.accuracy));
    row("sensitivity", &|it| share(it.rates.sensitivity));
    row("flagged on the right side", &|it| {
        if std::ptr::eq(it, gland) { "–".to_owned() } else { share(it.flagged_on_the_right_side) }
    });
    row("specificity", &|it| share(it.rates.specificity));
    row("PPV in this cohort", &|it| share(it.rates.ppv));
    row("NPV in this cohort", &|it| share(it.rates.npv));
    row("not assessable, with a mass (missed)", &|it| {
        format!("{} of {}", it.rates.n_positive_not_assessable, it.rates.n_positive)
    });
    row("not assessable, without (left out)", &|it| {
        format!("{} of {}", it.rates.n_negative_not_assessable, it.rates.n_negative)
    });
    let healthy = &figures.healthy_glands;
    let mut only_glands = |name: &str, value: String| {
        table.row([name.to_owned(), "–".to_owned(), value, cohort(figures)]);
    };
    only_glands("tumour-free glands not flagged", share(healthy.not_flagged));
    let in_target = share(healthy.not_flagged_in_target);
    only_glands("the same, over 5 % inside a radiotherapy target", in_target);
    table.write(text);
}

fn predictive(text: &mut String, figures: &CohortFigures) {
    let mut table = Table::new(["predictive values, a case", "PPV", "NPV", "cohort"]);
    let value = |value: Option<PredictiveValue>, digits| {
        or_not_measured(value, |it| with_interval(it.value, Some(it.interval), digits))
    };
    for it in &figures.by_case.predictive {
        let percent = it.prevalence * 100.0;
        let digits = [0, 1].into_iter().find(|d| (percent * 10_f64.powi(*d)).fract().abs() < 1e-6);
        let digits = digits.map_or(2, |digits| usize::from(digits == 1));
        table.row([
            format!("at a prevalence of {} %", decimal(percent, digits)),
            value(it.ppv, 3),
            value(it.npv, 4),
            cohort(figures),
        ]);
    }
    table.write(text);
}

fn comparisons(text: &mut String, figures: &CohortFigures) {
    let mut table = Table::new([
        "comparison",
        "Dice, medians of patients",
        "power",
        "sensitivity, a case",
        "specificity, a case",
        "cohort",
    ]);
    for it in &figures.comparisons {
        let Comparison { what, groups: [first, second], dice, sensitivity, specificity } = it;
        let rates = |rates: &Option<RateComparison>| {
            or_not_measured(rates.as_ref(), |it| {
                let [a, b] = it.rates.map(|rate| counts(Some(rate)));
                format!("{a}, {b}: {}", p_value(it.p))
            })
        };
        table.row([
            format!("{what}: {first}, {second}"),
            or_not_measured(dice.as_ref(), |it| {
                let [a, b] = it.medians.map(|median| decimal(median, 3));
                let [n, m] = it.n_patients;
                format!("{a} (n = {n}), {b} (n = {m}): {}", p_value(it.test.p))
            }),
            or_not_measured(dice.as_ref(), power),
            rates(sensitivity),
            rates(specificity),
            cohort(figures),
        ]);
    }
    table.write(text);
}

fn power(it: &DiceComparison) -> String {
    or_not_measured(it.power, |power| {
        format!(
            "{:.0} % to see a difference of {DICE_DIFFERENCE}; {} is seen with {:.0} %",
            power.power * 100.0,
            decimal(power.detectable, 2),
            POWER * 100.0
        )
    })
}

fn sweep(
    text: &mut String,
    figures: &CohortFigures,
    title: &str,
    unit: &'static str,
    rows: &[SweepRow],
) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(text, "\n{title} (**operating point**):\n");
    let mut table = Table::new([
        unit,
        "Dice of masses, median",
        "Dice of cases, mean",
        "sensitivity",
        "specificity",
        "PPV",
        "cohort",
    ]);
    for row in rows {
        let at = row.at.to_string();
        table.row([
            if row.is_operating_point { format!("**{at}**") } else { at },
            median(row.dice, 3),
            estimate(row.mixed_dice, 3),
            proportion(row.sensitivity),
            proportion(row.specificity),
            proportion(row.ppv),
            cohort(figures),
        ]);
    }
    table.write(text);
}
