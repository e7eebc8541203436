//! STOW-RS over real sockets: with dicomweb-client, with curl, and with peers that misbehave.

mod peer;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dicom_dictionary_std::uids;
use parotidd::dicom::part10::FileMeta;
use parotidd::dicom::store_scp::{AssociationEnd, ScpEvent};
use parotidd::dicom::stow::BearerToken;
use parotidd::error::Disposition;
use parotidd::limits;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use self::peer::*;
use super::support::{PATIENCE, SERIES, Server, data_set, write_file};
use crate::peers::pynetdicom;

/// How the one request ended, as the series task hears it.
async fn end_of_request(server: &mut Server) -> (AssociationEnd, u64, Vec<String>) {
    assert!(matches!(server.event().await, ScpEvent::Opened { .. }));
    let ScpEvent::Closed { end, n_instances, series, .. } = server.event().await else {
        panic!("no end")
    };
    (end, n_instances, series.iter().map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn dicomweb_client_stores_a_series_byte_for_byte() {
    let mut server = StowServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let names = ["1.2.3.1", "1.2.3.2", "1.2.3.3"];
    // Larger than all that may wait in memory.
    let sizes = [700, 100_000, 3_000_000];
    let files = names
        .iter()
        .zip(sizes)
        .map(|(uid, n_bytes)| write_file(folder.path(), uid, n_bytes).to_str().unwrap().to_owned());
    let url = server.url();
    let arguments = |study: &str| [url.clone(), study.to_owned()].into_iter().chain(files.clone());
    let run = async |study: &str| {
        let arguments: Vec<_> = arguments(study).collect();
        let run = move || pynetdicom("store_instances.py", &arguments);
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let Some(heard) = run("1.2.6").await else { return };
    assert_eq!(heard, serde_json::json!({ "stored": names, "failed": [] }));
    for (uid, n_bytes) in names.iter().zip(sizes) {
        let kept = std::fs::read(server.kept(uid)).unwrap();
        let (meta, start) = FileMeta::read(std::io::Cursor::new(&kept)).unwrap();
        assert_eq!(meta.sop_instance.as_str(), *uid);
        assert!(kept[start as usize..] == data_set(uid, n_bytes), "bytes are kept as sent");
    }
    assert!(!server.server.records.missed.load(std::sync::atomic::Ordering::SeqCst));
    let instances = server.server.instances();
    assert_eq!(instances.len(), 3);
    assert_eq!((instances[0].study.as_str(), instances[0].series.as_str()), ("1.2.6", SERIES));
    assert_eq!(instances[0].calling_ae.as_str(), "STOW-RS");
    let end = end_of_request(&mut server.server).await;
    assert_eq!(end, (AssociationEnd::Released, 3, vec![SERIES.to_owned()]));

    assert_eq!(run("1.2.77").await.unwrap(), serde_json::json!({ "error": 409 }));
    assert_eq!(server.server.instances().len(), 3);
    assert!(!server.stop().0.stop().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_stores_files_and_reads_answers_to_requests_that_are_not_read() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let server = StowServer::start_with(|options| {
        options.token = Some(BearerToken::new("t0ken").unwrap());
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    let parts = ["1.2.3.1", "1.2.3.2"].map(|uid| part(&instance(uid, 2_000_000)));
    std::fs::write(&body, [parts.concat(), b"--b--\r\n".to_vec()].concat()).unwrap();
    let (url, body) = (server.url() + "/studies", format!("@{}", body.display()));
    let curl = async |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "60", "-w", "\n%{http_code}", "--data-binary", &body]);
        command.args(arguments).arg(&url);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (text, errors) =
            [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).into();
        assert_eq!(errors, "");
        text
    };
    let kind = format!("Content-Type: {TYPE}");
    let token = ["-H", "Authorization: Bearer t0ken"];
    let check = |answer: String, code: &str, says: &str| {
        assert!(answer.ends_with(code) && answer.contains(says), "{answer}");
    };
    check(curl(&["-H", &kind]).await, "\n401", "bearer token");
    // Without waiting to be asked for it: the whole body is under way.
    check(curl(&["-H", &kind, "-H", "Expect:"]).await, "\n401", "bearer token");
    let kind_and_token = ["-H", &kind, token[0], token[1]];
    check(curl(&token).await, "\n415", "multipart/related");
    let xml = [&kind_and_token[..], &["-H", "Accept: application/dicom+xml"]].concat();
    check(curl(&xml).await, "\n406", "dicom+json");
    check(curl(&[&kind_and_token[..], &["-X", "GET"]].concat()).await, "\n405", "POST");
    assert_eq!(server.server.instances(), []);

    check(curl(&kind_and_token).await, "\n200", "1.2.3.2");
    let chunked = [&kind_and_token[..], &["-H", "Transfer-Encoding: chunked"]].concat();
    check(curl(&chunked).await, "\n200", "1.2.3.2");
    assert_eq!(server.server.instances().len(), 4);
    let kept = std::fs::read(server.kept("1.2.3.2")).unwrap();
    assert!(kept.ends_with(&data_set("1.2.3.2", 2_000_000)));
}

#[tokio::test]
async fn each_failure_has_its_reason() {
    let server = StowServer::start().await;
    let with = |edit: &dyn Fn(&mut FileMeta), data: &[u8]| {
        let mut meta = meta("1.2.3.9");
        edit(&mut meta);
        part(&[meta.encode(), data.to_vec()].concat())
    };
    const SECONDARY_CAPTURE: &str = uids::SECONDARY_CAPTURE_IMAGE_STORAGE;
    let data = data_set("1.2.3.9", 100);
    let long_front = [&[0; 128], &b"DICM"[..], &vec![0; 200_000]].concat();
    let parts = [
        part(&instance("1.2.3.1", 5000)),
        with(&|meta| meta.sop_class = SECONDARY_CAPTURE.parse().unwrap(), &data),
        with(&|meta| meta.transfer_syntax = uids::JPEG_BASELINE8_BIT.parse().unwrap(), &data),
        with(&|meta| meta.sop_instance = "1.2.3.8".parse().unwrap(), &data),
        with(&|_| {}, &data[..60]),
        with(&|_| {}, b""),
        part(b"no DICOM"),
        part(&meta("1.2.3.9").encode()[..200]),
        part(&long_front),
        part_of_type("application/dicom+json", &instance("1.2.3.9", 5)),
        // The part's own media type may be absent: the request's says it.
        [b"--b\r\nContent-Location: x\r\n\r\n", &instance("1.2.3.2", 5)[..], b"\r\n"].concat(),
    ];
    let answer = exchange(&server, &post("/studies", &parts)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.stored(), ["1.2.3.1", "1.2.3.2"]);
    let nine = |reason| ("1.2.3.9".to_owned(), reason);
    let expected =
        [nine(0x0122), nine(0xC122), ("1.2.3.8".to_owned(), 0xA900), nine(0xC000), nine(0xC000)];
    assert_eq!(answer.failed(), expected);
    assert_eq!(answer.other_failures(), [0xC000; 4]);
    assert_eq!(server.server.files().len(), 2);

    let answer = exchange(&server, &post("/studies/1.2.77", &parts[..1])).await;
    assert_eq!((answer.status, answer.failed()), (409, vec![("1.2.3.1".to_owned(), 0xA900)]));
    let answer = exchange(&server, &post("/studies/1.2.6", &parts[..1])).await;
    assert_eq!((answer.status, answer.stored()), (200, vec!["1.2.3.1".to_owned()]));
}

#[tokio::test]
async fn a_full_disk_is_503() {
    let server = StowServer::start_over(Server::start_full().await, |_| {}).await;
    let answer = exchange(&server, &post("/studies", &[part(&instance("1.2.3.1", 5000))])).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.head.contains("\nretry-after: 10"), "{}", answer.head);
    assert_eq!(server.server.files(), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn what_is_not_recorded_is_no_success() {
    let server = StowServer::start().await;
    let request = post("/studies", &[part(&instance("1.2.3.1", 5000))]);
    server.server.refuse(Some(Disposition::Retry));
    let answer = exchange(&server, &request).await;
    assert_eq!((answer.status, answer.failed()), (503, vec![("1.2.3.1".to_owned(), 0xA700)]));
    assert!(answer.head.contains("\nretry-after: 10"), "{}", answer.head);
    assert_eq!(server.server.files().len(), 1, "it may be recorded later");
    server.server.refuse(Some(Disposition::Reject));
    let answer = exchange(&server, &request).await;
    assert_eq!((answer.status, answer.failed()), (409, vec![("1.2.3.1".to_owned(), 0xC000)]));
    server.server.expect_no_files().await;
    server.server.refuse(None);
    assert_eq!(exchange(&server, &request).await.status, 200);
}

#[tokio::test]
async fn a_deflate_bomb_is_kept_as_it_came() {
    let server = StowServer::start().await;
    const BOMB_BYTES: u32 = 64 << 20;
    let element = |tag: [u8; 4], vr: &[u8; 2], value: &str| {
        let padded = format!("{value}{}", if value.len() % 2 == 1 { "\0" } else { "" });
        [&tag[..], vr, &(padded.len() as u16).to_le_bytes(), padded.as_bytes()].concat()
    };
    let plain = [
        element([8, 0, 0x16, 0], b"UI", uids::CT_IMAGE_STORAGE),
        element([8, 0, 0x18, 0], b"UI", "1.2.3.1"),
        element([0x20, 0, 0x0D, 0], b"UI", "1.2.6"),
        element([0x20, 0, 0x0E, 0], b"UI", SERIES),
        [&[0xE0, 0x7F, 0x10, 0][..], b"OW\0\0", &BOMB_BYTES.to_le_bytes()].concat(),
        vec![0; BOMB_BYTES as usize],
    ];
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
    std::io::Write::write_all(&mut deflated, &plain.concat()).unwrap();
    let deflated = deflated.finish().unwrap();
    let mut meta = meta("1.2.3.1");
    meta.transfer_syntax = uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN.parse().unwrap();
    let file = [meta.encode(), deflated.clone()].concat();
    let answer = exchange(&server, &post("/studies", &[part(&file)])).await;
    assert_eq!((answer.status, answer.stored()), (200, vec!["1.2.3.1".to_owned()]));
    let kept = std::fs::read(server.kept("1.2.3.1")).unwrap();
    assert!(kept.ends_with(&deflated) && kept.len() < file.len() + 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_answered_and_leave_nothing() {
    let server = StowServer::start_with(|options| {
        options.idle_timeout = Duration::from_millis(700);
    })
    .await;
    let n_part_files = server.server.n_part_files();
    let whole = part(&instance("1.2.3.1", 50_000));
    let half = &whole[..whole.len() / 2];
    let request = |body: &[u8]| [head("/studies", "", body.len()), body.to_vec()].concat();
    let silent = |body: &[u8]| [head("/studies", "", 1_000_000), body.to_vec()].concat();
    let chunk = [
        format!("POST /dicom-web/studies HTTP/1.1\r\nHost: ct\r\nContent-Type: {TYPE}\r\n")
            .as_bytes(),
        b"Transfer-Encoding: chunked\r\n\r\nno length\r\n",
    ]
    .concat();
    let cases: [(&str, Vec<u8>, u16); 13] = [
        ("nothing", request(b""), 400),
        ("no boundary", request(b"no boundary at all"), 400),
        ("only the end", request(b"--b--"), 400),
        ("no end", request(half), 400),
        ("a part without headers", request(b"--b\r\n\r\ncontent\r\n--b--"), 400),
        ("a broken header", request(b"--b\r\nno header\r\n\r\n\r\n--b--"), 400),
        ("endless headers", request(&[b"--b\r\nX: ", &vec![b'x'; 900_000][..]].concat()), 400),
        (
            "many headers",
            request(&[b"--b\r\n", &b"X: y\r\n".repeat(99)[..], b"\r\n"].concat()),
            400,
        ),
        ("an endless preamble", request(&vec![b'-'; 900_000]), 400),
        ("half a body, then silence", silent(half), 408),
        ("silence", silent(b""), 408),
        ("a broken chunk", chunk, 400),
        ("no end of a length", head("/studies", "", usize::MAX >> 1), 413),
    ];
    for (what, request, status) in cases {
        let answer = exchange(&server, &request).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    // Its connection is gone in the middle of an instance.
    let mut peer = Peer::connect(&server).await;
    peer.send(&silent(half)).await;
    drop(peer);
    let alive = exchange(&server, &post("/studies", &[part(&instance("1.2.3.2", 5))])).await;
    assert_eq!(alive.status, 200);

    let (server, served) = server.stop();
    timeout(PATIENCE, served).await.unwrap().unwrap();
    assert_eq!(server.files().len(), 1);
    assert!(server.n_part_files() <= n_part_files, "a part file is left");
    let events = server.stop().await;
    let count = |kind: fn(&ScpEvent) -> bool| events.iter().filter(|event| kind(event)).count();
    let opened = count(|event| matches!(event, ScpEvent::Opened { .. }));
    assert_eq!(opened, count(|event| matches!(event, ScpEvent::Closed { .. })));
    let released = |event: &ScpEvent| {
        matches!(event, ScpEvent::Closed { end: AssociationEnd::Released, n_instances: 1, .. })
    };
    assert_eq!(count(released), 1);
}

#[tokio::test]
async fn thousands_of_parts_have_a_limit() {
    let server = StowServer::start().await;
    let mut parts = vec![part(&instance("1.2.3.1", 5))];
    parts.resize(limits::STOW_PARTS_MAX + 1, part(b""));
    let answer = exchange(&server, &post("/studies", &parts[..limits::STOW_PARTS_MAX])).await;
    assert_eq!(answer.status, 202);
    let answer = exchange(&server, &post("/studies", &parts)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.stored(), ["1.2.3.1"], "what was stored is named");
    assert_eq!(answer.other_failures().len(), limits::STOW_PARTS_MAX - 1);
}

#[tokio::test]
async fn a_request_in_any_pieces_is_the_same() {
    let server = StowServer::start().await;
    let request = post("/studies", &["1.2.3.1", "1.2.3.2"].map(|uid| part(&instance(uid, 500))));
    for n in [1, 7, 64, 1000] {
        let mut peer = Peer::connect(&server).await;
        peer.0.set_nodelay(true).unwrap();
        for piece in request.chunks(n) {
            peer.send(piece).await;
            tokio::task::yield_now().await;
        }
        let answer = peer.answer().await;
        assert_eq!((answer.status, answer.stored().len()), (200, 2), "pieces of {n}");
        let kept = std::fs::read(server.kept("1.2.3.2")).unwrap();
        assert!(kept.ends_with(&data_set("1.2.3.2", 500)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_is_asked_to_come_again() {
    let mut server = StowServer::start_with(|options| options.requests_max = 1).await;
    let request = post("/studies", &[part(&instance("1.2.3.1", 100_000))]);
    let (begin, rest) = request.split_at(1000);
    let mut first = Peer::connect(&server).await;
    first.send(begin).await;
    assert!(matches!(server.server.event().await, ScpEvent::Opened { .. }));
    let busy = exchange(&server, &request).await;
    assert_eq!(busy.status, 503);
    assert!(busy.head.contains("\nretry-after: 10"), "{}", busy.head);
    first.send(rest).await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(exchange(&server, &request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_lock_nobody_out() {
    let server = StowServer::start_with(|options| {
        options.head_timeout = Duration::from_secs(3600);
    })
    .await;
    let mut silent = Vec::new();
    for n in 0..limits::CONNECTIONS_PENDING_MAX + 2 {
        let mut peer = Peer::connect(&server).await;
        peer.send(&b"POST /dicom-web/studies HTTP/1.1\r\nHost:"[..n % 40]).await;
        silent.push(peer);
    }
    let answer = exchange(&server, &post("/studies", &[part(&instance("1.2.3.1", 5))])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(silent[0].rest().await, b"", "the oldest was closed");

    let (server, served) = server.stop();
    timeout(PATIENCE, served).await.expect("silent connections end at once").unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_slow_head_and_a_long_one_are_closed() {
    let server = StowServer::start_with(|options| {
        options.head_timeout = Duration::from_millis(100);
    })
    .await;
    let mut peer = Peer::connect(&server).await;
    peer.send(b"POST /dicom-web/studies HTTP/1.1\r\nHost: ").await;
    peer.rest().await;
    let long = [b"POST / HTTP/1.1\r\nX: ", &vec![b'x'; 200_000][..]].concat();
    let mut peer = Peer::connect(&server).await;
    peer.send(&long).await;
    peer.rest().await;
    assert_eq!(exchange(&server, b"GET / HTTP/1.1\r\nHost: ct\r\n\r\n").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_the_part_and_names_what_is_stored() {
    let server = StowServer::start().await;
    let parts = ["1.2.3.1", "1.2.3.2", "1.2.3.3"].map(|uid| part(&instance(uid, 200_000)));
    let request = post("/studies", &parts);
    // To the middle of the second part.
    let middle = request.len() - parts[2].len() - parts[1].len() / 2;
    let mut peer = Peer::connect(&server).await;
    peer.send(&request[..middle]).await;
    while server.server.instances().is_empty() || server.server.spool.n_begun() < 2 {
        tokio::task::yield_now().await;
    }
    let address = server.address;
    let (mut server, served) = server.stop();
    while TcpStream::connect(address).await.is_ok() {}
    // It no longer listens; connections hear of it right after.
    sleep(Duration::from_millis(200)).await;
    peer.send(&request[middle..]).await;
    let answer = peer.answer().await;
    timeout(PATIENCE, served).await.unwrap().unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.stored(), ["1.2.3.1", "1.2.3.2"]);
    assert_eq!(end_of_request(&mut server).await.0, AssociationEnd::Stopped);
    assert_eq!(server.files().len(), 2);
    server.stop().await;
}
