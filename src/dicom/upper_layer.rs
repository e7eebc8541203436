//! PDUs over a stream (PS3.8 section 9.3), with a limit on every length and every wait.
//!
//! The 6 bytes of a PDU's head are judged before its body is read, so a lying length costs nothing.
//! P-DATA-TF is taken apart in place; the other PDUs go through dicom-ul's reader and writer.

use std::io;
use std::time::Duration;

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, Pdu, ReadError, UserVariableItem, WriteError,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::dicom::part10::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Bytes of a PDU's head: type, reserved, length.
const HEAD_BYTES: usize = 6;
/// Bytes of a PDV's head: length, context id, message control header.
pub(crate) const PDV_HEAD_BYTES: usize = 6;
/// First byte of an alert's record (RFC 8446, section 5.1); the second byte is 3.
const TLS_ALERT: u8 = 21;
/// First byte of a handshake's record.
const TLS_HANDSHAKE: u8 = 22;
/// Data that we put in one P-DATA-TF at most, whatever more the peer would take.
const SEND_DATA_BYTES_MAX: usize = 128 * 1024;
/// Where the peer states no maximum, or one too small to be meant (PS3.8 D.1 has no minimum).
const PEER_PDU_BYTES_MIN: u32 = 1024;

/// PDU types (PS3.8 table 9-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PduType {
    /// A-ASSOCIATE-RQ.
    AssociateRq,
    /// A-ASSOCIATE-AC.
    AssociateAc,
    /// A-ASSOCIATE-RJ.
    AssociateRj,
    /// P-DATA-TF.
    Data,
    /// A-RELEASE-RQ.
    ReleaseRq,
    /// A-RELEASE-RP.
    ReleaseRp,
    /// A-ABORT.
    Abort,
}

impl PduType {
    /// As it stands at the front of a PDU.
    pub(crate) fn to_byte(self) -> u8 {
        self as u8 + 1
    }

    fn from_byte(byte: u8) -> Option<Self> {
        use PduType::{Abort, AssociateAc, AssociateRj, AssociateRq, Data, ReleaseRp, ReleaseRq};
        let types = [AssociateRq, AssociateAc, AssociateRj, Data, ReleaseRq, ReleaseRp, Abort];
        types.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

/// What ended a conversation.
#[derive(Debug, thiserror::Error)]
pub enum UpperLayerError {
    /// The peer closed the connection between two PDUs.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection broke.
    #[error("could not read from or write to the peer")]
    Stream(#[source] io::Error),
    /// The peer was silent, or too slow, for too long.
    #[error("the peer took longer than {0:?}")]
    TimedOut(Duration),
    /// A record of TLS in place of a PDU: a ClientHello, or an alert as the answer to our request.
    #[error(
        "the peer speaks TLS on a port for plain DICOM: turn TLS off at one side, or on at both with the TLS \
         port"
    )]
    SpeaksTls,
    /// The peer did what it may not do; the association is aborted with that reason.
    #[error("protocol error: {what}")]
    Protocol {
        /// In words.
        what: &'static str,
        /// For the A-ABORT.
        reason: AbortRQServiceProviderReason,
    },
    /// A PDU could not be decoded.
    #[error("could not decode a PDU")]
    Decode(#[source] Box<ReadError>),
    /// A PDU could not be encoded.
    #[error("could not encode a PDU")]
    Encode(#[source] Box<WriteError>),
}

impl UpperLayerError {
    /// A PDU that may not come now.
    pub(crate) fn unexpected(what: &'static str) -> Self {
        Self::Protocol { what, reason: AbortRQServiceProviderReason::UnexpectedPdu }
    }

    /// A PDU with a value that is not allowed.
    pub(crate) fn invalid(what: &'static str) -> Self {
        Self::Protocol { what, reason: AbortRQServiceProviderReason::InvalidPduParameter }
    }
}

impl Dispose for UpperLayerError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Closed | Self::Stream(_) | Self::TimedOut(_) => Disposition::Retry,
            Self::SpeaksTls | Self::Protocol { .. } | Self::Decode(_) | Self::Encode(_) => {
                Disposition::Reject
            }
        }
    }
}

/// A stream that carries PDUs.
#[derive(Debug)]
pub struct PduStream<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PduStream<S> {
    /// Over a connected stream.
    pub fn new(stream: S) -> Self {
        Self { stream: BufReader::with_capacity(16 * 1024, stream) }
    }

