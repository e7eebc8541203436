//! Whom and what a report is about, and who answers for it.

use super::Person;
use super::concept::Concept;
use crate::hl7::read::{Message, Repetition};
use crate::limits::HL7_IDENTIFIERS_MAX;
use crate::phi::Phi;

/// Characters of a UID (PS3.5 9.1).
const UID_CHARACTERS_MAX: usize = 64;

/// The patient's identifiers: of PID-3 those of a hospital (table 0203: MR, PI, PT, or no type) first, as the
/// scanner's Patient ID is one of these; then PID-2 and PID-4, where versions before 2.3.1 had them.
pub(super) fn patient_ids(message: &Message) -> Vec<Phi<String>> {
    let Some(pid) = message.segment("PID") else { return Vec::new() };
    let is_hospital = |it: &Repetition<'_>| {
        ["", "MR", "PI", "PT", "MRN"].contains(&it.component(5).to_ascii_uppercase().as_str())
    };
    let (first, others): (Vec<_>, Vec<_>) = pid.repetitions(3).partition(is_hospital);
    let ids = first.iter().chain(&others).map(|it| it.component(1)).collect::<Vec<_>>();
    unique(ids.into_iter().chain([pid.value(2, 1), pid.value(4, 1)])).map(Phi::new).collect()
}

/// Where an accession number may stand, the likeliest first. IHE RAD has it in OBR-18 (2.3.1, and results of 2.5.1:
/// Results Distribution, RAD-128) and IPC-1 (2.5.1, which results do not have but some send); RIS whose filler order
/// number it is, in OBR-3. OBR-20 is the scheduled step's number in IHE and the accession number for some vendors.
const ACCESSION_NUMBERS: [(&str, usize); 9] = [
    ("IPC", 1),
    ("OBR", 18),
    ("OBR", 3),
    ("ORC", 3),
    ("TXA", 15),
    ("OBR", 20),
    ("OBR", 2),
    ("ORC", 2),
    ("TXA", 14),
];

pub(super) fn accession_numbers(message: &Message) -> Vec<Phi<String>> {
    let numbers = ACCESSION_NUMBERS.iter().flat_map(|&(name, field)| {
        let segments = message.segments().filter(move |it| it.name() == name);
        segments.map(move |it| it.value(field, 1))
    });
    unique(numbers).map(Phi::new).collect()
}

pub(super) fn study_instance_uids(message: &Message) -> Vec<String> {
    let uids = message.segments().filter_map(|segment| match segment.name() {
        "IPC" => Some(segment.value(3, 1)),
        "ZDS" => Some(segment.value(1, 1)),
        "OBX" if Concept::of(&segment) == Concept::StudyInstanceUid => Some(segment.value(5, 1)),
        _ => None,
    });
    unique(uids.filter(|uid| is_uid(uid))).collect()
}

/// Whether it can be a UID.
pub(super) fn is_uid(text: &str) -> bool {
    (3..=UID_CHARACTERS_MAX).contains(&text.len())
        && text.contains('.')
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Reads one value of a field that names people.
type Reader = fn(&Repetition<'_>) -> Person;

/// OBR-32, the principal interpreter; of a document TXA-22, who authenticated it, else TXA-9, who dictated it, else
/// TXA-10, who is to sign it.
pub(super) fn signed_by(message: &Message) -> Vec<Person> {
    let people = |name: &str, field: usize, person: Reader| {
        let segments = message.segments().filter(|it| it.name() == name);
        let people =
            segments.flat_map(|it| it.repetitions(field).map(|it| person(&it)).collect::<Vec<_>>());
        let mut found: Vec<Person> = Vec::new();
        for person in people.filter(|it| *it != Person::default()) {
            if !found.contains(&person) && found.len() < HL7_IDENTIFIERS_MAX {
                found.push(person);
            }
        }
        found
    };
    let places: [(&str, usize, Reader); 4] = [
        ("TXA", 22, by_components),
        ("OBR", 32, interpreter),
        ("TXA", 9, by_components),
        ("TXA", 10, by_components),
    ];
    let found = places.into_iter().map(|(name, field, person)| people(name, field, person));
    found.into_iter().find(|people| !people.is_empty()).unwrap_or_default()
}

/// XCN and PPN: number, family name, given name.
fn by_components(it: &Repetition<'_>) -> Person {
    person(it.component(1), &it.component(2), &it.component(3))
}

/// NDL, whose first component has a person's parts as subcomponents (2.A.44); or XCN, as many send it.
fn interpreter(it: &Repetition<'_>) -> Person {
    let [family, given] = [2, 3].map(|n| it.subcomponent(1, n));
    // The second component of an NDL is a time.
    let is_name = |text: &str| text.contains(char::is_alphabetic);
    if family.is_empty() && given.is_empty() && is_name(&it.component(2)) {
        by_components(it)
    } else {
        person(it.component(1), &family, &given)
    }
}

/// A number alone may be a name.
fn person(id: String, family: &str, given: &str) -> Person {
    let name = format!("{family}^{given}").trim_end_matches('^').to_owned();
    let (id, name) = match name.is_empty() && !id.contains(|c: char| c.is_ascii_digit()) {
        true => (String::new(), id),
        false => (id, name),
    };
    Person { id: Phi::new(id), name: Phi::new(name) }
}

/// In their order, each once, none empty.
fn unique(values: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut found: Vec<String> = Vec::new();
    for value in values {
        if !value.is_empty() && !found.contains(&value) && found.len() < HL7_IDENTIFIERS_MAX {
            found.push(value);
        }
    }
    found.into_iter()
}
