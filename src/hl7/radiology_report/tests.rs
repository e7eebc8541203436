//! Invented reports in the manners of different systems.

use super::*;
use crate::report_text::{MentionedSide, ReportReader};

fn message(text: &str) -> Message {
    Message::read(text.replace('\n', "\r").as_bytes()).unwrap()
}

fn read(text: &str) -> RadiologyReport {
    RadiologyReport::read(&message(text)).unwrap()
}

fn refused(text: &str) -> NotAReport {
    RadiologyReport::read(&message(text)).unwrap_err()
}

fn exposed(values: &[Phi<String>]) -> Vec<&str> {
    values.iter().map(|it| it.expose().as_str()).collect()
}

fn signed_by(report: &RadiologyReport) -> Vec<(&str, &str)> {
    let people = report.signed_by.iter();
    people.map(|it| (it.id.expose().as_str(), it.name.expose().as_str())).collect()
}

/// On which side the report's own reader finds a mass.
fn side(report: &RadiologyReport) -> Option<MentionedSide> {
    let mentions = ReportReader::english().read(report.text.expose());
    mentions.iter().map(|it| it.side).reduce(MentionedSide::and)
}

/// As IHE's Results Distribution has it.
const IHE: &str = "MSH|^~\\&|REPORTS|RAD|EMR|HOSP|20260105101500+0100||ORU^R01^ORU_R01|00017|P|2.5.1||||||UNICODE UTF-8
PID|1||T-1001^^^HOSP&1.2.3&ISO^MR~999-00-0001^^^SSA^SS||Testperson^Änne^^^^^L||19500401|F
PV1|1|O
ORC|RE|PL-1^EMR|FI-1^RIS
OBR|1|PL-1^EMR|FI-1^RIS|CTNECK^CT neck with contrast^L|||202601050900|||||||||||ACC-1|RP-1|SPS-1||20260105101500+0100||CT|F|||||||77&Reader&Rita^20260105101500
OBX|1|ST|113014^DICOM Study^DCM|1|1.2.826.0.1.99.1||||||F
OBX|2|TX|18785-6^Reason for study^LN|1|Palpable mass, left parotid.||||||F
OBX|3|TX|59776-5^Procedure findings^LN|1|Left parotid gland: 23 mm enhancing mass. \\T\\ normal right gland.||||||F
OBX|4|TX|19005-8^Impression^LN|1|1. Left parotid mass.\\.br\\2. No adenopathy.||||||F
OBX|5|ED|PDF^Report^L|1|^application^pdf^Base64^JVBERi0=||||||F
";

#[test]
fn a_report_as_ihe_has_it() {
    let report = read(IHE);
    assert_eq!(exposed(&report.patient_ids), ["T-1001", "999-00-0001"]);
    assert_eq!(exposed(&report.accession_numbers), ["ACC-1", "FI-1", "SPS-1", "PL-1"]);
    assert_eq!(report.study_instance_uids, ["1.2.826.0.1.99.1"]);
    assert_eq!((report.status, report.n_documents), (ResultStatus::Final, 1));
    assert_eq!(signed_by(&report), [("77", "Reader^Rita")]);
    assert_eq!(
        report.text.expose(),
        "HISTORY:\nPalpable mass, left parotid.\n\
         FINDINGS:\nLeft parotid gland: 23 mm enhancing mass. & normal right gland.\n\
         IMPRESSION:\n1. Left parotid mass.\n2. No adenopathy."
    );
    assert_eq!(side(&report), Some(MentionedSide::Left));
}

#[test]
fn a_line_for_each_segment() {
    let report = read(
        "MSH|^~\\&|OLDRIS||||20260105||ORU^R01|2|P|2.3
PID||T-2|||Testperson^Two
OBR|1||A-2|71260^CT CHEST|||||||||||||||||||||R|||||||Reader, Rita
OBX|1|TX|71260&GDT^CT CHEST||EXAM: CT CHEST||||||R
OBX|2|TX|71260&GDT^CT CHEST||
OBX|3|TX|71260&GDT^CT CHEST||HISTORY: right parotid mass||||||R
OBX|4|TX|71260&GDT^CT CHEST||The lungs are clear.||||||R
OBX|5|TX|71260&IMP^CT CHEST||IMPRESSION: Normal CT of the chest.||||||R
",
    );
    assert_eq!(exposed(&report.patient_ids), ["T-2"]);
    assert_eq!(exposed(&report.accession_numbers), ["A-2"]);
    assert_eq!(report.status, ResultStatus::Preliminary);
    assert_eq!(signed_by(&report), [("", "Reader, Rita")]);
    assert_eq!(
        report.text.expose(),
        "FINDINGS:\nEXAM: CT CHEST\n\nHISTORY: right parotid mass\nThe lungs are clear.\n\
         IMPRESSION: Normal CT of the chest."
    );
    assert_eq!(side(&report), None);
}

