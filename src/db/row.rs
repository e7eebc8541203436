//! Columns to values and back. What does not parse is an error of the row, never a panic.

use std::error::Error;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::Type;

use crate::screening::report::Decision;
use crate::units::Side;

/// The column's value is not what this program writes there.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no value of this column")]
struct Unknown(String);

/// A text column as a checked type.
pub(super) fn parsed<T>(row: &Row<'_>, index: usize) -> Result<T, rusqlite::Error>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let text: String = row.get(index)?;
    text.parse().map_err(|error| conversion(index, Type::Text, error))
}

/// A text column as one of the values that `values` lists under the name `name` gives them.
pub(super) fn named<T: Copy>(
    row: &Row<'_>,
    index: usize,
    values: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, rusqlite::Error> {
    let text: String = row.get(index)?;
    let found = values.iter().copied().find(|&value| name(value) == text);
    found.ok_or_else(|| conversion(index, Type::Text, Unknown(text)))
}

/// An integer column that counts something.
pub(super) fn count<T: TryFrom<i64>>(row: &Row<'_>, index: usize) -> Result<T, rusqlite::Error> {
    let value: i64 = row.get(index)?;
    T::try_from(value).map_err(|_| conversion(index, Type::Integer, Unknown(value.to_string())))
}

/// A text column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> Result<T, rusqlite::Error> {
    let text: String = row.get(index)?;
    serde_json::from_str(&text).map_err(|error| conversion(index, Type::Text, error))
}

/// The decision column.
pub(super) fn decision(row: &Row<'_>, index: usize) -> Result<Decision, rusqlite::Error> {
    const ALL: [Decision; 3] = [Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable];
    named(row, index, &ALL, Decision::as_str)
}

/// Sides as their column holds them: `right`, `left`, `right,left` or nothing.
pub(super) fn sides_text(sides: &[Side]) -> String {
    sides.iter().map(|side| side.as_str()).collect::<Vec<_>>().join(",")
}

/// The sides column.
pub(super) fn sides(row: &Row<'_>, index: usize) -> Result<Vec<Side>, rusqlite::Error> {
    let text: String = row.get(index)?;
    let side = |name: &str| Side::BOTH.into_iter().find(|side| side.as_str() == name);
    let sides: Option<Vec<_>> = text.split(',').filter(|name| !name.is_empty()).map(side).collect();
    sides.ok_or_else(|| conversion(index, Type::Text, Unknown(text)))
}

/// The error of a column that does not parse.
pub(super) fn conversion(
    index: usize,
    stored: Type,
    error: impl Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, stored, Box::new(error))
}

/// At most `bytes_max` bytes of a text, cut between characters.
pub(super) fn bounded(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_survive_the_column() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let check = |text: &str, expected: Option<&[Side]>| {
            let read = connection.query_row("SELECT ?1", [text], |row| sides(row, 0)).ok();
            assert_eq!(read.as_deref(), expected, "{text}");
            if let Some(sides) = expected {
                assert_eq!(sides_text(sides), text);
            }
        };
        check("", Some(&[]));
        check("left", Some(&[Side::Left]));
        check("right,left", Some(&Side::BOTH));
        check("up", None);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(bounded("aäb", 2), "a");
        assert_eq!(bounded("aäb", 3), "aä");
        assert_eq!(bounded("ab", 10), "ab");
    }
}
