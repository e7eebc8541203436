//! The worklist SCU with DCMTK's server, and with one on pynetdicom that does what it should not.

use std::net::TcpListener;
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AssociationAC, Pdu, PresentationContextResult, PresentationContextResultReason, write_pdu,
};
use parotidd::dicom::scu::find::{FindRequest, Found, find};
use parotidd::dicom::scu::{ScuError, ScuOptions};
use parotidd::dicom::worklist::{SOP_CLASS, ScheduledProcedureStep, WorklistQuery};
use parotidd::error::{Dispose, Disposition};
use parotidd::limits;
use parotidd::worklist::{QueryError, WorklistSettings, ask};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peers::Server;
use crate::ris::{Entry, Ris};

/// 2026-01-01.
const NOW_MS: i64 = 1_767_225_600_000;

fn settings(port: u16, more: &str) -> WorklistSettings {
    let text = format!("address = '127.0.0.1:{port}'\ncalled_ae_title = 'RIS'\n{more}");
    toml::from_str(&text).unwrap()
}

/// `tests/peers/worklist_scp.py`; `None` where pynetdicom is not installed.
fn pynetdicom(mode: &str) -> Option<Server> {
    Server::start("pynetdicom", "worklist_scp.py", &[mode.to_owned()])
}

fn options() -> ScuOptions {
    ScuOptions {
        timeout: Duration::from_secs(10),
        ..ScuOptions::new("PAROTIDD".parse().unwrap(), "RIS".parse().unwrap())
    }
}

