//! The `[appliance]` table of the settings, checked: host name, network, time, updates.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::delivery::HttpUrl;
use crate::error::{Dispose, Disposition};
use crate::limits::{
    HOST_NAME_BYTES_MAX, HOST_NAME_LABEL_BYTES_MAX, INTERFACE_MATCH_BYTES_MAX, NAME_SERVERS_MAX,
    TIME_SERVERS_MAX,
};

/// An `[appliance]` that cannot be used; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplianceSettingsError {
    /// Nothing that a machine can be called.
    #[error(
        "`appliance.hostname` is {0:?}; use letters, digits and hyphens, for example \"parotidd-ct1\""
    )]
    HostName(String),
    /// Nothing that an interface can be found by.
    #[error(
        "`appliance.network.interface` is {0:?}; use a name or a pattern of one, for example \"e*\" or \"enp1s0\""
    )]
    Interface(String),
    /// Two answers to where the address comes from.
    #[error(
        "`appliance.network` has `dhcp = true` and an `address`; keep one of them, and set `dhcp = false` for the other"
    )]
    TwoAddresses,
    /// No answer to it.
    #[error(
        "`appliance.network` has `dhcp = false` and no `address`; set one, for example address = \"10.0.0.7/24\""
    )]
    NoAddress,
    /// A way out that DHCP knows.
    #[error(
        "`appliance.network.gateway` goes with `address`; leave it out with `dhcp = true`, which brings one"
    )]
    GatewayOfDhcp,
    /// A way out that cannot be reached.
    #[error(
        "`appliance.network.gateway` is {gateway}, which is not in the network of {address}; correct one of them"
    )]
    GatewayElsewhere {
        /// What it is.
        gateway: IpAddr,
        /// Ours.
        address: InterfaceAddress,
    },
    /// A URL with characters that are none of a plain address.
    #[error(
        "`appliance.update.folder` may hold letters, digits and `-._~%/:[]` alone, for example \"http://10.0.0.4/parotidd\""
    )]
    UpdateFolder,
    /// More than anyone has.
    #[error("`{key}` has {n} entries; {most} is the most")]
    TooMany {
        /// The setting.
        key: &'static str,
        /// How many it has.
        n: usize,
        /// How many it may have.
        most: usize,
    },
    /// Nobody to ask for the time.
    #[error(
        "`appliance.time.servers` has {0:?}; use a name or an address, for example \"ntp.clinic.example\""
    )]
    TimeServer(String),
    /// A zone that nobody knows.
    #[error(
        "`appliance.time.timezone` is {0:?}, which this system does not know; use a name such as \"Europe/Berlin\""
    )]
    TimeZone(String),
}

impl Dispose for ApplianceSettingsError {
    fn disposition(&self) -> Disposition {
        Disposition::Reject
    }
}

/// An address of ours with the length of its network, `10.0.0.7/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Leading bits that the network shares.
    pub prefix_bits: u8,
}

/// Text that is no [`InterfaceAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a machine with its network; use \"10.0.0.7/24\" or the like")]
pub struct NoInterfaceAddress(String);

impl FromStr for InterfaceAddress {
    type Err = NoInterfaceAddress;

    fn from_str(text: &str) -> Result<Self, NoInterfaceAddress> {
        let parsed = || {
            let (ip, bits) = text.split_once('/')?;
            let (ip, prefix_bits): (IpAddr, u8) = (ip.parse().ok()?, bits.parse().ok()?);
            let is_ours = !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast());
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            (is_ours && (1..=bits).contains(&prefix_bits)).then_some(Self { ip, prefix_bits })
        };
        parsed().ok_or_else(|| NoInterfaceAddress(text.to_owned()))
    }
}

impl TryFrom<String> for InterfaceAddress {
    type Error = NoInterfaceAddress;

    fn try_from(text: String) -> Result<Self, NoInterfaceAddress> {
        text.parse()
    }
}

impl From<InterfaceAddress> for String {
    fn from(address: InterfaceAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_bits)
    }
}

