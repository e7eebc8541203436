//! `Status` to `View`: which page is up and what it says. No pixels, no clock, no I/O.
//!
//! ```text
//!  stopping > fault > restart of an update > set-up > analysing > receiving > starting
//!  ready: fresh flag > alert open > other fresh result > code of a stick > alerts held > self-test > update under way
//!         > disk > clock > heat > update that failed > ready
//! ```
//! What a page hides and must not be missed stands in its notice.

mod pages;
mod words;

use std::sync::Arc;

use self::pages::Composer;
use crate::display::strings::Language;
use crate::limits::{FLAGGED_SHOWN, RESULT_SHOWN, RESULT_SHOWN_BESIDE_ALERT};
use crate::status::{Activity, ClockTrust, KeySlice, LastResult, Outcome, Status};
use crate::units::Side;

/// What the display shows. Of patients it holds what the settings let through: [`Status::patients`] and
/// [`Status::key_slice`].
#[derive(Clone, PartialEq, Eq)]
pub struct View {
    /// The page; it decides picture and accent colour.
    pub page: Page,
    /// The state in one or two words.
    pub headline: String,
    /// The one sentence to read.
    pub lead: String,
    /// A number worth its own line, such as a volume.
    pub measure: Option<String>,
    /// What a second look tells.
    pub detail: Option<String>,
    /// Up to three numbers in a row.
    pub figures: Vec<Figure>,
    /// Up to two others that we need, and whether they are there.
    pub links: Vec<Link>,
    /// Where a job of several steps is.
    pub steps: Option<Steps>,
    /// How much of something is here.
    pub progress: Option<Progress>,
    /// A picture of the mass.
    pub key_slice: Option<Arc<KeySlice>>,
    /// Something that must not be missed although it is not the page's subject.
    pub notice: Option<String>,
    /// Bottom line, left: the same on every page.
    pub disclaimer: String,
    /// Bottom line, right: program and models.
    pub versions: String,
}

impl std::fmt::Debug for View {
    /// Page and headline alone: the other words may be a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("page", &self.page)
            .field("headline", &self.headline)
            .finish_non_exhaustive()
    }
}

/// The pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Loading.
    Starting,
    /// Waiting for images.
    Ready,
    /// Images arrive.
    Receiving,
    /// A series is screened.
    Analysing,
    /// A mass was outlined.
    Flagged {
        /// On which sides; `mark` holds what is written beside the head.
        sides: Vec<Side>,
        /// Marks of the picture's left and right edge: the patient's right comes first.
        marks: [String; 2],
        /// Whether somebody has acknowledged the alert.
        is_acknowledged: bool,
    },
    /// Screened, nothing outlined.
    NotFlagged,
    /// Could not be screened.
    NotAssessable,
    /// Nobody has acknowledged an alert.
    Alert,
    /// Alerts do not reach anyone.
    Undelivered,
    /// Little room for images.
    DiskLow,
    /// Times cannot be believed.
    ClockBad,
    /// Slowed down to cool.
    Hot,
    /// Another version is installed.
    Updating,
    /// Another version was installed and undone, or refused.
    UpdateFailed,
    /// Answers may be wrong.
    SelfTestFailed,
    /// To be set up.
    Setup,
    /// Finishing.
    Stopping,
    /// The program has ended.
    Stopped,
    /// Broken.
    Fault,
}

/// A number and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it counts.
    pub label: String,
    /// The number.
    pub value: String,
}

/// Somebody whom we need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who.
    pub label: String,
    /// Whether it is there.
    pub is_up: bool,
}

/// The steps of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// Their names, in order.
    pub labels: Vec<String>,
    /// The one that runs; those before it are done.
    pub current: usize,
}

/// How much of something is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// 0 to 1000.
    pub permille: u64,
    /// The same in words.
    pub label: String,
}

