//! Patient data has a type that does not print.

use serde::{Deserialize, Serialize};

/// Protected health information: names, ids, birth dates, accession numbers, free text from a header.
///
/// `Debug` and `Display` print `[phi]`, so a log line, a panic message or a picture can't show it by
/// accident. Whoever needs the value says so with [`Phi::expose`].
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value at the place where it is parsed.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the database, the wire or the case's own report.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[phi]")
    }
}

impl<T> std::fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[phi]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_does_not_print() {
        let name = Phi::new("DOE^JANE");
        assert_eq!(format!("{name:?} {name}"), "[phi] [phi]");
        assert_eq!(*name.expose(), "DOE^JANE");
    }
}
