//! `Status` to `View`: which page is up and what it says. No pixels, no clock, no I/O.
//!
//!   activity ------------------> starting, receiving, analysing, stopping, fault
//!   ready + fresh result ------> flagged, not flagged, not assessable
//!   ready + alerts held -------> undelivered
//!   ready ---------------------> ready

use crate::display::strings::{Language, Texts, fill};
use crate::limits::{FLAGGED_SHOWN, RESULT_SHOWN};
use crate::status::{Activity, LastResult, Outcome, Stage, Status};
use crate::units::{CubicCentimeters, Side};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What the display shows. Holds no patient data, because [`Status`] holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Where a job of several steps is.
    pub steps: Option<Steps>,
    /// Something that must not be missed although it is not the page's subject.
    pub notice: Option<String>,
    /// Bottom line, left: the same on every page.
    pub disclaimer: String,
    /// Bottom line, right: program and models.
    pub versions: String,
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
    },
    /// Screened, nothing outlined.
    NotFlagged,
    /// Could not be screened.
    NotAssessable,
    /// Alerts do not reach anyone.
    Undelivered,
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

/// The steps of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// Their names, in order.
    pub labels: Vec<String>,
    /// The one that runs; those before it are done.
    pub current: usize,
}

impl View {
    /// The view of a status at `now_unix_ms` (milliseconds since 1970 UTC).
    #[must_use]
    pub fn new(status: &Status, now_unix_ms: i64, language: Language) -> Self {
        let composer = Composer { status, now_unix_ms, texts: language.texts() };
        match &status.activity {
            Activity::Starting => composer.starting(),
            Activity::Receiving { n_instances } => composer.receiving(*n_instances),
            Activity::Analysing { stage, n_slices } => composer.analysing(*stage, *n_slices),
            Activity::Stopping => composer.stopping(),
            Activity::Fault { message } => composer.fault(message),
            Activity::Ready => match &status.last_result {
                Some(result) if is_fresh(result, now_unix_ms) => composer.result(result),
                _ if composer.are_alerts_held() => composer.undelivered(),
                _ => composer.ready(),
            },
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
}

/// Whether the result is still the news. A clock that was set back leaves it up: better too long than
/// not at all.
fn is_fresh(result: &LastResult, now_unix_ms: i64) -> bool {
    let shown = match result.outcome {
        Outcome::Flagged { .. } => FLAGGED_SHOWN,
        Outcome::NotFlagged | Outcome::NotAssessable { .. } => RESULT_SHOWN,
    };
    let age_ms = now_unix_ms.saturating_sub(result.finished_unix_ms);
    i128::from(age_ms) < i128::try_from(shown.as_millis()).unwrap_or(i128::MAX)
}

struct Composer<'a> {
    status: &'a Status,
    now_unix_ms: i64,
    texts: &'a Texts,
}

impl Composer<'_> {
    fn page(&self, page: Page, headline: &str, lead: &str) -> View {
        let software = env!("CARGO_PKG_VERSION");
        let versions = match &self.status.models {
            None => fill(&self.texts.versions_loading, &[("software", software)]),
            Some(models) => fill(
                &self.texts.versions,
                &[
                    ("software", software),
                    ("localizer", &models.localizer),
                    ("segmenter", &models.segmenter),
                ],
            ),
        };
        View {
            page,
            headline: headline.to_owned(),
            lead: lead.to_owned(),
            measure: None,
            detail: None,
            figures: Vec::new(),
            steps: None,
            notice: None,
            disclaimer: self.texts.not_for_diagnostic_use.clone(),
            versions,
        }
    }

    fn starting(&self) -> View {
        let texts = self.texts;
        View {
            detail: Some(texts.starting_detail.clone()),
            ..self.page(Page::Starting, &texts.starting, &texts.starting_lead)
        }
    }

    fn ready(&self) -> View {
        let texts = self.texts;
        let last = self.status.last_result.as_ref().map(|result| {
            let outcome = self.outcome(&result.outcome);
            let age = self.age(result.finished_unix_ms);
            fill(&texts.last_result, &[("outcome", &outcome), ("age", &age)])
        });
        View {
            detail: Some(last.unwrap_or_else(|| texts.last_result_none.clone())),
            figures: vec![
                figure(&texts.figure_screened, self.status.n_series_screened),
                figure(&texts.figure_queue, self.status.n_jobs_waiting),
                figure(&texts.figure_deliveries, self.status.n_deliveries_waiting),
            ],
            ..self.page(Page::Ready, &texts.ready, &texts.ready_lead)
        }
    }

