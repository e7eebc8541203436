//! The connection under an association that we ask for, plain or TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::{ScuError, ScuOptions};
use crate::dicom::tls::{self, HandshakeError};
use crate::dicom::upper_layer::UpperLayerError;

/// A connection, plain or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) async fn connect(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
) -> Result<Box<dyn Stream>, ScuError> {
    let stream = timeout(options.timeout, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(ScuError::Connect)?;
    // Peers write a response in two small writes; with Nagle each would cost 40 ms.
    stream.set_nodelay(true).map_err(ScuError::Connect)?;
    let Some(tls) = &options.tls else { return Ok(Box::new(stream)) };
    let secured = timeout(options.timeout, tls.connect(stream))
        .await
        .unwrap_or(Err(HandshakeError::TimedOut(options.timeout)))?;
    Ok(Box::new(secured))
}

/// No answer to the request. Where one side speaks TLS and the other does not, or does not trust our
/// certificate, this is all that it lets us know.
pub(super) fn no_answer(options: &ScuOptions, error: UpperLayerError) -> ScuError {
    match error {
        UpperLayerError::Closed if options.tls.is_none() => ScuError::Unanswered,
        UpperLayerError::Stream(error) if tls::library_error(&error).is_some() => {
            HandshakeError::from(error).into()
        }
        UpperLayerError::Stream(error)
            if options.tls.is_none() && error.kind() == io::ErrorKind::ConnectionReset =>
        {
            ScuError::Unanswered
        }
        error => error.into(),
    }
}
