//! What people say about findings: kept with the case, never changed, the newest counts.

use rusqlite::{Connection, OptionalExtension};

use super::alerts::Channel;
use super::audit::{self, AuditKind, NewAuditEvent};
use super::results::ResultId;
use super::row;
use super::thread::Operation;
use crate::limits::{NOTE_BYTES_MAX, PERSON_BYTES_MAX};
use crate::units::Side;
use crate::verdict::Verdict;

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The patient's side.
    pub side: Side,
    /// What the person thinks.
    pub verdict: Verdict,
    /// Who.
    pub by: String,
    /// How it came.
    pub via: Channel,
    /// More about it; may be empty.
    pub note: String,
    /// Milliseconds since 1970 UTC.
    pub at_unix_ms: i64,
}

/// What became of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept with this answer.
    With(ResultId),
    /// The series has no answer.
    NoResult,
    /// It is about a flagged gland, and this one is not flagged, or the other way round.
    DoesNotFit,
}

/// Keeps a verdict with the newest answer of a series.
pub fn record(series: String, feedback: Feedback) -> Operation<Kept> {
    Operation::new("keep what a person says about a finding", move |connection| {
        let newest = connection
            .prepare_cached(
                "SELECT id, sides FROM results WHERE series_instance_uid = ?1
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([&series], |row| Ok((ResultId(row.get(0)?), row::sides(row, 1)?)))
            .optional()?;
        let Some((result, flagged)) = newest else { return Ok(Kept::NoResult) };
        if flagged.contains(&feedback.side) != feedback.verdict.is_of_flagged() {
            return Ok(Kept::DoesNotFit);
        }
        insert(connection, result, &feedback)?;
        Ok(Kept::With(result))
    })
}

fn insert(
    connection: &Connection,
    result: ResultId,
    feedback: &Feedback,
) -> Result<(), rusqlite::Error> {
    let by = row::bounded(&feedback.by, PERSON_BYTES_MAX);
    connection
        .prepare_cached(
            "INSERT INTO feedback (result_id, side, verdict, given_by, given_via, note, at_unix_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            result.0,
            feedback.side.as_str(),
            feedback.verdict.as_str(),
            by,
            feedback.via.code(),
            row::bounded(&feedback.note, NOTE_BYTES_MAX),
            feedback.at_unix_ms,
        ))?;
    let event = NewAuditEvent {
        at_unix_ms: feedback.at_unix_ms,
        kind: AuditKind::FeedbackGiven,
        result: Some(result),
        actor: by.into(),
        detail: format!(
            "{} {} by {}",
            feedback.side,
            feedback.verdict.as_str(),
            feedback.via.code()
        ),
    };
    audit::write(connection, &event)
}

/// The verdicts that count for a series' newest answer, right first.
pub fn of_series(series: String) -> Operation<Vec<Feedback>> {
    Operation::new("look up what people say about a series", move |connection| {
        let mut found: Vec<Feedback> = connection
            .prepare_cached(
                "SELECT side, verdict, given_by, given_via, note, at_unix_ms FROM feedback
                 WHERE id IN (SELECT max(id) FROM feedback WHERE result_id = (
                     SELECT max(id) FROM results WHERE series_instance_uid = ?1) GROUP BY side)",
            )?
            .query_map([&series], |row| {
                Ok(Feedback {
                    side: row::named(row, 0, &Side::BOTH, Side::as_str)?,
                    verdict: row::named(row, 1, &Verdict::ALL, Verdict::as_str)?,
                    by: row.get(2)?,
                    via: row::named(row, 3, &Channel::ALL, Channel::code)?,
                    note: row.get(4)?,
                    at_unix_ms: row.get(5)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        found.sort_by_key(|it| it.side != Side::Right);
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::tests::instance;
    use crate::db::open::in_memory;
    use crate::db::results::tests::{at, report};
    use crate::db::results::{JobEnd, Routed, commit};
    use crate::db::{instances, jobs};
    use crate::intake::completeness::CompleteBy;
    use crate::screening::report::Decision;

    #[test]
    fn the_newest_verdict_counts_and_must_fit_the_answer() {
        let connection = in_memory();
        let say = |side, verdict, by: &str| {
            let feedback = Feedback {
                side,
                verdict,
                by: by.into(),
                via: Channel::Link,
                note: String::new(),
                at_unix_ms: 1,
            };
            record("1.2.1".into(), feedback).run(&connection).unwrap()
        };
        assert_eq!(say(Side::Left, Verdict::Missed, "A"), Kept::NoResult);
        instances::record(instance(1, 1)).run(&connection).unwrap();
        let series = "1.2.1".parse().unwrap();
        jobs::enqueue(series, "m".into(), CompleteBy::Quiet, 0).run(&connection).unwrap();
        let job = jobs::claim().run(&connection).unwrap().unwrap().id;
        let answer = report(Decision::NotFlagged);
        commit(job, JobEnd::Done, answer, at(0), |_| Routed::default()).run(&connection).unwrap();
        assert_eq!(say(Side::Left, Verdict::Accepted, "A"), Kept::DoesNotFit);
        assert_eq!(say(Side::Left, Verdict::ConfirmedNegative, "A"), Kept::With(ResultId(1)));
        assert_eq!(say(Side::Left, Verdict::Missed, "B"), Kept::With(ResultId(1)));
        assert_eq!(say(Side::Right, Verdict::ConfirmedNegative, "B"), Kept::With(ResultId(1)));
        let found = of_series("1.2.1".into()).run(&connection).unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.side, it.verdict)).collect();
        assert_eq!(
            found,
            [(Side::Right, Verdict::ConfirmedNegative), (Side::Left, Verdict::Missed)]
        );
        assert_eq!(audit::since(0).run(&connection).unwrap().len(), 3);
    }
}
