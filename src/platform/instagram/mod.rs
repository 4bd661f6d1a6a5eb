//! Instagram by the Graph API: insights of the account's own media, public counts of others' reels.
//! The configured token is one of Facebook Login; that of an owner may be one of Instagram Login.
//!
//! A link has a shortcode, and no call takes one. So the account's media are listed, newest first,
//! until the shortcode turns up or the list has gone past the time at which it was made; its media
//! id is remembered. What is not among them is looked for among the media of the handle that the
//! affiliate gave, where reels have a public view count, paid and organic together. That is another
//! definition than the owner's insights, and the observation says so.
//!
//! With an affiliate's own access the same is done with the affiliate's token and list, and nothing
//! else: what is not in that list is not looked for elsewhere.
//!
//! A post counts as gone only when the list that must have it does not: that of the account that was
//! told its figures and is its author still, or that of the handle among whose public media it was
//! seen, while that is its author's still. Everything else without a number is unavailable, also what a
//! list has and the insights say does not exist: they say so of what may not be seen, too.

mod identity;
mod own;
mod walk;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use self::own::{Own, Unfound};
use self::walk::{MediaIds, Step, Walk};
use self::wire::Page;
use super::config::PlatformConfig;
use super::error::PlatformError;
use super::graph::paging::Cursor;
use super::graph::{Fault, FaultKind, Graph, Proofless};
use super::http::Http;
use super::link::PostLink;
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::find_post;
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved, no_access};
use crate::model::PlatformKind;

/// How many media one call may ask insights for.
const BATCH: usize = 50;

/// What is asked of each media.
const FIELDS: &str =
    "id,permalink,shortcode,timestamp,media_type,media_product_type,like_count,comments_count";

/// The error for a user name that no professional account has.
const UNKNOWN_USER: i64 = 110;

/// After so many accounts in a row for which the server gave no answer no further ones are asked for.
const MOST_UNANSWERED: usize = 2;

/// How long those wait who were not asked for because of it.
const NEXT_TURN: Duration = Duration::from_secs(30);

type Results = HashMap<String, Result<Fetched, PlatformError>>;

/// What is said of a link that names something else.
const NO_POST: &str = "This link does not name a post of Instagram.";

/// The adapter of Instagram.
#[derive(Debug)]
pub(super) struct Instagram {
    http: Http,
    config: PlatformConfig,
    /// This program's own access.
    own: Option<Configured>,
    /// Media of the configured account.
    ids: MediaIds,
    /// Media of linked accounts.
    linked: MediaIds,
    /// Tokens of linked accounts that are of other apps.
    proofless: Arc<Proofless>,
    /// Held while the configured account's list is read.
    reading: tokio::sync::Mutex<()>,
}

/// The account that is configured.
#[derive(Debug)]
struct Configured {
    graph: Graph,
    account: String,
    /// Counts the calls for others' accounts.
    calls: AtomicUsize,
}

impl Configured {
    /// One page of the public media of another account.
    async fn public_page(&self, handle: &str, cursor: &Cursor) -> Result<Page, Unread> {
        let after = cursor
            .first()
            .map_or_else(String::new, |(_, place)| format!(".after({place})"));
        let fields = format!(
            "business_discovery.username({handle}){{media.limit(50){after}{{{FIELDS},view_count}}}}"
        );
        let page = self
            .graph
            .get(&self.account, &[("fields", fields.as_str())])
            .await
            .map_err(Unread::of_call)?;
        wire::public_page(&page, cursor).map_err(Unread::of_list)
    }

    async fn walk_public(&self, handle: &str, walk: &mut Walk) -> Result<(), Unread> {
        let mut cursor = Cursor::new();
        loop {
            let page = self.public_page(handle, &cursor).await?;
            match walk.take(page).map_err(Unread::of_list)? {
                Step::Next(next) => cursor = next,
                Step::Done => return Ok(()),
            }
        }
    }

    /// Accounts beginning with another one in each call, so that none always stands behind one that is not answered.
    fn in_turn<T>(&self, accounts: BTreeMap<String, T>) -> Vec<(String, T)> {
        let mut accounts = Vec::from_iter(accounts);
        let start = self.calls.fetch_add(1, Ordering::Relaxed) % accounts.len().max(1);
        accounts.rotate_left(start);
        accounts
    }

