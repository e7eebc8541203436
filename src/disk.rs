//! Room on the file system that a folder is on.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_much_room_there_is() {
        let here = room(Path::new("/")).unwrap();
        assert!(here.total_bytes > 0 && here.free_bytes <= here.total_bytes);
        assert!(room(Path::new("/nowhere")).is_err());
    }
}
