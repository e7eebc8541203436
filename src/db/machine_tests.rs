//! Everything that can happen to a series, in any order, against a model in plain Rust.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rusqlite::Connection;

use super::deliveries::{self, Attempted, DeliveryKind, NewDelivery, Next};
use super::instances::tests::instance;
use super::jobs::{self, Enqueued, Job};
use super::results::tests::{at, report};
use super::results::{self, Committed, JobEnd, Routed, Unrouted};
use super::{instances, open};
use crate::intake::completeness::CompleteBy;
use crate::limits::RETRY_WAIT_MAX;
use crate::screening::report::Decision;

/// What the world can do.
#[derive(Debug, Clone)]
enum Op {
    Arrive { series: u32, n: u32 },
    Stable { series: u32 },
    Claim,
    Finish { flagged: bool },
    FailOnce,
    Crash,
    Deliver { received: bool },
    Refuse,
    Wait { ms: i64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..4u32, 1..4u32).prop_map(|(series, n)| Op::Arrive { series, n }),
        4 => (1..4u32).prop_map(|series| Op::Stable { series }),
        4 => Just(Op::Claim),
        4 => any::<bool>().prop_map(|flagged| Op::Finish { flagged }),
        1 => Just(Op::FailOnce),
        1 => Just(Op::Crash),
        3 => any::<bool>().prop_map(|received| Op::Deliver { received }),
        1 => Just(Op::Refuse),
        2 => (1..2000i64).prop_map(|ms| Op::Wait { ms }),
    ]
}

type Set = (u32, BTreeSet<u32>);

/// The truth, kept without SQL.
#[derive(Default)]
struct Model {
    now_unix_ms: i64,
    arrived: BTreeMap<u32, BTreeSet<u32>>,
    /// Sets that have had a job, ever.
    known: BTreeSet<Set>,
    queue: Vec<Set>,
    running: Option<Set>,
    results: Vec<Set>,
    /// Keys of deliveries and whether they wait; in the order of their making.
    waiting: Vec<(String, i64)>,
    finished: BTreeSet<String>,
}

fn set_of(job: &Job) -> Set {
    let last = |text: &str| text.rsplit('.').next().unwrap().parse().unwrap();
    let set = job.instances.iter().map(|it| last(it.sop_instance.as_str())).collect();
    (last(job.series.as_str()), set)
}

fn route(unrouted: &Unrouted<'_>) -> Routed {
    if unrouted.report.decision != Decision::Flagged {
        return Routed::default();
    }
    let delivery = NewDelivery {
        destination: "ward".into(),
        kind: DeliveryKind::Result,
        not_before_unix_ms: None,
        idempotency_key: unrouted.result_key.into(),
        payload: "{}".into(),
        follows: None,
    };
    Routed { deliveries: vec![delivery], alert: None }
}

struct Machine {
    connection: Connection,
    model: Model,
    job: Option<Job>,
}

