//! By which address others reach this machine, read where a service without rights over the network can read it.

use std::fs::File;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::limits::ROUTES_BYTES_MAX;

/// The first address of this machine that others can use; `None` where it has none (yet). `root` is `/`, or a folder that
/// stands for it.
#[must_use]
pub fn address(root: &Path) -> Option<Ipv4Addr> {
    let mut text = String::new();
    let file = File::open(root.join("proc/self/net/fib_trie")).ok()?;
    file.take(ROUTES_BYTES_MAX).read_to_string(&mut text).ok()?;
    local(&text).find(|ip| !ip.is_loopback() && !ip.is_link_local())
}

/// Our own addresses out of the kernel's tree of routes: each is a leaf, and what it is follows in the next line.
fn local(tree: &str) -> impl Iterator<Item = Ipv4Addr> {
    let lines = tree.lines().map(str::trim);
    lines.clone().zip(lines.skip(1)).filter_map(|(leaf, kind)| {
        let ip = leaf.strip_prefix("|-- ")?.parse().ok()?;
        (kind == "/32 host LOCAL").then_some(ip)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TREE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.255
           /32 link BROADCAST
Local:
  +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 169.254.3.4
        /32 host LOCAL
     |-- 10.0.0.7
        /32 host LOCAL
";

    #[test]
    fn the_address_of_a_network_is_found_among_others() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(address(root.path()), None);
        let net = root.path().join("proc/self/net");
        fs::create_dir_all(&net).unwrap();
        fs::write(net.join("fib_trie"), TREE).unwrap();
        assert_eq!(address(root.path()), Some(Ipv4Addr::new(10, 0, 0, 7)));
        fs::write(net.join("fib_trie"), TREE.replace("10.0.0.7\n", "127.0.0.2\n")).unwrap();
        assert_eq!(address(root.path()), None);
        // This kernel's own words.
        let own = fs::read_to_string("/proc/self/net/fib_trie").unwrap();
        assert!(local(&own).any(|ip| ip.is_loopback()), "{own}");
    }
}
