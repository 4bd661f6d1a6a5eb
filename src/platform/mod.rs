//! What the platforms say of posts.
//!
//! Each platform has an adapter that speaks its real wire format and answers in the product's
//! words: an observation for each metric, or that the post is gone, or a [`PlatformError`] that
//! says whether to try again. A missing number is never zero, and a failed call never becomes an
//! observation. Adapters keep no state that matters: what they remember (a token, where a post was
//! found) saves calls and can be lost.
//!
//! This module knows the model and HTTP, nothing else of the product.

mod batch;
mod call;
mod callback;
mod config;
pub(crate) mod definition;
mod discord;
mod error;
mod graph;
mod guard;
mod http;
mod instagram;
mod lenient;
pub mod link;
mod meta;
mod reddit;
mod registry;
mod resolve;
#[cfg(test)]
mod stub;
mod tiktok;
mod usage;
mod x;
mod youtube;

use async_trait::async_trait;
use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use serde_json::Value;

use self::link::PostLink;
use crate::model::{Metrics, Observed, PlatformKind, Secret};

pub use self::call::{Gate, Measured, gated, gated_from_the_first, measured};
pub use self::callback::{Callbacks, Reply};
pub use self::config::PlatformConfig;
pub use self::definition::{definitions, is_of_advertisements};
pub use self::discord::{
    Conversation, Discord, DiscordConfig, DiscordPace, DiscordSetupError, Unsaid,
};
pub use self::error::{Advice, Limit, PlatformError};
pub use self::registry::{Overrides, PlatformSetupError, Platforms, Serving, Setup};
pub use self::usage::Usage;

/// A post to ask for.
#[derive(Debug, Clone)]
pub struct PostRef {
    /// The platform's own id, as [`PostLink::native_id`] gives it; for Instagram the shortcode.
    pub native_id: String,
    /// The canonical URL of the post.
    pub canonical_url: String,
    /// The handle of the account that posted it, where known; public figures of Instagram need it.
    pub account_handle: Option<String>,
    /// Whether the platform told this post's figures to its owner before: then it was the connected account's own, and if
    /// it is not listed any more it is gone.
    pub seen_as_own: bool,
    /// Whether it is known when the post was published: where that costs a request of its own, it is asked for only as long
    /// as it is not.
    pub published_is_known: bool,
    /// Whether the platform showed this post among the public ones of `account_handle` before: then, and only then, it is
    /// gone if it is not among them any more, as long as the handle is still that of `author_id`. What has never been seen
    /// there may be another account's.
    pub seen_publicly: bool,
    /// The platform's id of the account that posted it, as it was last told.
    pub author_id: Option<String>,
}

/// What a platform said of a post.
#[allow(clippy::large_enum_variant, reason = "the large one is the usual one")]
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// The post is there, or nothing says that it is not; each metric says whether it was told.
    Found(Sighting),
    /// The platform no longer has the post, or no longer shows it.
    Gone {
        /// Why that is believed, as a sentence.
        reason: String,
        /// The part of the answer that says so, as evidence.
        raw: Value,
    },
}

impl Fetched {
    /// A post of which nothing is told, for this reason. It may well be there.
    #[must_use]
    pub fn untold(reason: &str, raw: Value) -> Self {
        Self::only(Metrics::from_fn(|_| unavailable(reason)), raw)
    }

    /// A post of which nothing is told but these metrics.
    fn only(metrics: Metrics<Observed>, raw: Value) -> Self {
        Self::Found(Sighting {
            metrics,
            raw,
            context: None,
            author: None,
            published_at: None,
            spend: None,
            lacks_permission: false,
        })
    }
}

