//! A stick is mounted so that it can only be read, and made writable for the answer alone.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use super::StickError;

/// How the stick's folder is made writable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// It is: a folder of a person's.
    AsItIs,
    /// It is a mount of its own, read-only until now.
    Again,
}

/// A stick that can be written until this is gone.
#[derive(Debug)]
pub struct Writable(Option<PathBuf>);

impl Mount {
    pub(super) fn writable(self, stick: &Path) -> Result<Writable, StickError> {
        match self {
            Self::AsItIs => Ok(Writable(None)),
            Self::Again => {
                remount(stick, MsFlags::empty()).map_err(|error| StickError::Mount {
                    stick: stick.to_owned(),
                    source: error.into(),
                })?;
                Ok(Writable(Some(stick.to_owned())))
            }
        }
    }
}

impl Writable {
    /// All of it is on the stick, which can be pulled out.
    pub(super) fn done(mut self) -> Result<(), StickError> {
        let Some(stick) = self.0.take() else { return Ok(()) };
        remount(&stick, MsFlags::MS_RDONLY)
            .map_err(|error| StickError::Mount { stick, source: error.into() })
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some(stick) = &self.0 {
            // The error that ended it early says more.
            let _ = remount(stick, MsFlags::MS_RDONLY);
        }
    }
}

/// Nothing on it is ever a program, a device or another user's.
fn remount(stick: &Path, access: MsFlags) -> Result<(), Errno> {
    let harmless = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let none = None::<&str>;
    mount(none, stick, none, MsFlags::MS_REMOUNT | harmless | access, none)
}
