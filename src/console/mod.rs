//! The pages behind signed links: a person says that an alert was seen, and what they think of it.
//!
//! ```text
//!  link in a message --GET--> page --POST, by a person's hand--> acknowledged, with verdicts
//!  system that got it --------------POST of JSON---------------> the same
//! ```
//! Opening a link changes nothing: mail filters open links, too. Who has no signed link sees nothing, not even whether
//! there is an alert. Pages hold no name, id or accession number of a patient. HTTP/1.1 without TLS: for other
//! machines a proxy that speaks it stands in front.

mod acknowledge;
mod page;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

pub use self::settings::{ConsoleSettings, ConsoleSettingsError};
use crate::clock::Clock;
use crate::db::Db;
use crate::delivery::links::Links;
use crate::error::Chain;
use crate::limits::{
    ACCEPT_WAIT_MIN, CONSOLE_BODY_BYTES_MAX, CONSOLE_CONNECTION_TIME, CONSOLE_CONNECTIONS_MAX,
    CONSOLE_HEAD_TIME,
};

/// What the pages are made from.
#[derive(Debug)]
pub struct Console {
    /// Where alerts and verdicts are.
    pub db: Db,
    /// For the time of an acknowledgement.
    pub clock: Arc<dyn Clock>,
    /// Which links are ours.
    pub links: Links,
}

impl Console {
    /// Serves until `shutdown`. A request under way is cut off: whoever sent it sees no answer and sends it again.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let router = Router::new()
            .route(
                "/alerts/{result}/{destination}/{signature}",
                get(acknowledge::show).post(acknowledge::take),
            )
            .fallback(acknowledge::nothing)
            .layer(DefaultBodyLimit::max(CONSOLE_BODY_BYTES_MAX))
            .with_state(self);
        let accept = async {
            let permits = Arc::new(Semaphore::new(CONSOLE_CONNECTIONS_MAX));
            loop {
                // One more than these waits in the system's own queue.
                let permit = Arc::clone(&permits).acquire_owned().await;
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let router = router.clone();
                        tokio::spawn(async move {
                            connection(stream, router).await;
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
}

async fn connection(stream: TcpStream, router: Router) {
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONSOLE_HEAD_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONSOLE_CONNECTION_TIME, http).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %Chain(&error), "a page was not asked for"),
        Err(_) => tracing::debug!("a page took too long"),
    }
}
