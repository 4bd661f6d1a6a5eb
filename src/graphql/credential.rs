//! The affiliates' own access to platforms.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::enums::{CredentialState, PlatformKind};
use super::errors::{UserError, outcome};
use super::guard::{app, viewer};
use super::loader::{CredentialsByAffiliate, load};
use super::scalars::DateTime;
use crate::domain;
use crate::domain::credential::{self, Account, LinkCredential};
use crate::error::Error;
use crate::model::{self, Secret};

/// An account on a platform that an affiliate linked, so that its own figures are read. The token is never shown.
pub struct PlatformCredential {
    row: domain::PlatformCredential,
    at: chrono::DateTime<chrono::Utc>,
}

impl PlatformCredential {
    /// A row as it is at a time.
    #[must_use]
    pub const fn new(row: domain::PlatformCredential, at: chrono::DateTime<chrono::Utc>) -> Self {
        Self { row, at }
    }
}

/// An account on a platform that an affiliate linked, so that its own figures are read. The token is never shown.
#[Object]
impl PlatformCredential {
    /// On which platform.
    async fn platform(&self) -> PlatformKind {
        self.row.platform.into()
    }
    /// The account's id there, as the platform said.
    async fn account_id(&self) -> Option<&str> {
        self.row.account_id.as_deref()
    }
    /// The account's handle there, without @, as the platform said.
    async fn account_handle(&self) -> Option<&str> {
        self.row.account_handle.as_deref()
    }
    /// Whether the token can be used. While it cannot, posts are read with this server's own access, or wait where it has
    /// none; REVOKED and INSUFFICIENT tokens are tried again after 6 hours.
    async fn state(&self) -> CredentialState {
        credential::state_at(&self.row, self.at).into()
    }
    /// When the token ends, where the affiliate said so.
    async fn expires_at(&self) -> Option<DateTime> {
        self.row.expires_at.map(DateTime)
    }
    /// When the platform last answered to it, to the minute.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.row.last_used_at.map(DateTime)
    }
}

/// A token of an account that the affiliate posts with.
#[derive(InputObject)]
pub struct LinkPlatformCredentialInput {
    /// Which platform. Reddit has nothing to tell to an account's own token.
    platform: PlatformKind,
    /// The token, 1 to 5000 characters. It is encrypted and never shown.
    access_token: String,
    /// The account's id there, 1 to 200 characters, where the affiliate knows it: it must be the one that the token reads. A
    /// token of Facebook Login for Instagram needs it where it reaches several accounts.
    account_id: Option<String>,
    /// The account's handle there, 1 to 200 characters, with or without @: it must be the one that the token reads.
    account_handle: Option<String>,
    /// When the token ends, where that is known.
    expires_at: Option<DateTime>,
}

/// The account that is to be unlinked.
#[derive(InputObject)]
pub struct UnlinkPlatformCredentialInput {
    /// On which platform.
    platform: PlatformKind,
}

/// The account that was linked or unlinked.
#[derive(SimpleObject)]
pub struct PlatformCredentialPayload {
    /// The account; null where userErrors says why not.
    credential: Option<PlatformCredential>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl PlatformCredentialPayload {
    fn of(
        ctx: &Context<'_>,
        result: Result<domain::PlatformCredential, Error>,
    ) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(row) => Self {
                credential: Some(PlatformCredential::new(row, app(ctx).clock.now())),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                credential: None,
                user_errors,
            },
        })
    }
}

/// Mutations on the affiliates' own access.
#[derive(Default)]
pub struct CredentialMutation;

#[Object]
impl CredentialMutation {
    /// Links an account that the affiliate posts with, in the place of the one linked before: its token reads the figures of the
    /// affiliate's posts and of no others. The platform is asked whose token it is.
    async fn link_platform_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: LinkPlatformCredentialInput,
    ) -> async_graphql::Result<PlatformCredentialPayload> {
        let link = LinkCredential {
            platform: input.platform.into(),
            access_token: Secret::new(input.access_token),
            account_id: input.account_id,
            account_handle: input.account_handle,
            expires_at: input.expires_at.map(|at| at.0),
        };
        let result = credential::link(app(ctx), viewer(ctx)?, link).await;
        PlatformCredentialPayload::of(ctx, result)
    }

    /// Forgets the token of the account that the affiliate linked on a platform.
    async fn unlink_platform_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: UnlinkPlatformCredentialInput,
    ) -> async_graphql::Result<PlatformCredentialPayload> {
        let result = credential::unlink(app(ctx), viewer(ctx)?, input.platform.into()).await;
        PlatformCredentialPayload::of(ctx, result)
    }
}

/// The account that posted a post, as the platform last said.
pub struct PostAuthor {
    account: Account,
    affiliate_id: i64,
    platform: model::PlatformKind,
}

impl PostAuthor {
    /// The author of a post; none where the platform did not say.
    #[must_use]
    pub fn of(post: &domain::Post) -> Option<Self> {
        credential::author_of(post).map(|account| Self {
            account,
            affiliate_id: post.affiliate_id,
            platform: post.platform,
        })
    }
}

/// The account that posted a post, as the platform last said.
#[Object]
impl PostAuthor {
    /// The account's id there.
    async fn account_id(&self) -> Option<&str> {
        self.account.id.as_deref()
    }
    /// The account's handle there, without @.
    async fn handle(&self) -> Option<&str> {
        self.account.handle.as_deref()
    }
    /// Whether it is the account that the affiliate linked; null where none is linked, or the two cannot be compared.
    async fn is_linked_account(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<bool>> {
        let linked = load::<CredentialsByAffiliate, _>(ctx, self.affiliate_id).await?;
        Ok(linked
            .into_iter()
            .flatten()
            .find(|row| row.platform == self.platform)
            .and_then(|row| credential::is_account(&row, &self.account)))
    }
}
