//! The parts of a board, one by one: what is there, what is not, what is wrong and what to do about it.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::board::Board;
use super::{surroundings, thermal};
use crate::disk;
use crate::limits::{MEMORY_MB_MIN, THERMAL_ZONES_MAX};
use crate::status::{ClockTrust, Disk};

/// What was found of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// Which.
    pub part: String,
    /// Whether a person has to do something.
    pub state: PartState,
    /// What was found.
    pub found: String,
    /// What to do; only where something is wrong, or could be better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// Whether a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// It is there and answers.
    Present,
    /// It is not there, and the board does without.
    Absent,
    /// It is not as it must be.
    Failing,
}

impl PartReport {
    /// It is there.
    #[must_use]
    pub fn present(part: &str, found: String) -> Self {
        Self { part: part.to_owned(), state: PartState::Present, found, advice: None }
    }

    /// It is not there, which is no fault.
    #[must_use]
    pub fn absent(part: &str, found: &str, advice: Option<&'static str>) -> Self {
        Self { part: part.to_owned(), state: PartState::Absent, found: found.to_owned(), advice }
    }

    /// It is not as it must be.
    #[must_use]
    pub fn failing(part: &str, found: String, advice: &'static str) -> Self {
        Self { part: part.to_owned(), state: PartState::Failing, found, advice: Some(advice) }
    }
}

/// Thermal zones, watchdog, cores, memory, disk and clock. `root` is `/`, or a folder that stands for it.
#[must_use]
pub fn inspect(root: &Path, board: &Board, data_dir: &Path, unix_ms: i64) -> Vec<PartReport> {
    let mut parts = zones(root, board);
    parts.push(watchdog(root, board));
    parts.push(cores(root, board));
    parts.push(memory(root, board));
    parts.push(disk(data_dir));
    parts.push(clock(root, unix_ms));
    parts
}

fn zones(root: &Path, board: &Board) -> Vec<PartReport> {
    const PART: &str = "thermal zone";
    let readings = thermal::read(root, &board.thermal_zones);
    if readings.is_empty() {
        let advice = "heat is not watched; `cat /sys/class/thermal/*/type` shows what a board file could name";
        return vec![PartReport::absent(PART, "none of the board's", Some(advice))];
    }
    let report = |reading: &thermal::Reading<'_>| {
        let (zone, celsius) = (reading.zone, reading.celsius);
        let part = format!("{PART} {}", zone.kind);
        if celsius >= f32::from(zone.throttle_c) {
            let found = format!("{celsius:.0} degrees, slowed down from {} on", zone.throttle_c);
            PartReport::failing(&part, found, "look at fan, dust and where the box stands")
        } else {
            let found = format!("{celsius:.0} degrees; slowed down from {} on", zone.throttle_c);
            PartReport::present(&part, found)
        }
    };
    readings.iter().map(report).collect()
}

fn watchdog(root: &Path, board: &Board) -> PartReport {
    const PART: &str = "watchdog";
    let folders = fs::read_dir(root.join("sys/class/watchdog")).into_iter().flatten().flatten();
    let mut identities = folders.take(THERMAL_ZONES_MAX).map(|entry| {
        let compatible =
            fs::read(entry.path().join("device/of_node/compatible")).unwrap_or_default();
        let identity = fs::read_to_string(entry.path().join("identity")).unwrap_or_default();
        (String::from_utf8_lossy(&compatible).into_owned(), identity.trim().to_owned())
    });
    let wanted = board.watchdog.as_deref();
    let is_wanted =
        |compatible: &str| wanted.is_none_or(|it| compatible.split('\0').any(|c| c == it));
    match (identities.find(|(compatible, _)| is_wanted(compatible)), wanted) {
        (Some((_, identity)), _) => {
            let name = if identity.is_empty() { "it does not say what it is" } else { &identity };
            PartReport::present(PART, name.to_owned())
        }
        (None, Some(wanted)) => PartReport::failing(
            PART,
            format!("`{wanted}` is not there"),
            "load its driver, so that systemd (RuntimeWatchdogSec) can use it",
        ),
        (None, None) => PartReport::absent(PART, "none", None),
    }
}

fn cores(root: &Path, board: &Board) -> PartReport {
    let online = fs::read_to_string(root.join("sys/devices/system/cpu/online")).unwrap_or_default();
    let Some(n_cores) = cores_of(online.trim()) else {
        return PartReport::absent("cores", "the kernel does not say", None);
    };
    match board.cores {
        Some(wanted) if n_cores < wanted => PartReport::failing(
            "cores",
            format!("{n_cores} of {wanted}"),
            "look for `maxcpus` and `isolcpus` on the kernel's command line, and at the power mode",
        ),
        _ => PartReport::present("cores", n_cores.to_string()),
    }
}

