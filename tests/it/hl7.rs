//! HL7 v2 over MLLP with systems that others wrote, and with some that misbehave.

mod results;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use parotidd::clock::ManualClock;
use parotidd::error::{Chain, Dispose, Disposition};
use parotidd::hl7::ack::{Acknowledgement, Answer, Code};
use parotidd::hl7::build::{self, Component, Field, Header, Segment};
use parotidd::hl7::client::{self, ClientError};
use parotidd::hl7::listener::{self, Handler, ListenerOptions};
use parotidd::hl7::mllp::{Decoder, frame};
use parotidd::hl7::radiology_report::{RadiologyReport, ResultStatus};
use parotidd::hl7::read::Message;
use serde_json::{Value, json};

use crate::peers::{python, run};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A result as this program may send one, of someone with a difficult name.
fn oru(control_id: &str) -> String {
    let header = Header {
        sending_application: "PAROTIDD",
        sending_facility: "CT",
        receiving_application: "RIS^1.2.3^ISO",
        receiving_facility: "A & B",
        time: "20260101000000+0000",
        message_type: ["ORU", "R01", "ORU_R01"],
        control_id,
        processing_id: "P",
        version: build::VERSION,
    };
    let mut pid = Segment::new("PID");
    let authority = Component::of(["HOSP", "1.2.3", "ISO"]);
    pid.set(1, "1")
        .set(3, [Component::from("P|1"), "".into(), "".into(), authority, "MR".into()])
        .set(5, Field::split("Ünal & ~\\Söhne^小東"));
    let mut obr = Segment::new("OBR");
    obr.set(1, "1")
        .set(3, ["F1", "PAROTIDD"])
        .set(4, ["PAROTID-CT-SCREEN", "Parotid screening of CT", "L"])
        .set(18, "A1")
        .set(25, "P");
    let mut obx = Segment::new("OBX");
    obx.set(1, "1").set(2, "FT").set(3, ["GDT", "Text", "L"]).set(5, "one\ntwo").set(11, "P");
    build::message(&header, &[pid, obr, obx])
}

/// `tests/peers/mllp.py serve`; it ends with the test.
pub(crate) struct Engine {
    process: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Engine {
    /// That answers with these codes; `None` where hl7apy is not installed.
    pub(crate) fn start(codes: &[&str]) -> Option<Self> {
        let python = python("hl7apy")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/mllp.py");
        let mut command = Command::new(python);
        command.arg(script).arg("serve").args(codes).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut engine = Self { process, lines, address: String::new() };
        engine.address = format!("127.0.0.1:{}", engine.line());
        Some(engine)
    }

    /// The next thing it says.
    pub(crate) fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn hl7apy_takes_what_we_send() {
    let Some(mut engine) = Engine::start(&["AA", "AE", "AR"]) else { return };
    let message = oru("M1");
    let answer = client::send(&engine.address, &message, TIMEOUT).unwrap();
    assert_eq!(answer.receipt(), "AA\nby hl7apy");
    let heard = engine.line();
    assert_eq!(heard["valid"], true, "{heard}");
    // Its writer takes a line break for three characters to escape.
    let message = message.replace("\\.br\\", "\\E\\.br\\E\\");
    let sent: Vec<_> = message.split_terminator('\r').map(Value::from).collect();
    assert_eq!(heard["segments"], json!(sent));

    let error = client::send(&engine.address, &oru("M2"), TIMEOUT).unwrap_err();
    assert!(
        matches!(&error, ClientError::NotNow(answer) if answer.about.expose() == "M2"),
        "{error}"
    );
    let error = client::send(&engine.address, &oru("M3"), TIMEOUT).unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused(answer) if answer.about.expose() == "M3"),
        "{error}"
    );
}

/// Keeps the reports that come.
#[derive(Default)]
struct Desk(Mutex<Vec<RadiologyReport>>);

impl Handler for Desk {
    async fn handle(&self, message: Message) -> Answer {
        match RadiologyReport::read(&message) {
            Ok(report) => {
                self.0.lock().unwrap().push(report);
                Answer::Accepted
            }
            Err(why) => why.answer(),
        }
    }
}

