//! A-ASSOCIATE-RQ as a value (PS3.8 9.3.2).
//!
//! Our own reader: unknown items are skipped as 9.3.1 asks, context ids are checked, and every
//! length is checked against the bytes that are there.

use dicom_ul::pdu::{PresentationContextProposed, RequestorRoles};

/// A request that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the association request ends too early")]
    Truncated,
    #[error("the association request has no application context")]
    NoApplicationContext,
    #[error("presentation context id {0} is even or used twice")]
    ContextId(u8),
    #[error("presentation context {0} has no abstract syntax")]
    NoAbstractSyntax(u8),
}

/// What a peer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AssociateRequest {
    pub(super) protocol_version: u16,
    /// As sent; may be blank or nonsense.
    pub(super) called_ae: String,
    pub(super) calling_ae: String,
    pub(super) application_context: String,
    pub(super) contexts: Vec<PresentationContextProposed>,
    /// Roles that it proposes, by SOP class (PS3.7 D.3.3.4).
    pub(super) roles: Vec<(String, RequestorRoles)>,
    /// Maximum length it can receive; 0 where it states none.
    pub(super) pdu_bytes_max: u32,
}

/// Item types (PS3.8 9.3.2 and annex D).
mod item {
    pub(super) const APPLICATION_CONTEXT: u8 = 0x10;
    pub(super) const PRESENTATION_CONTEXT: u8 = 0x20;
    pub(super) const ABSTRACT_SYNTAX: u8 = 0x30;
    pub(super) const TRANSFER_SYNTAX: u8 = 0x40;
    pub(super) const USER_INFORMATION: u8 = 0x50;
    pub(super) const MAXIMUM_LENGTH: u8 = 0x51;
    pub(super) const ROLES: u8 = 0x54;
}

/// Version, reserved, two AE titles, reserved.
const FIXED_BYTES: usize = 2 + 2 + 16 + 16 + 32;