impl View {
    /// The view of a status at `now_unix_ms` (milliseconds since 1970 UTC).
    #[must_use]
    pub fn new(status: &Status, now_unix_ms: i64, language: Language) -> Self {
        let composer = Composer { status, now_unix_ms, texts: language.texts() };
        let restart = status.updating.as_ref().filter(|it| !it.is_screening());
        let view = match (&status.activity, restart, &status.setup) {
            (Activity::Stopping, ..) => composer.stopping(),
            (Activity::Fault { message }, ..) => composer.fault(message),
            (_, Some(updating), _) => composer.updating(updating),
            (_, None, Some(setup)) => composer.setup(setup),
            (Activity::Starting, ..) => composer.starting(),
            (Activity::Receiving { n_instances }, ..) => composer.receiving(*n_instances),
            (Activity::Analysing { stage, n_slices }, ..) => composer.analysing(*stage, *n_slices),
            (Activity::Ready, ..) => at_rest(&composer),
        };
        match composer.service_notice() {
            // Links give way: on a small panel a page with both is cut.
            Some(notice) if view.notice.is_none() => {
                Self { notice: Some(notice), links: Vec::new(), ..view }
            }
            _ => view,
        }
    }

    /// What stays up when the program has ended: a still picture must not look alive.
    #[must_use]
    pub fn stopped(status: &Status, language: Language) -> Self {
        let texts = language.texts();
        let composer = Composer { status, now_unix_ms: 0, texts };
        Self {
            detail: Some(texts.stopped_detail.clone()),
            ..composer.page(Page::Stopped, &texts.stopped, &texts.stopped_lead)
        }
    }

    /// Whether somebody should come: such a page is as bright at night as by day.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        let is_page = matches!(
            self.page,
            Page::Flagged { is_acknowledged: false, .. }
                | Page::Alert
                | Page::Undelivered
                | Page::Fault
                | Page::SelfTestFailed
                | Page::Setup
        );
        is_page || self.notice.is_some()
    }

    /// Whether it changes by itself from second to second.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        self.page == Page::Analysing
    }
}

/// The page while nothing is under way.
fn at_rest(composer: &Composer<'_>) -> View {
    let Composer { status, now_unix_ms, .. } = *composer;
    let fresh = status.last_result.as_ref().filter(|result| is_fresh(result, status, now_unix_ms));
    let is_held = status.n_deliveries_dead > 0 || !status.destinations_down.is_empty();
    match (fresh, &status.alerts.oldest) {
        (Some(result), _) => composer.result(result),
        (None, Some(oldest)) => composer.alert(oldest),
        (None, None) => match &status.stick_code {
            Some(code) => composer.stick(code),
            None if is_held => composer.undelivered(),
            None => of_the_machine(composer),
        },
    }
}

/// The page while nothing waits for anyone.
fn of_the_machine(composer: &Composer<'_>) -> View {
    let status = composer.status;
    if !status.self_test_failing.is_empty() {
        return composer.self_test_failed();
    }
    if let Some(updating) = &status.updating {
        return composer.updating(updating);
    }
    match (status.disk, status.clock, status.thermal, &status.update_trouble) {
        (Some(disk), ..) if disk.is_low => composer.disk_low(disk),
        (_, ClockTrust::NotSynchronized | ClockTrust::Wrong, ..) => composer.clock_bad(),
        (_, _, Some(thermal), _) if thermal.throttled => composer.hot(thermal),
        (.., Some(trouble)) => composer.update_failed(trouble),
        _ => composer.ready(),
    }
}

/// Whether somebody has acknowledged the alert of this very result.
fn is_acknowledged(result: &LastResult, status: &Status) -> bool {
    status.alerts.acknowledged_result_unix_ms == Some(result.finished_unix_ms)
}

/// Whether the result is still the news; one that is not flagged, or was acknowledged, gives way to an alert that
/// waits. A clock that was set back leaves it up: better too long than not at all.
fn is_fresh(result: &LastResult, status: &Status, now_unix_ms: i64) -> bool {
    let shown = match result.outcome {
        Outcome::Flagged { .. } if !is_acknowledged(result, status) => FLAGGED_SHOWN,
        _ if status.alerts.oldest.is_some() => RESULT_SHOWN_BESIDE_ALERT,
        _ => RESULT_SHOWN,
    };
    let age_ms = now_unix_ms.saturating_sub(result.finished_unix_ms);
    i128::from(age_ms) < i128::try_from(shown.as_millis()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;
