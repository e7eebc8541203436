//! Everything that is listened for: ports are taken first, and served last.
//!
//! ```text
//!  address of the settings --the service manager passed its socket--> that one
//!                          --it did not----------------------------> bound here
//!  passed, and wanted by no setting --> named in the log, closed
//! ```

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
use crate::system::passed_sockets::PassedSocket;

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

/// Takes all ports of the settings: those that were `passed`, and the others from the system.
pub(super) async fn bind(
    config: &Config,
    mut passed: Vec<PassedSocket>,
) -> Result<Bound, DaemonError> {
    let mut bound = Vec::new();
    // Taken over already, and whom they serve: one socket may stand for two addresses of a service.
    let mut taken: Vec<(Service, PassedSocket)> = Vec::new();
    for (service, address) in wanted(config) {
        if taken.iter().any(|(by, socket)| *by == service && socket.serves(address)) {
            continue;
        }
        if let Some(index) = passed.iter().position(|socket| socket.serves(address)) {
            taken.push((service, passed.swap_remove(index)));
            continue;
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| DaemonError::Listen { address, source })?;
        bound.push((service, listener));
    }
    for PassedSocket { address, .. } in passed {
        tracing::warn!(
            %address,
            "the service manager listens there and no setting wants it: who connects hears nothing; take it \
             out of parotidd.socket, or into the settings"
        );
    }
    for (service, PassedSocket { listener, address, .. }) in taken {
        let listener = TcpListener::from_std(listener)
            .map_err(|source| DaemonError::Listen { address, source })?;
        bound.push((service, listener));
    }
    Ok(Bound(bound))
}

/// Every address of the settings. An unspecified one of IPv6 comes first: its socket may serve that of IPv4 too.
fn wanted(config: &Config) -> Vec<(Service, SocketAddr)> {
    let mut wanted = Vec::new();
    for (service, addresses) in [
        (Service::Dicom, config.dicom.listen.as_slice()),
        (Service::DicomTls, config.dicom.tls_listen()),
        (Service::Stow, &config.stow.listen),
        (Service::Reports, &config.reports.listen),
        (Service::Console, &config.console.listen),
    ] {
        wanted.extend(addresses.iter().map(|&address| (service, address)));
    }
    wanted.sort_by_key(|(_, address)| !address.is_ipv6());
    wanted
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener as StdListener;

    fn config(listen: &[SocketAddr], stow: &[SocketAddr]) -> Config {
        let mut config = Config::default();
        (config.dicom.listen, config.stow.listen) = (listen.to_vec(), stow.to_vec());
        config
    }

    fn passed(address: &str) -> PassedSocket {
        PassedSocket::new(StdListener::bind(address).unwrap()).unwrap()
    }

    fn services(bound: &Bound) -> Vec<(Service, SocketAddr)> {
        bound.0.iter().map(|(service, it)| (*service, it.local_addr().unwrap())).collect()
    }

    #[tokio::test]
    async fn passed_sockets_are_used_by_whoever_wants_their_address() {
        let [first, second, unwanted] = [(); 3].map(|()| passed("127.0.0.1:0"));
        let [dicom, stow, left] = [&first, &second, &unwanted].map(|it| it.address);
        let config = config(&[dicom, "127.0.0.1:0".parse().unwrap()], &[stow]);
        let bound = bind(&config, vec![unwanted, second, first]).await.unwrap();
        let services = services(&bound);
        assert_eq!(services.len(), 3, "{services:?}");
        assert!(services.contains(&(Service::Dicom, dicom)), "{services:?}");
        assert!(services.contains(&(Service::Stow, stow)), "{services:?}");
        assert!(StdListener::bind(left).is_ok(), "what nobody wants is closed");
    }

    #[tokio::test]
    async fn a_socket_for_both_stands_for_two_addresses() {
        let Ok(listener) = StdListener::bind("[::]:0") else {
            return eprintln!("skipped: no IPv6");
        };
        let both = PassedSocket::new(listener).unwrap();
        if !both.is_dual {
            return eprintln!("skipped: IPv6 is bound alone here");
        }
        let port = both.address.port();
        let [v4, v6] = ["0.0.0.0", "::"].map(|ip| SocketAddr::new(ip.parse().unwrap(), port));
        let bound = bind(&config(&[v4, v6], &[]), vec![both]).await.unwrap();
        assert_eq!(services(&bound), [(Service::Dicom, v6)]);
    }
}
