//! Values of an object as people write them.

/// `DOE^JANE^^DR=..` as `DOE, JANE DR`: the first group of a person's name that says anything (PS3.5 section 6.2.1),
/// family name first.
#[must_use]
pub fn name(value: &str) -> String {
    let is_said = |group: &&str| !group.trim_matches(['^', ' ']).is_empty();
    let group = value.split('=').find(is_said).unwrap_or_default();
    let mut parts = group.split('^').map(str::trim);
    let family = parts.next().unwrap_or_default();
    let others = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    match (family.is_empty(), others.is_empty()) {
        (_, true) => family.to_owned(),
        (true, false) => others,
        (false, false) => format!("{family}, {others}"),
    }
}

/// `YYYYMMDD` as `YYYY-MM-DD`; anything else as it is.
#[must_use]
pub fn date(value: &str) -> String {
    match (value.get(..4), value.get(4..6), value.get(6..8)) {
        (Some(year), Some(month), Some(day)) if value.len() == 8 => format!("{year}-{month}-{day}"),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_written_as_people_do() {
        let check = |value: &str, expected: &str| assert_eq!(name(value), expected);
        check("Smith^Jane^^Dr", "Smith, Jane Dr");
        check("DOE", "DOE");
        check("^Jane", "Jane");
        check("Yamada^Tarou=\u{5c71}\u{7530}^\u{592a}\u{90ce}", "Yamada, Tarou");
        check("^^=\u{5c71}\u{7530}^\u{592a}\u{90ce}", "\u{5c71}\u{7530}, \u{592a}\u{90ce}");
        check("", "");
        assert_eq!(date("20260102"), "2026-01-02");
        assert_eq!(date("2026"), "2026");
        assert_eq!(date(""), "");
    }
}
