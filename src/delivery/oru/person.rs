//! Names of DICOM (PS3.5 6.2.1) as names of HL7 (v2.5.1 2.A.88 XPN, 2.A.86 XCN).

use crate::hl7::build::{Component, Field};

/// The component groups of a name, each with what its characters are (table 0465).
const REPRESENTATIONS: [&str; 3] = ["A", "I", "P"];

/// Family, given and middle name, suffix, prefix: DICOM has the prefix before the suffix.
fn parts(group: &str) -> [&str; 5] {
    let mut parts = group.split('^').map(str::trim);
    let mut next = || parts.next().unwrap_or_default();
    let [family, given, middle, prefix, suffix] = std::array::from_fn(|_| next());
    [family, given, middle, suffix, prefix]
}

/// A patient's name; a repetition for each way in which it is written. Without a name it says that there is none that
/// is known (name type U, table 0200).
pub(super) fn extended_name(name: &str) -> Field {
    let groups: Vec<_> = name.split('=').zip(REPRESENTATIONS).collect();
    let has_one = groups.len() == 1;
    let groups = groups.into_iter().filter(|(group, _)| !group.trim_matches(['^', ' ']).is_empty());
    let names: Vec<_> = groups
        .map(|(group, representation)| {
            let [family, given, middle, suffix, prefix] = parts(group);
            let representation = if has_one { "" } else { representation };
            Field::from([family, given, middle, suffix, prefix, "", "L", representation])
        })
        .collect();
    if names.is_empty() {
        Field::from(["", "", "", "", "", "", "U"])
    } else {
        Field::repeated(names)
    }
}

/// A physician's name, of which only the first group is sent; nothing where there is none.
pub(super) fn physician(name: &str) -> Field {
    let groups = name.split('=').find(|group| !group.trim_matches(['^', ' ']).is_empty());
    let Some(group) = groups else { return Field::default() };
    // There is no number before the name.
    let components = [""].into_iter().chain(parts(group));
    Field::of(components.map(Component::from))
}