impl InterfaceAddress {
    /// Whether a machine can be reached from here without another one between.
    #[must_use]
    pub fn is_neighbour(&self, other: IpAddr) -> bool {
        match (self.ip, other) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                let differs = (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or(0);
                // Routers are reached by their link-local addresses, too.
                differs == 0 || theirs.is_unicast_link_local()
            }
            _ => false,
        }
    }
}

/// The whole box: what its operating system is told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApplianceSettings {
    /// What the box is called in the network; left as it is where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its place in the network.
    pub network: NetworkSettings,
    /// Where it has the time from.
    pub time: TimeSettings,
    /// Where its next version comes from.
    pub update: UpdateSettings,
}

/// Its place in the network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Name of the interface, or a pattern; the first Ethernet where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Whether the address comes from the network; `true` where there is no `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<bool>,
    /// The address, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<InterfaceAddress>,
    /// The way out; none where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Who knows names; beside those of DHCP.
    pub dns: Vec<IpAddr>,
}

/// Where the box has the time from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeSettings {
    /// Time servers (NTP), beside those of DHCP. Nobody else is asked.
    pub servers: Vec<String>,
    /// Of the site; UTC where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// Where the next version comes from. It is signed; this says only where to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateSettings {
    /// A folder on a web server of the site; nobody is asked where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<HttpUrl>,
    /// Whether one on a USB stick is taken.
    pub stick: bool,
}

impl Default for UpdateSettings {
    fn default() -> Self {
        Self { folder: None, stick: true }
    }
}

impl ApplianceSettings {
    /// Checks what no single value can know.
    ///
    /// # Errors
    /// [`ApplianceSettingsError`], with what to change.
    pub fn check(&self) -> Result<(), ApplianceSettingsError> {
        if let Some(name) = self.hostname.as_ref().filter(|it| !is_host_name(it)) {
            return Err(ApplianceSettingsError::HostName(name.clone()));
        }
        self.network.check()?;
        self.time.check()?;
        self.update.check()
    }
}

impl NetworkSettings {
    /// The name or pattern of the interface.
    #[must_use]
    pub fn interface(&self) -> &str {
        self.interface.as_deref().unwrap_or("e*")
    }

    fn check(&self) -> Result<(), ApplianceSettingsError> {
        if !is_interface_match(self.interface()) {
            return Err(ApplianceSettingsError::Interface(self.interface().to_owned()));
        }
        let Self { dhcp, address, gateway, dns, .. } = self;
        match (dhcp, address, gateway) {
            (Some(true), Some(_), _) => return Err(ApplianceSettingsError::TwoAddresses),
            (Some(false), None, _) => return Err(ApplianceSettingsError::NoAddress),
            (_, None, Some(_)) => return Err(ApplianceSettingsError::GatewayOfDhcp),
            (_, Some(address), Some(gateway)) if !address.is_neighbour(*gateway) => {
                let (gateway, address) = (*gateway, *address);
                return Err(ApplianceSettingsError::GatewayElsewhere { gateway, address });
            }
            _ => {}
        }
        at_most("appliance.network.dns", dns.len(), NAME_SERVERS_MAX)
    }
}

impl UpdateSettings {
    /// The updater is a script of root's, which puts the address into others' files: nothing there may mean more than itself.
    fn check(&self) -> Result<(), ApplianceSettingsError> {
        let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~%/:[]".contains(&it);
        let is_fine = self.folder.clone().is_none_or(|it| String::from(it).bytes().all(is_plain));
        if is_fine { Ok(()) } else { Err(ApplianceSettingsError::UpdateFolder) }
    }
}

impl TimeSettings {
    fn check(&self) -> Result<(), ApplianceSettingsError> {
        at_most("appliance.time.servers", self.servers.len(), TIME_SERVERS_MAX)?;
        let is_server = |it: &&String| is_host_name(it) || it.parse::<IpAddr>().is_ok();
        if let Some(server) = self.servers.iter().find(|it| !is_server(it)) {
            return Err(ApplianceSettingsError::TimeServer(server.clone()));
        }
        match &self.timezone {
            // A name alone: what is looked for is a file.
            Some(name) if !is_zone_name(name) || TimeZone::get(name).is_err() => {
                Err(ApplianceSettingsError::TimeZone(name.clone()))
            }
            _ => Ok(()),
        }
    }
}

