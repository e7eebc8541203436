//! The table of a cohort: one line a case, columns by name in any order.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::{Dispose, Disposition};
use crate::evaluation::labels::LabelMap;
use crate::limits;
use crate::units::{CubicCentimeters, Side};

/// Columns that are read; others are left alone.
const COLUMNS: &str = "case, patient, series, truth, labels, unmasked, split, site, protocol, body, tumor_side, tumor_cm3, seed";

/// What spreadsheets put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CohortRow {
    /// Name of the case, unique in its cohort; of its folder too, where `series` is not given.
    pub case: String,
    /// The patient; cases of one are not independent. The case where the table does not say.
    pub patient: String,
    /// Folder or file of the CT, from the table's folder on; `None`: the case's folder.
    pub series: Option<PathBuf>,
    /// Where the outlines are.
    pub truth: Truth,
    /// What the outlines' own names or values mean.
    pub labels: Option<LabelMap>,
    /// Right, then left: whether a mass may be there that nobody outlined.
    pub unmasked: [bool; 2],
    /// What the case is for.
    pub split: Split,
    /// Seed of a phantom.
    pub seed: Option<u64>,
    /// Where it comes from; empty where unknown.
    pub site: String,
    /// Protocol, `neck` or `head`; empty where unknown.
    pub protocol: String,
    /// Another part of the body, without parotid glands and so without a truth; empty for head and neck.
    pub body: String,
    /// Side of the mass; `None` where there is none or it is unknown.
    pub tumor_side: Option<Side>,
    /// Volume of the mass.
    pub tumor_cm3: Option<CubicCentimeters>,
}

/// Where a case's outlines are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Truth {
    /// In its folder, to be found.
    #[default]
    InFolder,
    /// In these files, from the table's folder on.
    Files(Vec<PathBuf>),
    /// Nowhere: nothing is outlined, and there is no mass.
    Nothing,
}

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Split {
    /// To learn from.
    #[default]
    Train,
    /// To choose among what was learnt.
    Validation,
    /// To report on, once.
    Test,
}

impl Split {
    /// `train`, `validation` or `test`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// A table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file.
    #[error("could not read it")]
    Read(#[source] io::Error),
    /// More than a table has.
    #[error("it is larger than {} bytes", limits::COHORT_TABLE_BYTES_MAX)]
    TooLarge,
    /// Another encoding.
    #[error("it is not UTF-8; save it as \"CSV UTF-8\"")]
    Encoding,
    /// Damaged.
    #[error("it is no CSV")]
    Parse(#[source] csv::Error),
    /// The header.
    #[error(
        "its first line has no column `case`; it names the columns, of which these are read: {COLUMNS}"
    )]
    NoCase,
    /// The header.
    #[error("column `{0}` stands twice in its first line")]
    ColumnTwice(String),
    /// A line.
    #[error(
        "line {line}: {found} values for {expected} columns; quote values that hold the separator"
    )]
    Length {
        /// From 1.
        line: u64,
        /// How many values.
        found: usize,
        /// How many columns.
        expected: usize,
    },
    /// A value.
    #[error("line {line}, column `{column}`: {what}")]
    Value {
        /// From 1.
        line: u64,
        /// Its name.
        column: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
}

impl Dispose for TableError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(_) => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

/// Reads a table. Separators may be commas, semicolons or tabs, whichever the first line has most of;
/// values may be quoted; a byte-order mark and empty lines are passed over.
///
/// # Errors
/// Which line and column are wrong, and what would be right.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<CohortRow>, TableError> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(TableError::Encoding);
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let separator = separator(bytes);
    let mut reader =
        ReaderBuilder::new().delimiter(separator).flexible(true).trim(Trim::All).from_reader(bytes);
    let columns = columns(reader.headers().map_err(TableError::Parse)?)?;
    let mut rows = Vec::new();
    let mut seen = Seen::default();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    for record in reader.records() {
        let record = record.map_err(TableError::Parse)?;
        let line = lines.line_of(record.position().map_or(0, csv::Position::byte));
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() != columns.len() {
            return Err(TableError::Length { line, found: record.len(), expected: columns.len() });
        }
        let values =
            Values { columns: &columns, record: &record, decimal_comma: separator != b',' };
        let row = parse_row(&values)
            .and_then(|row| seen.check(&row, line).map(|()| row))
            .map_err(|(column, what)| TableError::Value { line, column, what })?;
        rows.push(row);
    }
    Ok(rows)
}

