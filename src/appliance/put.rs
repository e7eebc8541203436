//! Writes rendered files where they differ from what is there, whole or not at all, and removes those that are not to be.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::render::RenderedFile;
use crate::error::{Dispose, Disposition};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{path}`; run this as root, or name a folder of yours with --root")]
pub struct PutError {
    /// The file.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

impl Dispose for PutError {
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// Writes or removes those that differ, under `root`; says which. A file that cannot be read counts as another one.
///
/// # Errors
/// When one cannot be written; those before it were.
pub fn put(root: &Path, files: &[RenderedFile]) -> Result<Vec<RenderedFile>, PutError> {
    let mut changed = Vec::new();
    for file in files {
        let path = root.join(file.path);
        let is_changed = match &file.text {
            Some(text) => put_text(&path, text),
            None => removed(&path),
        };
        if is_changed.map_err(|source| PutError { path, source })? {
            changed.push(file.clone());
        }
    }
    Ok(changed)
}

fn put_text(path: &Path, text: &str) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes()) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    replace(path, text.as_bytes(), 0o644).map(|()| true)
}

/// Removes a file; says whether there was one.
///
/// # Errors
/// When it is still there.
pub fn removed(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts a file in the place of another one, durably: whoever opens it meanwhile reads the one or the other, all of it.
///
/// # Errors
/// When it cannot be written; then the other one is still there.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = write(&part, bytes, mode).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Why it could not be written says more than why a part of it stays.
        let _ = fs::remove_file(&part);
    }
    written?;
    // The rename itself lies in the folder: without this it can be lost with the power.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // One that was left behind may be anything, a link, too.
    removed(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // Whatever the process's mask is.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::render::Concerns;

    #[test]
    fn only_what_differs_is_written_and_all_of_it() {
        let root = tempfile::tempdir().unwrap();
        let file = |path, text: &str| RenderedFile {
            path,
            text: Some(text.to_owned()),
            concerns: Concerns::Network,
        };
        let [a, b] = [file("run/a/b", "1\n"), file("run/c", "2\n")];
        let changed = |files: &[RenderedFile]| {
            put(root.path(), files).unwrap().into_iter().map(|it| it.path).collect::<Vec<_>>()
        };
        assert_eq!(changed(&[a.clone(), b.clone()]), ["run/a/b", "run/c"]);
        assert_eq!(changed(&[a.clone(), b.clone()]), [""; 0]);
        let gone = RenderedFile { text: None, ..file("run/e", "") };
        assert_eq!(changed(std::slice::from_ref(&gone)), [""; 0]);
        assert_eq!(changed(&[file("run/e", "5\n")]), ["run/e"]);
        assert_eq!(changed(&[gone]), ["run/e"]);
        let other = file("run/c", "3\n");
        // Something that a crash left, or someone put there.
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("run/c.part")).unwrap();
        assert_eq!(changed(&[a.clone(), other]), ["run/c"]);
        assert_eq!(fs::read_to_string(root.path().join("run/c")).unwrap(), "3\n");
        let mode = fs::metadata(root.path().join("run/c")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(fs::read_dir(root.path().join("run")).unwrap().count(), 2);

        fs::create_dir_all(root.path().join("run/d/e")).unwrap();
        let error = put(root.path(), &[file("run/d", "4")]).unwrap_err();
        assert!(error.to_string().contains("run/d"), "{error}");
    }
}
