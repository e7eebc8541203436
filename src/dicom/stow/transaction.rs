//! One Store Transaction: part by part from the body to the spool (PS3.18 10.5.2).

use std::time::Duration;

use http_body_util::{BodyDataStream, Full};
use hyper::body::{Bytes, Incoming as Body};
use hyper::{Response, StatusCode};
use multer::{Field, Multipart};
use tokio::sync::watch;

use super::body::{BodyError, Held, bounded};
use super::part::{Part, PartError};
use super::request::{DICOM, StoreRequest};
use super::response::{self, StoreResponse};
use crate::dicom::listener::Stop;
use crate::dicom::store_scp::{AssociationEnd, Sink, StoreScp, Summary};
use crate::dicom::uid::AeTitle;
use crate::error::{Chain, Dispose, Disposition};
use crate::limits;

/// Why a request was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("could not split the request into parts")]
    Multipart(#[source] multer::Error),
    #[error("more than {} parts", limits::STOW_PARTS_MAX)]
    TooManyParts,
    #[error("stopping; what is not named here is to be sent again")]
    Stopping,
}

impl Broken {
    fn body(&self) -> Option<&BodyError> {
        match self {
            Self::Multipart(multer::Error::StreamReadFailed(error)) => error.downcast_ref(),
            _ => None,
        }
    }

    fn status(&self) -> StatusCode {
        match (self, self.body()) {
            (Self::TooManyParts, _) | (_, Some(BodyError::TooLong)) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            (Self::Stopping, _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Some(BodyError::TooSlow(_))) => StatusCode::REQUEST_TIMEOUT,
            (Self::Multipart(_), _) => StatusCode::BAD_REQUEST,
        }
    }

    /// How the series task is told.
    pub(super) fn end(&self) -> AssociationEnd {
        match self {
            Self::Stopping => AssociationEnd::Stopped,
            Self::Multipart(_) | Self::TooManyParts => AssociationEnd::Failed,
        }
    }

    /// The answer: what was stored before, or a sentence where no part has come to its end.
    pub(super) fn answer(&self, response: &StoreResponse) -> Response<Full<Bytes>> {
        if response.is_empty() {
            return response::sentence(self.status(), &Chain(self).to_string());
        }
        response.answer(Some(self.status()))
    }
}

impl Dispose for Broken {
    fn disposition(&self) -> Disposition {
        match (self, self.body()) {
            (Self::Stopping, _) => Disposition::Retry,
            (_, Some(error)) => error.disposition(),
            _ => Disposition::Reject,
        }
    }
}

/// A request that is being stored.
pub(super) struct Transaction<'a, S> {
    pub(super) scp: &'a StoreScp<S>,
    /// Its number, as an association has one.
    pub(super) number: u64,
    /// Who sends, where an instance does not say.
    pub(super) sender: &'a AeTitle,
    pub(super) request: StoreRequest,
    pub(super) response: StoreResponse,
    pub(super) summary: Summary,
}

impl<S: Sink> Transaction<'_, S> {
    /// Stores each part in turn. What was stored before an error stays, and stands in the response.
    pub(super) async fn run(
        &mut self,
        body: Body,
        idle: Duration,
        stopping: &mut watch::Receiver<Stop>,
    ) -> Result<(), Broken> {
        let held = Held::default();
        let body = bounded(BodyDataStream::new(body), idle, held.clone());
        let mut parts = Multipart::new(body, self.request.boundary.clone());
        for _ in 0..limits::STOW_PARTS_MAX {
            let part = tokio::select! {
                biased;
                // A part that has begun is finished first.
                _ = stopping.wait_for(|stop| *stop != Stop::No) => return Err(Broken::Stopping),
                part = parts.next_field() => part,
            };
            let Some(part) = part.map_err(Broken::Multipart)? else { return Ok(()) };
            held.none();
            self.store(part, &held).await.map_err(Broken::Multipart)?;
        }
        match parts.next_field().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Broken::TooManyParts),
            Err(error) => Err(Broken::Multipart(error)),
        }
    }

    async fn store(&mut self, mut field: Field<'_>, held: &Held) -> Result<(), multer::Error> {
        let is_dicom = field.content_type().is_none_or(|media| media.essence_str() == DICOM);
        let mut part = if is_dicom {
            Part::new(self.scp, self.sender)
        } else {
            Part::refused(self.scp, self.sender, PartError::MediaType)
        };
        while let Some(piece) = field.chunk().await? {
            held.less(piece.len());
            part.write(&piece);
        }
        match part.end(self.number, self.request.study.as_ref()).await {
            Ok(instance) => {
                self.response.stored((&instance).into());
                self.summary.add(instance.series);
            }
            Err(error) => {
                let (instance, reason) = error.split();
                self.response.failed(instance, reason);
            }
        }
        Ok(())
    }
}
