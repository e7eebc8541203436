//! The `[reports]` section.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The `[reports]` section: radiologists' reports from the RIS or an interface engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsSettings {
    /// Addresses to listen on for HL7 v2 over MLLP; off where there is none.
    pub listen: Vec<SocketAddr>,
    /// Connections at once.
    pub connections_max: usize,
    /// Silence after which a connection is closed, seconds. Interface engines keep theirs open.
    pub idle_timeout_s: u64,
}

impl Default for ReportsSettings {
    fn default() -> Self {
        Self { listen: Vec::new(), connections_max: 4, idle_timeout_s: 3600 }
    }
}
