//! What each page says.

use super::words::{age, gigabytes, names, outcome, side, time_left, volume, wait};
use super::{Figure, Link, Page, Progress, Steps, View, is_acknowledged, is_fresh};
use crate::display::strings::{Texts, fill};
use crate::status::{
    ClockTrust, Disk, LastResult, OpenAlert, Outcome, SetupCode, Stage, Status, StickCode, Thermal,
    UpdateTrouble, UpdateVerdict, Updating,
};
use crate::units::Side;

/// Composes the pages of one status.
pub(super) struct Composer<'a> {
    pub(super) status: &'a Status,
    pub(super) now_unix_ms: i64,
    pub(super) texts: &'a Texts,
}

impl Composer<'_> {
    pub(super) fn page(&self, page: Page, headline: &str, lead: &str) -> View {
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
            links: Vec::new(),
            steps: None,
            progress: None,
            key_slice: None,
            notice: None,
            disclaimer: self.texts.not_for_diagnostic_use.clone(),
            versions,
        }
    }

    fn age(&self, then_unix_ms: i64) -> String {
        age(self.texts, self.now_unix_ms, then_unix_ms)
    }

    pub(super) fn starting(&self) -> View {
        let texts = self.texts;
        View {
            detail: Some(texts.starting_detail.clone()),
            ..self.page(Page::Starting, &texts.starting, &texts.starting_lead)
        }
    }

    pub(super) fn ready(&self) -> View {
        let texts = self.texts;
        let last = self.status.last_result.as_ref().map(|result| {
            let outcome = outcome(texts, &result.outcome);
            let age = self.age(result.finished_unix_ms);
            fill(&texts.last_result, &[("outcome", &outcome), ("age", &age)])
        });
        View {
            detail: Some(last.unwrap_or_else(|| texts.last_result_none.clone())),
            figures: self.machine_figures(),
            links: self.links(),
            ..self.page(Page::Ready, &texts.ready, &texts.ready_lead)
        }
    }

    /// Queue and disk, whatever else is the page's subject.
    fn machine_figures(&self) -> Vec<Figure> {
        let texts = self.texts;
        let screened = figure(&texts.figure_screened, self.status.n_series_screened);
        let queue = figure(&texts.figure_queue, self.status.n_jobs_waiting);
        let mut figures = vec![screened, queue];
        if let Some(disk) = self.status.disk {
            figures.push(figure(&texts.figure_disk, gigabytes(texts, disk.free_bytes)));
        }
        figures
    }

    /// Whether those that we need are there.
    fn links(&self) -> Vec<Link> {
        let texts = self.texts;
        let link = |is_up: bool, up: &str, down: &str| Link {
            label: if is_up { up } else { down }.to_owned(),
            is_up,
        };
        let has_destination = self.status.n_destinations > 0;
        let mut links =
            vec![link(has_destination, &texts.link_destinations, &texts.link_destinations_none)];
        if let Some(worklist) = &self.status.worklist {
            let is_up = worklist.last_error.is_none();
            links.push(link(is_up, &texts.link_worklist, &texts.link_worklist_down));
        }
        links
    }

    pub(super) fn receiving(&self, n_instances: u32) -> View {
        let texts = self.texts;
        let lead = self.status.patients.arriving.as_ref().map(|patient| {
            // The one place where it is meant to be seen: the settings let it.
            fill(&texts.receiving_patient, &[("patient", patient.expose())])
        });
        let expected = self.status.n_instances_expected.filter(|&n| n >= n_instances);
        let progress = expected.map(|total| Progress {
            permille: u64::from(n_instances) * 1000 / u64::from(total.max(1)),
            label: fill(
                &texts.progress,
                &[("n", &n_instances.to_string()), ("total", &total.to_string())],
            ),
        });
        let mut figures = vec![
            figure(&texts.figure_connections, self.status.n_associations),
            figure(&texts.figure_queue, self.status.n_jobs_waiting),
        ];
        if progress.is_none() {
            figures.insert(0, figure(&texts.figure_images, n_instances));
        }
        View {
            figures,
            progress,
            notice: self.notice(),
            ..self.page(
                Page::Receiving,
                &texts.receiving,
                lead.as_deref().unwrap_or(&texts.receiving_lead),
            )
        }
    }

    pub(super) fn analysing(&self, stage: Stage, n_slices: u32) -> View {
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
        let mut details = vec![fill(&texts.analysing_detail, &[("n", &n_slices.to_string())])];
        if let Some(ends_unix_ms) = self.status.analysis_ends_unix_ms {
            details.insert(0, time_left(texts, self.now_unix_ms, ends_unix_ms));
        }
        if let Some(patient) = &self.status.patients.analysed {
            details.push(patient.expose().clone());
        }
        View {
            detail: Some(details.join(" · ")),
            steps: Some(Steps { labels: labels.map(Clone::clone).to_vec(), current }),
            notice: self.notice(),
            ..self.page(Page::Analysing, &texts.analysing, lead)
        }
    }

    pub(super) fn result(&self, result: &LastResult) -> View {
        let texts = self.texts;
        let age = self.age(result.finished_unix_ms);
        let detail = |template: &str| Some(fill(template, &[("age", &age)]));
        match &result.outcome {
            Outcome::Flagged { sides, volume_cm3 } => {
                let is_acknowledged = is_acknowledged(result, self.status);
                let (headline, template) = if is_acknowledged {
                    (&texts.acknowledged, &texts.acknowledged_detail)
                } else {
                    (&texts.flagged, &texts.flagged_detail)
                };
                let lead = match sides.as_slice() {
                    [Side::Right] => &texts.flagged_right,
                    [Side::Left] => &texts.flagged_left,
                    _ => &texts.flagged_both,
                };
                let marks = [texts.mark_right.clone(), texts.mark_left.clone()];
                let page = Page::Flagged { sides: sides.clone(), marks, is_acknowledged };
                View {
                    measure: Some(volume(texts, sides, *volume_cm3)),
                    detail: detail(template),
                    key_slice: self.status.key_slice.clone(),
                    notice: self.stick_or_held_notice(),
                    ..self.page(page, headline, lead)
                }
            }
            Outcome::NotFlagged => View {
                detail: detail(&texts.not_flagged_detail),
                notice: self.notice(),
                ..self.page(Page::NotFlagged, &texts.not_flagged, &texts.not_flagged_lead)
            },
            Outcome::NotAssessable { reason } => View {
                detail: detail(&texts.not_assessable_detail),
                notice: self.notice(),
                ..self.page(Page::NotAssessable, &texts.not_assessable, texts.reason(*reason))
            },
        }
    }

    pub(super) fn alert(&self, oldest: &OpenAlert) -> View {
        let texts = self.texts;
        let n = self.status.alerts.n_open.to_string();
        let (headline, lead) = match self.status.alerts.n_open {
            0 | 1 => (texts.alert.clone(), &texts.alert_lead),
            _ => (fill(&texts.alerts, &[("n", &n)]), &texts.alerts_lead),
        };
        let lead = fill(lead, &[("side", side(texts, &oldest.sides))]);
        let waited = wait(texts, self.now_unix_ms, oldest.opened_unix_ms);
        View {
            measure: Some(fill(&texts.alert_measure, &[("age", &waited)])),
            detail: Some(texts.alert_detail.clone()),
            notice: self.stick_or_held_notice(),
            ..self.page(Page::Alert, &headline, &lead)
        }
    }

    pub(super) fn undelivered(&self) -> View {
        let texts = self.texts;
        let (lead, detail) = if self.status.n_deliveries_dead > 0 {
            let names = names(&self.status.destinations_refusing);
            let lead = fill(&texts.undelivered_dead, &[("names", &names)]);
            (lead, &texts.undelivered_detail_dead)
        } else {
            let names = names(&self.status.destinations_down);
            let lead = fill(&texts.undelivered_down, &[("names", &names)]);
            (lead, &texts.undelivered_detail_down)
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

    pub(super) fn disk_low(&self, disk: Disk) -> View {
        let texts = self.texts;
        let free = gigabytes(texts, disk.free_bytes);
        let detail = if disk.is_full() { &texts.disk_full_detail } else { &texts.disk_low_detail };
        View {
            detail: Some(detail.clone()),
            notice: self.update_notice(),
            ..self.page(
                Page::DiskLow,
                &texts.disk_low,
                &fill(&texts.disk_low_lead, &[("free", &free)]),
            )
        }
    }

    pub(super) fn clock_bad(&self) -> View {
        let texts = self.texts;
        let lead = match self.status.clock {
            ClockTrust::Wrong => &texts.clock_wrong,
            ClockTrust::NotSynchronized | ClockTrust::Trusted => &texts.clock_unsynchronized,
        };
        View {
            detail: Some(texts.clock_detail.clone()),
            figures: self.machine_figures(),
            notice: self.update_notice(),
            ..self.page(Page::ClockBad, &texts.clock_bad, lead)
        }
    }

    pub(super) fn hot(&self, thermal: Thermal) -> View {
        let texts = self.texts;
        let celsius = fill(&texts.celsius, &[("n", &format!("{:.0}", thermal.celsius))]);
        View {
            measure: Some(celsius),
            detail: Some(texts.hot_detail.clone()),
            figures: self.machine_figures(),
            notice: self.update_notice(),
            ..self.page(Page::Hot, &texts.hot, &texts.hot_lead)
        }
    }

    pub(super) fn updating(&self, updating: &Updating) -> View {
        let texts = self.texts;
        let detail = if updating.is_screening() {
            &texts.updating_meanwhile
        } else {
            &texts.updating_detail
        };
        let progress = updating.percent.map(|percent| Progress {
            permille: u64::from(percent) * 10,
            label: fill(&texts.percent, &[("n", &percent.to_string())]),
        });
        View {
            detail: Some(detail.clone()),
            progress,
            notice: self.notice(),
            ..self.page(
                Page::Updating,
                &texts.updating,
                &fill(&texts.updating_lead, &[("version", &updating.version)]),
            )
        }
    }

    pub(super) fn update_failed(&self, trouble: &UpdateTrouble) -> View {
        let texts = self.texts;
        let UpdateTrouble { version, verdict, reason } = trouble;
        let headline = match verdict {
            UpdateVerdict::RolledBack => &texts.update_undone,
            UpdateVerdict::Refused => &texts.update_refused,
        };
        let running = [("version", env!("CARGO_PKG_VERSION"))];
        View {
            detail: Some(format!("{version}: {reason}")),
            figures: self.machine_figures(),
            ..self.page(Page::UpdateFailed, headline, &fill(&texts.update_lead, &running))
        }
    }

    pub(super) fn self_test_failed(&self) -> View {
        let texts = self.texts;
        let failing = names(&self.status.self_test_failing);
        View {
            detail: Some(texts.self_test_detail.clone()),
            figures: self.machine_figures(),
            ..self.page(Page::SelfTestFailed, &texts.self_test, &failing)
        }
    }

    pub(super) fn setup(&self, setup: &SetupCode) -> View {
        View {
            measure: Some(setup.code.clone()),
            detail: Some(self.texts.setup_detail.clone()),
            // Nobody can see anywhere else yet what this page hides.
            notice: self.stick_notice().or_else(|| self.notice()),
            ..self.page(Page::Setup, &self.texts.setup, &setup.address)
        }
    }

    pub(super) fn stick(&self, StickCode(code): &StickCode) -> View {
        let texts = self.texts;
        View {
            measure: Some(code.clone()),
            detail: Some(texts.stick_detail.clone()),
            notice: self.delivery_notice(),
            ..self.page(Page::Setup, &texts.stick, &texts.stick_lead)
        }
    }

    pub(super) fn stopping(&self) -> View {
        let texts = self.texts;
        View {
            detail: Some(texts.stopping_detail.clone()),
            ..self.page(Page::Stopping, &texts.stopping, &texts.stopping_lead)
        }
    }

    pub(super) fn fault(&self, message: &str) -> View {
        View {
            detail: Some(self.texts.fault_detail.clone()),
            notice: self.stick_notice(),
            ..self.page(Page::Fault, &self.texts.fault, message)
        }
    }

    /// What must not be missed, the worst first.
    fn notice(&self) -> Option<String> {
        self.flag_notice()
            .or_else(|| self.alert_notice())
            .or_else(|| self.stick_or_held_notice())
            .or_else(|| self.machine_notice())
    }

    /// The stick's code, else messages that are held: whoever brought the stick stands here now.
    fn stick_or_held_notice(&self) -> Option<String> {
        self.stick_notice().or_else(|| self.delivery_notice())
    }

    /// Said by every page that has nothing worse to say.
    pub(super) fn service_notice(&self) -> Option<String> {
        self.status.service_mode.then(|| self.texts.notice_service.clone())
    }

    fn stick_notice(&self) -> Option<String> {
        let StickCode(code) = self.status.stick_code.as_ref()?;
        Some(fill(&self.texts.notice_stick, &[("code", code)]))
    }

    /// The series before, while it is fresh and flagged.
    fn flag_notice(&self) -> Option<String> {
        let result = self.status.last_result.as_ref()?;
        let Outcome::Flagged { sides, .. } = &result.outcome else { return None };
        let age = self.age(result.finished_unix_ms);
        let values = [("side", side(self.texts, sides)), ("age", age.as_str())];
        let is_news = is_fresh(result, self.status, self.now_unix_ms)
            && !is_acknowledged(result, self.status);
        is_news.then(|| fill(&self.texts.notice_flagged, &values))
    }

    fn alert_notice(&self) -> Option<String> {
        let oldest = self.status.alerts.oldest.as_ref()?;
        let age = self.age(oldest.opened_unix_ms);
        let n = self.status.alerts.n_open;
        Some(if n > 1 {
            fill(&self.texts.notice_alerts, &[("n", &n.to_string()), ("age", &age)])
        } else {
            let values = [("side", side(self.texts, &oldest.sides)), ("age", age.as_str())];
            fill(&self.texts.notice_alert, &values)
        })
    }

    fn delivery_notice(&self) -> Option<String> {
        if self.status.n_deliveries_dead > 0 {
            Some(self.texts.notice_dead.clone())
        } else if self.status.destinations_down.is_empty() {
            None
        } else {
            Some(self.texts.notice_down.clone())
        }
    }

    fn machine_notice(&self) -> Option<String> {
        let Status { disk, clock, thermal, .. } = self.status;
        if !self.status.self_test_failing.is_empty() {
            Some(self.texts.notice_self_test.clone())
        } else if disk.is_some_and(|disk| disk.is_low) {
            Some(self.texts.notice_disk.clone())
        } else if *clock != ClockTrust::Trusted {
            Some(self.texts.notice_clock.clone())
        } else if thermal.is_some_and(|thermal| thermal.throttled) {
            Some(self.texts.notice_hot.clone())
        } else {
            self.update_notice()
        }
    }

    /// For pages of troubles that can last, as of a clock without its server.
    fn update_notice(&self) -> Option<String> {
        self.status.update_trouble.as_ref().map(|_| self.texts.notice_update.clone())
    }
}

fn figure(label: &str, value: impl std::fmt::Display) -> Figure {
    Figure { label: label.to_owned(), value: value.to_string() }
}
