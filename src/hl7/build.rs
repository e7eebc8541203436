//! Messages of ours: segments, fields, repetitions, components (HL7 v2.5.1 chapter 2).
//!
//! Fields are set by the number that they have in the standard, so that code can be held against it:
//! ```
//! use parotidd::hl7::build::Segment;
//! let mut obr = Segment::new("OBR");
//! obr.set(1, "1").set(4, ["36813-4", "CT abdomen", "LN"]).set(25, "P");
//! assert_eq!(obr.encode(), "OBR|1|||36813-4^CT abdomen^LN|||||||||||||||||||||P");
//! ```

use super::escape::{SEPARATORS, escape};
use crate::phi::Phi;

/// Characters of MSH-10 in version 2.5.1 (2.15.9.10); receivers cut off what is longer.
pub const CONTROL_ID_CHARACTERS_MAX: usize = 20;
/// Version of all messages of ours (MSH-12).
pub const VERSION: &str = "2.5.1";

/// A part of a field, escaped: texts, or subcomponents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component(Phi<String>);

impl Component {
    /// Subcomponents; empty ones at the end are left out.
    #[must_use]
    pub fn of<const N: usize>(subcomponents: [&str; N]) -> Self {
        Self(Phi::new(join(subcomponents.map(escape), SEPARATORS.subcomponent)))
    }
}

impl From<&str> for Component {
    fn from(text: &str) -> Self {
        Self(Phi::new(escape(text)))
    }
}

/// The value of a field, escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field(Phi<String>);

impl Field {
    /// Components; empty ones at the end are left out.
    #[must_use]
    pub fn of(components: impl IntoIterator<Item = Component>) -> Self {
        let components = components.into_iter().map(|it| it.0.expose().clone());
        Self(Phi::new(join(components, SEPARATORS.component)))
    }

    /// Repetitions of a field.
    #[must_use]
    pub fn repeated(fields: impl IntoIterator<Item = Self>) -> Self {
        let fields = fields.into_iter().map(|it| it.0.expose().clone());
        Self(Phi::new(join(fields, SEPARATORS.repetition)))
    }

    /// What a person wrote with carets between its components, as a name in DICOM or `RIS^1.2.3^ISO` in settings.
    #[must_use]
    pub fn split(text: &str) -> Self {
        Self::of(text.split(SEPARATORS.component).map(Component::from))
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self(Phi::new(escape(text)))
    }
}

impl From<&String> for Field {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl<const N: usize> From<[&str; N]> for Field {
    fn from(components: [&str; N]) -> Self {
        Self::of(components.map(Component::from))
    }
}

impl<const N: usize> From<[Component; N]> for Field {
    fn from(components: [Component; N]) -> Self {
        Self::of(components)
    }
}

/// Joined, without separators at the end.
fn join(parts: impl IntoIterator<Item = String>, separator: char) -> String {
    let mut joined = String::new();
    for (n, part) in parts.into_iter().enumerate() {
        if n > 0 {
            joined.push(separator);
        }
        joined.push_str(&part);
    }
    joined.truncate(joined.trim_end_matches(separator).len());
    joined
}

/// One segment of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    name: &'static str,
    /// By their number, less one.
    fields: Vec<Field>,
}

impl Segment {
    /// An empty one.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// Sets a field by its number in the standard, which begins with 1.
    ///
    /// # Panics
    /// With number 0, which no field has.
    pub fn set(&mut self, number: usize, field: impl Into<Field>) -> &mut Self {
        let at = number.checked_sub(1).expect("the first field of a segment is 1");
        if self.fields.len() <= at {
            self.fields.resize_with(number, Field::default);
        }
        self.fields[at] = field.into();
        self
    }

