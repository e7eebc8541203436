//! One mail over one SMTP connection (RFC 5321), within the attempt's time.
//!
//! ```text
//!  connect, EHLO --> STARTTLS, EHLO --> AUTH --> MAIL --> RCPT, each --> DATA, content --> receipt --> QUIT
//!  `-------- about the connection --------'      `----- about the mail: 5yz is for good -----'
//! ```
//! What a server says against the connection or the credentials is never for good: a person mends it, and then every
//! alert must go. Recipients that a server does not take are named in the receipt and hold up none of the others.

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use lettre::address::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::{Response, Severity};

use crate::delivery::SendError;
use crate::dicom::scu::PeerAddress;
use crate::limits::{LINGER, MAIL_REPLY_BYTES_MAX};

/// How a server is reached.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) server: PeerAddress,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
}

/// What a reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The connection, and who we are.
    Connection,
    /// Sender and recipients.
    Envelope,
    /// The mail, which a reply may quote.
    Content,
}

/// A connection with its time.
struct Session {
    connection: SmtpConnection,
    deadline: Instant,
}

/// Sends one mail; the receipt is the server's last reply, and the recipients that it did not take.
///
/// # Errors
/// Why nobody got it.
pub(super) fn send(
    way: &Way,
    from: &Address,
    to: &[Address],
    content: &[u8],
    timeout: Duration,
) -> Result<String, SendError> {
    let mut session = Session::open(way, Instant::now() + timeout)?;
    let sent = session.offer(from, to, content);
    session.close();
    sent
}

impl Session {
    fn open(way: &Way, deadline: Instant) -> Result<Self, SendError> {
        let addresses: Vec<_> = way
            .server
            .as_str()
            .to_socket_addrs()
            .map_err(|error| SendError::NoAnswer(Box::new(error)))?
            .collect();
        let n_addresses = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut problem = SendError::NoAnswer("the server's name has no address".into());
        for (n_tried, address) in (0..n_addresses).zip(addresses) {
            let share = left(deadline)? / (n_addresses - n_tried);
            match Self::connect(way, address, share) {
                Ok(connection) => {
                    let mut session = Self { connection, deadline };
                    return match session.prepare(way) {
                        Ok(()) => Ok(session),
                        Err(error) => {
                            session.close();
                            Err(error)
                        }
                    };
                }
                Err(error) => problem = judge(&error, Stage::Connection),
            }
        }
        Err(problem)
    }

    fn connect(
        way: &Way,
        address: SocketAddr,
        time: Duration,
    ) -> Result<SmtpConnection, SmtpError> {
        let tls = if let Tls::Wrapper(tls) = &way.tls { Some(tls) } else { None };
        // Connecting, greeting, EHLO: each may take so long.
        SmtpConnection::connect(address, Some(time / 3), &ClientId::default(), tls, None)
    }

