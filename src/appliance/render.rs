//! Settings to files. Pure.

use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use super::settings::ApplianceSettings;
use super::{firewall, network};

/// Where the firewall is, under the root.
pub const FIREWALL: &str = "run/parotidd-appliance/firewall.nft";

/// What must hear of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concerns {
    /// The kernel's packet filter.
    Firewall,
    /// The machine's name.
    HostName,
    /// systemd-networkd.
    Network,
    /// systemd-timesyncd.
    Time,
    /// The daemon's units: where it listens, in which zone.
    Units,
    /// The daemon alone: its settings.
    Daemon,
    /// Who looks for another version, once a day.
    Update,
}

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Under the root.
    pub path: &'static str,
    /// All of it; `None` where it is not to be there.
    pub text: Option<String>,
    /// Who must hear when it changes.
    pub concerns: Concerns,
}

/// What the box is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Of network, time and name.
    pub settings: &'a ApplianceSettings,
    /// Every address that the daemon listens on.
    pub listen: &'a [SocketAddr],
    /// All settings as one text: when it changes, the daemon starts anew.
    pub effective: &'a str,
}

const MADE: &str =
    "# Made from parotidd.toml by `parotidd appliance configure`; changes here are lost.\n";

/// All files, in the order of their paths.
#[must_use]
pub fn render(told: Told<'_>) -> Vec<RenderedFile> {
    let Told { settings, listen, effective } = told;
    let open: Vec<_> = listen.iter().copied().filter(|it| !is_loopback(it.ip())).collect();
    let file = |path, concerns, text: String| RenderedFile { path, text: Some(text), concerns };
    let host_name = settings.hostname.clone().unwrap_or_default();
    let has_dhcp = settings.network.address.is_none();
    vec![
        file(FIREWALL, Concerns::Firewall, MADE.to_owned() + &firewall::firewall(&open, has_dhcp)),
        file("run/parotidd-appliance/hostname", Concerns::HostName, host_name + "\n"),
        file(
            "run/parotidd-appliance/settings.sha256",
            Concerns::Daemon,
            format!("{:x}\n", Sha256::digest(effective)),
        ),
        RenderedFile {
            path: "run/parotidd-appliance/update-folder",
            text: settings.update.folder.clone().map(|it| String::from(it) + "\n"),
            concerns: Concerns::Update,
        },
        file(
            "run/systemd/network/10-parotidd.network",
            Concerns::Network,
            MADE.to_owned() + &network::network(&settings.network),
        ),
        file(
            "run/systemd/system/parotidd.service.d/10-settings.conf",
            Concerns::Units,
            MADE.to_owned() + &service(settings),
        ),
        file(
            "run/systemd/system/parotidd.socket.d/10-settings.conf",
            Concerns::Units,
            MADE.to_owned() + &socket(if open.is_empty() { listen } else { &open }),
        ),
        file(
            "run/systemd/timesyncd.conf.d/10-parotidd.conf",
            Concerns::Time,
            MADE.to_owned() + &network::time(&settings.time),
        ),
    ]
}

/// The firewall of a box whose settings cannot be read: nothing is open.
#[must_use]
pub fn closed() -> RenderedFile {
    let text = MADE.to_owned() + &firewall::firewall(&[], true);
    RenderedFile { path: FIREWALL, text: Some(text), concerns: Concerns::Firewall }
}

/// The zone is the process's own: `/etc/localtime` lies on a file system that is only read.
fn service(settings: &ApplianceSettings) -> String {
    let zone = settings.time.timezone.as_ref();
    let line = zone.map(|it| format!("Environment=TZ=:{it}\n")).unwrap_or_default();
    format!("[Service]\n{line}")
}

/// Addresses that the service manager listens on for the daemon: ports below 1024, and connections that wait while it
/// starts. A socket unit without any is refused, so the loopback's are there where there are no others.
fn socket(listen: &[SocketAddr]) -> String {
    let lines: String = listen.iter().map(|it| format!("ListenStream={it}\n")).collect();
    // An address that the network has not brought yet is no reason to fail.
    let mut text = format!("[Socket]\nListenStream=\n{lines}FreeBind=yes\n");
    let is_v4 = |port: u16| listen.iter().any(|it| it.is_ipv4() && it.port() == port);
    if listen.iter().any(|it| is_any_v6(it.ip()) && is_v4(it.port())) {
        // Without it the one would have taken the other's port.
        text.push_str("BindIPv6Only=ipv6-only\n");
    }
    text
}

