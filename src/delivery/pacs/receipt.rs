//! What a PACS did with each file, and what that comes to. Pure.

use super::SendError;
use crate::dicom::commitment::{CommitmentOutcome, NotCommitted};
use crate::dicom::dimse::StoreStatus;
use crate::dicom::reference::Reference;
use crate::dicom::scu::store::SendOutcome;

/// Files that were sent to a PACS which took some of them.
#[derive(Debug, Clone)]
pub(super) struct Sent(Vec<SentFile>);

#[derive(Debug, Clone)]
struct SentFile {
    /// Its name, and the status of its C-STORE or why there is none.
    line: String,
    /// The instance, where the PACS has it.
    stored: Option<Reference>,
}

/// What a report on storage commitment comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judged {
    /// All that was stored is committed: the receipt.
    Committed(String),
    /// Something is not, for reasons that pass.
    Later(String),
    /// Something is not, for other reasons.
    Failed(String),
}

impl Sent {
    /// What became of each file; `references` are the files' instances in the same order.
    ///
    /// # Errors
    /// When nothing was taken, or more would be taken later.
    pub(super) fn new(
        files: &[String],
        references: Vec<Option<Reference>>,
        outcomes: &[SendOutcome],
    ) -> Result<Self, SendError> {
        let each = files.iter().zip(references).zip(outcomes);
        let sent = Self(
            each.map(|((file, reference), outcome)| SentFile {
                line: format!("{file} {}", word(outcome)),
                stored: reference.filter(|_| outcome.is_stored()),
            })
            .collect(),
        );
        if outcomes.iter().any(is_for_now) {
            return Err(SendError::NotNow { answer: sent.lines(", "), retry_after: None });
        }
        if outcomes.iter().any(SendOutcome::is_stored) {
            Ok(sent)
        } else {
            Err(SendError::Refused(sent.lines(", ")))
        }
    }

    /// The instances that the PACS has.
    pub(super) fn stored(&self) -> Vec<Reference> {
        self.0.iter().filter_map(|file| file.stored.clone()).collect()
    }

    /// A receipt that says nothing of commitment.
    pub(super) fn receipt(&self) -> String {
        self.lines("\n")
    }

    fn lines(&self, between: &str) -> String {
        self.0.iter().map(|file| file.line.as_str()).collect::<Vec<_>>().join(between)
    }

    /// What the PACS promises of the files that it has. Those that it did not take are named and change nothing.
    pub(super) fn judge(&self, outcome: &CommitmentOutcome) -> Judged {
        let mut failures = Vec::new();
        let mut line = |file: &SentFile| match file.stored.as_ref().map(|it| outcome.of(it)) {
            None => file.line.clone(),
            Some(Ok(())) => format!("{} committed", file.line),
            Some(Err(failure)) => {
                failures.push(failure);
                format!("{} not committed: {failure}", file.line)
            }
        };
        let lines: Vec<_> = self.0.iter().map(&mut line).collect();
        if failures.is_empty() {
            Judged::Committed(lines.join("\n"))
        } else if failures.iter().copied().all(NotCommitted::is_transient) {
            Judged::Later(lines.join(", "))
        } else {
            Judged::Failed(lines.join(", "))
        }
    }
}

fn word(outcome: &SendOutcome) -> String {
    match outcome {
        SendOutcome::Answered(status) => format!("{:04X}H", status.code()),
        SendOutcome::ContextRejected => "not taken: SOP class".to_owned(),
        SendOutcome::Unreadable(_) => "not there".to_owned(),
    }
}

/// Out of resources (A7xxH, PS3.4 table B.2-1) passes; every other failure stays.
fn is_for_now(outcome: &SendOutcome) -> bool {
    let SendOutcome::Answered(status) = outcome else { return false };
    matches!(status, StoreStatus::OutOfResources) || (0xA700..=0xA7FF).contains(&status.code())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dicom::commitment::{CommitmentRequest, Failure};

    fn answered(code: u16) -> SendOutcome {
        SendOutcome::Answered(StoreStatus::from_code(code))
    }

    fn references() -> [Reference; 2] {
        ["1.2.1", "1.2.2"].map(|uid| Reference {
            sop_class: "1.1".parse().unwrap(),
            sop_instance: uid.parse().unwrap(),
        })
    }

    fn send(outcomes: [SendOutcome; 2]) -> Result<Sent, SendError> {
        let files = ["seg.dcm", "sr.dcm"].map(str::to_owned);
        Sent::new(&files, references().map(Some).into(), &outcomes)
    }

    /// Both are stored.
    pub(in crate::delivery::pacs) fn sent() -> Sent {
        send([answered(0), answered(0)]).unwrap()
    }

    /// A report on both: for each why it is not committed.
    pub(in crate::delivery::pacs) fn report(
        transaction: &str,
        failures: [Option<Failure>; 2],
    ) -> CommitmentOutcome {
        let references = references().to_vec();
        let request = CommitmentRequest { transaction: transaction.to_owned(), references };
        let found = failures.map(|failure| match failure {
            Some(failure) => Err(failure),
            None => Ok(Some("1.1".parse().unwrap())),
        });
        let syntax = "1.2.840.10008.1.2".parse().unwrap();
        let report = request.report(&found, &syntax).unwrap();
        CommitmentOutcome::parse(&report.data_set, &syntax).unwrap()
    }

    #[test]
    fn what_is_taken_is_enough_unless_more_would_be_later() {
        let receipt = |outcomes| send(outcomes).map(|sent| sent.receipt());
        assert_eq!(
            receipt([answered(0), answered(0xB000)]).unwrap(),
            "seg.dcm 0000H\nsr.dcm B000H"
        );
        let some = receipt([SendOutcome::ContextRejected, answered(0)]).unwrap();
        assert_eq!(some, "seg.dcm not taken: SOP class\nsr.dcm 0000H");
        let full = receipt([answered(0), answered(0xA701)]);
        assert!(matches!(full, Err(SendError::NotNow { .. })), "{full:?}");
        let none = receipt([SendOutcome::ContextRejected, answered(0xC000)]);
        assert!(matches!(none, Err(SendError::Refused(_))), "{none:?}");
    }

    #[test]
    fn a_report_is_judged_by_the_instances_that_were_stored() {
        let check = |failures, expected: Judged| {
            assert_eq!(sent().judge(&report("2.25.7", failures)), expected);
        };
        let committed = "seg.dcm 0000H committed\nsr.dcm 0000H committed";
        check([None, None], Judged::Committed(committed.to_owned()));
        let later = "seg.dcm 0000H committed, sr.dcm 0000H not committed: 0110H";
        check([None, Some(Failure::Processing)], Judged::Later(later.to_owned()));
        let failed = "seg.dcm 0000H not committed: 0112H, sr.dcm 0000H not committed: 0110H";
        let failures = [Some(Failure::NoSuchObject), Some(Failure::Processing)];
        check(failures, Judged::Failed(failed.to_owned()));
        let some = send([SendOutcome::ContextRejected, answered(0)]).unwrap();
        assert_eq!(some.stored(), references()[1..]);
        let judged = some.judge(&report("2.25.7", [Some(Failure::NoSuchObject), None]));
        let receipt = "seg.dcm not taken: SOP class\nsr.dcm 0000H committed";
        assert_eq!(judged, Judged::Committed(receipt.to_owned()));
    }
}