/// Runs something against a listener with a desk behind it.
async fn with_listener<T: Send + 'static>(
    run: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> (T, Arc<Desk>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let desk = Arc::new(Desk::default());
    let clock = Arc::new(ManualClock::default());
    let options = ListenerOptions { connections_max: 2, idle_timeout: TIMEOUT, clock };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let serving = tokio::spawn(listener::serve(listener, Arc::clone(&desk), options, shutdown));
    let ran = tokio::task::spawn_blocking(move || run(address)).await.unwrap();
    drop(stop);
    serving.await.unwrap();
    (ran, desk)
}

#[tokio::test]
async fn python_hl7_sends_reports_to_us() {
    let folder = tempfile::tempdir().unwrap();
    let start =
        |kind: &str, id: &str| format!("MSH|^~\\&|RIS||PAROTIDD||20260105||{kind}|{id}|P|2.5.1");
    let report = "PID|1||T-1\rOBR|1||A-1||||||||||||||||||||||F\rOBX|1|TX|&GDT||No mass \\T\\ no nodes||||||F\r";
    let messages = [
        format!("{}\r{report}", start("ORU^R01^ORU_R01", "M1")),
        format!("{}\rPID|1||T-1\r", start("ADT^A08^ADT_A01", "M2")),
        format!("{}\r{}", start("ORU^R01^ORU_R01", "M3"), report.replace("|F\r", "|C\r")),
        start("ORU^R01^ORU_R01", ""),
    ];
    let mut paths = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let path = folder.path().join(n.to_string());
        fs::write(&path, message).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
    }
    let send = move |address: SocketAddr| {
        let arguments = ["send".to_owned(), address.port().to_string()].into_iter().chain(paths);
        run("hl7", "mllp.py", &arguments.collect::<Vec<_>>())
    };
    let (answers, desk) = with_listener(send).await;
    let Some(answers) = answers else { return };
    let msa: Vec<_> = answers.as_array().unwrap().iter().map(|it| it["msa"].clone()).collect();
    let refusal =
        "\"ADT^A08\" carries no report; send ORU^R01, or MDM^T02, T04, T06, T08, T10 or T11";
    assert_eq!(msa[0], json!(["AA", "M1", ""]));
    assert_eq!(msa[1], json!(["AR", "M2", refusal.replace('^', "\\S\\")]));
    assert_eq!(msa[2], json!(["AA", "M3", ""]));
    assert_eq!(msa[3][0], "AR");
    for answer in &answers.as_array().unwrap()[..3] {
        assert_eq!(answer["valid"], true, "{answer}");
    }
    let reports = desk.0.lock().unwrap();
    let statuses: Vec<_> = reports.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [ResultStatus::Final, ResultStatus::Corrected]);
    assert_eq!(reports[0].text.expose(), "FINDINGS:\nNo mass & no nodes");
}

#[tokio::test]
async fn our_client_and_our_listener_understand_each_other() {
    let send = |address: SocketAddr| client::send(&address.to_string(), &oru("M1"), TIMEOUT);
    let (answer, desk) = with_listener(send).await;
    assert_eq!((answer.unwrap().code, desk.0.lock().unwrap().len()), (Code::Accept, 1));
}

/// What a server does once it has the message.
type Act = fn(&mut TcpStream);

/// A server for one message, as wicked as `act`. It returns what it was sent.
fn server(act: Act) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut decoder = Decoder::new(100_000);
        loop {
            let mut buffer = [0; 1000];
            let n = stream.read(&mut buffer).unwrap();
            assert_ne!(n, 0, "a whole message");
            if let Some(message) = decoder.take(&mut &buffer[..n]).unwrap() {
                act(&mut stream);
                return message;
            }
        }
    });
    (address, serving)
}

fn ack(code: &str, about: &str) -> Vec<u8> {
    let text = format!("MSH|^~\\&|E||||2026||ACK^R01|1|P|2.5.1\rMSA|{code}|{about}|seen\r");
    frame(text.as_bytes())
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    // The client may have what it wants, and be gone.
    let _ = stream.write_all(bytes);
}

/// Until the other side goes.
fn hang(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]);
}

