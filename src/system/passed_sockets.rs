//! Listening sockets that the service manager opened for us (`sd_listen_fds(3)`): it keeps them while the program
//! is started again, so that who connects meanwhile waits in place of being refused.

use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;
use systemd::daemon;
use tracing::warn;

use crate::error::Chain;

/// One socket, passed or opened by us, and whom it serves.
#[derive(Debug)]
pub struct ListeningSocket {
    /// Non-blocking, and closed in programs that we start.
    pub listener: TcpListener,
    /// Its own address.
    pub address: SocketAddr,
    /// Whether an address of IPv6 serves IPv4 as well.
    pub is_dual: bool,
}

impl ListeningSocket {
    /// Takes over a listening socket.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn new(listener: TcpListener) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let is_dual = address.is_ipv6() && !SockRef::from(&listener).only_v6()?;
        Ok(Self { listener, address, is_dual })
    }

    /// Whether somebody who calls `wanted` reaches this socket.
    #[must_use]
    pub fn serves(&self, wanted: SocketAddr) -> bool {
        let is_any = self.is_dual && self.address.ip().is_unspecified();
        let is_both = is_any && wanted.is_ipv4() && wanted.ip().is_unspecified();
        let is_same_ip = self.address.ip() == wanted.ip();
        self.address.port() == wanted.port() && (is_same_ip || is_both)
    }
}

/// All that were passed to this process. To be called once: a second call would own the same descriptors. What is no
/// TCP listener is named in the log and left alone.
#[must_use]
pub fn take() -> Vec<ListeningSocket> {
    let passed = match daemon::listen_fds() {
        Ok(passed) => passed,
        Err(error) => {
            warn!(%error, "the service manager's sockets cannot be used; ports are opened here");
            return Vec::new();
        }
    };
    let usable = passed.iter().filter_map(|descriptor| match daemon::tcp_listener(descriptor) {
        Ok(listener) => ListeningSocket::new(listener)
            .inspect_err(
                |error| warn!(error = %Chain(error), descriptor, "a passed socket is lost"),
            )
            .ok(),
        Err(error) => {
            warn!(%error, descriptor, "what the service manager passed is no TCP listener");
            None
        }
    });
    usable.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_served_by_its_own_socket_and_by_one_for_both() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let plain = ListeningSocket::new(listener).unwrap();
        let port = plain.address.port();
        let check = |socket: &ListeningSocket, ip: &str, port: u16, serves: bool| {
            let wanted = SocketAddr::new(ip.parse().unwrap(), port);
            assert_eq!(socket.serves(wanted), serves, "{wanted} by {}", socket.address);
        };
        check(&plain, "127.0.0.1", port, true);
        check(&plain, "127.0.0.1", port ^ 1, false);
        check(&plain, "0.0.0.0", port, false);
        let address = "[::]:11112".parse().unwrap();
        let both = ListeningSocket { address, is_dual: true, ..plain };
        check(&both, "::", 11112, true);
        check(&both, "0.0.0.0", 11112, true);
        check(&both, "0.0.0.0", 104, false);
        check(&both, "127.0.0.1", 11112, false);
        let alone = ListeningSocket { is_dual: false, ..both };
        check(&alone, "0.0.0.0", 11112, false);
    }

    #[test]
    fn the_kernel_says_whether_a_socket_is_for_both() {
        let any = match TcpListener::bind("[::]:0") {
            Ok(listener) => ListeningSocket::new(listener).unwrap(),
            Err(error) => return eprintln!("skipped: no IPv6: {error}"),
        };
        let is_only = std::fs::read_to_string("/proc/sys/net/ipv6/bindv6only").unwrap();
        assert_eq!(any.is_dual, is_only.trim() == "0");
        assert_eq!(any.listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn nothing_is_passed_to_a_test() {
        if std::env::var_os("LISTEN_FDS").is_none() {
            assert!(take().is_empty());
        }
    }
}
