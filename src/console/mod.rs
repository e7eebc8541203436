//! The console: pages for the workstation, their API, and the pages behind signed links.
//!
//! ```text
//!  browser --TLS--> server --> headers --> pages --+--> access (session, role, CSRF) --> db, spool
//!  program --------------------------> api/v1 -----+        `--> views: the same data for both
//!  whoever holds a link --------------> signed: one alert, nothing else
//!  Prometheus ------------------------> metrics, healthz: counts
//! ```
//! Opening a link changes nothing: mail filters open links, too. Everything a page needs is in the program; it works
//! without a network beyond this host.

mod access;
mod api;
mod assets;
mod certificate;
mod echo;
mod events;
mod headers;
mod metrics;
mod pages;
mod patients;
mod problem;
mod said;
mod series_detail;
mod server;
mod settings;
mod signed;
mod site;
mod viewer;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::access::Limiter;
pub use self::access::passwords::{PasswordError, hash, user_name};
pub use self::access::person_code::PersonCode;
use self::access::sessions::Sessions;
use self::access::set_up::SetUpCode;
pub use self::certificate::{CertificateError, ConsoleCertificate};
pub use self::echo::EchoPeer;
use self::echo::Echoes;
use self::events::Changed;
use self::patients::Patients;
pub use self::settings::{ConsoleSettings, ConsoleSettingsError, ConsoleTls, Protection};
pub use self::site::Site;
use self::viewer::Shelf;
use crate::clock::Clock;
use crate::db::Db;
use crate::delivery::Waker;
use crate::delivery::links::Links;
use crate::limits::{
    CONSOLE_BODY_BYTES_MAX, CONSOLE_REQUEST_TIME, EVENT_STREAMS_MAX, PASSWORDS_HASHED_MAX,
};
use crate::status::SetupCode;
use crate::status_writer::StatusWriter;

/// What a console is made from.
#[derive(Debug)]
pub struct ConsoleOptions {
    /// Where everything is.
    pub db: Db,
    /// For the time of what people do.
    pub clock: Arc<dyn Clock>,
    /// Which links are ours; `None` where there are none.
    pub links: Option<Links>,
    /// What the appliance is doing.
    pub status: Arc<StatusWriter>,
    /// Wakes the outbox for what is tried again.
    pub outbox: Waker,
    /// Other DICOM systems that may be asked whether they are there.
    pub peers: Vec<EchoPeer>,
    /// What does not change.
    pub site: Site,
    /// The folder that instances' paths start from.
    pub spool: PathBuf,
    /// The folder of the results' objects.
    pub results: PathBuf,
    /// TLS; `None` on the loopback, or behind a proxy.
    pub certificate: Option<ConsoleCertificate>,
    /// Whether there is no account yet.
    pub is_new: bool,
}

/// What the pages are made from.
#[derive(Debug)]
pub struct Console {
    db: Db,
    clock: Arc<dyn Clock>,
    links: Option<Links>,
    status: Arc<StatusWriter>,
    outbox: Waker,
    site: Site,
    is_tls: bool,
    certificate: Option<ConsoleCertificate>,
    sessions: Sessions,
    limiter: Limiter,
    set_up: SetUpCode,
    hashing: Semaphore,
    streams: Arc<Semaphore>,
    changed: Changed,
    patients: Arc<Patients>,
    shelf: Shelf,
    echoes: Echoes,
}

impl Console {
    /// Ready to serve. Where there is no account yet, the display shows the code that makes the first.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(options: ConsoleOptions) -> Result<Arc<Self>, std::io::Error> {
        let console = Self {
            sessions: Sessions::new(Arc::clone(&options.clock)),
            limiter: Limiter::new(),
            set_up: SetUpCode::new(options.is_new)?,
            hashing: Semaphore::new(PASSWORDS_HASHED_MAX),
            streams: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)),
            changed: Changed::new(),
            patients: Arc::new(Patients::new(options.spool.clone())),
            shelf: Shelf::new(options.spool, options.results),
            echoes: Echoes::new(options.peers),
            is_tls: options.certificate.is_some(),
            certificate: options.certificate,
            db: options.db,
            clock: options.clock,
            links: options.links,
            status: options.status,
            outbox: options.outbox,
            site: options.site,
        };
        console.show_set_up();
        Ok(Arc::new(console))
    }

    /// Has the display show the code that makes the first account, or no longer.
    fn show_set_up(&self) {
        let setup =
            self.set_up.shown().map(|code| SetupCode { address: self.site.address.clone(), code });
        self.status.modify(|status| status.setup = setup);
    }

    /// Serves until `shutdown`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let tls = self.certificate.as_ref().map(|it| it.acceptor.clone());
        server::serve(self.router(), tls, listener, shutdown).await;
    }

    fn router(self: Arc<Self>) -> Router {
        use self::pages::{account, audit, day, outbox, peers, review, series, site, users};
        let is_tls = self.is_tls;
        let pages = Router::new()
            .route("/", get(day::home))
            .route("/login", get(account::login_page).post(account::log_in))
            .route("/set-up", get(account::set_up_page).post(account::set_up))
            .route("/logout", post(account::log_out))
            .route("/account", get(account::show))
            .route("/account/password", post(account::own_password))
            .route("/series", get(day::show))
            .route("/series/{uid}", get(series::show))
            .route("/series/{uid}/acknowledge", post(series::acknowledge))
            .route("/series/{uid}/verdicts", post(series::judge))
            .route("/review", get(review::show))
            .route("/outbox", get(outbox::show))
            .route("/outbox/{id}/retry", post(outbox::retry))
            .route("/worklist", get(site::worklist))
            .route("/storage", get(site::storage))
            .route("/models", get(site::models))
            .route("/settings", get(site::settings))
            .route("/settings/peers/{name}/echo", post(peers::ask))
            .route("/audit", get(audit::show))
            .route("/users", get(users::show).post(users::create))
            .route("/users/{name}/password", post(users::password))
            .route("/users/{name}/unlock", post(users::unlock))
            .route("/users/{name}/remove", post(users::remove));
        let others = Router::new()
            .route("/assets/{release}/{name}", get(assets::serve))
            .route("/metrics", get(metrics::show))
            .route("/healthz", get(metrics::health))
            .nest("/api/v1", api::router())
            .route(
                "/alerts/{result}/{destination}/{signature}",
                get(signed::acknowledge::show).post(signed::acknowledge::take),
            );
        pages
            .merge(others)
            .fallback(signed::acknowledge::nothing)
            .layer(DefaultBodyLimit::max(CONSOLE_BODY_BYTES_MAX))
            .layer(axum::middleware::from_fn(within_time))
            .layer(axum::middleware::from_fn(move |request, next| {
                headers::add(is_tls, request, next)
            }))
            .with_state(self)
    }
}

/// A request is answered in time, or with the word that it was not. What is sent after the head, as events are, has no end.
async fn within_time(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    use axum::response::IntoResponse;
    match tokio::time::timeout(CONSOLE_REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => axum::http::StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}
