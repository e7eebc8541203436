//! Groups instances into series and says when a series has stopped growing.
//!
//! ```text
//! (unknown) --instance--> open --nothing for `quiet`--> stable, taken out
//!     ^                                                        |
//!     +------------------- a late instance opens it again -----+
//! ```
//!
//! Quiet time is the last resort of knowing that a series is complete; surer signs (the scanner's
//! own list, counts, geometry) will shorten an open series' deadline in [`SeriesAssembler`].

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::dicom::uid::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};
use crate::limits;

/// One instance that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its series.
    pub series: SeriesInstanceUid,
    /// Its study.
    pub study: StudyInstanceUid,
    /// Itself; the same instance sent twice counts once.
    pub sop_instance: SopInstanceUid,
}

/// A series to which nothing came for the quiet time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StableSeries {
    /// Its UID.
    pub series: SeriesInstanceUid,
    /// The study of its first instance.
    pub study: StudyInstanceUid,
    /// Instances that arrived since it was opened, each counted once.
    pub n_instances: usize,
    /// Whether its sender released the association after the last of them. If not, the sender was
    /// cut off or is idle, and more may come.
    pub is_released: bool,
}

#[derive(Debug)]
struct OpenSeries {
    study: StudyInstanceUid,
    instances: BTreeSet<SopInstanceUid>,
    last_arrival: Duration,
    is_released: bool,
}

/// The open series. Time is what the caller says it is, on a clock that does not go back.
#[derive(Debug)]
pub struct SeriesAssembler {
    quiet: Duration,
    open: HashMap<SeriesInstanceUid, OpenSeries>,
    /// Series that had to go before their time, for want of room.
    crowded_out: Vec<StableSeries>,
}

impl SeriesAssembler {
    /// None open; a series is stable once nothing came for `quiet`.
    #[must_use]
    pub fn new(quiet: Duration) -> Self {
        Self { quiet, open: HashMap::new(), crowded_out: Vec::new() }
    }

    /// Takes note of an instance at time `now`.
    ///
    /// Over [`limits::SERIES_OPEN_MAX`] series, the one that has been silent longest is stable from
    /// then on; over [`limits::SERIES_INSTANCES_MAX`] instances, further ones are not counted.
    pub fn arrive(&mut self, arrival: Arrival, now: Duration) {
        let series = self.touch(arrival.series, arrival.study, now);
        if series.instances.len() < limits::SERIES_INSTANCES_MAX {
            series.instances.insert(arrival.sop_instance);
        }
    }

    /// Opens a series that has instances already, say from before a restart. They count as arrived
    /// now, since nobody knows whether their sender goes on.
    pub fn reopen(&mut self, series: SeriesInstanceUid, study: StudyInstanceUid, now: Duration) {
        self.touch(series, study, now);
    }

    fn touch(
        &mut self,
        series: SeriesInstanceUid,
        study: StudyInstanceUid,
        now: Duration,
    ) -> &mut OpenSeries {
        let is_new = !self.open.contains_key(&series);
        if is_new && self.open.len() == limits::SERIES_OPEN_MAX {
            self.crowd_out();
        }
        let open = self.open.entry(series).or_insert_with(|| OpenSeries {
            study,
            instances: BTreeSet::new(),
            last_arrival: now,
            is_released: false,
        });
        // An instance sent again moves the deadline too: its sender has not finished.
        open.last_arrival = now;
        open.is_released = false;
        open
    }

    /// Takes note that an association which brought instances of `series` was released.
    pub fn association_released(&mut self, series: &SeriesInstanceUid) {
        if let Some(open) = self.open.get_mut(series) {
            open.is_released = true;
        }
    }

    /// Takes out every series that is stable at `now`, ordered by UID.
    pub fn take_stable(&mut self, now: Duration) -> Vec<StableSeries> {
        let mut stable = std::mem::take(&mut self.crowded_out);
        let quiet = self.quiet;
        let due = self.open.extract_if(|_, open| open.last_arrival + quiet <= now);
        stable.extend(due.map(|(series, open)| open.close(series)));
        stable.sort_by(|a, b| a.series.cmp(&b.series));
        stable
    }

    /// When [`Self::take_stable`] will next have something, if nothing else arrives.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        if !self.crowded_out.is_empty() {
            return Some(Duration::ZERO);
        }
        self.open.values().map(|open| open.last_arrival + self.quiet).min()
    }

    /// Instances that have arrived in the open series.
    #[must_use]
    pub fn n_instances(&self) -> usize {
        self.open.values().map(|open| open.instances.len()).sum()
    }

    /// Series that are open.
    #[must_use]
    pub fn n_open(&self) -> usize {
        self.open.len()
    }

    fn crowd_out(&mut self) {
        let oldest = self.open.iter().min_by_key(|(uid, open)| (open.last_arrival, *uid));
        if let Some(uid) = oldest.map(|(uid, _)| uid.clone())
            && let Some(open) = self.open.remove(&uid)
        {
            self.crowded_out.push(open.close(uid));
        }
    }
}

impl OpenSeries {
    fn close(self, series: SeriesInstanceUid) -> StableSeries {
        let n_instances = self.instances.len();
        StableSeries { series, study: self.study, n_instances, is_released: self.is_released }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUIET: Duration = Duration::from_secs(20);

    fn arrival(series: u32, instance: u32) -> Arrival {
        Arrival {
            series: format!("1.{series}").parse().unwrap(),
            study: "1.9".parse().unwrap(),
            sop_instance: format!("1.{series}.{instance}").parse().unwrap(),
        }
    }

    #[test]
    fn a_series_is_stable_after_quiet_and_opens_again() {
        let mut assembler = SeriesAssembler::new(QUIET);
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
        let mut assembler = SeriesAssembler::new(QUIET);
        let start = Duration::from_secs(7);
        assembler.reopen("1.1".parse().unwrap(), "1.9".parse().unwrap(), start);
        assert!(assembler.take_stable(start + QUIET / 2).is_empty());
        assert_eq!(assembler.take_stable(start + QUIET).len(), 1);
    }

    #[test]
    fn a_release_counts_until_the_next_instance() {
        let check = |events: &[Option<u32>], expected: bool| {
            let mut assembler = SeriesAssembler::new(QUIET);
            for event in events {
                match event {
                    Some(instance) => assembler.arrive(arrival(1, *instance), Duration::ZERO),
                    None => assembler.association_released(&"1.1".parse().unwrap()),
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
        let mut assembler = SeriesAssembler::new(QUIET);
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

    proptest! {
        #[test]
        fn it_behaves_like_its_model(ops in prop::collection::vec(op(), 0..100)) {
            let mut assembler = SeriesAssembler::new(QUIET);
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
}
