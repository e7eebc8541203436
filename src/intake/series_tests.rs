//! Series and their lists, in every order in which they can come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::completeness::{CompleteBy, KnownSeries};
use super::series::{Arrival, SeriesAssembler, StableSeries, Waits};
use crate::dicom::series_hints::{SeriesHints, SlicePlace};
use crate::dicom::uid::{SeriesInstanceUid, SopInstanceUid};
use crate::limits;

const QUIET: Duration = Duration::from_secs(20);
const WAITS: Waits = Waits { quiet: QUIET, settle: Duration::from_secs(3) };

fn arrival(series: u32, instance: u32) -> Arrival {
    Arrival {
        series: format!("1.{series}").parse().unwrap(),
        study: "1.9".parse().unwrap(),
        sop_instance: format!("1.{series}.{instance}").parse().unwrap(),
        hints: SeriesHints::default(),
        association: 1,
    }
}

#[test]
fn a_series_is_stable_after_quiet_and_opens_again() {
    let mut assembler = SeriesAssembler::new(WAITS);
    let at = Duration::from_secs;
    let mut check = |arrivals: &[(u64, u32)], now: u64, expected: &[usize]| {
        for (seconds, instance) in arrivals {
            assembler.arrive(arrival(1, *instance), at(*seconds));
        }
        let stable = assembler.take_stable(at(now));
        assert_eq!(stable.iter().map(|s| s.n_instances).collect::<Vec<_>>(), expected);
    };
    check(&[(0, 1), (5, 2), (10, 2)], 29, &[]);
    check(&[], 30, &[2]);
    check(&[], 100, &[]);
    // A late instance opens it again, alone.
    check(&[(100, 3)], 120, &[1]);
}

#[test]
fn a_reopened_series_waits_for_its_quiet_time() {
    let mut assembler = SeriesAssembler::new(WAITS);
    let start = Duration::from_secs(7);
    assembler.reopen("1.1".parse().unwrap(), "1.9".parse().unwrap(), start);
    assert!(assembler.take_stable(start + QUIET / 2).is_empty());
    assert_eq!(assembler.take_stable(start + QUIET).len(), 1);
}

#[test]
fn what_is_expected_is_known_when_every_open_series_says() {
    let mut assembler = SeriesAssembler::new(WAITS);
    assert_eq!(assembler.n_expected(), None);
    let counted = |series, n| {
        let hints = SeriesHints { n_series_related: n, ..SeriesHints::default() };
        Arrival { hints, ..arrival(series, 1) }
    };
    assembler.arrive(counted(1, Some(30)), Duration::ZERO);
    assert_eq!(assembler.n_expected(), Some(30));
    assembler.arrive(counted(2, None), Duration::ZERO);
    assert_eq!(assembler.n_expected(), None, "one series does not say");
    assembler.arrive(
        Arrival { sop_instance: "1.2.2".parse().unwrap(), ..counted(2, Some(12)) },
        Duration::ZERO,
    );
    assert_eq!(assembler.n_expected(), Some(42));
}

const N: u32 = 10;

/// Slice `instance` of a series that is even.
fn slice(series: u32, instance: u32) -> Arrival {
    let position = [0.0, 0.0, f64::from(instance)];
    let place = SlicePlace { position, directions: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] };
    let hints = SeriesHints { place: Some(place), ..SeriesHints::default() };
    Arrival { hints, ..arrival(series, instance) }
}

fn names(series: u32, instances: impl IntoIterator<Item = u32>) -> BTreeSet<SopInstanceUid> {
    instances.into_iter().map(|n| arrival(series, n).sop_instance).collect()
}

/// What a database knows.
#[derive(Default)]
struct Recorded {
    instances: BTreeMap<SopInstanceUid, SeriesInstanceUid>,
    in_jobs: BTreeSet<SopInstanceUid>,
    procedure_step: BTreeSet<SopInstanceUid>,
    commitment: BTreeSet<SopInstanceUid>,
    was_thought_complete: bool,
}