    /// Looks for shortcodes among the public media of accounts, one after the other. What would befall the other calls, too, ends
    /// them: a token that does not hold or a throttle at once, and a server that gives no answer for two accounts in a row. One
    /// alone may be an account that is too large to be listed in time, which says nothing of the others.
    async fn fetch_all_public(
        &self,
        by_handle: BTreeMap<String, BTreeSet<String>>,
        known: &Known,
        results: &mut Results,
    ) {
        let mut ended: Option<PlatformError> = None;
        let mut unanswered = 0;
        for (handle, codes) in self.in_turn(by_handle) {
            if let Some(error) = &ended {
                results.extend(all(codes, error));
                continue;
            }
            let reach = match self.fetch_public(&handle, &codes, known, results).await {
                Ok(()) => Reach::OfOne,
                Err(unread) => {
                    if unread.reach == Reach::Unanswered {
                        unanswered += 1;
                    }
                    if unread.reach == Reach::OfAll {
                        ended = Some(unread.fault.into());
                    } else if unanswered == MOST_UNANSWERED {
                        // The others were not asked for: that is no failure of theirs.
                        ended = Some(PlatformError::held_back(NEXT_TURN));
                    }
                    unread.reach
                }
            };
            if reach != Reach::Unanswered {
                unanswered = 0;
            }
        }
    }

    /// Looks for shortcodes among the public media of one account. Says why its list was not read to where it had to be.
    async fn fetch_public(
        &self,
        handle: &str,
        codes: &BTreeSet<String>,
        known: &Known,
        results: &mut Results,
    ) -> Result<(), Unread> {
        let mut walk = Walk::new(codes.iter().cloned());
        let walked = self.walk_public(handle, &mut walk).await;
        for code in codes {
            let fetched = match (walk.found(code), &walked) {
                (Some(media), _) => Ok(wire::public_media(handle, &media)),
                (None, _) if walk.passed(code) => {
                    let is_proof = known.is_publicly_of(code, handle, walk.listed_by());
                    Ok(wire::not_listed(handle, code, is_proof))
                }
                (None, Err(unread)) => public_fault(handle, code, &unread.fault),
                (None, Ok(())) => Err(walk.undecided(code)),
            };
            results.insert(code.clone(), fetched);
        }
        walked
    }
}

/// Why a list of public media was not read.
#[derive(Debug)]
struct Unread {
    fault: Fault,
    reach: Reach,
}

/// Whom a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// This account, as far as is known.
    OfOne,
    /// The server, which gave no answer of its own; or this account, which it cannot list in time.
    Unanswered,
    /// Whatever is asked with this access.
    OfAll,
}

impl Unread {
    /// A call that failed.
    fn of_call(fault: Fault) -> Self {
        let reach = match fault.kind {
            FaultKind::Token | FaultKind::Throttled => Reach::OfAll,
            _ if fault.code().is_none() => Reach::Unanswered,
            _ => Reach::OfOne,
        };
        Self { fault, reach }
    }

    /// An answer that cannot be read, or a list that does not come to an end.
    fn of_list(error: PlatformError) -> Self {
        Self {
            fault: error.into(),
            reach: Reach::OfOne,
        }
    }
}

/// What is known of the posts of a fetch, by their shortcodes.
#[derive(Debug, Default)]
struct Known {
    /// The accounts that affiliates say posted them.
    handles: HashMap<String, String>,
    /// The ids of the accounts that posted them, as they were last told.
    authors: HashMap<String, String>,
    /// Those whose figures the asked account was told as its owner.
    as_own: BTreeSet<String>,
    /// Those that were seen among the public media of an account, each with its handle.
    publicly: BTreeSet<(String, String)>,
}

impl Known {
    fn of(posts: &[PostRef]) -> Self {
        let mut known = Self::default();
        for post in posts {
            let Some(code) = code_of(&post.native_id) else {
                continue;
            };
            // A post that was submitted twice may have its handle only once, or a wrong one.
            if let Some(handle) = post.account_handle.as_deref().and_then(handle_of) {
                if post.seen_publicly {
                    known.publicly.insert((code.clone(), handle.clone()));
                    known.handles.insert(code.clone(), handle);
                } else {
                    known.handles.entry(code.clone()).or_insert(handle);
                }
            }
            if let Some(author) = given(post.author_id.as_deref()) {
                known.authors.insert(code.clone(), author);
            }
            if post.seen_as_own {
                known.as_own.insert(code);
            }
        }
        known
    }

    /// Whether a post must be in the list of this account, which may be configured since yesterday.
    fn is_of(&self, code: &str, account: &str) -> bool {
        let author = self.authors.get(code);
        self.as_own.contains(code) && author.is_none_or(|author| author == account)
    }

