//! Whether a series is complete, and how that is known. Pure.
//!
//! ```text
//!  surest  procedure step: the scanner's own list, all of it is here      -> complete
//!          count: the images say how many there are, or are whole         -> complete
//!          commitment: all that the sender has sent so far is here        -> plausible
//!          geometry: sent by associations that ended well, without a gap  -> plausible
//!  last    nothing came for the quiet time
//! ```
//! A list that names what is not here keeps everything but the quiet time from deciding. So does a series that was
//! once thought complete and then went on: it is guessed at once at most.
//!
//! Images in Acquisition (0020,1002) is not used: it counts the images of an acquisition, whatever series they
//! were reconstructed to, and is optional.

use std::collections::{BTreeMap, BTreeSet};

use super::spacing::{check_gaps, is_same_direction, is_same_position};
use crate::dicom::series_hints::{SeriesHints, SlicePlace};
use crate::dicom::uid::SopInstanceUid;
use crate::imaging::geometry::{cross, dot};
use crate::limits;

/// How a series was known to be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompleteBy {
    /// An ended procedure step names exactly the instances that are here.
    ProcedureStep,
    /// So do the requests for storage commitment.
    Commitment,
    /// The images say how many there are.
    Count,
    /// The slices are even and their senders have finished.
    Geometry,
    /// Nothing came for the quiet time.
    Quiet,
    /// It had to make room for other series.
    Crowded,
}

impl CompleteBy {
    /// All of them, the surest first.
    pub const ALL: [Self; 6] = [
        Self::ProcedureStep,
        Self::Count,
        Self::Commitment,
        Self::Geometry,
        Self::Quiet,
        Self::Crowded,
    ];

    /// The stable snake_case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProcedureStep => "procedure_step",
            Self::Commitment => "commitment",
            Self::Count => "count",
            Self::Geometry => "geometry",
            Self::Quiet => "quiet",
            Self::Crowded => "crowded",
        }
    }
}

/// What is thought of a series as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is here.
    Complete(CompleteBy),
    /// All of it seems to be here: it is, if nothing comes for a short time.
    Plausible(CompleteBy),
    /// Only silence will tell.
    Unknown,
}

/// What is known of a series beside what arrives now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownSeries {
    /// Instances that are recorded.
    pub instances: BTreeSet<SopInstanceUid>,
    /// Those that ended procedure steps name for the series.
    pub procedure_step: BTreeSet<SopInstanceUid>,
    /// Those that requests for commitment name, of the series for all that is known: what has come in another
    /// one is left out.
    pub commitment: BTreeSet<SopInstanceUid>,
    /// Whether an instance is recorded that no job has.
    pub has_new: bool,
    /// Whether an earlier job took the series for complete by anything but its quiet time.
    pub was_thought_complete: bool,
}

/// What a verdict is made from.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The instances that are here; without hints those that came in an earlier run.
    pub arrived: &'a BTreeMap<SopInstanceUid, Option<SeriesHints>>,
    /// Lists and history.
    pub known: &'a KnownSeries,
    /// Whether every association that brought some has ended, the last of them by its release.
    pub is_released: bool,
}

/// Says what to think of a series.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let Evidence { arrived, known, is_released } = *evidence;
    // What was sent again has its answer; what is over the limit is not all here.
    if !known.has_new || arrived.len() >= limits::SERIES_INSTANCES_MAX {
        return Verdict::Unknown;
    }
    if is_exactly(arrived, &known.procedure_step) {
        return Verdict::Complete(CompleteBy::ProcedureStep);
    }
    let lists = [&known.procedure_step, &known.commitment];
    if known.was_thought_complete || lists.iter().any(|list| !is_all_here(arrived, list)) {
        return Verdict::Unknown;
    }
    // Of an instance that came in an earlier run nothing but its name is known.
    let hints: Option<Vec<&SeriesHints>> = arrived.values().map(Option::as_ref).collect();
    let hints = hints.unwrap_or_default();
    if is_counted(&hints) || (is_released && are_whole(&hints)) {
        Verdict::Complete(CompleteBy::Count)
    } else if arrived.len() >= limits::SERIES_SLICES_MIN && is_exactly(arrived, &known.commitment) {
        Verdict::Plausible(CompleteBy::Commitment)
    } else if is_released && is_even(&hints) {
        Verdict::Plausible(CompleteBy::Geometry)
    } else {
        Verdict::Unknown
    }
}

type Arrived = BTreeMap<SopInstanceUid, Option<SeriesHints>>;

fn is_all_here(arrived: &Arrived, list: &BTreeSet<SopInstanceUid>) -> bool {
    list.len() <= arrived.len() && list.iter().all(|uid| arrived.contains_key(uid))
}

fn is_exactly(arrived: &Arrived, list: &BTreeSet<SopInstanceUid>) -> bool {
    !list.is_empty() && list.len() == arrived.len() && arrived.keys().eq(list)
}

