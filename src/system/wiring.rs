//! What hangs on which line of which GPIO chip, and what it does when: the `[[output]]`, `[button]` and `[states]` of a
//! board file.
//!
//! Chips go by their label and lines by their name or their offset, never by the number of `/dev/gpiochipN`, which
//! changes with the kernel.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::limits::{OUTPUTS_MAX, WIRE_NAME_BYTES_MAX};
use crate::panel::pattern::{PanelState, Pattern};

/// A line of a chip.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum LineId {
    /// Its number on the chip.
    Offset(u32),
    /// The name that the device tree gives it.
    Name(String),
}

impl std::fmt::Display for LineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Offset(offset) => write!(f, "line {offset}"),
            Self::Name(name) => write!(f, "line {name}"),
        }
    }
}

/// A lamp or a buzzer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in `[states]`, in the log and on the display.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub kind: OutputKind,
    /// Label of its GPIO chip.
    pub chip: String,
    /// Its line there.
    pub line: LineId,
    /// Whether a low level turns it on.
    #[serde(default)]
    pub active_low: bool,
}

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// It is seen.
    #[default]
    Lamp,
    /// It is heard: the button silences it.
    Buzzer,
}

/// The button.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ButtonLine {
    /// Label of its GPIO chip.
    pub chip: String,
    /// Its line there.
    pub line: LineId,
    /// Whether a low level means that it is down, as with a button to ground.
    #[serde(default)]
    pub active_low: bool,
    /// The chip's own resistor on the line.
    #[serde(default)]
    pub pull: Pull,
}

/// A chip's own resistor on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// As the firmware left it.
    #[default]
    AsIs,
    /// To the supply.
    Up,
    /// To ground.
    Down,
}

/// What outputs do in a state; those that are not named are off.
pub type States = BTreeMap<PanelState, BTreeMap<String, Pattern>>;

/// What is wrong with the outputs, the button or the states, if anything.
pub(super) fn problem(
    outputs: &[Output],
    button: Option<&ButtonLine>,
    states: &States,
) -> Option<&'static str> {
    let names: BTreeSet<_> = outputs.iter().map(|output| output.name.as_str()).collect();
    let wires = outputs.iter().map(|output| (output.chip.as_str(), &output.line));
    let button = button.map(|button| (button.chip.as_str(), &button.line));
    let wires: Vec<_> = wires.chain(button).collect();
    let is_word = |text: &str| !text.is_empty() && text.len() <= WIRE_NAME_BYTES_MAX;
    let is_wire = |&(chip, line): &(&str, &LineId)| {
        is_word(chip) && !matches!(line, LineId::Name(name) if !is_word(name))
    };
    let may_stay = |pattern: &Pattern| matches!(pattern, Pattern::On | Pattern::Off);
    let stopped = states.get(&PanelState::Stopped);
    if outputs.len() > OUTPUTS_MAX {
        Some("it has more than 16 outputs")
    } else if names.len() < outputs.len() {
        Some("two outputs have the same name")
    } else if !names.iter().all(|name| is_word(name)) || !wires.iter().all(is_wire) {
        Some("a name, a chip or a line is empty, or longer than 64 bytes")
    } else if wires.iter().collect::<BTreeSet<_>>().len() < wires.len() {
        Some("one line is used twice")
    } else if !states.values().flat_map(BTreeMap::keys).all(|name| names.contains(name.as_str())) {
        Some("a state names an output that there is not")
    } else if !stopped.is_none_or(|stopped| stopped.values().all(may_stay)) {
        Some("once it is stopped nothing can flash: `on` or `off`")
    } else {
        None
    }
}