impl Recorded {
    fn known(&self, series: &SeriesInstanceUid) -> KnownSeries {
        let here: BTreeSet<_> =
            self.instances.keys().filter(|it| self.instances[*it] == *series).cloned().collect();
        let is_elsewhere =
            |it: &&SopInstanceUid| self.instances.get(*it).is_some_and(|at| at != series);
        let is_named = self.commitment.iter().any(|it| here.contains(it));
        let commitment = self.commitment.iter().filter(|it| is_named && !is_elsewhere(it));
        KnownSeries {
            procedure_step: self.procedure_step.clone(),
            commitment: commitment.cloned().collect(),
            has_new: !here.is_subset(&self.in_jobs),
            was_thought_complete: self.was_thought_complete,
            instances: here,
        }
    }

    /// As the daemon does it: the row, the arrival, and what is known when that opened the series.
    fn arrive(&mut self, assembler: &mut SeriesAssembler, arrival: Arrival, now: Duration) {
        let series = arrival.series.clone();
        self.instances.insert(arrival.sop_instance.clone(), series.clone());
        let was_open = assembler.is_open(&series);
        assembler.arrive(arrival, now);
        if !was_open {
            assembler.inform(&series, self.known(&series));
        }
    }

    fn inform(&self, assembler: &mut SeriesAssembler, series: u32) {
        let series = arrival(series, 0).series;
        assembler.inform(&series, self.known(&series));
    }

    fn enqueue(&mut self, stable: &StableSeries) {
        self.in_jobs.extend(self.known(&stable.series).instances);
        self.was_thought_complete |= stable.complete_by != CompleteBy::Quiet;
    }
}

#[test]
fn a_late_slice_makes_one_more_job_however_the_first_was_known() {
    let at = Duration::from_secs;
    let check = |by: CompleteBy,
                 prepare: fn(&mut Recorded),
                 hints: fn(&mut SeriesHints),
                 is_released: bool| {
        let mut assembler = SeriesAssembler::new(WAITS);
        let mut recorded = Recorded::default();
        prepare(&mut recorded);
        for n in 0..N {
            let mut arrival = slice(1, n);
            hints(&mut arrival.hints);
            recorded.arrive(&mut assembler, arrival, at(0));
        }
        if is_released {
            assembler.association_ended(1, true);
        }
        let is_sure = matches!(by, CompleteBy::ProcedureStep | CompleteBy::Count);
        let first = assembler.take_stable(at(if is_sure { 0 } else { 20 }));
        assert_eq!(first.len(), 1, "{by:?}");
        assert_eq!((first[0].complete_by, first[0].n_instances), (by, 10));
        recorded.enqueue(&first[0]);
        // Sent again it is no news, and neither are three late ones three.
        recorded.arrive(&mut assembler, slice(1, 3), at(30));
        assert_eq!(assembler.take_stable(at(49)), []);
        for n in N..N + 3 {
            recorded.arrive(&mut assembler, slice(1, n), at(49));
            assembler.association_ended(1, true);
            assert_eq!(assembler.take_stable(at(52)), [], "{by:?}");
        }
        let second = assembler.take_stable(at(69));
        assert_eq!(second[0].complete_by, CompleteBy::Quiet);
        assert_eq!(assembler.next_deadline(), None);
    };
    let all = |recorded: &mut Recorded| recorded.procedure_step = names(1, 0..N);
    check(CompleteBy::ProcedureStep, all, |_| {}, false);
    let all = |recorded: &mut Recorded| recorded.commitment = names(1, 0..N);
    check(CompleteBy::Commitment, all, |_| {}, false);
    check(CompleteBy::Count, |_| {}, |hints| hints.n_series_related = Some(N), false);
    check(CompleteBy::Geometry, |_| {}, |_| {}, true);
}

