//! Signing in, and the keys to sign in with.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::advertiser::Advertiser;
use super::affiliate::Affiliate;
use super::enums::Role;
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AdvertiserById, AffiliateById, require};
use super::scalars::DateTime;
use crate::domain::access::Principal;
use crate::domain::session::{self, Credentials, SignedIn};
use crate::domain::{self, account};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::Secret;

/// Who is signed in.
pub struct Viewer(domain::Viewer);

/// Who is signed in.
#[Object]
impl Viewer {
    /// On whose behalf the caller acts.
    async fn role(&self) -> Role {
        self.0.role().into()
    }
    /// The affiliate that the caller is; null for others.
    async fn affiliate(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Affiliate>> {
        match self.0.principal {
            Principal::Affiliate(id) => {
                Ok(Some(Affiliate(require::<AffiliateById, _>(ctx, id).await?)))
            }
            _ => Ok(None),
        }
    }
    /// The advertiser that the caller acts for; null for others.
    async fn advertiser(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Advertiser>> {
        match self.0.principal {
            Principal::Advertiser(id) => Ok(Some(Advertiser(
                require::<AdvertiserById, _>(ctx, id).await?,
            ))),
            _ => Ok(None),
        }
    }
}

/// Queries on who is signed in.
#[derive(Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// The role and the affiliate or advertiser behind the token.
    async fn viewer(&self, ctx: &Context<'_>) -> async_graphql::Result<Viewer> {
        viewer(ctx).map(|viewer| Viewer(*viewer))
    }
}

/// An API key, or an address and a password.
#[derive(InputObject)]
pub struct IssueTokenInput {
    /// An API key.
    api_key: Option<String>,
    /// The address, with the password.
    email: Option<String>,
    /// The password, with the address.
    password: Option<String>,
}

/// A refresh token.
#[derive(InputObject)]
pub struct RefreshTokenInput {
    /// The token.
    refresh_token: String,
}

/// An API key to be made: the caller's own where neither id is given.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// For this advertiser; operators, or the advertiser itself.
    advertiser_id: Option<ID>,
    /// For this affiliate; operators, or the affiliate itself.
    affiliate_id: Option<ID>,
    /// What its owner calls it, up to 200 characters.
    label: Option<String>,
    /// When it stops working; never where left out.
    expires_at: Option<DateTime>,
}

/// Tokens.
#[derive(SimpleObject)]
pub struct IssueTokenPayload {
    /// A JWT for the Authorization header: `Bearer …`.
    access_token: Option<String>,
    /// For the next access token. It works once.
    refresh_token: Option<String>,
    /// When the access token stops working.
    expires_at: Option<DateTime>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl IssueTokenPayload {
    fn of(result: Result<SignedIn, Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(signed_in) => Self {
                access_token: Some(signed_in.access.text.expose().to_owned()),
                refresh_token: Some(signed_in.refresh.expose().to_owned()),
                expires_at: Some(DateTime(signed_in.access.expires_at)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                access_token: None,
                refresh_token: None,
                expires_at: None,
                user_errors,
            },
        })
    }
}

/// Whether a sign-in was ended.
#[derive(SimpleObject)]
pub struct RevokeTokenPayload {
    /// Whether the token was known.
    revoked: bool,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// The API key that was made.
#[derive(SimpleObject)]
pub struct CreateApiKeyPayload {
    /// The key. It is shown this once.
    api_key: Option<String>,
    /// Its beginning, which names it.
    prefix: Option<String>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// An API key that is to be revoked.
#[derive(InputObject)]
pub struct RevokeApiKeyInput {
    /// Its beginning, as createApiKey gave it.
    prefix: String,
}

/// Whether a key was revoked.
#[derive(SimpleObject)]
pub struct RevokeApiKeyPayload {
    /// Whether it works no more; false where userErrors says why not.
    revoked: bool,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on sign-ins and keys.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Exchanges an API key, or an address and a password, for an access token and a refresh token.
    async fn issue_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials: a key, or an address and a password.")]
        input: IssueTokenInput,
    ) -> async_graphql::Result<IssueTokenPayload> {
        let credentials = match (input.api_key, input.email, input.password) {
            (Some(key), None, None) => Ok(Credentials::ApiKey(Secret::new(key))),
            (None, Some(email), Some(password)) => Ok(Credentials::Password {
                email,
                password: Secret::new(password),
            }),
            _ => Err(Refusal::field(
                RefusalCode::Invalid,
                "apiKey",
                "give apiKey, or email and password",
            )),
        };
        let result = match credentials {
            Ok(credentials) => session::issue(app(ctx), credentials).await,
            Err(refusal) => Err(refusal.into()),
        };
        IssueTokenPayload::of(result)
    }

    /// Exchanges a refresh token for new tokens. A token that is used twice ends its whole sign-in.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshTokenInput,
    ) -> async_graphql::Result<IssueTokenPayload> {
        IssueTokenPayload::of(session::refresh(app(ctx), &Secret::new(input.refresh_token)).await)
    }

    /// Ends a sign-in: no token that descends from it works any more, within a second.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A refresh token of the sign-in.")] input: RefreshTokenInput,
    ) -> async_graphql::Result<RevokeTokenPayload> {
        let revoked = session::revoke(app(ctx), &Secret::new(input.refresh_token))
            .await
            .top()?;
        Ok(RevokeTokenPayload {
            revoked,
            user_errors: Vec::new(),
        })
    }

    /// Revokes an API key, the caller's own or, for operators, anybody's: within a second, whoever signed in with it is signed out.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RevokeApiKeyInput,
    ) -> async_graphql::Result<RevokeApiKeyPayload> {
        let result = account::revoke_api_key(app(ctx), viewer(ctx)?, &input.prefix).await;
        Ok(match outcome(result)? {
            Ok(()) => RevokeApiKeyPayload {
                revoked: true,
                user_errors: Vec::new(),
            },
            Err(user_errors) => RevokeApiKeyPayload {
                revoked: false,
                user_errors,
            },
        })
    }

    /// Makes an API key: the caller's own or, for operators, that of an advertiser or affiliate.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose key.")] input: CreateApiKeyInput,
    ) -> async_graphql::Result<CreateApiKeyPayload> {
        let create = account::CreateApiKey {
            advertiser_id: Kind::Advertiser
                .optional_row("advertiserId", input.advertiser_id.as_ref())
                .top()?,
            affiliate_id: Kind::Affiliate
                .optional_row("affiliateId", input.affiliate_id.as_ref())
                .top()?,
            label: input.label,
            expires_at: input.expires_at.map(|at| at.0),
        };
        Ok(
            match outcome(account::create_api_key(app(ctx), viewer(ctx)?, create).await)? {
                Ok(key) => CreateApiKeyPayload {
                    api_key: Some(key.text.expose().to_owned()),
                    prefix: Some(key.prefix),
                    user_errors: Vec::new(),
                },
                Err(user_errors) => CreateApiKeyPayload {
                    api_key: None,
                    prefix: None,
                    user_errors,
                },
            },
        )
    }
}
