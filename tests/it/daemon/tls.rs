//! The daemon with TLS beside plain DICOM: settings, log, and what strangers leave behind.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use parotidd::dicom::tls::{ClientAuthentication, TlsSettings};

use super::SETTINGS;
use super::support::*;
use crate::certificates::{Certificates, set_mode};

fn settings(tls: &TlsSettings) -> String {
    let tls = toml::to_string(tls).unwrap();
    format!("{SETTINGS}[dicom.tls]\n{tls}")
}

/// `openssl s_client`, with no more to say than the handshake; its output.
fn s_client(address: SocketAddr, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string()]).args(arguments);
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    let ended = Ended::from(output);
    Some(ended.stdout + &ended.stderr)
}

#[test]
fn both_ports_serve_and_the_log_says_who_was_refused_and_why() {
    let certificates = Certificates::make();
    let tls = certificates.settings("server", &["ours"]);
    let revoked = Some(certificates.path("revoked-list.pem"));
    let site = Site::new(&settings(&TlsSettings { revoked, ..tls }));
    let mut daemon = site.start();
    let plain = daemon.address();
    let secure = daemon.tls_address();

    let own = |name: &str| {
        let path = |kind: &str| certificates.path(&format!("{name}.{kind}"));
        ["-cert", path("pem").to_str().unwrap(), "-key", path("key").to_str().unwrap()]
            .map(str::to_owned)
    };
    let call = |name: &str, more: &[&str]| {
        let own = own(name);
        let arguments: Vec<_> =
            own.iter().map(String::as_str).chain(more.iter().copied()).collect();
        s_client(secure, &arguments)
    };
    let authority = certificates.path("ours.pem");
    let trust = ["-CAfile", authority.to_str().unwrap(), "-verify_return_error"];
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let Some(said) = call("client", &[&trust[..], &[version]].concat()) else { return };
        assert!(said.contains(&format!("New, {name}, Cipher is ")), "{said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    let mut refused = |said: Option<String>, why: &str| {
        let line = daemon.wait_for_log(why);
        assert!(
            line.contains(" WARN ") && line.contains("no association peer=127.0.0.1:"),
            "{line}"
        );
        drop(said);
    };
    refused(call("stranger", &[]), "no authority there signed it");
    refused(call("expired", &[]), "has expired by this machine's clock");
    refused(call("future", &[]), "is the clock right?");
    refused(call("revoked", &[]), "is in dicom.tls.revoked");
    refused(s_client(secure, &["-tls1_2"]), "the peer showed no certificate");
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    refused(s_client(secure, &old), "it must know TLS 1.2 or 1.3");
    let weak = ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"];
    refused(call("client", &weak), "a cipher suite of RFC 9325");
    refused(s_client(plain, &[]), "the peer speaks TLS on a port for plain DICOM");
    if has_dcmtk("echoscu") {
        let mistaken = echo("CT1", secure);
        assert_ne!(mistaken.code, Some(0), "{mistaken:?}");
        refused(None, "plain DICOM on the TLS port");
        assert_eq!(echo("CT1", plain).code, Some(0));
    }
    assert!(daemon.terminate().success());
}