/// What comes of sending the message M1 to such a server.
fn outcome(act: Act, timeout: Duration) -> Result<Acknowledgement, ClientError> {
    let (address, serving) = server(act);
    let outcome = client::send(&address, &oru("M1"), timeout);
    assert_eq!(serving.join().unwrap(), oru("M1").as_bytes());
    outcome
}

#[test]
fn answers_are_what_they_say() {
    let accepted: [Act; 6] = [
        |it| answer(it, &ack("AA", "M1")),
        |it| answer(it, &ack("CA", "M1")),
        // With the connection open, in pieces, after a greeting, after the answer to an earlier message.
        |it| {
            answer(it, &ack("AA", "M1"));
            hang(it);
        },
        |it| ack("AA", "M1").iter().for_each(|byte| answer(it, &[*byte])),
        |it| answer(it, &[b"welcome\r\n", &ack("AA", "M1")[..]].concat()),
        |it| answer(it, &[ack("AR", "M0"), ack("AA", "M1")].concat()),
    ];
    for (n, act) in accepted.into_iter().enumerate() {
        let answer = outcome(act, TIMEOUT).unwrap_or_else(|error| panic!("{n}: {error}"));
        assert_eq!(answer.receipt(), "AA\nseen", "{n}");
    }
    let not_now: [Act; 2] = [|it| answer(it, &ack("AE", "M1")), |it| answer(it, &ack("CE", "M1"))];
    for act in not_now {
        let error = outcome(act, TIMEOUT).unwrap_err();
        assert!(matches!(error, ClientError::NotNow(_)), "{error}");
        assert_eq!(error.disposition(), Disposition::Retry);
    }
    let refused: [Act; 2] = [|it| answer(it, &ack("AR", "M1")), |it| answer(it, &ack("CR", "M1"))];
    for act in refused {
        let error = outcome(act, TIMEOUT).unwrap_err();
        assert!(matches!(error, ClientError::Refused(_)), "{error}");
        assert_eq!(error.disposition(), Disposition::Reject);
    }
}

#[test]
fn what_is_no_answer_to_ours_is_tried_again() {
    let check = |act: Act, is_expected: fn(&ClientError) -> bool| {
        let error = outcome(act, Duration::from_millis(300)).unwrap_err();
        assert!(is_expected(&error), "{}", Chain(&error));
        assert_eq!(error.disposition(), Disposition::Retry);
    };
    // Another message's, and then nothing or the end.
    let other = |it: &ClientError| matches!(it, ClientError::OtherMessage);
    check(|it| answer(it, &ack("AA", "M0")), other);
    check(|it| answer(it, &ack("AA", "")), other);
    check(
        |it| {
            answer(it, &ack("AR", "M0"));
            hang(it);
        },
        other,
    );
    check(|it| answer(it, &ack("AA", "M0").repeat(100)), other);
    // Half an answer.
    check(|it| answer(it, &ack("AA", "M1")[..40]), |it| matches!(it, ClientError::Closed));
    check(
        |it| {
            let ack = ack("AA", "M1");
            answer(it, &ack[..ack.len() - 1]);
            hang(it);
        },
        |it| matches!(it, ClientError::NoAnswer(_)),
    );
    // None.
    check(hang, |it| matches!(it, ClientError::NoAnswer(_)));
    check(|_| {}, |it| matches!(it, ClientError::Closed | ClientError::Receive(_)));
    // Something else.
    check(|it| answer(it, &[b'x'; 5000]), |it| matches!(it, ClientError::Framing(_)));
    check(|it| answer(it, &frame(&[b'x'; 100_000])), |it| matches!(it, ClientError::Framing(_)));
    check(|it| answer(it, &frame(b"OK")), |it| matches!(it, ClientError::Answer(_)));
    check(|it| answer(it, &ack("OK", "M1")), |it| matches!(it, ClientError::Answer(_)));
    check(|it| answer(it, &frame(oru("M1").as_bytes())), |it| matches!(it, ClientError::Answer(_)));
}

#[test]
fn nothing_that_an_answer_says_reaches_an_error() {
    let error = outcome(|it| answer(it, &ack("AR", "M1")), TIMEOUT).unwrap_err();
    assert_eq!(Chain(&error).to_string(), "the receiver refused the message: AR");
    assert!(!format!("{error:?}").contains("seen"));
}
