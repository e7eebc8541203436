//! Every way to find an order, and every way to be misled.

use proptest::prelude::*;

use super::*;

fn phi(text: &str) -> Phi<String> {
    Phi::new(text.to_owned())
}

fn patient(id: &str) -> PatientIdentity {
    PatientIdentity {
        id: phi(id),
        issuer: phi(""),
        name: phi("Yamada^Tarou=山田^太郎"),
        birth_date: phi("19500401"),
    }
}

/// A study of patient 1 on CT1, as a scanner sends it that knows no worklist.
fn keys() -> SeriesKeys {
    SeriesKeys {
        study: "1.2.3".parse().unwrap(),
        accession_number: phi(""),
        patient: patient("1"),
        modality: "CT".into(),
        stations: vec!["CT1".into()],
        study_time: "2026-01-10T12:00".parse().ok(),
    }
}

/// The order of that patient, as the worklist has it.
fn entry(n: u32) -> ScheduledProcedureStep {
    ScheduledProcedureStep {
        study: format!("1.9.{n}").parse().ok(),
        accession_number: phi(&format!("A{n}")),
        patient: patient("1"),
        referring_physician: phi("Smith^Jane"),
        requested_procedure_id: phi(&format!("R{n}")),
        requested_procedure_description: phi("CT neck"),
        step_id: phi("S1"),
        step_description: phi(""),
        modality: "CT".into(),
        stations: vec!["CT1".into()],
        start: "2026-01-10T09:30".parse().ok(),
    }
}

fn find(keys: &SeriesKeys, entries: &[ScheduledProcedureStep]) -> Result<MatchedBy, Unmatched> {
    let listed =
        |entry: &ScheduledProcedureStep| Candidate { entry: entry.clone(), is_listed: true };
    let candidates: Vec<_> = entries.iter().map(listed).collect();
    match match_order(keys, &candidates) {
        OrderMatch::Matched { by, order } => {
            assert!(entries.iter().any(|it| it.accession_number == order.accession_number));
            Ok(by)
        }
        OrderMatch::Unmatched(reason) => Err(reason),
    }
}

#[test]
fn the_study_uid_decides() {
    let of_study = |n| ScheduledProcedureStep { study: Some(keys().study), ..entry(n) };
    assert_eq!(find(&keys(), &[entry(1), of_study(2)]), Ok(MatchedBy::StudyInstanceUid));
    let ambiguous = Err(Unmatched::AmbiguousWorklistEntries);
    assert_eq!(find(&keys(), &[of_study(1), of_study(2)]), ambiguous);
    let other = ScheduledProcedureStep { patient: patient("2"), ..of_study(2) };
    assert_eq!(find(&keys(), std::slice::from_ref(&other)), Err(Unmatched::PatientDiffers));
    // Another patient's entry does not make way for a weaker key.
    assert_eq!(find(&keys(), &[entry(1), other]), Err(Unmatched::PatientDiffers));
    let nameless = ScheduledProcedureStep { patient: PatientIdentity::default(), ..of_study(2) };
    assert_eq!(find(&keys(), &[nameless]), Ok(MatchedBy::StudyInstanceUid));
}

#[test]
fn an_accession_number_needs_its_patient() {
    let keys = SeriesKeys { accession_number: phi("A2"), ..keys() };
    let check = |entry: ScheduledProcedureStep, expected| {
        assert_eq!(find(&keys, &[entry]), expected);
    };
    let far = ScheduledProcedureStep { start: None, stations: Vec::new(), ..entry(2) };
    check(far.clone(), Ok(MatchedBy::AccessionNumber));
    let of = |patient| ScheduledProcedureStep { patient, ..far.clone() };
    check(of(patient("2")), Err(Unmatched::PatientDiffers));
    check(of(PatientIdentity::default()), Err(Unmatched::PatientDiffers));
    // Issuers count where both have one.
    let issued = |issuer: &str| PatientIdentity { issuer: phi(issuer), ..patient("1") };
    check(of(issued("H1")), Ok(MatchedBy::AccessionNumber));
    let at_h2 = SeriesKeys { patient: issued("H2"), ..keys.clone() };
    assert_eq!(find(&at_h2, &[of(issued("H1"))]), Err(Unmatched::PatientDiffers));
    assert_eq!(find(&at_h2, &[of(issued("H2"))]), Ok(MatchedBy::AccessionNumber));
    // The same patient's order of another number is another order.
    check(entry(1), Err(Unmatched::NoWorklistEntry));
}

#[test]
fn steps_of_one_order_are_one() {
    let second = ScheduledProcedureStep {
        step_id: phi("S2"),
        stations: vec!["CT2".into(), "CT1".into()],
        ..entry(1)
    };
    let listed = |entry| Candidate { entry, is_listed: true };
    let found = match_order(&keys(), &[listed(entry(1)), listed(second)]);
    let OrderMatch::Matched { order, by } = found else { panic!("{found:?}") };
    assert_eq!((order.stations, by), (vec!["CT1".into(), "CT2".into()], MatchedBy::PatientAndTime));
}

