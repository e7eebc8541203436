//! Who listens where, of all settings.

use std::net::SocketAddr;

use super::Config;

/// What is listened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// DICOM.
    Dicom,
    /// DICOM over TLS.
    DicomTls,
    /// Images over DICOMweb.
    Stow,
    /// Radiologists' reports.
    Reports,
    /// The console, and the pages behind links.
    Console,
}

impl Service {
    /// For the log.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Dicom => "listening",
            Self::DicomTls => "listening with TLS",
            Self::Stow => "STOW-RS is up",
            Self::Reports => "radiologists' reports over MLLP",
            Self::Console => "the console is up",
        }
    }
}

impl Config {
    /// Every address that is listened on, with what answers there.
    #[must_use]
    pub fn listeners(&self) -> Vec<(Service, SocketAddr)> {
        let of = |service, addresses: &[SocketAddr]| {
            addresses.iter().map(|&address| (service, address)).collect::<Vec<_>>()
        };
        [
            of(Service::Dicom, &self.dicom.listen),
            of(Service::DicomTls, self.dicom.tls_listen()),
            of(Service::Stow, &self.stow.listen),
            of(Service::Reports, &self.reports.listen),
            of(Service::Console, &self.console.listen),
        ]
        .concat()
    }
}
