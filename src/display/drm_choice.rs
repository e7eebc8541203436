//! Which connector of a graphics card is used, and in which mode. Pure.

use embedded_graphics::geometry::Size;

use crate::display::is_drawable;

/// A socket for a panel, as the card describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorFacts {
    /// The kernel's name, `HDMI-A-1`.
    pub name: String,
    /// Whether a panel is there.
    pub is_connected: bool,
    /// What the panel can show, in the card's order.
    pub modes: Vec<ModeFacts>,
}

/// A size that a panel can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeFacts {
    /// Pixels.
    pub size: Size,
    /// Pictures a second.
    pub refresh_hz: u32,
    /// Whether it is the panel's own.
    pub is_preferred: bool,
}

/// Why none can be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnector {
    /// No panel.
    #[error("no panel is connected to {known}; check cable and power")]
    NoneConnected {
        /// The card's sockets.
        known: String,
    },
    /// The settings name another.
    #[error("there is no connector {wanted:?}; `display.connector` may be {known}, or be left out")]
    Unknown {
        /// What the settings say.
        wanted: String,
        /// The card's sockets.
        known: String,
    },
    /// The panel shows nothing that can be drawn.
    #[error("the panel at {name} has no mode from 320x240 to 2048x2048")]
    NoMode {
        /// Its socket.
        name: String,
    },
}

/// Position of the connector and of its mode: the wanted connector, or the first with a panel; the panel's own
/// mode, or the largest that can be drawn.
///
/// # Errors
/// When there is none.
pub fn choose(
    connectors: &[ConnectorFacts],
    wanted: Option<&str>,
) -> Result<(usize, usize), NoConnector> {
    let names: Vec<_> = connectors.iter().map(|it| it.name.as_str()).collect();
    let known = || if names.is_empty() { "the card".to_owned() } else { names.join(", ") };
    if let Some(wanted) = wanted
        && !names.contains(&wanted)
    {
        return Err(NoConnector::Unknown { wanted: wanted.to_owned(), known: known() });
    }
    let is_candidate =
        |it: &ConnectorFacts| it.is_connected && wanted.is_none_or(|name| name == it.name);
    let index = connectors
        .iter()
        .position(is_candidate)
        .ok_or_else(|| NoConnector::NoneConnected { known: known() })?;
    let connector = &connectors[index];
    let drawable = connector.modes.iter().enumerate().filter(|(_, mode)| is_drawable(mode.size));
    // Of equal ones the first: the card lists the best first.
    let best = drawable.rev().max_by_key(|(_, mode)| {
        let n_pixels = u64::from(mode.size.width) * u64::from(mode.size.height);
        (mode.is_preferred, n_pixels, mode.refresh_hz)
    });
    let mode = best.ok_or_else(|| NoConnector::NoMode { name: connector.name.clone() })?;
    Ok((index, mode.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(width: u32, height: u32, is_preferred: bool) -> ModeFacts {
        ModeFacts { size: Size::new(width, height), refresh_hz: 60, is_preferred }
    }

    fn connector(name: &str, is_connected: bool, modes: &[ModeFacts]) -> ConnectorFacts {
        ConnectorFacts { name: name.to_owned(), is_connected, modes: modes.to_vec() }
    }

    #[test]
    fn the_panels_own_mode_is_taken() {
        let modes = [mode(1920, 1080, false), mode(800, 480, true), mode(640, 480, false)];
        let all = [
            connector("HDMI-A-1", false, &[]),
            connector("DSI-1", true, &modes),
            connector("HDMI-A-2", true, &modes[2..]),
        ];
        assert_eq!(choose(&all, None), Ok((1, 1)));
        assert_eq!(choose(&all, Some("HDMI-A-2")), Ok((2, 0)));
    }

    #[test]
    fn a_mode_that_cannot_be_drawn_is_passed_over() {
        let modes = [mode(3840, 2160, true), mode(1024, 768, false), mode(1920, 1080, false)];
        assert_eq!(choose(&[connector("DP-1", true, &modes)], None), Ok((0, 2)));
        let twice = [mode(800, 480, false), mode(800, 480, false)];
        assert_eq!(choose(&[connector("DP-1", true, &twice)], None), Ok((0, 0)));
    }

    #[test]
    fn what_is_missing_is_said() {
        let check = |all: &[ConnectorFacts], wanted, says: &str| {
            let error = choose(all, wanted).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(&[], None, "the card");
        check(&[connector("DSI-1", false, &[])], None, "connected to DSI-1");
        check(&[connector("DSI-1", false, &[])], Some("DSI-1"), "check cable");
        check(&[connector("DSI-1", true, &[])], Some("VGA-1"), "may be DSI-1");
        check(&[connector("DSI-1", true, &[mode(128, 64, true)])], None, "320x240");
    }
}
