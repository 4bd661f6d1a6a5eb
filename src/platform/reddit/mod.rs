//! Reddit: `/api/info`, a hundred posts in a call, with the token of this program's own
//! registration.
//!
//! Reddit tells an owner nothing that it does not tell everybody, so no owner's access is of use, and
//! [`Adapter::fetch`] does without it where one is given.
//!
//! Reddit tells nobody how often a post was seen, so a claim of views is not verifiable there; what
//! comes back beside that is score and comments, and whether the post still stands. Ids that Reddit
//! does not know are left out of the answer in silence, so a post is gone when it is missing from a
//! complete one.

mod token;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use async_trait::async_trait;
use reqwest::header::AUTHORIZATION;

use self::token::Tokens;
use super::batch::Batch;
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Http, bearer};
use super::link::PostLink;
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::find_post;
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved};
use crate::model::{PlatformKind, Secret};

/// How many posts one call may ask for.
const BATCH: usize = 100;

/// The id that shows whether anything is answered at all. Reddit leaves out of its answer what it does not have.
const ANY: &str = "1";

const NOTHING_TO_ADD: &str = "Reddit tells nobody how often a post was seen: there is nothing that \
                              an account's own token would add.";
/// What is said of a link that names something else.
const NO_POST: &str = "This link does not name a post of Reddit.";

/// The adapter of Reddit.
#[derive(Debug)]
pub(super) struct Reddit {
    http: Http,
    config: PlatformConfig,
    tokens: Tokens,
}

impl Reddit {
    /// The adapter, if the configuration has a client id and secret.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let id = given(config.client_id.as_deref());
        let secret = given_secret(config.client_secret.as_ref());
        let (Some(id), Some(secret)) = (id, secret) else {
            return Ok(None);
        };
        let http = Http::new(PlatformKind::Reddit, config)?;
        let tokens = Tokens::new(under(&config.web_url, "/api/v1/access_token"), id, secret);
        Ok(Some(Self {
            http,
            config: config.clone(),
            tokens,
        }))
    }

    /// Asks for up to a hundred ids; a token that is refused is replaced once.
    async fn info(
        &self,
        ids: &[String],
    ) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
        let token = self.tokens.get(&self.http).await?;
        match self.ask(ids, &token).await {
            Err(PlatformError::Unauthorised { .. }) => {
                self.tokens.discard(&token).await;
                let fresh = self.tokens.get(&self.http).await?;
                let answer = self.ask(ids, &fresh).await;
                if matches!(answer, Err(PlatformError::Unauthorised { .. })) {
                    self.tokens.discard(&fresh).await;
                }
                answer
            }
            answer => answer,
        }
    }

    /// Asks for up to a hundred posts by one call. Where that is refused, one of them may be the reason, or whoever asks. So
    /// something is asked for that is none of them: where that is refused, too, it is about who asks. Otherwise the halves are
    /// asked for, and theirs, until those are found that are refused alone.
    async fn fetch_part(&self, ids: &[String], batch: &mut Batch) {
        let mut parts = VecDeque::from([ids]);
        let mut answered = false;
        while let Some(part) = parts.pop_front() {
            match self.info(part).await {
                Ok(answers) => {
                    answered = true;
                    batch.take(part, Ok(part.iter().cloned().zip(answers)));
                }
                Err(error @ PlatformError::Refused { .. }) => {
                    if !answered {
                        if let Err(other) = self.info(&[ANY.to_owned()]).await {
                            let error = match other {
                                PlatformError::Refused { detail } => {
                                    PlatformError::unauthorised(&detail)
                                }
                                other => other,
                            };
                            return batch.take(ids, Err::<[_; 0], _>(error));
                        }
                        answered = true;
                    }
                    if part.len() > 1 {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([first, second]);
                    } else {
                        batch.take(part, Err::<[_; 0], _>(error));
                    }
                }
                Err(error) => batch.take(part, Err::<[_; 0], _>(error)),
            }
        }
    }

    async fn ask(
        &self,
        ids: &[String],
        token: &Secret,
    ) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
        let names: Vec<String> = ids.iter().map(|id| format!("t3_{id}")).collect();
        let mut url = under(&self.config.base_url, "/api/info");
        // Without `raw_json` texts come with `&amp;` for `&`.
        url.set_query(Some(&format!("id={}&raw_json=1", names.join(","))));
        let request = self.http.get(url).header(AUTHORIZATION, bearer(token)?);
        let answer = self.http.send(request).await?;
        wire::parse_info(&answer, ids, &[token.expose()])
    }
}

#[async_trait]
impl Adapter for Reddit {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Reddit
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        _owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let mut batch = Batch::new(PlatformKind::Reddit, posts, id_of);
        for part in batch.ids().chunks(BATCH) {
            self.fetch_part(part, &mut batch).await;
        }
        batch.answers(
            "not an id of a Reddit post",
            "Reddit did not answer for this post",
        )
    }

    async fn identify(&self, _owner: &Owner) -> Result<Account, PlatformError> {
        Err(PlatformError::refused(NOTHING_TO_ADD))
    }

    async fn resolve(
        &self,
        link: &PostLink,
        _owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        find_post(&self.http, &self.config, link, NO_POST).await
    }
}

/// The id as Reddit writes it: base 36 in lower case, without the `t3_` of a post. It has 63 bits; a
/// greater number names no post, and must not spoil the call for the others.
fn id_of(native_id: &str) -> Option<String> {
    let id = native_id.trim().to_ascii_lowercase();
    let id = id.strip_prefix("t3_").unwrap_or(&id);
    let valid = (1..=13).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
        && i64::from_str_radix(id, 36).is_ok();
    valid.then(|| id.to_owned())
}
