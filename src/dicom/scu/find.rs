//! Query SCU: C-FIND of any information model (PS3.4 annex C.4.1, K.4.1), with bounds on what a peer
//! may answer.
//!
//! ```text
//!  request, identifier --> pending, identifier; pending, identifier; ..; final status
//!                     `--> C-CANCEL once there are too many, then on to the final status
//! ```

use dicom_dictionary_std::uids;
use tokio::net::ToSocketAddrs;
use tokio::time::timeout;

use super::association::Association;
use super::{ScuError, ScuOptions};
use crate::dicom::dimse;
use crate::error::{Dispose, Disposition};
use crate::limits;

const MESSAGE_ID: u16 = 1;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct FindRequest<'a> {
    /// SOP class of the information model.
    pub sop_class: &'static str,
    /// Its name, for an error.
    pub service: &'static str,
    /// The identifier, in Implicit VR Little Endian, which every peer takes (PS3.5 10.1).
    pub identifier: &'a [u8],
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The answers' identifiers as they came, in Implicit VR Little Endian.
    pub identifiers: Vec<Vec<u8>>,
    /// Whether that is all: the peer ended by itself, and nothing was over a limit.
    pub is_complete: bool,
}

/// A failure status of C-FIND (PS3.4 table C.4-1 and K.4-1; PS3.7 annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FindFailure {
    /// A7xxH.
    #[error("status {0:04X}H: it is out of resources")]
    OutOfResources(u16),
    /// A9xxH: the identifier is not what it wants.
    #[error("status {0:04X}H: the identifier does not match the SOP class")]
    IdentifierDoesNotMatch(u16),
    /// Cxxx: it could not process the query.
    #[error("status {0:04X}H: it is unable to process")]
    UnableToProcess(u16),
    /// Another one.
    #[error("status {0:04X}H")]
    Other(u16),
}

impl FindFailure {
    fn from_code(code: u16) -> Self {
        match code {
            0xA700..=0xA7FF => Self::OutOfResources(code),
            0xA900..=0xA9FF => Self::IdentifierDoesNotMatch(code),
            0xC000..=0xCFFF => Self::UnableToProcess(code),
            _ => Self::Other(code),
        }
    }
}

impl Dispose for FindFailure {
    fn disposition(&self) -> Disposition {
        match self {
            Self::OutOfResources(_) | Self::UnableToProcess(_) => Disposition::Retry,
            // 0213H: resource limitation; all other statuses of PS3.7 annex C are about the request.
            Self::Other(0x0213) => Disposition::Retry,
            Self::IdentifierDoesNotMatch(_) | Self::Other(_) => Disposition::Reject,
        }
    }
}

/// Asks, and collects the answers up to [`limits::FIND_ANSWERS_MAX`] and [`limits::FIND_BYTES_MAX`].
///
/// # Errors
/// When there is no association, it breaks, or the final status is a failure.
pub async fn find(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
    request: FindRequest<'_>,
) -> Result<Found, ScuError> {
    let kind = (request.sop_class.to_owned(), uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
    let kinds = [kind];
    let mut association = Association::request(address, options, &kinds).await?;
    let found = match association.context(&kinds[0]) {
        Some(context) => {
            let query = Query { association: &mut association, context, request };
            let found = timeout(limits::FIND_TIME_MAX, query.run()).await;
            found.unwrap_or(Err(ScuError::FindEndless))
        }
        None => Err(ScuError::NoService(request.service)),
    };
    association.end(found).await
}

struct Query<'a> {
    association: &'a mut Association,
    context: u8,
    request: FindRequest<'a>,
}

impl Query<'_> {
    async fn run(self) -> Result<Found, ScuError> {
        let command = dimse::find_request(MESSAGE_ID, self.request.sop_class);
        self.association.send_command(self.context, &command).await?;
        self.association.send_data_set(self.context, self.request.identifier).await?;
        let mut answers = Answers::default();
        loop {
            let response = self.association.answer(MESSAGE_ID).await?;
            if !response.is_of_find() {
                return Err(ScuError::OtherMessage);
            }
            match response.status.code() {
                // FF01H: pending, some optional keys are not supported; that is fine with us.
                0xFF00 | 0xFF01 => {
                    let received = self.association.receive(answers.room()).await?;
                    if received.is_command {
                        return Err(ScuError::OtherMessage);
                    }
                    match answers.take(received.bytes, received.is_cut) {
                        Taken::Kept | Taken::Dropped => {}
                        Taken::NowTooMany => {
                            let cancel = dimse::cancel_request(MESSAGE_ID);
                            self.association.send_command(self.context, &cancel).await?;
                        }
                        Taken::Endless => return Err(ScuError::FindEndless),
                    }
                }
                0x0000 => {
                    let is_complete = !answers.is_over;
                    return Ok(Found { identifiers: answers.identifiers, is_complete });
                }
                // Cancelled: what came before is true all the same.
                0xFE00 => {
                    return Ok(Found { identifiers: answers.identifiers, is_complete: false });
                }
                code => return Err(ScuError::Find(FindFailure::from_code(code))),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Answers {
    identifiers: Vec<Vec<u8>>,
    n_bytes: usize,
    is_over: bool,
    n_dropped: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Kept,
    /// The first that is over a limit.
    NowTooMany,
    /// One that was on its way already.
    Dropped,
    /// One of too many after that.
    Endless,
}

impl Answers {
    /// Bytes that the next one may have.
    fn room(&self) -> usize {
        if self.is_over { 0 } else { limits::FIND_BYTES_MAX - self.n_bytes }
    }

    fn take(&mut self, identifier: Vec<u8>, is_cut: bool) -> Taken {
        if self.is_over {
            self.n_dropped += 1;
            let is_endless = self.n_dropped > limits::FIND_DROPPED_MAX;
            return if is_endless { Taken::Endless } else { Taken::Dropped };
        }
        if is_cut || self.identifiers.len() == limits::FIND_ANSWERS_MAX {
            self.is_over = true;
            return Taken::NowTooMany;
        }
        self.n_bytes += identifier.len();
        self.identifiers.push(identifier);
        Taken::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_to_do() {
        let check = |code: u16, expected: Disposition| {
            assert_eq!(FindFailure::from_code(code).disposition(), expected, "{code:04X}");
        };
        check(0xA700, Disposition::Retry);
        check(0xC001, Disposition::Retry);
        check(0x0213, Disposition::Retry);
        check(0xA900, Disposition::Reject);
        check(0x0122, Disposition::Reject);
        check(0x0124, Disposition::Reject);
    }

    #[test]
    fn answers_over_a_limit_are_cancelled_once() {
        let mut answers = Answers::default();
        for _ in 0..limits::FIND_ANSWERS_MAX {
            assert_eq!(answers.take(vec![0; 2], false), Taken::Kept);
        }
        assert_eq!(answers.take(vec![0; 2], false), Taken::NowTooMany);
        assert_eq!(answers.take(vec![0; 2], false), Taken::Dropped);
        assert_eq!((answers.identifiers.len(), answers.room()), (limits::FIND_ANSWERS_MAX, 0));
        let mut answers = Answers::default();
        assert_eq!(answers.take(Vec::new(), true), Taken::NowTooMany);
    }
}