impl Machine {
    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Arrive { series, n } => {
                let recorded =
                    instances::record(instance(series, n)).run(&self.connection).unwrap();
                let new = self.model.arrived.entry(series).or_default().insert(n);
                assert_eq!(recorded == instances::Recorded::New, new);
            }
            Op::Stable { series } => self.stable(series),
            Op::Claim => self.claim(),
            Op::Finish { flagged } => self.finish(flagged),
            Op::FailOnce => {
                if let Some(job) = self.job.take() {
                    jobs::retry(job.id, "failed".into()).run(&self.connection).unwrap();
                    self.put_back();
                }
            }
            Op::Crash => {
                let n = jobs::recover("m".into()).run(&self.connection).unwrap();
                assert_eq!(n, usize::from(self.job.is_some()));
                if self.job.take().is_some() {
                    self.put_back();
                }
            }
            Op::Deliver { received } => self.deliver(received),
            Op::Refuse => self.refuse(),
            Op::Wait { ms } => self.model.now_unix_ms += ms,
        }
    }

    fn stable(&mut self, series: u32) {
        let uid = format!("1.2.{series}").parse().unwrap();
        let now = self.model.now_unix_ms;
        let enqueued =
            jobs::enqueue(uid, "m".into(), CompleteBy::Quiet, now).run(&self.connection).unwrap();
        let Some(instances) = self.model.arrived.get(&series) else {
            return assert_eq!(enqueued, Enqueued::NoInstances);
        };
        let set = (series, instances.clone());
        let new = self.model.known.insert(set.clone());
        assert_eq!(matches!(enqueued, Enqueued::New(_)), new, "{enqueued:?}");
        if new {
            self.model.queue.retain(|(queued, _)| *queued != series);
            self.model.queue.push(set);
        }
    }

    fn claim(&mut self) {
        if self.job.is_some() {
            return; // One worker.
        }
        self.job = jobs::claim().run(&self.connection).unwrap();
        let expected = (!self.model.queue.is_empty()).then(|| self.model.queue.remove(0));
        assert_eq!(self.job.as_ref().map(set_of), expected);
        self.model.running = expected;
    }

    /// The interrupted job goes to the front again, unless a larger set of its series took its place.
    fn put_back(&mut self) {
        let set = self.model.running.take().unwrap();
        if !self.model.queue.iter().any(|(queued, _)| *queued == set.0) {
            // Row numbers grow with `known`, so the oldest is the one that was claimed.
            self.model.queue.insert(0, set);
        }
    }

    fn finish(&mut self, flagged: bool) {
        let Some(job) = self.job.take() else { return };
        let decision = if flagged { Decision::Flagged } else { Decision::NotFlagged };
        let now = self.model.now_unix_ms;
        let commit = || {
            results::commit(job.id, JobEnd::Done, report(decision), at(now), route)
                .run(&self.connection)
                .unwrap()
        };
        let committed = commit();
        assert!(
            matches!(committed, Committed::Stored { n_deliveries, .. }
                if n_deliveries == usize::from(flagged)),
            "{committed:?}"
        );
        assert_eq!(commit(), Committed::NotRunning, "twice is once");
        let set = self.model.running.take().unwrap();
        assert!(!self.model.results.contains(&set), "one result a set");
        self.model.results.push(set);
        if flagged {
            let stored = results::latest().run(&self.connection).unwrap().unwrap();
            self.model.waiting.push((stored.result_key, now));
        }
    }

    /// What the outbox must send next, and does.
    fn next(&self) -> Option<deliveries::Delivery> {
        let now = self.model.now_unix_ms;
        let first = self.model.waiting.iter().min_by_key(|(_, at)| *at);
        match deliveries::next("ward".into(), now).run(&self.connection).unwrap() {
            Next::Nothing => {
                assert_eq!(first, None);
                None
            }
            Next::At(at) => {
                assert_eq!(first.map(|(_, at)| *at), Some(at));
                assert!(at > now);
                None
            }
            Next::Due(delivery) => {
                let (key, at) = first.unwrap();
                assert_eq!(*key, delivery.idempotency_key);
                assert!(*at <= now);
                Some(delivery)
            }
        }
    }

    fn end(&mut self, delivery: &deliveries::Delivery, attempted: Attempted) {
        let record = || {
            deliveries::record_attempt(delivery.id, attempted.clone())
                .run(&self.connection)
                .unwrap()
        };
        assert!(record());
        assert!(!record(), "a finished delivery does not change");
        let key = &delivery.idempotency_key;
        self.model.waiting.retain(|(waiting, _)| waiting != key);
        assert!(self.model.finished.insert(key.clone()), "finished once");
    }

    fn deliver(&mut self, received: bool) {
        let Some(delivery) = self.next() else { return };
        let now = self.model.now_unix_ms;
        if received {
            self.end(&delivery, Attempted::Sent { receipt: "200".into(), at_unix_ms: now });
            return;
        }
        let next_unix_ms = now + 500;
        let put_off = Attempted::PutOff { error: "500".into(), next_unix_ms };
        assert!(deliveries::record_attempt(delivery.id, put_off).run(&self.connection).unwrap());
        let entry = self.model.waiting.iter_mut().find(|(key, _)| *key == delivery.idempotency_key);
        entry.unwrap().1 = next_unix_ms;
    }

    fn refuse(&mut self) {
        let Some(delivery) = self.next() else { return };
        let at_unix_ms = self.model.now_unix_ms;
        self.end(&delivery, Attempted::Refused { error: "404".into(), at_unix_ms });
    }

    /// The counts that a person sees are the model's.
    fn compare(&self) {
        let jobs = jobs::counts().run(&self.connection).unwrap();
        assert_eq!(jobs.n_queued as usize, self.model.queue.len());
        assert_eq!(jobs.n_running as usize, usize::from(self.model.running.is_some()));
        assert_eq!(jobs.n_finished, self.model.results.len() as u64);
        let deliveries = deliveries::counts().run(&self.connection).unwrap();
        assert_eq!(deliveries.n_waiting as usize, self.model.waiting.len());
        let n_finished = deliveries.n_sent + u64::from(deliveries.n_dead);
        assert_eq!(n_finished, self.model.finished.len() as u64);
    }
}

