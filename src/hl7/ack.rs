//! Acknowledgements: what is answered to a message, and what others answer to ours (HL7 v2.5.1 section 2.9.2,
//! original mode; table 0008).

use super::build::{self, Segment};
use super::read::{Header, Message, ReadError};
use crate::error::{Dispose, Disposition};
use crate::limits;
use crate::phi::Phi;

/// Whether a message was taken (MSA-1, table 0008). The codes of enhanced mode mean the same here: who answers
/// with them promises to keep the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// `AA`, `CA`: taken.
    Accept,
    /// `AE`, `CE`: not now.
    Error,
    /// `AR`, `CR`: never.
    Reject,
}

impl Code {
    /// As we write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "AA",
            Self::Error => "AE",
            Self::Reject => "AR",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "AA" | "CA" => Some(Self::Accept),
            "AE" | "CE" => Some(Self::Error),
            "AR" | "CR" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// What is wrong with a message (ERR-3, table 0357).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// 100: the segments are not in the order of their kind of message, or one is missing.
    SegmentSequence,
    /// 101: a field that is needed is empty.
    RequiredFieldMissing,
    /// 102: a field holds what it may not.
    DataType,
    /// 200: messages of this kind are not taken.
    UnsupportedMessageType,
    /// 201: nor are those of this event.
    UnsupportedEventCode,
    /// 204: nobody knows what it is about.
    UnknownKeyIdentifier,
    /// 207: anything else.
    ApplicationInternalError,
}

impl Condition {
    fn code_and_text(self) -> [&'static str; 2] {
        match self {
            Self::SegmentSequence => ["100", "Segment sequence error"],
            Self::RequiredFieldMissing => ["101", "Required field missing"],
            Self::DataType => ["102", "Data type error"],
            Self::UnsupportedMessageType => ["200", "Unsupported message type"],
            Self::UnsupportedEventCode => ["201", "Unsupported event code"],
            Self::UnknownKeyIdentifier => ["204", "Unknown key identifier"],
            Self::ApplicationInternalError => ["207", "Application internal error"],
        }
    }
}

/// What is answered to a message. Its text is for whoever looks after the sender: nothing of the message in it,
/// and in ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is ours now.
    Accepted,
    /// It is to be sent again, later.
    TryAgain(String),
    /// It will never be taken.
    Refused(Condition, String),
}

impl Answer {
    /// As MSA-1.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Accepted => Code::Accept,
            Self::TryAgain(_) => Code::Error,
            Self::Refused(..) => Code::Reject,
        }
    }
}

impl From<ReadError> for Answer {
    fn from(error: ReadError) -> Self {
        let condition = match error {
            ReadError::NoHeader => Condition::SegmentSequence,
            ReadError::Separators | ReadError::ControlId => Condition::DataType,
            ReadError::TooLong | ReadError::TooManySegments | ReadError::TooManySeparators => {
                Condition::ApplicationInternalError
            }
        };
        Self::Refused(condition, error.to_string())
    }
}

/// The acknowledgement of a message, in the version of the message: MSH, MSA and, where it was not taken and the
/// version has it so, ERR. `control_id` is its own; `time` is [`build::time`].
#[must_use]
pub fn acknowledge(to: &Header, answer: &Answer, control_id: &str, time: &str) -> String {
    let version = if to.version.is_empty() { build::VERSION } else { &to.version };
    let header = build::Header {
        sending_application: &to.receiving_application,
        sending_facility: &to.receiving_facility,
        receiving_application: &to.sending_application,
        receiving_facility: &to.sending_facility,
        time,
        message_type: ["ACK", &to.trigger_event, "ACK"],
        control_id,
        processing_id: if to.processing_id.is_empty() { "P" } else { &to.processing_id },
        version,
    };
    let (condition, text) = match answer {
        Answer::Accepted => (None, ""),
        Answer::TryAgain(text) => (Some(Condition::ApplicationInternalError), text.as_str()),
        Answer::Refused(condition, text) => (Some(*condition), text.as_str()),
    };
    let mut msa = Segment::new("MSA");
    msa.set(1, answer.code().as_str())
        .set(2, to.control_id.expose())
        .set(3, text.chars().take(limits::HL7_ACK_TEXT_CHARACTERS_MAX).collect::<String>());
    let mut segments = vec![msa];
    if let Some(condition) = condition
        && has_error_codes(version)
    {
        let [code, meaning] = condition.code_and_text();
        let mut err = Segment::new("ERR");
        err.set(3, [code, meaning, "HL70357"]).set(4, "E").set(8, text);
        segments.push(err);
    }
    build::message(&header, &segments)
}

