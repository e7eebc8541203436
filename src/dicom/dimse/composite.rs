//! C-ECHO, C-STORE and C-FIND: what is sent (PS3.7 section 9.3).

use super::command_set::{DATA_SET, Encoder, NO_DATA_SET, PRIORITY_MEDIUM, element, field};
use super::{StoreRequest, StoreStatus};
use crate::dicom::uid::{SopClassUid, SopInstanceUid};

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
