//! Advertisers: who pays, and which affiliates may apply to them.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::alert_channel::AlertChannel;
use super::application::Application;
use super::campaign::Campaign;
use super::connection::{Page, Paging, connection, cost, times};
use super::enums::ApplicationRule;
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{
    AdvertiserPages, AlertChannelsByAdvertiser, CampaignPages, Eligible, LatestApplication, load,
    require,
};
use super::scalars::{DateTime, Decimal, Url};
use super::update::Changes;
use crate::domain::access::Principal;
use crate::domain::read::CampaignFilter;
use crate::domain::{self, account, read, visible};
use crate::error::Error;
use crate::model::Secret;

/// Who pays; owns campaigns.
pub struct Advertiser(pub domain::Advertiser);

/// Who pays; owns campaigns.
#[Object]
impl Advertiser {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Advertiser.id(self.0.id)
    }
    /// Unique name, 1 to 200 characters.
    async fn name(&self) -> &str {
        &self.0.name
    }
    /// What it sells.
    async fn category(&self) -> Option<&str> {
        self.0.category.as_deref()
    }
    /// Its web site.
    async fn website(&self) -> Option<Url> {
        self.0.website.clone().map(Url)
    }
    /// When it joined.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// Whether the viewing affiliate is eligible; null to others.
    async fn eligible(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<bool>> {
        let Principal::Affiliate(id) = viewer(ctx)?.principal else {
            return Ok(None);
        };
        require::<Eligible, _>(ctx, (id, self.0.id)).await.map(Some)
    }
    /// The viewing affiliate's latest application here; null to others.
    async fn application(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Application>> {
        let Principal::Affiliate(id) = viewer(ctx)?.principal else {
            return Ok(None);
        };
        Ok(load::<LatestApplication, _>(ctx, (id, self.0.id))
            .await?
            .map(Application))
    }
    /// How applications here are decided; to the advertiser itself and operators, null to affiliates.
    async fn application_rule(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<ApplicationRule>> {
        Ok(self
            .is_managed_by(ctx)?
            .then(|| self.0.application_rule.into()))
    }
    /// The trust score that ABOVE_TRUST asks for, 0.00 to 1.00; to the advertiser itself and operators.
    async fn minimum_trust(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Decimal>> {
        Ok(self
            .is_managed_by(ctx)?
            .then(|| Decimal(self.0.minimum_trust.clone())))
    }
    /// Days after a rejection until the affiliate may apply again; to the advertiser itself and operators.
    async fn reapply_after_days(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<i32>> {
        Ok(self
            .is_managed_by(ctx)?
            .then_some(self.0.reapply_after_days))
    }
    /// Whether its order webhooks must carry the time of their signing; to the advertiser itself and operators.
    async fn require_timestamp(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<bool>> {
        Ok(self.is_managed_by(ctx)?.then_some(self.0.require_timestamp))
    }
    /// The channels that it hears of alerts by, oldest first, at most ten; to the advertiser itself and operators, null to
    /// affiliates.
    #[graphql(complexity = "times(1, 10, child_complexity)")]
    async fn alert_channels(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Vec<AlertChannel>>> {
        if !self.is_managed_by(ctx)? {
            return Ok(None);
        }
        let rows = load::<AlertChannelsByAdvertiser, _>(ctx, self.0.id).await?;
        let rows = rows.unwrap_or_default();
        Ok(Some(rows.into_iter().map(AlertChannel).collect()))
    }
    /// Its campaigns that the viewer may see, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Campaign>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = CampaignFilter {
            advertiser_id: Some(self.0.id),
            ..CampaignFilter::default()
        };
        connection::<CampaignPages, _, _, _>(ctx, filter, &paging, |row| row.id, Campaign).await
    }
}

impl Advertiser {
    fn is_managed_by(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(match viewer(ctx)?.principal {
            Principal::Operator => true,
            Principal::Advertiser(id) => id == self.0.id,
            Principal::Affiliate(_) => false,
        })
    }
}

/// Queries on advertisers.
#[derive(Default)]
pub struct AdvertiserQuery;

#[Object]
impl AdvertiserQuery {
    /// Advertisers: to operators all, to an advertiser itself, to an affiliate those that it is eligible for.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn advertisers(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only those that the viewing affiliate is eligible for, which are all it sees anyway.",
            default_with = "Some(false)"
        )]
        eligible_only: Option<bool>,
        #[graphql(desc = "Only those that this affiliate is eligible for; operators only.")]
        eligible_for: Option<ID>,
        #[graphql(desc = "Only those of this category: a text of up to 200 characters.")]
        category: Option<String>,
        #[graphql(
            desc = "Only those with this text, up to 200 characters, in the name, the category or the web site."
        )]
        search: Option<String>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Advertiser>> {
        let _ = eligible_only;
        let viewer = viewer(ctx)?;
        let eligible_for = Kind::Affiliate
            .optional_row("eligibleFor", eligible_for.as_ref())
            .top()?;
        if eligible_for.is_some() && viewer.principal != Principal::Operator {
            return Err(Error::Forbidden(
                "eligibleFor: only operators ask for others",
            ))
            .top();
        }
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = read::AdvertiserFilter {
            only: None,
            eligible: eligible_for,
            category: read::text("category", category).top()?,
            search: read::text("search", search).top()?,
        };
        connection::<AdvertiserPages, _, _, _>(ctx, filter, &paging, |row| row.id, Advertiser).await
    }

    /// One advertiser. To an affiliate that is not eligible for it: FORBIDDEN, whether or not there is such an advertiser.
    async fn advertiser(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
        #[graphql(desc = "Answer FORBIDDEN where this affiliate is not eligible; operators only.")]
        eligible_for: Option<ID>,
    ) -> async_graphql::Result<Option<Advertiser>> {
        let row = Kind::Advertiser.row("id", &id).top()?;
        let viewer = viewer(ctx)?;
        let eligible_for = Kind::Affiliate
            .optional_row("eligibleFor", eligible_for.as_ref())
            .top()?;
        let not_eligible = "the affiliate is not eligible for this advertiser";
        if let Some(affiliate) = eligible_for {
            if viewer.principal != Principal::Operator {
                return Err(Error::Forbidden(
                    "eligibleFor: only operators ask for others",
                ))
                .top();
            }
            if read::eligible(app(ctx), affiliate, &[row])
                .await
                .top()?
                .is_empty()
            {
                return Err(Error::Forbidden(not_eligible)).top();
            }
        }
        let found = visible::advertisers(app(ctx), viewer, &[row])
            .await
            .top()?
            .pop();
        match (found, viewer.principal) {
            (None, Principal::Affiliate(_)) => Err(Error::Forbidden(not_eligible)).top(),
            (found, _) => Ok(found.map(Advertiser)),
        }
    }
}

