//! The file system that a folder is on: its room, and when what was written is on it for good.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Those that we may still fill.
    pub free_bytes: u64,
    /// All.
    pub total_bytes: u64,
}

/// Room where a folder is.
///
/// # Errors
/// When there is no such folder.
pub fn room(folder: &Path) -> io::Result<Room> {
    let disk = statvfs(folder)?;
    let block = disk.fragment_size();
    #[allow(clippy::useless_conversion, reason = "block counts are 32 bits wide on some machines")]
    let bytes = |blocks: u64| blocks.saturating_mul(block.into());
    Ok(Room { free_bytes: bytes(disk.blocks_available()), total_bytes: bytes(disk.blocks()) })
}

/// Makes durable all that was written to the file system of a folder: thousands of files take a slow stick seconds so, and hours
/// each by itself.
///
/// # Errors
/// When there is no such folder, or something could not be written since it was last asked (Linux 5.8).
pub fn sync(folder: &Path) -> io::Result<()> {
    Ok(nix::unistd::syncfs(&File::open(folder)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_much_room_there_is() {
        let here = room(Path::new("/")).unwrap();
        assert!(here.total_bytes > 0 && here.free_bytes <= here.total_bytes);
        assert!(room(Path::new("/nowhere")).is_err());
        let folder = tempfile::tempdir().unwrap();
        sync(folder.path()).unwrap();
        assert!(sync(&folder.path().join("nowhere")).is_err());
    }
}
