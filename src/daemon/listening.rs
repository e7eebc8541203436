//! Everything that is listened for: ports are taken first, and served last.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::recorder::Recorder;
use super::{DaemonError, stopped};
use crate::config::Config;
use crate::console::Console;
use crate::dicom::store_scp::StoreScp;
use crate::dicom::stow::Stow;
use crate::dicom::tls::Acceptor;
use crate::hl7::listener::{self, ListenerOptions};
use crate::review::Reviewer;

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

/// Ports that are taken.
pub(super) struct Bound(Vec<(Service, TcpListener)>);

/// What answers on them.
pub(super) struct Services {
    pub(super) scp: Arc<StoreScp<Recorder>>,
    pub(super) tls: Option<Acceptor>,
    pub(super) stow: Arc<Stow<Recorder>>,
    pub(super) reviewer: Arc<Reviewer>,
    pub(super) report_options: ListenerOptions,
    /// There is none where it does not listen.
    pub(super) console: Option<Arc<Console>>,
}

/// Takes all ports of the settings.
pub(super) async fn bind(config: &Config) -> Result<Bound, DaemonError> {
    let mut bound = Vec::new();
    for (service, addresses) in [
        (Service::Dicom, config.dicom.listen.as_slice()),
        (Service::DicomTls, config.dicom.tls_listen()),
        (Service::Stow, &config.stow.listen),
        (Service::Reports, &config.reports.listen),
        (Service::Console, &config.console.listen),
    ] {
        for &address in addresses {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|source| DaemonError::Listen { address, source })?;
            bound.push((service, listener));
        }
    }
    Ok(Bound(bound))
}

impl Bound {
    /// Serves until `stopping`; says where.
    pub(super) fn serve(
        self,
        services: &Services,
        stopping: &watch::Receiver<bool>,
    ) -> (JoinSet<()>, Vec<(Service, SocketAddr)>) {
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for (service, listener) in self.0 {
            addresses.extend(listener.local_addr().map(|address| (service, address)));
            let stop = stopped(stopping.clone());
            let Services { scp, stow, reviewer, .. } = services;
            match service {
                Service::Dicom => tasks.spawn(Arc::clone(scp).serve(listener, None, stop)),
                Service::DicomTls => {
                    tasks.spawn(Arc::clone(scp).serve(listener, services.tls.clone(), stop))
                }
                Service::Stow => tasks.spawn(Arc::clone(stow).serve(listener, stop)),
                Service::Reports => {
                    let options = services.report_options.clone();
                    tasks.spawn(listener::serve(listener, Arc::clone(reviewer), options, stop))
                }
                Service::Console => {
                    let Some(console) = services.console.clone() else { continue };
                    tasks.spawn(console.serve(listener, stop))
                }
            };
        }
        (tasks, addresses)
    }
}