#[test]
fn a_patient_id_needs_everything_else() {
    assert_eq!(find(&keys(), &[entry(1)]), Ok(MatchedBy::PatientAndTime));
    let check = |edit: fn(&mut ScheduledProcedureStep), expected| {
        let mut changed = entry(1);
        edit(&mut changed);
        assert_eq!(find(&keys(), &[changed]), Err(expected));
    };
    use Unmatched::{NoWorklistEntry, PatientNotConfirmed};
    check(|it| it.modality = "MR".into(), NoWorklistEntry);
    check(|it| it.stations = vec!["CT2".into()], NoWorklistEntry);
    check(|it| it.stations.clear(), NoWorklistEntry);
    check(|it| it.start = None, NoWorklistEntry);
    check(|it| it.start = "2026-01-12T09:30".parse().ok(), NoWorklistEntry);
    check(|it| it.patient.id = phi(""), NoWorklistEntry);
    check(|it| it.patient.birth_date = phi("19510401"), PatientNotConfirmed);
    check(
        |it| it.patient = PatientIdentity { id: phi("1"), ..PatientIdentity::default() },
        PatientNotConfirmed,
    );
    let both = [entry(1), entry(2)];
    assert_eq!(find(&keys(), &both), Err(Unmatched::AmbiguousWorklistEntries));
    // One that the worklist no longer has was begun or cancelled.
    let gone = Candidate { entry: entry(1), is_listed: false };
    let found = match_order(&keys(), &[gone]);
    assert_eq!(found, OrderMatch::Unmatched(NoWorklistEntry));
}

#[test]
fn names_confirm_however_they_are_written() {
    let check = |name: &str, expected: bool| {
        let mut changed = entry(1);
        changed.patient.birth_date = phi("");
        changed.patient.name = phi(name);
        assert_eq!(find(&keys(), &[changed]).is_ok(), expected, "{name}");
    };
    check("YAMADA^TAROU^^^", true);
    check("Other=山田^太郎", true);
    check("Yamada^Jirou", false);
    check("", false);
}

#[test]
fn codes_are_what_is_serialized() {
    for reason in Unmatched::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
    }
}

/// Few values, so that they often meet.
fn some_entry() -> impl Strategy<Value = Candidate> {
    let text = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(phi);
    let patient =
        (text(&["", "1", "2"]), text(&["", "H1"]), text(&["", "A^B"]), text(&["", "1950"]))
            .prop_map(|(id, issuer, name, birth_date)| PatientIdentity {
                id,
                issuer,
                name,
                birth_date,
            });
    let uid = prop::sample::select(vec!["1.2.3", "1.9", "none"]);
    let start = prop::sample::select(vec!["2026-01-10T12:00", "2026-03-10T12:00", ""]);
    (uid, text(&["", "A1", "A2"]), patient, start, any::<bool>()).prop_map(
        |(uid, accession_number, patient, start, is_listed)| {
            let study = uid.parse().ok();
            let start = start.parse().ok();
            let entry =
                ScheduledProcedureStep { study, accession_number, patient, start, ..entry(1) };
            Candidate { entry, is_listed }
        },
    )
}

fn some_keys() -> impl Strategy<Value = SeriesKeys> {
    some_entry().prop_map(|Candidate { entry, .. }| SeriesKeys {
        accession_number: entry.accession_number,
        patient: entry.patient,
        study_time: entry.start,
        ..keys()
    })
}

proptest! {
    #[test]
    fn the_order_of_entries_does_not_matter(
        keys in some_keys(),
        entries in prop::collection::vec(some_entry(), 0..6),
    ) {
        let forward = match_order(&keys, &entries);
        let backward: Vec<_> = entries.into_iter().rev().collect();
        prop_assert_eq!(forward, match_order(&keys, &backward));
    }

    #[test]
    fn no_order_of_another_patient_is_ever_taken(
        keys in some_keys(),
        entries in prop::collection::vec(some_entry(), 0..6),
    ) {
        let other = |it: &Candidate| is_other_patient(&keys.patient, &it.entry.patient);
        let all_other: Vec<_> = entries.into_iter().filter(other).collect();
        prop_assert!(match_order(&keys, &all_other).order().is_none());
    }

    #[test]
    fn a_patient_id_alone_finds_nothing(
        keys in some_keys(),
        entries in prop::collection::vec(some_entry(), 0..6),
    ) {
        let bare = |mut it: Candidate| {
            it.entry.study = None;
            it.entry.accession_number = phi("");
            it.entry.patient = PatientIdentity { id: it.entry.patient.id, ..PatientIdentity::default() };
            it
        };
        let bare: Vec<_> = entries.into_iter().map(bare).collect();
        prop_assert!(match_order(&keys, &bare).order().is_none());
    }
}
