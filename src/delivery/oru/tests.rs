//! Messages, byte by byte.

use super::*;
use crate::dicom::attributes::PatientStudy;
use crate::imaging::PatientPoint;
use crate::phi::Phi;
use crate::reason::Reason;
use crate::screening::report::{
    CandidateReport, Decision, DecisionIdentity, GlandReport, GlandState, ModelIdentity, Models,
    ScreeningReport, Timing,
};
use crate::units::{CubicCentimeters, Millimeters, Probability, Side, VoxelCount};
use crate::worklist::matching::{MatchedBy, Order, OrderMatch, Unmatched};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const CREATED_MS: i64 = 1_767_225_600_000;

fn phi(text: &str) -> Phi<String> {
    Phi::new(text.to_owned())
}

fn settings() -> Hl7Settings {
    let text =
        "address = 'ris:2575'\nreceiving_application = 'RIS^1.2^ISO'\nsending_facility = 'CT'";
    toml::from_str(text).unwrap()
}

fn someone() -> PatientStudy {
    PatientStudy {
        patient_name: phi("Testperson^Änne^B^Dr.^MSc"),
        patient_id: phi("T|1"),
        birth_date: phi("19500401"),
        sex: phi("F"),
        study_date: phi("20251231"),
        study_time: phi("230501.25"),
        referring_physician: phi("Smith^Jane"),
        ..PatientStudy::default()
    }
}

fn candidate(side: Side, kept: bool) -> CandidateReport {
    CandidateReport {
        side,
        voxels: VoxelCount(4620),
        volume_cm3: CubicCentimeters(4.62),
        longest_diameter_mm: Millimeters(24.149),
        center_mm: PatientPoint::default(),
        mean_hu: -0.04,
        score: 0.9712,
        kept,
    }
}

/// A left gland with this decision beside a right one without a mass.
fn report(decision: Decision) -> ScreeningReport {
    let model = |name: &str| ModelIdentity {
        name: name.into(),
        version: "3".into(),
        sha256: "0".repeat(64),
    };
    let gland = |side: Side, decision: Decision| {
        let reason = (decision == Decision::NotAssessable).then_some(Reason::NotInFieldOfView);
        GlandReport {
            side,
            state: if reason.is_some() { GlandState::NotAssessable } else { GlandState::Assessed },
            reason,
            center_mm: None,
            heatmap_peak: Probability(0.9),
            decision,
            score: 0.5,
        }
    };
    let kept = decision == Decision::Flagged;
    ScreeningReport {
        schema: "parotidd.report/1".into(),
        software_version: "0.1.0".into(),
        notice: NOT_FOR_DIAGNOSTIC_USE.into(),
        study_instance_uid: "1.2".into(),
        series_instance_uid: "1.2.1".into(),
        accession_number: "A1".into(),
        models: Models {
            localizer: model("loc"),
            segmenter: model("seg"),
            decision: DecisionIdentity {
                version: "1".into(),
                rule: "svm".into(),
                gamma: 5.0,
                tumor_voxels_min: VoxelCount(500),
            },
        },
        decision,
        reason: (decision == Decision::NotAssessable).then_some(Reason::OneGlandNotAssessed),
        warnings: Vec::new(),
        score: 0.97,
        glands: vec![gland(Side::Right, Decision::NotFlagged), gland(Side::Left, decision)],
        candidates: vec![candidate(Side::Left, kept), candidate(Side::Left, false)],
        timing_ms: Timing::default(),
    }
}

fn case<'a>(report: &'a ScreeningReport, patient: &'a PatientStudy) -> Case<'a> {
    Case {
        id: ID,
        created_unix_ms: CREATED_MS,
        report,
        patient,
        found: None,
        supersedes: None,
        acknowledge_url: None,
        unacknowledged_min: 0,
        digest_follows: None,
    }
}

fn lines(case: &Case<'_>) -> Vec<String> {
    let text = oru(case, &settings());
    assert_eq!(text, oru(case, &settings()), "the same case gives the same bytes");
    text.split_terminator('\r').map(str::to_owned).collect()
}

