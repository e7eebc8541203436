//! STOW-RS origin server: takes CT instances over HTTP (PS3.18 section 10.5, Store Transaction).
//!
//! ```text
//! listener --> connection --request head within ARTIM--> request, with one of n permits
//!                 |                                         |
//!                 +-- evicted while silent, if too many     +--> part --> spool --> sink --> answer
//! ```
//!
//! It stands beside a [`StoreScp`]: the same spool, sink, checks and limits, and to the rest of the program
//! a request is an association. Each connection has a thread of its own and serves one request.
//! HTTP/1.1 without TLS: a proxy in front adds that.

mod body;
mod part;
mod request;
mod response;
mod token;
mod transaction;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming as Body};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use tokio::time::timeout;

pub use self::token::{BearerToken, TokenError};

use self::request::{RequestError, StoreRequest};
use self::response::StoreResponse;
use self::transaction::Transaction;
use super::listener::{self, Serve, Stop};
use super::store_scp::{AssociationEnd, Sink, StoreScp, Summary};
use crate::dicom::uid::AeTitle;
use crate::error::Chain;
use crate::limits;

/// The name of a sender that gives none.
const SENDER: &str = "STOW-RS";

/// How to serve.
#[derive(Debug, Clone)]
pub struct StowOptions {
    /// What stands before `/studies`; empty, or with a slash at its start and none at its end.
    pub base_path: String,
    /// What every sender must show, if anything.
    pub token: Option<BearerToken>,
    /// Requests at once, at most [`limits::STOW_REQUESTS_MAX`].
    pub requests_max: usize,
    /// Time from the connection to a complete request head.
    pub head_timeout: Duration,
    /// Silence within a request, and the most that [`limits::STOW_PACE_BYTES`] may take.
    pub idle_timeout: Duration,
}

/// Where the answer to a request is awaited.
type Reply = oneshot::Sender<Response<Full<Bytes>>>;

/// The service; shared by all its listeners.
#[derive(Debug)]
pub struct Stow<S> {
    options: StowOptions,
    scp: Arc<StoreScp<S>>,
    sender: AeTitle,
    permits: Semaphore,
}

impl<S: Sink> Stow<S> {
    /// A service that keeps what it receives where `scp` does.
    #[must_use]
    pub fn new(options: StowOptions, scp: Arc<StoreScp<S>>) -> Arc<Self> {
        let permits = Semaphore::new(options.requests_max.min(limits::STOW_REQUESTS_MAX));
        let sender = SENDER.parse().expect("a constant AE title");
        Arc::new(Self { options, scp, sender, permits })
    }

    /// Accepts until `shutdown` is ready. Then a part that is arriving is finished, and the request is
    /// answered with what was stored of it, within [`limits::DRAIN`].
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let heart = self.scp.heart();
        listener::serve(self, listener, heart, shutdown).await;
    }

    /// Answers a request, then says that it has ended.
    async fn respond(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
        mut stopping: watch::Receiver<Stop>,
        reply: Reply,
    ) {
        // A peer that went away does not hear what is replied.
        let (request, body, permit) = match self.admit(request) {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::warn!(%peer, %error, "request refused");
                let _ = reply.send(response::refusal(error));
                return;
            }
        };
        let number = self.scp.opened(self.sender.clone(), peer).await;
        let mut transaction = Transaction {
            scp: &self.scp,
            number,
            sender: &self.sender,
            request,
            response: StoreResponse::default(),
            summary: Summary::default(),
        };
        let outcome = transaction.run(body, self.options.idle_timeout, &mut stopping).await;
        let Transaction { response, summary, .. } = transaction;
        drop(permit);
        let (end, answer) = match outcome {
            Ok(()) => (AssociationEnd::Released, response.answer(None)),
            Err(broken) => {
                tracing::warn!(number, %peer, error = %Chain(&broken), "request broken off");
                (broken.end(), broken.answer(&response))
            }
        };
        let _ = reply.send(answer);
        self.scp.closed(number, end, summary).await;
    }

    fn admit(
        &self,
        request: Request<Body>,
    ) -> Result<(StoreRequest, Body, SemaphorePermit<'_>), RequestError> {
        let (head, body) = request.into_parts();
        let token = self.options.token.as_ref();
        let request = StoreRequest::parse(&head, &self.options.base_path, token)?;
        if body.size_hint().lower() > limits::STOW_REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong);
        }
        let permit = self.permits.try_acquire().map_err(|_| RequestError::Busy)?;
        Ok((request, body, permit))
    }
}

impl<S: Sink> Serve for Stow<S> {
    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        evicted: oneshot::Receiver<()>,
        stopping: watch::Receiver<Stop>,
    ) {
        let (ask, mut asked) = mpsc::channel(1);
        let service = service_fn(move |request| {
            let ask = ask.clone();
            async move {
                let (reply, answer) = oneshot::channel();
                // Where nobody listens any more there is no answer either.
                let _ = ask.send((request, reply)).await;
                answer.await
            }
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head_timeout)
            .max_buf_size(limits::STOW_HEAD_BYTES_MAX)
            .keep_alive(false)
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
            .without_shutdown();
        tokio::pin!(http);
        let asked = tokio::select! {
            biased;
            asked = asked.recv() => asked,
            ended = &mut http => {
                if let Err(error) = ended {
                    tracing::warn!(%peer, error = %Chain(&error), "no request");
                }
                None
            }
            // Too many silent connections, or the end of the service.
            _ = evicted => None,
        };
        let Some((request, reply)) = asked else { return };
        // Apart from the connection: it ends in order when its peer goes away.
        let answer = self.respond(request, peer, stopping, reply);
        tokio::pin!(answer);
        let mut ended = None;
        while ended.is_none() {
            tokio::select! {
                it = &mut http => ended = Some(it),
                () = &mut answer => break,
            }
        }
        let ended = match ended {
            Some(ended) => {
                answer.await;
                Ok(ended)
            }
            None => timeout(self.options.idle_timeout, http).await,
        };
        // Closing while its bytes are unread could take the answer from the peer.
        if let Ok(Ok(parts)) = ended {
            let mut stream = parts.io.into_inner();
            let drain = async {
                stream.shutdown().await?;
                copy(&mut stream, &mut sink()).await
            };
            let _ = timeout(limits::LINGER, drain).await;
        }
    }
}