/// An advertiser to be created, with its first user.
#[derive(InputObject)]
pub struct CreateAdvertiserInput {
    /// Unique name, 1 to 200 characters.
    name: String,
    /// What it sells, up to 100 characters.
    category: Option<String>,
    /// Its web site, an http or https address of up to 2048 characters.
    website: Option<Url>,
    /// Unique e-mail address to sign in with, up to 254 characters.
    email: Option<String>,
    /// Password to sign in with, 8 to 1000 characters; needs an email.
    password: Option<String>,
}

/// The advertiser that was created.
#[derive(SimpleObject)]
pub struct CreateAdvertiserPayload {
    /// The advertiser; null where userErrors says why not.
    advertiser: Option<Advertiser>,
    /// Its first API key. It is shown this once.
    api_key: Option<String>,
    /// What it signs its orders with. It is shown this once.
    webhook_secret: Option<String>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Which affiliates may see an advertiser and apply to it.
#[derive(InputObject)]
pub struct SetEligibilityInput {
    /// The advertiser; an advertiser names itself.
    advertiser_id: ID,
    /// The affiliates, up to 1000.
    affiliate_ids: Vec<ID>,
    /// Whether they are eligible from now on.
    eligible: bool,
}

/// The advertiser whose eligibility was set.
#[derive(SimpleObject)]
pub struct SetEligibilityPayload {
    /// The advertiser; null where userErrors says why not.
    advertiser: Option<Advertiser>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// What is to be changed of an advertiser. What is left out stays; what may be missing is taken away by null.
#[derive(InputObject)]
pub struct UpdateAdvertiserInput {
    /// Which advertiser; operators only, an advertiser itself otherwise.
    advertiser_id: Option<ID>,
    /// Unique name, 1 to 200 characters.
    name: MaybeUndefined<String>,
    /// What it sells, up to 100 characters.
    category: MaybeUndefined<String>,
    /// Its web site, an http or https address of up to 2048 characters.
    website: MaybeUndefined<Url>,
    /// How its applications are decided.
    application_rule: MaybeUndefined<ApplicationRule>,
    /// The trust score that ABOVE_TRUST asks for, 0 to 1 with at most two decimal places.
    minimum_trust: MaybeUndefined<Decimal>,
    /// Days after a rejection until the affiliate may apply again, 0 to 3650.
    reapply_after_days: MaybeUndefined<i64>,
    /// Whether its order webhooks must carry the time of their signing.
    require_timestamp: MaybeUndefined<bool>,
}

/// The advertiser that was changed.
#[derive(SimpleObject)]
pub struct UpdateAdvertiserPayload {
    /// The advertiser; null where userErrors says why not.
    advertiser: Option<Advertiser>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on advertisers.
#[derive(Default)]
pub struct AdvertiserMutation;

#[Object]
impl AdvertiserMutation {
    /// Creates an advertiser with an API key. Operators only.
    async fn create_advertiser(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The advertiser.")] input: CreateAdvertiserInput,
    ) -> async_graphql::Result<CreateAdvertiserPayload> {
        let create = account::CreateAdvertiser {
            name: input.name,
            category: input.category,
            website: input.website.map(|url| url.0),
            email: input.email,
            password: input.password.map(Secret::new),
        };
        Ok(
            match outcome(account::create_advertiser(app(ctx), create).await)? {
                Ok(account) => CreateAdvertiserPayload {
                    advertiser: Some(Advertiser(account.row)),
                    api_key: Some(account.api_key.expose().to_owned()),
                    webhook_secret: account.webhook_secret.map(|s| s.expose().to_owned()),
                    user_errors: Vec::new(),
                },
                Err(user_errors) => CreateAdvertiserPayload {
                    advertiser: None,
                    api_key: None,
                    webhook_secret: None,
                    user_errors,
                },
            },
        )
    }

