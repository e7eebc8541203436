//! A view of every page, and of what makes pages crowded: for `parotidd render`, documents and tests.

use std::sync::{Arc, LazyLock};

use crate::display::key_slice::key_slice;
use crate::display::strings::Language;
use crate::display::view::View;
use crate::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use crate::phi::Phi;
use crate::reason::Reason;
use crate::status::{
    Activity, Alerts, ClockTrust, Disk, KeySlice, LastResult, ModelVersions, OpenAlert, Outcome,
    Patients, SetupCode, Stage, Status, StickCode, Thermal, UpdateStep, UpdateTrouble,
    UpdateVerdict, Updating, WorklistStatus,
};
use crate::units::{CubicCentimeters, Side};

/// When the samples are looked at: 2026-01-01 12:00 UTC.
pub const NOW_UNIX_MS: i64 = 1_767_268_800_000;
const MINUTE_MS: i64 = 60_000;
const GIGABYTE: u64 = 1_000_000_000;

/// A phantom's left side: it has no patient.
static KEY_SLICE: LazyLock<Option<Arc<KeySlice>>> = LazyLock::new(|| {
    let spec =
        PhantomSpec { seed: 5, site: Site::A, protocol: Protocol::Neck, tumor: Some(Side::Left) };
    let overrides =
        Overrides { matrix: Some(256), slice_spacing_mm: Some(3.0), n_slices_max: Some(60) };
    let phantom = generate_with(&spec, overrides);
    let tumor = phantom.tumor?;
    let center = tumor.mask.centroid()?;
    Some(Arc::new(key_slice(&phantom.volume, &tumor.mask, center)))
});

/// Every sample with its name, in a language.
#[must_use]
pub fn views(language: Language) -> Vec<(&'static str, View)> {
    let mut views: Vec<_> = statuses(KEY_SLICE.as_ref())
        .into_iter()
        .map(|(name, status)| (name, View::new(&status, NOW_UNIX_MS, language)))
        .collect();
    views.push(("stopped", View::stopped(&Status::default(), language)));
    views
}

/// The names of the samples. Cheap: every command line asks for them, and a phantom takes all cores.
pub fn names() -> impl Iterator<Item = &'static str> {
    statuses(None).into_iter().map(|(name, _)| name).chain(["stopped"])
}

/// The sample of that name.
#[must_use]
pub fn view(name: &str, language: Language) -> Option<View> {
    views(language).into_iter().find_map(|(known, view)| (known == name).then_some(view))
}

fn statuses(key_slice: Option<&Arc<KeySlice>>) -> Vec<(&'static str, Status)> {
    let mut all = at_work();
    all.extend(results(key_slice));
    all.extend(troubles());
    all
}

fn base() -> Status {
    Status {
        activity: Activity::Ready,
        n_series_screened: 1_284,
        n_jobs_waiting: 2,
        n_associations: 1,
        n_destinations: 2,
        models: Some(ModelVersions { localizer: "0.1.0".into(), segmenter: "0.1.0".into() }),
        worklist: Some(WorklistStatus { n_entries: 14, ..WorklistStatus::default() }),
        disk: Some(Disk { free_bytes: 212 * GIGABYTE, is_low: false }),
        ..Status::default()
    }
}

fn doing(activity: Activity) -> Status {
    Status { activity, ..base() }
}

fn after(outcome: Outcome, minutes: i64) -> Status {
    let finished_unix_ms = NOW_UNIX_MS - minutes * MINUTE_MS;
    Status { last_result: Some(LastResult { finished_unix_ms, outcome }), ..base() }
}

fn flagged(sides: &[Side], volume_cm3: f64) -> Outcome {
    Outcome::Flagged { sides: sides.to_vec(), volume_cm3: CubicCentimeters(volume_cm3) }
}

fn down(status: Status) -> Status {
    Status { destinations_down: vec!["ward".into()], n_deliveries_waiting: 3, ..status }
}

fn with_alerts(n_open: u32, minutes: i64, sides: &[Side], status: Status) -> Status {
    let opened_unix_ms = NOW_UNIX_MS - minutes * MINUTE_MS;
    let oldest = Some(OpenAlert { opened_unix_ms, sides: sides.to_vec() });
    Status { alerts: Alerts { n_open, oldest, ..Alerts::default() }, ..status }
}

fn acknowledged(status: Status) -> Status {
    let acknowledged_result_unix_ms = status.last_result.as_ref().map(|it| it.finished_unix_ms);
    Status { alerts: Alerts { acknowledged_result_unix_ms, ..Alerts::default() }, ..status }
}

#[allow(clippy::unnecessary_wraps, reason = "as the status has it")]
fn updating(step: UpdateStep, percent: Option<u8>) -> Option<Updating> {
    Some(Updating { version: "0.2.0".into(), step: Some(step), percent })
}

fn undone(status: Status) -> Status {
    // As long as a reason may be.
    let reason =
        "self-test failed (golden: the score is another than before; echo: no answer yet)".into();
    let trouble =
        UpdateTrouble { version: "0.2.0".into(), verdict: UpdateVerdict::RolledBack, reason };
    Status { update_trouble: Some(trouble), ..status }
}