/// Whether each says that there are as many as there are (0020,1209).
fn is_counted(hints: &[&SeriesHints]) -> bool {
    let n = u32::try_from(hints.len()).ok();
    !hints.is_empty() && hints.iter().all(|it| it.n_series_related == n)
}

/// Whether all are objects of many frames, and those that were cut into parts are here with all of them.
fn are_whole(hints: &[&SeriesHints]) -> bool {
    let mut parts: BTreeMap<&str, (Option<u16>, BTreeSet<u16>)> = BTreeMap::new();
    for hint in hints {
        if !hint.is_multi_frame {
            return false;
        }
        if let Some(part) = &hint.concatenation {
            let (total, numbers) = parts.entry(&part.uid).or_default();
            let (Some(number), Some(stated)) = (part.number, part.total) else { return false };
            if *total.get_or_insert(stated) != stated {
                return false;
            }
            numbers.insert(number);
        }
    }
    let is_here = |(total, numbers): &(Option<u16>, BTreeSet<u16>)| {
        total.is_some_and(|total| numbers.iter().copied().eq(1..=total))
    };
    !hints.is_empty() && parts.values().all(is_here)
}

/// Directions that a series with scouts may have; more are no volume with a few others.
const DIRECTIONS_MAX: usize = 4;

/// Whether the slices of the most frequent orientation lie evenly along their normal, one a place.
fn is_even(hints: &[&SeriesHints]) -> bool {
    let mut groups: Vec<Vec<SlicePlace>> = Vec::new();
    for hint in hints.iter().filter(|hint| !hint.is_localizer) {
        let Some(place) = hint.place else { return false };
        let is_alike = |group: &Vec<SlicePlace>| {
            let mut pairs = group[0].directions.iter().zip(&place.directions);
            pairs.all(|(a, b)| is_same_direction(a, b))
        };
        match groups.iter().position(is_alike) {
            Some(index) => groups[index].push(place),
            None if groups.len() == DIRECTIONS_MAX => return false,
            None => groups.push(vec![place]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let Some((main, others)) = groups.split_first() else { return false };
    let n_others: usize = others.iter().map(Vec::len).sum();
    if main.len() < limits::SERIES_SLICES_MIN || 2 * n_others >= main.len() {
        return false;
    }
    let [row, column] = &main[0].directions;
    let normal = cross(row, column);
    let mut places_mm: Vec<f64> = main.iter().map(|it| dot(&it.position, &normal)).collect();
    places_mm.sort_unstable_by(f64::total_cmp);
    let is_double = |pair: &[f64]| is_same_position(pair[0], pair[1]);
    !places_mm.windows(2).any(is_double) && check_gaps(&places_mm).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::series_hints::ConcatenationPart;

    const AXIAL: [[f64; 3]; 2] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    const CORONAL: [[f64; 3]; 2] = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]];

    fn slice(z: f64) -> SeriesHints {
        let place = SlicePlace { position: [-100.0, -100.0, z], directions: AXIAL };
        SeriesHints { place: Some(place), ..SeriesHints::default() }
    }

    fn coronal(y: f64) -> SeriesHints {
        let place = SlicePlace { position: [-100.0, y, 0.0], directions: CORONAL };
        SeriesHints { place: Some(place), ..SeriesHints::default() }
    }

    fn uid(n: usize) -> SopInstanceUid {
        format!("1.{}", n + 1).parse().unwrap()
    }

    fn set(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<SopInstanceUid> {
        numbers.into_iter().map(uid).collect()
    }

    fn judged(hints: Vec<SeriesHints>, edit: impl FnOnce(&mut KnownSeries, &mut bool)) -> Verdict {
        let arrived = (0..).map(uid).zip(hints.into_iter().map(Some)).collect();
        let mut known = KnownSeries { has_new: true, ..KnownSeries::default() };
        let mut is_released = true;
        edit(&mut known, &mut is_released);
        judge(&Evidence { arrived: &arrived, known: &known, is_released })
    }

    fn even(n: u32) -> Vec<SeriesHints> {
        (0..n).map(|n| slice(2.5 * f64::from(n))).collect()
    }

    #[test]
    fn lists_decide_when_they_are_all_here() {
        use CompleteBy::{Commitment, Geometry, ProcedureStep};
        let check = |steps: &[usize], commitment: &[usize], expected: Verdict| {
            let verdict = judged(even(10), |known, _| {
                known.procedure_step = set(steps.iter().copied());
                known.commitment = set(commitment.iter().copied());
            });
            assert_eq!(verdict, expected, "{steps:?} {commitment:?}");
        };
        let all: Vec<_> = (0..10).collect();
        let more: Vec<_> = (0..11).collect();
        check(&all, &[], Verdict::Complete(ProcedureStep));
        check(&all, &more, Verdict::Complete(ProcedureStep));
        check(&[], &all, Verdict::Plausible(Commitment));
        check(&[], &[], Verdict::Plausible(Geometry));
        // More than a list names: the list is not of this series alone.
        check(&[1], &[2], Verdict::Plausible(Geometry));
        check(&more, &all, Verdict::Unknown);
        check(&[20], &[], Verdict::Unknown);
        check(&[], &more, Verdict::Unknown);
    }

    #[test]
    fn what_failed_once_is_not_guessed_again_and_what_is_not_new_never() {
        let thought = |known: &mut KnownSeries| known.was_thought_complete = true;
        assert_eq!(judged(even(10), |known, _| thought(known)), Verdict::Unknown);
        let listed = judged(even(10), |known, _| {
            thought(known);
            known.procedure_step = set(0..10);
        });
        assert_eq!(listed, Verdict::Complete(CompleteBy::ProcedureStep));
        let again = judged(even(10), |known, _| {
            known.has_new = false;
            known.procedure_step = set(0..10);
        });
        assert_eq!(again, Verdict::Unknown);
    }

    #[test]
    fn even_slices_are_plausible_once_their_sender_has_gone() {
        let check = |hints: Vec<SeriesHints>, expected: bool| {
            let verdict = judged(hints.clone(), |_, _| {});
            assert_eq!(verdict == Verdict::Plausible(CompleteBy::Geometry), expected, "{hints:?}");
            assert_eq!(judged(hints, |_, is_released| *is_released = false), Verdict::Unknown);
        };
        let with = |n: u32, more: Vec<SeriesHints>| [even(n), more].concat();
        check(even(8), true);
        check(even(7), false);
        check(even(20).into_iter().rev().collect(), true);
        // A gap, a double, one off its place, one without.
        check(with(10, vec![slice(27.5)]), false);
        check(with(10, vec![slice(5.0)]), false);
        check(with(10, vec![slice(24.0)]), false);
        check(with(10, vec![SeriesHints::default()]), false);
        // Scouts do not count, neither by their type nor by their orientation.
        let localizer = SeriesHints { is_localizer: true, ..coronal(-400.0) };
        check(with(10, vec![localizer.clone(), coronal(3.0)]), true);
        check(with(7, vec![localizer.clone()]), false);
        check(vec![localizer; 10], false);
        // As many of another orientation are a second volume.
        check(with(10, (0..5).map(|n| coronal(f64::from(n))).collect()), false);
        let turned = |n: u32| {
            let [sin, cos] = [f64::from(n).to_radians().sin(), f64::from(n).to_radians().cos()];
            let directions = [[cos, sin, 0.0], [-sin, cos, 0.0]];
            let place = SlicePlace { position: [0.0, 0.0, f64::from(n)], directions };
            SeriesHints { place: Some(place), ..SeriesHints::default() }
        };
        check((0..10).map(turned).collect(), false);
    }

    #[test]
    fn counts_in_the_images_decide() {
        let related = |n| SeriesHints { n_series_related: Some(n), ..SeriesHints::default() };
        let check = |hints: Vec<SeriesHints>, expected: bool| {
            let verdict = judged(hints.clone(), |_, _| {});
            assert_eq!(verdict == Verdict::Complete(CompleteBy::Count), expected, "{hints:?}");
        };
        check(vec![related(3); 3], true);
        check(vec![related(3); 2], false);
        check(vec![related(3); 4], false);
        check(vec![related(2), SeriesHints::default()], false);
        let whole = SeriesHints { is_multi_frame: true, ..SeriesHints::default() };
        let part = |uid: &str, number, total| {
            let part = ConcatenationPart { uid: uid.into(), number: Some(number), total };
            SeriesHints { concatenation: Some(part), ..whole.clone() }
        };
        check(vec![whole.clone()], true);
        check(vec![whole.clone(), slice(1.0)], false);
        assert_eq!(
            judged(vec![whole.clone()], |_, is_released| *is_released = false),
            Verdict::Unknown
        );
        check(vec![part("1", 2, Some(2))], false);
        check(vec![part("1", 2, Some(2)), part("1", 1, Some(2))], true);
        check(vec![part("1", 1, Some(2)), part("2", 2, Some(2))], false);
        check(vec![part("1", 1, Some(2)), part("1", 2, Some(3))], false);
        check(vec![part("1", 1, None)], false);
        check(vec![part("1", 0, Some(0))], false);
        check(vec![whole.clone(), part("1", 1, Some(1))], true);
    }

    #[test]
    fn an_instance_of_an_earlier_run_leaves_lists_and_silence() {
        let arrived: Arrived =
            (0..10).map(|n| (uid(n), (n > 0).then(|| slice(n as f64)))).collect();
        let check = |steps: BTreeSet<SopInstanceUid>, expected| {
            let known =
                KnownSeries { has_new: true, procedure_step: steps, ..KnownSeries::default() };
            let evidence = Evidence { arrived: &arrived, known: &known, is_released: true };
            assert_eq!(judge(&evidence), expected);
        };
        check(BTreeSet::new(), Verdict::Unknown);
        check(set(0..10), Verdict::Complete(CompleteBy::ProcedureStep));
    }
}
