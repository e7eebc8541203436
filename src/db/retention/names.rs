//! The names of images that are gone, in 8 bytes each: a few kilobytes a series for as long as its answer is kept.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

const BYTES: usize = 8;

/// A set of SOP Instance UIDs that can be asked, not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoneNames(Vec<u8>);

impl GoneNames {
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn add(&mut self, name: &str) {
        let hash = hash(name);
        if !self.holds(hash) {
            self.0.extend(hash);
        }
    }

    /// Whether this one is gone.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.holds(hash(name))
    }

    /// How many are gone that are not among `names`.
    pub(super) fn n_not_among(&self, names: &[String]) -> usize {
        let here: HashSet<_> = names.iter().map(|name| hash(name)).collect();
        let (all, _) = self.0.as_chunks::<BYTES>();
        all.iter().filter(|&hash| !here.contains(hash)).count()
    }

    fn holds(&self, hash: [u8; BYTES]) -> bool {
        let (all, _) = self.0.as_chunks::<BYTES>();
        all.contains(&hash)
    }
}

fn hash(name: &str) -> [u8; BYTES] {
    let whole: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let (first, _) = whole.split_first_chunk::<BYTES>().expect("32 bytes are more than 8");
    *first
}