/// How many cores `0-3,8` are.
fn cores_of(list: &str) -> Option<u32> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.split(',').map(range).try_fold(0u32, |sum, n| sum.checked_add(n?))
}

fn memory(root: &Path, board: &Board) -> PartReport {
    let facts = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let total =
        facts.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let Some(kib) = total.and_then(|kib| kib.parse::<u64>().ok()) else {
        return PartReport::absent("memory", "the kernel does not say", None);
    };
    let mb = kib / 1024;
    // The firmware and the kernel keep some of what the board has.
    let wanted = board.memory_mb.map_or(MEMORY_MB_MIN, |mb| u64::from(mb) * 8 / 10);
    if mb < wanted {
        let found = format!("{mb} MiB, and {wanted} are needed");
        PartReport::failing(
            "memory",
            found,
            "large series will not be screened: use a larger module",
        )
    } else {
        PartReport::present("memory", format!("{mb} MiB"))
    }
}

fn disk(data_dir: &Path) -> PartReport {
    let part = format!("disk of {}", data_dir.display());
    match disk::room(data_dir).map(|room| Disk::new(room.free_bytes)) {
        Err(error) => {
            PartReport::failing(&part, error.to_string(), "make the folder, or set `data_dir`")
        }
        Ok(disk) => {
            let found = format!("{} MiB free", disk.free_bytes / (1024 * 1024));
            if disk.is_low {
                PartReport::failing(&part, found, "make room, or use a larger disk")
            } else {
                PartReport::present(&part, found)
            }
        }
    }
}

fn clock(root: &Path, unix_ms: i64) -> PartReport {
    let now = crate::clock::rfc3339(unix_ms);
    match surroundings::clock(root, unix_ms) {
        ClockTrust::Trusted => PartReport::present("clock", now),
        ClockTrust::NotSynchronized => PartReport {
            advice: Some(
                "no time server has answered since the start; set [NTP] in timesyncd.conf",
            ),
            ..PartReport::present("clock", format!("{now}, not synchronized"))
        },
        ClockTrust::Wrong => {
            let advice =
                "set it, and look at its battery: certificates and times of alerts depend on it";
            PartReport::failing("clock", now, advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(facts: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in facts {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn parts_are_present_absent_or_failing() {
        let pi = Board::built_in().into_iter().find(|board| board.name == "rpi-5").unwrap();
        let pi = Board { cores: Some(4), ..pi };
        let check = |facts: &[(&str, &str)], unix_ms: i64, expected: &str| {
            let root = machine(facts);
            let found = inspect(root.path(), &pi, Path::new("/nowhere"), unix_ms);
            let letters = found.iter().map(|part| match part.state {
                PartState::Present => 'p',
                PartState::Absent => 'a',
                PartState::Failing => 'f',
            });
            assert_eq!(letters.collect::<String>(), expected, "{found:?}");
        };
        let now = crate::limits::CLOCK_UNIX_MS_MIN;
        check(&[], now, "afaafp");
        check(&[], 0, "afaaff");
        let good = [
            ("sys/class/thermal/thermal_zone3/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone3/temp", "55000\n"),
            ("sys/class/watchdog/watchdog0/identity", "Broadcom\n"),
            (
                "sys/class/watchdog/watchdog0/device/of_node/compatible",
                "brcm,bcm2712-pm\0brcm,bcm2835-pm-wdt\0",
            ),
            ("sys/devices/system/cpu/online", "0-3\n"),
            ("proc/meminfo", "MemTotal:        8245000 kB\n"),
        ];
        check(&good, now, "ppppfp");
        let mut bad = good;
        bad[1].1 = "79000";
        bad[3].1 = "acme,dog\0";
        bad[4].1 = "0,2-3";
        bad[5].1 = "MemTotal:   500000 kB";
        check(&bad, now, "fffffp");
    }

    #[test]
    fn cores_are_counted() {
        let check = |list, n| assert_eq!(cores_of(list), n, "{list}");
        check("0", Some(1));
        check("0-3", Some(4));
        check("0-3,8,10-11", Some(7));
        check("", None);
        check("3-0", None);
        check("0-4294967295", None);
    }
}
