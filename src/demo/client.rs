//! A client of the API, as any other program would be one: operations over HTTP, with a token that an API key was
//! exchanged for.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::model::Secret;

/// How long one operation may take.
const TIMEOUT: Duration = Duration::from_mins(1);

const ISSUE_TOKEN: &str = "mutation($input: IssueTokenInput!) { \
    issueToken(input: $input) { accessToken userErrors { code message } } }";

/// The API of one server.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    address: SocketAddr,
}

impl Api {
    /// The API at an address of this machine.
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            // No certificate is ever checked, so a machine without any installed can do without.
            .tls_certs_only(std::iter::empty())
            .build()
            .context("no HTTP client can be made")?;
        Ok(Self { http, address })
    }

    /// Where it is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Exchanges an API key for a token.
    pub(super) async fn sign_in(&self, key: &Secret) -> anyhow::Result<Caller> {
        let input = json!({ "input": { "apiKey": key.expose() } });
        let payload = payload(self.send(None, ISSUE_TOKEN, input).await?)?;
        let token = text(&payload, "/accessToken").context("the key was not accepted")?;
        Ok(Caller {
            token: Secret::new(token),
            api: self.clone(),
        })
    }

    async fn send(
        &self,
        token: Option<&Secret>,
        operation: &str,
        variables: Value,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .post(format!("http://{}/graphql", self.address))
            .json(&json!({ "query": operation, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        let mut answer: Value = request
            .send()
            .await
            .context("the API does not answer")?
            .json()
            .await
            .context("the API's answer is not JSON")?;
        if let Some(error) = answer.pointer("/errors/0") {
            let message = text(error, "/message").unwrap_or("an error without a message");
            let code = text(error, "/extensions/code").unwrap_or("without a code");
            bail!("{message} ({code})");
        }
        answer
            .get_mut("data")
            .map(Value::take)
            .context("the API's answer has no data")
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    api: Api,
    token: Secret,
}

impl Caller {
    /// The API where this is.
    pub(super) const fn api(&self) -> &Api {
        &self.api
    }

    /// The access token.
    pub(super) const fn token(&self) -> &Secret {
        &self.token
    }

    /// The data of a query.
    ///
    /// # Errors
    /// The API does not answer, or answers with an error.
    pub(super) async fn query(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        self.api.send(Some(&self.token), query, variables).await
    }

    /// The payload of a mutation, which may have `userErrors`. It has one field and one variable, `$input`.
    ///
    /// # Errors
    /// The API does not answer, or answers with an error.
    pub(super) async fn try_mutate(&self, mutation: &str, input: Value) -> anyhow::Result<Value> {
        payload(self.query(mutation, json!({ "input": input })).await?)
    }

    /// The payload of a mutation that has to succeed.
    ///
    /// # Errors
    /// As [`Caller::try_mutate`], and where the input is refused.
    pub(super) async fn mutate(&self, mutation: &str, input: Value) -> anyhow::Result<Value> {
        let payload = self.try_mutate(mutation, input).await?;
        if let Some(code) = refusal(&payload) {
            let message = text(&payload, "/userErrors/0/message").unwrap_or_default();
            bail!("{message} ({code})");
        }
        Ok(payload)
    }
}

/// The only field of an answer.
fn payload(data: Value) -> anyhow::Result<Value> {
    match data {
        Value::Object(fields) => fields.into_iter().next().map(|(_, payload)| payload),
        _ => None,
    }
    .context("the answer to a mutation is empty")
}

/// The code of a payload's first user error; none where the input was accepted.
pub(super) fn refusal(payload: &Value) -> Option<&str> {
    text(payload, "/userErrors/0/code")
}

/// A text somewhere in an answer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// As [`text`], where it has to be there.
///
/// # Errors
/// It is not.
pub(super) fn required(value: &Value, pointer: &str) -> anyhow::Result<String> {
    text(value, pointer)
        .map(str::to_owned)
        .with_context(|| format!("an answer without {pointer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_what_was_refused() {
        let refused = payload(json!({ "submitPost": {
            "post": { "id": "x" }, "userErrors": [{ "code": "POST_ALREADY_SUBMITTED" }] } }))
        .unwrap();
        assert_eq!(refusal(&refused), Some("POST_ALREADY_SUBMITTED"));
        assert_eq!(required(&refused, "/post/id").unwrap(), "x");
        assert!(required(&refused, "/report/id").is_err());
        let accepted = payload(json!({ "submitPost": { "userErrors": [] } })).unwrap();
        assert_eq!(refusal(&accepted), None);
        assert!(payload(Value::Null).is_err());
    }
}
