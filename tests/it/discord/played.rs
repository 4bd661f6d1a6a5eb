//! Discord, played: it remembers what it is told, and answers what the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use countersign::http::Acceptor;
use countersign::server::listen;
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};

/// Something that Discord was told.
#[derive(Debug, Clone)]
pub struct Told {
    /// `PATCH /api/v10/…`.
    pub line: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    pub body: Value,
}

/// What Discord answers once.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// The `Retry-After` header, in seconds.
    retry_after: Option<u32>,
    body: Value,
}

#[derive(Debug, Default)]
struct State {
    told: Mutex<Vec<Told>>,
    answers: Mutex<VecDeque<Answer>>,
}

/// A server in the place of Discord.
pub struct Played {
    /// Its root.
    pub url: String,
    state: Arc<State>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

struct Door(Arc<State>);

impl Endpoint for Door {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (parts, body) = request.into_parts();
        let bytes = body.into_vec().await?;
        let authorization = parts.headers.get("authorization");
        self.0.told.lock().unwrap().push(Told {
            line: format!("{} {}", parts.method, parts.uri.path()),
            authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(&bytes).unwrap(),
        });
        let answer = self.0.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or(Answer {
            status: 200,
            retry_after: None,
            body: json!({}),
        });
        let status = poem::http::StatusCode::from_u16(answer.status).unwrap();
        let mut response = Response::builder()
            .status(status)
            .content_type("application/json");
        if let Some(seconds) = answer.retry_after {
            response = response.header("retry-after", seconds);
        }
        Ok(response.body(answer.body.to_string()))
    }
}

impl Played {
    pub async fn start() -> Self {
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let door = Door(Arc::clone(&state));
        let acceptor = Acceptor::new(listener).unwrap();
        let server = tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(door));
        Self { url, state, server }
    }

    /// Answers so, once, before it answers as usual.
    pub fn answer_next(&self, status: u16, body: Value) {
        self.push(Answer {
            status,
            retry_after: None,
            body,
        });
    }

    /// Fails so, once, and asks by a header to be left alone for so many seconds.
    pub fn fail_next(&self, status: u16, retry_after: u32) {
        self.push(Answer {
            status,
            retry_after: Some(retry_after),
            body: json!({}),
        });
    }

    fn push(&self, answer: Answer) {
        self.state.answers.lock().unwrap().push_back(answer);
    }

    /// What it was told so far.
    pub fn told(&self) -> Vec<Told> {
        self.state.told.lock().unwrap().clone()
    }

    /// What it was told in the place of the answer to the interaction with this token, in order.
    pub fn answers(&self, token: &str) -> Vec<String> {
        self.texts(&format!("/{token}/messages/@original"))
    }

    /// The messages that followed the answer to the interaction with this token.
    pub fn follow_ups(&self, token: &str) -> Vec<String> {
        self.texts(&format!("/{token}"))
    }

    fn texts(&self, end: &str) -> Vec<String> {
        self.told()
            .iter()
            .filter(|told| told.line.ends_with(end))
            .map(|told| told.body["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.server.abort();
    }
}
