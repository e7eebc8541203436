//! The files that settings name, opened to see whether they can be used.

use std::sync::Arc;

use super::{Config, ConfigError};
use crate::console::{ConsoleCertificate, Protection};
use crate::delivery::{Means, channels};

impl Config {
    /// Opens certificates, keys, secrets and the board's file, as the daemon will; `unix_ms` is now.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn check_files(&self, unix_ms: i64) -> Result<(), ConfigError> {
        let tls = self.dicom.load_tls(unix_ms)?;
        self.stow.load_token()?;
        self.board()?;
        if let Protection::Site(files) = self.console.protection() {
            ConsoleCertificate::load(&files)?;
        }
        let (calling_ae, results) = (&self.dicom.ae_title, self.results());
        let means = Means { calling_ae, results, tls: tls.as_ref(), commitments: Arc::default() };
        channels(&self.destinations, &means)?;
        Ok(())
    }
}