/// Counts lines as an editor does; the reader's own count leaves out empty ones before a record.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line, from 1, of the record that begins at `byte` or behind empty lines there. Bytes are
    /// asked for in ascending order.
    fn line_of(&mut self, byte: u64) -> u64 {
        while let Some(next) = self.bytes.get(self.at)
            && ((self.at as u64) < byte || matches!(next, b'\r' | b'\n'))
        {
            self.line += u64::from(*next == b'\n');
            self.at += 1;
        }
        self.line
    }
}

fn separator(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    // The last of equals wins: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

fn columns(header: &StringRecord) -> Result<Vec<String>, TableError> {
    let columns: Vec<String> = header.iter().map(str::to_lowercase).collect();
    for (number, column) in columns.iter().enumerate() {
        if !column.is_empty() && columns[..number].contains(column) {
            return Err(TableError::ColumnTwice(column.clone()));
        }
    }
    if columns.iter().any(|column| column == "case") {
        Ok(columns)
    } else {
        Err(TableError::NoCase)
    }
}

/// A column, and what is wrong with its value.
type Wrong = (&'static str, String);

/// One line by the names of its columns.
struct Values<'a> {
    columns: &'a [String],
    record: &'a StringRecord,
    decimal_comma: bool,
}

impl<'a> Values<'a> {
    /// `None` where the column is missing or the value empty.
    fn get(&self, name: &str) -> Option<&'a str> {
        let index = self.columns.iter().position(|column| column == name)?;
        self.record.get(index).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn parse<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = || (name, format!("`{value}` is not {expected}"));
        parse(value).ok_or_else(wrong).map(Some)
    }
}

fn parse_row(values: &Values<'_>) -> Result<CohortRow, Wrong> {
    let case = values.get("case").ok_or(("case", "it is empty; name the case".to_owned()))?;
    if !is_name(case) {
        let what =
            format!("`{case}` is no name: it is that of a folder and files, without / and ,");
        return Err(("case", what));
    }
    let side = |text: &str| match text.to_lowercase().as_str() {
        "none" => Some(None),
        "right" => Some(Some(Side::Right)),
        "left" => Some(Some(Side::Left)),
        _ => None,
    };
    let number = |text: &str| {
        let text = if values.decimal_comma { text.replace(',', ".") } else { text.to_owned() };
        text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
    };
    let tumor_cm3 = values.parse("tumor_cm3", number, "a volume in cm3, such as 4.6")?;
    let labels = values.get("labels").map(LabelMap::parse).transpose().map_err(|what| {
        (
            "labels",
            format!("{what}; write `1=right gland;2=left gland;3=mass`, or names for the numbers"),
        )
    })?;
    Ok(CohortRow {
        case: case.to_owned(),
        patient: values.get("patient").unwrap_or(case).to_owned(),
        series: values.get("series").map(|text| path("series", text)).transpose()?,
        truth: truth(values)?,
        labels,
        unmasked: values.parse("unmasked", sides, "right, left or right;left")?.unwrap_or_default(),
        split: values.parse("split", split, "train, validation or test")?.unwrap_or_default(),
        seed: values.parse("seed", |text| text.parse().ok(), "a whole number")?,
        site: values.text("site"),
        protocol: values.text("protocol"),
        body: values.text("body"),
        tumor_side: values.parse("tumor_side", side, "right, left or none")?.flatten(),
        tumor_cm3: tumor_cm3.filter(|cm3| *cm3 > 0.0).map(CubicCentimeters),
    })
}

