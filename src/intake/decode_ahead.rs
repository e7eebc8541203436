//! Pixels of compressed images, decoded while others of their series still come.
//!
//! ```text
//!  received --offer--> waiting --own threads--> ready --take--> a slice of the volume
//!                         +-----------take: the taker decodes it, and nobody else does
//! ```
//!
//! To decode 300 slices takes seconds, all other work on them a fraction of one. Nothing depends on it: what is
//! not ready, does not fit or has been replaced since is decoded when the volume is loaded, with the same answer.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::clock::Clock;
use crate::dicom::ct_image::{CtImage, read_images};
use crate::dicom::ct_pixels::decode_pixels;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::transfer_syntax::{PixelCoding, TransferSyntax};
use crate::limits;
use crate::units::Hounsfield;

/// Decodes images of one frame, in the order in which they arrived, on threads of its own.
#[derive(Debug)]
pub struct DecodeAhead {
    folder: PathBuf,
    pool: ThreadPool,
    clock: Arc<dyn Clock>,
    images: Arc<Mutex<Images>>,
}

#[derive(Debug, Default)]
struct Images {
    by_path: HashMap<PathBuf, Image>,
    n_bytes: usize,
}

#[derive(Debug)]
struct Image {
    offered: Duration,
    /// `None` while it waits.
    decoded: Option<Decoded>,
}

#[derive(Debug)]
struct Decoded {
    version: Version,
    pixels: Vec<Hounsfield>,
}

impl Decoded {
    fn n_bytes(&self) -> usize {
        size_of_val(self.pixels.as_slice())
    }
}

/// Which file it was: an instance that is sent again takes the name of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Version {
    fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        let modified = (about.mtime(), about.mtime_nsec());
        Ok(Self { inode: about.ino(), bytes: about.len(), modified })
    }
}

