//! Lets pages of listed origins read answers (the fetch standard's CORS protocol).
//!
//! The library's middleware refuses every origin that is not listed, pages of the server itself included; here a page that
//! is not listed is answered like any program, and its browser keeps the answer from it. Credentials travel in a header
//! that the page must set itself, so no cookie can be abused.

use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use super::transport::AllowedOrigins;

/// How long a browser may remember what it was allowed, in seconds.
const MAX_AGE: &str = "600";

/// Adds what browsers ask for to answers for pages of listed origins.
pub(super) struct Cors {
    origins: AllowedOrigins,
}

impl Cors {
    pub(super) const fn new(origins: AllowedOrigins) -> Self {
        Self { origins }
    }
}

impl<E: Endpoint> Middleware<E> for Cors {
    type Output = WithCors<E>;

    fn transform(&self, inner: E) -> WithCors<E> {
        WithCors {
            inner,
            origins: self.origins.clone(),
        }
    }
}

/// An endpoint behind [`Cors`].
pub(super) struct WithCors<E> {
    inner: E,
    origins: AllowedOrigins,
}

impl<E: Endpoint> Endpoint for WithCors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let listed = origin.filter(|origin| {
            origin
                .to_str()
                .is_ok_and(|origin| self.origins.lists(origin))
        });
        let Some(origin) = listed else {
            return Ok(self.inner.call(request).await?.into_response());
        };
        let preflight = request.method() == Method::OPTIONS
            && request
                .headers()
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let mut response = if preflight {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
            let allowed = "authorization, content-type, x-request-id";
            set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
            set(headers, header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            response
        } else {
            self.inner.call(request).await?.into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        set(
            headers,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "x-request-id, retry-after",
        );
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        Ok(response)
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use poem::{EndpointExt as _, handler};

    use super::*;

    #[handler]
    fn hello() -> &'static str {
        "hello"
    }

    async fn call(method: Method, origin: &str) -> Response {
        let cors = Cors::new(AllowedOrigins::new(["https://dashboard.example"]));
        let request = Request::builder()
            .method(method)
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .finish();
        hello.with(cors).get_response(request).await
    }

    #[tokio::test]
    async fn a_page_of_a_listed_origin_may_read_the_answer() {
        let answer = call(Method::GET, "https://dashboard.example").await;
        let allowed = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed.unwrap(), "https://dashboard.example");
        let preflight = call(Method::OPTIONS, "https://dashboard.example").await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
        assert!(
            preflight
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_HEADERS)
        );
    }

    #[tokio::test]
    async fn a_page_of_another_origin_is_answered_and_may_not_read_it() {
        let answer = call(Method::GET, "https://evil.example").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(
            !answer
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}
