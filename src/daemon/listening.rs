//! Everything that is listened for: ports are taken first, and served last.
//!
//! ```text
//!  address of the settings --the service manager passed its socket--> that one
//!                          --it did not----------------------------> bound here
//!  passed, and wanted by no setting --> named in the log, closed
//! ```

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::recorder::Recorder;
use super::{DaemonError, stopped};
use crate::config::{Config, Service};
use crate::console::Console;
use crate::dicom::store_scp::StoreScp;
use crate::dicom::stow::Stow;
use crate::dicom::tls::Acceptor;
use crate::hl7::listener::{self, ListenerOptions};
use crate::review::Reviewer;
use crate::system::passed_sockets::ListeningSocket;

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
pub(super) fn bind(
    config: &Config,
    mut passed: Vec<ListeningSocket>,
) -> Result<Bound, DaemonError> {
    // One socket may stand for two addresses of a service.
    let mut taken: Vec<(Service, ListeningSocket)> = Vec::new();
    let mut wanted = config.listeners();
    // An unspecified address of IPv6 comes first: its socket may serve that of IPv4 too.
    wanted.sort_by_key(|(_, address)| !address.is_ipv6());
    for (service, address) in wanted {
        if taken.iter().any(|(by, socket)| *by == service && socket.serves(address)) {
            continue;
        }
        let socket = match passed.iter().position(|socket| socket.serves(address)) {
            Some(index) => passed.swap_remove(index),
            None => StdListener::bind(address)
                .and_then(ListeningSocket::new)
                .map_err(|source| DaemonError::Listen { address, source })?,
        };
        taken.push((service, socket));
    }
    for ListeningSocket { address, .. } in passed {
        tracing::warn!(
            %address,
            "the service manager listens there and no setting wants it: who connects hears nothing; take it \
             out of parotidd.socket, or into the settings"
        );
    }
    let bound = taken.into_iter().map(|(service, ListeningSocket { listener, address, .. })| {
        let listener = TcpListener::from_std(listener);
        listener
            .map(|listener| (service, listener))
            .map_err(|source| DaemonError::Listen { address, source })
    });
    bound.collect::<Result<_, _>>().map(Bound)
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

    fn config(listen: &[SocketAddr], stow: &[SocketAddr]) -> Config {
        let mut config = Config::default();
        (config.dicom.listen, config.stow.listen) = (listen.to_vec(), stow.to_vec());
        config
    }

    fn passed(address: &str) -> ListeningSocket {
        ListeningSocket::new(StdListener::bind(address).unwrap()).unwrap()
    }

    fn services(bound: &Bound) -> Vec<(Service, SocketAddr)> {
        bound.0.iter().map(|(service, it)| (*service, it.local_addr().unwrap())).collect()
    }

    #[tokio::test]
    async fn passed_sockets_are_used_by_whoever_wants_their_address() {
        let [first, second, unwanted] = [(); 3].map(|()| passed("127.0.0.1:0"));
        let [dicom, stow, left] = [&first, &second, &unwanted].map(|it| it.address);
        let config = config(&[dicom, "127.0.0.1:0".parse().unwrap()], &[stow]);
        let bound = bind(&config, vec![unwanted, second, first]).unwrap();
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
        let both = ListeningSocket::new(listener).unwrap();
        if !both.is_dual {
            return eprintln!("skipped: IPv6 is bound alone here");
        }
        let port = both.address.port();
        let [v4, v6] = ["0.0.0.0", "::"].map(|ip| SocketAddr::new(ip.parse().unwrap(), port));
        let bound = bind(&config(&[v4, v6], &[]), vec![both]).unwrap();
        assert_eq!(services(&bound), [(Service::Dicom, v6)]);
        drop(bound);
        let bound = bind(&config(&[v4, v6], &[]), Vec::new()).unwrap();
        assert_eq!(services(&bound), [(Service::Dicom, v6)], "the same where we open it");
    }
}
