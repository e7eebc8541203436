//! The files with secrets that destinations name.

use std::error::Error;
use std::path::Path;

use super::DestinationError;
use crate::dicom::stow::BearerToken;
use crate::secret_file::{Secret, caution_of_mode};

/// Reads one; `what` it is stands in the error. The log says when others may read it, too.
pub(super) fn read(
    name: &str,
    what: &'static str,
    path: &Path,
) -> Result<Secret, DestinationError> {
    let secret = Secret::read(path).map_err(|error| problem(name, what, path, error))?;
    if let Some(caution) = caution_of_mode(what, path) {
        tracing::warn!(destination = name, "{caution}");
    }
    Ok(secret)
}

/// The value of the header `Authorization` for the token in a file (RFC 6750).
pub(super) fn bearer(name: &str, path: &Path) -> Result<Secret, DestinationError> {
    const WHAT: &str = "the bearer token";
    let token = read(name, WHAT, path)?;
    BearerToken::new(token.expose()).map_err(|error| problem(name, WHAT, path, error))?;
    Ok(Secret::new(format!("Bearer {}", token.expose())))
}

/// A file of a destination that cannot be used.
pub(super) fn problem(
    name: &str,
    what: &'static str,
    path: &Path,
    source: impl Error + Send + Sync + 'static,
) -> DestinationError {
    let (name, path) = (name.to_owned(), path.to_owned());
    DestinationError::Secret { name, what, path, source: Box::new(source) }
}
