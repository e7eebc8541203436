//! A result as an HL7 message, ORU^R01^ORU_R01 of version 2.5.1 (chapter 7), by IHE RAD's Results Distribution.
//!
//! ```text
//!  MSH  [PID PV1]  ORC  OBR  NTE..  OBX..
//! ```
//! It is always preliminary (OBR-25, OBX-11 `P`): no physician has seen it. The same case gives the same bytes. What a
//! series is found again by is OBR-3, its UID; what a message is, MSH-10.

mod observations;
mod person;

use super::case::Case;
use super::hl7::Hl7Settings;
use crate::hl7::build::{self, CONTROL_ID_CHARACTERS_MAX, Field, Header, Segment};
use crate::screening::report::{NOT_FOR_DIAGNOSTIC_USE, Warning};

/// MSH-3, and the namespace of OBR-3.
const APPLICATION: &str = "PAROTIDD";
/// What was done (OBR-4), a local code.
const SERVICE: [&str; 3] = ["PAROTID-CT-SCREEN", "Parotid screening of CT", "L"];

/// The message of one result for one destination.
pub(super) fn oru(case: &Case<'_>, settings: &Hl7Settings) -> String {
    let created = build::time(case.created_unix_ms);
    let header = Header {
        sending_application: APPLICATION,
        sending_facility: &settings.sending_facility,
        receiving_application: &settings.receiving_application,
        receiving_facility: &settings.receiving_facility,
        time: &created,
        message_type: ["ORU", "R01", "ORU_R01"],
        control_id: control_id(case.id),
        processing_id: "P",
        version: build::VERSION,
    };
    let study_time = study_time(case);
    let mut segments = patient(case);
    segments.push(order(case));
    segments.push(request(case, &created, &study_time));
    segments.extend(notes(case));
    segments.extend(observations::observations(case.report, &created, &study_time));
    build::message(&header, &segments)
}

/// MSH-10: the first 20 of the 64 hex digits that name the message for ever, as version 2.5.1 has room for no more. Two
/// of a million messages are the same with a probability of less than 10^-12.
fn control_id(id: &str) -> &str {
    &id[..id.floor_char_boundary(CONTROL_ID_CHARACTERS_MAX)]
}

/// PID and PV1. Without a Patient ID there are none: PID-3 must have a value, and whatever would be made up for it could
/// be somebody's.
fn patient(case: &Case<'_>) -> Vec<Segment> {
    let patient = case.patient;
    if patient.patient_id.expose().is_empty() {
        return Vec::new();
    }
    let mut pid = Segment::new("PID");
    pid.set(1, "1")
        .set(3, patient.patient_id.expose())
        .set(5, person::extended_name(patient.patient_name.expose()))
        .set(7, digits(patient.birth_date.expose(), &[8]).unwrap_or_default())
        // Table 0001 has the letters of DICOM.
        .set(8, patient.sex.expose());
    let mut pv1 = Segment::new("PV1");
    // Unknown: images do not say whether the patient is in the house.
    pv1.set(1, "1").set(2, "U");
    vec![pid, pv1]
}

/// OBR-2 and ORC-2: what the order is known by. OBR-3 and ORC-3: the series, so that a correction finds what it corrects.
fn order_numbers(case: &Case<'_>) -> [Field; 2] {
    let series = case.report.series_instance_uid.as_str();
    [case.accession_number().into(), Field::from([series, APPLICATION])]
}

fn order(case: &Case<'_>) -> Segment {
    let [placer, filler] = order_numbers(case);
    let mut orc = Segment::new("ORC");
    orc.set(1, "RE").set(2, placer).set(3, filler);
    orc
}

fn request(case: &Case<'_>, created: &str, study_time: &str) -> Segment {
    let [placer, filler] = order_numbers(case);
    let order = case.order();
    let of_order = order.map(|it| it.referring_physician.expose()).filter(|it| !it.is_empty());
    let physician = of_order.unwrap_or(case.patient.referring_physician.expose());
    let mut obr = Segment::new("OBR");
    obr.set(1, "1")
        .set(2, placer)
        .set(3, filler)
        .set(4, SERVICE)
        .set(7, study_time)
        .set(16, person::physician(physician))
        // As IHE RAD has it: accession number and requested procedure ID.
        .set(18, case.accession_number())
        .set(19, order.map_or("", |it| it.requested_procedure_id.expose()))
        .set(22, created)
        // CAT scan (table 0074).
        .set(24, "CT")
        .set(25, "P");
    obr
}

fn notes(case: &Case<'_>) -> Vec<Segment> {
    let notice =
        format!("{NOT_FOR_DIAGNOSTIC_USE}; automated screening, not verified by a physician");
    let replaced = case.supersedes.map(|id| {
        format!("replaces the result of message {} (MSH-10), which no longer holds", control_id(id))
    });
    let warnings = case.report.warnings.iter().map(|it| Warning::sentence(*it).to_owned());
    let texts = [notice].into_iter().chain(replaced).chain(warnings);
    let note = |(n, text): (usize, String)| {
        let mut nte = Segment::new("NTE");
        // From the filler (table 0105), a remark (table 0364).
        nte.set(1, (n + 1).to_string())
            .set(2, "L")
            .set(3, text)
            .set(4, ["RE", "Remark", "HL70364"]);
        nte
    };
    texts.enumerate().map(note).collect()
}

/// When the study was, by the scanner's clock; empty where it does not say.
fn study_time(case: &Case<'_>) -> String {
    let Some(date) = digits(case.patient.study_date.expose(), &[8]) else { return String::new() };
    let time = case.patient.study_time.expose();
    // Fractions of a second are of no use to anyone.
    let time = time.split('.').next().unwrap_or_default();
    format!("{date}{}", digits(time, &[4, 6]).unwrap_or_default())
}

/// A text that is so many digits.
fn digits<'a>(text: &'a str, lengths: &[usize]) -> Option<&'a str> {
    let is_one = lengths.contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    is_one.then_some(text)
}

#[cfg(test)]
mod tests;
