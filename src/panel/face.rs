//! What the panel says and what a press means: status, levels of the button and time in, levels of the outputs and an act
//! out. Pure.
//!
//! A short press means the alerts that were open and had been shown when the button went down: those up to the newest
//! that the lamps had stood for, for at least [`ALERT_SHOWN_MIN`]. What opens while a person's hand is on its way stays
//! open, and so does what nobody could see because a fault was shown in its place.

use std::time::Duration;

use super::button::{Button, ButtonEvent};
use super::pattern::{PanelState, Pattern, state_of};
use crate::limits::{ALERT_SHOWN_MIN, LAMP_TEST};
use crate::status::Status;
use crate::system::wiring::{Output, OutputKind, States};

/// Lamps, buzzer and button over time.
#[derive(Debug)]
pub struct Face {
    outputs: Vec<OutputKind>,
    /// One for each output.
    patterns: Vec<Pattern>,
    states: Vec<(PanelState, Vec<Pattern>)>,
    state: PanelState,
    since: Duration,
    shown: Shown,
    button: Button,
    /// What a press under way means, once it is short.
    meant: Option<i64>,
    is_silenced: bool,
    test_until: Option<Duration>,
}

/// What a press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Acknowledge the open alerts up to and with this number.
    Acknowledge(i64),
    /// Say that the button is stuck.
    ReportStuck,
    /// Say that it is not any more.
    ReportFreed,
}

/// The newest alert that the lamps have stood for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shown {
    long_enough: Option<i64>,
    newest: Option<(i64, Duration)>,
}

impl Shown {
    /// The lamps stand for all alerts up to this one, or for none.
    fn show(&mut self, now: Duration, newest: Option<i64>) {
        let Some(number) = newest else { return *self = Self::default() };
        self.long_enough = self.at(now);
        if self.newest.is_none_or(|(before, _)| before < number) {
            self.newest = Some((number, now));
        }
    }

    fn at(&self, now: Duration) -> Option<i64> {
        let newest = self.newest.filter(|(_, since)| now.saturating_sub(*since) >= ALERT_SHOWN_MIN);
        newest.map(|(number, _)| number).or(self.long_enough)
    }
}

impl Face {
    /// Starting.
    #[must_use]
    pub fn new(outputs: &[Output], states: &States, now: Duration) -> Self {
        let of = |patterns: &std::collections::BTreeMap<String, Pattern>| {
            let of_output =
                |output: &Output| patterns.get(&output.name).copied().unwrap_or(Pattern::Off);
            outputs.iter().map(of_output).collect::<Vec<_>>()
        };
        let mut face = Self {
            outputs: outputs.iter().map(|output| output.kind).collect(),
            patterns: Vec::new(),
            states: states.iter().map(|(state, patterns)| (*state, of(patterns))).collect(),
            state: PanelState::Starting,
            since: now,
            shown: Shown::default(),
            button: Button::default(),
            meant: None,
            is_silenced: false,
            test_until: None,
        };
        face.enter(now, PanelState::Starting);
        face
    }

    fn enter(&mut self, now: Duration, state: PanelState) {
        let patterns = self.states.iter().find(|(of, _)| *of == state);
        self.patterns = patterns
            .map_or_else(|| vec![Pattern::Off; self.outputs.len()], |(_, them)| them.clone());
        (self.state, self.since, self.is_silenced) = (state, now, false);
    }

    /// Says what the status says.
    pub fn show(&mut self, now: Duration, status: &Status) {
        let state = state_of(status);
        if state != self.state {
            self.enter(now, state);
        }
        let newest = status.alerts.newest.filter(|_| state == PanelState::Alert);
        // Another alert is heard although the ones before it were silenced.
        if newest > self.shown.newest.map(|(number, _)| number) && self.is_silenced {
            self.enter(now, state);
        }
        self.shown.show(now, newest);
    }

    /// The program ends.
    pub fn stop(&mut self, now: Duration) {
        self.test_until = None;
        self.enter(now, PanelState::Stopped);
    }

    /// The button's level, when it changes and after [`Face::until_change`].
    pub fn press(&mut self, now: Duration, is_down: bool) -> Option<Act> {
        match self.button.at(now, is_down)? {
            ButtonEvent::Pressed => {
                self.meant = self.shown.at(now);
                None
            }
            ButtonEvent::Short => {
                self.is_silenced = true;
                self.meant.take().map(Act::Acknowledge)
            }
            ButtonEvent::Long => {
                self.test_until = Some(now + LAMP_TEST);
                None
            }
            ButtonEvent::Stuck => Some(Act::ReportStuck),
            ButtonEvent::Freed => Some(Act::ReportFreed),
        }
    }

    /// What the outputs are at a time, in their order.
    #[must_use]
    pub fn levels(&self, now: Duration) -> Vec<bool> {
        let is_test = self.test_until.is_some_and(|end| now < end);
        let elapsed = now.saturating_sub(self.since);
        let level = |(kind, pattern): (&OutputKind, &Pattern)| {
            let is_heard = !(self.is_silenced && *kind == OutputKind::Buzzer);
            is_test || (is_heard && pattern.is_on(elapsed))
        };
        self.outputs.iter().zip(&self.patterns).map(level).collect()
    }

