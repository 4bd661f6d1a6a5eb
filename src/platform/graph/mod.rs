//! The Graph API, which Instagram and Facebook pages share: one token, one form of error, one way
//! to ask for fifty things in one call.
//!
//! The token goes in a header and never into an address. A call that fails as a whole fails for
//! each thing it asked for; a thing that fails inside a call fails alone. Both come as a [`Fault`],
//! which says what the error is about.
//!
//! Instagram Login gives tokens that hold at a host of its own and nowhere else. That host is asked
//! for one thing at a time, because nothing says that it takes batches.

mod fault;
pub(super) mod insights;
pub(super) mod paging;
mod proof;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

pub(super) use self::fault::{Fault, FaultKind};
pub(super) use self::proof::Proofless;
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Answer, Http, bearer, json as parse_json};
use super::lenient::{integer, text};
use super::registry::given_secret;
use crate::model::{PlatformKind, Secret};

/// How many requests one batch may have.
const BATCH: usize = 50;

/// The host of tokens of Instagram Login.
const INSTAGRAM_LOGIN_HOST: &str = "graph.instagram.com";

/// What tokens of Instagram Login begin with.
const INSTAGRAM_LOGIN_TOKEN: &str = "IG";

/// The Graph API, asked with one token.
#[derive(Clone)]
pub(super) struct Graph {
    http: Http,
    base: Url,
    version: String,
    token: Secret,
    client_secret: Option<Secret>,
    /// Which tokens take no proof; none where this one is of the configured app.
    proofless: Option<Arc<Proofless>>,
    /// Whether many things may be asked in one call.
    takes_batches: bool,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("base", &self.base.as_str())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// The API at `config`'s base, asked with `token`.
    pub(super) fn new(http: Http, config: &PlatformConfig, token: Secret) -> Self {
        let client_secret = given_secret(config.client_secret.as_ref());
        Self {
            http,
            base: config.base_url.clone(),
            version: config.api_version.trim_matches('/').to_owned(),
            token,
            client_secret,
            proofless: None,
            takes_batches: true,
        }
    }

    /// The API for a token that an affiliate gave. It may be of another app than the one that is
    /// configured, so where the proof of that app's secret is refused it is left out.
    pub(super) fn of_owner(
        http: Http,
        config: &PlatformConfig,
        token: Secret,
        proofless: &Arc<Proofless>,
    ) -> Self {
        Self {
            proofless: Some(Arc::clone(proofless)),
            ..Self::new(http, config, token)
        }
    }

    /// The API for a token that the owner of an Instagram account gave: at `config`'s base, but for
    /// tokens of Instagram Login, which are asked at that login's host. An operator who set another
    /// base than the platform's is not passed by.
    ///
    /// The configured secret is that of an app of Facebook Login, so it proves nothing about a token
    /// of Instagram Login and is left out there.
    pub(super) fn of_instagram_owner(
        http: Http,
        config: &PlatformConfig,
        token: Secret,
        proofless: &Arc<Proofless>,
    ) -> Self {
        let login = login_base(&config.base_url, &token);
        let mut graph = Self::of_owner(http, config, token, proofless);
        if let Some(base) = login {
            graph.base = base;
            graph.client_secret = None;
            graph.takes_batches = false;
        }
        graph
    }

    /// Whether the token is one of Instagram Login, wherever it is asked.
    pub(super) fn is_of_instagram_login(&self) -> bool {
        is_login_token(&self.token)
    }

