//! The firewall as text for `nft`: closed, but for the ports that the settings open. Pure.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::limits::{
    FIREWALL_ECHO_PER_SECOND, FIREWALL_NEW_BURST, FIREWALL_NEW_PER_SECOND, FIREWALL_PEERS_MAX,
};

/// What comes in by itself: answers, this machine, and what a network needs to work (RFC 4890 for IPv6).
const ALWAYS: &str = "    ct state established,related accept
    ct state invalid drop
    iif lo accept
    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
    icmpv6 type { mld-listener-query } ip6 saddr fe80::/10 accept
";

/// Answers of a DHCP server: they come to everyone, so that nothing has asked for them as far as the kernel sees.
const DHCP: &str = "    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
";

/// A whole table, in place of the one before: there is no moment without one.
pub(super) fn firewall(open: &[SocketAddr], has_dhcp: bool) -> String {
    let ports: BTreeSet<u16> = open.iter().map(SocketAddr::port).collect();
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    let peers = |name: &str, kind: &str| {
        format!(
            "  set {name} {{\n    type {kind}\n    size {FIREWALL_PEERS_MAX}\n    flags dynamic,timeout\n    \
             timeout 1m\n  }}\n"
        )
    };
    let echo = format!(
        "    icmp type echo-request limit rate {FIREWALL_ECHO_PER_SECOND}/second accept\n    \
         icmpv6 type echo-request limit rate {FIREWALL_ECHO_PER_SECOND}/second accept\n"
    );
    let opened = match ports.as_slice() {
        [] => String::new(),
        ports => {
            let new = format!("    tcp dport {{ {} }} ct state new ", ports.join(", "));
            let over =
                format!("{FIREWALL_NEW_PER_SECOND}/second burst {FIREWALL_NEW_BURST} packets");
            let too_many = |set: &str, family: &str| {
                format!("{new}add @{set} {{ {family} saddr limit rate over {over} }} drop\n")
            };
            [too_many("peers4", "ip"), too_many("peers6", "ip6"), format!("{new}accept\n")].concat()
        }
    };
    [
        // The first line makes what the second removes, where there is none yet.
        "table inet parotidd\ndelete table inet parotidd\ntable inet parotidd {\n",
        &peers("peers4", "ipv4_addr"),
        &peers("peers6", "ipv6_addr"),
        "  chain input {\n    type filter hook input priority filter; policy drop;\n",
        ALWAYS,
        &echo,
        if has_dhcp { DHCP } else { "" },
        &opened,
        "  }\n  chain forward {\n    type filter hook forward priority filter; policy drop;\n  }\n}\n",
    ]
    .concat()
}
