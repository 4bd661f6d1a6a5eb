//! A receiver of webhooks on this machine, which remembers what it was sent and answers what the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::until;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// What it asks for, such as `/hook`.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug)]
struct State {
    /// The head of each answer from now on, without the empty line.
    answer: String,
    received: Vec<Received>,
}

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    /// `http://127.0.0.1:port`.
    pub url: String,
    state: Arc<Mutex<State>>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// A receiver that answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            answer: "HTTP/1.1 200 OK".to_owned(),
            received: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let (held, hold) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), hold.clone()));
            }
        });
        Self {
            url,
            state,
            held,
            task,
        }
    }

    /// From now on holds its answers back, or gives those that it held back.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// From now on answers this status, with further lines of the head such as `retry-after: 60`.
    pub fn answer(&self, status: u16, lines: &[&str]) {
        let mut answer = format!("HTTP/1.1 {status} Said");
        for line in lines {
            answer.push_str("\r\n");
            answer.push_str(line);
        }
        self.state.lock().unwrap().answer = answer;
    }

    /// What arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// What arrived, once so much has.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        until("the receiver got what it waits for", async || {
            self.received().len() >= count
        })
        .await;
        self.received()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, mut hold: watch::Receiver<bool>) {
    let Some(received) = read(&mut stream).await else {
        return;
    };
    let answer = {
        let mut state = state.lock().unwrap();
        state.received.push(received);
        format!(
            "{}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            state.answer
        )
    };
    if hold.wait_for(|held| !*held).await.is_err() {
        return;
    }
    // Whoever does not wait for the answer is gone, and that is fine.
    let _unsent = stream.write_all(answer.as_bytes()).await;
}

/// A whole request; none where the connection ends before.
async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let length = stream.read(&mut part).await.ok()?;
        if length == 0 {
            return None;
        }
        bytes.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let wanted: usize = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let begun = head.len() + 4;
        if bytes.len() >= begun + wanted {
            let body = String::from_utf8(bytes[begun..begun + wanted].to_vec()).unwrap();
            return Some(Received {
                path,
                headers,
                body,
            });
        }
    }
}
