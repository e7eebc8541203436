//! The table of an exported cohort, as `parotidd prepare` and `parotidd evaluate` read it.

use crate::units::Side;
use crate::verdict::Verdict;

use super::ExportedCase;
use super::truth::SideTruth;

/// Columns that the reader knows, then those that it leaves alone.
const HEADER: &str = "case,patient,tumor_side,tumor_cm3,unmasked,\
                      label,decision,verdict_right,verdict_left,complete_by,made_by";

/// The table of these cases.
#[must_use]
pub fn table(cases: &[ExportedCase]) -> String {
    let lines = cases.iter().map(line);
    std::iter::once(HEADER.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

fn line(case: &ExportedCase) -> String {
    let verdict = |side| case.review.of(side).map_or("", Verdict::as_str);
    let cm3 = case.tumor_cm3.map(|volume| format!("{:.3}", volume.0)).unwrap_or_default();
    [
        case.name.clone(),
        case.patient.clone(),
        tumor_side(case).to_owned(),
        cm3,
        unmasked(case),
        case.truth.label.as_str().to_owned(),
        case.decision.as_str().to_owned(),
        verdict(Side::Right).to_owned(),
        verdict(Side::Left).to_owned(),
        case.complete_by.as_str().to_owned(),
        plain(&case.made_by),
    ]
    .join(",")
}

/// `right`, `left` or `none`; empty where both have a mass, or nobody knows.
fn tumor_side(case: &ExportedCase) -> &'static str {
    let is_mass = |it: SideTruth| matches!(it, SideTruth::Outlined | SideTruth::NotOutlined);
    let has = |side| is_mass(case.truth.of(side));
    match (has(Side::Right), has(Side::Left)) {
        (true, false) => "right",
        (false, true) => "left",
        (false, false) if !case.truth.sides.contains(&SideTruth::Unknown) => "none",
        _ => "",
    }
}

/// Sides of which the outlines do not tell whether there is a mass.
fn unmasked(case: &ExportedCase) -> String {
    let is_it =
        |side: &Side| matches!(case.truth.of(*side), SideTruth::NotOutlined | SideTruth::Unknown);
    let sides: Vec<_> = Side::BOTH.into_iter().filter(is_it).map(Side::as_str).collect();
    sides.join(";")
}

/// Names of networks are anyone's: without what a table is made of.
fn plain(text: &str) -> String {
    let is_special = |c: char| c.is_control() || [',', ';', '"'].contains(&c);
    text.replace(is_special, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::cohort::Cohort;
    use crate::export::tests::exported;

    #[test]
    fn the_reader_of_cohorts_reads_it() {
        let [right, left] = Side::BOTH;
        let cases = [
            exported("a", &[left], &[(left, Verdict::Accepted)]),
            exported("b", &[left], &[(left, Verdict::Rejected)]),
            exported("c", &[left], &[(left, Verdict::WrongOutline), (right, Verdict::Missed)]),
            exported("d", &[right, left], &[]),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.csv");
        std::fs::write(&path, table(&cases)).unwrap();
        let cohort = Cohort::open(&path).unwrap();
        let read: Vec<_> = cohort
            .rows()
            .iter()
            .map(|row| (row.case.as_str(), row.tumor_side, row.unmasked, row.tumor_cm3.is_some()))
            .collect();
        let expected = [
            ("a", Some(left), [false, false], true),
            ("b", None, [false, false], false),
            ("c", None, [true, true], false),
            ("d", None, [false, false], true),
        ];
        assert_eq!(read, expected);
        assert!(cohort.rows().iter().all(|row| row.patient == "pat-0"));
        let text = table(&cases);
        let lines: Vec<_> = text.lines().collect();
        let made_by = "m 1  0.1.0";
        assert_eq!(
            lines[1],
            format!("a,pat-0,left,4.620,,positive,flagged,,accepted,count,{made_by}")
        );
        assert_eq!(lines[2], format!("b,pat-0,none,,,negative,flagged,,rejected,count,{made_by}"));
        assert_eq!(
            lines[3],
            format!("c,pat-0,,,right;left,positive,flagged,missed,wrong_outline,count,{made_by}")
        );
        assert_eq!(lines[4], format!("d,pat-0,,4.620,,unreviewed,flagged,,,count,{made_by}"));
    }
}