#[test]
fn repetitions_are_lines_and_separators_are_text() {
    let report = read(
        "MSH|^~\\&|VOICE|||||| ORU^R01 |3|P|2.4
PID|1||T-3^^^^PI
ORC|RE||ORD-3
OBR|1|||CTHN^CT HEAD & NECK|||||||||||||||||||||C|||||||r1^Reader^Rita^^^Dr.
OBX|1|TX|&GDT^DESCRIPTION||CT HEAD & NECK~~FINDINGS: Right parotid gland: 2^nd nodule, 14 mm.~Left: normal.||||||C
",
    );
    assert_eq!(exposed(&report.accession_numbers), ["ORD-3"]);
    assert_eq!(report.status, ResultStatus::Corrected);
    assert_eq!(signed_by(&report), [("r1", "Reader^Rita")]);
    let expected = "FINDINGS:\nCT HEAD & NECK\n\nFINDINGS: Right parotid gland: 2^nd nodule, 14 mm.\nLeft: normal.";
    assert_eq!(report.text.expose(), expected);
    assert_eq!(side(&report), Some(MentionedSide::Right));
}

#[test]
fn one_formatted_text_for_all() {
    let report = read(
        "MSH|^~\\&|RIS||||||ORU^R01^ORU_R01|4|P|2.5
PID|1||T-4
OBR|1||||||||||||||||||A-4|||||||F
ZDS|1.2.826.0.1.99.4^PACS^Application^DICOM
OBX|1|FT|RPT^Radiology report||\\H\\CT Hals\\N\\\\.br\\FINDINGS: No parotid mass.\\X0D\\\\X0A\\IMPRESSION: Normal.||||||F
",
    );
    assert_eq!(report.study_instance_uids, ["1.2.826.0.1.99.4"]);
    assert_eq!(report.text.expose(), "CT Hals\nFINDINGS: No parotid mass.\nIMPRESSION: Normal.");
    assert_eq!(side(&report), None);
}

#[test]
fn coded_impressions_are_what_they_mean() {
    let report = read(
        "MSH|^~\\&|RIS||||||ORU^R01|5|P|2.3.1
PID|1||T-5
OBR|1||A-5^RIS|||||||||||||||||||||RAD|F
OBX|1|CE|70491&ANT^Site||PAR^Parotid region^L||||||F
OBX|2|CE|70491&IMP^Impression||D11.0^Pleomorphic adenoma of the left parotid^I10~^enlarged node||||||F
OBX|3|CWE|70491&REC^Recommendation||US^Ultrasound^L^^^^^^Ultrasound and biopsy||||||F
OBX|4|NM|CTDI^CTDIvol||12.5|mGy|||||F
OBX|5|ST|113813^CT Dose Length Product Total^DCM||421||||||F
OBX|6|ST|121071^Finding^DCM||Left parotid mass.||||||F
OBX|7|ST|0020000D^Study UID||1.2.826.0.1.99.5||||||F
OBX|8|ST|99^Series Instance UID||1.2.826.0.1.99.5.1||||||F
OBX|9|RP|IMG^Images||https://pacs.example/5||||||F
",
    );
    assert_eq!(
        report.text.expose(),
        "IMPRESSION:\nPleomorphic adenoma of the left parotid\nenlarged node\n\
         RECOMMENDATION:\nUltrasound and biopsy\nFINDINGS:\nLeft parotid mass."
    );
    assert_eq!(report.study_instance_uids, ["1.2.826.0.1.99.5"]);
    assert_eq!((side(&report), report.n_documents), (Some(MentionedSide::Left), 0));
}

#[test]
fn what_follows_a_section_is_no_part_of_it() {
    let report = read(
        "MSH|^~\\&|RIS||||||ORU^R01|6|P|2.5.1
PID|1||T-6
OBR|1||A-6||||||||||||||||||||||F
OBX|1|TX|HX^Clinical history||Left parotid mass.||||||F
OBX|2|TX|||||||F
OBX|3|TX|18748-4^Diagnostic imaging study^LN||Right parotid mass of 2 cm.||||||F
OBX|4|TX|18748-4^Diagnostic imaging study^LN||Withdrawn: left parotid mass.||||||D
",
    );
    assert_eq!(
        report.text.expose(),
        "HISTORY:\nLeft parotid mass.\n\nREPORT:\nRight parotid mass of 2 cm."
    );
    assert_eq!(side(&report), Some(MentionedSide::Right));
}

