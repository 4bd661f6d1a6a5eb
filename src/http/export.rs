//! Lists as CSV: `GET /export/posts.csv`, with the filters of the list as parameters.
//!
//! Rows are read and sent page by page, so that a long list takes little memory. When reading fails on the way, the connection
//! is broken off: what came is not taken for the whole.

use std::io;
use std::sync::Arc;

use futures_util::stream;
use poem::http::{HeaderMap, StatusCode, header};
use poem::web::{Data, Path};
use poem::{Body, Response, handler};

use super::problem::Problem;
use super::signed_in::SignedIn;
use super::transport::{AuthFailure, Authenticator as _, RequestId};
use crate::app::App;
use crate::domain::access::authorise;
use crate::graphql::export::{Export, List, Row};

/// Answers a list as CSV.
#[handler]
pub(super) async fn file(
    request: &poem::Request,
    Path(name): Path<String>,
    app: Data<&App>,
    signed_in: Data<&Arc<SignedIn>>,
) -> Response {
    let request_id = RequestId::from_headers(request.headers());
    let query = request.uri().query().unwrap_or_default();
    match begin(&app, &signed_in, request.headers(), &name, query).await {
        Ok((list, export)) => csv(list, export),
        Err(problem) => problem.render(&request_id),
    }
}

async fn begin(
    app: &App,
    signed_in: &SignedIn,
    headers: &HeaderMap,
    name: &str,
    query: &str,
) -> Result<(List, Export), Problem> {
    let header = headers.get(header::AUTHORIZATION);
    let authorization = match header.map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(Problem::invalid_credentials()),
    };
    let session = match signed_in.authenticate(authorization).await {
        Ok(session) => session,
        Err(AuthFailure::Invalid) => return Err(Problem::invalid_credentials()),
        Err(AuthFailure::Unavailable) => return Err(Problem::unavailable()),
    };
    let list = List::ALL
        .into_iter()
        .find(|list| name.strip_suffix(".csv") == Some(list.name()))
        .ok_or_else(|| {
            let names = List::ALL.map(List::name).join(".csv, ");
            let message = format!("There are {names}.csv.");
            Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
        })?;
    let viewer = session.map(|session| session.viewer);
    let field = format!("export {}", list.name());
    authorise(viewer.as_ref(), &field).map_err(Problem::from)?;
    let viewer = viewer.ok_or_else(Problem::unauthenticated)?;
    let parameters: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let export = Export::new(app, viewer, list, &parameters).map_err(Problem::from)?;
    Ok((list, export))
}

fn csv(list: List, export: Export) -> Response {
    let heading: Row = list.columns().iter().map(ToString::to_string).collect();
    let rows = stream::unfold(
        (Some(export), Some(vec![heading])),
        |(export, first)| async move {
            let mut export = export?;
            if let Some(first) = first {
                return Some((encode(&first), (Some(export), None)));
            }
            match export.next().await {
                Ok(Some(rows)) => Some((encode(&rows), (Some(export), None))),
                Ok(None) => None,
                Err(error) => {
                    tracing::error!(error = %error.with_causes(), "an export was broken off");
                    let broken = io::Error::other("the export was broken off");
                    Some((Err(broken), (None, None)))
                }
            }
        },
    );
    Response::builder()
        .header(
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present",
        )
        .header(
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.csv\"", list.name()),
        )
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from_bytes_stream(rows))
}

fn encode(rows: &[Row]) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell)))?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it: affiliates choose titles and messages.
fn harmless(cell: &str) -> String {
    let is_number = cell.parse::<f64>().is_ok_and(f64::is_finite);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_made_text() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+49 30", "'+49 30"),
            ("-x", "'-x"),
            ("-12.50", "-12.50"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), shown);
        }
    }

    #[test]
    fn cells_with_commas_quotes_and_line_breaks_are_quoted() {
        let row = vec![
            "a,b".to_owned(),
            "say \"hi\"".to_owned(),
            "two\nlines".to_owned(),
        ];
        let text = String::from_utf8(encode(&[row]).unwrap()).unwrap();
        assert_eq!(text, "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
    }
}