    /// Asks for one thing at `{version}/{path}`.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Fault> {
        let proof = self.proof();
        let answer = self.get_once(path, query, proof.as_deref()).await;
        if proof.is_none() || !self.is_to_do_without(&answer) {
            return answer;
        }
        let again = self.get_once(path, query, None).await;
        self.learn(&again);
        again
    }

    async fn get_once(
        &self,
        path: &str,
        query: &[(&str, &str)],
        proof: Option<&str>,
    ) -> Result<Value, Fault> {
        let mut url = under(&self.base, &format!("{}/{path}", self.version));
        url.query_pairs_mut().extend_pairs(query);
        if let Some(proof) = proof {
            url.query_pairs_mut().append_pair("appsecret_proof", proof);
        }
        let bearer = bearer(&self.token)?;
        let request = self.http.get(url).header(AUTHORIZATION, bearer);
        let answer = self.http.send(request).await?;
        parse_answer(answer.status, &answer.headers, &answer.body)
            .map_err(|fault| self.of_this_access(fault))
    }

    /// Asks for many things, fifty in a call where that is to be had. Each path is without the
    /// version and may have a query; the results are in the order of the paths.
    pub(super) async fn batch(&self, paths: &[String]) -> Vec<Result<Value, Fault>> {
        if !self.takes_batches {
            return self.one_after_another(paths).await;
        }
        let mut results = Vec::with_capacity(paths.len());
        for part in paths.chunks(BATCH) {
            results.extend(self.one_batch(part).await);
        }
        results
    }

    /// Asks for many things in as many calls. What would befall the other calls, too, ends them: a
    /// token that does not hold, a throttle, a server that does not answer.
    async fn one_after_another(&self, paths: &[String]) -> Vec<Result<Value, Fault>> {
        let mut results = Vec::with_capacity(paths.len());
        let mut ended: Option<Fault> = None;
        for path in paths {
            let result = match &ended {
                Some(fault) => Err(fault.clone()),
                None => self.get_path(path).await,
            };
            if let Err(fault) = &result
                && (matches!(fault.kind, FaultKind::Token | FaultKind::Throttled)
                    || fault.code().is_none())
            {
                ended = Some(fault.clone());
            }
            results.push(result);
        }
        results
    }

    /// Asks for one thing at a path that may have a query, as those of a batch.
    async fn get_path(&self, path: &str) -> Result<Value, Fault> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let query: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.get(path, &query).await
    }

    async fn one_batch(&self, paths: &[String]) -> Vec<Result<Value, Fault>> {
        let proof = self.proof();
        let answers = self.one_batch_once(paths, proof.as_deref()).await;
        // The proof is of the call, so where one answer refuses it, all do.
        if proof.is_none() || !answers.iter().any(|answer| self.is_to_do_without(answer)) {
            return answers;
        }
        let again = self.one_batch_once(paths, None).await;
        for answer in &again {
            self.learn(answer);
        }
        again
    }

    async fn one_batch_once(
        &self,
        paths: &[String],
        proof: Option<&str>,
    ) -> Vec<Result<Value, Fault>> {
        let requests: Vec<Value> = paths
            .iter()
            .map(
                |path| json!({"method": "GET", "relative_url": format!("{}/{path}", self.version)}),
            )
            .collect();
        let mut form = vec![
            ("batch", Value::Array(requests).to_string()),
            ("include_headers", "false".to_owned()),
        ];
        if let Some(proof) = proof {
            form.push(("appsecret_proof", proof.to_owned()));
        }
        let results = match self.post(&form).await {
            Ok(answer) => parse_batch(&answer, paths.len()),
            Err(error) => vec![Err(Fault::from(error)); paths.len()],
        };
        results
            .into_iter()
            .map(|result| result.map_err(|fault| self.of_this_access(fault)))
            .collect()
    }

    /// Sends a form to where batches go.
    async fn post(&self, form: &[(&str, String)]) -> Result<Answer, PlatformError> {
        let bearer = bearer(&self.token)?;
        let url = under(&self.base, &self.version);
        let request = self.http.post(url).header(AUTHORIZATION, bearer).form(form);
        self.http.send(request).await
    }

    /// Shows the server that whoever has the token also has the app's secret: the token under
    /// HMAC-SHA256 with that secret, in lower-case hex. Nothing for a token that is known to be of
    /// another app.
    fn proof(&self) -> Option<String> {
        let secret = self.client_secret.as_ref()?;
        if self
            .proofless
            .as_ref()
            .is_some_and(|proofless| proofless.has(&self.token))
        {
            return None;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Some(hex::encode(hmac::sign(
            &key,
            self.token.expose().as_bytes(),
        )))
    }

    /// Whether an answer refuses the proof of a token that may be of another app.
    fn is_to_do_without(&self, answer: &Result<Value, Fault>) -> bool {
        self.proofless.is_some() && answer.as_ref().is_err_and(Fault::is_about_proof)
    }

    /// Remembers that the token takes no proof, where the API answers to it without one. An app may
    /// require one, and then nothing is learnt.
    fn learn(&self, without_proof: &Result<Value, Fault>) {
        let has_answered = match without_proof {
            Ok(_) => true,
            Err(fault) => {
                let is_passing = matches!(fault.kind, FaultKind::Temporary | FaultKind::Throttled);
                !is_passing && !fault.is_about_proof()
            }
        };
        if let (Some(proofless), true) = (&self.proofless, has_answered) {
            proofless.remember(&self.token);
        }
    }

    /// The error as it is about this access, without its secrets. Where the proof of this program's own token is refused,
    /// the app's secret is a wrong one: that says nothing of what was asked for, and no other call would fare better.
    fn of_this_access(&self, fault: Fault) -> Fault {
        let fault = self.without_secrets(fault);
        if self.proofless.is_none() && fault.is_about_proof() {
            fault.of_the_token()
        } else {
            fault
        }
    }

    /// Servers quote tokens in their errors ("Malformed access token …").
    fn without_secrets(&self, fault: Fault) -> Fault {
        let mut secrets = vec![self.token.expose()];
        secrets.extend(self.client_secret.as_ref().map(Secret::expose));
        fault.without(&secrets)
    }
}