/// Whether a case's name can be that of a folder here, and a value of a table that others write.
fn is_name(case: &str) -> bool {
    let mut components = Path::new(case).components();
    let is_folder =
        matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    is_folder && !case.contains(|c: char| c.is_control() || [',', ';', '"', '\\'].contains(&c))
}

fn truth(values: &Values<'_>) -> Result<Truth, Wrong> {
    match values.get("truth") {
        None if values.get("body").is_some() => Ok(Truth::Nothing),
        None => Ok(Truth::InFolder),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(Truth::Nothing),
        Some(text) => {
            let files = text.split(';').map(str::trim).filter(|text| !text.is_empty());
            let files = files.map(|text| path("truth", text)).collect::<Result<_, _>>()?;
            Ok(Truth::Files(files))
        }
    }
}

/// A path from the table's folder on stays in it; who means another one writes all of it.
fn path(column: &'static str, text: &str) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text);
    let leaves = path.components().any(|component| component == Component::ParentDir);
    if leaves && path.is_relative() {
        let what = format!("`{text}` leaves the table's folder; write the whole path, from / on");
        return Err((column, what));
    }
    Ok(path)
}

/// Right, then left.
fn sides(text: &str) -> Option<[bool; 2]> {
    let mut found = [false; 2];
    for name in text.split(';').map(str::trim) {
        let side = Side::BOTH.into_iter().find(|side| name.eq_ignore_ascii_case(side.as_str()))?;
        found[side as usize] = true;
    }
    Some(found)
}

fn split(text: &str) -> Option<Split> {
    match text.to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "validation" | "valid" | "val" => Some(Split::Validation),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    }
}

/// What earlier lines said.
#[derive(Default)]
struct Seen {
    cases: HashMap<String, u64>,
    patients: HashMap<String, (Split, u64)>,
}

