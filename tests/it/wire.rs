//! The storage SCP and SCU, and STOW-RS, over real sockets: with each other, with DCMTK, and with peers that
//! misbehave byte by byte.

mod commitment_report;
mod procedure_step;
mod stow;
mod support;
mod tls;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{AbortRQSource, PDataValue, PDataValueType, Pdu};
use parotidd::dicom::commitment;
use parotidd::dicom::ct_series_writer::CtEncoding;
use parotidd::dicom::dimse::{self, StoreStatus};
use parotidd::dicom::part10::FileMeta;
use parotidd::dicom::scu::store::SendOutcome;
use parotidd::dicom::scu::{self, ScuError, ScuOptions};
use parotidd::dicom::store_scp::{AssociationEnd, Rejection, ScpEvent};
use parotidd::error::Disposition;
use parotidd::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use self::support::*;
use crate::peers::pynetdicom;
use crate::transfer_syntaxes::write_slice;

#[tokio::test(flavor = "multi_thread")]
async fn our_scu_sends_to_our_scp() {
    let mut server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let mut files: Vec<_> =
        (1..=3).map(|n| write_file(dir.path(), &format!("1.2.3.{n}"), 300_000 * n)).collect();
    files.push(dir.path().join("missing.dcm"));
    files.push(files[0].clone());
    let outcomes = scu::store::send(server.address, &scu("CT1"), &files).await.unwrap();
    let stored: Vec<_> = outcomes.iter().map(SendOutcome::is_stored).collect();
    assert_eq!(stored, [true, true, true, false, true]);

    for (n, file) in (1..=3).zip(&files) {
        let received = server.spool.folder().join(format!("{SERIES}/1.2.3.{n}.dcm"));
        let (sent, kept) = (std::fs::read(file).unwrap(), std::fs::read(received).unwrap());
        let expected = data_set(&format!("1.2.3.{n}"), 300_000 * n);
        assert!(sent.ends_with(&expected) && kept.ends_with(&expected), "bytes are kept as sent");
    }
    let instances = server.instances();
    assert_eq!(instances.len(), 4, "an instance sent again is recorded again");
    assert_eq!(instances[0].calling_ae.as_str(), "CT1");
    assert_eq!(instances[0].path, Path::new("1.2.7/1.2.3.1.dcm"));
    assert!(!server.records.missed.load(Ordering::SeqCst), "recorded only once on disk");
    assert_eq!(server.spool.recover().unwrap().len(), 3);

    assert!(matches!(server.event().await, ScpEvent::Opened { .. }));
    let ScpEvent::Closed { end, n_instances, series, .. } = server.event().await else {
        panic!("no end")
    };
    assert_eq!((end, n_instances), (AssociationEnd::Released, 4));
    assert_eq!(series, [SERIES.parse().unwrap()]);
    assert!(server.stop().await.is_empty());
}

/// Who feeds the watchdog hears of a port that takes no connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_alive_while_it_takes_connections() {
    let server = Server::start().await;
    // Its heart is there once it has taken a connection.
    server.expect_alive().await;
    assert!(server.hearts.silent().is_empty());
    let is_missed = (0..10).any(|_| {
        // Its beat every few seconds may fall between the two.
        server.clock.advance(2 * limits::HEARTBEAT_RECEIVE);
        server.hearts.silent() == ["receive"]
    });
    assert!(is_missed);
    scu::echo::echo(server.address, &scu("CT1")).await.unwrap();
    assert!(server.hearts.silent().is_empty(), "it took one");
    server.clock.advance(2 * limits::HEARTBEAT_RECEIVE);
    sleep(2 * limits::TASK_BEAT).await;
    assert!(server.hearts.silent().is_empty(), "it waits for one");
    let hearts = server.hearts.clone();
    server.stop().await;
    assert!(hearts.silent().is_empty(), "it ended as it should");
}

