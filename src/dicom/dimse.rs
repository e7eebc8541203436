//! DIMSE messages as values: command sets in, command sets out, no socket.
//!
//! A command set is a run of group 0000 elements in Implicit VR Little Endian (PS3.7 6.3.1). We
//! answer C-ECHO and C-STORE; of anything else we read enough to say that we do not do it.

use crate::dicom::uid::{SopClassUid, SopInstanceUid};
use crate::error::Disposition;
use crate::limits;

/// Command Field (0000,0100) values (PS3.7 annex E.1).
mod field {
    pub(super) const C_STORE_RQ: u16 = 0x0001;
    pub(super) const C_FIND_RQ: u16 = 0x0020;
    pub(super) const C_ECHO_RQ: u16 = 0x0030;
    pub(super) const C_CANCEL_RQ: u16 = 0x0FFF;
    pub(super) const N_EVENT_REPORT_RQ: u16 = 0x0100;
    pub(super) const N_ACTION_RQ: u16 = 0x0130;
    /// Set in every response.
    pub(super) const RESPONSE: u16 = 0x8000;
}

/// Elements of group 0000 by element number (PS3.7 annex E.1).
mod element {
    pub(super) const GROUP_LENGTH: u16 = 0x0000;
    pub(super) const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
    pub(super) const REQUESTED_SOP_CLASS_UID: u16 = 0x0003;
    pub(super) const COMMAND_FIELD: u16 = 0x0100;
    pub(super) const MESSAGE_ID: u16 = 0x0110;
    pub(super) const MESSAGE_ID_RESPONDED_TO: u16 = 0x0120;
    pub(super) const PRIORITY: u16 = 0x0700;
    pub(super) const DATA_SET_TYPE: u16 = 0x0800;
    pub(super) const STATUS: u16 = 0x0900;
    pub(super) const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
    pub(super) const REQUESTED_SOP_INSTANCE_UID: u16 = 0x1001;
    pub(super) const EVENT_TYPE_ID: u16 = 0x1002;
    pub(super) const ACTION_TYPE_ID: u16 = 0x1008;
}

/// Command Data Set Type (0000,0800): no data set follows.
const NO_DATA_SET: u16 = 0x0101;
/// What we send where one follows; any other value would do.
const DATA_SET: u16 = 0x0001;
/// Priority (0000,0700): medium.
const PRIORITY_MEDIUM: u16 = 0x0000;

/// A command set that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DimseError {
    /// Longer than [`limits::COMMAND_BYTES_MAX`].
    #[error("command set of more than {} bytes", limits::COMMAND_BYTES_MAX)]
    TooLong,
    /// An element's length exceeds the bytes that are there.
    #[error("command element (0000,{element:04X}) is longer than the command set")]
    Length {
        /// Its number in group 0000.
        element: u16,
    },
    /// An element of another group.
    #[error("element of group {0:04X} in a command set")]
    Group(u16),
    /// A required element is absent or has the wrong length.
    #[error("command element (0000,{element:04X}) is missing or malformed")]
    Element {
        /// Its number in group 0000.
        element: u16,
    },
}

impl crate::error::Dispose for DimseError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// Status of a response (PS3.7 annex C; C-STORE: 9.1.1.1.9, PS3.4 B.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreStatus {
    /// 0000H: done, and durable.
    Success,
    /// 0117H: the SOP Instance UID is no UID.
    InvalidSopInstance,
    /// 0122H: that SOP class is not taken, or not on this presentation context.
    SopClassNotSupported,
    /// 0211H: we do not do that operation.
    UnrecognizedOperation,
    /// 0212H: a parameter is missing.
    MistypedArgument,
    /// A700H: no room, no disk, over a limit; the sender should try again.
    OutOfResources,
    /// A900H: class or instance differ between the command and the data set.
    DataSetDoesNotMatchSopClass,
    /// C000H: the data set can't be read.
    CannotUnderstand,
    /// Whatever else a peer answered.
    Other(u16),
}