    fn receiving(&self, n_instances: u32) -> View {
        let texts = self.texts;
        View {
            figures: vec![
                figure(&texts.figure_images, n_instances),
                figure(&texts.figure_connections, self.status.n_associations),
                figure(&texts.figure_queue, self.status.n_jobs_waiting),
            ],
            notice: self.notice(),
            ..self.page(Page::Receiving, &texts.receiving, &texts.receiving_lead)
        }
    }

    fn analysing(&self, stage: Stage, n_slices: u32) -> View {
        let texts = self.texts;
        let (current, lead) = match stage {
            Stage::Loading => (0, &texts.stage_loading),
            Stage::Resampling | Stage::Localizing => (1, &texts.stage_localizing),
            Stage::Segmenting => (2, &texts.stage_segmenting),
            Stage::Deciding => (3, &texts.stage_deciding),
        };
        let labels = [
            &texts.step_loading,
            &texts.step_localizing,
            &texts.step_segmenting,
            &texts.step_deciding,
        ];
        View {
            detail: Some(fill(&texts.analysing_detail, &[("n", &n_slices.to_string())])),
            steps: Some(Steps { labels: labels.map(Clone::clone).to_vec(), current }),
            notice: self.notice(),
            ..self.page(Page::Analysing, &texts.analysing, lead)
        }
    }

    fn result(&self, result: &LastResult) -> View {
        let texts = self.texts;
        let age = self.age(result.finished_unix_ms);
        let detail = |template: &str| Some(fill(template, &[("age", &age)]));
        let view = match &result.outcome {
            Outcome::Flagged { sides, volume_cm3 } => View {
                measure: Some(self.volume(sides, *volume_cm3)),
                detail: detail(&texts.flagged_detail),
                ..self.page(
                    Page::Flagged {
                        sides: sides.clone(),
                        marks: [texts.mark_right.clone(), texts.mark_left.clone()],
                    },
                    &texts.flagged,
                    match sides.as_slice() {
                        [Side::Right] => &texts.flagged_right,
                        [Side::Left] => &texts.flagged_left,
                        _ => &texts.flagged_both,
                    },
                )
            },
            Outcome::NotFlagged => View {
                detail: detail(&texts.not_flagged_detail),
                ..self.page(Page::NotFlagged, &texts.not_flagged, &texts.not_flagged_lead)
            },
            Outcome::NotAssessable { reason } => View {
                detail: detail(&texts.not_assessable_detail),
                ..self.page(Page::NotAssessable, &texts.not_assessable, reason.sentence())
            },
        };
        View { notice: self.held_notice(), ..view }
    }

    fn undelivered(&self) -> View {
        let texts = self.texts;
        let names = self.status.destinations_down.join(", ");
        let (lead, detail) = if self.status.n_deliveries_dead > 0 {
            (texts.undelivered_dead.clone(), &texts.undelivered_detail_dead)
        } else {
            (fill(&texts.undelivered_down, &[("names", &names)]), &texts.undelivered_detail_down)
        };
        View {
            detail: Some(detail.clone()),
            figures: vec![
                figure(&texts.figure_deliveries, self.status.n_deliveries_waiting),
                figure(&texts.figure_refused, self.status.n_deliveries_dead),
            ],
            ..self.page(Page::Undelivered, &texts.undelivered, &lead)
        }
    }

    fn stopping(&self) -> View {
        let texts = self.texts;
        View {
            detail: Some(texts.stopping_detail.clone()),
            ..self.page(Page::Stopping, &texts.stopping, &texts.stopping_lead)
        }
    }

    fn fault(&self, message: &str) -> View {
        View {
            detail: Some(self.texts.fault_detail.clone()),
            ..self.page(Page::Fault, &self.texts.fault, message)
        }
    }

    fn are_alerts_held(&self) -> bool {
        self.status.n_deliveries_dead > 0 || !self.status.destinations_down.is_empty()
    }

    /// The series before, while it is fresh and flagged; else that alerts are held.
    fn notice(&self) -> Option<String> {
        if let Some(result) = &self.status.last_result
            && let Outcome::Flagged { sides, .. } = &result.outcome
            && is_fresh(result, self.now_unix_ms)
        {
            let age = self.age(result.finished_unix_ms);
            let values = [("side", self.side(sides)), ("age", age.as_str())];
            return Some(fill(&self.texts.notice_flagged, &values));
        }
        self.held_notice()
    }