/// ERR has its fields 3 to 8 since version 2.5.
fn has_error_codes(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    matches!((major, minor), (Some(Ok(2)), Some(Ok(5..))))
}

/// What is no acknowledgement. No text holds anything of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// It is no message.
    #[error("the answer is no HL7 message")]
    Read(#[from] ReadError),
    /// It is another message.
    #[error("the answer has no MSA segment")]
    NoMsa,
    /// It does not say whether ours was taken.
    #[error("MSA-1 of the answer is no code of table 0008, such as AA")]
    Code,
}

impl Dispose for AckError {
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// What another system answered to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Whether it was taken.
    pub code: Code,
    /// MSH-10 of the message that it is about (MSA-2).
    pub about: Phi<String>,
    /// What is wrong with it, by number (ERR-3.1, table 0357), where that is said.
    pub condition: Option<u16>,
    /// What is said about it, at most [`limits::RECEIPT_BYTES_MAX`] bytes. Some systems name the patient in it.
    pub text: Phi<String>,
}

impl Acknowledgement {
    /// Reads an answer.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, AckError> {
        let message = Message::read(bytes)?;
        let msa = message.segment("MSA").ok_or(AckError::NoMsa)?;
        let code = Code::parse(&msa.value(1, 1)).ok_or(AckError::Code)?;
        let err = message.segment("ERR");
        let err = |field, component| {
            err.as_ref().map(|it| it.value(field, component)).unwrap_or_default()
        };
        // User message, diagnostic information, the meaning of the code.
        let texts = [msa.value(3, 1), err(8, 1), err(7, 1), err(3, 2)];
        let mut text = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        text.truncate(text.floor_char_boundary(limits::RECEIPT_BYTES_MAX));
        Ok(Self {
            code,
            about: Phi::new(msa.value(2, 1)),
            // Before version 2.5 it was a part of ERR-1.
            condition: [err(3, 1), err(1, 4)].iter().find_map(|code| code.parse().ok()),
            text: Phi::new(text),
        })
    }

    /// For the record: the code, and on lines after it what was said.
    #[must_use]
    pub fn receipt(&self) -> String {
        format!("{}\n{}", self.code.as_str(), self.text.expose()).trim_end().to_owned()
    }
}

