//! A client that costs little: it shares the processors with what it measures.
//!
//! HTTP/1.1 with keep-alive, one request at a time, answers with a length. It is not for any other server.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// All of it.
    pub body: String,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(4096),
        })
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: countersign\r\n\r\n"))
            .await
    }

    /// Sends a GraphQL request, a JSON object.
    pub async fn post(&mut self, token: Option<&str>, body: &str) -> anyhow::Result<Answer> {
        let authorization = token.map_or_else(String::new, |token| {
            format!("authorization: Bearer {token}\r\n")
        });
        let length = body.len();
        self.exchange(&format!(
            "POST /graphql HTTP/1.1\r\nhost: countersign\r\n{authorization}accept: application/json\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn exchange(&mut self, request: &str) -> anyhow::Result<Answer> {
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        let head = loop {
            if let Some(end) = head_length(&self.received) {
                break end;
            }
            self.receive().await?;
        };
        let (status, length) = {
            let head = std::str::from_utf8(&self.received[..head])?;
            read_head(head).with_context(|| format!("an answer of another form: {head}"))?
        };
        while self.received.len() < head + length {
            self.receive().await?;
        }
        let body = std::str::from_utf8(&self.received[head..head + length])?.to_owned();
        Ok(Answer { status, body })
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// The length of status line and headers, with the empty line behind them, once they are there.
fn head_length(received: &[u8]) -> Option<usize> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The status and the length of the body.
fn read_head(head: &str) -> Option<(u16, usize)> {
    let mut lines = head.lines();
    let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?
        .1;
    Some((status, length.trim().parse().ok()?))
}

/// Somebody who sets the stage: slow is fine, a refusal is not.
pub struct Caller {
    connection: Connection,
    token: Option<String>,
}

impl Caller {
    /// Signs in with an API key.
    pub async fn sign_in(address: SocketAddr, api_key: &str) -> anyhow::Result<Self> {
        let mut caller = Self {
            connection: Connection::open(address).await?,
            token: None,
        };
        let payload = caller
            .run("IssueToken", "accessToken", &json!({ "apiKey": api_key }))
            .await?;
        caller.token = Some(text(&payload["accessToken"])?);
        Ok(caller)
    }

    /// The access token.
    pub fn token(&self) -> anyhow::Result<String> {
        self.token.clone().context("nobody is signed in")
    }

    /// Runs a mutation, named with a capital as its input type is, and gives its payload.
    pub async fn run(
        &mut self,
        name: &str,
        selection: &str,
        input: &Value,
    ) -> anyhow::Result<Value> {
        let field = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
        let query = format!(
            "mutation($input: {name}Input!) {{ {field}(input: $input) {{ {selection} userErrors {{ message }} }} }}"
        );
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let answer = self.connection.post(self.token.as_deref(), &body).await?;
        let mut value: Value = serde_json::from_str(&answer.body)?;
        let payload = value["data"][&field].take();
        ensure!(
            payload["userErrors"] == json!([]),
            "{name} was refused: {}",
            answer.body
        );
        Ok(payload)
    }
}

/// A string in an answer.
pub fn text(value: &Value) -> anyhow::Result<String> {
    let text = value.as_str().context("an answer lacks a string")?;
    Ok(text.to_owned())
}
