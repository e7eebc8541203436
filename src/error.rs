//! What to do about an error, apart from what it says.

use std::fmt;

/// What an error asks of whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The input is bad: refuse it, and say why. Trying again changes nothing.
    Reject,
    /// The world is in the way (disk, network, a peer): try again later.
    Retry,
    /// We are broken: stop, and let the service manager start us again.
    Fatal,
}

/// An error that knows what should happen next.
pub trait Dispose: std::error::Error {
    /// What to do about it.
    fn disposition(&self) -> Disposition;
}

/// Prints an error with all its causes, `outer: inner: innermost`.
///
/// No error of ours repeats its source in its own text, so this is the one place that joins them.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read `a.dcm`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn chain_joins_causes() {
        let error = Outer(std::io::Error::other("disk gone"));
        assert_eq!(Chain(&error).to_string(), "could not read `a.dcm`: disk gone");
    }
}