impl std::fmt::Display for Acknowledgement {
    /// Code and condition, nothing that may name a patient.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.as_str())?;
        match self.condition {
            Some(condition) => write!(f, ", condition {condition} of table 0357"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "20260101000000+0000";

    fn header(version: &str) -> Header {
        let text = format!(
            "MSH|^~\\&|RIS^1.2^ISO|CLINIC|PAROTIDD|CT|2026||ORU^R01^ORU_R01|M\\T\\1|T|{version}"
        );
        Header::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_message_is_answered_where_it_came_from() {
        let answer = acknowledge(&header("2.5.1"), &Answer::Accepted, "7", TIME);
        assert_eq!(
            answer,
            "MSH|^~\\&|PAROTIDD|CT|RIS^1.2^ISO|CLINIC|20260101000000+0000||ACK^R01^ACK|7|T|2.5.1||||||UNICODE UTF-8\r\
             MSA|AA|M\\T\\1\r"
        );
    }

    #[test]
    fn what_is_wrong_is_said_as_the_version_has_it() {
        let refused = Answer::Refused(Condition::UnsupportedMessageType, "send ORU or MDM".into());
        let answer = |version: &str, answer: &Answer| {
            let text = acknowledge(&header(version), answer, "7", TIME);
            text.split_once('\r').unwrap().1.to_owned()
        };
        let err = "ERR|||200^Unsupported message type^HL70357|E||||send ORU or MDM\r";
        assert_eq!(answer("2.5.1", &refused), format!("MSA|AR|M\\T\\1|send ORU or MDM\r{err}"));
        assert_eq!(answer("2.7", &refused), format!("MSA|AR|M\\T\\1|send ORU or MDM\r{err}"));
        for old in ["2.3", "2.3.1", "2.4"] {
            assert_eq!(answer(old, &refused), "MSA|AR|M\\T\\1|send ORU or MDM\r", "{old}");
        }
        let later = Answer::TryAgain("x".repeat(200));
        let answer = answer("2.3", &later);
        assert_eq!(answer, format!("MSA|AE|M\\T\\1|{}\r", "x".repeat(80)));
    }

    #[test]
    fn answers_of_others_are_read() {
        let check = |segments: &str, expected: Result<(Code, Option<u16>, &str), AckError>| {
            let text = format!("MSH|^~\\&|A||B||2026||ACK|1|P|2.5.1\r{segments}");
            let got = Acknowledgement::read(text.as_bytes());
            let got = got.map(|it| {
                assert_eq!(it.about.expose(), "M&1");
                (it.code, it.condition, it.text.expose().clone())
            });
            let expected =
                expected.map(|(code, condition, text)| (code, condition, text.to_owned()));
            assert_eq!(got, expected, "{segments}");
        };
        check("MSA|AA|M\\T\\1", Ok((Code::Accept, None, "")));
        check("MSA|CA|M\\T\\1|Stored", Ok((Code::Accept, None, "Stored")));
        check("MSA|AE|M\\T\\1|Busy\rERR|||207|E", Ok((Code::Error, Some(207), "Busy")));
        check(
            "MSA|CE|M\\T\\1\rERR|||207^Internal^HL70357|E||||Busy",
            Ok((Code::Error, Some(207), "Busy")),
        );
        check(
            "MSA|AR|M\\T\\1\rERR|||204^Unknown key^HL70357|E",
            Ok((Code::Reject, Some(204), "Unknown key")),
        );
        check("MSA|CR|M\\T\\1\rERR|PID^1^3^204&Unknown", Ok((Code::Reject, Some(204), "")));
        check("MSA|OK|M\\T\\1", Err(AckError::Code));
        check("MSA", Err(AckError::NoMsa));
        check("PID|1", Err(AckError::NoMsa));
        assert_eq!(
            Acknowledgement::read(b"HTTP/1.1 400").unwrap_err(),
            AckError::Read(ReadError::NoHeader)
        );
    }

    #[test]
    fn what_is_written_is_read() {
        for answer in [
            Answer::Accepted,
            Answer::TryAgain("a|b".into()),
            Answer::Refused(Condition::DataType, "c".into()),
            ReadError::TooLong.into(),
        ] {
            let text = acknowledge(&header("2.5.1"), &answer, "7", TIME);
            let read = Acknowledgement::read(text.as_bytes()).unwrap();
            assert_eq!((read.code, read.about.expose().as_str()), (answer.code(), "M&1"));
        }
    }

    #[test]
    fn only_codes_print() {
        let text = b"MSH|^~\\&|\rMSA|AR|M1|no patient DOE\rERR|||204";
        let answer = Acknowledgement::read(text).unwrap();
        assert_eq!(answer.to_string(), "AR, condition 204 of table 0357");
        assert!(!format!("{answer:?}").contains("DOE"));
        assert_eq!(answer.receipt(), "AR\nno patient DOE");
    }
}
