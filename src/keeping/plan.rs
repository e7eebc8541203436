//! What may go, and why: a function of what is kept, the room and the time.

use std::fmt;

use super::settings::RetentionSettings;
use crate::db::retention::KeptSeries;
use crate::dicom::uid::SeriesInstanceUid;
use crate::disk::Room;
use crate::limits::{CLOCK_UNIX_MS_MIN, RETENTION_AGE_MIN};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why a series' images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They were kept as long as is set.
    Old {
        /// How long that is.
        days: u32,
    },
    /// The disk has less room than is set.
    Room,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old { days } => write!(f, "older than {days} days"),
            Self::Room => f.write_str("the disk needs room"),
        }
    }
}

/// A series whose images go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Which.
    pub series: SeriesInstanceUid,
    /// Its images.
    pub n_instances: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// What goes and what would go if nothing held it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The oldest first.
    pub leaving: Vec<Leaving>,
    /// Series whose time has come, or whose room is needed, and that something holds.
    pub held: Vec<KeptSeries>,
    /// Bytes that are still too few when all of this has gone.
    pub short_bytes: u64,
}

/// Thinks it over. Without `room` nothing goes for want of it; before the clock can be right nothing is old.
#[must_use]
pub fn plan(
    mut kept: Vec<KeptSeries>,
    settings: &RetentionSettings,
    room: Option<Room>,
    now_unix_ms: i64,
) -> Plan {
    kept.sort_by(|a, b| {
        (a.newest_unix_ms, a.series.as_str()).cmp(&(b.newest_unix_ms, b.series.as_str()))
    });
    let mut plan =
        Plan { short_bytes: room.map_or(0, |room| short(room, settings)), ..Plan::default() };
    for series in kept {
        let age_ms = now_unix_ms.saturating_sub(series.newest_unix_ms);
        let Some(why) = why(age_ms, now_unix_ms, settings, plan.short_bytes) else { continue };
        if !series.holds.is_empty() {
            plan.held.push(series);
            continue;
        }
        plan.short_bytes = plan.short_bytes.saturating_sub(series.bytes);
        let KeptSeries { series, n_instances, bytes, .. } = series;
        plan.leaving.push(Leaving { series, n_instances, bytes, why });
    }
    plan
}

/// Bytes that are missing to the share that is to be free.
fn short(room: Room, settings: &RetentionSettings) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a disk, to within a few kilobytes"
    )]
    let wanted = (room.total_bytes as f64 * settings.free_share_min) as u64;
    wanted.saturating_sub(room.free_bytes)
}

fn why(
    age_ms: i64,
    now_unix_ms: i64,
    settings: &RetentionSettings,
    short_bytes: u64,
) -> Option<Why> {
    let age_min_ms = i64::try_from(RETENTION_AGE_MIN.as_millis()).expect("an hour");
    if now_unix_ms < CLOCK_UNIX_MS_MIN || age_ms < age_min_ms {
        return None;
    }
    let days = settings.images_days;
    if days > 0 && age_ms >= i64::from(days) * DAY_MS {
        return Some(Why::Old { days });
    }
    (short_bytes > 0).then_some(Why::Room)
}