#[test]
fn a_flagged_series_says_all_that_was_measured() {
    let (report, patient) = (report(Decision::Flagged), someone());
    let got = lines(&case(&report, &patient));
    // What all observations share.
    let end = "|P|||20251231230501|||123110^Artificial Intelligence^DCM|parotidd 0.1.0|20260101000000+0000";
    let expected = [
        "MSH|^~\\&|PAROTIDD|CT|RIS^1.2^ISO||20260101000000+0000||ORU^R01^ORU_R01|0123456789abcdef0123|P|2.5.1||||||UNICODE UTF-8",
        "PID|1||T\\F\\1||Testperson^Änne^B^MSc^Dr.^^L||19500401|F",
        "PV1|1|U",
        "ORC|RE|A1|1.2.1^PAROTIDD",
        "OBR|1|A1|1.2.1^PAROTIDD|PAROTID-CT-SCREEN^Parotid screening of CT^L|||20251231230501|||||||||^Smith^Jane||A1||||20260101000000+0000||CT|P",
        "NTE|1|L|not for diagnostic use; automated screening, not verified by a physician|RE^Remark^HL70364",
    ];
    assert_eq!(got[..expected.len()], expected);
    let observations = [
        "CWE|PAROTID-MASS^Parotid mass on CT^L||52101004^Present^SCT^flagged^Flagged^L|||A||",
        "NM|SCORE^Score of the series, 0 to 1^L||0.97|||||",
        "CWE|PAROTID-GLAND^Mass in this gland^L|R|272519000^Absent^SCT^not_flagged^Not flagged^L|||N||",
        "CWE|PAROTID-GLAND^Mass in this gland^L|L|52101004^Present^SCT^flagged^Flagged^L|||A||",
        "CWE|272741003^Laterality^SCT|L.1|7771000^Left^SCT|||||",
        "NM|118565006^Volume^SCT|L.1|4.62|cm3^cubic centimeter^UCUM||||",
        "NM|103339001^Long axis^SCT|L.1|24.1|mm^millimeter^UCUM||||",
        "NM|112031^Attenuation Coefficient^DCM|L.1|0|[hnsf'U]^Hounsfield unit^UCUM||||",
        "NM|111012^Certainty of Finding^DCM|L.1|97.1|%^Percent^UCUM||||",
        "ST|MODEL-LOCALIZER^Network that finds the glands^L||loc 3|||||",
        "ST|MODEL-SEGMENTER^Network that outlines a mass^L||seg 3|||||",
        "ST|MODEL-DECISION^Decision rule^L||svm 1|||||",
        "ST|113014^DICOM Study^DCM||1.2|||||",
        "ST|112002^Series Instance UID^DCM||1.2.1|||||",
    ];
    let observations = observations.iter().enumerate();
    let observations: Vec<_> =
        observations.map(|(n, it)| format!("OBX|{}|{it}{end}", n + 1)).collect();
    assert_eq!(got[expected.len()..], observations);
}

#[test]
fn what_is_not_assessable_says_why_and_is_no_negative() {
    let (report, patient) = (report(Decision::NotAssessable), someone());
    let got = lines(&case(&report, &patient));
    let values: Vec<_> = got
        .iter()
        .filter(|line| line.starts_with("OBX"))
        .map(|line| line.split('|').collect::<Vec<_>>())
        .map(|fields| (fields[4], fields[5], fields[8]))
        .take(6)
        .collect();
    let undetermined = "373068000^Undetermined^SCT^not_assessable^Not assessable^L";
    let [of_series, of_gland] = [Reason::OneGlandNotAssessed, Reason::NotInFieldOfView]
        .map(|reason| format!("{}^{}^L", reason.code(), reason.sentence()));
    let expected = [
        ("", undetermined, ""),
        ("", of_series.as_str(), ""),
        ("", "0.97", ""),
        ("R", "272519000^Absent^SCT^not_flagged^Not flagged^L", "N"),
        ("L", undetermined, ""),
        ("L", of_gland.as_str(), ""),
    ];
    assert_eq!(values, expected);
}

