//! What a peer reports of a commitment that it was asked for (PS3.4 table J.3-2).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::{CommitmentError, FAILURES_EXIST, SOP_CLASS, SUCCESSFUL, WELL_KNOWN_INSTANCE};
use crate::dicom::attributes::{integer, items, text};
use crate::dicom::dataset_scan::scan_message;
use crate::dicom::dimse::{EventReportRequest, ServiceStatus};
use crate::dicom::reference::Reference;
use crate::dicom::uid::{SopInstanceUid, TransferSyntaxUid};
use crate::limits;

/// An N-EVENT-REPORT as its receiver understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitmentOutcome {
    /// Transaction UID (0008,1195).
    pub transaction: String,
    /// What the peer has promised to keep.
    committed: Vec<Reference>,
    /// What it has not, with its Failure Reason.
    failed: Vec<(SopInstanceUid, Option<u16>)>,
}

/// What a report can be refused for by its command set alone; the caller knows what was negotiated.
pub(crate) fn refusal(request: &EventReportRequest) -> Option<ServiceStatus> {
    if request.sop_class != SOP_CLASS {
        Some(ServiceStatus::NoSuchSopClass)
    } else if request.sop_instance != WELL_KNOWN_INSTANCE {
        Some(ServiceStatus::NoSuchSopInstance)
    } else if ![SUCCESSFUL, FAILURES_EXIST].contains(&request.event_type) {
        Some(ServiceStatus::NoSuchEvent)
    } else if !request.has_data_set {
        Some(ServiceStatus::InvalidArgument)
    } else {
        None
    }
}

/// Why an instance is not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCommitted {
    /// Failure Reason (0008,1197), PS3.3 C.14.1.1.
    Reason(u16),
    /// The report lists it as failed and gives no reason.
    NoReason,
    /// The report does not name it, or as another class.
    NotNamed,
}

impl NotCommitted {
    /// Whether it may be committed later as it is: processing failure, resource limitation.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Reason(0x0110 | 0x0213))
    }
}

impl std::fmt::Display for NotCommitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reason(code) => write!(f, "{code:04X}H"),
            Self::NoReason => f.write_str("no reason given"),
            Self::NotNamed => f.write_str("not in the report"),
        }
    }
}

impl CommitmentOutcome {
    /// Reads the data set of an N-EVENT-REPORT, encoded as negotiated. Which event it was said to be does not
    /// matter: the instances are what counts.
    ///
    /// # Errors
    /// When it is none, or names too many instances, or one by something that is no UID.
    pub fn parse(data_set: &[u8], syntax: &TransferSyntaxUid) -> Result<Self, CommitmentError> {
        const WANTED: &[Tag] =
            &[tags::TRANSACTION_UID, tags::REFERENCED_SOP_SEQUENCE, tags::FAILED_SOP_SEQUENCE];
        let object = scan_message(data_set, syntax, WANTED)?;
        let transaction = text(&object, tags::TRANSACTION_UID);
        let transaction = transaction.filter(|uid| uid.parse::<SopInstanceUid>().is_ok());
        let transaction = transaction.ok_or(CommitmentError::Attribute("TransactionUID"))?;
        let committed = items(&object, tags::REFERENCED_SOP_SEQUENCE);
        let failed = items(&object, tags::FAILED_SOP_SEQUENCE);
        if committed.len() + failed.len() > limits::LIST_INSTANCES_MAX {
            return Err(CommitmentError::TooMany);
        }
        let committed: Option<Vec<_>> = committed.iter().map(Reference::read).collect();
        let failed = failed.iter().map(|item| {
            let instance = text(item, tags::REFERENCED_SOP_INSTANCE_UID)?.parse().ok()?;
            let reason = integer(item, tags::FAILURE_REASON);
            Some((instance, reason.and_then(|reason| u16::try_from(reason).ok())))
        });
        let failed: Option<Vec<_>> = failed.collect();
        Ok(Self {
            transaction,
            committed: committed.ok_or(CommitmentError::Attribute("ReferencedSOPSequence"))?,
            failed: failed.ok_or(CommitmentError::Attribute("FailedSOPSequence"))?,
        })
    }