#[test]
fn a_gap_or_a_sender_that_broke_off_is_waited_for() {
    let at = Duration::from_secs;
    let check = |slices: &[u32], ends: &[(u64, bool)], expected: CompleteBy| {
        let mut assembler = SeriesAssembler::new(WAITS);
        let mut recorded = Recorded::default();
        for n in slices {
            let association = u64::from(n % 2);
            recorded.arrive(&mut assembler, Arrival { association, ..slice(1, *n) }, at(0));
        }
        for (association, is_released) in ends {
            assembler.association_ended(*association, *is_released);
        }
        let settled = assembler.take_stable(at(3));
        assert_eq!(settled.len(), usize::from(expected == CompleteBy::Geometry));
        let last = assembler.take_stable(at(20));
        let stable = settled.iter().chain(&last).next().unwrap();
        assert_eq!(stable.complete_by, expected, "{slices:?} {ends:?}");
    };
    let all: Vec<_> = (0..N).collect();
    check(&all, &[(0, true), (1, true)], CompleteBy::Geometry);
    check(&all, &[(0, true)], CompleteBy::Quiet);
    check(&all, &[(0, false), (1, true)], CompleteBy::Quiet);
    check(&all, &[(0, true), (1, false)], CompleteBy::Quiet);
    check(&[0, 1, 2, 3, 5, 6, 7, 8, 9], &[(0, true), (1, true)], CompleteBy::Quiet);
}

#[test]
fn a_release_counts_until_the_next_instance() {
    let check = |events: &[Option<u32>], expected: bool| {
        let mut assembler = SeriesAssembler::new(WAITS);
        for event in events {
            match event {
                Some(instance) => assembler.arrive(arrival(1, *instance), Duration::ZERO),
                None => assembler.association_ended(1, true),
            }
        }
        assert_eq!(assembler.take_stable(QUIET)[0].is_released, expected);
    };
    check(&[Some(1)], false);
    check(&[Some(1), Some(2), None], true);
    check(&[Some(1), None, Some(2)], false);
}

#[test]
fn too_many_series_make_the_oldest_stable() {
    let mut assembler = SeriesAssembler::new(WAITS);
    let n_series = u32::try_from(limits::SERIES_OPEN_MAX).unwrap() + 1;
    for series in 0..n_series {
        assembler.arrive(arrival(series, 0), Duration::from_millis(u64::from(series)));
    }
    assert_eq!(assembler.n_open(), limits::SERIES_OPEN_MAX);
    assert_eq!(assembler.next_deadline(), Some(Duration::ZERO));
    let stable = assembler.take_stable(Duration::from_secs(1));
    assert_eq!(stable.len(), 1);
    assert_eq!(stable[0].series.as_str(), "1.0");
}

#[derive(Debug, Clone)]
enum Op {
    Arrive { series: u32, instance: u32 },
    Wait { seconds: u64 },
    TakeStable,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..4_u32, 0..5_u32).prop_map(|(series, instance)| Op::Arrive { series, instance }),
        (0..30_u64).prop_map(|seconds| Op::Wait { seconds }),
        Just(Op::TakeStable),
    ]
}

/// The same, the slow and obvious way: the list of all arrivals since each series was taken.
#[derive(Default)]
struct Model {
    arrivals: Vec<(u32, u32, u64)>,
}

impl Model {
    fn take_stable(&mut self, now: u64) -> Vec<(String, usize)> {
        let mut taken = Vec::new();
        for series in 0..4 {
            let of_series = self.arrivals.iter().filter(|(s, ..)| *s == series);
            let last = of_series.clone().map(|(.., seconds)| *seconds).max();
            if last.is_some_and(|last| last + QUIET.as_secs() <= now) {
                let instances: BTreeSet<_> = of_series.map(|(_, i, _)| *i).collect();
                taken.push((format!("1.{series}"), instances.len()));
                self.arrivals.retain(|(s, ..)| *s != series);
            }
        }
        taken
    }

    fn next_deadline(&self) -> Option<Duration> {
        let last = |series| {
            let of_series = self.arrivals.iter().filter(move |(s, ..)| *s == series);
            of_series.map(|(.., seconds)| *seconds).max()
        };
        let deadline = (0..4).filter_map(last).min()? + QUIET.as_secs();
        Some(Duration::from_secs(deadline))
    }
}