#[tokio::test(flavor = "multi_thread")]
async fn associations_are_rejected_with_the_right_codes() {
    let mut server = Server::start().await;
    let mut check = async |calling: &str, called: &str, expected: Rejection| {
        let options = ScuOptions { called_ae: called.parse().unwrap(), ..scu(calling) };
        let error = scu::echo::echo(server.address, &options).await.unwrap_err();
        assert!(matches!(error, ScuError::Rejected(_)), "{error}");
        let ScpEvent::Rejected { rejection, .. } = server.event().await else { panic!() };
        assert_eq!(rejection, expected);
    };
    check("OTHER", "PAROTIDD", Rejection::CallingAeTitle).await;
    check("CT1", "OTHER", Rejection::CalledAeTitle).await;
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_associations_are_turned_away_and_later_ones_are_fine() {
    let server = Server::start_with(|options| options.associations_max = 1).await;
    let mut first = RawPeer::associated(&server).await;
    let mut second = RawPeer::connect(&server).await;
    second.send(&request("CT1", "PAROTIDD").into()).await;
    let mut bytes = [0; 10];
    second.0.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, [3, 0, 0, 0, 0, 4, 0, 2, 3, 2], "transient, local limit exceeded");
    first.send(&Pdu::ReleaseRQ).await;
    assert_eq!(first.receive().await, Pdu::ReleaseRP);
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_peers_block_nobody_and_are_let_go() {
    let server = Server::start_with(|options| {
        options.associations_max = 1;
        options.artim = Duration::from_millis(500);
        options.idle_timeout = Duration::from_millis(500);
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(RawPeer::connect(&server).await);
    }
    let mut half = RawPeer::connect(&server).await;
    half.0.write_all(&[1, 0, 0, 0, 1]).await.unwrap();
    server.expect_alive().await;
    // One that holds the only association, in the middle of a data set.
    let mut idle = RawPeer::associated(&server).await;
    idle.send_command(CT, &store_command(1, "1.2.3")).await;
    idle.send_data(CT, false, &data_set("1.2.3", 100)[..50]).await;
    idle.expect_abort().await;
    server.expect_no_files().await;
    half.expect_abort().await;
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_may_be_cut_and_joined_in_any_way() {
    let server = Server::start().await;
    let mut peer = RawPeer::associated(&server).await;
    use PDataValueType::{Command, Data};
    // A fragmented command in PDUs of their own, the data set in three PDVs of one PDU.
    let command = store_command(7, "1.2.3");
    for (n, piece) in command.chunks(40).enumerate() {
        let is_last = (n + 1) * 40 >= command.len();
        peer.send_pdvs(vec![pdv(CT, Command, is_last, piece)]).await;
    }
    let bytes = data_set("1.2.3", 1000);
    peer.send_pdvs(vec![
        pdv(CT, Data, false, &bytes[..10]),
        pdv(CT, Data, false, &bytes[10..500]),
        pdv(CT, Data, true, &bytes[500..]),
    ])
    .await;
    peer.expect_response(0x8001, 7, StoreStatus::Success).await;
    // Command and whole data set in one PDU, with an empty last piece.
    let bytes = data_set("1.2.4", 1000);
    peer.send_pdvs(vec![
        pdv(CT, Command, true, &store_command(8, "1.2.4")),
        pdv(CT, Data, false, &bytes),
        pdv(CT, Data, true, &[]),
    ])
    .await;
    peer.expect_response(0x8001, 8, StoreStatus::Success).await;
    peer.send_command(VERIFICATION, &dimse::echo_request(9)).await;
    peer.expect_response(0x8030, 9, StoreStatus::Success).await;
    assert_eq!(server.instances().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_instances_get_their_status_and_leave_no_file() {
    let server = Server::start().await;
    let mut peer = RawPeer::associated(&server).await;
    let good = data_set("1.2.3", 1000);
    let mut check = async |message_id, context, sop_instance: &str, bytes: &[u8], status| {
        peer.send_command(context, &store_command(message_id, sop_instance)).await;
        peer.send_data(context, true, bytes).await;
        peer.expect_response(0x8001, message_id, status).await;
        assert_eq!(server.files(), [] as [PathBuf; 0]);
    };
    check(1, CT, "../../../../tmp/x", &good, StoreStatus::InvalidSopInstance).await;
    check(2, CT, "1.2/../3", &good, StoreStatus::InvalidSopInstance).await;
    check(3, VERIFICATION, "1.2.3", &good, StoreStatus::SopClassNotSupported).await;
    check(4, CT, "1.2.4", &good, StoreStatus::DataSetDoesNotMatchSopClass).await;
    check(5, CT, "1.2.3", b"garbage!", StoreStatus::CannotUnderstand).await;
    check(6, CT, "1.2.3", &good[..60], StoreStatus::CannotUnderstand).await;
    let four_gigabytes = [&good[..34], &[8, 0, 0x17, 0, 0xFE, 0xFF, 0xFF, 0xFF, 1][..]].concat();
    check(7, CT, "1.2.3", &four_gigabytes, StoreStatus::CannotUnderstand).await;
    server.refuse(Some(Disposition::Reject));
    check(8, CT, "1.2.3", &good, StoreStatus::CannotUnderstand).await;
    assert!(server.instances().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_a_success_that_was_not_recorded() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let files = [write_file(dir.path(), "1.2.3", 1000)];
    server.refuse(Some(Disposition::Retry));
    let outcomes = scu::store::send(server.address, &scu("CT1"), &files).await.unwrap();
    assert!(matches!(outcomes[0], SendOutcome::Answered(StoreStatus::OutOfResources)));
    server.refuse(None);
    let outcomes = scu::store::send(server.address, &scu("CT1"), &files).await.unwrap();
    assert!(outcomes[0].is_stored());
    // A spool that is gone is the world's fault, not the instance's.
    std::fs::remove_dir_all(server.spool.folder()).unwrap();
    let outcomes = scu::store::send(server.address, &scu("CT1"), &files).await.unwrap();
    assert!(matches!(outcomes[0], SendOutcome::Answered(StoreStatus::OutOfResources)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_asks_to_come_again_and_keeps_nothing() {
    let server = Server::start_full().await;
    let n_prepared = server.n_part_files();
    let dir = tempfile::tempdir().unwrap();
    let files = ["1.2.3", "1.2.4"].map(|uid| write_file(dir.path(), uid, 100_000));
    let outcomes = scu::store::send(server.address, &scu("CT1"), &files).await.unwrap();
    let is_refused = |it| matches!(it, &SendOutcome::Answered(StoreStatus::OutOfResources));
    assert!(outcomes.len() == 2 && outcomes.iter().all(is_refused));
    assert_eq!((server.files().len(), server.n_part_files()), (0, n_prepared));
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_are_declined() {
    let server = Server::start().await;
    let mut peer = RawPeer::associated(&server).await;
    // C-FIND, C-MOVE, C-GET, N-DELETE on a storage context, each with an identifier behind it.
    for (message_id, field) in [(1, 0x0020_u16), (2, 0x0021), (3, 0x0010), (4, 0x0150)] {
        let mut command = store_command(message_id, "1.2.3");
        let at = command.windows(4).position(|window| window == [0, 0, 0, 1]).unwrap();
        command[at + 8..at + 10].copy_from_slice(&field.to_le_bytes());
        peer.send_command(CT, &command).await;
        peer.send_data(CT, true, b"identifier").await;
        let status = StoreStatus::UnrecognizedOperation;
        peer.expect_response(field | 0x8000, message_id, status).await;
    }
    peer.send_command(VERIFICATION, &dimse::echo_request(9)).await;
    peer.expect_response(0x8030, 9, StoreStatus::Success).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_break_the_protocol_are_aborted() {
    let server = Server::start().await;
    let echo = dimse::echo_request(1);
    let store = store_command(1, "1.2.3");
    use PDataValueType::{Command, Data};
    let cases: Vec<Vec<PDataValue>> = vec![
        // On a context that was rejected, and on one that was never proposed.
        vec![pdv(5, Command, true, &echo)],
        vec![pdv(99, Command, true, &echo)],
        // A data set to no command, and a command within a data set.
        vec![pdv(CT, Data, true, b"data")],
        vec![pdv(CT, Command, true, &store), pdv(CT, Command, true, &echo)],
        // A data set that changes its context.
        vec![pdv(CT, Command, true, &store), pdv(VERIFICATION, Data, true, b"data")],
        // A response to nothing, and a command set that lies.
        vec![pdv(CT, Command, true, &dimse::echo_response(1))],
        vec![pdv(CT, Command, true, &[0, 0, 0, 1, 255, 255, 255, 255])],
    ];
    for case in cases {
        let mut peer = RawPeer::associated(&server).await;
        peer.send_pdvs(case).await;
        peer.expect_abort().await;
    }
    let mut peer = RawPeer::associated(&server).await;
    peer.0.write_all(&[4, 0, 255, 255, 255, 255]).await.unwrap();
    peer.expect_abort().await;
    let mut peer = RawPeer::connect(&server).await;
    peer.0.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    peer.expect_abort().await;
    server.expect_no_files().await;
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_breaks_off_leaves_no_file() {
    let mut server = Server::start().await;
    for (how, expected) in [("abort", AssociationEnd::Aborted), ("close", AssociationEnd::Failed)] {
        let mut peer = RawPeer::associated(&server).await;
        peer.send_command(CT, &store_command(1, "1.2.3")).await;
        peer.send_data(CT, false, &data_set("1.2.3", 10_000)[..5000]).await;
        if how == "abort" {
            peer.send(&Pdu::AbortRQ { source: AbortRQSource::ServiceUser }).await;
        }
        drop(peer);
        assert!(matches!(server.event().await, ScpEvent::Opened { .. }));
        let ScpEvent::Closed { end, .. } = server.event().await else { panic!("no end") };
        assert_eq!(end, expected, "{how}");
        server.expect_no_files().await;
    }
    assert!(server.instances().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_has_begun() {
    let server = Server::start().await;
    let mut idle = RawPeer::associated(&server).await;
    let mut busy = RawPeer::associated(&server).await;
    let bytes = data_set("1.2.3", 1000);
    busy.send_command(CT, &store_command(1, "1.2.3")).await;
    busy.send_data(CT, false, &bytes[..100]).await;
    sleep(Duration::from_millis(100)).await;
    let (records, address) = (server.records.clone(), server.address);
    let stopped = tokio::spawn(server.stop());
    assert!(matches!(idle.receive().await, Pdu::AbortRQ { .. }));
    busy.send_data(CT, true, &bytes[100..]).await;
    busy.expect_response(0x8001, 1, StoreStatus::Success).await;
    assert!(matches!(busy.receive().await, Pdu::AbortRQ { .. }));
    drop((idle, busy));
    stopped.await.unwrap();
    assert_eq!(records.instances.lock().unwrap().len(), 1);
    assert!(TcpStream::connect(address).await.is_err());
}

/// Runs a DCMTK program; `None` where it is not installed.
async fn dcmtk(program: &'static str, arguments: Vec<String>) -> Option<bool> {
    let run = move || {
        let mut command = Command::new(program);
        match command.args(arguments).env("TCP_NODELAY", "1").output() {
            Ok(output) => {
                eprintln!("{}", String::from_utf8_lossy(&output.stderr));
                Some(output.status.success())
            }
            Err(_) => {
                eprintln!("skipped: {program} (DCMTK) is not installed");
                None
            }
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_sends_to_our_scp() {
    let server = Server::start().await;
    let port = server.address.port().to_string();
    let peer = |calling: &str| {
        ["-aet", calling, "-aec", "PAROTIDD", "127.0.0.1", &port].map(str::to_owned).to_vec()
    };
    let Some(echoed) = dcmtk("echoscu", peer("CT1")).await else { return };
    assert!(echoed);
    assert_eq!(dcmtk("echoscu", peer("OTHER")).await, Some(false));
    let findscu = [peer("CT1"), ["-S", "-k", "0008,0052=STUDY"].map(str::to_owned).to_vec()];
    assert_ne!(dcmtk("findscu", findscu.concat()).await, None);

    let dir = tempfile::tempdir().unwrap();
    let mut files: Vec<_> =
        (1..=5).map(|n| write_file(dir.path(), &format!("1.2.3.{n}"), 500_000)).collect();
    let real =
        Path::new("../shared/data/dicom_corpus/pydicom/src/pydicom/data/test_files/CT_small.dcm");
    if real.is_file() {
        files.push(real.to_owned());
    } else {
        eprintln!("without a real CT: {} is not there", real.display());
    }
    let paths = files.iter().map(|path| path.to_str().unwrap().to_owned());
    let arguments = peer("CT1").into_iter().chain(paths).collect();
    assert_eq!(dcmtk("storescu", arguments).await, Some(true));
    let instances = server.instances();
    assert_eq!(instances.len(), files.len());
    for n in 1..=5_u32 {
        let received = server.spool.folder().join(format!("{SERIES}/1.2.3.{n}.dcm"));
        let kept = dicom_object::open_file(received).unwrap();
        assert_eq!(kept.meta().media_storage_sop_instance_uid(), format!("1.2.3.{n}"));
        let pixels = kept.element_by_name("PixelData").unwrap().to_bytes().unwrap();
        assert_eq!(pixels.len(), 500_000);
    }
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_sends_compressed_images_and_they_stay_as_sent() {
    let server = Server::start().await;
    let port = server.address.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let plain = write_slice(folder.path(), CtEncoding::default());
    // How each is made, and how storescu is told to propose it.
    let ways: [(&str, &[&str], &str, &str); 8] = [
        ("dcmconv", &["+te"], "-xe", "1.2.840.10008.1.2.1"),
        ("dcmconv", &["+ti"], "-xi", "1.2.840.10008.1.2"),
        ("dcmconv", &["+tb"], "-xb", "1.2.840.10008.1.2.2"),
        ("dcmconv", &["+td"], "-xd", "1.2.840.10008.1.2.1.99"),
        ("dcmcrle", &[], "-xr", "1.2.840.10008.1.2.5"),
        ("dcmcjpeg", &["+e1"], "-xs", "1.2.840.10008.1.2.4.70"),
        ("dcmcjpls", &["+el"], "-xt", "1.2.840.10008.1.2.4.80"),
        ("dcmcjpls", &["+en"], "-xu", "1.2.840.10008.1.2.4.81"),
    ];
    for (n, (program, arguments, propose, syntax)) in ways.into_iter().enumerate() {
        let path = folder.path().join(format!("{n}.dcm"));
        let files = [&plain, &path].map(|path| path.to_str().unwrap().to_owned());
        let made = arguments.iter().map(|it| (*it).to_owned()).chain(files);
        let Some(made) = dcmtk(program, made.collect()).await else { return };
        assert!(made);
        let sent = ["-aet", "CT1", "-aec", "PAROTIDD", propose, "127.0.0.1", &port];
        let sent = sent.map(str::to_owned).into_iter().chain([path.to_str().unwrap().to_owned()]);
        assert_eq!(dcmtk("storescu", sent.collect()).await, Some(true));
        let instance = server.instances().pop().unwrap();
        let received = server.spool.folder().join(&instance.path);
        let [kept, sent] = [&received, &path].map(|path| {
            let (meta, start) = FileMeta::read(std::fs::File::open(path).unwrap()).unwrap();
            assert_eq!(meta.transfer_syntax.as_str(), syntax);
            std::fs::read(path).unwrap().split_off(start as usize)
        });
        if syntax == "1.2.840.10008.1.2.1.99" {
            // storescu deflates anew; what it inflates to is what was sent.
            assert_eq!(inflated(&kept), inflated(&sent));
        } else {
            assert!(kept == sent, "{syntax}");
        }
    }
    assert_eq!(server.instances().len(), ways.len());
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pynetdicom_is_promised_what_is_stored_and_nothing_else() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let files = ["1.2.3.1", "1.2.3.2"].map(|uid| write_file(folder.path(), uid, 5_000));
    let files = files.map(|path| path.to_str().unwrap().to_owned());
    let arguments: Vec<_> = [server.address.port().to_string()].into_iter().chain(files).collect();
    let run = move || pynetdicom("storage_commitment.py", &arguments);
    let Some(heard) = tokio::task::spawn_blocking(run).await.unwrap() else { return };
    let expected = serde_json::json!({
        "stored": [0, 0],
        "action": 0,
        "event_type": 2,
        "transaction": "2.25.7",
        "committed": ["1.2.3.1", "1.2.3.2"],
        "failed": [["2.25.404", 0x0112]],
        "still_open": true,
    });
    assert_eq!(heard, expected);
    let commitments = server.records.commitments.lock().unwrap().clone();
    assert_eq!((commitments.len(), commitments[0].references.len()), (1, 3));
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_that_makes_no_sense_is_answered_and_the_association_goes_on() {
    let server = Server::start().await;
    let mut peer = RawPeer::connect(&server).await;
    let mut associate = request("CT1", "PAROTIDD");
    associate.presentation_contexts[2].abstract_syntax =
        uids::STORAGE_COMMITMENT_PUSH_MODEL.to_owned();
    peer.send(&associate.into()).await;
    assert!(matches!(peer.receive().await, Pdu::AssociationAC(_)));
    const COMMITMENT: u8 = 5;
    let action = |message_id: u16, action_type: u16, instance: &str| {
        let element = |number: u16, value: &[u8]| {
            let length = u32::try_from(value.len()).unwrap();
            [&[0, 0][..], &number.to_le_bytes(), &length.to_le_bytes(), value].concat()
        };
        let class = format!("{}\0", uids::STORAGE_COMMITMENT_PUSH_MODEL);
        let instance = format!("{instance}{}", if instance.len() % 2 == 1 { "\0" } else { "" });
        [
            element(0x0003, &class.as_bytes()[..class.len() & !1]),
            element(0x0100, &0x0130_u16.to_le_bytes()),
            element(0x0110, &message_id.to_le_bytes()),
            element(0x0800, &1_u16.to_le_bytes()),
            element(0x1001, instance.as_bytes()),
            element(0x1008, &action_type.to_le_bytes()),
        ]
        .concat()
    };
    let known = commitment::WELL_KNOWN_INSTANCE;
    let none = b"no data set at all";
    for (n, (action_type, instance, context, data, status)) in [
        (1, known, COMMITMENT, &none[..], 0x0115),
        (1, known, COMMITMENT, &[], 0x0115),
        (2, known, COMMITMENT, &none[..], 0x0123),
        (1, "1.2.3", COMMITMENT, &none[..], 0x0112),
        (1, known, CT, &none[..], 0x0112),
    ]
    .into_iter()
    .enumerate()
    {
        let message_id = u16::try_from(n).unwrap() + 1;
        peer.send_command(context, &action(message_id, action_type, instance)).await;
        peer.send_data(context, true, data).await;
        peer.expect_response(0x8130, message_id, StoreStatus::from_code(status)).await;
    }
    // One that is too long is no longer a matter of statuses.
    peer.send_command(COMMITMENT, &action(9, 1, known)).await;
    for _ in 0..=limits::MESSAGE_BYTES_MAX / 100_000 {
        peer.send_data(COMMITMENT, false, &[0; 100_000]).await;
    }
    peer.expect_abort().await;
    server.expect_alive().await;
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn our_scu_sends_to_dcmtk() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("storescp");
    command.args(["-aet", "PACS", "-od"]).arg(dir.path()).arg(port.to_string());
    let Ok(mut storescp) = command.spawn() else {
        eprintln!("skipped: storescp (DCMTK) is not installed");
        return;
    };
    let options = ScuOptions { called_ae: "PACS".parse().unwrap(), ..scu("PAROTIDD") };
    let address = ("127.0.0.1", port);
    let mut echoed = Err(ScuError::Aborted);
    for _ in 0..100 {
        echoed = scu::echo::echo(address, &options).await;
        if echoed.is_ok() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let source = tempfile::tempdir().unwrap();
    let files =
        [write_file(source.path(), "1.2.3", 300_000), write_file(source.path(), "1.2.4", 9)];
    let outcomes = scu::store::send(address, &options, &files).await;
    storescp.kill().unwrap();
    storescp.wait().unwrap();
    echoed.unwrap();
    assert!(outcomes.unwrap().iter().all(SendOutcome::is_stored));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}
