//! Text for systemd's network and time services. Pure.

use super::settings::{NetworkSettings, TimeSettings};

/// A `.network` file of systemd-networkd.
pub(super) fn network(settings: &NetworkSettings) -> String {
    let interface = settings.interface();
    let mut lines = vec!["[Match]".to_owned(), format!("Name={interface}")];
    if settings.interface.is_none() {
        // Not a bridge or the like that begins with the same letter.
        lines.push("Type=ether".to_owned());
    }
    lines.extend(["", "[Network]"].map(str::to_owned));
    // Names are asked of name servers alone: a box that answers to `name.local` tells everyone that it is here.
    lines.extend(["LLMNR=no", "MulticastDNS=no"].map(str::to_owned));
    lines.extend(settings.dns.iter().map(|it| format!("DNS={it}")));
    match settings.address {
        None => lines.extend(dhcp().map(str::to_owned)),
        Some(address) => {
            lines.push(format!("Address={address}"));
            lines.extend(settings.gateway.iter().map(|it| format!("Gateway={it}")));
            lines.push("IPv6AcceptRA=no".to_owned());
            if !interface.contains(['*', '?']) {
                // The address is there before the cable is. Where several interfaces fit, only the one with a cable is meant.
                lines.push("ConfigureWithoutCarrier=yes".to_owned());
            }
        }
    }
    lines.join("\n") + "\n"
}

/// The address by the network card's own, which survives a new disk; names and zones are the settings' business.
fn dhcp() -> [&'static str; 9] {
    [
        "DHCP=yes",
        "",
        "[DHCPv4]",
        "ClientIdentifier=mac",
        "UseHostname=no",
        "UseTimezone=no",
        "",
        "[DHCPv6]",
        "UseHostname=no",
    ]
}

/// A drop-in for systemd-timesyncd. Where the settings name nobody, and DHCP does not either, nobody is asked: not the
/// servers on the internet that the distribution has.
pub(super) fn time(settings: &TimeSettings) -> String {
    format!("[Time]\nNTP={}\nFallbackNTP=\n", settings.servers.join(" "))
}