#[test]
fn documents_of_an_archive() {
    let mdm = |event: &str, status: &str, available: &str| {
        format!(
            "MSH|^~\\&|DMS||||||MDM^{event}^MDM_T02|7|P|2.5.1
EVN|{event}|20260105
PID|1||T-7
TXA|1|RAD|TX|20260105|||||11^Writer^Wanda|12^Signer^Sid||DOC-7||P-7^EMR|A-7^RIS||{status}||{available}|||13^Signer^Sina^^^^^^^^^^^^20260105
OBX|1|TX|11528-7^Radiology report^LN||Left parotid mass.
"
        )
    };
    let report = read(&mdm("T02", "LA", "AV"));
    assert_eq!(exposed(&report.accession_numbers), ["A-7", "P-7"]);
    assert_eq!(signed_by(&report), [("13", "Signer^Sina")]);
    assert_eq!(side(&report), Some(MentionedSide::Left));
    let check = |event: &str, status: &str, available: &str, expected: ResultStatus| {
        let report = read(&mdm(event, status, available));
        assert_eq!(report.status, expected, "{event} {status} {available}");
    };
    check("T02", "LA", "AV", ResultStatus::Final);
    check("T02", "AU", "", ResultStatus::Final);
    check("T02", "DI", "", ResultStatus::Preliminary);
    check("T02", "", "", ResultStatus::Preliminary);
    check("T04", "AU", "", ResultStatus::Final);
    check("T06", "AU", "", ResultStatus::Corrected);
    check("T08", "IP", "", ResultStatus::Preliminary);
    check("T10", "LA", "", ResultStatus::Corrected);
    check("T02", "LA", "CA", ResultStatus::Deleted);
    check("T11", "LA", "", ResultStatus::Deleted);
    let dictated = mdm("T02", "DI", "").replace("13^Signer^Sina", "");
    assert_eq!(signed_by(&read(&dictated)), [("11", "Writer^Wanda")]);
    // A cancellation brings no text.
    let cancelled = mdm("T11", "LA", "");
    let cancelled = read(cancelled.split_once("OBX").unwrap().0);
    assert_eq!((cancelled.status, cancelled.text.expose().as_str()), (ResultStatus::Deleted, ""));
}

#[test]
fn several_orders_of_one_report() {
    let oru = |first: &str, second: &str| {
        format!(
            "MSH|^~\\&|RIS||||||ORU^R01|8|P|2.5.1
PID|1||T-8
OBR|1|P-8|F-8||||||||||||||||||||||{first}
OBX|1|TX|1^Text||Normal.||||||{first}
OBR|2|P-9|F-9||||||||||||||||||||||{second}
OBX|1|TX|1^Text||Normal.
"
        )
    };
    let report = read(&oru("F", "F"));
    assert_eq!(exposed(&report.accession_numbers), ["F-8", "F-9", "P-8", "P-9"]);
    let check = |first: &str, second: &str, expected: ResultStatus| {
        assert_eq!(read(&oru(first, second)).status, expected, "{first} {second}");
    };
    check("F", "F", ResultStatus::Final);
    check("F", "P", ResultStatus::Preliminary);
    check("C", "F", ResultStatus::Corrected);
    check("F", "X", ResultStatus::Final);
    check("F", "S", ResultStatus::Final);
    check("", "", ResultStatus::Preliminary);
}

#[test]
fn the_status_is_what_both_say() {
    let check = |order: &str, observation: &str, expected: Result<ResultStatus, NotAReport>| {
        let text = format!(
            "MSH|^~\\&|RIS||||||ORU^R01|9|P|2.5.1
PID|1||T-9
OBR|1||A-9||||||||||||||||||||||{order}
OBX|1|TX|1^Text||Normal.||||||{observation}
"
        );
        let got = RadiologyReport::read(&message(&text)).map(|it| it.status);
        assert_eq!(got, expected, "{order} {observation}");
    };
    check("F", "F", Ok(ResultStatus::Final));
    check("f", "", Ok(ResultStatus::Final));
    check("F", "C", Ok(ResultStatus::Corrected));
    check("", "F", Ok(ResultStatus::Final));
    check("", "P", Ok(ResultStatus::Preliminary));
    check("A", "", Ok(ResultStatus::Preliminary));
    check("P", "F", Ok(ResultStatus::Preliminary));
    check("C", "D", Ok(ResultStatus::Deleted));
    check("F", "W", Ok(ResultStatus::Deleted));
    check("X", "X", Ok(ResultStatus::Deleted));
    check("X", "", Ok(ResultStatus::Deleted));
    check("I", "", Err(NotAReport::NoResult));
    check("S", "O", Err(NotAReport::NoResult));
    check("Q", "Q", Ok(ResultStatus::Preliminary));
}

