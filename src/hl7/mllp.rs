//! Minimal Lower Layer Protocol: where a message begins and ends on a connection (HL7 v2.5.1 appendix C.4; MLLP
//! release 1).
//!
//! ```text
//!  <VT> message <FS><CR> <VT> message <FS><CR> ...
//! ```
//! Pure: bytes in whatever pieces in, messages out. An FS without a CR is no end: control characters in texts have
//! ended messages in the middle of reports.

use crate::error::{Dispose, Disposition};
use crate::limits;

/// Begins a block.
const VT: u8 = 0x0B;
/// Ends its content.
const FS: u8 = 0x1C;
/// Ends the block.
const CR: u8 = 0x0D;

/// What is no stream of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MllpError {
    /// A block is too long.
    #[error("a message is longer than {0} bytes, or its end (FS, CR) is missing")]
    TooLong(usize),
    /// What comes is not MLLP.
    #[error(
        "more than {} bytes came outside of MLLP blocks; the peer speaks something else, or TLS",
        limits::MLLP_SKIPPED_BYTES_MAX
    )]
    NoBlocks,
}

impl Dispose for MllpError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// A message as a block.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(message.len() + 3);
    block.push(VT);
    block.extend_from_slice(message);
    block.extend_from_slice(&[FS, CR]);
    block
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    /// Inside, and the last byte was an FS.
    Ending,
}

/// Takes blocks apart as they arrive.
pub struct Decoder {
    state: State,
    content: Vec<u8>,
    n_skipped: usize,
    bytes_max: usize,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_bytes = self.content.len();
        f.debug_struct("Decoder").field("state", &self.state).field("n_bytes", &n_bytes).finish()
    }
}

impl Decoder {
    /// For messages of at most so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { state: State::Outside, content: Vec::new(), n_skipped: 0, bytes_max }
    }

    /// Whether a message has begun that has not ended.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.state != State::Outside
    }

    /// What of it has come, at most the limit.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Takes bytes from the front of `input` up to the end of a message, or all of them.
    ///
    /// # Errors
    /// [`MllpError`]: nothing that comes after can be trusted, so the connection should be closed.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, MllpError> {
        while let Some((&first, rest)) = input.split_first() {
            match self.state {
                State::Outside => {
                    let start = input.iter().position(|byte| *byte == VT);
                    self.n_skipped += start.unwrap_or(input.len());
                    if self.n_skipped > limits::MLLP_SKIPPED_BYTES_MAX {
                        return Err(MllpError::NoBlocks);
                    }
                    *input = start.map_or(&[], |at| &input[at + 1..]);
                    if start.is_some() {
                        self.state = State::Inside;
                    }
                }
                State::Inside => {
                    let end = input.iter().position(|byte| *byte == FS);
                    let (content, rest) = input.split_at(end.unwrap_or(input.len()));
                    self.keep(content)?;
                    *input = rest.strip_prefix(&[FS]).unwrap_or(rest);
                    if end.is_some() {
                        self.state = State::Ending;
                    }
                }
                State::Ending if first == CR => {
                    *input = rest;
                    self.state = State::Outside;
                    self.n_skipped = 0;
                    return Ok(Some(std::mem::take(&mut self.content)));
                }
                State::Ending => {
                    self.keep(&[FS])?;
                    self.state = State::Inside;
                }
            }
        }
        Ok(None)
    }

    fn keep(&mut self, content: &[u8]) -> Result<(), MllpError> {
        let room = self.bytes_max - self.content.len();
        self.content.extend_from_slice(&content[..content.len().min(room)]);
        if content.len() > room { Err(MllpError::TooLong(self.bytes_max)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 64;

    /// The messages in a stream that arrives in pieces, and what ended it.
    fn decode<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<Vec<u8>>, Result<bool, MllpError>) {
        let mut decoder = Decoder::new(BYTES_MAX);
        let mut messages = Vec::new();
        for mut piece in pieces {
            loop {
                match decoder.take(&mut piece) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Err(error)),
                }
            }
            assert!(piece.is_empty());
        }
        (messages, Ok(decoder.is_inside()))
    }

    fn check(stream: &[u8], messages: &[&[u8]], end: Result<bool, MllpError>) {
        assert_eq!(decode([stream]), (messages.iter().map(|it| it.to_vec()).collect(), end));
    }

    #[test]
    fn messages_are_found_between_their_marks() {
        check(b"", &[], Ok(false));
        check(b"\x0BMSH|\r\x1C\r", &[b"MSH|\r"], Ok(false));
        check(b"\x0Ba\x1C\r\x0Bb\x1C\r\x0B\x1C\r", &[b"a", b"b", b""], Ok(false));
        check(b"\x0Ba\x1C\r\r\n\x0Bb\x1C", &[b"a"], Ok(true));
        check(b"hello\r\n\x0Ba\x1C\r", &[b"a"], Ok(false));
        // Marks in a text.
        check(b"\x0Ba\x1Cb\x0Bc\x1C\x1C\r", &[b"a\x1Cb\x0Bc\x1C"], Ok(false));
        check(&frame(b"framed"), &[b"framed"], Ok(false));
    }

    #[test]
    fn nothing_grows_without_bound() {
        check(&frame(&[b'a'; BYTES_MAX]), &[&[b'a'; BYTES_MAX]], Ok(false));
        check(&frame(&[b'a'; BYTES_MAX + 1]), &[], Err(MllpError::TooLong(BYTES_MAX)));
        let skipped = [b'a'; limits::MLLP_SKIPPED_BYTES_MAX];
        check(&[&skipped[..], b"\x0Ba\x1C\r", &skipped].concat(), &[b"a"], Ok(false));
        check(&[&skipped[..], b"a\x0Ba\x1C\r"].concat(), &[], Err(MllpError::NoBlocks));
        let mut decoder = Decoder::new(2);
        assert!(decoder.take(&mut &b"\x0BMSH"[..]).is_err());
        assert_eq!(decoder.content(), b"MS");
    }

    proptest! {
        #[test]
        fn how_it_is_split_changes_nothing(
            stream in prop::collection::vec(
                prop_oneof![Just(VT), Just(FS), Just(CR), Just(b'a'), Just(b'b')], 0..400),
            cuts in prop::collection::vec(0..400_usize, 0..20),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            let whole = decode([&stream[..]]);
            prop_assert_eq!(decode(pieces), whole.clone());
            prop_assert_eq!(decode(stream.chunks(1)), whole);
        }

        #[test]
        fn what_is_framed_comes_back(messages: Vec<[u8; 8]>) {
            // But for a message that has an end in it, or ends with an FS that the real one would follow.
            let sent: Vec<_> = messages.iter().map(|it| it.map(|byte| byte.max(0x20))).collect();
            let stream: Vec<u8> = sent.iter().flat_map(|it| frame(it)).collect();
            let (received, end) = decode([&stream[..]]);
            prop_assert_eq!(received, sent.iter().map(|it| it.to_vec()).collect::<Vec<_>>());
            prop_assert_eq!(end, Ok(false));
        }
    }
}