impl DecodeAhead {
    /// Of instances in the spool's folder. Half of the processors are left to whoever receives.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn new(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, ThreadPoolBuildError> {
        let n_processors = std::thread::available_parallelism().map_or(1, Into::into);
        let pool = ThreadPoolBuilder::new()
            .num_threads((n_processors / 2).max(1))
            .thread_name(|number| format!("decode-{number}"))
            // A codec that panics would do so again for whoever loads the image, and be caught there.
            .panic_handler(|_| {
                tracing::error!("an image could not be decoded ahead: a codec panicked")
            })
            .build()?;
        Ok(Self { folder: folder.to_owned(), pool, clock, images: Arc::default() })
    }

    /// An instance has arrived. Returns at once; one that is quick to read, or does not fit beside the
    /// others, is left as it is.
    pub fn offer(&self, instance: &ReceivedInstance) {
        let syntax = TransferSyntax::find(instance.transfer_syntax.as_str());
        let takes_time = |it: &TransferSyntax| it.is_deflated || it.pixels != PixelCoding::Native;
        if !syntax.is_some_and(takes_time) {
            return;
        }
        let path = self.folder.join(&instance.path);
        {
            let mut images = self.lock();
            images.remove(&path);
            if images.by_path.len() >= limits::SERIES_INSTANCES_MAX {
                return;
            }
            images
                .by_path
                .insert(path.clone(), Image { offered: self.clock.monotonic(), decoded: None });
        }
        let images = Arc::clone(&self.images);
        self.pool.spawn_fifo(move || decode(&images, &path));
    }

    /// The pixels of an image as [`decode_pixels`] gives them, where they are ready. They are given once.
    pub(super) fn take(&self, image: &CtImage, out: &mut [Hounsfield]) -> bool {
        let path = &image.instance.path;
        let Some(Decoded { version, pixels }) = self.lock().remove(path) else { return false };
        if pixels.len() != out.len() || !Version::of(path).is_ok_and(|now| now == version) {
            return false;
        }
        out.copy_from_slice(&pixels);
        true
    }

    /// Nobody will take these any more; paths are relative to the spool's folder.
    pub fn forget<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) {
        let mut images = self.lock();
        for path in paths {
            images.remove(&self.folder.join(path));
        }
    }

    /// Forgets what nobody took for [`limits::DECODED_AHEAD_KEEP`]: a series that was sent again is not
    /// screened again.
    pub fn forget_old(&self) {
        let now = self.clock.monotonic();
        let is_old = |image: &Image| now.saturating_sub(image.offered) > limits::DECODED_AHEAD_KEEP;
        let mut images = self.lock();
        let old = images.by_path.iter().filter(|(_, image)| is_old(image));
        let old: Vec<_> = old.map(|(path, _)| path.clone()).collect();
        for path in old {
            images.remove(&path);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Images> {
        lock(&self.images)
    }
}

impl Images {
    fn remove(&mut self, path: &Path) -> Option<Decoded> {
        let decoded = self.by_path.remove(path)?.decoded?;
        self.n_bytes -= decoded.n_bytes();
        Some(decoded)
    }

    fn has_room(&self, n_bytes: usize) -> bool {
        self.n_bytes + n_bytes <= limits::DECODED_AHEAD_BYTES_MAX
    }

    /// Keeps what was decoded, where it is still waited for and has room.
    fn finish(&mut self, path: &Path, decoded: Option<Decoded>) {
        let decoded = decoded.filter(|it| self.has_room(it.n_bytes()));
        let Some(image) = self.by_path.get_mut(path).filter(|it| it.decoded.is_none()) else {
            return;
        };
        if let Some(decoded) = decoded {
            self.n_bytes += decoded.n_bytes();
            image.decoded = Some(decoded);
        } else {
            self.by_path.remove(path);
        }
    }
}

fn lock(images: &Mutex<Images>) -> MutexGuard<'_, Images> {
    // What a panicking thread held is whole: nothing is decoded under the lock.
    images.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a thread of the pool.
fn decode(images: &Mutex<Images>, path: &Path) {
    let is_wanted = {
        let images = lock(images);
        images.by_path.contains_key(path) && images.has_room(1)
    };
    // What can't be read is said when the series is screened.
    let decoded = is_wanted.then(|| read(path)).flatten();
    lock(images).finish(path, decoded);
}

/// The pixels of a file of one image, if it is the same before and after.
fn read(path: &Path) -> Option<Decoded> {
    let version = Version::of(path).ok()?;
    let found = read_images(path).ok()?;
    // A whole series in one file is complete when it arrives.
    let [image] = found.as_slice() else { return None };
    let mut pixels = vec![Hounsfield::AIR; image.instance.rows * image.instance.columns];
    decode_pixels(image, &mut pixels).ok()?;
    (Version::of(path).ok()? == version).then_some(Decoded { version, pixels })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::ManualClock;
    use crate::dicom::series_hints::SeriesHints;

    const NAMES: [&str; 4] =
        ["j2k_signed.dcm", "htj2k_signed.dcm", "plain_signed.dcm", "j2k_unsigned.dcm"];

    fn instance(name: &str, syntax: &str) -> ReceivedInstance {
        ReceivedInstance {
            sop_instance: "1.2.3".parse().unwrap(),
            sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            series: "1.2.4".parse().unwrap(),
            study: "1.2.5".parse().unwrap(),
            transfer_syntax: syntax.parse().unwrap(),
            calling_ae: "CT1".parse().unwrap(),
            path: name.into(),
            bytes: 0,
            received_unix_ms: 0,
            hints: SeriesHints::default(),
        }
    }

    struct Bench {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        ahead: DecodeAhead,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg2000");
            for name in NAMES {
                fs::copy(from.join(name), folder.path().join(name)).unwrap();
            }
            let clock = Arc::new(ManualClock::default());
            let ahead = DecodeAhead::new(folder.path(), clock.clone()).unwrap();
            Self { folder, clock, ahead }
        }

        fn offer(&self, name: &str, syntax: &str) {
            self.ahead.offer(&instance(name, syntax));
        }

        fn n_ready(&self) -> usize {
            let images = self.ahead.lock();
            images.by_path.values().filter(|image| image.decoded.is_some()).count()
        }

        /// Waits until nothing is decoded any more.
        fn settle(&self) {
            let deadline = Instant::now() + Duration::from_secs(60);
            while self.ahead.lock().by_path.values().any(|image| image.decoded.is_none()) {
                assert!(Instant::now() < deadline, "an image still waits");
                std::thread::sleep(Duration::from_millis(1));
            }
        }

        /// The pixels that were decoded ahead, which are those of the file.
        fn take(&self, name: &str) -> bool {
            let image = &read_images(&self.folder.path().join(name)).unwrap()[0];
            let n_pixels = image.instance.rows * image.instance.columns;
            let mut taken = vec![Hounsfield(1); n_pixels];
            let is_taken = self.ahead.take(image, &mut taken);
            let mut expected = vec![Hounsfield(1); n_pixels];
            if is_taken {
                decode_pixels(image, &mut expected).unwrap();
            }
            assert!(taken == expected, "{name}");
            is_taken
        }
    }

    const J2K: &str = "1.2.840.10008.1.2.4.90";
    const EXPLICIT: &str = "1.2.840.10008.1.2.1";

    #[test]
    fn compressed_images_are_ready_once_and_others_are_left() {
        let bench = Bench::new();
        bench.offer(NAMES[0], J2K);
        bench.offer(NAMES[1], "1.2.840.10008.1.2.4.201");
        bench.offer(NAMES[2], EXPLICIT);
        bench.offer("not-there.dcm", J2K);
        bench.settle();
        assert_eq!(NAMES.map(|name| bench.take(name)), [true, true, false, false]);
        assert!(!bench.take(NAMES[0]), "given once");
        assert_eq!((bench.n_ready(), bench.ahead.lock().n_bytes), (0, 0));
    }

    #[test]
    fn an_instance_that_was_replaced_is_not_taken_for_the_new_one() {
        let bench = Bench::new();
        bench.offer(NAMES[0], J2K);
        bench.settle();
        let path = |name| bench.folder.path().join(name);
        fs::rename(path(NAMES[3]), path(NAMES[0])).unwrap();
        assert!(!bench.take(NAMES[0]));
        // Offered again, it is.
        bench.offer(NAMES[0], J2K);
        bench.settle();
        assert!(bench.take(NAMES[0]));
    }

    #[test]
    fn what_nobody_takes_is_forgotten() {
        let bench = Bench::new();
        bench.offer(NAMES[0], J2K);
        bench.clock.advance(limits::DECODED_AHEAD_KEEP);
        bench.offer(NAMES[3], J2K);
        bench.settle();
        bench.clock.advance(Duration::from_secs(1));
        bench.ahead.forget_old();
        assert_eq!(bench.n_ready(), 1);
        bench.ahead.forget([Path::new(NAMES[3])]);
        assert_eq!((bench.n_ready(), bench.ahead.lock().n_bytes), (0, 0));
    }

    #[test]
    fn memory_has_a_limit() {
        let mut images =
            Images { n_bytes: limits::DECODED_AHEAD_BYTES_MAX - 3, ..Images::default() };
        let version = Version { inode: 0, bytes: 0, modified: (0, 0) };
        for (name, n_pixels, fits) in [("a", 2, false), ("b", 1, true), ("c", 1, false)] {
            let path = Path::new(name);
            images.by_path.insert(path.into(), Image { offered: Duration::ZERO, decoded: None });
            let pixels = vec![Hounsfield::AIR; n_pixels];
            images.finish(path, Some(Decoded { version, pixels }));
            assert_eq!(images.by_path.contains_key(path), fits, "{name}");
        }
    }
}
