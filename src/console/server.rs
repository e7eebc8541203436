//! Connections to the console: TLS where there is a certificate, limits in any case.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::error::Chain;
use crate::limits::{
    ACCEPT_WAIT_MIN, CONSOLE_CONNECTIONS_MAX, CONSOLE_HANDSHAKE_TIME, CONSOLE_HEAD_TIME,
};

/// Accepts until `shutdown`. A request under way is cut off: whoever sent it sees no answer and sends it again.
pub(super) async fn serve(
    router: Router,
    tls: Option<TlsAcceptor>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let accept = async {
        let permits = Arc::new(Semaphore::new(CONSOLE_CONNECTIONS_MAX));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            // One more than these waits in the system's own queue.
            let permit = Arc::clone(&permits).acquire_owned().await;
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (router, tls) = (router.clone(), tls.clone());
                    connections.spawn(async move {
                        connection(router, tls, stream, peer).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    sleep(ACCEPT_WAIT_MIN).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accept => {}
    }
}

async fn connection(router: Router, tls: Option<TlsAcceptor>, stream: TcpStream, peer: SocketAddr) {
    // Slices are answered in one write each; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return http(router, stream, peer).await };
    match timeout(CONSOLE_HANDSHAKE_TIME, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(router, stream, peer).await,
        Ok(Err(error)) => tracing::debug!(%peer, error = %Chain(&error), "no TLS with a browser"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

/// HTTP/1.1. A silent connection is left after [`CONSOLE_HEAD_TIME`]; a request has its own limit, see the router.
async fn http(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
) {
    let router = router.layer(axum::Extension(ConnectInfo(peer)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONSOLE_HEAD_TIME)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, error = %Chain(&error), "a connection to the console ended early");
    }
}
