//! What lamps and buzzer do as time goes by. Pure: a state and a time in, on or off out.
//!
//! ```text
//!  Status --state_of--> PanelState --board file--> Pattern of each output --is_on(elapsed)--> on or off
//! ```
//! `fast_flash` is within the 1.4 to 2.8 Hz and `slow_flash` within the 0.4 to 0.8 Hz that IEC 60601-1-8 has for indicator
//! lights of high and medium priority, both on for 20 to 60 % of the time: faster is more urgent, as people at a
//! scanner know it. This is no alarm system by that standard, and nothing here claims conformance.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::status::{Activity, ClockTrust, Status};

/// What the panel says, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelState {
    /// Models are loading.
    Starting,
    /// Waiting for images.
    Ready,
    /// A series arrives or is screened.
    Busy,
    /// A series was flagged, and nobody has acknowledged it.
    Alert,
    /// It works, and a person should look: a destination is down or refused something, the disk fills, the clock is wrong, the machine is
    /// too hot, a lamp or the button fails.
    Attention,
    /// It does not work.
    Fault,
    /// What is under way is finished first.
    Stopping,
    /// The program has ended; outputs stay as they are put now.
    Stopped,
}

/// What one output does, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Off.
    Off,
    /// On.
    On,
    /// On and off once in two seconds.
    SlowFlash,
    /// On and off twice a second.
    FastFlash,
    /// Two short flashes every two seconds.
    DoubleFlash,
    /// One tone every fifteen seconds.
    Beep,
    /// Three tones every five seconds.
    TripleBeep,
}

impl Pattern {
    /// Milliseconds on, off, on, off ..., from the beginning of a round to its end; none where nothing changes.
    fn steps_ms(self) -> &'static [u32] {
        match self {
            Self::Off | Self::On => &[],
            Self::SlowFlash => &[1000, 1000],
            Self::FastFlash => &[250, 250],
            Self::DoubleFlash => &[150, 200, 150, 1500],
            Self::Beep => &[200, 14_800],
            Self::TripleBeep => &[150, 150, 150, 150, 150, 4250],
        }
    }

    /// Whether the output is on so long after its pattern began.
    #[must_use]
    pub fn is_on(self, elapsed: Duration) -> bool {
        self.at(elapsed).0
    }

    /// Time until that changes; `None` where it never does.
    #[must_use]
    pub fn until_change(self, elapsed: Duration) -> Option<Duration> {
        self.at(elapsed).1
    }

    fn at(self, elapsed: Duration) -> (bool, Option<Duration>) {
        let steps = self.steps_ms();
        let round_ms: u128 = steps.iter().map(|&ms| u128::from(ms)).sum();
        if round_ms == 0 {
            return (self == Self::On, None);
        }
        let round = Duration::from_millis(u64::try_from(round_ms).expect("some seconds"));
        let into = Duration::from_nanos(
            u64::try_from(elapsed.as_nanos() % round.as_nanos()).expect("below a round"),
        );
        let mut end = Duration::ZERO;
        for (index, &ms) in steps.iter().enumerate() {
            end += Duration::from_millis(u64::from(ms));
            if into < end {
                return (index % 2 == 0, Some(end - into));
            }
        }
        // The rest of a division is below what it was divided by.
        (false, None)
    }
}