    /// As it stands in a message, without its end.
    #[must_use]
    pub fn encode(&self) -> String {
        // MSH-1 is the separator after the name, and MSH-2 is not escaped (2.15.9.1, 2.15.9.2).
        let (start, n_written) = if self.name == "MSH" { ("MSH|^~\\&", 2) } else { (self.name, 0) };
        let fields = self.fields.iter().skip(n_written).map(|field| field.0.expose().clone());
        join([start.to_owned()].into_iter().chain(fields), SEPARATORS.field)
    }
}

/// What stands in the first segment (2.15.9 MSH). Applications and facilities may have components, with
/// carets between.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// MSH-3.
    pub sending_application: &'a str,
    /// MSH-4.
    pub sending_facility: &'a str,
    /// MSH-5.
    pub receiving_application: &'a str,
    /// MSH-6.
    pub receiving_facility: &'a str,
    /// MSH-7, as [`time`] gives it.
    pub time: &'a str,
    /// MSH-9: code, event, structure.
    pub message_type: [&'a str; 3],
    /// MSH-10, which answers name; at most [`CONTROL_ID_CHARACTERS_MAX`] characters.
    pub control_id: &'a str,
    /// MSH-11: `P` production, `T` training, `D` debugging.
    pub processing_id: &'a str,
    /// MSH-12.
    pub version: &'a str,
}

impl Header<'_> {
    fn segment(&self) -> Segment {
        let mut msh = Segment::new("MSH");
        msh.set(3, Field::split(self.sending_application))
            .set(4, Field::split(self.sending_facility))
            .set(5, Field::split(self.receiving_application))
            .set(6, Field::split(self.receiving_facility))
            .set(7, self.time)
            .set(9, self.message_type)
            .set(10, self.control_id)
            .set(11, self.processing_id)
            .set(12, self.version)
            .set(18, "UNICODE UTF-8");
        msh
    }
}

/// A whole message: each segment ends with a carriage return (2.5.2), and all of it is UTF-8.
#[must_use]
pub fn message(header: &Header<'_>, segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in [&header.segment()].into_iter().chain(segments) {
        text.push_str(&segment.encode());
        text.push('\r');
    }
    text
}

/// A point in time (2.A.22 DTM) in UTC, to the second.
#[must_use]
pub fn time(unix_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%d%H%M%S+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_at_their_numbers() {
        let mut pid = Segment::new("PID");
        pid.set(5, Field::split("Doe^Jane"))
            .set(
                3,
                [Component::from("A|1"), "".into(), "".into(), Component::of(["H", "1.2", "ISO"])],
            )
            .set(8, "");
        assert_eq!(pid.encode(), "PID|||A\\F\\1^^^H&1.2&ISO||Doe^Jane");
        pid.set(3, Field::repeated([["A1", ""].into(), Field::from(["B^2", "", "", "H"])]));
        assert_eq!(pid.encode(), "PID|||A1~B\\S\\2^^^H||Doe^Jane");
        assert_eq!(Segment::new("PV1").encode(), "PV1");
    }

    #[test]
    fn a_message_says_what_it_is_written_in() {
        let header = Header {
            sending_application: "PAROTIDD",
            sending_facility: "",
            receiving_application: "RIS^1.2.3^ISO",
            receiving_facility: "A & B",
            time: &time(1_767_225_600_999),
            message_type: ["ACK", "R01", "ACK"],
            control_id: "1",
            processing_id: "P",
            version: VERSION,
        };
        let mut nte = Segment::new("NTE");
        nte.set(3, "Müller");
        assert_eq!(
            message(&header, &[nte]),
            "MSH|^~\\&|PAROTIDD||RIS^1.2.3^ISO|A \\T\\ B|20260101000000+0000||ACK^R01^ACK|1|P|2.5.1||||||UNICODE UTF-8\r\
             NTE|||Müller\r"
        );
    }

    #[test]
    fn nothing_of_a_field_prints() {
        let mut pid = Segment::new("PID");
        pid.set(5, "Doe");
        assert!(!format!("{pid:?}").contains("Doe"));
    }
}