/// One query to a peer, as the task makes it.
async fn query(port: u16, options: &ScuOptions) -> Result<Found, ScuError> {
    let day = "2026-01-01".parse().unwrap();
    let identifier = WorklistQuery { station: None, from: day, to: day }.identifier().unwrap();
    let request =
        FindRequest { sop_class: SOP_CLASS, service: "Modality Worklist", identifier: &identifier };
    find(("127.0.0.1", port), options, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_character_set_is_read_as_pydicom_reads_it() {
    let Some(peer) = pynetdicom("charsets") else { return };
    let settings = settings(peer.port, "station_ae_titles = ['CT1']");
    let round = ask(&settings, &"PAROTIDD".parse().unwrap(), None, NOW_MS).await;
    assert!(round.incomplete.is_none(), "{:?}", round.incomplete);
    assert_eq!(
        peer.line(),
        json!({"modality": "CT", "station": "CT1", "days": "20251231-20260102", "calling": "PAROTIDD"})
    );
    let names = peer.line()["names"].clone();
    assert_eq!(round.entries.len(), names.as_object().unwrap().len());
    for entry in &round.entries {
        let expected = &names[entry.accession_number.expose()];
        assert_eq!(expected, entry.patient.name.expose().as_str());
    }
    assert!(names.as_object().unwrap().values().any(|name| name == "Hong^Gildong=洪^吉洞=홍^길동"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_ends_is_cancelled() {
    let Some(peer) = pynetdicom("endless") else { return };
    let found = query(peer.port, &options()).await.unwrap();
    assert_eq!((found.identifiers.len(), found.is_complete), (limits::FIND_ANSWERS_MAX, false));
    peer.line();
    assert_eq!(peer.line(), json!({"cancelled": true}));
    let first = ScheduledProcedureStep::parse(&found.identifiers[0]).unwrap();
    assert_eq!(first.accession_number.expose(), "A1");
    let round = ask(&settings(peer.port, ""), &"PAROTIDD".parse().unwrap(), None, NOW_MS).await;
    assert_eq!(round.entries.len(), limits::FIND_ANSWERS_MAX);
    assert!(matches!(round.incomplete, Some(QueryError::TooMany)), "{:?}", round.incomplete);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_are_left_with_the_right_word() {
    let check = async |mode: &str, is_expected: fn(&ScuError) -> bool, disposition| {
        let Some(peer) = pynetdicom(mode) else { return };
        let options = ScuOptions { timeout: Duration::from_secs(2), ..options() };
        let error = query(peer.port, &options).await.unwrap_err();
        assert!(is_expected(&error), "{mode}: {error:?}");
        assert_eq!(error.disposition(), disposition, "{mode}");
    };
    use Disposition::{Reject, Retry};
    check("other-id", |error| matches!(error, ScuError::OtherMessage), Retry).await;
    check("silence", |error| matches!(error, ScuError::UpperLayer(_)), Retry).await;
    check("abort", |error| matches!(error, ScuError::Aborted), Retry).await;
    check("reject", |error| matches!(error, ScuError::NoService(_)), Retry).await;
    let failed = |error: &ScuError| matches!(error, ScuError::Find(_));
    check("A700", failed, Retry).await;
    check("A900", failed, Reject).await;
    check("C001", failed, Retry).await;
    check("0122", failed, Reject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_entries_do_not_hide_the_others() {
    let Some(peer) = pynetdicom("garbage") else { return };
    let round = ask(&settings(peer.port, ""), &"PAROTIDD".parse().unwrap(), None, NOW_MS).await;
    assert_eq!(round.entries.len(), 1);
    assert_eq!(round.entries[0].accession_number.expose(), "A1");
    assert!(matches!(round.incomplete, Some(QueryError::Unreadable(4))), "{:?}", round.incomplete);
}

#[tokio::test]
async fn nobody_there_is_a_reason_to_try_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = query(port, &options()).await.unwrap_err();
    assert!(matches!(error, ScuError::Connect(_)), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

/// A peer in bytes: accepts, then writes `answer` `n_times`, whatever it hears.
async fn raw_peer(answer: Vec<u8>, n_times: usize) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 6];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        let accept = Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            application_context_name: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
            called_ae_title: "RIS".to_owned(),
            calling_ae_title: "PAROTIDD".to_owned(),
            presentation_contexts: vec![PresentationContextResult {
                id: 1,
                reason: PresentationContextResultReason::Acceptance,
                transfer_syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            }],
            user_variables: Vec::new(),
        });
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, &accept).unwrap();
        stream.write_all(&bytes).await.unwrap();
        // An error is the other side's way to leave.
        for _ in 0..n_times {
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    port
}

/// A C-FIND-RSP's command set.
fn response(status: u16) -> Vec<u8> {
    let element = |number: u16, value: &[u8]| {
        let length = u32::try_from(value.len()).unwrap();
        [&[0, 0][..], &number.to_le_bytes(), &length.to_le_bytes(), value].concat()
    };
    let elements = [(0x0100, 0x8020_u16), (0x0120, 1), (0x0800, 1), (0x0900, status)];
    elements.iter().flat_map(|(number, value)| element(*number, &value.to_le_bytes())).collect()
}

/// A P-DATA-TF with these pieces: of a command or not, the last or not.
fn pdu(pieces: &[(bool, bool, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (is_command, is_last, data) in pieces {
        body.extend(u32::try_from(data.len() + 2).unwrap().to_be_bytes());
        body.extend([1, u8::from(*is_command) | u8::from(*is_last) << 1]);
        body.extend_from_slice(data);
    }
    let length = u32::try_from(body.len()).unwrap();
    [&[4, 0][..], &length.to_be_bytes(), &body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_may_come_in_any_pieces() {
    let (pending, success) = (response(0xFF00), response(0));
    let whole = pdu(&[
        (true, false, &pending[..7]),
        (true, true, &pending[7..]),
        (false, false, b"on"),
        (false, true, b"e!"),
        (true, true, &pending),
        (false, true, b"two!"),
        (true, true, &success),
    ]);
    let port = raw_peer(whole, 1).await;
    let found = query(port, &options()).await.unwrap();
    assert_eq!(found.identifiers, [b"one!".to_vec(), b"two!".to_vec()]);
    assert!(found.is_complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_break_the_protocol_are_left() {
    let pending = response(0xFF00);
    let check = async |answer: Vec<u8>, n_times: usize, expected: &str| {
        let port = raw_peer(answer, n_times).await;
        let error = query(port, &options()).await.unwrap_err();
        assert!(format!("{error:?}").contains(expected), "{error:?}");
    };
    // One that is deaf to the cancel.
    let one = pdu(&[(true, true, &pending), (false, true, b"an entry")]);
    check(one, usize::MAX, "FindEndless").await;
    // An identifier without an end, and one that ends beyond all limits.
    let piece = vec![0; 100_000];
    let n = limits::FIND_BYTES_MAX / piece.len() + 2;
    let mut long = pdu(&[(true, true, &pending)]);
    for _ in 0..n {
        long.extend(pdu(&[(false, false, &piece)]));
    }
    long.extend(pdu(&[(false, true, b"the end.")]));
    long.extend(pdu(&[(true, true, &response(0xC123))]));
    check(long, 1, "UnableToProcess").await;
    // A command within an identifier, a data set without a command, no identifier after a pending one.
    check(
        pdu(&[(true, true, &pending), (false, false, b"a"), (true, true, &pending)]),
        1,
        "within",
    )
    .await;
    check(pdu(&[(false, true, b"an entry")]), 1, "a command was due").await;
    check(pdu(&[(true, true, &pending), (true, true, &pending)]), 1, "OtherMessage").await;
    // A malformed PDV, and a PDU that may not come.
    check(vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 99, 1, 3], 1, "malformed").await;
    check(vec![6, 0, 0, 0, 0, 4, 0, 0, 0, 0], 1, "no answer to the message").await;
    check(b"HTTP/1.1 200 OK".to_vec(), 1, "UnrecognizedPdu").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_s_worklist_is_read() {
    let Some(ris) = Ris::with_examples() else { return };
    let found = async |now_ms: i64, more: &str| {
        let round =
            ask(&settings(ris.port, more), &"PAROTIDD".parse().unwrap(), None, now_ms).await;
        assert!(round.incomplete.is_none(), "{:?}", round.incomplete);
        round.entries
    };
    const APRIL_7_1996_MS: i64 = 828_835_200_000;
    const JUNE_5_1993_MS: i64 = 739_238_400_000;
    assert_eq!(found(NOW_MS, "").await, []);
    let entries = found(APRIL_7_1996_MS, "").await;
    assert_eq!(entries.len(), 1, "of CT, not of the day after tomorrow");
    let entry = &entries[0];
    assert_eq!(entry.study.as_ref().unwrap().as_str(), "1.2.276.0.7230010.3.2.102");
    assert_eq!(entry.patient.name.expose(), "VIVALDI^ANTONIO");
    assert_eq!(entry.patient.id.expose(), "AV35674");
    assert_eq!(entry.requested_procedure_id.expose(), "RP488M9439");
    assert_eq!(entry.requested_procedure_description.expose(), "EXAM5464");
    assert_eq!(entry.step_id.expose(), "SPD1342");
    assert_eq!(entry.start.unwrap().to_string(), "1996-04-06T16:07:00");
    let entries = found(JUNE_5_1993_MS, "station_ae_titles = ['ER67', 'AB45']").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].stations, ["FG56", "ER67", "JJ56", "TZ77"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_s_answers_keep_their_letters() {
    let entry = Entry {
        study: "1.2.3".into(),
        accession: "A1".into(),
        patient_id: "1".into(),
        procedure_id: "R1".into(),
        date: "20260101".into(),
    };
    let Some(ris) = Ris::start(&[entry]) else { return };
    let round = ask(&settings(ris.port, ""), &"PAROTIDD".parse().unwrap(), None, NOW_MS).await;
    assert!(round.incomplete.is_none(), "{:?}", round.incomplete);
    assert_eq!(round.entries.len(), 1);
    assert_eq!(round.entries[0].referring_physician.expose(), "Smith^Jane=山田^太郎");
}