impl Seen {
    fn check(&mut self, row: &CohortRow, line: u64) -> Result<(), Wrong> {
        if let Some(before) = self.cases.insert(row.case.clone(), line) {
            return Err(("case", format!("`{}` is on line {before} already", row.case)));
        }
        let known = self.patients.entry(row.patient.clone()).or_insert((row.split, line));
        if known.0 == row.split {
            return Ok(());
        }
        // A network that has seen a patient knows more of the patient's other scans than it should.
        let [here, there] = [row.split, known.0].map(Split::as_str);
        let what = format!("`{here}`, but line {} has this patient in `{there}`", known.1);
        Err(("split", what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a table, or what is wrong with it.
    fn rows(table: &str) -> Result<Vec<CohortRow>, String> {
        parse(table.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_checked() {
        let check = |line: &str, expected: Result<&str, &str>| {
            let table = format!("case,seed,site,protocol,tumor_side,tumor_cm3\n\n{line}\n");
            match (rows(&table), expected) {
                (Ok(rows), Ok(case)) => assert_eq!(rows[0].case, case),
                (Err(error), Err(what)) => assert_eq!(error, format!("line 3{what}")),
                (found, _) => panic!("{line}: {found:?}"),
            }
        };
        check("c1,17,A,neck,left,4.62", Ok("c1"));
        check("c2,,,,none,0", Ok("c2"));
        check("\"c 2\",,\"A, B\",,Left,", Ok("c 2"));
        check(
            "c1,17,A,neck,left",
            Err(": 5 values for 6 columns; quote values that hold the separator"),
        );
        check(",17,A,neck,left,4", Err(", column `case`: it is empty; name the case"));
        check("c1,x,A,neck,left,4", Err(", column `seed`: `x` is not a whole number"));
        check("c1,1,A,,both,4", Err(", column `tumor_side`: `both` is not right, left or none"));
        let volume = ", column `tumor_cm3`: `big` is not a volume in cm3, such as 4.6";
        check("c1,1,A,neck,left,big", Err(volume));
        for case in ["../c1", "..", "/c1", "a/b", "\"a,b\""] {
            let what = ": it is that of a folder and files, without / and ,";
            let name = case.trim_matches('"');
            let what = format!(", column `case`: `{name}` is no name{what}");
            check(&format!("{case},17,A,neck,left,4"), Err(&what));
        }
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let table = "\u{feff}tumor_cm3,Case,tumor_side,site,more,split,patient,series,truth,labels\n\
                     4.5,c9,right,B,x,val,p3,/data/ct 9,rt.dcm; m/a.nii,Tu=mass\n";
        let expected = CohortRow {
            case: "c9".to_owned(),
            patient: "p3".to_owned(),
            series: Some("/data/ct 9".into()),
            truth: Truth::Files(vec!["rt.dcm".into(), "m/a.nii".into()]),
            labels: Some(LabelMap::parse("Tu=mass").unwrap()),
            split: Split::Validation,
            site: "B".to_owned(),
            tumor_side: Some(Side::Right),
            tumor_cm3: Some(CubicCentimeters(4.5)),
            ..CohortRow::default()
        };
        assert_eq!(rows(table), Ok(vec![expected]));
        let least = CohortRow { case: "c".into(), patient: "c".into(), ..CohortRow::default() };
        assert_eq!(rows("case\r\nc\r\n"), Ok(vec![least]));
    }

    #[test]
    fn sides_without_an_outline_are_named() {
        let check = |value: &str, expected: Result<[bool; 2], &str>| {
            let found = rows(&format!("case,unmasked\nc,{value}\n"));
            let found = found.map(|rows| rows[0].unmasked);
            assert_eq!(
                found,
                expected.map_err(|what| format!("line 2, column `unmasked`: {what}"))
            );
        };
        check("", Ok([false, false]));
        check("left", Ok([false, true]));
        check("Right; left", Ok([true, true]));
        check("both", Err("`both` is not right, left or right;left"));
    }

    #[test]
    fn exports_of_spreadsheets_are_read() {
        let check = |table: &str| {
            let rows = rows(table).unwrap();
            let files = Truth::Files(vec!["a.nii.gz".into(), "b.nii.gz".into()]);
            assert_eq!((rows.len(), &rows[0].truth), (2, &files));
            assert_eq!(rows[0].tumor_cm3, Some(CubicCentimeters(4.5)));
            assert_eq!(rows[1].truth, Truth::Nothing);
        };
        check("case,truth,tumor_cm3\nc1,a.nii.gz;b.nii.gz,4.5\nc2,none,\n");
        check("case;truth;tumor_cm3\r\nc1;\"a.nii.gz;b.nii.gz\";4,5\r\n;;\r\nc2;None;\r\n");
        check("\u{feff}case\ttruth\ttumor_cm3\nc1\ta.nii.gz; b.nii.gz\t4,5\n\nc2\tnone\t0\n");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let check = |table: &[u8], what: &str| {
            let error = parse(table).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        check(b"", "no column `case`");
        check(b"name,site\nc1,A\n", "no column `case`");
        check(b"case,site,Site\nc1,A,B\n", "column `site` stands twice");
        check(b"case,site\nc1,Z\xFCrich\n", "not UTF-8");
        check(b"\xFF\xFEc\0a\0s\0e\0", "not UTF-8");
        check(b"case\nc1\nc2\nc1\n", "line 4, column `case`: `c1` is on line 2 already");
        check(
            b"case,split\nc1,dev\n",
            "line 2, column `split`: `dev` is not train, validation or test",
        );
        check(
            b"case,series\nc1,a/../../b\n",
            "column `series`: `a/../../b` leaves the table's folder",
        );
        check(b"case,truth\nc1,a.dcm;../b.dcm\n", "column `truth`: `../b.dcm` leaves");
        check(b"case,labels\nc1,1=spleen\n", "column `labels`: `spleen` is neither gland nor mass");
        let table = b"case,patient,split\na,p,train\nb,q,test\nc,p,test\n";
        check(table, "line 4, column `split`: `test`, but line 2 has this patient in `train`");
    }
}