fn at_most(key: &'static str, n: usize, most: usize) -> Result<(), ApplianceSettingsError> {
    if n <= most { Ok(()) } else { Err(ApplianceSettingsError::TooMany { key, n, most }) }
}

/// RFC 1123, section 2.1.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
        (1..=HOST_NAME_LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOST_NAME_BYTES_MAX && text.split('.').all(is_label)
}

/// Without what ends a line or begins another value: the text goes into a file of systemd's.
fn is_interface_match(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.:@*?".contains(&it);
    (1..=INTERFACE_MATCH_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_zone_name(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_+/".contains(&it);
    !text.starts_with('/') && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ApplianceSettings, String> {
        let settings: ApplianceSettings =
            toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map(|()| settings).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_dhcp_on_the_first_ethernet() {
        let settings = read("").unwrap();
        assert_eq!(settings, ApplianceSettings::default());
        assert_eq!((settings.network.interface(), settings.network.address), ("e*", None));
        assert!(settings.update.stick && settings.update.folder.is_none());
    }

    #[test]
    fn what_is_good_is_taken_and_written_back() {
        let text = "hostname = 'parotidd-ct1.clinic.example'\n\
            network = { interface = 'enp1s0', address = '10.0.0.7/24', gateway = '10.0.0.1', dns = ['10.0.0.2'] }\n\
            time = { servers = ['10.0.0.3', 'ntp.clinic.example', 'fd00::1'], timezone = 'Europe/Berlin' }\n\
            update = { folder = 'http://10.0.0.4/parotidd', stick = false }";
        let settings = read(text).unwrap();
        assert_eq!(read(&toml::to_string(&settings).unwrap()).unwrap(), settings);
        let check = |network: &str| assert!(read(&format!("network = {{ {network} }}")).is_ok());
        check("dhcp = true, dns = ['10.0.0.2']");
        check("dhcp = false, address = '10.0.0.7/31'");
        check("address = 'fd00::7/64', gateway = 'fd00::1'");
        check("address = 'fd00::7/64', gateway = 'fe80::1'");
        check("address = '10.0.0.7/32', gateway = '10.0.0.7'");
    }

    #[test]
    fn mistakes_say_what_to_change() {
        let check = |text: &str, says: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        };
        check("surprise = 1", "surprise");
        for name in ["", "-a", "a-", "a b", "a..b", "a\\nb", &"a".repeat(64)] {
            check(&format!("hostname = \"{name}\""), "parotidd-ct1");
        }
        let network = |text: &str, says: &str| check(&format!("network = {{ {text} }}"), says);
        for name in ["", "e0\\n[Network]", "e 0", "abcdefghijklmnopq"] {
            network(&format!("interface = \"{name}\""), "enp1s0");
        }
        network("dhcp = true, address = '10.0.0.7/24'", "keep one");
        network("dhcp = false", "10.0.0.7/24");
        network("gateway = '10.0.0.1'", "goes with `address`");
        network("address = '10.0.0.7/24', gateway = '10.0.1.1'", "not in the network");
        network("address = '10.0.0.7/24', gateway = 'fd00::1'", "not in the network");
        for address in ["10.0.0.7", "10.0.0.7/33", "10.0.0.7/0", "0.0.0.0/8", "127.0.0.1/8", "a/8"]
        {
            network(&format!("address = '{address}'"), "10.0.0.7/24");
        }
        network("dns = ['a']", "IP address");
        network("dns = ['::1', '::1', '::1', '::1']", "3 is the most");
        check("time = { servers = ['a b'] }", "ntp.clinic.example");
        check("time = { timezone = 'Mars/Olympus' }", "Europe/Berlin");
        check("time = { timezone = '../../etc/shadow' }", "Europe/Berlin");
        for url in ["ftp://a", "http://", "http://u:p@a/", "http:///a"] {
            check(&format!("update = {{ folder = '{url}' }}"), "https://");
        }
        for url in ["http://a/|e", "http://a/?b", "http://a/&b", "http://a/$(b)"] {
            check(&format!("update = {{ folder = '{url}' }}"), "10.0.0.4/parotidd");
        }
    }
}