impl StoreStatus {
    const KNOWN: [Self; 8] = [
        Self::Success,
        Self::InvalidSopInstance,
        Self::SopClassNotSupported,
        Self::UnrecognizedOperation,
        Self::MistypedArgument,
        Self::OutOfResources,
        Self::DataSetDoesNotMatchSopClass,
        Self::CannotUnderstand,
    ];

    /// The value of Status (0000,0900).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::InvalidSopInstance => 0x0117,
            Self::SopClassNotSupported => 0x0122,
            Self::UnrecognizedOperation => 0x0211,
            Self::MistypedArgument => 0x0212,
            Self::OutOfResources => 0xA700,
            Self::DataSetDoesNotMatchSopClass => 0xA900,
            Self::CannotUnderstand => 0xC000,
            Self::Other(code) => code,
        }
    }

    /// The status with that code.
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        let known = Self::KNOWN.into_iter().find(|status| status.code() == code);
        known.unwrap_or(Self::Other(code))
    }

    /// Whether the peer has the instance: success, or one of the warnings (0001H, 0107H, 0116H, Bxxx).
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self.code(), 0x0000 | 0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF)
    }

    /// Whether sending it again later may help (A7xx: out of resources; 0213H: resource limitation).
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self.code(), 0xA700..=0xA7FF | 0x0213)
    }
}

impl std::fmt::Display for StoreStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04X}H", self.code())
    }
}

impl From<Disposition> for StoreStatus {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Reject => Self::CannotUnderstand,
            // The scanner keeps its copy and sends again; that is what we want in both cases.
            Disposition::Retry | Disposition::Fatal => Self::OutOfResources,
        }
    }
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// C-ECHO-RQ.
    Echo {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Whether a data set follows (it should not).
        has_data_set: bool,
    },
    /// C-STORE-RQ.
    Store(StoreRequest),
    /// N-ACTION-RQ.
    Action(ActionRequest),
    /// C-CANCEL-RQ: asks nothing of us, and is not answered.
    Cancel,
    /// A response.
    Response(Response),
    /// A request that we do not do.
    Unsupported {
        /// Command Field (0000,0100).
        field: u16,
        /// Message ID (0000,0110).
        message_id: u16,
        /// Whether a data set follows.
        has_data_set: bool,
    },
}

/// C-STORE-RQ (PS3.7 9.3.1.1). UIDs are kept as sent: a bad one has its own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Affected SOP Class UID (0000,0002), unpadded.
    pub sop_class: String,
    /// Affected SOP Instance UID (0000,1000), unpadded.
    pub sop_instance: String,
    /// Whether a data set follows (it must).
    pub has_data_set: bool,
}

/// N-ACTION-RQ (PS3.7 10.3.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRequest {
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Requested SOP Class UID (0000,0003), unpadded.
    pub sop_class: String,
    /// Requested SOP Instance UID (0000,1001), unpadded.
    pub sop_instance: String,
    /// Action Type ID (0000,1008).
    pub action_type: u16,
    /// Whether a data set follows.
    pub has_data_set: bool,
}

/// Status of an N-ACTION-RSP (PS3.7 10.1.4.1.10, annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionStatus {
    /// 0000H.
    Success,
    /// 0110H: it could not be done.
    ProcessingFailure,
    /// 0112H: there is no such instance.
    NoSuchSopInstance,
    /// 0115H: what came with it makes no sense.
    InvalidArgument,
    /// 0123H: there is no such action.
    NoSuchAction,
}

impl ActionStatus {
    fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::ProcessingFailure => 0x0110,
            Self::NoSuchSopInstance => 0x0112,
            Self::InvalidArgument => 0x0115,
            Self::NoSuchAction => 0x0123,
        }
    }
}

/// A response to any request, as far as we read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Command Field (0000,0100), with the response bit.
    pub field: u16,
    /// Message ID Being Responded To (0000,0120).
    pub message_id: u16,
    /// Status (0000,0900).
    pub status: StoreStatus,
}

impl Response {
    /// Whether it answers an N-EVENT-REPORT-RQ.
    #[must_use]
    pub fn is_of_event_report(&self) -> bool {
        self.field == field::N_EVENT_REPORT_RQ | field::RESPONSE
    }

