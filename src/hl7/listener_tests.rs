//! The listener on real sockets.

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::clock::ManualClock;
use crate::hl7::ack::{Acknowledgement, Code};

/// Answers by the sending application of a message.
#[derive(Default)]
struct Desk {
    /// What `SLOW` waits for.
    go: Notify,
    begun: Notify,
}

impl Handler for Desk {
    async fn handle(&self, message: Message) -> Answer {
        match message.header().sending_application.as_str() {
            "LATER" => Answer::TryAgain("not now".into()),
            "NEVER" => Answer::Refused(Condition::UnsupportedEventCode, "not this".into()),
            "SLOW" => {
                self.begun.notify_one();
                self.go.notified().await;
                Answer::Accepted
            }
            _ => Answer::Accepted,
        }
    }
}

struct Server {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start(connections_max: usize, idle_timeout: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let clock = Arc::new(ManualClock::default());
        let options = ListenerOptions { connections_max, idle_timeout, clock };
        let shutdown = async { drop(stopped.await) };
        let running = tokio::spawn(serve(listener, Arc::clone(&desk), options, shutdown));
        Self { address, desk, stop, running }
    }

    async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Client { stream, decoder: Decoder::new(limits::HL7_ANSWER_BYTES_MAX), unread: Vec::new() }
    }
}

struct Client {
    stream: TcpStream,
    decoder: Decoder,
    unread: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next answer; `None` at the end of the connection.
    async fn answer(&mut self) -> Option<Acknowledgement> {
        loop {
            let mut unread = &self.unread[..];
            let answer = self.decoder.take(&mut unread).unwrap();
            self.unread = unread.to_vec();
            if let Some(answer) = answer {
                return Some(Acknowledgement::read(&answer).unwrap());
            }
            let mut buffer = [0; 1000];
            match self.stream.read(&mut buffer).await {
                Ok(n) if n > 0 => self.unread = buffer[..n].to_vec(),
                _ => return None,
            }
        }
    }

    async fn code(&mut self) -> Option<(Code, String)> {
        self.answer().await.map(|it| (it.code, it.about.expose().clone()))
    }
}

const IDLE: Duration = Duration::from_secs(60);

fn message(from: &str, id: &str) -> Vec<u8> {
    frame(format!("MSH|^~\\&|{from}||PAROTIDD||2026||ORU^R01|{id}|P|2.5.1\rPID|1\r").as_bytes())
}

#[tokio::test]
async fn each_message_is_answered_in_its_turn() {
    let server = Server::start(4, IDLE).await;
    let mut client = server.connect().await;
    let messages = [
        message("RIS", "1"),
        message("LATER", "2"),
        message("NEVER", "3"),
        message("RIS", ""),
        frame(b"MSH|^^\\&|"),
        frame(b"no message"),
        message("RIS", "4"),
    ];
    client.send(&messages.concat()).await;
    let expected = [
        (Code::Accept, "1"),
        (Code::Error, "2"),
        (Code::Reject, "3"),
        (Code::Reject, ""),
        (Code::Reject, ""),
        (Code::Reject, ""),
        (Code::Accept, "4"),
    ];
    for (code, about) in expected {
        assert_eq!(client.code().await, Some((code, about.to_owned())));
    }
    drop(server.stop);
    server.running.await.unwrap();
    assert_eq!(client.code().await, None);
}

#[tokio::test]
async fn a_message_in_single_bytes_is_one_message() {
    let server = Server::start(4, IDLE).await;
    let mut client = server.connect().await;
    client.stream.set_nodelay(true).unwrap();
    for byte in message("RIS", "1") {
        client.send(&[byte]).await;
    }
    assert_eq!(client.code().await, Some((Code::Accept, "1".into())));
}

#[tokio::test]
async fn acknowledgements_are_not_acknowledged() {
    let server = Server::start(4, IDLE).await;
    let mut client = server.connect().await;
    client.send(&frame(b"MSH|^~\\&|RIS||||||ACK^R01|9|P|2.5.1\rMSA|AA|1\r")).await;
    client.send(&message("RIS", "1")).await;
    assert_eq!(client.code().await, Some((Code::Accept, "1".into())));
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_the_connection_closed() {
    let server = Server::start(4, IDLE).await;
    let mut client = server.connect().await;
    let mut long = message("RIS", "1");
    long.truncate(long.len() - 2);
    long.resize(limits::HL7_MESSAGE_BYTES_MAX + 100_000, b'x');
    // The other side may be gone before all of it is written.
    let _ = client.stream.write_all(&long).await;
    assert_eq!(client.code().await, Some((Code::Reject, "1".into())));
    assert_eq!(client.code().await, None);
}

#[tokio::test]
async fn what_is_no_mllp_ends_the_connection() {
    let server = Server::start(4, IDLE).await;
    let mut client = server.connect().await;
    let _ = client.stream.write_all(&[b'x'; limits::MLLP_SKIPPED_BYTES_MAX + 1]).await;
    assert_eq!(client.code().await, None);
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let server = Server::start(1, IDLE).await;
    let mut first = server.connect().await;
    first.send(&message("RIS", "1")).await;
    assert_eq!(first.code().await, Some((Code::Accept, "1".into())));
    let mut second = server.connect().await;
    assert_eq!(second.code().await, None);
    drop(first);
    // Its permit is free once the server has seen it go.
    loop {
        let mut third = server.connect().await;
        let _ = third.stream.write_all(&message("RIS", "2")).await;
        if third.code().await.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn silent_connections_are_closed() {
    let server = Server::start(4, Duration::from_millis(50)).await;
    let mut silent = server.connect().await;
    let mut halfway = server.connect().await;
    let half = message("RIS", "1");
    halfway.send(&half[..10]).await;
    assert_eq!(silent.code().await, None);
    assert_eq!(halfway.code().await, None);
}

#[tokio::test]
async fn what_is_being_handled_is_answered_before_the_end() {
    let server = Server::start(4, IDLE).await;
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    let mut halfway = server.connect().await;
    let half = message("RIS", "2");
    halfway.send(&half[..10]).await;
    busy.send(&message("SLOW", "1")).await;
    server.desk.begun.notified().await;
    // Read by then, as a message sent after it is answered.
    let mut other = server.connect().await;
    other.send(&message("RIS", "3")).await;
    assert!(other.code().await.is_some());
    drop(server.stop);
    assert_eq!(idle.code().await, None);
    halfway.send(&half[10..]).await;
    assert_eq!(halfway.code().await, Some((Code::Accept, "2".into())));
    server.desk.go.notify_one();
    assert_eq!(busy.code().await, Some((Code::Accept, "1".into())));
    server.running.await.unwrap();
}
