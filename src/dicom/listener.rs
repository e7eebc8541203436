//! The accept loop of a service: each connection on a thread of its own.
//!
//! That thread has a runtime of its own: it waits for its peer and for the disk, and nobody waits for it.
//! A connection is pending until it has asked for something; one more than
//! [`limits::CONNECTIONS_PENDING_MAX`] of them evicts the oldest, so silent peers never lock newcomers out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::heartbeat::Heart;
use crate::limits;

/// Whether a service goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dicom) enum Stop {
    No,
    /// What has begun is finished.
    Drain,
    /// At once.
    Now,
}

/// What is done with a connection.
pub(in crate::dicom) trait Serve: Send + Sync + 'static {
    /// Serves it to its end. Once it has asked for something, `evicted` is dropped.
    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        evicted: oneshot::Receiver<()>,
        stopping: watch::Receiver<Stop>,
    );
}

/// Accepts until `shutdown` is ready. What has begun then gets [`limits::DRAIN`] to finish. `heart` beats while connections can be
/// accepted.
pub(in crate::dicom) async fn serve<S: Serve>(
    service: Arc<S>,
    listener: TcpListener,
    heart: Heart,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stop, stopping) = watch::channel(Stop::No);
    let mut tasks = JoinSet::new();
    // Oldest first; dropping one's sender evicts it.
    let mut pending: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    let mut wait = limits::ACCEPT_WAIT_MIN;
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next() => {
                report_panic(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
            () = sleep(limits::TASK_BEAT) => {
                heart.beat();
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly no descriptor left: it passes when a connection ends.
                tracing::warn!(%error, "could not accept a connection");
                sleep(wait).await;
                wait = (wait * 2).min(limits::ACCEPT_WAIT_MAX);
                continue;
            }
        };
        wait = limits::ACCEPT_WAIT_MIN;
        heart.beat();
        pending.retain(|evict| !evict.is_closed());
        if pending.len() == limits::CONNECTIONS_PENDING_MAX {
            pending.pop_front();
        }
        let (evict, evicted) = oneshot::channel();
        pending.push_back(evict);
        let (service, stopping) = (Arc::clone(&service), stopping.clone());
        tasks.spawn_blocking(move || {
            on_own_thread(service.as_ref(), stream, peer, evicted, stopping);
        });
    }
    heart.finish();
    drop(listener);
    drop(pending);
    // Nobody listens when no connection is open.
    let _ = stop.send(Stop::Drain);
    let drain = async {
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    };
    if timeout(limits::DRAIN, drain).await.is_err() {
        tracing::warn!("connections cut off at the end of the drain");
        let _ = stop.send(Stop::Now);
        // One that waits for the disk can't be cut off; it ends with the process.
        let cut_off = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(limits::LINGER, cut_off).await;
        tasks.detach_all();
    }
}

fn on_own_thread<S: Serve>(
    service: &S,
    stream: TcpStream,
    peer: SocketAddr,
    evicted: oneshot::Receiver<()>,
    stopping: watch::Receiver<Stop>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let mut cut_off = stopping.clone();
        let stream = stream.into_std()?;
        runtime.block_on(async {
            let stream = TcpStream::from_std(stream)?;
            // Without it a response waits for the peer's delayed ACK, some 40 ms an instance.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::warn!(%peer, %error, "could not set TCP_NODELAY");
            }
            tokio::select! {
                () = service.connection(stream, peer, evicted, stopping) => {}
                _ = cut_off.wait_for(|stop| *stop == Stop::Now) => {}
            }
            Ok(())
        })
    });
    if let Err(error) = served {
        // Mostly no descriptor left: it passes when a connection ends.
        tracing::warn!(%peer, %error, "could not serve a connection");
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a connection failed");
    }
}
