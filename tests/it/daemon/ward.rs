//! A webhook's receiver that can be away, slow, and remembers everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpSocket;

use super::support::wait_for;

/// One alert, as it came.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// Its `Idempotency-Key`.
    pub(super) key: String,
    pub(super) alert: Value,
}

impl Received {
    pub(super) fn series(&self) -> &str {
        self.alert["report"]["series_instance_uid"].as_str().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    delay: Duration,
}

/// The receiver. Its threads wait for connections until the tests end.
#[derive(Clone)]
pub(super) struct Ward {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

/// A receiver that is not there yet: its port is taken, and refuses connections.
pub(super) struct AwayWard {
    pub(super) url: String,
    socket: TcpSocket,
}

impl AwayWard {
    pub(super) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}/alert", socket.local_addr().unwrap());
        Self { url, socket }
    }

    pub(super) fn open(self) -> Ward {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let listener = runtime.block_on(async { self.socket.listen(64) }).unwrap();
        let listener = listener.into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        let ward = Ward { url: self.url, state: Arc::default() };
        let accepting = ward.clone();
        spawn(move || accepting.serve(&listener));
        ward
    }
}

impl Ward {
    pub(super) fn open() -> Self {
        AwayWard::new().open()
    }

    /// The settings of a destination that is told of every answer: what the networks find is not
    /// the matter here.
    pub(super) fn destination(url: &str) -> String {
        format!(
            "[[destination]]\nname = \"ward\"\nkind = \"webhook\"\nurl = \"{url}\"\n\
             on = [\"flagged\", \"not_flagged\", \"not_assessable\"]\n"
        )
    }

    /// From now on it thinks for so long before it answers.
    pub(super) fn delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// Everything that came.
    pub(super) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// What came about a series, as often as it came.
    pub(super) fn about(&self, series: &str) -> Vec<Received> {
        let state = self.state.lock().unwrap();
        state.received.iter().filter(|it| it.series() == series).cloned().collect()
    }

    /// What a receiver makes of it that knows an alert again by its key.
    pub(super) fn distinct_about(&self, series: &str) -> Vec<Received> {
        let mut distinct: Vec<Received> = Vec::new();
        for received in self.about(series) {
            match distinct.iter().find(|earlier| earlier.key == received.key) {
                Some(earlier) => assert_eq!(earlier.alert, received.alert, "one key, one content"),
                None => distinct.push(received),
            }
        }
        distinct
    }

    pub(super) fn wait_for_alert(&self, series: &str) -> Received {
        wait_for("an alert", || self.about(series).pop())
    }

    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            let (ward, stream) = (self.clone(), stream.unwrap());
            spawn(move || ward.answer(stream));
        }
    }

    /// A sender that breaks off is none of a receiver's business.
    fn answer(&self, mut stream: TcpStream) {
        let Some(received) = read(&stream) else { return };
        let delay = {
            let mut state = self.state.lock().unwrap();
            state.received.push(received);
            state.delay
        };
        sleep(delay);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nthanks");
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") {
        if reader.read_line(&mut headers).ok()? == 0 {
            return None;
        }
    }
    let header = |name: &str| {
        let mut fields = headers.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1.trim().to_owned()
    };
    let mut body = vec![0; header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    assert_eq!(header("content-type"), "application/json");
    let alert: Value = serde_json::from_slice(&body).unwrap();
    let key = header("idempotency-key");
    assert_eq!(alert["id"], key.as_str());
    Some(Received { key, alert })
}
