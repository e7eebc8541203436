//! How long the steps of a screening take, by whatever clock the caller has.

use std::sync::Mutex;
use std::time::Duration;

use super::report::Timing;
use crate::clock::Clock;
use crate::status::Stage;

/// When each step began.
#[derive(Debug)]
pub struct Stopwatch<'a> {
    clock: &'a dyn Clock,
    entered: Mutex<Vec<(Stage, Duration)>>,
}

impl<'a> Stopwatch<'a> {
    /// Nothing has begun.
    #[must_use]
    pub fn new(clock: &'a dyn Clock) -> Self {
        Self { clock, entered: Mutex::new(Vec::new()) }
    }

    /// A step begins, and the one before it ends.
    ///
    /// # Panics
    /// Never: nobody panics while noting a time.
    pub fn enter(&self, stage: Stage) {
        let now = self.clock.monotonic();
        self.entered.lock().expect("nobody panics while noting a time").push((stage, now));
    }

    /// The last step ends: how long each took.
    ///
    /// # Panics
    /// Never: nobody panics while noting a time.
    #[must_use]
    pub fn read(self) -> Timing {
        let end = self.clock.monotonic();
        let entered = self.entered.into_inner().expect("nobody panics while noting a time");
        let mut timing = Timing::default();
        for (n, (stage, start)) in entered.iter().enumerate() {
            let stop = entered.get(n + 1).map_or(end, |(_, next)| *next);
            let ms = u64::try_from((stop - *start).as_millis()).unwrap_or(u64::MAX);
            *match stage {
                Stage::Loading => &mut timing.load,
                Stage::Resampling => &mut timing.resample,
                Stage::Localizing => &mut timing.localize,
                Stage::Segmenting => &mut timing.segment,
                Stage::Deciding => &mut timing.decide,
            } += ms;
            timing.total += ms;
        }
        timing
    }
}
