//! The cohort's own words for its labels, from the column `labels`: `1=right gland;2=left gland;3=mass`.

use super::names::{Meaning, meaning};
use crate::dicom::segmentation::SegmentKind;
use crate::units::Side;

/// Which label means what. The key is a voxel value of a NIfTI file, or the name of a NIfTI file, a
/// structure or a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap(Vec<(String, Meaning)>);

impl LabelMap {
    /// `key=meaning`, separated by semicolons; a meaning is any name that [`meaning`] knows.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut entries = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (key, word) =
                entry.rsplit_once('=').ok_or_else(|| format!("`{entry}` has no `=`"))?;
            let meaning = meaning(word)
                .ok_or_else(|| format!("`{}` is neither gland nor mass", word.trim()))?;
            entries.push((key.trim().to_owned(), meaning));
        }
        if entries.is_empty() {
            return Err("it names no label".to_owned());
        }
        Ok(Self(entries))
    }

    /// What a multi-label NIfTI file means that comes without a map: 1 right gland, 2 left gland,
    /// 3 right mass, 4 left mass.
    #[must_use]
    pub fn convention() -> Self {
        let of = |key: &str, kind, side| (key.to_owned(), Meaning { kind, side: Some(side) });
        Self(vec![
            of("1", SegmentKind::ParotidGland, Side::Right),
            of("2", SegmentKind::ParotidGland, Side::Left),
            of("3", SegmentKind::Mass, Side::Right),
            of("4", SegmentKind::Mass, Side::Left),
        ])
    }

    /// Whether any key is a voxel value.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.0.iter().any(|(key, _)| key.parse::<u16>().is_ok())
    }

    /// Whether any key is a name.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.0.iter().any(|(key, _)| key.parse::<u16>().is_err())
    }

    /// What a name means, whatever its case.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Option<Meaning> {
        let found = self.0.iter().find(|(key, _)| key.to_lowercase() == name.trim().to_lowercase());
        found.map(|(_, meaning)| *meaning)
    }

    /// What a voxel value means.
    #[must_use]
    pub fn of_value(&self, value: u16) -> Option<Meaning> {
        let found = self.0.iter().find(|(key, _)| key.parse() == Ok(value));
        found.map(|(_, meaning)| *meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_named_by_value_or_name() {
        let map = LabelMap::parse("1=right gland; Tu =mass;07 = Parotid_L;;").unwrap();
        let [gland, mass] = [SegmentKind::ParotidGland, SegmentKind::Mass];
        let right = Meaning { kind: gland, side: Some(Side::Right) };
        assert_eq!(map.of_value(1), Some(right));
        assert_eq!(map.of_value(7), Some(Meaning { kind: gland, side: Some(Side::Left) }));
        assert_eq!(map.of_value(2), None);
        assert_eq!(map.of_name("TU "), Some(Meaning { kind: mass, side: None }));
        assert_eq!(map.of_name("Tumor"), None);
        assert!(map.has_values() && map.has_names());
        assert!(!LabelMap::convention().has_names());
        assert_eq!(LabelMap::convention().of_value(1), Some(right));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let check =
            |text: &str, what: &str| assert_eq!(LabelMap::parse(text), Err(what.to_owned()));
        check("1", "`1` has no `=`");
        check("1=gland;2=spleen", "`spleen` is neither gland nor mass");
        check(" ; ", "it names no label");
    }
}