/// A post as a platform reported it at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Each metric: a number, or why there is none.
    pub metrics: Metrics<Observed>,
    /// The part of the answer that these come from, as evidence. It holds no token.
    pub raw: Value,
    /// Public figures that make a claim plausible or not, such as "score 512, 43 comments".
    pub context: Option<String>,
    /// The account that posted it, where the platform says so.
    pub author: Option<Account>,
    /// When it was published, where the platform says so. An answer that shows nothing of the post says none, even if the
    /// post's number does.
    pub published_at: Option<DateTime<Utc>>,
    /// What advertising it has cost so far, where the platform says so.
    pub spend: Option<Spend>,
    /// Whether figures of the access's own account were withheld because the access lacks a permission. It is about the
    /// access and not about the post, and is not stored.
    pub lacks_permission: bool,
}

/// What advertising a post has cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// How much, in whole units of the currency: exact, 0 to below 10^14, with at most six decimal
    /// places.
    pub amount: BigDecimal,
    /// The currency, an ISO 4217 code of three capital letters.
    pub currency: String,
}

/// An account on a platform. The id is stable, the handle may change; a platform tells one, both or
/// neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The platform's own id.
    pub id: Option<String>,
    /// The name that people see, lower-case and without `@`.
    pub handle: Option<String>,
}

/// An affiliate's own access to a platform, for the posts of that affiliate and no others.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The token that the affiliate gave.
    pub token: Secret,
    /// The account that the token reads: the Instagram user's, the Facebook page's.
    pub account: Account,
}

/// What a link turned out to name.
#[derive(Debug, Clone)]
pub enum Resolved {
    /// A post whose native id is known; its target is always [`link::LinkTarget::Post`].
    Post(PostLink),
    /// The link leads to nothing that is still there.
    Gone {
        /// Why, as a sentence.
        reason: String,
    },
    /// The link leads to something else than a post of this platform, which does not show that a post
    /// was there and went.
    NotAPost {
        /// Why, as a sentence.
        reason: String,
    },
}

/// One platform, asked with one set of credentials.
#[async_trait]
pub trait Adapter: Send + Sync + std::fmt::Debug {
    /// The platform.
    fn kind(&self) -> PlatformKind;

    /// How many posts one call of [`Adapter::fetch`] may have.
    fn batch_limit(&self) -> usize;

    /// Asks for posts, at most [`Adapter::batch_limit`]: with the owner's access where one is given,
    /// else with this program's own; where it has none, nothing is asked and nothing told. The answer
    /// has one result for each, in their order; where only a part of the calls behind it fails, only
    /// the posts of that part get the error. An owner's token that does not hold is
    /// [`PlatformError::Unauthorised`]; nothing else is asked in its place.
    async fn fetch(
        &self,
        posts: &[PostRef],
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>>;

    /// Whose account an owner's token reads, as the platform says. `owner.account` is what the
    /// affiliate said, and may be empty; it is the caller's to compare. The answer always has an id.
    ///
    /// [`PlatformError::Unauthorised`] where the token does not hold, [`PlatformError::Refused`]
    /// where it lacks a permission, is of no account, or may be of several.
    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError>;

    /// Finds the post behind a link that does not hold its native id: where that takes a token
    /// ([`PostLink::may_need_access`]), with the owner's where one is given, else with this program's
    /// own. A link that holds the id is returned as it is.
    async fn resolve(
        &self,
        link: &PostLink,
        owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError>;
}

/// A metric with a reason for having no number, for the `metrics` of the adapters.
fn unsupported(reason: &str) -> Observed {
    Observed::Unsupported {
        reason: reason.to_owned(),
    }
}

fn unavailable(reason: &str) -> Observed {
    Observed::Unavailable {
        reason: reason.to_owned(),
    }
}

/// The error of asking without an owner where this program has no access of its own. No call is made.
fn no_access(kind: PlatformKind) -> PlatformError {
    PlatformError::refused(&format!("this server has no access of its own to {kind}"))
}

/// The error of an answer to [`Adapter::identify`] in which no account can be read.
fn nameless() -> PlatformError {
    PlatformError::unreachable("the answer does not say whose account the token reads")
}
