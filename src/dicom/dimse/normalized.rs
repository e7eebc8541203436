//! N-ACTION and N-EVENT-REPORT (PS3.7 section 10.3).

use super::ActionStatus;
use super::command_set::{DATA_SET, Encoder, NO_DATA_SET, element, field};
use crate::dicom::uid::{SopClassUid, SopInstanceUid};

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
