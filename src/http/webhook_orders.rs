//! `POST /webhooks/orders`: orders that advertisers sign. The body is taken as it came, byte by byte: that is what is signed.

use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{Body, Response, handler};
use serde_json::json;

use super::problem::Problem;
use super::transport::{REQUEST_ID_HEADER, RequestId};
use crate::app::App;
use crate::domain::order::{self, Done, Named, Rejection, Signature};
use crate::graphql::IdKind;

/// Longest body, in bytes.
const MAX_BODY: usize = 64 * 1024;
const SIGNATURE: &str = "x-partner-signature";
const TIMESTAMP: &str = "x-partner-timestamp";

/// Takes an order.
#[handler]
pub(super) async fn orders(headers: &HeaderMap, body: Body, app: Data<&App>) -> Response {
    let request_id = RequestId::from_headers(headers);
    match take(headers, body, &app).await {
        Ok(answer) => Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header(REQUEST_ID_HEADER, request_id.as_str())
            .body(answer.to_string()),
        Err(problem) => problem.render(&request_id),
    }
}

async fn take(headers: &HeaderMap, body: Body, app: &App) -> Result<serde_json::Value, Problem> {
    let bytes = body.into_bytes_limit(MAX_BODY).await.map_err(|_| {
        let message = format!("The body is longer than {MAX_BODY} bytes, or was broken off.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BAD_USER_INPUT", message)
    })?;
    let signature = Signature {
        signature: text(headers, SIGNATURE)?,
        timestamp: text(headers, TIMESTAMP)?,
    };
    match order::receive(app, signature, &bytes, read_id).await {
        Ok((order, done)) => Ok(json!({
            "id": IdKind::Order.id(order.id).as_str(),
            "orderId": order.order_id,
            "result": match done {
                Done::Created => "created",
                Done::Revised => "revised",
                Done::Unchanged => "unchanged",
                Done::Outdated => "outdated",
            },
            "status": order.status.as_str().to_ascii_lowercase(),
            "revisions": order.revisions,
        })),
        Err(Rejection::Unsigned) => Err(unsigned()),
        Err(Rejection::Malformed(fields)) => Err(Problem::fields(fields)),
        Err(Rejection::Conflict(field, message)) => Err(Problem::conflict(field, message)),
        Err(Rejection::Failed(error)) => Err(error.into()),
    }
}

/// One answer for an advertiser that does not exist, a secret that is not known and a signature that does not hold.
fn unsigned() -> Problem {
    let message = "The order is not signed by an advertiser of this server.";
    Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
}

/// A header's text. One that comes twice, or is no text, signs nothing.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| unsigned()),
        (Some(_), Some(_)) => Err(unsigned()),
    }
}

fn read_id(named: Named, text: &str) -> Option<i64> {
    let kind = match named {
        Named::Advertiser => IdKind::Advertiser,
        Named::Affiliate => IdKind::Affiliate,
        Named::Campaign => IdKind::Campaign,
    };
    kind.row("id", &text.into()).ok()
}