#[test]
fn a_text_in_notes_is_read_where_there_is_no_other() {
    let text = "MSH|^~\\&|RIS||||||ORU^R01|10|P|2.3
PID|1||T-10
OBR|1||A-10||||||||||||||||||||||F
NTE|1||Left parotid mass.~No nodes.
OBX|1|ED|RPT^Report||^text^rtf^A^x
OBX|2|TX|RPT^Report||{\\E\\rtf1\\E\\ansi no}
";
    let report = read(text);
    assert_eq!(
        (report.text.expose().as_str(), report.n_documents),
        ("Left parotid mass.\nNo nodes.", 2)
    );
    let report = read(&text.replace("{\\E\\rtf1", "Normal"));
    assert_eq!((report.text.expose().as_str(), report.n_documents), ("Normal\\ansi no}", 1));
}

#[test]
fn a_document_alone_is_a_report_without_text() {
    let report = read(
        "MSH|^~\\&|RIS||||||ORU^R01|11|P|2.5.1
PID|1||T-11
OBR|1||||||||||||||||||A-11|||||||F
OBX|1|ED|PDF^Report||^application^pdf^Base64^JVBERi0=||||||F
",
    );
    assert_eq!((report.text.expose().as_str(), report.n_documents), ("", 1));
}

#[test]
fn letters_beyond_ascii_stay() {
    let text = "MSH|^~\\&|RIS||||||ORU^R01|12|P|2.5.1||||||8859/1\rPID|1||T-12\r\
        IPC|A-12^RIS|RP|1.2.826.0.1.99.12\rOBR|1||||||||||||||||||||||||F|||||||1&M\u{fc}ller&J\u{f6}rg\r\
        OBX|1|TX|1^Befund||Raumforderung der Gl. parotis, 2\u{b0}||||||F\r";
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let report = RadiologyReport::read(&Message::read(&bytes).unwrap()).unwrap();
    assert_eq!(signed_by(&report), [("1", "Müller^Jörg")]);
    assert_eq!(report.text.expose(), "Raumforderung der Gl. parotis, 2°");
    assert_eq!(exposed(&report.accession_numbers), ["A-12"]);
    assert_eq!(report.study_instance_uids, ["1.2.826.0.1.99.12"]);
}

#[test]
fn what_is_no_report_says_why() {
    let oru =
        |kind: &str, segments: &str| format!("MSH|^~\\&|RIS||||||{kind}|13|P|2.5.1\n{segments}");
    let kind = |kind: &str| NotAReport::Kind { kind: kind.into() };
    let obx = "OBX|1|TX|1^Text||Normal.\n";
    assert_eq!(refused(&oru("ADT^A08", "PID|1||T")), kind("ADT^A08"));
    assert_eq!(refused(&oru("MDM^T01", "PID|1||T")), kind("MDM^T01"));
    assert_eq!(refused(&oru("", "PID|1||T")), kind("^"));
    assert_eq!(refused(&oru("ORU^R01", "PID|1||T\n")), NotAReport::NoText);
    assert_eq!(refused(&oru("ORU^R01", obx)), NotAReport::NoIdentifiers);
    let lab = format!("PID|1||T\nOBR|1|||||||||||||||||||||||LAB|F\n{obx}");
    assert_eq!(refused(&oru("ORU^R01", &lab)), NotAReport::NotImaging("LAB".into()));
    let long = format!("PID|1||T\nOBX|1|TX|1^Text||{}\n", "x".repeat(600_000));
    assert_eq!(refused(&oru("ORU^R01", &long)), NotAReport::TooLong);
    // A feed goes on after what is nothing to us.
    assert_eq!(NotAReport::NoResult.answer(), Answer::Accepted);
    let answer = kind("MDM^T01").answer();
    assert!(matches!(answer, Answer::Refused(Condition::UnsupportedEventCode, _)), "{answer:?}");
}

#[test]
fn nothing_of_a_report_prints() {
    let printed = format!("{:?}", read(IHE));
    for secret in ["T-1001", "ACC-1", "Reader", "parotid"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}