    /// What it says of one instance. What is listed as failed is not committed, whatever else is said of it.
    ///
    /// # Errors
    /// Why it is not committed.
    pub fn of(&self, reference: &Reference) -> Result<(), NotCommitted> {
        let failed = self.failed.iter().find(|(uid, _)| *uid == reference.sop_instance);
        match failed {
            Some((_, Some(reason))) => Err(NotCommitted::Reason(*reason)),
            Some((_, None)) => Err(NotCommitted::NoReason),
            None if self.committed.contains(reference) => Ok(()),
            None => Err(NotCommitted::NotNamed),
        }
    }
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::uids;
    use proptest::prelude::*;

    use super::*;
    use crate::dicom::commitment::CommitmentRequest;

    const SYNTAXES: [&str; 2] = [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN];

    fn request() -> CommitmentRequest {
        let reference = |class: &str, instance: &str| Reference {
            sop_class: class.parse().unwrap(),
            sop_instance: instance.parse().unwrap(),
        };
        let references = vec![reference("1.1", "1.2.1"), reference("1.1", "1.2.2")];
        CommitmentRequest { transaction: "2.25.7".to_owned(), references }
    }

    #[test]
    fn what_is_asked_and_reported_is_read_in_each_syntax() {
        let request = request();
        for syntax in SYNTAXES {
            let syntax = syntax.parse().unwrap();
            let asked = request.encode(&syntax).unwrap();
            assert_eq!(CommitmentRequest::parse(&asked, &syntax).unwrap(), request);
            let class = |text: &str| Ok(Some(text.parse().unwrap()));
            let report = |found: [_; 2]| {
                let report = request.report(&found, &syntax).unwrap();
                CommitmentOutcome::parse(&report.data_set, &syntax).unwrap()
            };
            let well = report([class("1.1"), class("1.1")]);
            assert_eq!(well.transaction, "2.25.7");
            assert!(request.references.iter().all(|it| well.of(it).is_ok()));
            let ill = report([class("1.1"), Ok(None)]);
            assert_eq!(ill.of(&request.references[0]), Ok(()));
            assert_eq!(ill.of(&request.references[1]), Err(NotCommitted::Reason(0x0112)));
        }
    }

    #[test]
    fn a_report_is_refused_by_its_command_set() {
        let check = |edit: &dyn Fn(&mut EventReportRequest), expected: Option<ServiceStatus>| {
            let mut request = EventReportRequest {
                message_id: 1,
                sop_class: SOP_CLASS.to_owned(),
                sop_instance: WELL_KNOWN_INSTANCE.to_owned(),
                event_type: FAILURES_EXIST,
                has_data_set: true,
            };
            edit(&mut request);
            assert_eq!(refusal(&request), expected);
        };
        check(&|_| {}, None);
        check(&|it| it.event_type = 1, None);
        check(&|it| it.event_type = 3, Some(ServiceStatus::NoSuchEvent));
        check(&|it| it.sop_class.push_str(".1"), Some(ServiceStatus::NoSuchSopClass));
        check(&|it| it.sop_instance.push_str(".1"), Some(ServiceStatus::NoSuchSopInstance));
        check(&|it| it.has_data_set = false, Some(ServiceStatus::InvalidArgument));
    }

    #[test]
    fn what_is_not_named_is_not_committed() {
        let syntax = SYNTAXES[0].parse().unwrap();
        // A request names instances as a report does that commits all of them.
        let data_set = request().encode(&syntax).unwrap();
        let outcome = CommitmentOutcome::parse(&data_set, &syntax).unwrap();
        let mut other = request().references[0].clone();
        assert_eq!(outcome.of(&other), Ok(()));
        other.sop_class = "1.9".parse().unwrap();
        assert_eq!(outcome.of(&other), Err(NotCommitted::NotNamed));
        assert!(NotCommitted::Reason(0x0213).is_transient());
        assert!(!NotCommitted::NotNamed.is_transient());
        assert_eq!(NotCommitted::Reason(0x0131).to_string(), "0131H");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for syntax in SYNTAXES {
                let _ = CommitmentOutcome::parse(&bytes, &syntax.parse().unwrap());
            }
        }
    }
}