proptest! {
    #[test]
    fn rows_agree_with_the_model(ops in prop::collection::vec(op(), 1..60)) {
        let mut machine =
            Machine { connection: open::in_memory(), model: Model::default(), job: None };
        for op in &ops {
            machine.apply(op);
            machine.compare();
        }
    }
}

#[test]
fn a_clock_that_was_set_back_delays_nothing_for_long() {
    let connection = open::in_memory();
    instances::record(instance(1, 1)).run(&connection).unwrap();
    jobs::enqueue("1.2.1".parse().unwrap(), "m".into(), CompleteBy::Quiet, 0)
        .run(&connection)
        .unwrap();
    let job = jobs::claim().run(&connection).unwrap().unwrap();
    let year_ms = 365 * 24 * 3600 * 1000;
    results::commit(job.id, JobEnd::Done, report(Decision::Flagged), at(year_ms), route)
        .run(&connection)
        .unwrap();
    let check = |now: i64, due: bool| {
        let next = deliveries::next("ward".into(), now).run(&connection).unwrap();
        assert_eq!(matches!(next, Next::Due(_)), due, "{now}");
    };
    let wait_max_ms = i64::try_from(RETRY_WAIT_MAX.as_millis()).unwrap();
    check(year_ms, true);
    check(year_ms - wait_max_ms, false);
    check(0, true);
}

#[test]
fn a_correction_waits_for_what_it_corrects() {
    let connection = open::in_memory();
    for n in 1..=2 {
        instances::record(instance(1, n)).run(&connection).unwrap();
        jobs::enqueue("1.2.1".parse().unwrap(), "m".into(), CompleteBy::Quiet, 0)
            .run(&connection)
            .unwrap();
        let job = jobs::claim().run(&connection).unwrap().unwrap();
        let route = |unrouted: &Unrouted<'_>| {
            let follows = unrouted.told.first().map(|told| told.delivery);
            let delivery = NewDelivery { follows, ..route(unrouted).deliveries.remove(0) };
            Routed { deliveries: vec![delivery], alert: None }
        };
        results::commit(job.id, JobEnd::Done, report(Decision::Flagged), at(i64::from(n)), route)
            .run(&connection)
            .unwrap();
    }
    let next = |now| deliveries::next("ward".into(), now).run(&connection).unwrap();
    let Next::Due(first) = next(10) else { panic!("the first is due") };
    let put_off = Attempted::PutOff { error: "500".into(), next_unix_ms: 100 };
    deliveries::record_attempt(first.id, put_off).run(&connection).unwrap();
    assert_eq!(next(10), Next::At(100));
    let sent = Attempted::Sent { receipt: "200".into(), at_unix_ms: 100 };
    deliveries::record_attempt(first.id, sent).run(&connection).unwrap();
    let Next::Due(second) = next(100) else { panic!("now the correction is due") };
    assert!(second.id > first.id);
}

#[test]
fn what_was_refused_was_never_told() {
    let connection = open::in_memory();
    for (n, n_told) in [(1, 0), (2, 1), (3, 0)] {
        instances::record(instance(1, n)).run(&connection).unwrap();
        jobs::enqueue("1.2.1".parse().unwrap(), "m".into(), CompleteBy::Quiet, 0)
            .run(&connection)
            .unwrap();
        let job = jobs::claim().run(&connection).unwrap().unwrap();
        let check = move |unrouted: &Unrouted<'_>| {
            assert_eq!(unrouted.told.len(), n_told, "before result {n}");
            if n == 1 { route(unrouted) } else { Routed::default() }
        };
        results::commit(job.id, JobEnd::Done, report(Decision::Flagged), at(0), check)
            .run(&connection)
            .unwrap();
        if n == 2 {
            let Next::Due(it) = deliveries::next("ward".into(), 0).run(&connection).unwrap() else {
                panic!("it waits")
            };
            let refused = Attempted::Refused { error: "404".into(), at_unix_ms: 0 };
            deliveries::record_attempt(it.id, refused).run(&connection).unwrap();
        }
    }
}
