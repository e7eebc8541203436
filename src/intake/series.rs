//! Groups instances into series and says when a series has stopped growing.
//!
//! ```text
//! (unknown) --instance--> open --complete, or plausible and nothing for `settle`--> stable, taken out
//!     ^                     `----nothing for `quiet`-------------------------------->  |
//!     +------------------------- a late instance opens it again -----------------------+
//! ```
//!
//! What is known of a series, and so how long it is waited for, is decided by
//! [`completeness`](super::completeness); quiet time is the last resort.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::completeness::{CompleteBy, Evidence, KnownSeries, Verdict, judge};
use crate::dicom::series_hints::SeriesHints;
use crate::dicom::uid::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};
use crate::limits;

/// One instance that is on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Its series.
    pub series: SeriesInstanceUid,
    /// Its study.
    pub study: StudyInstanceUid,
    /// Itself; the same instance sent twice counts once.
    pub sop_instance: SopInstanceUid,
    /// What it says about its series.
    pub hints: SeriesHints,
    /// The association that brought it.
    pub association: u64,
}

/// A series that has stopped growing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StableSeries {
    /// Its UID.
    pub series: SeriesInstanceUid,
    /// The study of its first instance.
    pub study: StudyInstanceUid,
    /// Instances that arrived since it was opened, each counted once.
    pub n_instances: usize,
    /// Whether its senders released their associations after the last of them. If not, one was
    /// cut off or is idle, and more may come.
    pub is_released: bool,
    /// How that is known.
    pub complete_by: CompleteBy,
}

/// How long a series is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Silence after which it is stable whatever is known.
    pub quiet: Duration,
    /// Silence after which it is stable if it seems complete.
    pub settle: Duration,
}

#[derive(Debug)]
struct OpenSeries {
    study: StudyInstanceUid,
    /// With hints those that arrived since it was opened.
    arrived: BTreeMap<SopInstanceUid, Option<SeriesHints>>,
    known: KnownSeries,
    last_arrival: Duration,
    /// Those that brought something and have not ended.
    associations: BTreeSet<u64>,
    /// Whether all have been released that ended since there was none; `None` where none has brought anything.
    are_released: Option<bool>,
    verdict: Verdict,
}

/// The open series. Time is what the caller says it is, on a clock that does not go back.
#[derive(Debug)]
pub struct SeriesAssembler {
    waits: Waits,
    open: HashMap<SeriesInstanceUid, OpenSeries>,
    /// Series that had to go before their time, for want of room.
    crowded_out: Vec<StableSeries>,
}

impl SeriesAssembler {
    /// None open.
    #[must_use]
    pub fn new(waits: Waits) -> Self {
        Self { waits, open: HashMap::new(), crowded_out: Vec::new() }
    }

    /// Takes note of an instance at time `now`.
    ///
    /// Over [`limits::SERIES_OPEN_MAX`] series, the one that has been silent longest is stable from
    /// then on; over [`limits::SERIES_INSTANCES_MAX`] instances, further ones are not counted.
    pub fn arrive(&mut self, arrival: Arrival, now: Duration) {
        let Arrival { series, study, sop_instance, hints, association } = arrival;
        // Requests for commitment do not say of which series an instance is; now it is known.
        let others = self.open.iter_mut().filter(|(uid, _)| **uid != series);
        for (_, open) in others {
            if open.known.commitment.remove(&sop_instance) {
                open.judge();
            }
        }
        let open = self.touch(series, study, now);
        if open.associations.is_empty() {
            open.are_released = Some(true);
        }
        open.associations.insert(association);
        if open.arrived.len() < limits::SERIES_INSTANCES_MAX
            && open.arrived.insert(sop_instance, Some(hints)).is_none()
        {
            open.known.has_new = true;
        }
        open.judge();
    }

    /// Opens a series that has instances already, say from before a restart. They count as arrived
    /// now, since nobody knows whether their sender goes on.
    pub fn reopen(&mut self, series: SeriesInstanceUid, study: StudyInstanceUid, now: Duration) {
        self.touch(series, study, now);
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, series: &SeriesInstanceUid) -> bool {
        self.open.contains_key(series)
    }

