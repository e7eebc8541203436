//! Receives messages over MLLP and answers each (HL7 v2.5.1 section 2.9.2, original mode).
//!
//! ```text
//!  accept --one of n permits--> connection --block--> Message --> handler --> Answer --> acknowledgement
//! ```
//! A connection is a task that waits for its peer alone, and handles one message after the other. One more
//! connection than there are permits is closed at once: interface engines connect again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::ack::{Answer, Condition, acknowledge};
use super::build;
use super::mllp::{Decoder, MllpError, frame};
use super::read::{Header, Message, ReadError};
use crate::clock::Clock;
use crate::limits;

/// Takes messages.
pub trait Handler: Send + Sync + 'static {
    /// Takes one, or says why not. With [`Answer::Accepted`] the message is the handler's: its sender forgets it. The
    /// same message may come again, when its sender did not hear the answer.
    ///
    /// Given up after [`limits::HL7_HANDLE`]; the sender is then told to try again.
    fn handle(&self, message: Message) -> impl Future<Output = Answer> + Send;
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// Connections at once, at most [`limits::HL7_CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// Silence after which a connection is closed.
    pub idle_timeout: Duration,
    /// For the time in acknowledgements.
    pub clock: Arc<dyn Clock>,
}

/// Accepts until `shutdown` is ready. Then connections without a message end at once; one that is arriving or being
/// handled gets [`limits::DRAIN`] to be answered.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    options: ListenerOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let permits = options.connections_max.min(limits::HL7_CONNECTIONS_MAX);
    let permits = Arc::new(Semaphore::new(permits));
    let service = Arc::new(Service { handler, options, n_answers: AtomicU32::new(0) });
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
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
        };
        match accepted {
            Ok((stream, peer)) => {
                wait = limits::ACCEPT_WAIT_MIN;
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    tracing::warn!(%peer, "HL7 connection closed: there are as many as may be at once");
                    continue;
                };
                tasks.spawn(Arc::clone(&service).connection(
                    stream,
                    peer,
                    permit,
                    stopping.clone(),
                ));
            }
            Err(error) => {
                // Mostly no descriptor left: it passes when a connection ends.
                tracing::warn!(%error, "could not accept an HL7 connection");
                sleep(wait).await;
                wait = (wait * 2).min(limits::ACCEPT_WAIT_MAX);
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drain = async {
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    };
    if timeout(limits::DRAIN, drain).await.is_err() {
        tracing::warn!("HL7 connections cut off at the end of the drain");
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of an HL7 connection failed");
    }
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer closed the connection within a message")]
    Broken,
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    #[error("a message was not whole within {0:?}, or its end (FS, CR) is missing")]
    Slow(Duration),
    #[error("the service stops")]
    Stopped,
    #[error("could not read from or write to the peer")]
    Stream(#[from] std::io::Error),
    #[error("what the peer sends is no MLLP")]
    Framing(#[from] MllpError),
    #[error("the peer does not read its answers")]
    Deaf,
}

struct Service<H> {
    handler: Arc<H>,
    options: ListenerOptions,
    n_answers: AtomicU32,
}

const BUFFER_BYTES: usize = 16 * 1024;

impl<H: Handler> Service<H> {
    async fn connection(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        mut stopping: watch::Receiver<bool>,
    ) {
        tracing::debug!(%peer, "HL7 connection opened");
        let end = self.converse(&mut stream, peer, &mut stopping).await;
        drop(permit);
        match end {
            End::Closed | End::Stopped | End::Idle(_) => {
                tracing::debug!(%peer, %end, "HL7 connection closed");
            }
            end => {
                let error = crate::error::Chain(&end).to_string();
                tracing::warn!(%peer, error, "HL7 connection closed");
            }
        }
    }

    /// Message after message.
    async fn converse(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        stopping: &mut watch::Receiver<bool>,
    ) -> End {
        // Without it an answer waits for the peer's delayed ACK.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%peer, %error, "could not set TCP_NODELAY");
        }
        let mut decoder = Decoder::new(limits::HL7_MESSAGE_BYTES_MAX);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut message_end = None;
        loop {
            let read = self.read(stream, &mut buffer, message_end, stopping).await;
            let mut unread = match read {
                Ok(n) => &buffer[..n],
                Err(end) => return end,
            };
            loop {
                let answered = match decoder.take(&mut unread) {
                    Ok(None) => break,
                    Ok(Some(message)) => self.answer(stream, peer, &message).await,
                    Err(error) => self.refuse(stream, decoder.content(), error).await,
                };
                if let Err(end) = answered {
                    return end;
                }
            }
            if !decoder.is_inside() {
                message_end = None;
            } else if message_end.is_none() {
                message_end = Some(Instant::now() + limits::HL7_MESSAGE_TIME);
            }
        }
    }

    /// The next bytes, of a message that must be whole by `message_end`, or of the next one.
    async fn read(
        &self,
        stream: &mut TcpStream,
        buffer: &mut [u8],
        message_end: Option<Instant>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<usize, End> {
        let idle_end = Instant::now() + self.options.idle_timeout;
        let read =
            timeout_at(message_end.map_or(idle_end, |end| end.min(idle_end)), stream.read(buffer));
        let read = match message_end {
            Some(_) => read.await,
            None => tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Err(End::Stopped),
                read = read => read,
            },
        };
        match (read, message_end) {
            (Ok(Ok(0)), None) => Err(End::Closed),
            (Ok(Ok(0)), Some(_)) => Err(End::Broken),
            (Ok(read), _) => Ok(read?),
            (Err(_), None) => Err(End::Idle(self.options.idle_timeout)),
            (Err(_), Some(_)) => {
                Err(End::Slow(limits::HL7_MESSAGE_TIME.min(self.options.idle_timeout)))
            }
        }
    }

    /// Has a message handled, and answers.
    async fn answer(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), End> {
        let (header, answer) = match Message::read(bytes) {
            Ok(message) => {
                let header = message.header().clone();
                // Two that acknowledge each other's acknowledgements never end.
                if header.message_code == "ACK" {
                    tracing::warn!(%peer, "an acknowledgement of nothing of ours was dropped");
                    return Ok(());
                }
                let answer = self.handle(message).await;
                (header, answer)
            }
            Err(error) => (Header::read(bytes).unwrap_or_default(), error.into()),
        };
        let (code, event) = (&header.message_code, &header.trigger_event);
        match &answer {
            Answer::Accepted => tracing::debug!(%peer, "HL7 message accepted"),
            Answer::TryAgain(reason) => {
                tracing::warn!(%peer, reason, "HL7 message put off");
            }
            Answer::Refused(condition, reason) => {
                let kind = format!("{}^{}", short(code), short(event));
                tracing::warn!(%peer, kind, ?condition, reason, "HL7 message refused");
            }
        }
        self.write(stream, &header, &answer).await
    }

    async fn handle(&self, message: Message) -> Answer {
        if message.header().control_id.expose().is_empty() {
            let text = "MSH-10 is empty: no answer could name the message".to_owned();
            return Answer::Refused(Condition::RequiredFieldMissing, text);
        }
        match timeout(limits::HL7_HANDLE, self.handler.handle(message)).await {
            Ok(answer) => answer,
            Err(_) => Answer::TryAgain("the message was not taken in time".to_owned()),
        }
    }

    /// Tells the sender of what is too long that it is: it would send it for ever.
    async fn refuse(
        &self,
        stream: &mut TcpStream,
        content: &[u8],
        error: MllpError,
    ) -> Result<(), End> {
        if let (MllpError::TooLong(_), Ok(header)) = (error, Header::read(content)) {
            self.write(stream, &header, &ReadError::TooLong.into()).await?;
            // Closing while its bytes are unread could take the answer from the peer.
            let drain = async {
                stream.shutdown().await?;
                tokio::io::copy(stream, &mut tokio::io::sink()).await
            };
            let _ = timeout(limits::LINGER, drain).await;
        }
        Err(error.into())
    }

    async fn write(&self, stream: &mut TcpStream, to: &Header, answer: &Answer) -> Result<(), End> {
        let unix_ms = self.options.clock.unix_ms();
        let n = self.n_answers.fetch_add(1, Ordering::Relaxed);
        // Unique among our answers, also after a restart, in the 20 characters of MSH-10.
        let control_id = format!("{unix_ms:x}-{n:x}");
        let text = acknowledge(to, answer, &control_id, &build::time(unix_ms));
        let block = frame(text.as_bytes());
        let written = timeout(limits::HL7_ACK_WRITE, stream.write_all(&block)).await;
        written.map_err(|_| End::Deaf)?.map_err(End::Stream)
    }
}

/// What a stranger wrote, for the log.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(8)]
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
