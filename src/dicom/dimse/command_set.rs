//! The elements of a command set: read, and written (PS3.7 6.3.1 and annex E.1).

use super::DimseError;
use crate::limits;

/// Command Field (0000,0100) values (PS3.7 annex E.1).
pub(super) mod field {
    pub(in crate::dicom::dimse) const C_STORE_RQ: u16 = 0x0001;
    pub(in crate::dicom::dimse) const C_FIND_RQ: u16 = 0x0020;
    pub(in crate::dicom::dimse) const C_ECHO_RQ: u16 = 0x0030;
    pub(in crate::dicom::dimse) const C_CANCEL_RQ: u16 = 0x0FFF;
    pub(in crate::dicom::dimse) const N_EVENT_REPORT_RQ: u16 = 0x0100;
    pub(in crate::dicom::dimse) const N_SET_RQ: u16 = 0x0120;
    pub(in crate::dicom::dimse) const N_ACTION_RQ: u16 = 0x0130;
    pub(in crate::dicom::dimse) const N_CREATE_RQ: u16 = 0x0140;
    /// Set in every response.
    pub(in crate::dicom::dimse) const RESPONSE: u16 = 0x8000;
}

/// Elements of group 0000 by element number (PS3.7 annex E.1).
pub(super) mod element {
    pub(in crate::dicom::dimse) const GROUP_LENGTH: u16 = 0x0000;
    pub(in crate::dicom::dimse) const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
    pub(in crate::dicom::dimse) const REQUESTED_SOP_CLASS_UID: u16 = 0x0003;
    pub(in crate::dicom::dimse) const COMMAND_FIELD: u16 = 0x0100;
    pub(in crate::dicom::dimse) const MESSAGE_ID: u16 = 0x0110;
    pub(in crate::dicom::dimse) const MESSAGE_ID_RESPONDED_TO: u16 = 0x0120;
    pub(in crate::dicom::dimse) const PRIORITY: u16 = 0x0700;
    pub(in crate::dicom::dimse) const DATA_SET_TYPE: u16 = 0x0800;
    pub(in crate::dicom::dimse) const STATUS: u16 = 0x0900;
    pub(in crate::dicom::dimse) const ERROR_ID: u16 = 0x0903;
    pub(in crate::dicom::dimse) const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
    pub(in crate::dicom::dimse) const REQUESTED_SOP_INSTANCE_UID: u16 = 0x1001;
    pub(in crate::dicom::dimse) const EVENT_TYPE_ID: u16 = 0x1002;
    pub(in crate::dicom::dimse) const ACTION_TYPE_ID: u16 = 0x1008;
}

/// Command Data Set Type (0000,0800): no data set follows.
pub(super) const NO_DATA_SET: u16 = 0x0101;
/// What we send where one follows; any other value would do.
pub(super) const DATA_SET: u16 = 0x0001;
/// Priority (0000,0700): medium.
pub(super) const PRIORITY_MEDIUM: u16 = 0x0000;

/// The elements of a command set, as slices of it.
pub(super) struct CommandSet<'a> {
    elements: Vec<(u16, &'a [u8])>,
}

impl<'a> CommandSet<'a> {
    pub(super) fn parse(mut bytes: &'a [u8]) -> Result<Self, DimseError> {
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

    pub(super) fn value(&self, element: u16) -> Option<&'a [u8]> {
        self.elements.iter().find(|(number, _)| *number == element).map(|(_, value)| *value)
    }

    pub(super) fn u16(&self, element: u16) -> Result<u16, DimseError> {
        match self.value(element) {
            Some(&[low, high]) => Ok(u16::from_le_bytes([low, high])),
            _ => Err(DimseError::Element { element }),
        }
    }

    pub(super) fn text(&self, element: u16) -> String {
        let text = String::from_utf8_lossy(self.value(element).unwrap_or_default());
        text.trim_end_matches(['\0', ' ']).to_owned()
    }
}

/// Builds a command set; elements are pushed in ascending order (PS3.7 6.3.1).
#[derive(Default)]
pub(super) struct Encoder(Vec<u8>);

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

    pub(super) fn u16(self, element: u16, value: u16) -> Self {
        self.element(element, &value.to_le_bytes())
    }

    pub(super) fn uid(self, element: u16, uid: Option<&str>) -> Self {
        match uid {
            Some(uid) => self.element(element, uid.as_bytes()),
            None => self,
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("command sets are short");
        let mut set = Self::default().element(element::GROUP_LENGTH, &length.to_le_bytes()).0;
        set.extend_from_slice(&self.0);
        set
    }
}
