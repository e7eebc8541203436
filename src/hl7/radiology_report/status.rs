//! How far a report is.

use super::{NotAReport, ResultStatus};
use crate::hl7::read::Message;

/// What one status code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Status(ResultStatus),
    /// There is no result yet.
    Nothing,
}

use Said::{Nothing, Status};

/// OBR-25 (table 0123).
fn of_order(code: &str) -> Option<Said> {
    match code {
        "P" | "A" | "R" => Some(Status(ResultStatus::Preliminary)),
        "F" => Some(Status(ResultStatus::Final)),
        "C" => Some(Status(ResultStatus::Corrected)),
        "X" => Some(Status(ResultStatus::Deleted)),
        "O" | "I" | "S" | "Y" | "Z" => Some(Nothing),
        _ => None,
    }
}

/// OBX-11 (table 0085).
fn of_observation(code: &str) -> Option<Said> {
    match code {
        "P" | "R" | "S" | "B" => Some(Status(ResultStatus::Preliminary)),
        "F" | "U" => Some(Status(ResultStatus::Final)),
        "C" => Some(Status(ResultStatus::Corrected)),
        "D" | "W" | "X" => Some(Status(ResultStatus::Deleted)),
        "O" | "I" | "N" => Some(Nothing),
        _ => None,
    }
}

/// Whether an observation of this OBX-11 is to be read.
pub(super) fn is_read(code: &str) -> bool {
    !matches!(
        of_observation(&code.to_ascii_uppercase()),
        Some(Nothing | Status(ResultStatus::Deleted))
    )
}

/// The status of a report. Where nothing says it, it is preliminary: what is not known to be signed is not.
pub(super) fn status(message: &Message) -> Result<ResultStatus, NotAReport> {
    match message.header().message_code.as_str() {
        "MDM" => of_document(message),
        _ => of_result(message),
    }
}

/// All codes of a field.
fn codes(message: &Message, name: &str, field: usize) -> Vec<String> {
    let segments = message.segments().filter(|it| it.name() == name);
    segments.map(|it| it.value(field, 1).to_ascii_uppercase()).collect()
}

fn of_result(message: &Message) -> Result<ResultStatus, NotAReport> {
    let orders: Vec<_> =
        codes(message, "OBR", 25).iter().filter_map(|code| of_order(code)).collect();
    let observations: Vec<_> =
        codes(message, "OBX", 11).iter().filter_map(|code| of_observation(code)).collect();
    let of_observations = together(&observations);
    match (together(&orders), of_observations) {
        // All its lines were taken back.
        (_, Some(Status(ResultStatus::Deleted))) => Ok(ResultStatus::Deleted),
        (Some(Status(ResultStatus::Final)), Some(Status(ResultStatus::Corrected))) => {
            Ok(ResultStatus::Corrected)
        }
        (Some(Status(status)), _) | (None, Some(Status(status))) => Ok(status),
        (Some(Nothing), _) | (None, Some(Nothing)) => Err(NotAReport::NoResult),
        (None, None) => Ok(ResultStatus::Preliminary),
    }
}

/// Of several orders that one report is about, or several lines: as far as the one that is least far. Those that
/// were cancelled say nothing about the others.
fn together(all: &[Said]) -> Option<Said> {
    let has = |status| all.contains(&Status(status));
    let first_of = [
        ResultStatus::Preliminary,
        ResultStatus::Corrected,
        ResultStatus::Final,
        ResultStatus::Deleted,
    ];
    let status = first_of.into_iter().find(|status| has(*status)).map(Status);
    status.or_else(|| all.contains(&Nothing).then_some(Nothing))
}

/// The event (9.3), TXA-17 (table 0271) and TXA-19 (table 0273).
fn of_document(message: &Message) -> Result<ResultStatus, NotAReport> {
    let event = message.header().trigger_event.as_str();
    let txa = message.segment("TXA");
    let value = |field| txa.as_ref().map(|it| it.value(field, 1).to_ascii_uppercase());
    if event == "T11" || value(19).as_deref() == Some("CA") {
        return Ok(ResultStatus::Deleted);
    }
    let status = match value(17).as_deref() {
        Some("AU" | "LA") => ResultStatus::Final,
        Some("DI" | "DO" | "IP" | "IN" | "PA") => ResultStatus::Preliminary,
        _ => of_result(message)?,
    };
    // Addendum, edit, replacement.
    let is_again = ["T06", "T08", "T10"].contains(&event);
    Ok(match status {
        ResultStatus::Final if is_again => ResultStatus::Corrected,
        status => status,
    })
}
