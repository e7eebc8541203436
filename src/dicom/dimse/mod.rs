//! DIMSE messages as values: command sets in, command sets out, no socket.
//!
//! A command set is a run of group 0000 elements in Implicit VR Little Endian (PS3.7 6.3.1). We
//! answer C-ECHO and C-STORE, and of the normalized services those that [`normalized`] has; of anything
//! else we read enough to say that we do not do it.

mod command;
mod command_set;
mod composite;
mod normalized;
mod status;

pub use self::command::{Command, Response, StoreRequest};
pub use self::composite::{
    cancel_request, echo_request, echo_response, find_request, store_request, store_response,
    unrecognized_response,
};
pub use self::normalized::{
    ActionRequest, ChangeRequest, EventReportRequest, action_request, action_response,
    create_response, event_report_request, event_report_response, set_response,
};
pub use self::status::{ServiceStatus, StoreStatus};

use crate::error::Disposition;
use crate::limits;

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
        check(
            unrecognized_response(0x0020, 9),
            response(0x8020, 9, StoreStatus::UnrecognizedOperation),
        );
    }

    #[test]
    fn a_commitment_is_asked_and_reported_as_it_is_read() {
        let (sop_class, sop_instance) = (CLASS.to_owned(), "1.2.3".to_owned());
        let report = EventReportRequest {
            message_id: 5,
            sop_class: sop_class.clone(),
            sop_instance: sop_instance.clone(),
            event_type: 2,
            has_data_set: true,
        };
        let bytes = event_report_request(5, CLASS, "1.2.3", 2);
        assert_eq!(Command::parse(&bytes), Ok(Command::EventReport(report.clone())));
        let answer =
            Command::parse(&event_report_response(&report, ServiceStatus::InvalidArgument));
        let Ok(Command::Response(answer)) = answer else { panic!("{answer:?}") };
        assert!(answer.is_of_event_report());
        assert_eq!((answer.message_id, answer.status.code()), (5, 0x0115));
        let bytes = action_request(6, CLASS, "1.2.3", 1);
        let action = ActionRequest {
            message_id: 6,
            sop_class,
            sop_instance,
            action_type: 1,
            has_data_set: true,
        };
        assert_eq!(Command::parse(&bytes), Ok(Command::Action(action)));
    }

    #[test]
    fn a_name_that_is_no_uid_is_not_echoed() {
        let bytes = store_response(&store("../../etc/passwd"), StoreStatus::InvalidSopInstance);
        assert!(!bytes.windows(6).any(|window| window == b"passwd"));
    }

    #[test]
    fn a_response_says_why_and_what_was_made() {
        let request = ChangeRequest {
            message_id: 5,
            sop_class: CLASS.to_owned(),
            sop_instance: String::new(),
            has_data_set: true,
        };
        let made = "2.25.7".parse().unwrap();
        let bytes = create_response(&request, Some(&made), ServiceStatus::Success);
        assert!(bytes.windows(6).any(|window| window == b"2.25.7"));
        let refused = set_response(&request, ServiceStatus::NoLongerUpdatable);
        let set = command_set::CommandSet::parse(&refused).unwrap();
        let value = |element| set.u16(element).unwrap();
        assert_eq!(value(0x0100), 0x8120);
        assert_eq!((value(0x0900), value(0x0903)), (0x0110, 0xA710));
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
