//! DICOM over TLS: our two sides with each other, with DCMTK, and with peers that are slow, silent or mistaken.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use parotidd::dicom::scu::echo::echo as ask;
use parotidd::dicom::scu::store::{SendOutcome, send};
use parotidd::dicom::scu::{ScuError, ScuOptions};
use parotidd::dicom::store_scp::ScpEvent;
use parotidd::dicom::tls::{HandshakeError, Tls, TlsSettings};
use parotidd::error::Chain;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::support::*;
use super::{dcmtk, pynetdicom};
use crate::certificates::Certificates;

/// When the tests' certificates are good, milliseconds since 1970.
const NOW_MS: i64 = 1_800_000_000_000;

fn load(settings: &TlsSettings) -> Tls {
    Tls::load(settings, NOW_MS).unwrap_or_else(|error| panic!("{}", Chain(&error)))
}

/// A server with its certificate, that trusts our authority and the device.
async fn server(certificates: &Certificates) -> Server {
    let settings = certificates.settings("server", &["ours", "device", "leaf"]);
    let tls =
        load(&TlsSettings { revoked: Some(certificates.path("revoked-list.pem")), ..settings });
    Server::start_on(Some(tls.acceptor()), |options| options.associations_max = 1).await
}

/// Who calls: with this certificate, trusting these, and the server by that name.
fn caller(
    certificates: &Certificates,
    certificate: &str,
    peers: &[&str],
    host: &str,
) -> ScuOptions {
    let tls = load(&certificates.settings(certificate, peers)).connector(host).unwrap();
    ScuOptions { tls: Some(tls), ..scu("CT1") }
}

async fn echo(server: &Server, options: &ScuOptions) -> Result<(), ScuError> {
    timeout(PATIENCE, ask(server.address, options)).await.unwrap()
}