fn refused(status: Status) -> Status {
    let reason = "the signature is not the maker's".into();
    let trouble =
        UpdateTrouble { version: "0.2.0".into(), verdict: UpdateVerdict::Refused, reason };
    Status { update_trouble: Some(trouble), ..status }
}

fn at_work() -> Vec<(&'static str, Status)> {
    let receiving = |n_instances| doing(Activity::Receiving { n_instances });
    let patients = Patients {
        arriving: Some(Phi::new("J. D.".into())),
        analysed: Some(Phi::new("J. D.".into())),
    };
    let analysing = |stage, n_slices| doing(Activity::Analysing { stage, n_slices });
    let silent = WorklistStatus { last_error: Some("no answer".into()), ..Default::default() };
    vec![
        ("starting", Status::default()),
        ("ready", after(Outcome::NotFlagged, 12)),
        ("ready_new", Status { n_destinations: 0, worklist: None, ..base() }),
        ("ready_silent", Status { worklist: Some(silent), ..after(Outcome::NotFlagged, 400) }),
        ("receiving", receiving(143)),
        (
            "receiving_known",
            Status {
                n_instances_expected: Some(212),
                patients: patients.clone(),
                ..receiving(143)
            },
        ),
        (
            "receiving_after_flag",
            Status {
                activity: Activity::Receiving { n_instances: 7 },
                ..after(flagged(&Side::BOTH, 4.0), 59)
            },
        ),
        (
            "analysing",
            Status {
                analysis_ends_unix_ms: Some(NOW_UNIX_MS + 38_000),
                ..analysing(Stage::Localizing, 212)
            },
        ),
        ("analysing_down", down(Status { patients, ..analysing(Stage::Deciding, 1_024) })),
    ]
}

fn results(key_slice: Option<&Arc<KeySlice>>) -> Vec<(&'static str, Status)> {
    let reason = |reason| Outcome::NotAssessable { reason };
    let with_slice = |status| Status { key_slice: key_slice.cloned(), ..status };
    let left = flagged(&[Side::Left], 4.62);
    vec![
        ("flagged_right", after(flagged(&[Side::Right], 4.62), 0)),
        ("flagged_left", with_slice(after(left.clone(), 3))),
        ("flagged_left_down", down(with_slice(after(left.clone(), 3)))),
        ("flagged_acknowledged", acknowledged(with_slice(after(left, 6)))),
        ("flagged_both", after(flagged(&Side::BOTH, 112.4), 59)),
        ("not_flagged", after(Outcome::NotFlagged, 3)),
        ("not_flagged_alert", with_alerts(1, 47, &[Side::Right], after(Outcome::NotFlagged, 0))),
        ("not_assessable", after(reason(Reason::MissingSlice), 1)),
        ("not_assessable_long", down(after(reason(Reason::SpacingTooLarge), 1))),
        ("alert", with_alerts(1, 12, &[Side::Left], base())),
        ("alerts_down", down(with_alerts(3, 200, &Side::BOTH, base()))),
    ]
}

fn troubles() -> Vec<(&'static str, Status)> {
    let message = "The models cannot be read. Install them again.".to_owned();
    let refusing = vec!["radiology pacs".into(), "ward".into()];
    let low = Some(Disk { free_bytes: 4_700_000_000, is_low: true });
    let thermal = Some(Thermal { celsius: 91.0, throttled: true });
    let setup =
        SetupCode { address: "http://192.168.178.42:8043".into(), code: "4711-0815".into() };
    let analysing = Activity::Analysing { stage: Stage::Segmenting, n_slices: 212 };
    let stick_code = Some(StickCode("ACDE-FGHJ".into()));
    vec![
        ("undelivered_down", down(base())),
        (
            "undelivered_dead",
            Status { n_deliveries_dead: 1, destinations_refusing: refusing, ..base() },
        ),
        ("disk_low", Status { disk: low, ..base() }),
        ("clock_unsynchronized", Status { clock: ClockTrust::NotSynchronized, ..base() }),
        ("clock_wrong", Status { clock: ClockTrust::Wrong, ..base() }),
        ("hot", Status { thermal, ..base() }),
        ("analysing_hot", Status { thermal, ..doing(analysing.clone()) }),
        ("updating", Status { updating: updating(UpdateStep::Restarting, None), ..base() }),
        (
            "updating_copying",
            Status { updating: updating(UpdateStep::Copying, Some(40)), ..base() },
        ),
        ("update_undone", undone(base())),
        ("analysing_undone", undone(doing(analysing.clone()))),
        ("update_refused", refused(base())),
        ("self_test", Status { self_test_failing: vec!["golden".into()], ..base() }),
        ("setup", Status { setup: Some(setup.clone()), ..Status::default() }),
        (
            "setup_stick",
            Status { setup: Some(setup), stick_code: stick_code.clone(), ..Status::default() },
        ),
        ("stick", Status { stick_code, ..base() }),
        ("service", Status { service_mode: true, ..base() }),
        ("stopping", doing(Activity::Stopping)),
        ("fault", doing(Activity::Fault { message })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name() {
        let headline = |name| view(name, Language::En).map(|view| view.headline);
        assert_eq!(headline("fault").as_deref(), Some("Fault"));
        assert_eq!(headline("nothing"), None);
        assert!(names().eq(views(Language::En).iter().map(|(name, _)| *name)));
    }
}
