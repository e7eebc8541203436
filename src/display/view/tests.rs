//! Which page is up.

use super::*;
use crate::phi::Phi;
use crate::reason::Reason;
use crate::status::{
    Alerts, Disk, OpenAlert, Patients, SetupCode, Stage, StickCode, Thermal, UpdateStep,
    UpdateTrouble, UpdateVerdict, Updating,
};
use crate::units::CubicCentimeters;

const NOW: i64 = 1_767_225_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn view(status: &Status) -> View {
    View::new(status, NOW, Language::En)
}

fn ready(outcome: Outcome, age_ms: i64) -> Status {
    let last_result = Some(LastResult { finished_unix_ms: NOW - age_ms, outcome });
    Status { activity: Activity::Ready, last_result, ..Status::default() }
}

fn flagged() -> Outcome {
    Outcome::Flagged { sides: vec![Side::Left], volume_cm3: CubicCentimeters(4.62) }
}

fn with_alert(status: Status) -> Status {
    let oldest = OpenAlert { opened_unix_ms: NOW - 3 * MINUTE_MS, sides: vec![Side::Left] };
    Status { alerts: Alerts { n_open: 1, oldest: Some(oldest), ..Alerts::default() }, ..status }
}

#[test]
fn a_result_is_up_while_it_is_news() {
    let check = |status: &Status, headline: &str| assert_eq!(view(status).headline, headline);
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
fn an_alert_stays_up_until_it_is_acknowledged() {
    let check = |status: Status, page: Page| assert_eq!(view(&with_alert(status)).page, page);
    check(ready(flagged(), DAY_MS), Page::Alert);
    check(ready(Outcome::NotFlagged, MINUTE_MS), Page::Alert);
    check(ready(Outcome::NotFlagged, MINUTE_MS / 2), Page::NotFlagged);
    let busy = Status {
        activity: Activity::Receiving { n_instances: 3 },
        ..ready(Outcome::NotFlagged, DAY_MS)
    };
    let view = view(&with_alert(busy));
    assert_eq!(view.notice.as_deref(), Some("Alert open: left, 3\u{a0}min\u{a0}ago"));
    assert!(view.is_urgent());
}

#[test]
fn an_acknowledged_result_says_so_and_is_old_news_sooner() {
    let acknowledged = |age_ms: i64| {
        let alerts =
            Alerts { acknowledged_result_unix_ms: Some(NOW - age_ms), ..Alerts::default() };
        view(&Status { alerts, ..ready(flagged(), age_ms) })
    };
    let fresh = acknowledged(9 * MINUTE_MS);
    assert_eq!((fresh.headline.as_str(), fresh.is_urgent()), ("Acknowledged", false));
    assert_eq!(acknowledged(10 * MINUTE_MS).page, Page::Ready);
    let earlier = Alerts { acknowledged_result_unix_ms: Some(NOW - 1), ..Alerts::default() };
    let next = view(&Status { alerts: earlier, ..ready(flagged(), 0) });
    assert_eq!(next.headline, "Flagged", "another's acknowledgement");
    let waiting = with_alert(ready(flagged(), MINUTE_MS));
    let alerts =
        Alerts { acknowledged_result_unix_ms: Some(NOW - MINUTE_MS), ..waiting.alerts.clone() };
    assert_eq!(view(&Status { alerts, ..waiting }).page, Page::Alert, "another waits");
    let activity = Activity::Receiving { n_instances: 3 };
    let alerts = Alerts { acknowledged_result_unix_ms: Some(NOW), ..Alerts::default() };
    assert_eq!(view(&Status { activity, alerts, ..ready(flagged(), 0) }).notice, None);
}

#[test]
fn several_alerts_are_counted_from_the_oldest() {
    let status = with_alert(ready(flagged(), DAY_MS));
    let alerts = Alerts { n_open: 3, ..status.alerts.clone() };
    let view = view(&Status { alerts, ..status });
    assert_eq!(view.headline, "3 alerts open");
    assert_eq!(view.measure.as_deref(), Some("Waiting for 3\u{a0}min"));
}

#[test]
fn held_alerts_are_always_in_sight() {
    let down = |status: Status| Status { destinations_down: vec!["ward".into()], ..status };
    let undelivered = view(&down(ready(Outcome::NotFlagged, DAY_MS)));
    assert_eq!(undelivered.page, Page::Undelivered);
    assert_eq!(undelivered.lead, "Not reachable: ward");
    let flagged = view(&down(ready(flagged(), 0)));
    assert_eq!(flagged.notice.as_deref(), Some("Alerts held: no connection"));
}

#[test]
fn the_next_series_does_not_hide_a_flag() {
    let activity = Activity::Receiving { n_instances: 3 };
    let status = Status { activity, ..ready(flagged(), 3 * MINUTE_MS) };
    let notice = view(&status).notice;
    assert_eq!(notice.as_deref(), Some("Previous: flagged left, 3\u{a0}min\u{a0}ago"));
}

#[test]
fn the_machines_troubles_have_pages_of_their_own() {
    let rest = || Status { activity: Activity::Ready, ..Status::default() };
    let low = Some(Disk::new(2_000_000_000));
    let full = view(&Status { disk: Some(Disk::new(2_000_000)), ..rest() });
    assert!(full.page == Page::DiskLow && full.detail.unwrap().contains("are refused until"));
    let hot = Some(Thermal { celsius: 91.0, throttled: true });
    let check = |status: Status, page: Page| assert_eq!(view(&status).page, page);
    check(Status { disk: low, thermal: hot, ..rest() }, Page::DiskLow);
    check(Status { clock: ClockTrust::Wrong, thermal: hot, ..rest() }, Page::ClockBad);
    check(Status { thermal: hot, ..rest() }, Page::Hot);
    let (version, reason) = ("0.2.0".to_owned(), "its self-test failed".to_owned());
    let verdict = UpdateVerdict::RolledBack;
    let update_trouble = Some(UpdateTrouble { version, verdict, reason });
    let undone = || Status { update_trouble: update_trouble.clone(), ..rest() };
    for status in [
        Status { disk: low, ..undone() },
        Status { clock: ClockTrust::NotSynchronized, ..undone() },
        Status { thermal: hot, ..undone() },
    ] {
        assert_eq!(view(&status).notice.as_deref(), Some("Update failed: see support"));
    }
    let cool = Some(Thermal { celsius: 60.0, throttled: false });
    check(Status { thermal: cool, ..rest() }, Page::Ready);
    let setup = Some(SetupCode { address: "http://10.0.0.7".into(), code: "4711".into() });
    check(Status { setup: setup.clone(), ..Status::default() }, Page::Setup);
    let fault = Activity::Fault { message: "no disk".into() };
    let stick_code = Some(StickCode("ACDE-FGHJ".into()));
    let destinations_down = vec!["ward".into()];
    check(Status { stick_code: stick_code.clone(), destinations_down, ..rest() }, Page::Setup);
    let receiving = Activity::Receiving { n_instances: 1 };
    let destinations_down = vec!["ward".into()];
    let status = Status { stick_code, activity: receiving, destinations_down, ..rest() };
    let notice = view(&status).notice.unwrap();
    assert!(notice.contains("ACDE-FGHJ"), "{notice}");
    assert!(!format!("{status:?}").contains("ACDE"));
    let waiting = Status { setup: setup.clone(), stick_code: status.stick_code, ..rest() };
    assert!(view(&waiting).notice.unwrap().contains("ACDE-FGHJ"), "a new box asks for it, too");
    let service = view(&Status { service_mode: true, ..rest() });
    assert_eq!(
        (service.page.clone(), service.notice.as_deref()),
        (Page::Ready, Some("Service mode"))
    );
    assert!(service.is_urgent());
    check(Status { setup, activity: fault, ..rest() }, Page::Fault);
    let analysing = Activity::Analysing { stage: Stage::Loading, n_slices: 9 };
    let busy = view(&Status { activity: analysing, thermal: hot, ..rest() });
    assert_eq!(busy.notice.as_deref(), Some("Too warm: slowed down"));
}

#[test]
fn an_update_hides_work_only_while_there_is_none() {
    let updating = |step, activity| {
        let updating = Some(Updating { version: "0.2.0".into(), step, percent: Some(40) });
        Status { updating, activity, ..ready(Outcome::NotFlagged, DAY_MS) }
    };
    let receiving = || Activity::Receiving { n_instances: 3 };
    let check = |status: Status, page: Page| assert_eq!(view(&status).page, page);
    check(updating(Some(UpdateStep::Copying), receiving()), Page::Receiving);
    check(updating(Some(UpdateStep::Restarting), receiving()), Page::Updating);
    check(updating(None, receiving()), Page::Updating);
    check(with_alert(updating(Some(UpdateStep::Checking), Activity::Ready)), Page::Alert);
    let at_rest = view(&updating(Some(UpdateStep::Copying), Activity::Ready));
    assert_eq!((at_rest.page, at_rest.progress.map(|it| it.permille)), (Page::Updating, Some(400)));
    let restart = view(&with_alert(updating(None, Activity::Ready)));
    assert_eq!(restart.notice.as_deref(), Some("Alert open: left, 3\u{a0}min\u{a0}ago"));
}

#[test]
fn an_update_that_failed_and_a_self_test_are_told_of() {
    let reason = "self-test failed (golden)".to_owned();
    let verdict = UpdateVerdict::RolledBack;
    let trouble = UpdateTrouble { version: "0.2.0".into(), verdict, reason };
    let status = Status { update_trouble: Some(trouble), ..ready(Outcome::NotFlagged, DAY_MS) };
    let setup = Some(SetupCode { address: "http://10.0.0.7".into(), code: "4711".into() });
    let new = view(&Status { setup, ..status.clone() });
    assert_eq!(new.notice.as_deref(), Some("Update failed: see support"), "a new box says it, too");
    let undone = view(&status);
    assert_eq!((undone.page.clone(), undone.is_urgent()), (Page::UpdateFailed, false));
    assert_eq!(undone.detail.as_deref(), Some("0.2.0: self-test failed (golden)"));
    let busy = Status { activity: Activity::Receiving { n_instances: 3 }, ..status.clone() };
    assert_eq!(view(&busy).notice.as_deref(), Some("Update failed: see support"));
    let low = Some(Disk { free_bytes: 2_000_000_000, is_low: true });
    let failing = Status { self_test_failing: vec!["golden".into()], disk: low, ..status };
    let view = view(&failing);
    assert_eq!((view.page.clone(), view.lead.as_str()), (Page::SelfTestFailed, "golden"));
    assert!(view.is_urgent());
}

#[test]
fn progress_is_shown_where_the_number_is_known() {
    let status = |expected| Status {
        activity: Activity::Receiving { n_instances: 50 },
        n_instances_expected: expected,
        ..Status::default()
    };
    let known = view(&status(Some(200))).progress.unwrap();
    assert_eq!((known.permille, known.label.as_str()), (250, "50 of 200 images"));
    assert_eq!(view(&status(None)).progress, None);
    // What has come already is more than was announced: the announcement was wrong.
    assert_eq!(view(&status(Some(49))).progress, None);
}

#[test]
fn whom_images_are_of_is_shown_but_not_printed() {
    let patients = Patients { arriving: Some(Phi::new("J. D.".into())), analysed: None };
    let activity = Activity::Receiving { n_instances: 3 };
    let view = view(&Status { activity, patients, ..Status::default() });
    assert_eq!(view.lead, "Images of J. D.");
    assert!(!format!("{view:?}").contains("J. D."));
}