/// What the panel says about the appliance: the most important thing alone.
#[must_use]
pub fn state_of(status: &Status) -> PanelState {
    let is_hot = status.thermal.is_some_and(|thermal| thermal.throttled);
    let needs_attention = !status.destinations_down.is_empty()
        || status.n_deliveries_dead > 0
        || status.disk.is_some_and(|disk| disk.is_low)
        || is_hot
        || status.clock == ClockTrust::Wrong
        || status.update_trouble.is_some()
        || !status.self_test_failing.is_empty()
        || status.service_mode
        || !status.parts_failing.is_empty();
    match &status.activity {
        Activity::Stopping => PanelState::Stopping,
        Activity::Fault { .. } => PanelState::Fault,
        _ if status.alerts.n_open > 0 => PanelState::Alert,
        Activity::Starting => PanelState::Starting,
        _ if needs_attention => PanelState::Attention,
        Activity::Receiving { .. } | Activity::Analysing { .. } => PanelState::Busy,
        Activity::Ready => PanelState::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Alerts, Disk, Thermal};

    const ALL: [Pattern; 7] = [
        Pattern::Off,
        Pattern::On,
        Pattern::SlowFlash,
        Pattern::FastFlash,
        Pattern::DoubleFlash,
        Pattern::Beep,
        Pattern::TripleBeep,
    ];

    /// One character for each 250 ms, the middle of which counts.
    fn drawn(pattern: Pattern) -> String {
        let at = |n: u64| Duration::from_millis(250 * n + 125);
        (0..16).map(|n| if pattern.is_on(at(n)) { '#' } else { '.' }).collect()
    }

    #[test]
    fn patterns_look_like_this() {
        let check = |pattern, expected: &str| assert_eq!(drawn(pattern), expected, "{pattern:?}");
        check(Pattern::Off, "................");
        check(Pattern::On, "################");
        check(Pattern::SlowFlash, "####....####....");
        check(Pattern::FastFlash, "#.#.#.#.#.#.#.#.");
        check(Pattern::DoubleFlash, "##......##......");
        check(Pattern::Beep, "#...............");
    }

    #[test]
    fn the_time_until_a_change_is_when_it_changes() {
        for pattern in ALL {
            let mut at = Duration::ZERO;
            for _ in 0..20 {
                let Some(wait) = pattern.until_change(at) else { continue };
                assert!(wait > Duration::ZERO, "{pattern:?}");
                let just_before = at + wait - Duration::from_nanos(1);
                assert_eq!(pattern.is_on(at), pattern.is_on(just_before), "{pattern:?} {at:?}");
                assert_ne!(pattern.is_on(at), pattern.is_on(at + wait), "{pattern:?} {at:?}");
                at += wait;
            }
            // A year on, it is still a pattern.
            let _ = pattern.is_on(Duration::from_secs(400 * 24 * 60 * 60));
        }
    }

    #[test]
    fn flashes_are_as_fast_as_their_priority() {
        let check = |pattern: Pattern, hertz: std::ops::RangeInclusive<f64>| {
            let steps = pattern.steps_ms();
            let round_s = f64::from(steps.iter().sum::<u32>()) / 1000.0;
            assert!(hertz.contains(&(1.0 / round_s)), "{pattern:?}");
            let on = f64::from(steps[0]) / 1000.0 / round_s;
            assert!((0.2..=0.6).contains(&on), "{pattern:?}");
        };
        check(Pattern::FastFlash, 1.4..=2.8);
        check(Pattern::SlowFlash, 0.4..=0.8);
    }

    #[test]
    fn the_most_important_thing_shows() {
        let check = |status: Status, state| assert_eq!(state_of(&status), state, "{status:?}");
        let ready = || Status { activity: Activity::Ready, ..Status::default() };
        let fault = || Activity::Fault { message: "no disk".into() };
        let one_open = || Alerts { n_open: 1, ..Alerts::default() };
        check(Status::default(), PanelState::Starting);
        check(ready(), PanelState::Ready);
        check(
            Status { activity: Activity::Receiving { n_instances: 3 }, ..ready() },
            PanelState::Busy,
        );
        check(Status { alerts: one_open(), n_deliveries_dead: 1, ..ready() }, PanelState::Alert);
        check(Status { n_deliveries_dead: 1, ..ready() }, PanelState::Attention);
        check(Status { destinations_down: vec!["ward".into()], ..ready() }, PanelState::Attention);
        check(Status { parts_failing: vec!["button".into()], ..ready() }, PanelState::Attention);
        let failing = vec!["golden".into()];
        check(Status { self_test_failing: failing, ..ready() }, PanelState::Attention);
        let disk = |is_low| Some(Disk { free_bytes: 1, is_low });
        check(Status { disk: disk(true), ..ready() }, PanelState::Attention);
        check(Status { disk: disk(false), ..ready() }, PanelState::Ready);
        check(Status { service_mode: true, ..ready() }, PanelState::Attention);
        let thermal = |throttled| Some(Thermal { celsius: 91.0, throttled });
        check(Status { thermal: thermal(true), ..ready() }, PanelState::Attention);
        check(Status { thermal: thermal(false), ..ready() }, PanelState::Ready);
        check(Status { activity: fault(), alerts: one_open(), ..ready() }, PanelState::Fault);
        check(
            Status { activity: Activity::Stopping, alerts: one_open(), ..ready() },
            PanelState::Stopping,
        );
    }
}
