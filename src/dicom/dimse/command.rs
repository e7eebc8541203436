//! What arrives: requests and responses.

use super::command_set::{CommandSet, NO_DATA_SET, element, field};
use super::normalized::{ActionRequest, ChangeRequest, EventReportRequest};
use super::{DimseError, StoreStatus};

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
    /// N-EVENT-REPORT-RQ.
    EventReport(EventReportRequest),
    /// N-CREATE-RQ.
    Create(ChangeRequest),
    /// N-SET-RQ.
    Set(ChangeRequest),
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

    /// Whether it answers an N-ACTION-RQ.
    #[must_use]
    pub fn is_of_action(&self) -> bool {
        self.field == field::N_ACTION_RQ | field::RESPONSE
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
            field::N_EVENT_REPORT_RQ => Self::EventReport(EventReportRequest {
                message_id,
                sop_class: set.text(element::AFFECTED_SOP_CLASS_UID),
                sop_instance: set.text(element::AFFECTED_SOP_INSTANCE_UID),
                event_type: set.u16(element::EVENT_TYPE_ID)?,
                has_data_set,
            }),
            field::N_CREATE_RQ => Self::Create(ChangeRequest {
                message_id,
                sop_class: set.text(element::AFFECTED_SOP_CLASS_UID),
                sop_instance: set.text(element::AFFECTED_SOP_INSTANCE_UID),
                has_data_set,
            }),
            field::N_SET_RQ => Self::Set(ChangeRequest {
                message_id,
                sop_class: set.text(element::REQUESTED_SOP_CLASS_UID),
                sop_instance: set.text(element::REQUESTED_SOP_INSTANCE_UID),
                has_data_set,
            }),
            _ => Self::Unsupported { field, message_id, has_data_set },
        })
    }
}