    /// Time until levels change, or the button means something else, although nothing happens.
    #[must_use]
    pub fn until_change(&self, now: Duration) -> Option<Duration> {
        let elapsed = now.saturating_sub(self.since);
        let flashes = self.patterns.iter().filter_map(|pattern| pattern.until_change(elapsed));
        let test = self.test_until.filter(|end| now < *end).map(|end| end.saturating_sub(now));
        flashes.chain(test).chain(self.button.until_event(now)).min()
    }

    /// What it says.
    #[must_use]
    pub fn state(&self) -> PanelState {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Activity, Alerts};
    use crate::system::board::Board;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The Pi's lamps: green, amber, red, buzzer.
    fn face() -> Face {
        let board = Board::built_in().into_iter().find(|board| board.name == "rpi-5").unwrap();
        let mut face = Face::new(&board.outputs, &board.states, s(0.0));
        assert_eq!(face.press(s(0.0), false), None);
        face
    }

    fn status(newest: Option<i64>, n_open: u32) -> Status {
        let alerts = Alerts { newest, n_open, ..Alerts::default() };
        Status { activity: Activity::Ready, alerts, ..Status::default() }
    }

    fn drawn(face: &Face, at: f64) -> String {
        face.levels(s(at)).into_iter().map(|is_on| if is_on { '#' } else { '.' }).collect()
    }

    #[test]
    fn lamps_follow_the_status() {
        let mut face = face();
        assert_eq!(drawn(&face, 0.5), "#...");
        assert_eq!(drawn(&face, 1.5), "....");
        face.show(s(2.0), &status(None, 0));
        assert_eq!(drawn(&face, 9.7), "#...");
        assert_eq!(face.until_change(s(9.7)), None);
        face.show(s(10.0), &status(Some(3), 1));
        assert_eq!(drawn(&face, 10.1), "##.#");
        assert_eq!(face.until_change(s(10.1)), Some(s(0.1)));
        assert_eq!(drawn(&face, 10.5), "##..");
        assert_eq!(drawn(&face, 11.5), "#...");
        let fault = Activity::Fault { message: "no disk".into() };
        face.show(s(20.0), &Status { activity: fault, ..status(Some(3), 1) });
        assert_eq!(drawn(&face, 20.1), "..##");
        face.stop(s(21.0));
        assert_eq!(drawn(&face, 21.0), "....");
        assert_eq!(face.until_change(s(21.0)), None);
    }

    #[test]
    fn a_short_press_acknowledges_what_was_shown_when_it_began() {
        let mut face = face();
        face.show(s(10.0), &status(Some(3), 1));
        face.show(s(12.0), &status(Some(4), 2));
        assert_eq!(face.press(s(12.5), true), None);
        face.show(s(12.6), &status(Some(5), 3));
        assert_eq!(face.press(s(12.7), false), Some(Act::Acknowledge(3)));
        face.show(s(12.8), &status(Some(5), 2));
        assert_eq!(face.press(s(20.0), true), None);
        assert_eq!(face.press(s(20.1), false), Some(Act::Acknowledge(5)));
    }

    #[test]
    fn nothing_is_acknowledged_that_was_not_shown() {
        let mut face = face();
        let mut press = |at: f64, status: &Status| {
            face.show(s(at), status);
            assert_eq!(face.press(s(at + 0.5), true), None);
            face.press(s(at + 0.7), false)
        };
        assert_eq!(press(10.0, &status(None, 0)), None);
        assert_eq!(press(20.0, &status(Some(3), 1)), None, "half a second is too short");
        let fault = Activity::Fault { message: "no disk".into() };
        let faulty = Status { activity: fault, ..status(Some(3), 1) };
        assert_eq!(press(30.0, &faulty), None, "a fault is shown in its place");
        assert_eq!(press(40.0, &faulty), None);
    }

    #[test]
    fn a_press_silences_until_something_new_is_to_be_heard() {
        let mut face = face();
        face.show(s(10.0), &status(Some(3), 1));
        assert_eq!(drawn(&face, 10.1), "##.#");
        let _ = (face.press(s(10.02), true), face.press(s(10.12), false));
        assert_eq!(drawn(&face, 10.15), "##..");
        face.show(s(30.0), &status(Some(3), 1));
        assert_eq!(drawn(&face, 30.1), "##..", "the same alert");
        face.show(s(31.0), &status(Some(4), 2));
        assert_eq!(drawn(&face, 31.1), "##.#", "another one");
    }

    #[test]
    fn a_long_press_lights_everything_and_acknowledges_nothing() {
        let mut face = face();
        face.show(s(10.0), &status(Some(3), 1));
        assert_eq!(face.press(s(20.0), true), None);
        assert_eq!(face.press(s(23.0), true), None);
        assert_eq!(drawn(&face, 23.5), "####");
        assert_eq!(face.press(s(24.0), false), None);
        assert_eq!(drawn(&face, 25.9), "####");
        assert_eq!(face.until_change(s(25.9)), Some(s(0.1)));
        assert_eq!(drawn(&face, 26.5), "##..");
    }

    #[test]
    fn a_stuck_button_is_reported_and_does_nothing() {
        let mut face = face();
        face.show(s(10.0), &status(Some(3), 1));
        assert_eq!(face.press(s(20.0), true), None);
        assert_eq!(face.press(s(23.0), true), None);
        assert_eq!(face.press(s(50.0), true), Some(Act::ReportStuck));
        assert_eq!(face.press(s(90.0), true), None);
        assert_eq!(face.press(s(99.0), false), Some(Act::ReportFreed));
        assert_eq!(drawn(&face, 99.1), "#...");
    }
}