fn is_any_v6(ip: IpAddr) -> bool {
    ip.is_ipv6() && ip.is_unspecified()
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(settings: &str, listen: &[&str], path: &str) -> String {
        let settings: ApplianceSettings = toml::from_str(settings).unwrap();
        settings.check().unwrap();
        let listen: Vec<_> = listen.iter().map(|it| it.parse().unwrap()).collect();
        let files = render(Told { settings: &settings, listen: &listen, effective: "a" });
        let file = files.into_iter().find(|it| it.path.ends_with(path)).unwrap();
        let text = file.text.unwrap();
        text.strip_prefix(MADE).unwrap_or(&text).to_owned()
    }

    #[test]
    fn the_update_folder_is_there_where_it_is_set() {
        let folder = "update = { folder = 'http://10.0.0.4/parotidd' }";
        assert_eq!(rendered(folder, &[], "update-folder"), "http://10.0.0.4/parotidd\n");
        let settings = ApplianceSettings::default();
        let files = render(Told { settings: &settings, listen: &[], effective: "" });
        let absent: Vec<_> = files.iter().filter(|it| it.text.is_none()).collect();
        assert_eq!(absent.len(), 1);
        assert!(absent[0].path.ends_with("/update-folder"));
    }

    #[test]
    fn an_address_is_the_networks_or_the_settings() {
        let network = |text: &str| rendered(text, &[], "10-parotidd.network");
        let dhcp = network("");
        assert!(dhcp.starts_with("[Match]\nName=e*\nType=ether\n"), "{dhcp}");
        assert!(dhcp.contains("\nDHCP=yes\n") && !dhcp.contains("Address="), "{dhcp}");
        let ours = network(
            "network = { interface = 'enp1s0', address = '10.0.0.7/24', gateway = '10.0.0.1', dns = ['10.0.0.2', 'fd00::2'] }",
        );
        insta::assert_snapshot!(ours);
        let many = network("network = { address = '10.0.0.7/24' }");
        assert!(!many.contains("Gateway") && !many.contains("ConfigureWithoutCarrier"), "{many}");
    }

    #[test]
    fn only_those_who_are_named_are_asked_for_the_time() {
        let time = |text: &str| rendered(text, &[], "timesyncd.conf.d/10-parotidd.conf");
        assert_eq!(time(""), "[Time]\nNTP=\nFallbackNTP=\n");
        let servers = "time = { servers = ['10.0.0.3', 'ntp.clinic.example'] }";
        assert!(time(servers).contains("\nNTP=10.0.0.3 ntp.clinic.example\n"));
    }

    #[test]
    fn nothing_is_open_but_what_others_are_to_reach() {
        let ports = |listen: &[&str]| {
            let text = rendered("", listen, "firewall.nft");
            assert!(text.contains("policy drop;"), "{text}");
            let lines = text.lines().filter(|line| line.ends_with("accept"));
            let mut opened = lines.filter_map(|line| line.trim().strip_prefix("tcp dport "));
            opened.next().map(str::to_owned)
        };
        assert_eq!(ports(&["127.0.0.1:11112", "[::1]:8443", "[::ffff:127.0.0.1]:1"]), None);
        let listen = ["0.0.0.0:11112", "[::]:11112", "127.0.0.1:9", "10.0.0.7:8443", "0.0.0.0:104"];
        assert_eq!(ports(&listen).unwrap(), "{ 104, 8443, 11112 } ct state new accept");
        insta::assert_snapshot!(rendered("", &listen, "firewall.nft"));
        let ours = rendered("network = { address = '10.0.0.7/24' }", &[], "firewall.nft");
        assert!(!ours.contains("dport 68"), "{ours}");
        assert_eq!(
            closed().text.unwrap().strip_prefix(MADE).unwrap(),
            rendered("", &[], "firewall.nft")
        );
    }

    #[test]
    fn the_socket_has_the_addresses_of_others_and_never_none() {
        let socket = |listen: &[&str]| rendered("", listen, "parotidd.socket.d/10-settings.conf");
        let check = |listen: &[&str], lines: &[&str], is_v6_alone: bool| {
            let lines: String = lines.iter().map(|it| format!("ListenStream={it}\n")).collect();
            let v6 = if is_v6_alone { "BindIPv6Only=ipv6-only\n" } else { "" };
            let whole = format!("[Socket]\nListenStream=\n{lines}FreeBind=yes\n{v6}");
            assert_eq!(socket(listen), whole);
        };
        check(&["127.0.0.1:11112", "10.0.0.7:104"], &["10.0.0.7:104"], false);
        check(&["127.0.0.1:11112"], &["127.0.0.1:11112"], false);
        check(&["[::]:104"], &["[::]:104"], false);
        check(&["[::]:104", "0.0.0.0:105"], &["[::]:104", "0.0.0.0:105"], false);
        check(&["0.0.0.0:104", "[::]:104"], &["0.0.0.0:104", "[::]:104"], true);
    }

    #[test]
    fn the_zone_is_the_daemons() {
        let service = |text: &str| rendered(text, &[], "parotidd.service.d/10-settings.conf");
        assert_eq!(service(""), "[Service]\n");
        let zone = "time = { timezone = 'Europe/Berlin' }";
        assert_eq!(service(zone), "[Service]\nEnvironment=TZ=:Europe/Berlin\n");
    }
}
