//! N-ACTION, N-CREATE, N-SET and N-EVENT-REPORT (PS3.7 section 10.3).

use super::ServiceStatus;
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

/// N-CREATE-RQ or N-SET-RQ (PS3.7 10.3.5.1 and 10.3.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Affected SOP Class UID (0000,0002), or Requested (0000,0003) of an N-SET, unpadded.
    pub sop_class: String,
    /// Affected SOP Instance UID (0000,1000), or Requested (0000,1001) of an N-SET, unpadded. Empty where an
    /// N-CREATE leaves it to us.
    pub sop_instance: String,
    /// Whether a data set follows.
    pub has_data_set: bool,
}

/// N-EVENT-REPORT-RQ (PS3.7 10.3.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReportRequest {
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Affected SOP Class UID (0000,0002), unpadded.
    pub sop_class: String,
    /// Affected SOP Instance UID (0000,1000), unpadded.
    pub sop_instance: String,
    /// Event Type ID (0000,1002).
    pub event_type: u16,
    /// Whether a data set follows.
    pub has_data_set: bool,
}

/// N-ACTION-RSP (PS3.7 10.3.4.2).
#[must_use]
pub fn action_response(request: &ActionRequest, status: ServiceStatus) -> Vec<u8> {
    let ActionRequest { message_id, sop_class, sop_instance, .. } = request;
    response(field::N_ACTION_RQ, *message_id, sop_class, sop_instance, status)
        .u16(element::ACTION_TYPE_ID, request.action_type)
        .finish()
}

/// N-CREATE-RSP (PS3.7 10.3.5.2). It names the instance: what was made may have got its name here.
#[must_use]
pub fn create_response(
    request: &ChangeRequest,
    instance: Option<&SopInstanceUid>,
    status: ServiceStatus,
) -> Vec<u8> {
    let instance = instance.map_or(request.sop_instance.as_str(), SopInstanceUid::as_str);
    response(field::N_CREATE_RQ, request.message_id, &request.sop_class, instance, status).finish()
}

/// N-SET-RSP (PS3.7 10.3.3.2).
#[must_use]
pub fn set_response(request: &ChangeRequest, status: ServiceStatus) -> Vec<u8> {
    let ChangeRequest { message_id, sop_class, sop_instance, .. } = request;
    response(field::N_SET_RQ, *message_id, sop_class, sop_instance, status).finish()
}

/// N-EVENT-REPORT-RSP (PS3.7 10.3.1.2).
#[must_use]
pub fn event_report_response(request: &EventReportRequest, status: ServiceStatus) -> Vec<u8> {
    let EventReportRequest { message_id, sop_class, sop_instance, .. } = request;
    response(field::N_EVENT_REPORT_RQ, *message_id, sop_class, sop_instance, status)
        .u16(element::EVENT_TYPE_ID, request.event_type)
        .finish()
}

/// What all these responses begin with. UIDs that are none are left out, not echoed.
fn response(
    field: u16,
    message_id: u16,
    sop_class: &str,
    sop_instance: &str,
    status: ServiceStatus,
) -> Encoder {
    let class = sop_class.parse::<SopClassUid>().ok();
    let instance = sop_instance.parse::<SopInstanceUid>().ok();
    let mut response = Encoder::default()
        .uid(element::AFFECTED_SOP_CLASS_UID, class.as_ref().map(SopClassUid::as_str))
        .u16(element::COMMAND_FIELD, field | field::RESPONSE)
        .u16(element::MESSAGE_ID_RESPONDED_TO, message_id)
        .u16(element::DATA_SET_TYPE, NO_DATA_SET)
        .u16(element::STATUS, status.code());
    if let Some(error_id) = status.error_id() {
        response = response.u16(element::ERROR_ID, error_id);
    }
    response.uid(element::AFFECTED_SOP_INSTANCE_UID, instance.as_ref().map(SopInstanceUid::as_str))
}

/// N-ACTION-RQ; a data set follows (PS3.7 10.3.4.1).
#[must_use]
pub fn action_request(
    message_id: u16,
    sop_class: &str,
    sop_instance: &str,
    action_type: u16,
) -> Vec<u8> {
    Encoder::default()
        .uid(element::REQUESTED_SOP_CLASS_UID, Some(sop_class))
        .u16(element::COMMAND_FIELD, field::N_ACTION_RQ)
        .u16(element::MESSAGE_ID, message_id)
        .u16(element::DATA_SET_TYPE, DATA_SET)
        .uid(element::REQUESTED_SOP_INSTANCE_UID, Some(sop_instance))
        .u16(element::ACTION_TYPE_ID, action_type)
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
