//! YouTube: `videos` of the Data API, fifty videos in a call.
//!
//! The count of views is public, so the API key of this program reads it for every video that
//! anybody can see; an affiliate's own token reads the same count, also of videos that are private
//! to that affiliate. Ids of videos that are deleted or private are left out of the answer in
//! silence, so a video is gone when it is missing from a complete one. A project has 10,000 calls a
//! day, unless Google grants it more, counted from midnight in California.

mod fault;
mod wire;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderName};

use super::batch::Batch;
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Answer, Http, credential};
use super::link::PostLink;
use super::registry::{PlatformSetupError, given_secret};
use super::resolve::find_post;
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved, no_access};
use crate::model::{PlatformKind, Secret};

/// How many videos one call may ask for.
const BATCH: usize = 50;

/// How long the id of a video is, in characters.
const ID_CHARS: usize = 11;

/// The header that takes an API key. In the query it would stand in the logs of every proxy.
const KEY_HEADER: &str = "x-goog-api-key";

/// What is said of a link that names something else.
const NO_VIDEO: &str = "This link does not name a video of YouTube.";

/// The adapter of YouTube.
#[derive(Debug)]
pub(super) struct YouTube {
    http: Http,
    config: PlatformConfig,
    /// This program's own.
    key: Option<Secret>,
}

impl YouTube {
    /// The adapter, if the configuration has an API key, as its access token.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let key = given_secret(config.access_token.as_ref());
        if key.is_none() {
            return Ok(None);
        }
        let adapter = Self::of_owners(config)?;
        Ok(Some(Self { key, ..adapter }))
    }

    /// The adapter without access of its own, which asks with that of owners only.
    pub(super) fn of_owners(config: &PlatformConfig) -> Result<Self, PlatformSetupError> {
        Ok(Self {
            http: Http::new(PlatformKind::YouTube, config)?,
            config: config.clone(),
            key: None,
        })
    }

    /// Asks for up to fifty ids, in the owner's name where there is one. The answer has one result
    /// for each, in their order.
    async fn videos(
        &self,
        ids: &[&str],
        owner: Option<&Owner>,
    ) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
        let query = format!("part=statistics,snippet,status&id={}", ids.join(","));
        let answer = self.list("videos", &query, owner).await?;
        wire::videos(&answer, ids, owner, &[self.access(owner)?])
    }

    /// Asks for one of the API's lists, in the owner's name where there is one.
    async fn list(
        &self,
        name: &str,
        query: &str,
        owner: Option<&Owner>,
    ) -> Result<Answer, PlatformError> {
        let access = self.access(owner)?;
        let (header, text) = match owner {
            Some(_) => (AUTHORIZATION, format!("Bearer {access}")),
            None => (HeaderName::from_static(KEY_HEADER), access.to_owned()),
        };
        let value = credential(&text)?;
        let version = self.config.api_version.trim_matches('/');
        let mut url = under(&self.config.base_url, &format!("youtube/{version}/{name}"));
        url.set_query(Some(query));
        self.http
            .send(self.http.get(url).header(header, value))
            .await
    }

    /// What is asked with: the owner's token, else this program's key.
    fn access<'a>(&'a self, owner: Option<&'a Owner>) -> Result<&'a str, PlatformError> {
        let own = || self.key.as_ref().ok_or_else(|| no_access(self.kind()));
        let access = owner.map_or_else(own, |owner| Ok(&owner.token))?;
        Ok(access.expose().trim())
    }
}

#[async_trait]
impl Adapter for YouTube {
    fn kind(&self) -> PlatformKind {
        PlatformKind::YouTube
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let mut batch = Batch::new(PlatformKind::YouTube, posts, |id| {
            id_of(id).map(str::to_owned)
        });
        for part in batch.ids().chunks(BATCH) {
            let ids: Vec<&str> = part.iter().map(String::as_str).collect();
            let answer = self.videos(&ids, owner).await;
            batch.take(
                part,
                answer.map(|answers| part.iter().cloned().zip(answers)),
            );
        }
        batch.answers(
            "not an id of a video of YouTube",
            "YouTube did not answer for this video",
        )
    }

    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError> {
        let answer = self
            .list("channels", "part=snippet&mine=true", Some(owner))
            .await?;
        wire::channel(&answer, &[self.access(Some(owner))?])
    }

    async fn resolve(
        &self,
        link: &PostLink,
        _owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        find_post(&self.http, &self.config, link, NO_VIDEO).await
    }
}

/// The id of a video. Letter case matters. It goes into a list in an address, so nothing else than
/// an id may pass.
fn id_of(native_id: &str) -> Option<&str> {
    let id = native_id.trim();
    let valid = id.len() == ID_CHARS
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    valid.then_some(id)
}
