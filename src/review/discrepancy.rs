//! Where the answer and the radiologist's report do not agree. Pure.
//!
//! | list | a side is in it when |
//! |---|---|
//! | flagged, not in the report | a series of the study is flagged there, and the report mentions no mass there |
//! | in the report, not flagged | the report mentions a mass there, and no series of the study is flagged there |
//!
//! A mention without a side goes with whatever is flagged. A study that could not be assessed is not flagged, and says so.

use crate::db::radiology::{ReportedStudy, SeriesAnswer};
use crate::report_text::MentionedSide;
use crate::screening::report::Decision;
use crate::units::Side;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// A mass was flagged that the report does not mention.
    FlaggedNotInReport,
    /// The report mentions a mass that was not flagged.
    InReportNotFlagged,
}

impl List {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::FlaggedNotInReport => "flagged_not_in_report",
            Self::InReportNotFlagged => "in_report_not_flagged",
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Discrepancy<'a> {
    /// Which list.
    pub list: List,
    /// The sides; none where the report gives no side and nothing is flagged.
    pub sides: Vec<Side>,
    /// The series that it is best seen in: the one that is flagged there, else the last that was assessed, else the last.
    pub series: &'a SeriesAnswer,
}

/// What does not agree in a study; nothing where no series was screened.
#[must_use]
pub fn discrepancies(study: &ReportedStudy) -> Vec<Discrepancy<'_>> {
    let Some(last) = study.answers.last() else { return Vec::new() };
    let flagged = |side: &Side| study.answers.iter().any(|it| it.sides.contains(side));
    let mut found = Vec::new();
    let unmentioned: Vec<_> = Side::BOTH
        .into_iter()
        .filter(|side| flagged(side) && !covers(study.mention, *side))
        .collect();
    if !unmentioned.is_empty() {
        let has = |it: &&SeriesAnswer| it.sides.iter().any(|side| unmentioned.contains(side));
        let series = study.answers.iter().rfind(has).unwrap_or(last);
        found.push(Discrepancy { list: List::FlaggedNotInReport, sides: unmentioned, series });
    }
    let unflagged: Vec<_> =
        mentioned(study.mention).into_iter().filter(|side| !flagged(side)).collect();
    let is_without_side =
        study.mention == Some(MentionedSide::Unspecified) && !Side::BOTH.iter().any(flagged);
    if is_without_side || !unflagged.is_empty() {
        let is_assessed = |it: &&SeriesAnswer| it.decision != Decision::NotAssessable;
        let series = study.answers.iter().rfind(is_assessed).unwrap_or(last);
        found.push(Discrepancy { list: List::InReportNotFlagged, sides: unflagged, series });
    }
    found
}

/// Whether a report that mentions a mass, perhaps without a side, means this one.
#[must_use]
pub fn covers(mention: Option<MentionedSide>, side: Side) -> bool {
    mention == Some(MentionedSide::Unspecified) || mentioned(mention).contains(&side)
}

fn mentioned(mention: Option<MentionedSide>) -> Vec<Side> {
    match mention {
        Some(MentionedSide::Right) => vec![Side::Right],
        Some(MentionedSide::Left) => vec![Side::Left],
        Some(MentionedSide::Both) => Side::BOTH.into(),
        Some(MentionedSide::Unspecified) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::radiology::ReportStatus;
    use crate::db::results::ResultId;
    use crate::phi::Phi;

    fn answer(n: i64, decision: Decision, sides: &[Side]) -> SeriesAnswer {
        SeriesAnswer {
            result: ResultId(n),
            result_key: format!("k{n}"),
            series: format!("1.2.{n}"),
            decision,
            sides: sides.into(),
            is_judged: false,
        }
    }

    #[test]
    fn each_side_is_compared() {
        use MentionedSide as M;
        const LEFT: &[Side] = &[Side::Left];
        const RIGHT: &[Side] = &[Side::Right];
        let check = |mention: Option<M>,
                     answers: &[SeriesAnswer],
                     expected: &[(List, &[Side], i64)]| {
            let study = ReportedStudy {
                study: "1.2".into(),
                accession_number: Phi::default(),
                status: ReportStatus::Final,
                mention,
                sentences: Vec::new(),
                received_unix_ms: 0,
                answers: answers.into(),
            };
            let found = discrepancies(&study);
            let found: Vec<_> =
                found.iter().map(|it| (it.list, it.sides.as_slice(), it.series.result.0)).collect();
            assert_eq!(found, expected, "{mention:?} {answers:?}");
        };
        let flagged = |sides| answer(1, Decision::Flagged, sides);
        let clear = answer(2, Decision::NotFlagged, &[]);
        let unknown = answer(3, Decision::NotAssessable, &[]);
        let (unreported, unflagged) = (List::FlaggedNotInReport, List::InReportNotFlagged);
        check(None, &[flagged(LEFT)], &[(unreported, LEFT, 1)]);
        check(Some(M::Left), &[flagged(LEFT)], &[]);
        check(Some(M::Unspecified), &[flagged(LEFT)], &[]);
        check(Some(M::Both), &[flagged(LEFT)], &[(unflagged, RIGHT, 1)]);
        check(Some(M::Right), &[flagged(LEFT)], &[(unreported, LEFT, 1), (unflagged, RIGHT, 1)]);
        check(None, &[clear.clone(), unknown.clone()], &[]);
        check(Some(M::Left), &[clear.clone(), unknown.clone()], &[(unflagged, LEFT, 2)]);
        check(Some(M::Unspecified), std::slice::from_ref(&unknown), &[(unflagged, &[], 3)]);
        // One of two series is enough.
        check(Some(M::Left), &[flagged(LEFT), clear.clone()], &[]);
        check(None, &[flagged(LEFT), clear], &[(unreported, LEFT, 1)]);
        check(Some(M::Left), &[], &[]);
    }
}