    /// Whether a post must be among the public media of this handle, which this account has: it was seen there, and a handle
    /// may be another account's since.
    fn is_publicly_of(&self, code: &str, handle: &str, account: Option<&str>) -> bool {
        let author = self.authors.get(code);
        self.publicly
            .contains(&(code.to_owned(), handle.to_owned()))
            && author.is_none_or(|author| Some(author.as_str()) == account)
    }
}

impl Instagram {
    /// The adapter, if the configuration has an access token and the id of its Instagram user.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        let account = given(config.account_id.as_deref());
        let (Some(token), Some(account)) = (token, account) else {
            return Ok(None);
        };
        let adapter = Self::of_owners(config)?;
        let graph = Graph::new(adapter.http.clone(), config, token);
        Ok(Some(Self {
            own: Some(Configured {
                graph,
                account,
                calls: AtomicUsize::new(0),
            }),
            ..adapter
        }))
    }

    /// The adapter without access of its own, which asks with that of owners only.
    pub(super) fn of_owners(config: &PlatformConfig) -> Result<Self, PlatformSetupError> {
        Ok(Self {
            http: Http::new(PlatformKind::Instagram, config)?,
            config: config.clone(),
            own: None,
            ids: MediaIds::default(),
            linked: MediaIds::default(),
            proofless: Arc::default(),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// The API with an owner's token.
    fn graph_of(&self, owner: &Owner) -> Graph {
        let token = owner.token.clone();
        Graph::of_instagram_owner(self.http.clone(), &self.config, token, &self.proofless)
    }

    /// Asks for posts of the account that an owner's token reads. Whatever else they are, this
    /// program's own access is not asked in its place.
    async fn fetch_linked(&self, codes: BTreeSet<String>, known: &Known, owner: &Owner) -> Results {
        let own = match Own::linked(self.graph_of(owner), owner, &self.linked) {
            Ok(own) => own,
            Err(error) => return all(codes, &error),
        };
        let mut results = Results::new();
        for (code, unfound) in own.fetch(codes, &mut results).await {
            let result = match unfound {
                Unfound::Beyond(error) | Unfound::Failed(error) => Err(error),
                Unfound::Absent if known.as_own.contains(&code) => {
                    Ok(wire::no_longer_own("linked", &code))
                }
                Unfound::Absent => Ok(wire::not_linked(&code)),
            };
            results.insert(code, result);
        }
        results
    }

    /// Asks for posts with this program's own access: of the configured account, or of the accounts
    /// whose handles are given.
    async fn fetch_configured(&self, codes: BTreeSet<String>, known: &Known) -> Results {
        let Some(configured) = &self.own else {
            return all(codes, &no_access(PlatformKind::Instagram));
        };
        let Configured { graph, account, .. } = configured;
        let own = Own::configured(graph.clone(), account, &self.ids, &self.reading);
        let mut results = Results::new();
        let mut by_handle: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (code, unfound) in own.fetch(codes, &mut results).await {
            match (unfound, known.handles.get(&code)) {
                (Unfound::Failed(error), _) | (Unfound::Beyond(error), None) => {
                    results.insert(code, Err(error));
                }
                (Unfound::Absent, _) if known.is_of(&code, account) => {
                    let gone = wire::no_longer_own("connected", &code);
                    results.insert(code, Ok(gone));
                }
                (Unfound::Absent | Unfound::Beyond(_), Some(handle)) => {
                    by_handle.entry(handle.clone()).or_default().insert(code);
                }
                (Unfound::Absent, None) => {
                    let fetched = Ok(wire::unavailable_media(
                        "This post is not among the media of the connected account: give the \
                         handle of the professional account that posted it for its public figures.",
                        json!({"shortcode": code, "listed": false}),
                    ));
                    results.insert(code, fetched);
                }
            }
        }
        configured
            .fetch_all_public(by_handle, known, &mut results)
            .await;
        results
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
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let codes: BTreeSet<String> = posts
            .iter()
            .filter_map(|post| code_of(&post.native_id))
            .collect();
        let known = Known::of(posts);
        let results = match owner {
            Some(owner) => self.fetch_linked(codes, &known, owner).await,
            None => self.fetch_configured(codes, &known).await,
        };

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

    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError> {
        identity::account(&self.graph_of(owner), owner).await
    }

    async fn resolve(
        &self,
        link: &PostLink,
        _owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        find_post(&self.http, &self.config, link, NO_POST).await
    }
}

/// The same error for each of these posts.
fn all(codes: BTreeSet<String>, error: &PlatformError) -> Results {
    codes
        .into_iter()
        .map(|code| (code, Err(error.clone())))
        .collect()
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