#[test]
fn a_correction_names_what_it_replaces() {
    let patient = someone();
    let report = ScreeningReport {
        warnings: vec![Warning::LossyCompression],
        ..report(Decision::NotFlagged)
    };
    let earlier = "f".repeat(64);
    let case = Case { supersedes: Some(&earlier), ..case(&report, &patient) };
    let got = lines(&case);
    assert_eq!(
        got[6],
        format!(
            "NTE|2|L|replaces the result of message {} (MSH-10), which no longer holds|RE^Remark^HL70364",
            "f".repeat(20)
        )
    );
    assert!(got[7].starts_with("NTE|3|L|The images were compressed"), "{}", got[7]);
    // Which result it is, is the same; it stays preliminary.
    assert!(got[4].starts_with("OBR|1|A1|1.2.1^PAROTIDD|"));
    assert!(got[4].ends_with("|P"));
}

#[test]
fn an_order_stands_where_ihe_has_it() {
    let order = Order {
        accession_number: phi("A9"),
        requested_procedure_id: phi("R9"),
        referring_physician: phi("=山田^太郎"),
        ..Order::default()
    };
    let found = OrderMatch::Matched { order, by: MatchedBy::StudyInstanceUid };
    let (mut report, patient) = (report(Decision::NotFlagged), someone());
    report.accession_number = String::new();
    let fields = |found: &OrderMatch| {
        let got = lines(&Case { found: Some(found), ..case(&report, &patient) });
        let fields: Vec<_> = got[4].split('|').map(str::to_owned).collect();
        [2, 16, 18, 19].map(|n| fields[n].clone())
    };
    assert_eq!(fields(&found), ["A9", "^山田^太郎", "A9", "R9"]);
    let none = OrderMatch::Unmatched(Unmatched::NoWorklistEntry);
    assert_eq!(fields(&none), ["", "^Smith^Jane", "", ""]);
}

#[test]
fn names_keep_their_ways_of_writing() {
    let check = |name: &str, expected: &str| {
        let mut pid = Segment::new("PID");
        pid.set(1, person::extended_name(name));
        assert_eq!(pid.encode(), format!("PID|{expected}"), "{name}");
    };
    check("Doe^Jane", "Doe^Jane^^^^^L");
    check("Doe", "Doe^^^^^^L");
    check(
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
    );
    check("=山田^太郎", "山田^太郎^^^^^L^I");
    check("A&B|C~D\\E^F", "A\\T\\B\\F\\C\\R\\D\\E\\E^F^^^^^L");
    check("", "^^^^^^U");
    check("^^", "^^^^^^U");
}

#[test]
fn nobody_is_made_up() {
    let (report, nobody) = (report(Decision::Flagged), PatientStudy::default());
    let got = lines(&case(&report, &nobody));
    let names: Vec<_> = got.iter().map(|line| &line[..3]).take(4).collect();
    assert_eq!(names, ["MSH", "ORC", "OBR", "NTE"]);
    // OBR-7 and OBR-16.
    assert!(got[2].contains("^L||||||||||||||A1|"), "{}", got[2]);
}

#[test]
fn times_are_those_of_the_scanner_as_far_as_it_says() {
    let check = |date: &str, time: &str, expected: &str| {
        let patient = PatientStudy { study_date: phi(date), study_time: phi(time), ..someone() };
        assert_eq!(
            study_time(&case(&report(Decision::Flagged), &patient)),
            expected,
            "{date} {time}"
        );
    };
    check("20251231", "230501.25", "20251231230501");
    check("20251231", "2305", "202512312305");
    check("20251231", "", "20251231");
    check("20251231", "noon", "20251231");
    check("2025.12.31", "230501", "");
    check("", "", "");
}