    /// TLS and credentials.
    fn prepare(&mut self, way: &Way) -> Result<(), SendError> {
        let later = |answer: &str| SendError::NotNow { answer: answer.into(), retry_after: None };
        if let Tls::Required(tls) = &way.tls {
            if !self.connection.server_info().supports_feature(Extension::StartTls) {
                return Err(later(
                    "it does not offer STARTTLS; use its port for TLS with `security = \"tls\"`",
                ));
            }
            self.allow(2)?;
            let started = self.connection.starttls(tls, &ClientId::default());
            started.map_err(|error| judge(&error, Stage::Connection))?;
        }
        if let Some(credentials) = &way.credentials {
            if self.connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
                return Err(later("it takes no user name with a password (AUTH PLAIN or LOGIN)"));
            }
            self.allow(2)?;
            let shown = self.connection.auth(DEFAULT_MECHANISMS, credentials);
            shown.map_err(|error| judge(&error, Stage::Connection))?;
        }
        Ok(())
    }

    /// Offers the mail to each recipient, and hands it over if any is taken.
    fn offer(
        &mut self,
        from: &Address,
        to: &[Address],
        content: &[u8],
    ) -> Result<String, SendError> {
        self.command(Mail::new(Some(from.clone()), Vec::new()))?;
        let mut refused = Vec::new();
        for address in to {
            match self.command(Rcpt::new(address.clone(), Vec::new())) {
                Ok(_) => {}
                Err(error @ SendError::NoAnswer(_)) => return Err(error),
                Err(error) => refused.push((address, error)),
            }
        }
        if refused.len() == to.len() {
            return Err(mildest(refused.into_iter().map(|(_, error)| error)));
        }
        self.command(Data)?;
        self.allow(1)?;
        let taken = self.connection.message(content);
        let taken = taken.map_err(|error| judge(&error, Stage::Content))?;
        if !refused.is_empty() {
            let (n_refused, n_all) = (refused.len(), to.len());
            tracing::warn!(n_refused, n_all, "the mail server did not take every recipient");
        }
        let mut receipt = reply(&taken);
        for (address, error) in refused {
            receipt += &format!("\nnot taken: {address}: {error}");
        }
        Ok(receipt)
    }

    fn command(&mut self, command: impl Display) -> Result<Response, SendError> {
        self.allow(1)?;
        self.connection.command(command).map_err(|error| judge(&error, Stage::Envelope))
    }

    /// Lets what follows wait for the rest of the time, in so many steps.
    fn allow(&mut self, n_steps: u32) -> Result<(), SendError> {
        let time = left(self.deadline)? / n_steps;
        self.connection
            .set_timeout(Some(time))
            .map_err(|error| SendError::NoAnswer(Box::new(error)))
    }

    /// Says good-bye; the mail is with the server already, or is not.
    fn close(mut self) {
        if self.connection.set_timeout(Some(LINGER)).is_ok() {
            self.connection.abort();
        }
    }
}

/// The time until then.
fn left(deadline: Instant) -> Result<Duration, SendError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(SendError::NoAnswer("the time for the attempt is over".into()));
    }
    Ok(left)
}

/// The one of several that leaves most hope.
fn mildest(errors: impl Iterator<Item = SendError>) -> SendError {
    let mut all: Vec<_> = errors.collect();
    let later = all.iter().position(|it| matches!(it, SendError::NotNow { .. }));
    all.swap_remove(later.unwrap_or(0))
}

fn judge(error: &SmtpError, stage: Stage) -> SendError {
    let Some(code) = error.status() else {
        // lettre's texts hold those of their sources.
        return SendError::NoAnswer(error.to_string().into());
    };
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let text = if stage == Stage::Content { enhanced_code(&text) } else { bounded(&text) };
    let answer = format!("{code} {text}").trim_end().to_owned();
    // RFC 4954 section 6: authentication is missing, too weak, or wrong.
    let is_about_credentials = matches!(u16::from(code), 530 | 534 | 535 | 538);
    let passes = code.severity == Severity::TransientNegativeCompletion
        || stage == Stage::Connection
        || is_about_credentials;
    if passes {
        SendError::NotNow { answer, retry_after: None }
    } else {
        SendError::Refused(answer)
    }
}

fn reply(response: &Response) -> String {
    let lines: Vec<_> = response.message().collect();
    bounded(&format!("{} {}", response.code(), lines.join(" "))).to_owned()
}

/// The first of it.
fn bounded(text: &str) -> &str {
    let end =
        (0..=text.len().min(MAIL_REPLY_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].trim()
}

/// The enhanced status code (RFC 3463) that a text begins with, or nothing.
fn enhanced_code(text: &str) -> &str {
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<_> = first.split('.').collect();
    if parts.len() == 3 && parts.into_iter().all(is_number) { first } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_kept_of_what_may_quote_the_mail() {
        assert_eq!(enhanced_code("5.7.1 Subject \"a CT series\" is spam"), "5.7.1");
        for text in ["", "spam", "5.7", "5.7.1.2", "5.7.x", "1234.1.1"] {
            assert_eq!(enhanced_code(text), "", "{text}");
        }
        assert_eq!(bounded(&"ä".repeat(MAIL_REPLY_BYTES_MAX)).len(), MAIL_REPLY_BYTES_MAX);
        assert_eq!(bounded(" ok\n"), "ok");
    }
}