/// The time before which results are old; `None` where they stay for good, or the clock is wrong.
#[must_use]
pub fn results_before(settings: &RetentionSettings, now_unix_ms: i64) -> Option<i64> {
    let days = i64::from(settings.results_days);
    (days > 0 && now_unix_ms >= CLOCK_UNIX_MS_MIN).then(|| now_unix_ms - days * DAY_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::db::retention::Hold;

    const NOW: i64 = CLOCK_UNIX_MS_MIN + 1000 * DAY_MS;

    fn series(n: u32, age_ms: i64, bytes: u64, holds: &[Hold]) -> KeptSeries {
        KeptSeries {
            series: format!("1.2.{n}").parse().unwrap(),
            n_instances: 3,
            bytes,
            newest_unix_ms: NOW - age_ms,
            holds: holds.to_vec(),
        }
    }

    fn settings(images_days: u32, free_share_min: f64) -> RetentionSettings {
        RetentionSettings { images_days, free_share_min, ..RetentionSettings::default() }
    }

    /// Series that go, by the last part of their UIDs, and for want of room or not.
    fn leaving(plan: &Plan) -> Vec<(u32, bool)> {
        let one = |it: &Leaving| {
            let (_, n) = it.series.as_str().rsplit_once('.').unwrap();
            (n.parse().unwrap(), it.why == Why::Room)
        };
        plan.leaving.iter().map(one).collect()
    }

    #[test]
    fn the_old_goes_and_the_oldest_before_its_time_where_room_is_short() {
        let hour = 3_600_000;
        let kept = vec![
            series(1, 31 * DAY_MS, 100, &[]),
            series(2, 40 * DAY_MS, 100, &[Hold::AlertOpen]),
            series(3, 5 * DAY_MS, 100, &[]),
            series(4, 4 * DAY_MS, 100, &[]),
            series(5, hour - 1, 100, &[]),
        ];
        let check = |settings: RetentionSettings, free, expected: &[(u32, bool)], short| {
            let room = Room { free_bytes: free, total_bytes: 1000 };
            let plan = plan(kept.clone(), &settings, Some(room), NOW);
            assert_eq!(leaving(&plan), expected);
            assert_eq!(plan.short_bytes, short);
            plan.held.len()
        };
        check(settings(30, 0.1), 500, &[(1, false)], 0);
        check(settings(0, 0.1), 500, &[], 0);
        // Its own room is enough.
        check(settings(30, 0.1), 0, &[(1, false)], 0);
        check(settings(30, 0.2), 0, &[(1, false), (3, true)], 0);
        let n_held = check(settings(30, 0.9), 0, &[(1, false), (3, true), (4, true)], 600);
        assert_eq!(n_held, 1);
        let unknown = plan(kept.clone(), &settings(30, 0.9), None, NOW);
        assert_eq!(leaving(&unknown), [(1, false)]);
        assert_eq!(plan(kept, &settings(1, 0.9), None, CLOCK_UNIX_MS_MIN - 1), Plan::default());
    }

    #[test]
    fn results_stay_for_good_or_for_their_days() {
        let days = |results_days| RetentionSettings { results_days, ..settings(1, 0.1) };
        assert_eq!(results_before(&days(0), NOW), None);
        assert_eq!(results_before(&days(10), NOW), Some(NOW - 10 * DAY_MS));
        assert_eq!(results_before(&days(10), 0), None);
    }

    fn any_series() -> impl Strategy<Value = KeptSeries> {
        let holds = prop::sample::subsequence(Hold::ALL.to_vec(), 0..=2);
        (0..50_u32, -DAY_MS..60 * DAY_MS, 0..1000_u64, holds)
            .prop_map(|(n, age_ms, bytes, holds)| series(n, age_ms, bytes, &holds))
    }

    proptest! {
        #[test]
        fn nothing_goes_that_must_stay(
            kept in prop::collection::vec(any_series(), 0..30),
            images_days in 0..40_u32,
            share in 0.0..0.9_f64,
            free_bytes in 0..10_000_u64,
        ) {
            let settings = settings(images_days, share);
            let room = Room { free_bytes, total_bytes: 10_000 };
            let plan = plan(kept.clone(), &settings, Some(room), NOW);
            let least_ms = i64::try_from(RETENTION_AGE_MIN.as_millis()).unwrap();
            for leaving in &plan.leaving {
                let is_it = |it: &&KeptSeries| {
                    it.series == leaving.series && it.bytes == leaving.bytes && it.holds.is_empty()
                        && NOW - it.newest_unix_ms >= least_ms
                };
                prop_assert!(kept.iter().any(|it| is_it(&it)));
            }
            // Nothing goes for room that the others have made already.
            let freed: u64 = plan.leaving.iter().map(|it| it.bytes).sum();
            if let Some(last) = plan.leaving.iter().rev().find(|it| it.why == Why::Room) {
                let later: u64 = plan.leaving.iter().skip_while(|it| *it != last).map(|it| it.bytes).sum();
                prop_assert!(short(room, &settings) > freed - later);
            }
            prop_assert!(plan.held.iter().all(|it| !it.holds.is_empty()));
        }
    }
}
