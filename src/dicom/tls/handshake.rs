//! The handshake, on either side, and why it failed.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, rustls, server};

use crate::dicom::upper_layer::PduType;
use crate::error::{Dispose, Disposition};

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer closed the connection. Clients do so when they do not trust us, and servers that speak plain
    /// DICOM on that port.
    #[error(
        "the peer closed the connection in the TLS handshake; does it speak TLS on this port, and trust our \
         certificate?"
    )]
    Closed,
    /// An A-ASSOCIATE-RQ in place of a ClientHello.
    #[error(
        "plain DICOM on the TLS port: turn on TLS at the peer, or let it use a port of dicom.listen"
    )]
    PlainDicom,
    /// The connection broke.
    #[error("the connection broke in the TLS handshake")]
    Stream(#[source] io::Error),
    /// It was not done in time.
    #[error("the TLS handshake took longer than {0:?}")]
    TimedOut(Duration),
    /// One side refused the other.
    #[error("{why}")]
    Refused {
        /// In words.
        why: &'static str,
        /// In the library's.
        source: Box<Error>,
    },
}

impl Dispose for HandshakeError {
    /// A clock may be set, a certificate renewed or a file mended: none of it is for ever.
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        if let Some(source) = library_error(&error) {
            return Self::Refused { why: explain(source), source: Box::new(source.clone()) };
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Stream(error),
        }
    }
}

/// What the TLS library says within an error of its stream. With TLS 1.3 a server's refusal of our
/// certificate comes only as an answer to our first message.
pub(crate) fn library_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &Error) -> &'static str {
    match error {
        Error::NoCertificatesPresented => {
            "the peer showed no certificate; give it one that dicom.tls.peers vouches for"
        }
        Error::InvalidCertificate(error) => explain_certificate(error),
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::PeerIncompatible(_) => NOTHING_IN_COMMON,
        Error::InvalidMessage(_) => "the peer does not speak TLS on this port",
        _ => "the peer broke the protocol",
    }
}

const NOTHING_IN_COMMON: &str =
    "nothing in common with the peer; it must know TLS 1.2 or 1.3 and a cipher suite of RFC 9325";

fn explain_certificate(error: &CertificateError) -> &'static str {
    use CertificateError::{
        Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName,
        NotValidForNameContext, NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match error {
        Expired | ExpiredContext { .. } => {
            "the peer's certificate has expired by this machine's clock; renew it, or set the clock"
        }
        NotValidYet | NotValidYetContext { .. } => {
            "the peer's certificate is not valid yet by this machine's clock; is the clock right?"
        }
        UnknownIssuer => {
            "the peer's certificate is not in dicom.tls.peers, and no authority there signed it"
        }
        Revoked => "the peer's certificate is in dicom.tls.revoked",
        NotValidForName | NotValidForNameContext { .. } => {
            "the peer's certificate is for another host; use the name in it, or put it into dicom.tls.peers"
        }
        InvalidPurpose | InvalidPurposeContext { .. } => {
            "the peer's certificate is not meant for this side of a connection (extended key usage)"
        }
        _ => "the peer's certificate cannot be used",
    }
}

fn explain_alert(alert: AlertDescription) -> &'static str {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, HandshakeFailure, InsufficientSecurity, ProtocolVersion, UnknownCA,
        UnsupportedCertificate,
    };
    match alert {
        UnknownCA | BadCertificate | CertificateUnknown | UnsupportedCertificate | AccessDenied => {
            "the peer does not trust our certificate; give it our authority's, or ours"
        }
        CertificateExpired => {
            "the peer says that our certificate has expired, or is not valid yet, by its clock"
        }
        CertificateRevoked => "the peer says that our certificate is revoked",
        CertificateRequired => "the peer wants a certificate of ours",
        ProtocolVersion | HandshakeFailure | InsufficientSecurity => NOTHING_IN_COMMON,
        _ => "the peer gave up",
    }
}

/// Makes TLS of connections to us.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    pub(super) fn new(acceptor: TlsAcceptor) -> Self {
        Self(acceptor)
    }

    /// The whole handshake; the caller sets its time. On an error the peer has been told by an alert what it
    /// did wrong, and the stream comes back to be closed.
    ///
    /// # Errors
    /// When the peer is refused, or goes away.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<server::TlsStream<TcpStream>, (HandshakeError, TcpStream)> {
        // A record of TLS never begins with this byte, and a plain peer would send nothing else.
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(0) => return Err((HandshakeError::Closed, stream)),
            Ok(_) if first == [PduType::AssociateRq.to_byte()] => {
                return Err((HandshakeError::PlainDicom, stream));
            }
            Ok(_) => {}
            Err(error) => return Err((error.into(), stream)),
        }
        let accepted = self.0.accept(stream).into_fallible().await;
        accepted.map_err(|(error, stream)| (error.into(), stream))
    }
}

/// Makes TLS of our connections to one host.
#[derive(Clone)]
pub struct Connector {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(connector: TlsConnector, name: ServerName<'static>) -> Self {
        Self { connector, name }
    }

    /// The whole handshake; the caller sets its time.
    ///
    /// # Errors
    /// When one side refuses the other, or the peer goes away.
    pub async fn connect(
        &self,
        stream: TcpStream,
    ) -> Result<client::TlsStream<TcpStream>, HandshakeError> {
        Ok(self.connector.connect(self.name.clone(), stream).await?)
    }
}
