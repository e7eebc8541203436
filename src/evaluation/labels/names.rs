//! What the name of a file, structure or segment says it is: TG-263 names (Mayo et al., "Standardizing
//! nomenclatures in radiation oncology", AAPM report 263, 2018) and what people write instead.
//!
//! | it is | when its name has |
//! |---|---|
//! | a mass | `tumor`, `tumour`, `mass`, `lesion`, `neoplasm`, `adenoma`, `carcinoma`, `GTV` but not `GTVn` (nodes) |
//! | a gland | `parotid`, `parotis`; `gland` where no other gland is named |
//! | right, left | `right`, `left`; `R`, `RT`, `L`, `LT` as a word, or one letter behind `parotid` |
//!
//! A name with both is a mass: `Parotid tumor left`. Names of planning helpers (`PTV`, `CTV`, `PRV`,
//! `Parotid_R-PTV`, ..) say nothing.

use crate::dicom::segmentation::SegmentKind;
use crate::units::Side;

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Gland or mass.
    pub kind: SegmentKind,
    /// The patient's side, where the name has one.
    pub side: Option<Side>,
}

/// What contains one of these is a mass.
const MASS: [&str; 7] = ["tumor", "tumour", "mass", "lesion", "neoplasm", "adenoma", "carcinoma"];
/// What contains one of these is a parotid gland.
const PAROTID: [&str; 2] = ["parotid", "parotis"];
/// Glands that are none of ours.
const OTHER_GLANDS: [&str; 8] =
    ["submand", "subling", "lacrim", "thyroid", "thymus", "adrenal", "suprarenal", "pituitary"];
/// Words of structures that are made of others for planning, or for the dose around them.
const HELPERS: [&str; 12] =
    ["ptv", "ctv", "itv", "prv", "ring", "opt", "avoid", "dose", "eval", "sub", "minus", "crop"];
/// A chewing muscle, not a mass.
const MASSETER: &str = "masset";

/// What a name says; `None` where it names neither a parotid gland nor a mass.
#[must_use]
pub fn meaning(name: &str) -> Option<Meaning> {
    let words = words(name);
    let joined = words.concat();
    if words.iter().any(|word| is_helper(word)) {
        return None;
    }
    Some(Meaning { kind: kind(&joined)?, side: side(&words, &joined) })
}

/// What a name says of the side alone; `None` where it says none, or both.
#[must_use]
pub fn side_of(name: &str) -> Option<Side> {
    let words = words(name);
    side(&words, &words.concat())
}

fn is_helper(word: &str) -> bool {
    let without_number = word.trim_end_matches(|c: char| c.is_ascii_digit());
    HELPERS.contains(&without_number)
}

fn kind(joined: &str) -> Option<SegmentKind> {
    let has = |texts: &[&str]| texts.iter().any(|text| joined.contains(text));
    let gross_tumor = joined.contains("gtv") && !joined.contains("gtvn");
    if gross_tumor || MASS.iter().any(|text| joined.replace(MASSETER, "").contains(text)) {
        Some(SegmentKind::Mass)
    } else if has(&PAROTID) || (joined.contains("gland") && !has(&OTHER_GLANDS)) {
        Some(SegmentKind::ParotidGland)
    } else {
        None
    }
}

fn side(words: &[String], joined: &str) -> Option<Side> {
    let is_on = |long: &str, short: [&str; 2]| {
        joined.contains(long)
            || words.iter().any(|word| {
                let behind_gland = word.strip_prefix("parotid").unwrap_or(word);
                short.contains(&word.as_str()) || short.contains(&behind_gland)
            })
    };
    match (is_on("right", ["r", "rt"]), is_on("left", ["l", "lt"])) {
        (true, false) => Some(Side::Right),
        (false, true) => Some(Side::Left),
        _ => None,
    }
}

/// The words of a name in lower case: `rParotid_GTV1` has `r`, `parotid`, `gtv1`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_was_lower = false;
    for c in name.chars() {
        let starts_word = before_was_lower && c.is_uppercase();
        before_was_lower = c.is_lowercase();
        if (starts_word || !c.is_alphanumeric()) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_outlined_and_where() {
        use SegmentKind::{Mass, ParotidGland};
        let check = |names: &str, expected: Option<(SegmentKind, Option<Side>)>| {
            let expected = expected.map(|(kind, side)| Meaning { kind, side });
            for name in names.split(", ") {
                assert_eq!(meaning(name), expected, "{name}");
            }
        };
        let right = Some((ParotidGland, Some(Side::Right)));
        check(
            "Parotid_R, parotid_gland_right, PAROTID RT, Right Parotid, R_parotid, Parotis.r",
            right,
        );
        check(
            "RightParotidGland, ParotidR, PAROTIDR, rParotid, parotid (R), Rt Parotid gland",
            right,
        );
        let left = Some((ParotidGland, Some(Side::Left)));
        check("Parotid_L, parotid_gland_left, Lt. Parotid, parotid-lt, gland_l, Gland left", left);
        check("Parotids, parotid, PAROTID_LR_, Parotid right+left", Some((ParotidGland, None)));
        check(
            "GTVp, GTV, gtv_1, Tumor, tumour2, lesion, mass, pleomorphic adenoma",
            Some((Mass, None)),
        );
        check(
            "Parotid_tumor_left, GTVp_L, Left mass, LeftMass, lesion.lt",
            Some((Mass, Some(Side::Left))),
        );
        check("Musc_Masseter_R, MASSETER_L, GTVn, GTV_N1_L, Glnd_Submand_L, thyroid gland", None);
        check("SubmandibularGland_L, Glnd_Lacrimal_R, BODY, Brainstem, , __, PTV_Parotid", None);
        check(
            "Parotid_R-PTV, Parotid_L sub PTV, PRV03 Parotid_L, Parotid_L_PRV05, CTV tumor",
            None,
        );
    }
}