/// What is left to happen, in any order.
fn shuffled(n_slices: u32, n_others: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..n_slices as usize + n_others).collect::<Vec<_>>()).prop_shuffle()
}

proptest! {
    /// Every order of ten slices of one series and its list.
    #[test]
    fn a_list_of_a_step_works_in_any_order(order in shuffled(N, 1), missing in prop::option::of(0..N)) {
        let mut assembler = SeriesAssembler::new(WAITS);
        let mut recorded = Recorded::default();
        let mut now = Duration::ZERO;
        let mut last_arrival = now;
        for (done, event) in order.iter().enumerate() {
            prop_assert_eq!(assembler.take_stable(now), [], "before event {}", done);
            now += Duration::from_secs(1);
            match u32::try_from(*event).unwrap() {
                n if Some(n) == missing => {}
                N => {
                    recorded.procedure_step = names(1, 0..N);
                    recorded.inform(&mut assembler, 1);
                }
                n => {
                    recorded.arrive(&mut assembler, slice(1, n), now);
                    // Each came by an association of its own: even slices do not tell yet.
                    assembler.association_ended(1, false);
                    last_arrival = now;
                }
            }
        }
        let at_once = assembler.take_stable(now);
        if missing.is_none() {
            prop_assert_eq!(at_once[0].complete_by, CompleteBy::ProcedureStep);
        } else {
            prop_assert_eq!(at_once, []);
            let quiet = assembler.take_stable(last_arrival + QUIET);
            prop_assert_eq!(quiet[0].complete_by, CompleteBy::Quiet);
        }
    }

    /// Two series that one request for commitment names together, in every order.
    #[test]
    fn a_commitment_works_in_any_order(order in shuffled(2 * N, 1)) {
        let waits = Waits { quiet: Duration::from_secs(100), ..WAITS };
        let mut assembler = SeriesAssembler::new(waits);
        let mut recorded = Recorded::default();
        let mut now = Duration::ZERO;
        let mut stable = Vec::new();
        for event in order {
            now += Duration::from_secs(1);
            let event = u32::try_from(event).unwrap();
            if event == 2 * N {
                recorded.commitment = names(1, 0..N).union(&names(2, 0..N)).cloned().collect();
                recorded.inform(&mut assembler, 1);
                recorded.inform(&mut assembler, 2);
            } else {
                recorded.arrive(&mut assembler, slice(1 + event / N, event % N), now);
            }
            stable.extend(assembler.take_stable(now));
        }
        stable.extend(assembler.take_stable(now + WAITS.settle));
        stable.sort_by(|a, b| a.series.cmp(&b.series));
        let seen: Vec<_> = stable.iter().map(|it| (it.series.as_str(), it.n_instances, it.complete_by)).collect();
        let by = CompleteBy::Commitment;
        prop_assert_eq!(seen, [("1.1", N as usize, by), ("1.2", N as usize, by)]);
    }

    #[test]
    fn it_behaves_like_its_model(ops in prop::collection::vec(op(), 0..100)) {
        let mut assembler = SeriesAssembler::new(WAITS);
        let mut model = Model::default();
        let mut now = 0;
        for op in ops {
            match op {
                Op::Arrive { series, instance } => {
                    assembler.arrive(arrival(series, instance), Duration::from_secs(now));
                    model.arrivals.push((series, instance, now));
                }
                Op::Wait { seconds } => now += seconds,
                Op::TakeStable => {
                    let stable = assembler.take_stable(Duration::from_secs(now));
                    let stable: Vec<_> = stable
                        .into_iter()
                        .map(|s| (s.series.to_string(), s.n_instances))
                        .collect();
                    prop_assert_eq!(stable, model.take_stable(now));
                }
            }
            prop_assert_eq!(assembler.next_deadline(), model.next_deadline());
        }
    }
}
