//! Table E.1-1 of PS3.15 as data: which action each attribute takes.

use std::collections::HashMap;
use std::sync::LazyLock;

use dicom_core::Tag;

/// The table, a line an attribute.
const TEXT: &str = include_str!("actions.tsv");

/// Action of the Basic Profile (PS3.15 Table E.1-1a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// X: remove.
    X,
    /// Z: a value of no length, or a dummy.
    Z,
    /// D: a dummy that is a value of the attribute.
    D,
    /// U: another UID, the same for the same one in all instances.
    U,
    /// X/Z: remove, unless type 2 asks for an empty one.
    XorZ,
    /// X/D: remove, unless type 1 asks for a value.
    XorD,
    /// X/Z/D: remove, unless type 2 or 1 asks for more.
    XorZorD,
    /// Z/D: empty, unless type 1 asks for a value.
    ZorD,
    /// X/Z/U*: remove, unless the sequence is needed; then with other UIDs.
    XorZorU,
}

/// What an object may not be without (PS3.5 section 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    /// Type 1: there, with a value.
    WithValue,
    /// Type 2: there, with or without a value.
    Present,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Of the Basic Profile.
    pub(super) action: Action,
    /// Whether the option of modified dates keeps and shifts it.
    pub(super) is_shifted: bool,
    /// Of the attribute at the top of multi-frame CT and of segmentations; `None` for type 3.
    pub(super) needed: Option<Needed>,
}

/// Which attributes a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pattern {
    /// Bits of group and element that count.
    mask: u32,
    value: u32,
}

/// The table, ready to be asked.
#[derive(Debug)]
struct Table {
    single: HashMap<Tag, Line>,
    /// Repeating groups, then the private attributes.
    repeating: Vec<(Pattern, Line)>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| parse(TEXT).expect("the table is a part of the program"));

/// The line of an attribute; `None` where the table has none.
pub(super) fn line(tag: Tag) -> Option<Line> {
    let number = u32::from(tag.group()) << 16 | u32::from(tag.element());
    let is_meant = |(pattern, _): &&(Pattern, Line)| number & pattern.mask == pattern.value;
    let repeating = || TABLE.repeating.iter().find(is_meant).map(|(_, line)| *line);
    TABLE.single.get(&tag).copied().or_else(repeating)
}

/// `None` where a line is not as it should be.
fn parse(text: &str) -> Option<Table> {
    let mut table = Table { single: HashMap::new(), repeating: Vec::new() };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let pattern = pattern(columns.next()?)?;
        let action = action(columns.next()?)?;
        let is_shifted = columns.next()? == "C";
        let needed = match columns.next()? {
            "" => None,
            "1" => Some(Needed::WithValue),
            "2" => Some(Needed::Present),
            _ => return None,
        };
        let line = Line { action, is_shifted, needed };
        if pattern.mask == u32::MAX {
            let [group, element] = [pattern.value >> 16, pattern.value & 0xFFFF];
            let tag = Tag(u16::try_from(group).ok()?, u16::try_from(element).ok()?);
            table.single.insert(tag, line);
        } else {
            table.repeating.push((pattern, line));
        }
    }
    Some(table)
}

/// `0008,0018`; `60xx,3000` is one of any overlay, `gggg,eeee` one of any odd group.
fn pattern(text: &str) -> Option<Pattern> {
    if text == "gggg,eeee" {
        return Some(Pattern { mask: 0x0001_0000, value: 0x0001_0000 });
    }
    let digits = text.replace(',', "");
    let mask = digits.chars().fold(0, |mask, digit| mask << 4 | if digit == 'x' { 0 } else { 0xF });
    let value = u32::from_str_radix(&digits.replace('x', "0"), 16).ok()?;
    (digits.len() == 8).then_some(Pattern { mask, value })
}

fn action(text: &str) -> Option<Action> {
    Some(match text {
        "X" => Action::X,
        "Z" => Action::Z,
        "D" => Action::D,
        "U" => Action::U,
        "X/Z" => Action::XorZ,
        "X/D" => Action::XorD,
        "X/Z/D" => Action::XorZorD,
        "Z/D" => Action::ZorD,
        "X/Z/U*" => Action::XorZorU,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let n_lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(TABLE.single.len() + TABLE.repeating.len(), n_lines);
        assert_eq!((n_lines, TABLE.repeating.len()), (656, 4));
        let n = |action| TABLE.single.values().filter(|line| line.action == action).count();
        let all = [Action::X, Action::Z, Action::D, Action::U].map(n);
        assert_eq!(all, [412, 42, 93, 55]);
        assert_eq!(TABLE.single.values().filter(|line| line.is_shifted).count(), 169);
    }

    #[test]
    fn attributes_are_found_alone_and_in_repeating_groups() {
        let check = |group, element, expected: Option<Action>| {
            let found = line(Tag(group, element)).map(|line| line.action);
            assert_eq!(found, expected, "({group:04X},{element:04X})");
        };
        check(0x0010, 0x0010, Some(Action::Z));
        check(0x0010, 0x0020, Some(Action::ZorD));
        check(0x0008, 0x0018, Some(Action::U));
        check(0x0008, 0x2112, Some(Action::XorZorU));
        check(0x5000, 0x0005, Some(Action::X));
        check(0x501E, 0x3000, Some(Action::X));
        check(0x6002, 0x3000, Some(Action::X));
        check(0x60FE, 0x4000, Some(Action::X));
        check(0x6002, 0x0010, None);
        check(0x0009, 0x0010, Some(Action::X));
        check(0x7FE1, 0x1010, Some(Action::X));
        check(0x0028, 0x0010, None);
    }

    #[test]
    fn a_broken_line_is_no_table() {
        for line in ["0008,0018\tU", "0008,001\tU\t\t\tx", "0008,0018\tQ\t\t\tx", "8\tX\t\t3\tx"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