async fn expect_alive(server: &Server, certificates: &Certificates) {
    let client = caller(certificates, "client", &["ours"], "127.0.0.1");
    // The only permit comes back a moment after its association's end.
    for _ in 0..100 {
        if echo(server, &client).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    echo(server, &client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_two_sides_trust_an_authority_or_the_very_certificate() {
    let certificates = Certificates::make();
    let mut server = server(&certificates).await;
    let folder = tempfile::tempdir().unwrap();
    // Several records of TLS in each piece, and pieces that do not end with one.
    let sizes = [("1.2.3.1", 3_000_001), ("1.2.3.2", 1), ("1.2.3.3", 700_000)];
    let files = sizes.map(|(uid, n_bytes)| write_file(folder.path(), uid, n_bytes));
    let client = caller(&certificates, "client", &["ours"], "localhost");
    let outcomes = send(server.address, &client, &files).await.unwrap();
    assert!(outcomes.iter().all(SendOutcome::is_stored));
    for (instance, (uid, n_bytes)) in server.instances().iter().zip(sizes) {
        let kept = std::fs::read(server.spool.folder().join(&instance.path)).unwrap();
        assert!(kept.ends_with(&data_set(uid, n_bytes)), "bytes are kept as sent");
    }
    assert!(matches!(server.event().await, ScpEvent::Opened { .. }));
    assert!(matches!(server.event().await, ScpEvent::Closed { n_instances: 3, .. }));
    // A device that signed itself, and a server that is known by its certificate, whatever its name.
    let device = caller(&certificates, "device", &["server"], "some-other-name");
    echo(&server, &device).await.unwrap();
    expect_alive(&server, &certificates).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_is_told_so_and_takes_no_permit() {
    let certificates = Certificates::make();
    let mut server = server(&certificates).await;
    let check = async |certificate: &str, peers: &[&str], host: &str, says: &str| {
        let caller = caller(&certificates, certificate, peers, host);
        let error = echo(&server, &caller).await.unwrap_err();
        assert!(matches!(error, ScuError::Tls(_)), "{certificate}: {error:?}");
        let text = Chain(&error).to_string();
        assert!(text.contains(says), "{certificate}: {text}");
    };
    let ours = &["ours"];
    check("stranger", ours, "127.0.0.1", "does not trust our certificate").await;
    check("expired", ours, "127.0.0.1", "our certificate has expired").await;
    check("future", ours, "127.0.0.1", "or is not valid yet, by its clock").await;
    check("revoked", ours, "127.0.0.1", "our certificate is revoked").await;
    // A device's certificate vouches for that device alone.
    check("signed-by-leaf", ours, "127.0.0.1", "does not trust our certificate").await;
    check("client", ours, "pacs.example", "is for another host").await;
    check("client", &["theirs"], "127.0.0.1", "no authority there signed it").await;
    check("client", &["device"], "127.0.0.1", "no authority there signed it").await;
    expect_alive(&server, &certificates).await;
    assert!(matches!(server.event().await, ScpEvent::Opened { association: 0, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_judged_by_date_too_even_if_their_very_certificate_is_trusted() {
    let certificates = Certificates::make();
    for (name, says) in
        [("expired", "has expired"), ("future", "not valid yet"), ("other-host", "another host")]
    {
        let mut settings = certificates.settings(name, &["ours"]);
        let tls = load(&settings);
        assert_eq!(tls.cautions().is_empty(), name == "other-host", "{:?}", tls.cautions());
        let server = Server::start_on(Some(tls.acceptor()), |_| {}).await;
        for peers in [&["ours"][..], &[name]] {
            let result = echo(&server, &caller(&certificates, "client", peers, "127.0.0.1")).await;
            if name == "other-host" && peers == [name] {
                result.unwrap();
            } else {
                let text = Chain(&result.unwrap_err()).to_string();
                assert!(text.contains(says), "{text}");
            }
        }
        // Where no certificate is asked for, anyone may call; we still look at whom we call.
        settings.client_authentication = parotidd::dicom::tls::ClientAuthentication::None;
        let server = Server::start_on(Some(load(&settings).acceptor()), |_| {}).await;
        let stranger = caller(&certificates, "stranger", &[name], "127.0.0.1");
        assert_eq!(echo(&server, &stranger).await.is_ok(), name == "other-host");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_meets_tls_and_both_are_told() {
    let certificates = Certificates::make();
    let tls = server(&certificates).await;
    let error = echo(&tls, &scu("CT1")).await.unwrap_err();
    assert!(matches!(error, ScuError::Aborted), "{error:?}");
    let plain = Server::start().await;
    let client = caller(&certificates, "client", &["ours"], "127.0.0.1");
    let text = Chain(&echo(&plain, &client).await.unwrap_err()).to_string();
    assert!(text.contains("does not speak TLS on this port"), "{text}");
    plain.expect_alive().await;
    expect_alive(&tls, &certificates).await;

    // Servers of others: some close, some send an alert of TLS.
    let check = async |answer: &'static [u8], options: &ScuOptions, says: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let _ = peer.read(&mut [0; 4096]).await.unwrap();
            peer.write_all(answer).await.unwrap();
        });
        let error = ask(address, options).await.unwrap_err();
        served.await.unwrap();
        let text = Chain(&error).to_string();
        assert!(text.contains(says), "{text}");
    };
    check(&[], &scu("CT1"), "does it want TLS on this port?").await;
    check(&[21, 3, 3, 0, 2, 2, 10], &scu("CT1"), "the peer speaks TLS").await;
    check(&[], &client, "does it speak TLS on this port").await;
    check(&[21, 3, 3, 0, 2, 2, 70], &client, "nothing in common").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_and_request_share_one_time() {
    let certificates = Certificates::make();
    let tls = load(&certificates.settings("server", &["ours"]));
    let artim = Duration::from_millis(500);
    let server = Server::start_on(Some(tls.acceptor()), |options| {
        options.associations_max = 1;
        options.artim = artim;
        // Longer than the test: it is not this that ends them.
        options.idle_timeout = Duration::from_secs(600);
    })
    .await;
    let connector = load(&certificates.settings("client", &["ours"])).connector("127.0.0.1");
    let connector = connector.unwrap();

    // Silence, half a ClientHello, and one that never comes to an end.
    let connect = async || TcpStream::connect(server.address).await.unwrap();
    let (mut silent, mut half, mut slow) = (connect().await, connect().await, connect().await);
    half.write_all(&CLIENT_HELLO_FRONT).await.unwrap();
    let dripping = async {
        slow.write_all(&CLIENT_HELLO_FRONT).await.unwrap();
        while slow.write_all(&[0]).await.is_ok() {
            sleep(artim / 10).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("cut off in the middle of its drops");
    for stream in [&mut silent, &mut half] {
        let n = timeout(PATIENCE, stream.read(&mut [0; 64])).await.unwrap();
        assert!(matches!(n, Ok(0) | Err(_)), "{n:?}");
    }

    // A handshake, then silence; and then a request that never comes to an end.
    let mut quiet = connector.connect(connect().await).await.unwrap();
    let mut abort = Vec::new();
    timeout(PATIENCE, quiet.read_to_end(&mut abort)).await.unwrap().unwrap();
    assert_eq!(abort[..2], [7, 0], "A-ABORT, then the end of TLS");
    let mut slow = connector.connect(connect().await).await.unwrap();
    slow.write_all(&[1, 0, 0, 0, 200, 0]).await.unwrap();
    let dripping = async {
        while slow.write_all(&[0]).await.is_ok() && slow.flush().await.is_ok() {
            sleep(artim / 10).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("cut off in the middle of its drops");

    // Garbage, before and within TLS.
    let mut stream = connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut alert)).await.unwrap().unwrap();
    assert_eq!(alert.first(), Some(&21), "an alert of TLS");
    let mut stream = connector.connect(connect().await).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut abort = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut abort)).await.unwrap().unwrap();
    assert_eq!(abort[..2], [7, 0], "A-ABORT");
    expect_alive(&server, &certificates).await;
}

/// A record of 512 bytes and the handshake message in it begin.
const CLIENT_HELLO_FRONT: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];

#[tokio::test(flavor = "multi_thread")]
async fn silent_peers_of_tls_lock_nobody_out() {
    let certificates = Certificates::make();
    let server = server(&certificates).await;
    let mut silent = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if n % 2 == 0 {
            // One that was pushed out already does not take it.
            let _ = stream.write_all(&CLIENT_HELLO_FRONT).await;
        }
        silent.push(stream);
    }
    expect_alive(&server, &certificates).await;
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// DCMTK's options for TLS.
fn with_tls(certificates: &Certificates, own: &str, authority: &str) -> Vec<String> {
    let [key, pem] = ["key", "pem"].map(|kind| text(&certificates.path(&format!("{own}.{kind}"))));
    let authority = text(&certificates.path(&format!("{authority}.pem")));
    vec!["+tls".into(), key, pem, "+cf".into(), authority]
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmtk_sends_over_tls_to_our_scp() {
    let certificates = Certificates::make();
    let server = server(&certificates).await;
    let port = server.address.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> =
        (1..=3).map(|n| write_file(folder.path(), &format!("1.2.3.{n}"), 500_000)).collect();
    let call = |own: &str, authority: &str| {
        let peer = ["-aet", "CT1", "-aec", "PAROTIDD", "localhost", &port].map(str::to_owned);
        [with_tls(&certificates, own, authority), peer.to_vec()].concat()
    };
    let sent = [call("client", "ours"), files.iter().map(|path| text(path)).collect()].concat();
    let Some(is_sent) = dcmtk("storescu", sent).await else { return };
    assert!(is_sent);
    assert_eq!(server.instances().len(), files.len());
    assert_eq!(dcmtk("echoscu", call("device", "ours")).await, Some(true));
    for (own, authority) in
        [("stranger", "ours"), ("expired", "ours"), ("revoked", "ours"), ("client", "theirs")]
    {
        assert_eq!(dcmtk("echoscu", call(own, authority)).await, Some(false), "{own}");
    }
    expect_alive(&server, &certificates).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pynetdicom_speaks_both_versions_and_no_older_one() {
    let certificates = Certificates::make();
    let server = server(&certificates).await;
    let call = async |version: &str, own: Option<&str>| {
        let mut arguments = vec![server.address.port().to_string(), version.to_owned()];
        arguments.push(text(&certificates.path("ours.pem")));
        for kind in own.iter().flat_map(|own| ["pem", "key"].map(|kind| format!("{own}.{kind}"))) {
            arguments.push(text(&certificates.path(&kind)));
        }
        tokio::task::spawn_blocking(move || pynetdicom("tls.py", &arguments)).await.unwrap()
    };
    let well =
        |version: &str| serde_json::json!({"established": true, "version": version, "status": 0});
    let Some(heard) = call("1.2", Some("client")).await else { return };
    assert_eq!(heard, well("TLSv1.2"));
    assert_eq!(call("1.3", Some("client")).await, Some(well("TLSv1.3")));
    for (version, own) in [
        ("1.1", Some("client")),
        ("1.2", None),
        ("1.3", None),
        ("1.2", Some("stranger")),
        ("1.3", Some("expired")),
    ] {
        let heard = call(version, own).await.unwrap();
        assert_eq!(heard, serde_json::json!({"established": false}), "{version} {own:?}");
    }
    expect_alive(&server, &certificates).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_scu_sends_over_tls_to_dcmtk() {
    let certificates = Certificates::make();
    let received = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("storescp");
    command.args(with_tls(&certificates, "server", "ours")).arg("-od").arg(received.path());
    let Ok(mut storescp) = command.arg(port.to_string()).spawn() else {
        eprintln!("skipped: storescp (DCMTK) is not installed");
        return;
    };
    let address = ("127.0.0.1", port);
    let client = caller(&certificates, "client", &["ours"], "127.0.0.1");
    let mut echoed = Err(ScuError::Aborted);
    for _ in 0..100 {
        echoed = ask(address, &client).await;
        if echoed.is_ok() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let source = tempfile::tempdir().unwrap();
    let files =
        [write_file(source.path(), "1.2.3", 300_000), write_file(source.path(), "1.2.4", 9)];
    let outcomes = send(address, &client, &files).await;
    let stranger = caller(&certificates, "stranger", &["ours"], "127.0.0.1");
    let stranger = ask(address, &stranger).await;
    let distrusted = caller(&certificates, "client", &["theirs"], "127.0.0.1");
    let distrusted = ask(address, &distrusted).await;
    let plain = ask(address, &scu("PAROTIDD")).await;
    storescp.kill().unwrap();
    storescp.wait().unwrap();
    echoed.unwrap();
    assert!(outcomes.unwrap().iter().all(SendOutcome::is_stored));
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 2);
    let says = |result: Result<(), ScuError>| Chain(&result.unwrap_err()).to_string();
    let (stranger, plain) = (says(stranger), says(plain));
    assert!(stranger.contains("does not trust our certificate"), "{stranger}");
    assert!(plain.contains("TLS"), "{plain}");
    let ScuError::Tls(HandshakeError::Refused { why, .. }) = distrusted.unwrap_err() else {
        panic!("no refusal of ours")
    };
    assert!(why.contains("no authority there signed it"), "{why}");
}
