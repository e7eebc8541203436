//! Storage SCU (PS3.4 annex B): sends Part 10 files to a peer.
//!
//! Each (SOP class, transfer syntax) pair is proposed once, files are streamed as they lie on disk,
//! and every file has its own outcome. Nothing is transcoded: a peer that does not take a file's
//! transfer syntax does not get it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::ToSocketAddrs;

use super::association::{Association, CONTEXTS_MAX, Kind};
use super::{ScuError, ScuOptions};
use crate::dicom::dimse::{self, StoreStatus};
use crate::dicom::part10::{FileMeta, Part10Error};
use crate::dicom::upper_layer::{self, Pdv};

/// What became of one file.
#[derive(Debug)]
pub enum SendOutcome {
    /// The peer answered with this status.
    Answered(StoreStatus),
    /// The peer does not take that class in that transfer syntax.
    ContextRejected,
    /// The file could not be read, or is no Part 10 file.
    Unreadable(Part10Error),
}

impl SendOutcome {
    /// Whether the peer has the instance now.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self, Self::Answered(status) if status.is_stored())
    }
}

/// Sends files over one association; one outcome a file, in their order.
///
/// # Errors
/// When the association broke: files before it may have arrived. Sending an instance twice is
/// harmless.
pub async fn send(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
    files: &[PathBuf],
) -> Result<Vec<SendOutcome>, ScuError> {
    let mut fronts = Vec::with_capacity(files.len());
    for path in files {
        fronts.push(read_front(path.clone()).await);
    }
    let kinds: BTreeSet<_> = fronts.iter().flatten().map(|front| kind(&front.0)).collect();
    if kinds.len() > CONTEXTS_MAX {
        return Err(ScuError::TooManyContexts);
    }
    let kinds: Vec<_> = kinds.into_iter().collect();
    if kinds.is_empty() {
        return Ok(fronts
            .into_iter()
            .filter_map(Result::err)
            .map(SendOutcome::Unreadable)
            .collect());
    }
    let mut association = Association::request(address, options, &kinds).await?;
    let sent = store_all(&mut association, files, fronts).await;
    association.end(sent).await
}

fn kind(meta: &FileMeta) -> Kind {
    (meta.sop_class.to_string(), meta.transfer_syntax.to_string())
}

async fn read_front(path: PathBuf) -> Result<(FileMeta, u64), Part10Error> {
    let read = move || {
        let file = std::fs::File::open(path).map_err(Part10Error::Read)?;
        FileMeta::read(file)
    };
    let joined = tokio::task::spawn_blocking(read).await;
    joined.unwrap_or_else(|error| Err(Part10Error::Read(io::Error::other(error))))
}

async fn store_all(
    association: &mut Association,
    files: &[PathBuf],
    fronts: Vec<Result<(FileMeta, u64), Part10Error>>,
) -> Result<Vec<SendOutcome>, ScuError> {
    let mut outcomes = Vec::with_capacity(files.len());
    let mut message_id = 0_u16;
    for (path, front) in files.iter().zip(fronts) {
        message_id = message_id.wrapping_add(1);
        outcomes.push(match front {
            Err(error) => SendOutcome::Unreadable(error),
            Ok((meta, start)) => store(association, message_id, path, &meta, start).await?,
        });
    }
    Ok(outcomes)
}

async fn store(
    association: &mut Association,
    message_id: u16,
    path: &Path,
    meta: &FileMeta,
    data_set_start: u64,
) -> Result<SendOutcome, ScuError> {
    let Some(context) = association.context(&kind(meta)) else {
        return Ok(SendOutcome::ContextRejected);
    };
    let command = dimse::store_request(message_id, &meta.sop_class, &meta.sop_instance);
    association.send_command(context, &command).await?;
    stream_data_set(association, context, path, data_set_start).await?;
    Ok(SendOutcome::Answered(association.answer(message_id).await?.status))
}

/// Streams the file from `start` to its end, one PDU a piece.
async fn stream_data_set(
    association: &mut Association,
    context: u8,
    path: &Path,
    start: u64,
) -> Result<(), ScuError> {
    let read = |source| ScuError::ReadFile { path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(read)?;
    let length = file.metadata().await.map_err(read)?.len();
    file.seek(io::SeekFrom::Start(start)).await.map_err(read)?;
    let mut left = length.saturating_sub(start);
    let piece_bytes_max = upper_layer::piece_bytes_max(association.peer_pdu_bytes_max);
    let mut piece = Vec::with_capacity(piece_bytes_max);
    let mut pdu = Vec::with_capacity(piece_bytes_max + 12);
    loop {
        piece.clear();
        let take = left.min(piece_bytes_max as u64);
        (&mut file).take(take).read_to_end(&mut piece).await.map_err(read)?;
        if (piece.len() as u64) < take {
            return Err(read(io::ErrorKind::UnexpectedEof.into()));
        }
        left -= take;
        pdu.clear();
        let pdv = Pdv { context, is_command: false, is_last: left == 0, data: &piece };
        upper_layer::push_data(&mut pdu, pdv);
        association.send_pdus(&pdu).await?;
        if left == 0 {
            return Ok(());
        }
    }
}