    /// Whether it answers a C-FIND-RQ.
    #[must_use]
    pub fn is_of_find(&self) -> bool {
        self.field == field::C_FIND_RQ | field::RESPONSE
    }
}

impl Command {
    /// Reads a complete command set.
    pub fn parse(bytes: &[u8]) -> Result<Self, DimseError> {
        let set = CommandSet::parse(bytes)?;
        let field = set.u16(element::COMMAND_FIELD)?;
        if field == field::C_CANCEL_RQ {
            return Ok(Self::Cancel);
        }
        if field & field::RESPONSE != 0 {
            let message_id = set.u16(element::MESSAGE_ID_RESPONDED_TO)?;
            let status = StoreStatus::from_code(set.u16(element::STATUS)?);
            return Ok(Self::Response(Response { field, message_id, status }));
        }
        let message_id = set.u16(element::MESSAGE_ID)?;
        let has_data_set = set.u16(element::DATA_SET_TYPE)? != NO_DATA_SET;
        Ok(match field {
            field::C_ECHO_RQ => Self::Echo { message_id, has_data_set },
            field::C_STORE_RQ => Self::Store(StoreRequest {
                message_id,
                sop_class: set.text(element::AFFECTED_SOP_CLASS_UID),
                sop_instance: set.text(element::AFFECTED_SOP_INSTANCE_UID),
                has_data_set,
            }),
            field::N_ACTION_RQ => Self::Action(ActionRequest {
                message_id,
                sop_class: set.text(element::REQUESTED_SOP_CLASS_UID),
                sop_instance: set.text(element::REQUESTED_SOP_INSTANCE_UID),
                action_type: set.u16(element::ACTION_TYPE_ID)?,
                has_data_set,
            }),
            _ => Self::Unsupported { field, message_id, has_data_set },
        })
    }
}

/// The elements of a command set, as slices of it.
struct CommandSet<'a> {
    elements: Vec<(u16, &'a [u8])>,
}

impl<'a> CommandSet<'a> {
    fn parse(mut bytes: &'a [u8]) -> Result<Self, DimseError> {
        if bytes.len() > limits::COMMAND_BYTES_MAX {
            return Err(DimseError::TooLong);
        }
        let mut elements = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
            let group = u16::from_le_bytes([head[0], head[1]]);
            let element = u16::from_le_bytes([head[2], head[3]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            if group != 0 {
                return Err(DimseError::Group(group));
            }
            let value = usize::try_from(length)
                .ok()
                .and_then(|length| rest.split_at_checked(length))
                .ok_or(DimseError::Length { element })?;
            elements.push((element, value.0));
            bytes = value.1;
        }
        // Up to seven bytes that can't hold an element: padding of a careless sender.
        Ok(Self { elements })
    }

    fn value(&self, element: u16) -> Option<&'a [u8]> {
        self.elements.iter().find(|(number, _)| *number == element).map(|(_, value)| *value)
    }

    fn u16(&self, element: u16) -> Result<u16, DimseError> {
        match self.value(element) {
            Some(&[low, high]) => Ok(u16::from_le_bytes([low, high])),
            _ => Err(DimseError::Element { element }),
        }
    }

    fn text(&self, element: u16) -> String {
        let text = String::from_utf8_lossy(self.value(element).unwrap_or_default());
        text.trim_end_matches(['\0', ' ']).to_owned()
    }
}

/// Builds a command set; elements are pushed in ascending order (PS3.7 6.3.1).
#[derive(Default)]
struct Encoder(Vec<u8>);

impl Encoder {
    fn element(mut self, element: u16, value: &[u8]) -> Self {
        let padded = value.len() + value.len() % 2;
        let length = u32::try_from(padded).expect("command values are short");
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(value);
        // UIDs are the only values of odd length here, and are padded with NUL (PS3.5 9.1).
        self.0.resize(self.0.len() + padded - value.len(), 0);
        self
    }

    fn u16(self, element: u16, value: u16) -> Self {
        self.element(element, &value.to_le_bytes())
    }

    fn uid(self, element: u16, uid: Option<&str>) -> Self {
        match uid {
            Some(uid) => self.element(element, uid.as_bytes()),
            None => self,
        }
    }

