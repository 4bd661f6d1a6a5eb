//! `POST /discord/interactions`: commands that members of Discord give, delivered and signed by Discord. Whoever cannot sign
//! is answered 401 before the body is read as anything; Discord tries that from time to time.

use std::time::Duration;

use poem::http::{HeaderMap, StatusCode};
use poem::web::Data;
use poem::{Body, Response, handler};
use serde_json::{Value, json};

use super::problem::Problem;
use super::signed;
use super::transport::RequestId;
use crate::app::App;
use crate::domain::discord::{self, Rejection, Reply, Signature};

const SIGNATURE: &str = "x-signature-ed25519";
const TIMESTAMP: &str = "x-signature-timestamp";
/// How long a body may take to arrive. Discord waits three seconds for the answer.
const BODY_READ: Duration = Duration::from_secs(2);
/// What only the member who gave the command sees.
const EPHEMERAL: u32 = 64;

/// Takes an interaction.
#[handler]
pub(super) async fn interactions(headers: &HeaderMap, body: Body, app: Data<&App>) -> Response {
    let request_id = RequestId::from_headers(headers);
    match take(headers, body, &app).await {
        Ok(reply) => signed::answer(&render(&reply), &request_id),
        Err(problem) => problem.render(&request_id),
    }
}

async fn take(headers: &HeaderMap, body: Body, app: &App) -> Result<Reply, Problem> {
    if !discord::is_open(app) {
        return Err(closed());
    }
    let bytes = signed::body(body, BODY_READ).await?;
    let header = |name| signed::header(headers, name).map_err(|_| unsigned());
    let signature = Signature {
        signature: header(SIGNATURE)?,
        timestamp: header(TIMESTAMP)?,
    };
    discord::receive(app, signature, bytes.as_ref())
        .await
        .map_err(|rejection| match rejection {
            Rejection::Closed => closed(),
            Rejection::Unsigned => unsigned(),
            Rejection::Malformed(why) => {
                Problem::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", why)
            }
            Rejection::Failed(error) => error.into(),
        })
}

fn closed() -> Problem {
    let message = "This server takes no commands from Discord.";
    Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

fn unsigned() -> Problem {
    let message = "Discord has not signed this, or not within 5 minutes of now.";
    Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
}

/// The reply in the numbers of Discord's protocol.
fn render(reply: &Reply) -> Value {
    match reply {
        Reply::Pong => json!({ "type": 1 }),
        Reply::Message(content) => json!({ "type": 4, "data": {
            "content": content, "flags": EPHEMERAL, "allowed_mentions": { "parse": [] },
        } }),
        Reply::Deferred => json!({ "type": 5, "data": { "flags": EPHEMERAL } }),
    }
}