    /// Waits for the first byte of a PDU, or for the peer to close. Nothing is lost if it is dropped.
    pub async fn readable(&mut self) -> Result<(), UpperLayerError> {
        match self.stream.fill_buf().await {
            Ok([]) => Err(UpperLayerError::Closed),
            Ok(_) => Ok(()),
            // TLS without its goodbye. Nothing can be cut off here: an association has a release of its own.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(UpperLayerError::Closed)
            }
            Err(error) => Err(UpperLayerError::Stream(error)),
        }
    }

    /// Reads one PDU within `wait`; its body, without the head, replaces what is in `body`.
    pub async fn read(
        &mut self,
        body: &mut Vec<u8>,
        wait: Duration,
    ) -> Result<PduType, UpperLayerError> {
        timeout(wait, self.read_unbounded(body))
            .await
            .map_err(|_| UpperLayerError::TimedOut(wait))?
    }

    async fn read_unbounded(&mut self, body: &mut Vec<u8>) -> Result<PduType, UpperLayerError> {
        self.readable().await?;
        if matches!(
            self.stream.buffer(),
            [TLS_ALERT | TLS_HANDSHAKE] | [TLS_ALERT | TLS_HANDSHAKE, 3, ..]
        ) {
            return Err(UpperLayerError::SpeaksTls);
        }
        let mut head = [0; HEAD_BYTES];
        self.stream.read_exact(&mut head[..1]).await.map_err(UpperLayerError::Stream)?;
        // The type comes first: of a stream that is not DICOM nothing more is waited for.
        let pdu_type = PduType::from_byte(head[0]).ok_or(UpperLayerError::Protocol {
            what: "unknown PDU type",
            reason: AbortRQServiceProviderReason::UnrecognizedPdu,
        })?;
        self.stream.read_exact(&mut head[1..]).await.map_err(UpperLayerError::Stream)?;
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        if length > limits::PDU_BYTES_MAX {
            return Err(UpperLayerError::invalid("PDU longer than the maximum"));
        }
        body.clear();
        let mut rest = (&mut self.stream).take(u64::from(length));
        rest.read_to_end(body).await.map_err(UpperLayerError::Stream)?;
        if body.len() < length as usize {
            return Err(UpperLayerError::Stream(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(pdu_type)
    }

    /// Sends a PDU in one write.
    pub async fn write(&mut self, pdu: &Pdu, wait: Duration) -> Result<(), UpperLayerError> {
        let mut bytes = Vec::with_capacity(512);
        dicom_ul::pdu::write_pdu(&mut bytes, pdu)
            .map_err(|error| UpperLayerError::Encode(Box::new(error)))?;
        self.write_bytes(&bytes, wait).await
    }

    /// Sends bytes that are already PDUs.
    pub async fn write_bytes(
        &mut self,
        bytes: &[u8],
        wait: Duration,
    ) -> Result<(), UpperLayerError> {
        let write = async {
            self.stream.write_all(bytes).await?;
            // TLS keeps back what the connection does not take at once.
            self.stream.flush().await
        };
        timeout(wait, write)
            .await
            .map_err(|_| UpperLayerError::TimedOut(wait))?
            .map_err(UpperLayerError::Stream)
    }

    /// Sends A-ABORT where `error` calls for one, as far as the peer still listens.
    pub async fn abort(&mut self, error: &UpperLayerError) {
        let reason = match error {
            UpperLayerError::Closed | UpperLayerError::Stream(_) => return,
            UpperLayerError::Protocol { reason, .. } => reason.clone(),
            UpperLayerError::SpeaksTls => AbortRQServiceProviderReason::UnrecognizedPdu,
            UpperLayerError::Decode(_) => AbortRQServiceProviderReason::InvalidPduParameter,
            UpperLayerError::TimedOut(_) | UpperLayerError::Encode(_) => {
                AbortRQServiceProviderReason::ReasonNotSpecified
            }
        };
        let pdu = Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(reason) };
        if self.write(&pdu, limits::LINGER).await.is_ok() {
            self.linger().await;
        }
    }

    /// Says that nothing more comes from us and waits, not long, for the peer to close: closing
    /// while its bytes are unread would reset the connection and could take our last PDU with it.
    pub async fn linger(&mut self) {
        let drain = async {
            self.stream.shutdown().await?;
            tokio::io::copy_buf(&mut self.stream, &mut tokio::io::sink()).await
        };
        // Both a time-out and a broken connection are an end.
        let _ = timeout(limits::LINGER, drain).await;
    }
}

/// Decodes a PDU other than P-DATA-TF from its type and body.
pub(crate) fn decode(pdu_type: PduType, body: &[u8]) -> Result<Pdu, UpperLayerError> {
    let length = u32::try_from(body.len()).expect("bounded by PDU_BYTES_MAX");
    let mut bytes = vec![pdu_type.to_byte(), 0];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body);
    dicom_ul::pdu::read_pdu(&bytes[..], limits::PDU_BYTES_MAX, true)
        .map_err(|error| UpperLayerError::Decode(Box::new(error)))?
        .ok_or(UpperLayerError::invalid("incomplete PDU"))
}

/// A presentation data value: a piece of a command set or of a data set (PS3.8 9.3.5.1, E.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pdv<'a> {
    /// Presentation context id.
    pub context: u8,
    /// Of a command set, else of a data set.
    pub is_command: bool,
    /// The last piece of it.
    pub is_last: bool,
    /// The piece.
    pub data: &'a [u8],
}