    fn held_notice(&self) -> Option<String> {
        if self.status.n_deliveries_dead > 0 {
            Some(self.texts.notice_dead.clone())
        } else if self.status.destinations_down.is_empty() {
            None
        } else {
            Some(self.texts.notice_down.clone())
        }
    }

    fn outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Flagged { sides, .. } => {
                fill(&self.texts.outcome_flagged, &[("side", self.side(sides))])
            }
            Outcome::NotFlagged => self.texts.outcome_not_flagged.clone(),
            Outcome::NotAssessable { .. } => self.texts.outcome_not_assessable.clone(),
        }
    }

    fn side(&self, sides: &[Side]) -> &str {
        match sides {
            [Side::Right] => &self.texts.side_right,
            [Side::Left] => &self.texts.side_left,
            _ => &self.texts.side_both,
        }
    }

    fn volume(&self, sides: &[Side], volume: CubicCentimeters) -> String {
        let template =
            if sides.len() > 1 { &self.texts.volume_largest } else { &self.texts.volume };
        fill(template, &[("volume", &format!("{:.1}", volume.0))])
    }

    fn age(&self, then_unix_ms: i64) -> String {
        let age_ms = self.now_unix_ms.saturating_sub(then_unix_ms);
        let (template, n) = if age_ms < MINUTE_MS {
            return self.texts.age_now.clone();
        } else if age_ms < HOUR_MS {
            (&self.texts.age_minutes, age_ms / MINUTE_MS)
        } else if age_ms < DAY_MS {
            (&self.texts.age_hours, age_ms / HOUR_MS)
        } else {
            (&self.texts.age_days, age_ms / DAY_MS)
        };
        fill(template, &[("n", &n.to_string())])
    }
}

fn figure(label: &str, value: impl std::fmt::Display) -> Figure {
    Figure { label: label.to_owned(), value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    const NOW: i64 = 1_767_225_600_000;

    fn ready(outcome: Outcome, age_ms: i64) -> Status {
        let last_result = Some(LastResult { finished_unix_ms: NOW - age_ms, outcome });
        Status { activity: Activity::Ready, last_result, ..Status::default() }
    }

    fn flagged() -> Outcome {
        Outcome::Flagged { sides: vec![Side::Left], volume_cm3: CubicCentimeters(4.62) }
    }

    #[test]
    fn a_result_is_up_while_it_is_news() {
        let check = |status: &Status, headline: &str| {
            assert_eq!(View::new(status, NOW, Language::En).headline, headline);
        };
        check(&ready(flagged(), 0), "Flagged");
        check(&ready(flagged(), 59 * MINUTE_MS), "Flagged");
        check(&ready(flagged(), 60 * MINUTE_MS), "Ready");
        check(&ready(flagged(), -DAY_MS), "Flagged");
        check(&ready(Outcome::NotFlagged, 9 * MINUTE_MS), "Not flagged");
        check(&ready(Outcome::NotFlagged, 10 * MINUTE_MS), "Ready");
        let reason = Reason::MissingSlice;
        check(&ready(Outcome::NotAssessable { reason }, 0), "Not assessable");
    }

    #[test]
    fn held_alerts_are_always_in_sight() {
        let down = |status: Status| Status { destinations_down: vec!["ward".into()], ..status };
        let view = View::new(&down(ready(Outcome::NotFlagged, DAY_MS)), NOW, Language::En);
        assert_eq!(view.page, Page::Undelivered);
        assert_eq!(view.lead, "Not reachable: ward");
        let view = View::new(&down(ready(flagged(), 0)), NOW, Language::En);
        assert_eq!(view.notice.as_deref(), Some("Alerts held: no connection"));
    }

    #[test]
    fn the_next_series_does_not_hide_a_flag() {
        let activity = Activity::Receiving { n_instances: 3 };
        let status = Status { activity, ..ready(flagged(), 3 * MINUTE_MS) };
        let view = View::new(&status, NOW, Language::En);
        assert_eq!(view.notice.as_deref(), Some("Previous: flagged left, 3\u{a0}min\u{a0}ago"));
    }

    #[test]
    fn ages_read_well() {
        let status = Status::default();
        let composer = Composer { status: &status, now_unix_ms: NOW, texts: Language::En.texts() };
        let check = |age_ms: i64, text| assert_eq!(composer.age(NOW - age_ms), text);
        check(-5, "just\u{a0}now");
        check(59_999, "just\u{a0}now");
        check(MINUTE_MS, "1\u{a0}min\u{a0}ago");
        check(2 * HOUR_MS + 5, "2\u{a0}h\u{a0}ago");
        check(3 * DAY_MS, "3\u{a0}d\u{a0}ago");
    }
}