    /// Tells what is recorded of a series, in place of what was told before. Nothing, if it is not open.
    pub fn inform(&mut self, series: &SeriesInstanceUid, known: KnownSeries) {
        let Some(open) = self.open.get_mut(series) else { return };
        for sop_instance in &known.instances {
            if open.arrived.len() < limits::SERIES_INSTANCES_MAX {
                open.arrived.entry(sop_instance.clone()).or_default();
            }
        }
        // Its names are among those that arrived.
        open.known = KnownSeries { instances: BTreeSet::new(), ..known };
        open.judge();
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
            arrived: BTreeMap::new(),
            known: KnownSeries::default(),
            last_arrival: now,
            associations: BTreeSet::new(),
            are_released: None,
            verdict: Verdict::Unknown,
        });
        // An instance sent again moves the deadline too: its sender has not finished.
        open.last_arrival = now;
        open
    }

    /// Takes note that an association ended, by its release or otherwise.
    pub fn association_ended(&mut self, association: u64, is_released: bool) {
        for open in self.open.values_mut() {
            if open.associations.remove(&association) {
                open.are_released = open.are_released.map(|so_far| so_far && is_released);
                open.judge();
            }
        }
    }

    /// Takes out every series that is stable at `now`, ordered by UID.
    pub fn take_stable(&mut self, now: Duration) -> Vec<StableSeries> {
        let mut stable = std::mem::take(&mut self.crowded_out);
        let waits = self.waits;
        let due = self.open.extract_if(|_, open| open.stable_at(waits).0 <= now);
        stable.extend(due.map(|(series, open)| {
            let complete_by = open.stable_at(waits).1;
            open.close(series, complete_by)
        }));
        stable.sort_by(|a, b| a.series.cmp(&b.series));
        stable
    }

    /// When [`Self::take_stable`] will next have something, if nothing else arrives.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        if !self.crowded_out.is_empty() {
            return Some(Duration::ZERO);
        }
        self.open.values().map(|open| open.stable_at(self.waits).0).min()
    }

    /// Instances that have arrived in the open series since these were opened.
    #[must_use]
    pub fn n_instances(&self) -> usize {
        self.open.values().map(OpenSeries::n_instances).sum()
    }

    /// Instances that the open series will have together, where something says so of each of them: a list
    /// of the scanner's, or the images themselves.
    #[must_use]
    pub fn n_expected(&self) -> Option<usize> {
        let expected: Option<usize> = self.open.values().map(OpenSeries::n_expected).sum();
        expected.filter(|&n| n > 0)
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
            self.crowded_out.push(open.close(uid, CompleteBy::Crowded));
        }
    }
}

impl OpenSeries {
    fn judge(&mut self) {
        let is_released = self.is_released();
        let evidence = Evidence { arrived: &self.arrived, known: &self.known, is_released };
        self.verdict = judge(&evidence);
    }

    fn is_released(&self) -> bool {
        self.associations.is_empty() && self.are_released == Some(true)
    }

    /// When it is stable if nothing more comes, and by what.
    fn stable_at(&self, waits: Waits) -> (Duration, CompleteBy) {
        let quiet = (self.last_arrival + waits.quiet, CompleteBy::Quiet);
        match self.verdict {
            Verdict::Complete(by) => (self.last_arrival, by),
            Verdict::Plausible(by) if waits.settle <= waits.quiet => {
                (self.last_arrival + waits.settle, by)
            }
            Verdict::Plausible(_) | Verdict::Unknown => quiet,
        }
    }

    fn n_instances(&self) -> usize {
        self.arrived.values().filter(|hints| hints.is_some()).count()
    }

    fn n_expected(&self) -> Option<usize> {
        let counted = self.arrived.values().flatten().find_map(|hints| hints.n_series_related);
        let lists = [&self.known.procedure_step, &self.known.commitment];
        let listed = lists.into_iter().map(BTreeSet::len).find(|&n| n > 0);
        listed.or(counted.and_then(|n| usize::try_from(n).ok()))
    }

    fn close(self, series: SeriesInstanceUid, complete_by: CompleteBy) -> StableSeries {
        let (n_instances, is_released) = (self.n_instances(), self.is_released());
        StableSeries { series, study: self.study, n_instances, is_released, complete_by }
    }
}
