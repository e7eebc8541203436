//! Sends a message and waits for its acknowledgement. Blocking, on the caller's thread.
//!
//! A connection serves one message: a kept one may be closed by the other side just as it is used, and an answer
//! that was too late for the message before must not be taken for that to this one.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::ack::{AckError, Acknowledgement, Code};
use super::mllp::{Decoder, MllpError, frame};
use super::read::Header;
use crate::error::{Dispose, Disposition};
use crate::limits;

/// Why a message was not taken, as far as that is known. No text holds anything of the message or of the answer's
/// text.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The message has no header, or nothing that an answer could name.
    #[error("the message has no MSH-10 that an answer could name")]
    NoControlId,
    /// The receiver's name is not known.
    #[error("could not find {address}; check the name and the name server")]
    Address {
        /// `host:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The receiver does not listen.
    #[error("could not connect to {address}; check that the receiver listens there")]
    Connect {
        /// `host:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke while the message was sent.
    #[error("could not send the message")]
    Send(#[source] io::Error),
    /// The connection broke while the answer was awaited: whether the message was taken is not known.
    #[error("could not read the answer")]
    Receive(#[source] io::Error),
    /// Nothing came, or too little: whether the message was taken is not known.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// The receiver closed the connection without a whole answer: whether the message was taken is not known.
    #[error("the receiver closed the connection without an answer")]
    Closed,
    /// The answer is not MLLP.
    #[error("the receiver does not speak MLLP")]
    Framing(#[source] MllpError),
    /// The answer is no acknowledgement.
    #[error("could not understand the answer")]
    Answer(#[source] AckError),
    /// Only other messages were acknowledged (MSA-2 is not our MSH-10).
    #[error("the receiver acknowledged another message, none of ours")]
    OtherMessage,
    /// The receiver cannot take the message now (AE, CE).
    #[error("the receiver could not take the message: {0}")]
    NotNow(Acknowledgement),
    /// The receiver will never take it (AR, CR).
    #[error("the receiver refused the message: {0}")]
    Refused(Acknowledgement),
}

impl Dispose for ClientError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::NoControlId | Self::Refused(_) => Disposition::Reject,
            Self::Address { .. }
            | Self::Connect { .. }
            | Self::Send(_)
            | Self::Receive(_)
            | Self::NoAnswer(_)
            | Self::Closed
            | Self::Framing(_)
            | Self::Answer(_)
            | Self::OtherMessage
            | Self::NotNow(_) => Disposition::Retry,
        }
    }
}

/// Sends a message to `address`, a `host:port`, and returns the acknowledgement that it was accepted. All of it,
/// from connecting to the last byte of the answer, takes at most `timeout`; only the name server is asked without one.
///
/// # Errors
/// Everything but an acceptance. What asks for [`Disposition::Retry`] is to be sent again as it is, with the same
/// MSH-10: it may have been taken.
pub fn send(
    address: &str,
    message: &str,
    timeout: Duration,
) -> Result<Acknowledgement, ClientError> {
    let control_id = Header::read(message.as_bytes()).map(|header| header.control_id);
    let control_id = control_id.map_err(|_| ClientError::NoControlId)?;
    if control_id.expose().is_empty() {
        return Err(ClientError::NoControlId);
    }
    let deadline = Deadline { end: Instant::now() + timeout, timeout };
    let mut stream = connect(address, &deadline)?;
    write(&mut stream, &frame(message.as_bytes()), &deadline)?;
    let mut answers = Answers {
        stream,
        decoder: Decoder::new(limits::HL7_ANSWER_BYTES_MAX),
        buffer: vec![0; BUFFER_BYTES],
        unread: 0..0,
    };
    for n_others in 0..=limits::HL7_OTHER_ANSWERS_MAX {
        let answer = match answers.next(&deadline) {
            // What has come is more worth knowing than what has not.
            Err(ClientError::NoAnswer(_) | ClientError::Closed) if n_others > 0 => break,
            answer => answer?,
        };
        let answer = Acknowledgement::read(&answer).map_err(ClientError::Answer)?;
        if answer.about != control_id {
            continue;
        }
        return match answer.code {
            Code::Accept => Ok(answer),
            Code::Error => Err(ClientError::NotNow(answer)),
            Code::Reject => Err(ClientError::Refused(answer)),
        };
    }
    Err(ClientError::OtherMessage)
}

const BUFFER_BYTES: usize = 4096;

/// By when all must have happened.
struct Deadline {
    end: Instant,
    timeout: Duration,
}

impl Deadline {
    /// The time that is left, which is not zero.
    fn left(&self) -> Result<Duration, ClientError> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ClientError::NoAnswer(self.timeout)) } else { Ok(left) }
    }

    /// A socket's time-out is one of ours.
    fn or_over(
        &self,
        error: io::Error,
        other: impl FnOnce(io::Error) -> ClientError,
    ) -> ClientError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ClientError::NoAnswer(self.timeout)
            }
            _ => other(error),
        }
    }
}

