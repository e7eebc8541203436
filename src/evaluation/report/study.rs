//! The figures of the source study, *Deep Learning for Parotid Tumor Segmentation and Screening*
//! (S. Salehi, P. D. Chang, University of California, Irvine). They come from real patients: a table
//! of their own, never a row beside ours.

use super::table::Table;

const HOLD_OUT: &str = "source study: 40 real patients with a mass, held out";
const POSITIVES: &str = "source study: real patients of two centres, 201 with a mass";
const MIXED: &str = "source study: 401 scans of real patients, 201 with a mass";

const FIGURES: [(&str, &str, &str); 13] = [
    ("Dice, median (quartiles)", "0.725 (0.500–0.788)", HOLD_OUT),
    ("AUC", "0.956", POSITIVES),
    ("accuracy", "0.900", POSITIVES),
    ("sensitivity", "0.884", POSITIVES),
    ("specificity", "0.919", POSITIVES),
    ("PPV", "0.927", POSITIVES),
    ("NPV", "0.872", POSITIVES),
    ("difference between centres, or between protocols", "none (p > 0.05)", POSITIVES),
    ("volume of a mass, median", "4.62 cm³", POSITIVES),
    ("Dice, negatives included", "0.65", MIXED),
    (
        "Dice, gamma 1 to 10, %",
        "60.14, 63.78, 58.23, 64.63, 60.63, 64.51, 62.60, 61.02, 64.41, 65.54",
        MIXED,
    ),
    ("specificity at gamma 5 and 500 voxels", "above 95 %", MIXED),
    ("PPV at gamma 5 and 500 voxels", "above 90 %", MIXED),
];

pub(super) fn write(text: &mut String) {
    text.push_str("\n## The source study: another cohort, real patients\n\n");
    text.push_str(
        "Not measured here. These figures are of real patients with verified masses and can't be set \
         beside those above, whose masses are drawn unless the cohort says otherwise.\n",
    );
    let mut table = Table::new(["figure", "value", "cohort"]);
    for (figure, value, cohort) in FIGURES {
        table.row([figure, value, cohort].map(str::to_owned));
    }
    table.write(text);
}