    /// Changes an advertiser: its profile, and the rules by which it takes applications and orders.
    async fn update_advertiser(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdateAdvertiserInput,
    ) -> async_graphql::Result<UpdateAdvertiserPayload> {
        let id = Kind::Advertiser
            .optional_row("advertiserId", input.advertiser_id.as_ref())
            .top()?;
        let mut changes = Changes::of(ctx);
        let update = account::UpdateAdvertiser {
            name: changes.required("name", input.name),
            category: changes.optional("category", input.category),
            website: changes
                .optional("website", input.website)
                .map(|url| url.map(|url| url.0)),
            application_rule: changes
                .required("applicationRule", input.application_rule)
                .map(Into::into),
            minimum_trust: changes
                .required("minimumTrust", input.minimum_trust)
                .map(|decimal| decimal.0),
            reapply_after_days: changes.required("reapplyAfterDays", input.reapply_after_days),
            require_timestamp: changes.required("requireTimestamp", input.require_timestamp),
        };
        let result = match changes.finish() {
            Ok(()) => account::update_advertiser(app(ctx), viewer(ctx)?, id, update).await,
            Err(error) => Err(error),
        };
        Ok(match outcome(result)? {
            Ok(row) => UpdateAdvertiserPayload {
                advertiser: Some(Advertiser(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpdateAdvertiserPayload {
                advertiser: None,
                user_errors,
            },
        })
    }

    /// Says which affiliates may see an advertiser and apply to it. What is so already stays so.
    async fn set_eligibility(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The advertiser and the affiliates.")] input: SetEligibilityInput,
    ) -> async_graphql::Result<SetEligibilityPayload> {
        let advertiser = Kind::Advertiser
            .row("advertiserId", &input.advertiser_id)
            .top()?;
        let affiliates: Vec<i64> = input
            .affiliate_ids
            .iter()
            .enumerate()
            .map(|(nth, id)| Kind::Affiliate.row(&format!("affiliateIds.{nth}"), id))
            .collect::<Result<_, _>>()
            .top()?;
        let result = account::set_eligibility(
            app(ctx),
            viewer(ctx)?,
            advertiser,
            &affiliates,
            input.eligible,
        )
        .await;
        Ok(match outcome(result)? {
            Ok(row) => SetEligibilityPayload {
                advertiser: Some(Advertiser(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => SetEligibilityPayload {
                advertiser: None,
                user_errors,
            },
        })
    }
}
