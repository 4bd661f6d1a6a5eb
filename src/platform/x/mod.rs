//! X: `/2/tweets`, a hundred posts in a call, by the API v2.
//!
//! Anybody with access is told how often a post was seen. How often its link was followed X tells
//! the post's owner alone, and only of posts up to 30 days old. Whether a post is that young is
//! X's to say, so an owner is asked for those figures of every post. X leaves out a post of which
//! it may not tell them, and says so; such a post is asked for once more, without them.
//!
//! What became of a post that is left out stands in the answer, so a post is gone only where X says
//! so, and one that is mentioned nowhere is unknown.

mod wire;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use reqwest::header::AUTHORIZATION;

use self::wire::Lookup;
use super::batch::{Batch, Told};
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Answer, Http, bearer};
use super::link::PostLink;
use super::registry::{PlatformSetupError, given_secret};
use super::resolve::find_post;
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved, no_access};
use crate::model::{PlatformKind, Secret};

/// How many posts one call may ask for.
const BATCH: usize = 100;

/// The most digits in the id of a post.
const MAX_DIGITS: usize = 19;

/// What is asked of each post.
const FIELDS: &str = "public_metrics,created_at,author_id";

/// What is asked of each post in the name of its owner.
const OWNER_FIELDS: &str = "public_metrics,created_at,author_id,non_public_metrics";

/// What is said of a link that names something else.
const NO_POST: &str = "This link does not name a post of X.";

/// The adapter of X.
#[derive(Debug)]
pub(super) struct X {
    http: Http,
    config: PlatformConfig,
    /// This program's own.
    token: Option<Secret>,
}

impl X {
    /// The adapter, if the configuration has an access token.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        if token.is_none() {
            return Ok(None);
        }
        let adapter = Self::of_owners(config)?;
        Ok(Some(Self { token, ..adapter }))
    }

    /// The adapter without access of its own, which asks with that of owners only.
    pub(super) fn of_owners(config: &PlatformConfig) -> Result<Self, PlatformSetupError> {
        Ok(Self {
            http: Http::new(PlatformKind::X, config)?,
            config: config.clone(),
            token: None,
        })
    }

    /// Asks for up to a hundred ids; in an owner's name those whose private figures are refused are
    /// asked for twice.
    async fn lookup(&self, ids: &[String], owner: Option<&Owner>) -> Result<Told, PlatformError> {
        let Some(owner) = owner else {
            let token = self.token.as_ref().ok_or_else(|| no_access(self.kind()))?;
            let answer = self.ask(ids, FIELDS, token).await?;
            let lookup = wire::parse_lookup(&answer, ids, &[token.expose()])?;
            return Ok(lookup.results);
        };
        let Lookup { mut results, again } = self.ask_as(owner, ids, OWNER_FIELDS).await?;
        if again.is_empty() {
            return Ok(results);
        }
        match self.ask_as(owner, &again, FIELDS).await {
            Ok(lookup) => results.extend(lookup.results),
            Err(error) => results.extend(again.into_iter().map(|id| (id, Err(error.clone())))),
        }
        Ok(results)
    }

    /// Asks in an owner's name.
    async fn ask_as(
        &self,
        owner: &Owner,
        ids: &[String],
        fields: &str,
    ) -> Result<Lookup, PlatformError> {
        let answer = self.ask(ids, fields, &owner.token).await?;
        wire::parse_lookup(&answer, ids, &[owner.token.expose()])
            .map_err(|error| wire::of_a_user(error, &answer))
    }

    async fn ask(
        &self,
        ids: &[String],
        fields: &str,
        token: &Secret,
    ) -> Result<Answer, PlatformError> {
        let version = self.config.api_version.trim_matches('/');
        let mut url = under(&self.config.base_url, &format!("{version}/tweets"));
        url.set_query(Some(&format!(
            "ids={}&tweet.fields={fields}&expansions=author_id&user.fields=username",
            ids.join(",")
        )));
        let request = self.http.get(url).header(AUTHORIZATION, bearer(token)?);
        self.http.send(request).await
    }
}

#[async_trait]
impl Adapter for X {
    fn kind(&self) -> PlatformKind {
        PlatformKind::X
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let mut batch = Batch::new(PlatformKind::X, posts, |id| id_of(id).map(str::to_owned));
        for part in batch.ids().chunks(BATCH) {
            let answer = self.lookup(part, owner).await;
            batch.take(part, answer);
        }
        batch.answers("not an id of a post of X", "X did not answer for this post")
    }

    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError> {
        let version = self.config.api_version.trim_matches('/');
        // An id and a name are told without asking for fields.
        let url = under(&self.config.base_url, &format!("{version}/users/me"));
        let request = self
            .http
            .get(url)
            .header(AUTHORIZATION, bearer(&owner.token)?);
        let answer = self.http.send(request).await?;
        wire::parse_me(&answer, &[owner.token.expose()])
            .map_err(|error| wire::of_a_user(error, &answer))
    }

    async fn resolve(
        &self,
        link: &PostLink,
        _owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        find_post(&self.http, &self.config, link, NO_POST).await
    }
}

/// The id as the API takes it: 1 to 19 digits. X's ids have 63 bits; a greater number names no
/// post, and must not spoil the call for the others.
fn id_of(native_id: &str) -> Option<&str> {
    let id = native_id.trim();
    let digits =
        (1..=MAX_DIGITS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    (digits && id.parse::<i64>().is_ok()).then_some(id)
}
