//! The whole box as settings: what its operating system is told of network, time, ports and name.
//!
//! ```text
//!  parotidd.toml --> render: files as text, pure --> put: into /run, only what differs --> Change
//!                    network, firewall                                                      |
//!                                 nft, systemctl, host name <-- parotidd appliance configure +
//! ```
//! The box's root file system is read-only and the daemon has no privileges, so all of it is made anew under `/run` at each
//! start, by a service of root's that ends at once, and again when the settings change.

pub mod apply;
mod firewall;
mod network;
pub mod put;
pub mod redact;
pub mod render;
pub mod results;
pub mod settings;
pub mod stick;
pub mod support;

pub use self::settings::{ApplianceSettings, ApplianceSettingsError};