    fn finish(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("command sets are short");
        let mut set = Self::default().element(element::GROUP_LENGTH, &length.to_le_bytes()).0;
        set.extend_from_slice(&self.0);
        set
    }
}

/// C-ECHO-RQ (PS3.7 9.3.5.1).
#[must_use]
pub fn echo_request(message_id: u16) -> Vec<u8> {
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, Some(dicom_dictionary_std::uids::VERIFICATION))
        .u16(element::COMMAND_FIELD, field::C_ECHO_RQ)
        .u16(element::MESSAGE_ID, message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .finish()
}

/// C-ECHO-RSP with success (PS3.7 9.3.5.2).
#[must_use]
pub fn echo_response(message_id: u16) -> Vec<u8> {
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, Some(dicom_dictionary_std::uids::VERIFICATION))
        .u16(element::COMMAND_FIELD, field::C_ECHO_RQ | field::RESPONSE)
        .u16(element::MESSAGE_ID_RESPONDED_TO, message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .u16(element::STATUS, StoreStatus::Success.code())
        .finish()
}

/// C-STORE-RQ; a data set follows (PS3.7 9.3.1.1).
#[must_use]
pub fn store_request(message_id: u16, class: &SopClassUid, instance: &SopInstanceUid) -> Vec<u8> {
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, Some(class.as_str()))
        .u16(element::COMMAND_FIELD, field::C_STORE_RQ)
        .u16(element::MESSAGE_ID, message_id)
        .u16(element::PRIORITY, PRIORITY_MEDIUM)
        .u16(element::DATA_SET_TYPE, DATA_SET)
        .uid(element::AFFECTED_SOP_INSTANCE_UID, Some(instance.as_str()))
        .finish()
}

/// C-STORE-RSP (PS3.7 9.3.1.2). UIDs that are none are left out, not echoed.
#[must_use]
pub fn store_response(request: &StoreRequest, status: StoreStatus) -> Vec<u8> {
    let class = request.sop_class.parse::<SopClassUid>().ok();
    let instance = request.sop_instance.parse::<SopInstanceUid>().ok();
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, class.as_ref().map(SopClassUid::as_str))
        .u16(element::COMMAND_FIELD, field::C_STORE_RQ | field::RESPONSE)
        .u16(element::MESSAGE_ID_RESPONDED_TO, request.message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .u16(element::STATUS, status.code())
        .uid(element::AFFECTED_SOP_INSTANCE_UID, instance.as_ref().map(SopInstanceUid::as_str))
        .finish()
}

/// C-FIND-RQ; an identifier follows (PS3.7 9.3.2.1).
#[must_use]
pub fn find_request(message_id: u16, sop_class: &str) -> Vec<u8> {
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, Some(sop_class))
        .u16(element::COMMAND_FIELD, field::C_FIND_RQ)
        .u16(element::MESSAGE_ID, message_id)
        .u16(element::PRIORITY, PRIORITY_MEDIUM)
        .u16(element::DATA_SET_TYPE, DATA_SET)
        .finish()
}

/// C-CANCEL-RQ of the request with that id (PS3.7 9.3.2.3).
#[must_use]
pub fn cancel_request(message_id: u16) -> Vec<u8> {
    Encoder::default()
        .u16(element::COMMAND_FIELD, field::C_CANCEL_RQ)
        .u16(element::MESSAGE_ID_RESPONDED_TO, message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .finish()
}

/// N-ACTION-RSP (PS3.7 10.3.4.2).
#[must_use]
pub fn action_response(request: &ActionRequest, status: ActionStatus) -> Vec<u8> {
    let class = request.sop_class.parse::<SopClassUid>().ok();
    let instance = request.sop_instance.parse::<SopInstanceUid>().ok();
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, class.as_ref().map(SopClassUid::as_str))
        .u16(element::COMMAND_FIELD, field::N_ACTION_RQ | field::RESPONSE)
        .u16(element::MESSAGE_ID_RESPONDED_TO, request.message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .u16(element::STATUS, status.code())
        .uid(element::AFFECTED_SOP_INSTANCE_UID, instance.as_ref().map(SopInstanceUid::as_str))
        .u16(element::ACTION_TYPE_ID, request.action_type)
        .finish()
}

/// N-EVENT-REPORT-RQ; a data set follows (PS3.7 10.3.1.1).
#[must_use]
pub fn event_report_request(
    message_id: u16,
    sop_class: &str,
    sop_instance: &str,
    event_type: u16,
) -> Vec<u8> {
    Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, Some(sop_class))
        .u16(element::COMMAND_FIELD, field::N_EVENT_REPORT_RQ)
        .u16(element::MESSAGE_ID, message_id)
        .u16(element::DATA_SET_TYPE, DATA_SET)
        .uid(element::AFFECTED_SOP_INSTANCE_UID, Some(sop_instance))
        .u16(element::EVENT_TYPE_ID, event_type)
        .finish()
}