/// Where a token of Instagram Login is asked in the place of `base`; `None` for other tokens, and
/// where `base` is not the platform's own.
fn login_base(base: &Url, token: &Secret) -> Option<Url> {
    let usual = PlatformConfig::defaults(PlatformKind::Instagram).base_url;
    if *base != usual || !is_login_token(token) {
        return None;
    }
    let mut login = usual;
    login.set_host(Some(INSTAGRAM_LOGIN_HOST)).ok()?;
    Some(login)
}

fn is_login_token(token: &Secret) -> bool {
    token.expose().starts_with(INSTAGRAM_LOGIN_TOKEN)
}

/// Reads the answer to one request: a JSON object, or why there is none. An error object counts
/// whatever the status is.
pub(super) fn parse_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Value, Fault> {
    let value = match parse_json(body) {
        Ok(value) => value,
        Err(error) if (200..300).contains(&status) => return Err(error.into()),
        Err(_) => return Err(Fault::from_status(status, headers)),
    };
    if let Some(fault) = Fault::from_body(&value, headers) {
        return Err(fault);
    }
    if !(200..300).contains(&status) {
        return Err(Fault::from_status(status, headers));
    }
    if value.is_object() {
        Ok(value)
    } else {
        Err(PlatformError::unreachable("the answer is JSON of another shape").into())
    }
}

/// Reads the answer to a batch of `asked` requests, one result for each.
pub(super) fn parse_batch(answer: &Answer, asked: usize) -> Vec<Result<Value, Fault>> {
    let items = match parse_items(answer) {
        Ok(items) => items,
        Err(fault) => return vec![Err(fault.of_the_call()); asked],
    };
    (0..asked)
        .map(|index| parse_item(items.get(index), &answer.headers))
        .collect()
}

fn parse_items(answer: &Answer) -> Result<Vec<Value>, Fault> {
    let good = (200..300).contains(&answer.status);
    match parse_json(&answer.body) {
        Ok(Value::Array(items)) if good => Ok(items),
        Ok(value) => Err(match Fault::from_body(&value, &answer.headers) {
            Some(fault) => fault,
            None if good => PlatformError::unreachable("the answer to a batch is no list").into(),
            None => Fault::from_status(answer.status, &answer.headers),
        }),
        Err(error) if good => Err(error.into()),
        Err(_) => Err(Fault::from_status(answer.status, &answer.headers)),
    }
}

fn parse_item(item: Option<&Value>, outer: &HeaderMap) -> Result<Value, Fault> {
    let item = match item {
        Some(item) if item.is_object() => item,
        // What timed out comes as null.
        Some(Value::Null) => {
            return Err(PlatformError::unreachable("one request of a batch timed out").into());
        }
        _ => return Err(PlatformError::unreachable("a batch was not answered in full").into()),
    };
    let Some(status) = integer(item.get("code")).and_then(|code| u16::try_from(code).ok()) else {
        return Err(PlatformError::unreachable("an answer of a batch has no status").into());
    };
    let own = item_headers(item);
    let headers = own.as_ref().unwrap_or(outer);
    match item.get("body") {
        Some(Value::String(body)) => parse_answer(status, headers, body.as_bytes()),
        // Documented as a text that holds JSON; JSON itself says the same.
        Some(body) if body.is_object() => {
            parse_answer(status, headers, body.to_string().as_bytes())
        }
        _ => parse_answer(status, headers, b""),
    }
}

/// The headers of one answer of a batch, where the server sends them although they were declined.
fn item_headers(item: &Value) -> Option<HeaderMap> {
    let list = item.get("headers")?.as_array()?;
    let mut headers = HeaderMap::new();
    for entry in list {
        let name = text(entry.get("name")).and_then(|name| name.parse::<HeaderName>().ok());
        let value = text(entry.get("value")).and_then(|value| HeaderValue::try_from(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    Some(headers)
}
