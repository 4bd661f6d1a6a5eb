//! Instagram by the Graph API of Facebook Login: insights of the account's own media, public counts
//! of others' reels.
//!
//! A link has a shortcode, and no call takes one. So the account's media are listed, newest first,
//! until the shortcode turns up or the list has gone past the time at which it was made; its media
//! id is remembered. What is not among them is looked for among the media of the handle that the
//! affiliate gave, where reels have a public view count, paid and organic together. That is another
//! definition than the owner's insights, and the observation says so.
//!
//! A post counts as gone only when the list that must have it does not; everything else without a
//! number is unavailable.

mod walk;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use serde_json::json;

use self::walk::{MediaIds, Step, Walk};
use self::wire::{Media, Page, bare};
use super::config::PlatformConfig;
use super::error::PlatformError;
use super::graph::paging::Cursor;
use super::graph::{Fault, FaultKind, Graph};
use super::http::Http;
use super::link::{LinkTarget, PostLink};
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::{Followed, follow};
use super::{Adapter, Fetched, Owner, PostRef, Resolved};
use crate::model::PlatformKind;

/// How many media one call may ask insights for.
const BATCH: usize = 50;

/// What is asked of each media.
const FIELDS: &str =
    "id,permalink,shortcode,timestamp,media_type,media_product_type,like_count,comments_count";

/// The error for a user name that no professional account has.
const UNKNOWN_USER: i64 = 110;

type Results = HashMap<String, Result<Fetched, PlatformError>>;

/// The adapter of Instagram.
#[derive(Debug)]
pub(super) struct Instagram {
    http: Http,
    config: PlatformConfig,
    graph: Graph,
    account: String,
    ids: MediaIds,
    /// Held while the account's list is read: who waits finds afterwards that the others' media are known too.
    reading: tokio::sync::Mutex<()>,
}

impl Instagram {
    /// The adapter, if the configuration has an access token and the id of its Instagram user.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        let account = given(config.account_id.as_deref());
        let (Some(token), Some(account)) = (token, account) else {
            return Ok(None);
        };
        let http = Http::new(PlatformKind::Instagram, config)?;
        let graph = Graph::new(http.clone(), config, token);
        let config = config.clone();
        Ok(Some(Self {
            http,
            config,
            graph,
            account,
            ids: MediaIds::default(),
            reading: tokio::sync::Mutex::default(),
        }))
    }

    /// One page of the account's own media.
    async fn own_page(&self, cursor: &Cursor) -> Result<Page, PlatformError> {
        let mut query = vec![("fields", FIELDS), ("limit", "100")];
        query.extend(
            cursor
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let page = self
            .graph
            .get(&format!("{}/media", self.account), &query)
            .await?;
        wire::own_page(&page)
    }

    /// Walks the account's own media until every wanted one is found or passed.
    async fn walk_own(&self, walk: &mut Walk) -> Result<(), PlatformError> {
        let mut cursor = Cursor::new();
        loop {
            let page = self.own_page(&cursor).await?;
            for media in &page.media {
                if let Some(code) = &media.code {
                    self.ids.remember(bare(code), &media.id);
                }
            }
            match walk.take(page)? {
                Step::Next(next) => cursor = next,
                Step::Done => return Ok(()),
            }
        }
    }

    /// One page of the public media of another account.
    async fn public_page(&self, handle: &str, cursor: &Cursor) -> Result<Page, Fault> {
        let after = cursor
            .first()
            .map_or_else(String::new, |(_, place)| format!(".after({place})"));
        let fields = format!(
            "business_discovery.username({handle}){{media.limit(50){after}{{{FIELDS},view_count}}}}"
        );
        let page = self
            .graph
            .get(&self.account, &[("fields", fields.as_str())])
            .await?;
        wire::public_page(&page).map_err(Fault::from)
    }

    async fn walk_public(&self, handle: &str, walk: &mut Walk) -> Result<(), Fault> {
        let mut cursor = Cursor::new();
        loop {
            let page = self.public_page(handle, &cursor).await?;
            match walk.take(page)? {
                Step::Next(next) => cursor = next,
                Step::Done => return Ok(()),
            }
        }
    }

    /// Finds which of these shortcodes are the account's own, and asks insights for those. Returns
    /// the rest, with the error for each that could not be looked for to the end.
    async fn fetch_own(
        &self,
        codes: BTreeSet<String>,
        results: &mut Results,
    ) -> BTreeMap<String, Option<PlatformError>> {
        let mut own: Vec<(String, String, Option<Media>)> = Vec::new();
        let mut wanted = BTreeSet::new();
        for code in codes {
            match self.ids.get(&code) {
                Some(id) => own.push((code, id, None)),
                None => {
                    wanted.insert(code);
                }
            }
        }
        let mut rest = BTreeMap::new();
        let reading = if wanted.is_empty() {
            None
        } else {
            let reading = self.reading.lock().await;
            wanted.retain(|code| match self.ids.get(code) {
                Some(id) => {
                    own.push((code.clone(), id, None));
                    false
                }
                None => true,
            });
            Some(reading)
        };
        if !wanted.is_empty() {
            let mut walk = Walk::new(wanted.iter().cloned());
            let error = self.walk_own(&mut walk).await.err();
            for code in wanted {
                match walk.found(&code) {
                    Some(media) => {
                        self.ids.remember(&code, &media.id);
                        own.push((code, media.id.clone(), Some(media)));
                    }
                    None if walk.passed(&code) => {
                        rest.insert(code, None);
                    }
                    None => {
                        rest.insert(code, error.clone());
                    }
                }
            }
        }
        drop(reading);
        let paths: Vec<String> = own
            .iter()
            .map(|(_, id, _)| format!("{id}/insights?metric=views"))
            .collect();
        let answers = self.graph.batch(&paths).await;
        for ((code, id, media), answer) in own.into_iter().zip(answers) {
            if answer
                .as_ref()
                .is_err_and(|fault| fault.kind == FaultKind::Missing)
            {
                self.ids.forget(&code);
            }
            let fetched = wire::own_media(&code, &id, media.as_ref(), answer);
            results.insert(code, fetched);
        }
        rest
    }

    /// Looks for shortcodes among the public media of one account.
    async fn fetch_public(&self, handle: &str, codes: &BTreeSet<String>, results: &mut Results) {
        let mut walk = Walk::new(codes.iter().cloned());
        let walked = self.walk_public(handle, &mut walk).await;
        for code in codes {
            let fetched = match (walk.found(code), &walked) {
                (Some(media), _) => Ok(wire::public_media(handle, &media)),
                (None, _) if walk.passed(code) => Ok(wire::not_listed(handle, code)),
                (None, Err(fault)) => public_fault(handle, code, fault),
                // A walk that ends without an error has passed everything.
                (None, Ok(())) => Err(PlatformError::unreachable("the list of media broke off")),
            };
            results.insert(code.clone(), fetched);
        }
    }
}