/// The answer to a request that we do not do: its own response field with 0211H.
#[must_use]
pub fn unrecognized_response(request_field: u16, message_id: u16) -> Vec<u8> {
    Encoder::default()
        .u16(element::COMMAND_FIELD, request_field | field::RESPONSE)
        .u16(element::MESSAGE_ID_RESPONDED_TO, message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .u16(element::STATUS, StoreStatus::UnrecognizedOperation.code())
        .finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn store(instance: &str) -> StoreRequest {
        StoreRequest {
            message_id: 7,
            sop_class: CLASS.to_owned(),
            sop_instance: instance.to_owned(),
            has_data_set: true,
        }
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let check = |bytes: Vec<u8>, expected: Command| {
            let group_length = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
            assert_eq!(group_length as usize, bytes.len() - 12);
            assert_eq!(Command::parse(&bytes), Ok(expected));
        };
        check(echo_request(3), Command::Echo { message_id: 3, has_data_set: false });
        check(
            store_request(7, &CLASS.parse().unwrap(), &"1.2.3".parse().unwrap()),
            Command::Store(store("1.2.3")),
        );
        let response =
            |field, message_id, status| Command::Response(Response { field, message_id, status });
        check(echo_response(3), response(0x8030, 3, StoreStatus::Success));
        for status in StoreStatus::KNOWN {
            check(store_response(&store("1.2.3"), status), response(0x8001, 7, status));
        }
        check(cancel_request(4), Command::Cancel);
        check(
            find_request(5, CLASS),
            Command::Unsupported { field: 0x0020, message_id: 5, has_data_set: true },
        );
        check(
            unrecognized_response(0x0020, 9),
            response(0x8020, 9, StoreStatus::UnrecognizedOperation),
        );
    }

    #[test]
    fn a_name_that_is_no_uid_is_not_echoed() {
        let bytes = store_response(&store("../../etc/passwd"), StoreStatus::InvalidSopInstance);
        assert!(!bytes.windows(6).any(|window| window == b"passwd"));
    }

    #[test]
    fn bad_command_sets_are_refused() {
        let check = |bytes: &[u8], expected: DimseError| {
            assert_eq!(Command::parse(bytes), Err(expected));
        };
        let missing_field = DimseError::Element { element: 0x0100 };
        check(b"", missing_field.clone());
        check(&[0, 0, 0, 1, 2, 0, 0], missing_field);
        check(&[0, 0, 0, 1, 255, 255, 255, 255, 1, 0], DimseError::Length { element: 0x0100 });
        check(&[0, 0, 0, 1, 1, 0, 0, 0, 1], DimseError::Element { element: 0x0100 });
        check(&[8, 0, 0x16, 0, 0, 0, 0, 0], DimseError::Group(8));
        check(&vec![0; limits::COMMAND_BYTES_MAX + 1], DimseError::TooLong);
    }

    #[test]
    fn dispositions_become_statuses() {
        assert_eq!(StoreStatus::from(Disposition::Reject).code(), 0xC000);
        assert_eq!(StoreStatus::from(Disposition::Retry).code(), 0xA700);
        assert_eq!(StoreStatus::from(Disposition::Fatal).code(), 0xA700);
        assert!(StoreStatus::from_code(0xB000).is_stored());
        assert!(!StoreStatus::from_code(0xA700).is_stored());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&bytes);
        }
    }
}
