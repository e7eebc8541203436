//! Small JSON files by which programs of one machine tell each other how they are. Each is a moment: it is written
//! whole or not at all, lies in `/run`, and need not last over a power cut.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::STATE_FILE_BYTES_MAX;

/// What such a file holds.
pub trait State {
    /// Name and version of the format.
    const SCHEMA: &'static str;

    /// The one that the file states.
    fn schema(&self) -> &str;
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// No reading.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No writing.
    #[error("could not write `{path}`; its folder must be there and be writable")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody writes so much.
    #[error("`{path}` has more than {STATE_FILE_BYTES_MAX} bytes; another program's file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not what it should be.
    #[error("could not understand `{path}`")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Another format.
    #[error("`{path}` is of {found:?}, not of {wanted:?}; its writer is of another version")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What is read here.
        wanted: &'static str,
    },
}

/// What a file says; `None` where there is none, as before the first that is written.
///
/// # Errors
/// When it is there and cannot be used.
pub fn read<S: State + DeserializeOwned>(path: &Path) -> Result<Option<S>, StateFileError> {
    let path = || path.to_owned();
    let file = match File::open(path()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateFileError::Read { path: path(), source }),
    };
    let mut bytes = Vec::new();
    file.take(STATE_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| StateFileError::Read { path: path(), source })?;
    if bytes.len() as u64 > STATE_FILE_BYTES_MAX {
        return Err(StateFileError::TooLarge { path: path() });
    }
    let state: S = serde_json::from_slice(&bytes)
        .map_err(|source| StateFileError::Parse { path: path(), source })?;
    if state.schema() != S::SCHEMA {
        let (found, wanted) = (state.schema().to_owned(), S::SCHEMA);
        return Err(StateFileError::Schema { path: path(), found, wanted });
    }
    Ok(Some(state))
}

/// Puts a state in place of the one before: who reads sees one of the two.
///
/// # Errors
/// When the folder refuses.
pub fn write<S: State + Serialize>(path: &Path, state: &S) -> Result<(), StateFileError> {
    let problem = |source| StateFileError::Write { path: path.to_owned(), source };
    let text = serde_json::to_string(state).map_err(|error| problem(error.into()))?;
    let part = path.with_extension("part");
    fs::write(&part, text + "\n").and_then(|()| fs::rename(&part, path)).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Mood {
        schema: String,
        word: String,
    }

    impl State for Mood {
        const SCHEMA: &'static str = "parotidd.mood/1";

        fn schema(&self) -> &str {
            &self.schema
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mood.json");
        assert_eq!(read::<Mood>(&path).unwrap(), None);
        let mood = Mood { schema: Mood::SCHEMA.into(), word: "well".into() };
        write(&path, &mood).unwrap();
        assert_eq!(read(&path).unwrap(), Some(mood));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(
            write(&folder.path().join("none/mood.json"), &read::<Mood>(&path).unwrap().unwrap())
                .is_err()
        );
        let check = |text: &str, says: &str| {
            fs::write(&path, text).unwrap();
            let error = read::<Mood>(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check("{", "understand");
        check(r#"{"schema":"parotidd.mood/2","word":"well"}"#, "another version");
        let many = usize::try_from(STATE_FILE_BYTES_MAX).unwrap();
        check(&" ".repeat(many + 1), "more than");
    }
}
