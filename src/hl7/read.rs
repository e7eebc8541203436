//! Messages of other systems: header, segments, fields as text (HL7 v2.5.1 chapter 2).
//!
//! hl7-parser takes a segment apart; what it takes for granted is checked before it: separators that differ, a
//! bounded number of them, and that each line is a segment. It is handed one segment at a time, when that is
//! looked at: taken apart, a message is some hundred times as large.

use hl7_parser::parser::parse_segment_with_separators;

use super::character_set;
use super::escape::{SEPARATORS, Separators, unescape};
use crate::error::{Dispose, Disposition};
use crate::limits;
use crate::phi::Phi;

/// What is no message that can be read. No text holds anything of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is too long.
    #[error(
        "the message is longer than {} bytes; send the report without the document, or the document alone",
        limits::HL7_MESSAGE_BYTES_MAX
    )]
    TooLong,
    /// It does not begin with a header.
    #[error("the message does not begin with an MSH segment")]
    NoHeader,
    /// MSH-1 and MSH-2 do not say what separates.
    #[error("MSH-1 and MSH-2 are no five different separators, for example `|^~\\&`")]
    Separators,
    /// MSH-10 is too long to be answered.
    #[error("MSH-10 is longer than {} bytes", limits::HL7_CONTROL_ID_BYTES_MAX)]
    ControlId,
    /// It has too many segments.
    #[error("the message has more than {} segments", limits::HL7_SEGMENTS_MAX)]
    TooManySegments,
    /// A segment has too many fields, repetitions and components.
    #[error("a segment has more than {} separators", limits::HL7_SEPARATORS_MAX)]
    TooManySeparators,
}

impl Dispose for ReadError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// What is used of the first segment (2.15.9 MSH). All may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// MSH-3, its components with carets between.
    pub sending_application: String,
    /// MSH-4, likewise.
    pub sending_facility: String,
    /// MSH-5, likewise.
    pub receiving_application: String,
    /// MSH-6, likewise.
    pub receiving_facility: String,
    /// MSH-9.1, for example `ORU`.
    pub message_code: String,
    /// MSH-9.2, for example `R01`.
    pub trigger_event: String,
    /// MSH-10. Some systems make it of the patient's numbers.
    pub control_id: Phi<String>,
    /// MSH-11.1.
    pub processing_id: String,
    /// MSH-12.1.
    pub version: String,
    /// MSH-18, its repetitions.
    pub character_sets: Vec<String>,
}

impl Header {
    /// The header of what may be no whole message.
    ///
    /// # Errors
    /// [`ReadError::NoHeader`], [`ReadError::Separators`] or [`ReadError::ControlId`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        Ok(read_header(bytes)?.0)
    }
}

fn read_header(bytes: &[u8]) -> Result<(Header, Separators), ReadError> {
    let start = bytes.iter().position(|byte| *byte == b'M').ok_or(ReadError::NoHeader)?;
    let before = &bytes[..start];
    // Line breaks and a byte-order mark are no reason to refuse a message.
    if !before.iter().all(|byte| byte.is_ascii_whitespace() || b"\xEF\xBB\xBF".contains(byte)) {
        return Err(ReadError::NoHeader);
    }
    let bytes = &bytes[start..];
    let end = bytes.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(bytes.len());
    let line = &bytes[..end.min(limits::HL7_HEADER_BYTES_MAX)];
    // Twice: what it is written in stands in it.
    let names = header_of(&character_set::decode(line, &[]))?.0.character_sets;
    let read = header_of(&character_set::decode(line, &names))?;
    if read.0.control_id.expose().len() > limits::HL7_CONTROL_ID_BYTES_MAX {
        return Err(ReadError::ControlId);
    }
    Ok(read)
}

