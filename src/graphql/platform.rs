//! Platforms, and how this server is set up for them.

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, Object, SimpleObject};

use super::enums::{CircuitState, PlatformKind};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::loader::{HealthByPlatform, PlatformByKind, load, require};
use super::scalars::{DateTime, Decimal, Url};
use super::update::Changes;
use crate::domain::access::Principal;
use crate::domain::{health, platform, read};
use crate::model::{self, Secret};

/// A secret that a platform may be set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "platform::PlatformSecret")]
pub enum PlatformSecret {
    /// The secret of this program's OAuth client.
    ClientSecret,
    /// A token that reads the figures of one account; on YouTube an API key.
    AccessToken,
    /// A token that reads the insights of an ad account, where the access token does not.
    AdAccessToken,
}

/// Where posts are published.
pub struct Platform(read::Platform);

/// Where posts are published.
#[Object]
impl Platform {
    /// Which platform.
    async fn kind(&self) -> PlatformKind {
        self.0.kind.into()
    }
    /// Whether this server has access of its own to it. Where it has none, posts are taken of affiliates that have linked an
    /// account there whose token works, and of nobody else.
    async fn available(&self) -> bool {
        self.0.available
    }
    /// Whether operators have it enabled.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }
    /// The root of its API; to operators, null to others.
    async fn base_url(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Url>> {
        to_operators(ctx, Some(Url(self.0.base_url.clone())))
    }
    /// The version in the path of its API; null where it has none. To operators, null to others.
    async fn api_version(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        to_operators(ctx, self.0.api_version.as_deref())
    }
    /// How many requests all processes together may make of its API in a minute; null: no limit of ours. To operators,
    /// null to others.
    async fn requests_per_minute(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<i32>> {
        to_operators(ctx, self.0.requests_per_minute)
    }
    /// The account that the access token reads: the Instagram user's number or the Facebook page's; null where none is set. To
    /// operators, null to others.
    async fn account_id(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        to_operators(ctx, self.0.account_id.as_deref())
    }
    /// The ad account whose advertisements of the page's posts are read, `act_` and its number; null where none is set. To
    /// operators, null to others.
    async fn ad_account_id(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        to_operators(ctx, self.0.ad_account_id.as_deref())
    }
    /// Which secrets are set, by the environment or by an operator; what they are is never shown. To operators, null to others.
    async fn secrets(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Vec<PlatformSecret>>> {
        let secrets = self.0.secrets.iter().copied().map(PlatformSecret::from);
        to_operators(ctx, Some(secrets.collect()))
    }
    /// Whether it answers, and how much may still be asked; to operators, null to others.
    async fn health(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<PlatformHealth>> {
        match viewer(ctx)?.principal {
            Principal::Operator => {
                let health = load::<HealthByPlatform, _>(ctx, self.0.kind).await?;
                Ok(health.map(PlatformHealth))
            }
            _ => Ok(None),
        }
    }
}

/// What operators are told, null to others.
fn to_operators<T>(ctx: &Context<'_>, value: Option<T>) -> async_graphql::Result<Option<T>> {
    Ok(match viewer(ctx)?.principal {
        Principal::Operator => value,
        Principal::Advertiser(_) | Principal::Affiliate(_) => None,
    })
}

/// Whether a platform answers, as all processes together see it, and how much may still be asked.
pub struct PlatformHealth(health::Health);

/// Whether a platform answers, as all processes together see it, and how much may still be asked.
#[Object]
impl PlatformHealth {
    /// Whether it is asked. Where it refuses only this server's own credential, what is asked with affiliates' goes on.
    async fn circuit(&self) -> CircuitState {
        self.0.circuit.into()
    }
    /// When a call was answered last; null before the first.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.0.last_success_at.map(DateTime)
    }
    /// What the latest call that failed was told, up to 500 characters and without credentials; null where none has failed.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }
    /// The share of the calls in the current minute that failed, 0.0000 to 1.0000; null where there was none in it. Calls whose
    /// credential was refused, or that were told to wait, are not among them.
    async fn error_rate(&self) -> Option<Decimal> {
        self.0.error_rate.clone().map(Decimal)
    }
    /// How many calls the platform leaves to this server's own credential until its window ends; null where it does not say.
    /// 2147483647 stands for more as well.
    async fn remaining_budget(&self) -> Option<i32> {
        let left = self.0.remaining_budget;
        left.map(|left| i32::try_from(left).unwrap_or(i32::MAX))
    }
    /// When the current rate-limit window ends and there are more calls; null where the platform does not say.
    async fn resets_at(&self) -> Option<DateTime> {
        self.0.resets_at.map(DateTime)
    }
    /// Until when nothing is asked with this server's own credential: because the platform asked to be left alone, because
    /// the calls of its window are used up, or until the open circuit lets a call be tried. Null where it may be asked.
    async fn waiting_until(&self) -> Option<DateTime> {
        self.0.waiting_until.map(DateTime)
    }
    /// How many accounts of affiliates are linked there, by what is known of their tokens.
    async fn linked_credentials(&self) -> LinkedCredentials {
        self.0.linked.into()
    }
}

/// How many accounts of affiliates are linked on a platform. Each is counted under one of the first four.
#[derive(SimpleObject)]
pub struct LinkedCredentials {
    /// Whose tokens work, as far as is known.
    working: i64,
    /// Whose tokens have expired.
    expired: i64,
    /// Whose tokens the platform does not accept any more.
    revoked: i64,
    /// Whose tokens lack a permission.
    insufficient: i64,
    /// Of all of these, those whose own calls are used up at present, or that the platform asked to leave alone.
    waiting: i64,
}

impl From<health::LinkedCredentials> for LinkedCredentials {
    fn from(linked: health::LinkedCredentials) -> Self {
        Self {
            working: linked.working,
            expired: linked.expired,
            revoked: linked.revoked,
            insufficient: linked.insufficient,
            waiting: linked.waiting,
        }
    }
}

impl Platform {
    /// The platform of this kind.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of(ctx: &Context<'_>, kind: model::PlatformKind) -> async_graphql::Result<Self> {
        require::<PlatformByKind, _>(ctx, kind).await.map(Self)
    }
}

/// Queries on platforms.
#[derive(Default)]
pub struct PlatformQuery;

#[Object]
impl PlatformQuery {
    /// Every platform.
    async fn platforms(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Platform>> {
        Ok(read::platforms(app(ctx))
            .await
            .top()?
            .into_iter()
            .map(Platform)
            .collect())
    }

    /// One platform.
    async fn platform(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which platform.")] kind: PlatformKind,
    ) -> async_graphql::Result<Option<Platform>> {
        Platform::of(ctx, kind.into()).await.map(Some)
    }
}

/// How this server is set up for a platform. What is left out stays as it is; what is null is as the environment says.
#[derive(InputObject)]
pub struct UpdatePlatformConfigInput {
    /// Which platform.
    kind: PlatformKind,
    /// Whether it is in use: otherwise no posts are taken, and those that are there wait to be checked.
    enabled: MaybeUndefined<bool>,
    /// The root of its API: an http or https address of up to 2048 bytes, without credentials, query and fragment.
    base_url: MaybeUndefined<Url>,
    /// The id of this program's OAuth client there, its registration: 1 to 500 characters.
    client_id: MaybeUndefined<String>,
    /// The secret of the OAuth client `clientId`, 1 to 5000 characters. It is encrypted and never shown.
    client_secret: MaybeUndefined<String>,
    /// A token that reads the figures of one account; on YouTube an API key and on X a bearer token, which read what is
    /// public. 1 to 5000 characters. It is encrypted and never shown.
    access_token: MaybeUndefined<String>,
    /// The account that the access token reads, 1 to 30 digits: on INSTAGRAM the Instagram user's number, on META the page's; on
    /// no other platform.
    account_id: MaybeUndefined<String>,
    /// The ad account whose advertisements of the page's posts are read, `act_` and 1 to 20 digits or the digits alone; META only.
    ad_account_id: MaybeUndefined<String>,
    /// A token that reads the ad account `adAccountId` (`ads_read`), where `accessToken` does not: 1 to 5000 characters,
    /// META only. It is encrypted and never shown.
    ad_access_token: MaybeUndefined<String>,
    /// The version in the path of its API, such as v26.0 of Instagram and Meta: 1 to 50 letters, digits, dots, hyphens and
    /// underscores.
    api_version: MaybeUndefined<String>,
    /// How many requests all processes together may make of its API in a minute, 1 to 1000000; null: no limit of ours. One
    /// may be for many posts, and a check may take several.
    requests_per_minute: MaybeUndefined<i64>,
}

/// The platform as it is set up now.
#[derive(SimpleObject)]
pub struct UpdatePlatformConfigPayload {
    /// The platform; null where userErrors says why not.
    platform: Option<Platform>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on platforms.
#[derive(Default)]
pub struct PlatformMutation;

#[Object]
impl PlatformMutation {
    /// Changes how this server is set up for a platform, in every process within a second. Operators only.
    async fn update_platform_config(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdatePlatformConfigInput,
    ) -> async_graphql::Result<UpdatePlatformConfigPayload> {
        let mut changes = Changes::of(ctx);
        let secret = |text: Option<Option<String>>| text.map(|text| text.map(Secret::new));
        let update = platform::UpdateConfig {
            enabled: changes.required("enabled", input.enabled),
            base_url: changes
                .optional("baseUrl", input.base_url)
                .map(|url| url.map(|url| url.0)),
            client_id: changes.optional("clientId", input.client_id),
            client_secret: secret(changes.optional("clientSecret", input.client_secret)),
            access_token: secret(changes.optional("accessToken", input.access_token)),
            account_id: changes.optional("accountId", input.account_id),
            ad_account_id: changes.optional("adAccountId", input.ad_account_id),
            ad_access_token: secret(changes.optional("adAccessToken", input.ad_access_token)),
            api_version: changes.optional("apiVersion", input.api_version),
            requests_per_minute: changes.optional("requestsPerMinute", input.requests_per_minute),
        };
        let result = match changes.finish() {
            Ok(()) => platform::update_config(app(ctx), input.kind.into(), update).await,
            Err(error) => Err(error),
        };
        Ok(match outcome(result)? {
            Ok(row) => UpdatePlatformConfigPayload {
                platform: Some(Platform(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpdatePlatformConfigPayload {
                platform: None,
                user_errors,
            },
        })
    }
}
