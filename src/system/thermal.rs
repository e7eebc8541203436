//! How hot the board is, and whether the worker should slow down.
//!
//! ```text
//!             any zone at throttle_c
//!  as usual -------------------------> slowed down
//!     ^                                     |
//!     +---- every zone at resume_c ---------+
//! ```
//! The two are some degrees apart: near one limit the worker would go to and fro.

use std::fs;
use std::path::Path;

use super::board::ThermalZone;
use crate::limits::THERMAL_ZONES_MAX;
use crate::status::Thermal;

/// A zone that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'a> {
    /// Which, and its limits.
    pub zone: &'a ThermalZone,
    /// Degrees Celsius.
    pub celsius: f32,
}

/// The zones of the board that this machine has; `root` is `/`, or a folder that stands for it. One that does not
/// answer, as some do while their part sleeps, is left out.
#[must_use]
pub fn read<'a>(root: &Path, zones: &'a [ThermalZone]) -> Vec<Reading<'a>> {
    if zones.is_empty() {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(root.join("sys/class/thermal")) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path());
    let is_zone = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone"))
    };
    let reading = |path: std::path::PathBuf| {
        let kind = fs::read_to_string(path.join("type")).ok()?;
        let zone = zones.iter().find(|zone| zone.kind == kind.trim())?;
        let millidegrees: i32 = fs::read_to_string(path.join("temp")).ok()?.trim().parse().ok()?;
        #[allow(clippy::cast_precision_loss, reason = "below 2^24")]
        let celsius = millidegrees.clamp(-273_000, 1_000_000) as f32 / 1000.0;
        Some(Reading { zone, celsius })
    };
    folders.filter(is_zone).take(THERMAL_ZONES_MAX).filter_map(reading).collect()
}

/// What to say of the readings, and whether to slow down; `None` where nothing was read.
#[must_use]
pub fn judge(readings: &[Reading<'_>], was_throttled: bool) -> Option<Thermal> {
    let hottest = readings.iter().map(|reading| reading.celsius).reduce(f32::max)?;
    let at = |limit: fn(&ThermalZone) -> i16| {
        move |reading: &Reading<'_>| reading.celsius >= f32::from(limit(reading.zone))
    };
    let throttled = if was_throttled {
        readings.iter().any(|reading| reading.celsius > f32::from(reading.zone.resume_c))
    } else {
        readings.iter().any(at(|zone| zone.throttle_c))
    };
    Some(Thermal { celsius: hottest.round(), throttled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(kind: &str, throttle_c: i16, resume_c: i16) -> ThermalZone {
        ThermalZone { kind: kind.into(), throttle_c, resume_c }
    }

    #[test]
    fn it_slows_down_when_hot_and_until_it_is_cool() {
        let zones = [zone("cpu", 90, 80), zone("gpu", 70, 65)];
        let mut was = false;
        let mut check = |cpu: f32, gpu: f32, throttled: bool| {
            let readings = [
                Reading { zone: &zones[0], celsius: cpu },
                Reading { zone: &zones[1], celsius: gpu },
            ];
            let judged = judge(&readings, was).unwrap();
            assert_eq!(judged, Thermal { celsius: cpu.max(gpu).round(), throttled }, "{cpu} {gpu}");
            was = judged.throttled;
        };
        check(89.9, 69.9, false);
        check(90.0, 60.0, true);
        check(81.0, 60.0, true);
        check(80.1, 60.0, true);
        check(80.0, 60.0, false);
        check(85.0, 60.0, false);
        check(40.0, 70.0, true);
        check(40.0, 66.0, true);
        check(40.0, 65.0, false);
        assert_eq!(judge(&[], true), None, "what is not measured slows nothing down");
    }

    #[test]
    fn zones_are_found_by_type() {
        let root = tempfile::tempdir().unwrap();
        let mut made = 0;
        let mut make = |kind: &str, temp: &str| {
            let folder = root.path().join(format!("sys/class/thermal/thermal_zone{made}"));
            made += 1;
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("type"), format!("{kind}\n")).unwrap();
            fs::write(folder.join("temp"), format!("{temp}\n")).unwrap();
        };
        make("acpitz", "99000");
        make("cpu", "45500");
        make("gpu", "no data");
        make("cpu", "-2000");
        fs::create_dir_all(root.path().join("sys/class/thermal/cooling_device0")).unwrap();
        let zones = [zone("cpu", 90, 80), zone("gpu", 70, 65)];
        let mut celsius: Vec<_> = read(root.path(), &zones).iter().map(|it| it.celsius).collect();
        celsius.sort_by(f32::total_cmp);
        assert_eq!(celsius, [-2.0, 45.5]);
        assert_eq!(read(Path::new("/nowhere"), &zones), []);
    }
}