fn header_of(line: &str) -> Result<(Header, Separators), ReadError> {
    let rest = line.strip_prefix("MSH").ok_or(ReadError::NoHeader)?;
    let field = rest.chars().next().ok_or(ReadError::NoHeader)?;
    let rest = &rest[field.len_utf8()..];
    let (encoding, rest) = rest.split_once(field).unwrap_or((rest, ""));
    let separators = separators(field, encoding).ok_or(ReadError::Separators)?;
    // As if it were any other segment, whose third field is MSH-3.
    let line = format!("MSH{field}{field}{field}{rest}");
    let msh = Segment::parse(&line, separators).ok_or(ReadError::Separators)?;
    let header = Header {
        sending_application: msh.components(3),
        sending_facility: msh.components(4),
        receiving_application: msh.components(5),
        receiving_facility: msh.components(6),
        message_code: msh.value(9, 1).to_ascii_uppercase(),
        trigger_event: msh.value(9, 2).to_ascii_uppercase(),
        control_id: Phi::new(msh.value(10, 1)),
        processing_id: msh.value(11, 1),
        version: msh.value(12, 1),
        character_sets: msh.repetitions(18).map(|it| it.text()).collect(),
    };
    Ok((header, separators))
}

/// Those of MSH-1 and MSH-2 (2.5.4). Where MSH-2 is short, the others are as the standard recommends; its fifth
/// character, for truncation in version 2.7, needs no separator.
fn separators(field: char, encoding: &str) -> Option<Separators> {
    let mut given = encoding.chars();
    let mut next = |usual: char| given.next().unwrap_or(usual);
    let separators = Separators {
        field,
        component: next(SEPARATORS.component),
        repetition: next(SEPARATORS.repetition),
        escape: next(SEPARATORS.escape),
        subcomponent: next(SEPARATORS.subcomponent),
    };
    let all = [
        separators.field,
        separators.component,
        separators.repetition,
        separators.escape,
        separators.subcomponent,
    ];
    let differ = (1..all.len()).all(|n| !all[..n].contains(&all[n]));
    (differ && all.iter().all(char::is_ascii_punctuation)).then_some(separators)
}

/// A message, its text decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    header: Header,
    separators: Separators,
    /// All but the first.
    segments: Phi<Vec<String>>,
}

impl Message {
    /// Reads a message, without the bytes around it ([`super::mllp`]). Segments may end with CR, LF or both. A line
    /// that is no segment belongs to the text in the segment before it: some senders break lines there.
    ///
    /// # Errors
    /// Each of [`ReadError`]; its answer is a refusal.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > limits::HL7_MESSAGE_BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        let (header, separators) = read_header(bytes)?;
        let text = character_set::decode(bytes, &header.character_sets);
        let segments = segments(text.trim_start(), &separators)?;
        let all = [
            separators.field,
            separators.component,
            separators.repetition,
            separators.subcomponent,
        ];
        let is_long = |segment: &String| segment.matches(all).count() > limits::HL7_SEPARATORS_MAX;
        if segments.iter().any(is_long) {
            return Err(ReadError::TooManySeparators);
        }
        Ok(Self { header, separators, segments: Phi::new(segments) })
    }

    /// Its first segment.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The segments after the first, in their order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let segments = self.segments.expose().iter();
        segments.filter_map(|segment| Segment::parse(segment, self.separators))
    }

    /// The first segment of that name.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<Segment<'_>> {
        let segments = self.segments.expose();
        let segment = segments.iter().find(|segment| segment.starts_with(name))?;
        Segment::parse(segment, self.separators)
    }
}

/// The lines of a message but the first; those that are no segments are joined to the one before.
fn segments(text: &str, separators: &Separators) -> Result<Vec<String>, ReadError> {
    let mut segments: Vec<String> = Vec::new();
    let mut n_breaks = 0;
    let text = text.replace("\r\n", "\r");
    for line in text.split(['\r', '\n']).skip(1) {
        n_breaks += 1;
        if is_segment(line, separators.field) {
            if segments.len() == limits::HL7_SEGMENTS_MAX {
                return Err(ReadError::TooManySegments);
            }
            segments.push(line.to_owned());
        } else if line.trim().is_empty() {
            continue;
        } else if let Some(segment) = segments.last_mut() {
            for _ in 0..n_breaks {
                segment.extend([separators.escape, '.', 'b', 'r', separators.escape]);
            }
            segment.push_str(line);
        }
        n_breaks = 0;
    }
    Ok(segments)
}

