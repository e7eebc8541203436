//! A request's body as a stream with bounds: how much, how fast, and how much of it in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt, unfold};
use hyper::body::Bytes;
use tokio::time::{Instant, timeout};

use crate::error::{Dispose, Disposition};
use crate::limits;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("a request of more than {} bytes", limits::STOW_REQUEST_BYTES_MAX)]
    TooLong,
    #[error("less than {pace} bytes came within {0:?}", pace = limits::STOW_PACE_BYTES)]
    TooSlow(Duration),
    #[error("more than {} bytes before a part's data", limits::STOW_HELD_BYTES_MAX)]
    Held,
    #[error("could not read the request")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Dispose for BodyError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::TooLong | Self::Held => Disposition::Reject,
            Self::TooSlow(_) | Self::Read(_) => Disposition::Retry,
        }
    }
}

/// Bytes that were read and not handed on: whoever splits the body into parts holds them.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

impl Held {
    /// So many bytes of a part's data were handed on.
    pub(super) fn less(&self, n: usize) {
        let held = self.0.load(Ordering::Relaxed);
        self.0.store(held.saturating_sub(n), Ordering::Relaxed);
    }

    /// A part's headers were handed on. Data that were read with them count no more: at most one piece.
    pub(super) fn none(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn more(&self, n: usize) -> usize {
        self.0.fetch_add(n, Ordering::Relaxed) + n
    }
}

/// The body, up to the first bound that it breaks.
pub(super) fn bounded<B, E>(
    body: B,
    idle: Duration,
    held: Held,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send
where
    B: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    let reader = Reader { body, idle, left: idle, n_since: 0, n_bytes: 0, held };
    let pieces = unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await? {
            Ok(piece) => Some((Ok(piece), Some(reader))),
            Err(error) => Some((Err(error), None)),
        }
    });
    pieces.fuse()
}

struct Reader<B> {
    body: B,
    idle: Duration,
    /// What is left of that time for the next [`limits::STOW_PACE_BYTES`]. Only waiting counts.
    left: Duration,
    n_since: usize,
    n_bytes: u64,
    held: Held,
}

impl<B, E> Reader<B>
where
    B: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        let start = Instant::now();
        let piece = match timeout(self.left, self.body.next()).await {
            Ok(piece) => piece?.map_err(|error| BodyError::Read(Box::new(error))),
            Err(_) => Err(BodyError::TooSlow(self.idle)),
        };
        self.left = self.left.saturating_sub(start.elapsed());
        Some(piece.and_then(|piece| self.count(piece)))
    }

    fn count(&mut self, piece: Bytes) -> Result<Bytes, BodyError> {
        self.n_bytes += piece.len() as u64;
        self.n_since += piece.len();
        if self.n_since >= limits::STOW_PACE_BYTES {
            (self.n_since, self.left) = (0, self.idle);
        }
        if self.n_bytes > limits::STOW_REQUEST_BYTES_MAX {
            return Err(BodyError::TooLong);
        }
        if self.held.more(piece.len()) > limits::STOW_HELD_BYTES_MAX {
            return Err(BodyError::Held);
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn reader<B>(body: B) -> Reader<B> {
        Reader { body, idle: IDLE, left: IDLE, n_since: 0, n_bytes: 0, held: Held::default() }
    }

    #[tokio::test]
    async fn a_body_keeps_its_pace() {
        let silent = stream::pending::<Result<Bytes, io::Error>>();
        let mut read = std::pin::pin!(bounded(silent, Duration::from_millis(1), Held::default()));
        assert!(matches!(read.next().await, Some(Err(BodyError::TooSlow(_)))));
        assert!(read.next().await.is_none());

        // Single bytes do not buy time; a piece does.
        let mut reader = reader(stream::empty::<Result<Bytes, io::Error>>());
        reader.left = Duration::from_secs(1);
        for _ in 1..limits::STOW_PACE_BYTES {
            reader.count(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(reader.left, Duration::from_secs(1));
        reader.count(Bytes::from_static(b"x")).unwrap();
        assert_eq!(reader.left, IDLE);
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let pieces = |n: usize, bytes: usize| {
            stream::iter(vec![Bytes::from(vec![0; bytes]); n]).map(Ok::<_, io::Error>)
        };
        let held = Held::default();
        let mut read = std::pin::pin!(bounded(pieces(9, 64 * 1024), IDLE, held.clone()));
        for _ in 0..8 {
            read.next().await.unwrap().unwrap();
        }
        assert!(matches!(read.next().await, Some(Err(BodyError::Held))));

        let mut reader = reader(pieces(1, 1));
        reader.n_bytes = limits::STOW_REQUEST_BYTES_MAX;
        assert!(matches!(reader.next().await, Some(Err(BodyError::TooLong))));
        let broken = stream::iter([Err(io::Error::other("gone"))]);
        let mut read = std::pin::pin!(bounded(broken, IDLE, Held::default()));
        assert!(matches!(read.next().await, Some(Err(BodyError::Read(_)))));
    }
}
