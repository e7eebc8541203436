//! Finds CT series in files and folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dicom::ct_image::{CtImage, read_images};
use crate::dicom::uid::SeriesInstanceUid;
use crate::error::Chain;
use crate::limits;
use crate::reason::Reason;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// CT images by series; those of a series in the order of their paths.
    pub series: BTreeMap<SeriesInstanceUid, Vec<CtImage>>,
    /// What is no CT image, in the order of the paths.
    pub unusable: Vec<Unusable>,
}

/// A path that gave no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The file or folder.
    pub path: PathBuf,
    /// The stable code.
    pub reason: Reason,
    /// What was wrong, for a person. Holds no patient data.
    pub detail: String,
}

/// Looks into the files and, recursively, the folders, and reads every header.
///
/// Links below the given paths are not followed, so a search ends; it goes
/// [`limits::SCAN_DEPTH_MAX`] folders deep and looks at [`limits::SCAN_FILES_MAX`] files. What lies
/// beyond, and what can't be opened, is among the unusable. A path given twice is read once.
#[must_use]
pub fn scan(paths: &[PathBuf]) -> Found {
    let mut walk = Walk::default();
    for path in paths {
        walk.visit(path, 0, true);
    }
    walk.files.sort();
    walk.files.dedup();
    let read: Vec<_> = walk.files.par_iter().map(|path| read_images(path)).collect();
    let mut found = Found { unusable: walk.unusable, ..Found::default() };
    for (path, result) in walk.files.into_iter().zip(read) {
        match result {
            Ok(images) => {
                for image in images {
                    let series = image.instance.series_instance_uid.clone();
                    found.series.entry(series).or_default().push(image);
                }
            }
            Err(error) => {
                let detail = Chain(&error).to_string();
                found.unusable.push(Unusable { path, reason: error.reason(), detail });
            }
        }
    }
    found.unusable.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    unusable: Vec<Unusable>,
    is_full: bool,
}

impl Walk {
    fn visit(&mut self, path: &Path, depth: usize, follow_link: bool) {
        if self.is_full {
            return;
        }
        let metadata = if follow_link { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match metadata {
            Ok(metadata) if metadata.is_dir() && depth >= limits::SCAN_DEPTH_MAX => {
                self.give_up(path, Reason::TooLarge, "folders are nested too deep".to_owned());
            }
            Ok(metadata) if metadata.is_dir() => self.visit_folder(path, depth),
            Ok(metadata) if metadata.is_file() => {
                self.is_full = self.files.len() >= limits::SCAN_FILES_MAX;
                if self.is_full {
                    self.give_up(path, Reason::TooLarge, "too many files; stopped here".to_owned());
                } else {
                    self.files.push(path.to_owned());
                }
            }
            // Opening a pipe or a device could wait for ever.
            Ok(_) => self.give_up(path, Reason::Unreadable, "neither file nor folder".to_owned()),
            Err(error) => self.give_up(path, Reason::Unreadable, error.to_string()),
        }
    }

    fn visit_folder(&mut self, folder: &Path, depth: usize) {
        let entries = fs::read_dir(folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        });
        match entries {
            Ok(mut entries) => {
                entries.sort();
                for path in entries {
                    self.visit(&path, depth + 1, false);
                }
            }
            Err(error) => self.give_up(folder, Reason::Unreadable, error.to_string()),
        }
    }

    fn give_up(&mut self, path: &Path, reason: Reason, detail: String) {
        self.unusable.push(Unusable { path: path.to_owned(), reason, detail });
    }
}
