//! TikTok: the videos of one account, twenty in a call, with a token of that account.
//!
//! TikTok tells the figures of a video to its owner and to nobody else. So a post is asked for with
//! the access that its affiliate gave, or else with that of the one account that this program was
//! given; where there is neither, nothing is asked and the figures are unavailable. Videos of other
//! accounts, private ones and those that are gone are left out of the answer in silence and look
//! the same, so a missing video is gone only if the account was seen to have it. This program's own
//! token may become another account's, so TikTok is asked once whose it is: what another account
//! posted is not gone. Where TikTok does not tell it to this token, the token is taken for that of
//! the account that it always was.

mod wire;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use tokio::sync::OnceCell;

use self::wire::{Access, Known, Whose};
use super::batch::Batch;
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Answer, Http, bearer};
use super::link::PostLink;
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::find_post;
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved};
use crate::model::{PlatformKind, Secret};

/// How many videos one call may ask for.
const BATCH: usize = 20;

/// What is said of a link that names something else.
const NO_POST: &str = "This link does not name a post of TikTok.";

/// The adapter of TikTok.
#[derive(Debug)]
pub(super) struct TikTok {
    http: Http,
    config: PlatformConfig,
    /// The token of the one account that this program was given.
    token: Option<Secret>,
    /// The account whose token that is; none inside where TikTok refuses to tell it.
    account: OnceCell<Option<Account>>,
}

impl TikTok {
    /// The adapter, if the configuration has an access token, or a client id and secret. The latter
    /// read nothing by themselves: affiliates give the access to their accounts.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        let registered = given(config.client_id.as_deref()).is_some()
            && given_secret(config.client_secret.as_ref()).is_some();
        if token.is_none() && !registered {
            return Ok(None);
        }
        let adapter = Self::of_owners(config)?;
        Ok(Some(Self { token, ..adapter }))
    }

    /// The adapter without access of its own, which asks with that of owners only.
    pub(super) fn of_owners(config: &PlatformConfig) -> Result<Self, PlatformSetupError> {
        Ok(Self {
            http: Http::new(PlatformKind::TikTok, config)?,
            config: config.clone(),
            token: None,
            account: OnceCell::new(),
        })
    }

    /// What to ask with: the owner's access, else this program's own, if it has any.
    fn access<'a>(&'a self, owner: Option<&'a Owner>) -> Option<Access<'a>> {
        match owner {
            Some(owner) => Some(Access {
                token: &owner.token,
                owner: Some(&owner.account),
            }),
            None => self
                .token
                .as_ref()
                .map(|token| Access { token, owner: None }),
        }
    }

    /// Asks for up to twenty ids, which are distinct.
    async fn query(
        &self,
        ids: &[&str],
        known: &Known<'_>,
        access: &Access<'_>,
    ) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
        let version = self.config.api_version.trim_matches('/');
        let mut url = under(&self.config.base_url, &format!("{version}/video/query/"));
        url.set_query(Some(&format!("fields={}", wire::FIELDS.join(","))));
        let request = self
            .http
            .post(url)
            .header(AUTHORIZATION, bearer(access.token)?)
            .json(&json!({"filters": {"video_ids": ids}}));
        let answer = self.http.send(request).await?;
        let whose = self.whose(&answer, access).await;
        wire::parse_query(&answer, ids, known, access, whose)
    }

    /// Whose videos an access lists, of which this is an answer. For this program's own TikTok is
    /// asked until it answers, each time after it has listed videos. No failure of that is one of the
    /// posts, whose answer is there.
    async fn whose<'a>(&'a self, answer: &Answer, access: &Access<'a>) -> Whose<'a> {
        if let Some(owner) = access.owner {
            return Whose::Account(owner);
        }
        if !self.account.initialized() && !wire::succeeds(answer, access) {
            return Whose::Unanswered;
        }
        let told = self
            .account
            .get_or_try_init(|| async {
                match self.account_of(access).await {
                    Ok(account) => Ok(Some(account)),
                    Err(PlatformError::Refused { detail }) => {
                        tracing::warn!(%detail, "TikTok does not tell whose the own token is");
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            })
            .await;
        match told {
            Ok(Some(account)) => Whose::Account(account),
            Ok(None) => Whose::Untold,
            Err(error) => {
                tracing::debug!(%error, "TikTok did not tell whose the own token is");
                Whose::Unanswered
            }
        }
    }

    /// The account whose token it is. The name needs the scope `user.info.profile`, which a token that
    /// lists videos may lack, and the id only `user.info.basic`; so a token without the former is
    /// asked for the id alone.
    async fn account_of(&self, access: &Access<'_>) -> Result<Account, PlatformError> {
        let mut answer = self.user("open_id,username", access.token).await?;
        if wire::lacks_permission(&answer, access) {
            answer = self.user("open_id", access.token).await?;
        }
        wire::parse_user(&answer, access)
    }

    /// Asks for these fields of the user whose token it is.
    async fn user(&self, fields: &str, token: &Secret) -> Result<Answer, PlatformError> {
        let version = self.config.api_version.trim_matches('/');
        let mut url = under(&self.config.base_url, &format!("{version}/user/info/"));
        url.set_query(Some(&format!("fields={fields}")));
        let request = self.http.get(url).header(AUTHORIZATION, bearer(token)?);
        self.http.send(request).await
    }
}

#[async_trait]
impl Adapter for TikTok {
    fn kind(&self) -> PlatformKind {
        PlatformKind::TikTok
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let known = Known::of(posts);
        let mut batch = Batch::new(PlatformKind::TikTok, posts, |id| {
            wire::video_id(id).map(str::to_owned)
        });
        let access = self.access(owner);
        for part in batch.ids().chunks(BATCH) {
            let ids: Vec<&str> = part.iter().map(String::as_str).collect();
            let answer = match &access {
                Some(access) => self.query(&ids, &known, access).await,
                None => Ok(ids.iter().map(|id| Ok(wire::not_asked(id))).collect()),
            };
            batch.take(
                part,
                answer.map(|answers| part.iter().cloned().zip(answers)),
            );
        }
        batch.answers(
            "not an id of a TikTok video",
            "TikTok did not answer for this post",
        )
    }

    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError> {
        let access = Access {
            token: &owner.token,
            owner: Some(&owner.account),
        };
        self.account_of(&access).await
    }

    async fn resolve(
        &self,
        link: &PostLink,
        _owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        find_post(&self.http, &self.config, link, NO_POST).await
    }
}