#[async_trait]
impl Adapter for Instagram {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Instagram
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        _owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let codes: BTreeSet<String> = posts
            .iter()
            .filter_map(|post| code_of(&post.native_id))
            .collect();
        // A post that was submitted twice may have its handle only once.
        let handles: HashMap<String, String> = posts
            .iter()
            .filter_map(|post| {
                Some((
                    code_of(&post.native_id)?,
                    handle_of(post.account_handle.as_deref()?)?,
                ))
            })
            .collect();

        let own: BTreeSet<String> = posts
            .iter()
            .filter(|post| post.seen_as_own)
            .filter_map(|post| code_of(&post.native_id))
            .collect();
        let mut results = Results::new();
        let mut by_handle: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (code, error) in self.fetch_own(codes, &mut results).await {
            match (error, handles.get(&code)) {
                (Some(error), _) => {
                    results.insert(code, Err(error));
                }
                (None, _) if own.contains(&code) => {
                    let gone = Fetched::Gone {
                        reason: "This post is no longer among the media of the connected account."
                            .to_owned(),
                        raw: json!({"shortcode": code, "listed": false}),
                    };
                    results.insert(code, Ok(gone));
                }
                (None, Some(handle)) => {
                    by_handle.entry(handle.clone()).or_default().insert(code);
                }
                (None, None) => {
                    let fetched = Ok(wire::unavailable_media(
                        "This post is not among the media of the connected account: give the \
                         handle of the professional account that posted it for its public figures.",
                        json!({"shortcode": code, "listed": false}),
                    ));
                    results.insert(code, fetched);
                }
            }
        }
        for (handle, codes) in by_handle {
            self.fetch_public(&handle, &codes, &mut results).await;
        }

        posts
            .iter()
            .map(|post| match code_of(&post.native_id) {
                Some(code) => results.get(&code).cloned().unwrap_or_else(|| {
                    Err(PlatformError::unreachable(
                        "Instagram did not answer for this post",
                    ))
                }),
                None => Err(PlatformError::refused("not a shortcode of Instagram")),
            })
            .collect()
    }

    async fn resolve(&self, link: &PostLink) -> Result<Resolved, PlatformError> {
        match &link.target {
            LinkTarget::Post { .. } => return Ok(Resolved::Post(link.clone())),
            LinkTarget::Permalink => return Ok(no_post()),
            LinkTarget::Redirect => {}
        }
        Ok(match follow(&self.http, &self.config, link).await? {
            Followed::Link(found) if found.native_id().is_some() => Resolved::Post(found),
            Followed::Link(_) => no_post(),
            Followed::Gone { reason } => Resolved::Gone { reason },
            Followed::NotAPost { reason } => Resolved::NotAPost { reason },
        })
    }
}

/// What an error says about a post of another account. That the account cannot be seen is an answer
/// about the post; everything else is a failed call.
fn public_fault(handle: &str, code: &str, fault: &Fault) -> Result<Fetched, PlatformError> {
    let unseen = matches!(fault.kind, FaultKind::Permission | FaultKind::Parameter)
        || fault.code() == Some(UNKNOWN_USER);
    if !unseen {
        return Err(fault.clone().into());
    }
    let reason = format!(
        "Instagram does not show the public media of @{handle} to this access: {}",
        fault.said()
    );
    let mut raw = fault.raw();
    raw["shortcode"] = json!(code);
    Ok(wire::unavailable_media(&reason, raw))
}

fn no_post() -> Resolved {
    Resolved::NotAPost {
        reason: "This link does not name a post of Instagram.".to_owned(),
    }
}

/// The shortcode without the suffix that links of private posts carry. Letter case matters.
fn code_of(native_id: &str) -> Option<String> {
    let code = wire::bare(native_id.trim());
    let valid = !code.is_empty()
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    valid.then(|| code.to_owned())
}

/// The handle as Instagram writes it: lower case, without `@`. It goes into an expression of
/// fields, so nothing else than a handle may pass.
fn handle_of(text: &str) -> Option<String> {
    let handle = text.trim().trim_start_matches('@').to_ascii_lowercase();
    let valid = (1..=30).contains(&handle.len())
        && handle
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    valid.then_some(handle)
}
