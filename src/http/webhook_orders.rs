//! `POST /webhooks/orders`: orders that advertisers sign. The body is taken as it came, byte by byte: that is what is signed.

use std::time::Duration;

use poem::http::{HeaderMap, StatusCode};
use poem::web::Data;
use poem::{Body, Response, handler};
use serde_json::json;

use super::problem::Problem;
use super::signed;
use super::transport::RequestId;
use crate::app::App;
use crate::domain::order::{self, Done, Named, Rejection, Signature};
use crate::graphql::IdKind;

const SIGNATURE: &str = "x-partner-signature";
const TIMESTAMP: &str = "x-partner-timestamp";
/// How long a body may take to arrive.
const BODY_READ: Duration = Duration::from_secs(10);

/// Takes an order.
#[handler]
pub(super) async fn orders(headers: &HeaderMap, body: Body, app: Data<&App>) -> Response {
    let request_id = RequestId::from_headers(headers);
    match take(headers, body, &app).await {
        Ok(answer) => signed::answer(&answer, &request_id),
        Err(problem) => problem.render(&request_id),
    }
}

async fn take(headers: &HeaderMap, body: Body, app: &App) -> Result<serde_json::Value, Problem> {
    let bytes = signed::body(body, BODY_READ).await?;
    let header = |name| signed::header(headers, name).map_err(|_| unsigned());
    let signature = Signature {
        signature: header(SIGNATURE)?,
        timestamp: header(TIMESTAMP)?,
    };
    match order::receive(app, signature, bytes.as_ref(), read_id).await {
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

fn read_id(named: Named, text: &str) -> Option<i64> {
    let kind = match named {
        Named::Advertiser => IdKind::Advertiser,
        Named::Affiliate => IdKind::Affiliate,
        Named::Campaign => IdKind::Campaign,
    };
    kind.row("id", &text.into()).ok()
}