#[test]
fn strangers_leave_nothing_behind() {
    let certificates = Certificates::make();
    let site = Site::new(&settings(&certificates.settings("server", &["ours"])));
    let mut daemon = site.start();
    let secure = daemon.tls_address();
    let connect = || {
        let stream = TcpStream::connect(secure).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let torment = || {
        for n in 0..60_u8 {
            let mut stream = connect();
            match n % 4 {
                // Closed at once.
                0 => {}
                // Half a ClientHello, then the end.
                1 => {
                    stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                    let _ = stream.read(&mut [0; 64]);
                }
                // No TLS, and no DICOM.
                2 => {
                    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                    let _ = stream.read(&mut [0; 64]);
                }
                // DICOM without TLS.
                _ => {
                    stream.write_all(&[1, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
                    let _ = stream.read(&mut [0; 64]);
                }
            }
        }
        // A handshake without a certificate is refused at its end.
        s_client(secure, &["-tls1_3"])
    };
    torment();
    let settled = |daemon: &Daemon<'_>| {
        // The last of them are let go within LINGER.
        let mut fewest = usize::MAX;
        for _ in 0..20 {
            fewest = fewest.min(daemon.n_descriptors());
            std::thread::sleep(Duration::from_millis(100));
        }
        fewest
    };
    let before = settled(&daemon);
    for _ in 0..3 {
        torment();
    }
    let after = settled(&daemon);
    assert!(after <= before, "{after} descriptors after, {before} before");
    assert!(!site.log().contains("panicked"), "{}", site.log());

    if has_dcmtk("echoscu") {
        let path = |name: &str| certificates.path(name).to_str().unwrap().to_owned();
        let mut command = dcmtk("echoscu", "CT1", secure);
        command.args(["+tls", &path("client.key"), &path("client.pem"), "+cf", &path("ours.pem")]);
        let echoed = Ended::from(command.output().unwrap());
        assert_eq!(echoed.code, Some(0), "{echoed:?}");
    }
    assert!(daemon.terminate().success());
}

#[test]
fn tls_alone_is_enough_and_status_says_so() {
    let certificates = Certificates::make();
    let text = settings(&certificates.settings("server", &["device"]));
    let site =
        Site::new(&text.replace("[dicom]\nlisten = [\"127.0.0.1:0\"]", "[dicom]\nlisten = []"));
    let mut daemon = site.start();
    daemon.tls_address();
    assert!(!daemon.log().contains(" listening address"), "{}", daemon.log());
    let config = site.config();
    let config = config.to_str().unwrap();
    let status = run(&["status", "--config", config]);
    assert!(status.stdout.contains("127.0.0.1:0 (TLS)"), "{status:?}");
    let json = run(&["status", "--config", config, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["listen"], serde_json::json!([{"address": "127.0.0.1:0", "tls": true}]));
    assert!(daemon.terminate().success());
}

#[test]
fn files_that_cannot_be_used_end_with_64_and_say_what_to_do() {
    let certificates = Certificates::make();
    let good = certificates.settings("server", &["ours"]);
    let check = |edit: &dyn Fn(&mut TlsSettings), says: &[&str]| {
        let mut tls = good.clone();
        edit(&mut tls);
        let site = Site::new(&settings(&tls));
        let config = site.config();
        for command in [&["check-config"][..], &["run", "--config"]] {
            let ended = run(&[command, &[config.to_str().unwrap()]].concat());
            assert_eq!(ended.code, Some(64), "{ended:?}");
            for says in says {
                assert!(ended.stderr.contains(says), "{says}: {ended:?}");
            }
        }
        assert!(!site.data_dir().exists(), "nothing is made with bad settings");
    };
    let write = |name: &str, bytes: &[u8]| {
        fs::write(certificates.path(name), bytes).unwrap();
        certificates.path(name)
    };
    check(
        &|tls| tls.key = "/nowhere.key".into(),
        &["/nowhere.key", "dicom.tls.key", "No such file"],
    );
    check(&|tls| tls.key = certificates.path("client.key"), &["does not belong to", "server.pem"]);
    check(&|tls| tls.key = certificates.path("server.pem"), &["holds no private key"]);
    check(&|tls| tls.certificate = certificates.path("server.key"), &["holds no certificate"]);
    let locked =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check(&|tls| tls.key = write("locked", locked), &["passphrase", "openssl pkey"]);
    let other = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(&|tls| tls.peers = Some(write("other", other)), &["certificate 1 of", "no X.509"]);
    let pem = fs::read(certificates.path("server.pem")).unwrap();
    let half = &pem[..pem.len() / 2];
    check(&|tls| tls.certificate = write("half", half), &["is damaged", "dicom.tls.certificate"]);
    check(&|tls| tls.certificate = write("large", &vec![b'\n'; 1 << 21]), &["larger than 1 MiB"]);
    check(&|tls| tls.peers = None, &["dicom.tls.peers is missing"]);
    check(&|tls| tls.revoked = tls.peers.clone(), &["holds no certificate revocation list"]);
    let list = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    check(
        &|tls| tls.revoked = Some(write("list", list)),
        &["dicom.tls.revoked", "take a newer one"],
    );
}

#[test]
fn what_can_be_used_but_should_be_looked_at_is_said() {
    let certificates = Certificates::make();
    let check = |tls: &TlsSettings, says: &str| {
        let site = Site::new(&settings(tls));
        let ended = run(&["check-config", site.config().to_str().unwrap()]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let is_said =
            if says.is_empty() { ended.stderr.is_empty() } else { ended.stderr.contains(says) };
        assert!(is_said, "{says}: {ended:?}");
        assert!(ended.stdout.contains("[dicom.tls]"), "{ended:?}");
    };
    let mut tls = certificates.settings("server", &["ours"]);
    check(&tls, "");
    check(&certificates.settings("expired", &["ours"]), "expired at 2002-01-01");
    check(&certificates.settings("future", &["ours"]), "not valid before 3001-01-01");
    check(&certificates.settings("server", &["ours", "expired"]), "certificate 2 of");
    tls.client_authentication = ClientAuthentication::None;
    tls.peers = None;
    check(&tls, "");
    set_mode(&tls.key, 0o640);
    check(&tls, "mode 640");
}
