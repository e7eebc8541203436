//! How long an analysis takes on this machine, from those before it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits::PACE_RUNS_MAX;
use crate::screening::report::Timing;
use crate::status::Stage;

/// The last few analyses.
#[derive(Debug, Default)]
pub struct Pace {
    runs: Mutex<VecDeque<(u32, Timing)>>,
}

impl Pace {
    /// Takes note of an analysis of so many slices. One that ended early says nothing about whole ones.
    pub fn learn(&self, n_slices: u32, timing: Timing) {
        if timing.segment == 0 || n_slices == 0 {
            return;
        }
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() == PACE_RUNS_MAX {
            runs.pop_front();
        }
        runs.push_back((n_slices, timing));
    }

    /// What an analysis of so many slices is likely to take from the beginning of a step on; `None` for the first
    /// one. The median: a machine that was busy once is not slow.
    #[must_use]
    pub fn left(&self, stage: Stage, n_slices: u32) -> Option<Duration> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all_ms: Vec<u64> = runs
            .iter()
            .map(|(n_before, timing)| {
                // Reading takes as long as there are slices; the networks see grids of one size.
                let load = timing.load * u64::from(n_slices) / u64::from(*n_before);
                let Timing { resample, localize, segment, decide, .. } = *timing;
                let steps = [load, resample, localize, segment, decide];
                steps[step(stage)..].iter().sum()
            })
            .collect();
        all_ms.sort_unstable();
        all_ms.get(all_ms.len() / 2).copied().map(Duration::from_millis)
    }
}

fn step(stage: Stage) -> usize {
    match stage {
        Stage::Loading => 0,
        Stage::Resampling => 1,
        Stage::Localizing => 2,
        Stage::Segmenting => 3,
        Stage::Deciding => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(segment: u64) -> Timing {
        Timing { load: 1000, resample: 200, localize: 300, segment, decide: 10, total: 0 }
    }

    #[test]
    fn earlier_analyses_say_how_long_this_one_takes() {
        let pace = Pace::default();
        assert_eq!(pace.left(Stage::Loading, 100), None);
        pace.learn(100, timing(0));
        assert_eq!(pace.left(Stage::Loading, 100), None);
        pace.learn(100, timing(4000));
        let check = |stage, n_slices, ms| {
            assert_eq!(pace.left(stage, n_slices), Some(Duration::from_millis(ms)));
        };
        check(Stage::Loading, 100, 5510);
        check(Stage::Loading, 200, 6510);
        check(Stage::Localizing, 200, 4310);
        check(Stage::Deciding, 200, 10);
        pace.learn(100, timing(9000));
        pace.learn(100, timing(4200));
        check(Stage::Segmenting, 100, 4210);
    }
}
