//! A real STOW-RS server, and a peer that says exactly what it is told to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dicom_dictionary_std::uids;
use parotidd::dicom::part10::FileMeta;
use parotidd::dicom::stow::{Stow, StowOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::wire::support::{PATIENCE, SERIES, Server, data_set};

pub(super) struct StowServer {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl StowServer {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(edit: impl FnOnce(&mut StowOptions)) -> Self {
        Self::start_over(Server::start().await, edit).await
    }

    /// Beside a server for DIMSE.
    pub(super) async fn start_over(server: Server, edit: impl FnOnce(&mut StowOptions)) -> Self {
        let mut options = StowOptions {
            base_path: "/dicom-web".to_owned(),
            token: None,
            requests_max: 4,
            head_timeout: PATIENCE,
            idle_timeout: PATIENCE,
        };
        edit(&mut options);
        let stow = Stow::new(options, Arc::clone(&server.scp));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(stow.serve(listener, async move {
            let _ = stopped.await;
        }));
        Self { server, address, stop, served }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/dicom-web", self.address)
    }

    /// Where an instance of the series lies.
    pub(super) fn kept(&self, sop_instance: &str) -> PathBuf {
        self.server.spool.folder().join(format!("{SERIES}/{sop_instance}.dcm"))
    }

    /// Begins to stop; the handle is ready at the end.
    pub(super) fn stop(self) -> (Server, JoinHandle<()>) {
        self.stop.send(()).unwrap();
        (self.server, self.served)
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    fn parse(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap();
        // What the peer was asked to go on with comes first.
        let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// SOP Instance UIDs of a sequence, with reasons where they failed.
    fn items(&self, sequence: &str) -> Vec<(String, u64)> {
        let module: Value = serde_json::from_str(&self.body).unwrap();
        assert!(self.head.contains("content-type: application/dicom+json"), "{}", self.head);
        assert_eq!(module["00081190"], serde_json::json!({"vr": "UR"}));
        let items = module[sequence]["Value"].as_array().cloned().unwrap_or_default();
        let item = |item: &Value| {
            let uid = item["00081155"]["Value"][0].as_str().unwrap_or_default().to_owned();
            (uid, item["00081197"]["Value"][0].as_u64().unwrap_or_default())
        };
        items.iter().map(item).collect()
    }

    pub(super) fn stored(&self) -> Vec<String> {
        self.items("00081199").into_iter().map(|(uid, _)| uid).collect()
    }

    pub(super) fn failed(&self) -> Vec<(String, u64)> {
        self.items("00081198")
    }

    /// Reasons of parts that are no instances.
    pub(super) fn other_failures(&self) -> Vec<u64> {
        self.items("0008119A").into_iter().map(|(_, reason)| reason).collect()
    }
}

/// A connection.
pub(super) struct Peer(pub(super) TcpStream);

impl Peer {
    pub(super) async fn connect(server: &StowServer) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    /// Sends as much as the server takes.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.0.write_all(bytes)).await.unwrap();
    }

    /// All that comes until the server closes.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }

    pub(super) async fn answer(&mut self) -> Answer {
        Answer::parse(self.rest().await)
    }
}

/// Sends a request and hears the answer.
pub(super) async fn exchange(server: &StowServer, request: &[u8]) -> Answer {
    let mut peer = Peer::connect(server).await;
    peer.send(request).await;
    peer.answer().await
}

pub(super) const TYPE: &str = "multipart/related; type=\"application/dicom\"; boundary=b";

/// A request's head for a body of so many bytes.
pub(super) fn head(path: &str, headers: &str, n_bytes: usize) -> Vec<u8> {
    format!(
        "POST /dicom-web{path} HTTP/1.1\r\nHost: ct\r\nContent-Type: {TYPE}\r\n\
         Content-Length: {n_bytes}\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// A request whole.
pub(super) fn post(path: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = [parts.concat(), b"--b--".to_vec()].concat();
    [head(path, "", body.len()), body].concat()
}

pub(super) fn part_of_type(media: &str, content: &[u8]) -> Vec<u8> {
    [format!("--b\r\nContent-Type: {media}\r\n\r\n").as_bytes(), content, b"\r\n"].concat()
}

pub(super) fn part(content: &[u8]) -> Vec<u8> {
    part_of_type("application/dicom", content)
}

/// The front of a CT instance's file.
pub(super) fn meta(sop_instance: &str) -> FileMeta {
    FileMeta {
        sop_class: uids::CT_IMAGE_STORAGE.parse().unwrap(),
        sop_instance: sop_instance.parse().unwrap(),
        transfer_syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN.parse().unwrap(),
        source_ae: None,
    }
}

/// A CT instance as a file.
pub(super) fn instance(sop_instance: &str, n_bytes: u32) -> Vec<u8> {
    [meta(sop_instance).encode(), data_set(sop_instance, n_bytes)].concat()
}
