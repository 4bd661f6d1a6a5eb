//! A server of one test, which answers what the test says and remembers what it was asked.
//!
//! It speaks just enough HTTP/1.1 for one request a connection, and stands on a port of this
//! machine.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::PlatformConfig;
use crate::model::{PlatformKind, Secret};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The method and what it asks for, such as `GET /api/info?id=t3_a`.
    pub(super) line: String,
    /// The headers, in lower case.
    pub(super) head: String,
    /// The body.
    pub(super) body: String,
}

impl Asked {
    /// A field of a form body.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.line.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// An answer to give.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    /// A status and a body.
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The running server.
pub(super) struct Stub {
    /// Its root.
    pub(super) url: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Starts a server that answers with `answer`. It ends with the test's runtime.
    pub(super) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    serve(stream, |request: Asked| {
                        let reply = answer(&request);
                        seen.lock().unwrap().push(request);
                        reply
                    })
                    .await;
                });
            }
        });
        Self { url, asked }
    }

    /// What was asked so far, in the order of the answers.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A configuration with credentials whose hosts are this server's `/api` and `/web`.
    pub(super) fn config(&self, kind: PlatformKind) -> PlatformConfig {
        PlatformConfig {
            base_url: self.url.join("/api").unwrap(),
            web_url: self.url.join("/web").unwrap(),
            client_id: Some("the-client".to_owned()),
            client_secret: Some(Secret::new("the-client-secret")),
            access_token: Some(Secret::new("the-access-token")),
            account_id: Some("17841406338772941".to_owned()),
            operator_set_hosts: true,
            ..PlatformConfig::defaults(kind)
        }
    }
}

async fn serve(mut stream: TcpStream, answer: impl FnOnce(Asked) -> Reply) {
    let mut bytes = Vec::new();
    let request = loop {
        let mut part = [0_u8; 4096];
        let read = stream.read(&mut part).await.unwrap();
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&part[..read]);
        if let Some(request) = parse(&String::from_utf8_lossy(&bytes)) {
            break request;
        }
    };
    let reply = answer(request);
    let mut text = format!(
        "HTTP/1.1 {} X\r\ncontent-length: {}\r\nconnection: close\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in reply.headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.push_str(&reply.body);
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// The request, once it is there in full.
fn parse(text: &str) -> Option<Asked> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (line, head) = head.split_once("\r\n")?;
    let head = head.to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|header| header.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    if body.len() < length {
        return None;
    }
    let line = line.rsplit_once(' ').map_or(line, |(line, _)| line);
    Some(Asked {
        line: line.to_owned(),
        head,
        body: body.to_owned(),
    })
}

/// A recorded answer of a platform, from the folder beside the project. `None`, said aloud, where
/// that is absent.
pub(super) fn recorded(file: &str) -> Option<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/fixtures")
        .join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("skipped: {} ({error})", path.display());
            None
        }
    }
}