fn is_segment(line: &str, field: char) -> bool {
    let mut bytes = line.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
        && bytes
            .by_ref()
            .take(2)
            .filter(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            .count()
            == 2
        && bytes.next().map(char::from) == Some(field)
}

/// One segment, taken apart.
#[derive(Debug)]
pub struct Segment<'m> {
    parsed: Phi<hl7_parser::message::Segment<'m>>,
    separators: Separators,
}

impl<'m> Segment<'m> {
    fn parse(line: &'m str, separators: Separators) -> Option<Self> {
        let Separators { field, component, repetition, escape, subcomponent } = separators;
        let known = hl7_parser::message::Separators {
            field,
            component,
            subcomponent,
            repetition,
            escape,
            lenient_newlines: false,
        };
        // Its error quotes the message.
        let parsed = parse_segment_with_separators(line, known).ok()?;
        Some(Self { parsed: Phi::new(parsed), separators })
    }

    /// For example `OBX`.
    #[must_use]
    pub fn name(&self) -> &'m str {
        self.parsed.expose().name
    }

    /// A component of a field's first repetition, both numbered from 1; its first subcomponent, where it has several.
    /// Empty where there is none.
    #[must_use]
    pub fn value(&self, field: usize, component: usize) -> String {
        self.repetitions(field).next().map(|it| it.component(component)).unwrap_or_default()
    }

    /// The components of a field's first repetition, with carets between.
    #[must_use]
    pub fn components(&self, field: usize) -> String {
        let Some(first) = self.repetitions(field).next() else { return String::new() };
        let components: Vec<_> = (1..=first.n_components()).map(|n| first.component(n)).collect();
        components.join("^").trim_end_matches('^').to_owned()
    }

    /// All repetitions of a field, by its number from 1. A field that is empty has one.
    pub fn repetitions(&self, field: usize) -> impl Iterator<Item = Repetition<'_>> {
        let fields = &self.parsed.expose().fields;
        let field = field.checked_sub(1).and_then(|at| fields.get(at));
        let repeats = field.map(|it| it.repeats.as_slice()).unwrap_or_default();
        repeats
            .iter()
            .map(|parsed| Repetition { parsed: Phi::new(parsed), separators: self.separators })
    }
}

/// One value of a field.
#[derive(Debug)]
pub struct Repetition<'s> {
    parsed: Phi<&'s hl7_parser::message::Repeat<'s>>,
    separators: Separators,
}

impl Repetition<'_> {
    /// All of it as one text, for types that have no components: what looks like separators in it is text.
    /// Not trimmed.
    #[must_use]
    pub fn text(&self) -> String {
        self.unescaped(self.parsed.expose().raw_value())
    }

    /// A component by its number from 1, trimmed; its first subcomponent, where it has several.
    #[must_use]
    pub fn component(&self, number: usize) -> String {
        self.subcomponent(number, 1)
    }

    /// How many components there are.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.parsed.expose().components.len()
    }

    /// A subcomponent by the numbers, from 1, of its component and of itself, trimmed. Empty where there is none.
    #[must_use]
    pub fn subcomponent(&self, component: usize, number: usize) -> String {
        let components = &self.parsed.expose().components;
        let component = component.checked_sub(1).and_then(|at| components.get(at));
        let value =
            component.zip(number.checked_sub(1)).and_then(|(it, at)| it.subcomponents.get(at));
        self.unescaped(value.map_or("", |it| it.value)).trim().to_owned()
    }

    fn unescaped(&self, raw: &str) -> String {
        // "Delete what you have" (2.5.3): there is nothing.
        if raw == "\"\"" {
            return String::new();
        }
        unescape(raw, &self.separators)
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