/// The PDVs of a P-DATA-TF's body; ends at the first that is malformed.
pub(crate) fn pdvs(body: &[u8]) -> impl Iterator<Item = Result<Pdv<'_>, UpperLayerError>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let pdv = split_pdv(rest);
        rest = pdv.as_ref().map_or(&[], |(_, rest)| rest);
        Some(pdv.map(|(pdv, _)| pdv).ok_or(UpperLayerError::invalid("malformed PDV")))
    })
}

fn split_pdv(bytes: &[u8]) -> Option<(Pdv<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (item, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (&[context, control], data) = item.split_first_chunk::<2>()?;
    let pdv = Pdv { context, is_command: control & 1 != 0, is_last: control & 2 != 0, data };
    Some((pdv, rest))
}

/// Largest piece of a message that fits one P-DATA-TF to a peer with that maximum PDU length (0 is
/// no maximum, PS3.8 D.1).
pub(crate) fn piece_bytes_max(peer_pdu_bytes_max: u32) -> usize {
    let pdu = match peer_pdu_bytes_max {
        0 => u32::MAX,
        stated => stated.max(PEER_PDU_BYTES_MIN),
    };
    // An even piece: no value is cut within a 16-bit word.
    (pdu as usize - PDV_HEAD_BYTES).min(SEND_DATA_BYTES_MAX) & !1
}

/// Appends a P-DATA-TF with one PDV to `out`.
pub(crate) fn push_data(out: &mut Vec<u8>, pdv: Pdv<'_>) {
    let item_length = u32::try_from(pdv.data.len() + 2).expect("pieces are below a mebibyte");
    out.extend_from_slice(&[PduType::Data.to_byte(), 0]);
    out.extend_from_slice(&(item_length + 4).to_be_bytes());
    out.extend_from_slice(&item_length.to_be_bytes());
    out.extend_from_slice(&[pdv.context, u8::from(pdv.is_command) | u8::from(pdv.is_last) << 1]);
    out.extend_from_slice(pdv.data);
}

/// A whole command set as P-DATA-TF PDUs, in pieces that the peer takes.
pub(crate) fn command_pdus(context: u8, command: &[u8], peer_pdu_bytes_max: u32) -> Vec<u8> {
    whole_pdus(context, true, command, peer_pdu_bytes_max)
}

/// A whole, short data set likewise.
pub(crate) fn data_set_pdus(context: u8, data_set: &[u8], peer_pdu_bytes_max: u32) -> Vec<u8> {
    whole_pdus(context, false, data_set, peer_pdu_bytes_max)
}

fn whole_pdus(context: u8, is_command: bool, whole: &[u8], peer_pdu_bytes_max: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(whole.len() + HEAD_BYTES + PDV_HEAD_BYTES);
    let mut pieces = whole.chunks(piece_bytes_max(peer_pdu_bytes_max)).peekable();
    while let Some(data) = pieces.next() {
        let is_last = pieces.peek().is_none();
        push_data(&mut out, Pdv { context, is_command, is_last, data });
    }
    out
}

/// What we say about ourselves in both A-ASSOCIATE-RQ and -AC (PS3.7 D.3.3).
pub(crate) fn our_user_variables() -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(limits::PDU_BYTES_MAX),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pdvs_are_written_and_taken_apart() {
        let pdv = |is_command, is_last, data| Pdv { context: 3, is_command, is_last, data };
        let expected =
            [pdv(true, true, &b"ab"[..]), pdv(false, false, b""), pdv(false, true, b"c")];
        let mut body = Vec::new();
        for pdv in expected {
            let mut pdu = Vec::new();
            push_data(&mut pdu, pdv);
            body.extend_from_slice(&pdu[HEAD_BYTES..]);
        }
        let read: Vec<_> = pdvs(&body).map(Result::unwrap).collect();
        assert_eq!(read, expected);
        for malformed in [&body[..5], &[0, 0, 0, 1, 3], &[255, 255, 255, 255, 1, 1]] {
            assert!(pdvs(malformed).last().unwrap().is_err());
        }
    }

    #[test]
    fn a_command_is_cut_to_what_the_peer_takes() {
        let check = |peer: u32, n_pdus: usize| {
            let bytes = command_pdus(1, &[7; 2000], peer);
            assert_eq!(bytes.len(), 2000 + n_pdus * (HEAD_BYTES + PDV_HEAD_BYTES));
        };
        check(0, 1);
        check(16_384, 1);
        check(1024, 2);
        check(1, 2);
    }

    #[tokio::test]
    async fn a_lying_length_is_refused_before_the_body() {
        let check = async |bytes: &[u8], expected: &str| {
            let (ours, theirs) = tokio::io::duplex(1024);
            let mut theirs = theirs;
            theirs.write_all(bytes).await.unwrap();
            let mut stream = PduStream::new(ours);
            let mut body = Vec::new();
            let error = stream.read(&mut body, Duration::from_millis(50)).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(body.capacity() < 64 * 1024);
        };
        check(b"GET / HTTP/1.1", "unknown PDU type").await;
        check(&[4, 0, 255, 255, 255, 255], "longer than the maximum").await;
        check(&[4, 0, 0, 1, 0, 0, 1, 2, 3], "took longer").await;
        check(&[4, 0], "took longer").await;
    }
}