impl AssociateRequest {
    /// Reads the body of the PDU.
    pub(super) fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let (fixed, variable) =
            body.split_first_chunk::<FIXED_BYTES>().ok_or(RequestError::Truncated)?;
        let mut request = Self {
            protocol_version: u16::from_be_bytes([fixed[0], fixed[1]]),
            called_ae: text(&fixed[4..20]),
            calling_ae: text(&fixed[20..36]),
            application_context: String::new(),
            contexts: Vec::new(),
            roles: Vec::new(),
            pdu_bytes_max: 0,
        };
        for item in items(variable) {
            let (kind, value) = item?;
            match kind {
                item::APPLICATION_CONTEXT => request.application_context = text(value),
                item::PRESENTATION_CONTEXT => request.push_context(value)?,
                item::USER_INFORMATION => request.read_user_information(value)?,
                _ => {}
            }
        }
        if request.application_context.is_empty() {
            return Err(RequestError::NoApplicationContext);
        }
        Ok(request)
    }

    fn push_context(&mut self, value: &[u8]) -> Result<(), RequestError> {
        let (&[id, _, _, _], syntaxes) =
            value.split_first_chunk::<4>().ok_or(RequestError::Truncated)?;
        if id % 2 == 0 || self.contexts.iter().any(|context| context.id == id) {
            return Err(RequestError::ContextId(id));
        }
        let mut abstract_syntax = None;
        let mut transfer_syntaxes = Vec::new();
        for item in items(syntaxes) {
            match item? {
                (item::ABSTRACT_SYNTAX, value) => abstract_syntax = Some(text(value)),
                (item::TRANSFER_SYNTAX, value) => transfer_syntaxes.push(text(value)),
                _ => {}
            }
        }
        let abstract_syntax = abstract_syntax.ok_or(RequestError::NoAbstractSyntax(id))?;
        self.contexts.push(PresentationContextProposed { id, abstract_syntax, transfer_syntaxes });
        Ok(())
    }

    /// Of user information only the maximum length and roles matter; extended negotiation and identity
    /// are left unanswered, which declines them (PS3.7 D.3.3).
    fn read_user_information(&mut self, value: &[u8]) -> Result<(), RequestError> {
        for item in items(value) {
            match item? {
                (item::MAXIMUM_LENGTH, &[a, b, c, d]) => {
                    self.pdu_bytes_max = u32::from_be_bytes([a, b, c, d]);
                }
                (item::ROLES, value) => self.roles.extend(roles(value)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Length of the UID, the UID, and a byte for each role (PS3.7 table D.3-9). What is none is left unanswered too.
fn roles(value: &[u8]) -> Option<(String, RequestorRoles)> {
    let (length, rest) = value.split_first_chunk()?;
    let (uid, roles) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let &[scu, scp] = roles else { return None };
    Some((text(uid), RequestorRoles { scu: scu == 1, scp: scp == 1 }))
}

/// Items: type, reserved byte, 16-bit length, value.
fn items(bytes: &[u8]) -> impl Iterator<Item = Result<(u8, &[u8]), RequestError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = rest.split_first_chunk::<4>().and_then(|(&[kind, _, high, low], behind)| {
            let length = usize::from(u16::from_be_bytes([high, low]));
            behind.split_at_checked(length).map(|(value, behind)| (kind, value, behind))
        });
        let Some((kind, value, behind)) = split else {
            rest = &[];
            return Some(Err(RequestError::Truncated));
        };
        rest = behind;
        Some(Ok((kind, value)))
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&[kind, 0][..], &length.to_be_bytes(), value].concat()
    }

    fn context(id: u8, inner: &[Vec<u8>]) -> Vec<u8> {
        encode(0x20, &[&[id, 0, 0, 0][..], &inner.concat()].concat())
    }

    fn fixed() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(b"PAROTIDD        ");
        bytes.extend(b"CT1             ");
        bytes.extend([0; 32]);
        bytes
    }

    fn request(items: &[Vec<u8>]) -> Result<AssociateRequest, RequestError> {
        AssociateRequest::parse(&[fixed(), items.concat()].concat())
    }

    #[test]
    fn a_request_is_read_and_unknown_items_are_skipped() {
        let read = request(&[
            encode(0x99, b"unknown"),
            encode(0x10, b"1.2.840.10008.3.1.1.1"),
            context(1, &[encode(0x30, b"1.1\0"), encode(0x77, b"?"), encode(0x40, b"1.2")]),
            context(255, &[encode(0x30, b"1.3")]),
            encode(
                0x50,
                &[
                    encode(0x58, b"\x01\0\xFF\xFF"),
                    encode(0x54, b"\0\x03"),
                    encode(0x54, b"\0\x031.2\0\x01"),
                    encode(0x51, &[0, 1, 0, 0]),
                ]
                .concat(),
            ),
        ])
        .unwrap();
        assert_eq!((read.called_ae.as_str(), read.calling_ae.as_str()), ("PAROTIDD", "CT1"));
        assert_eq!(read.pdu_bytes_max, 65_536);
        assert_eq!(read.roles, [("1.2".to_owned(), RequestorRoles { scu: false, scp: true })]);
        assert_eq!(read.contexts.len(), 2);
        assert_eq!(read.contexts[0].abstract_syntax, "1.1");
        assert_eq!(read.contexts[0].transfer_syntaxes, ["1.2"]);
    }

    #[test]
    fn bad_requests_are_refused() {
        let check = |items: &[Vec<u8>], expected: RequestError| {
            assert_eq!(request(items), Err(expected));
        };
        let name = encode(0x10, b"1.2");
        check(&[], RequestError::NoApplicationContext);
        check(&[name.clone(), vec![0x20, 0, 255, 255, 1]], RequestError::Truncated);
        check(&[name.clone(), vec![0x20]], RequestError::Truncated);
        check(&[name.clone(), encode(0x20, b"\x01")], RequestError::Truncated);
        check(&[name.clone(), context(2, &[])], RequestError::ContextId(2));
        check(&[name.clone(), context(1, &[])], RequestError::NoAbstractSyntax(1));
        let one = context(1, &[encode(0x30, b"1.1")]);
        check(&[name, one.clone(), one], RequestError::ContextId(1));
        assert_eq!(AssociateRequest::parse(&[0; 67]), Err(RequestError::Truncated));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = AssociateRequest::parse(&[fixed(), bytes].concat());
        }
    }
}
