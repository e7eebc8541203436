//! One push button: levels in, presses out. Pure.
//!
//! ```text
//!        down                 3 s                 30 s
//!  up ---------> held ----------------> long ----------------> stuck
//!   ^  Pressed    | up: Short            | LampTest             | Stuck
//!   +-------------+----------------------+----------- up: Freed +
//! ```
//! A button that is down when it is first looked at is no press: a person may lean on it, or a wire be off. It counts from
//! its release on, and is stuck like any other.

use std::time::Duration;

use crate::limits::{BUTTON_DEBOUNCE, BUTTON_LONG, BUTTON_STUCK};

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonEvent {
    /// It went down; what it means is known when it comes up.
    Pressed,
    /// It came up before it was long.
    Short,
    /// It is held for [`BUTTON_LONG`].
    Long,
    /// It is held for [`BUTTON_STUCK`]: nobody does that.
    Stuck,
    /// A stuck one came up.
    Freed,
}

/// A button over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Button {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// Nobody presses it.
    Up,
    /// Down since then, and it may become a press.
    Held(Duration),
    /// Down since then, and what it meant is done.
    Spent(Duration),
    /// Down for too long.
    Stuck,
}

impl Button {
    /// What its level means at a time of the monotonic clock. Call it when the level changes, and after
    /// [`Button::until_event`].
    pub fn at(&mut self, now: Duration, is_down: bool) -> Option<ButtonEvent> {
        let held_for = |since: Duration| now.saturating_sub(since);
        let (next, event) = match (*self, is_down) {
            (Self::Unknown, true) => (Self::Spent(now), None),
            (Self::Up, true) => (Self::Held(now), Some(ButtonEvent::Pressed)),
            (Self::Held(since), true) if held_for(since) >= BUTTON_LONG => {
                (Self::Spent(since), Some(ButtonEvent::Long))
            }
            (Self::Spent(since), true) if held_for(since) >= BUTTON_STUCK => {
                (Self::Stuck, Some(ButtonEvent::Stuck))
            }
            (Self::Held(since), false) if held_for(since) < BUTTON_LONG => {
                (Self::Up, Some(ButtonEvent::Short))
            }
            (Self::Stuck, false) => (Self::Up, Some(ButtonEvent::Freed)),
            (_, false) => (Self::Up, None),
            (as_before, true) => (as_before, None),
        };
        *self = next;
        event
    }

    /// Time until it means something else although it does not move.
    #[must_use]
    pub fn until_event(self, now: Duration) -> Option<Duration> {
        match self {
            Self::Held(since) => Some((since + BUTTON_LONG).saturating_sub(now)),
            Self::Spent(since) => Some((since + BUTTON_STUCK).saturating_sub(now)),
            Self::Unknown | Self::Up | Self::Stuck => None,
        }
    }
}

/// Makes levels of a line that bounces into levels of a button, for lines that the kernel does not debounce.
#[derive(Debug, Clone, Copy, Default)]
pub struct Debounce {
    steady: Option<bool>,
    moving: Option<(bool, Duration)>,
}

impl Debounce {
    /// The level that counts, once there is one.
    pub fn at(&mut self, now: Duration, is_down: bool) -> Option<bool> {
        match self.moving {
            Some((level, since)) if level == is_down => {
                if now.saturating_sub(since) >= BUTTON_DEBOUNCE {
                    self.steady = Some(is_down);
                }
            }
            _ => self.moving = Some((is_down, now)),
        }
        self.steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Looks at a button as the task does: at each change, and when time alone means something.
    fn played(changes: &[(f64, bool)], end: f64) -> Vec<(f64, ButtonEvent)> {
        let (mut button, mut heard, mut is_down) = (Button::default(), Vec::new(), false);
        let mut now = Duration::ZERO;
        let ends = [(end, false)];
        for (index, &(at, level)) in changes.iter().chain(&ends).enumerate() {
            while let Some(wait) = button.until_event(now).filter(|wait| now + *wait < s(at)) {
                now += wait;
                heard.extend(button.at(now, is_down).map(|event| (now.as_secs_f64(), event)));
            }
            if index == changes.len() {
                break;
            }
            (now, is_down) = (s(at), level);
            heard.extend(button.at(now, level).map(|event| (at, event)));
        }
        heard
    }

    #[test]
    fn presses_are_told_apart_by_how_long_they_last() {
        use ButtonEvent::{Freed, Long, Pressed, Short, Stuck};
        let check = |changes: &[(f64, bool)], expected: &[(f64, ButtonEvent)]| {
            assert_eq!(played(changes, 100.0), expected, "{changes:?}");
        };
        check(&[(0.0, false)], &[]);
        let short = [(0.0, false), (1.0, true), (1.2, false)];
        check(&short, &[(1.0, Pressed), (1.2, Short)]);
        let almost = [(0.0, false), (1.0, true), (3.9, false)];
        check(&almost, &[(1.0, Pressed), (3.9, Short)]);
        let long = [(0.0, false), (1.0, true), (9.0, false)];
        check(&long, &[(1.0, Pressed), (4.0, Long)]);
        let stuck = [(0.0, false), (1.0, true), (50.0, false), (60.0, true), (60.5, false)];
        let heard = [
            (1.0, Pressed),
            (4.0, Long),
            (31.0, Stuck),
            (50.0, Freed),
            (60.0, Pressed),
            (60.5, Short),
        ];
        check(&stuck, &heard);
        check(&[(0.0, true), (2.0, false)], &[]);
        check(&[(0.0, true), (40.0, false)], &[(30.0, Stuck), (40.0, Freed)]);
    }

    #[test]
    fn a_look_that_comes_too_late_acknowledges_nothing() {
        let mut button = Button::Held(s(1.0));
        assert_eq!(button.at(s(20.0), false), None);
        assert_eq!(button, Button::Up);
    }

    #[test]
    fn bouncing_is_one_press() {
        let mut debounce = Debounce::default();
        let mut level = |ms: u64, is_down| debounce.at(Duration::from_millis(ms), is_down);
        assert_eq!(level(0, false), None);
        assert_eq!(level(30, false), Some(false));
        for ms in 100..110 {
            assert_eq!(level(ms, ms % 2 == 0), Some(false));
        }
        assert_eq!(level(120, true), Some(false));
        assert_eq!(level(149, true), Some(false));
        assert_eq!(level(150, true), Some(true));
        assert_eq!(level(151, false), Some(true));
        assert_eq!(level(181, false), Some(false));
    }

    proptest! {
        /// Whatever a contact does: never two presses without a release, and `Short` only after `Pressed`.
        #[test]
        fn events_come_in_order(steps in proptest::collection::vec((0u64..40_000, any::<bool>()), 0..100)) {
            let (mut button, mut now, mut last) = (Button::default(), Duration::ZERO, None);
            for (ms, is_down) in steps {
                now += Duration::from_millis(ms);
                let Some(event) = button.at(now, is_down) else { continue };
                if event == ButtonEvent::Short || event == ButtonEvent::Long {
                    prop_assert_eq!(last, Some(ButtonEvent::Pressed));
                }
                if event == ButtonEvent::Freed {
                    prop_assert_eq!(last, Some(ButtonEvent::Stuck));
                }
                last = Some(event);
            }
        }
    }
}