/// To the first of its addresses that answers.
fn connect(address: &str, deadline: &Deadline) -> Result<TcpStream, ClientError> {
    let not_found = |source| ClientError::Address { address: address.to_owned(), source };
    let not_connected = |source| ClientError::Connect { address: address.to_owned(), source };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for socket in address.to_socket_addrs().map_err(not_found)? {
        match TcpStream::connect_timeout(&socket, deadline.left()?) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(not_connected)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(not_connected(last))
}

fn write(stream: &mut TcpStream, mut bytes: &[u8], deadline: &Deadline) -> Result<(), ClientError> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(deadline.left()?)).map_err(ClientError::Send)?;
        match stream.write(bytes) {
            Ok(0) => return Err(ClientError::Closed),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(deadline.or_over(error, ClientError::Send)),
        }
    }
    Ok(())
}

/// What the receiver sends.
struct Answers {
    stream: TcpStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// What of the buffer has not been looked at.
    unread: std::ops::Range<usize>,
}

impl Answers {
    fn next(&mut self, deadline: &Deadline) -> Result<Vec<u8>, ClientError> {
        loop {
            let mut unread = &self.buffer[self.unread.clone()];
            let answer = self.decoder.take(&mut unread).map_err(ClientError::Framing)?;
            self.unread.start = self.unread.end - unread.len();
            if let Some(answer) = answer {
                return Ok(answer);
            }
            self.stream.set_read_timeout(Some(deadline.left()?)).map_err(ClientError::Receive)?;
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(n) => self.unread = 0..n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(deadline.or_over(error, ClientError::Receive)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn a_message_that_no_answer_could_name_is_not_sent() {
        for message in ["", "PID|1", "MSH|^~\\&|A|||||||", "MSH|^~\\&|A||||||ORU^R01||P"] {
            let error = send("127.0.0.1:9", message, TIMEOUT).unwrap_err();
            assert!(matches!(error, ClientError::NoControlId), "{message}: {error}");
            assert_eq!(error.disposition(), Disposition::Reject);
        }
    }

    #[test]
    fn whoever_is_not_there_is_tried_again() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for address in
            [format!("127.0.0.1:{port}"), "nowhere.invalid:2575".into(), "no port".into()]
        {
            let error = send(&address, "MSH|^~\\&|A||||||ORU^R01|1", TIMEOUT).unwrap_err();
            assert!(error.to_string().contains(&address), "{error}");
            assert_eq!(error.disposition(), Disposition::Retry);
        }
    }

    #[test]
    fn a_time_that_is_over_is_no_answer() {
        let error = send("127.0.0.1:9", "MSH|^~\\&|A||||||ORU^R01|1", Duration::ZERO).unwrap_err();
        assert!(matches!(error, ClientError::NoAnswer(_)), "{error}");
    }
}
