//! Orders that advertisers' webhooks told of.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::advertiser::Advertiser;
use super::affiliate::Affiliate;
use super::campaign::Campaign;
use super::connection::{Page, Paging, TimeRange, connection, cost};
use super::enums::OrderStatus;
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AdvertiserById, OrderPages, VisibleAffiliate, VisibleCampaign, load, require};
use super::scalars::{DateTime, Decimal};
use crate::domain::{self, order, read};
use crate::error::Error;

/// A purchase that an advertiser's signed webhook told of, as it was last told.
pub struct Order(pub domain::Order);

/// A purchase that an advertiser's signed webhook told of, as it was last told.
#[Object]
impl Order {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Order.id(self.0.id)
    }
    /// The advertiser's own name for it, 1 to 200 characters.
    async fn order_id(&self) -> &str {
        &self.0.order_id
    }
    /// Whose order.
    async fn advertiser(&self, ctx: &Context<'_>) -> async_graphql::Result<Advertiser> {
        require::<AdvertiserById, _>(ctx, self.0.advertiser_id)
            .await
            .map(Advertiser)
    }
    /// To whom it is credited; null to an advertiser that has neither an application nor a post of this affiliate.
    async fn affiliate(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Affiliate>> {
        Ok(load::<VisibleAffiliate, _>(ctx, self.0.affiliate_id)
            .await?
            .map(Affiliate))
    }
    /// For which campaign; null where it counts for the advertiser, and to an affiliate that may not see the campaign.
    async fn campaign(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Campaign>> {
        match self.0.campaign_id {
            Some(id) => Ok(load::<VisibleCampaign, _>(ctx, id).await?.map(Campaign)),
            None => Ok(None),
        }
    }
    /// What was paid.
    async fn amount(&self) -> Decimal {
        Decimal::money(&self.0.amount)
    }
    /// What the affiliate earns.
    async fn commission(&self) -> Decimal {
        Decimal::money(&self.0.commission)
    }
    /// ISO 4217 code, such as USD.
    async fn currency(&self) -> &str {
        &self.0.currency
    }
    /// Whether it counts.
    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }
    /// How often it was told with other content, the first time included.
    async fn revisions(&self) -> i32 {
        self.0.revisions
    }
    /// When it was first told of.
    async fn received_at(&self) -> DateTime {
        DateTime(self.0.received_at)
    }
}

/// Which orders a list is of.
#[derive(Default, InputObject)]
pub struct OrderFilter {
    /// Of this advertiser.
    advertiser_id: Option<ID>,
    /// Credited to this affiliate.
    affiliate_id: Option<ID>,
    /// For this campaign.
    campaign_id: Option<ID>,
    /// With this status.
    status: Option<OrderStatus>,
    /// First told of in this range.
    received: Option<TimeRange>,
}

impl OrderFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind; or a range ends before it begins.
    pub fn rows(&self) -> Result<read::OrderFilter, Error> {
        let (from, to) = TimeRange::ends(self.received, "filter.received")?;
        Ok(read::OrderFilter {
            advertiser_id: Kind::Advertiser
                .optional_row("filter.advertiserId", self.advertiser_id.as_ref())?,
            affiliate_id: Kind::Affiliate
                .optional_row("filter.affiliateId", self.affiliate_id.as_ref())?,
            campaign_id: Kind::Campaign
                .optional_row("filter.campaignId", self.campaign_id.as_ref())?,
            status: self.status.map(Into::into),
            from,
            to,
        })
    }
}

/// Queries on orders.
#[derive(Default)]
pub struct OrderQuery;

#[Object]
impl OrderQuery {
    /// Orders, newest first: to operators all, to an advertiser its own, to an affiliate those credited to it.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which orders.")] filter: Option<OrderFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Order>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<OrderPages, _, _, _>(ctx, filter, &paging, |row| row.id, Order).await
    }
}

/// An advertiser's next webhook secret.
#[derive(InputObject)]
pub struct RotateWebhookSecretInput {
    /// Whose; operators only, an advertiser's own otherwise.
    advertiser_id: Option<ID>,
    /// How long the secret before this one holds as well, in hours: 0 to 720.
    #[graphql(default_with = "Some(24)")]
    overlap_hours: Option<i64>,
}

/// The secret that is in force now.
#[derive(SimpleObject)]
pub struct RotateWebhookSecretPayload {
    /// What to sign orders with. It is shown this once.
    webhook_secret: Option<String>,
    /// Until when the secret before it holds as well.
    previous_valid_until: Option<DateTime>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on orders.
#[derive(Default)]
pub struct OrderMutation;

#[Object]
impl OrderMutation {
    /// Puts another webhook secret into force. For the hours of the overlap the one before it holds as well; any before that one
    /// does no more.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose secret, and for how long two hold.")]
        input: RotateWebhookSecretInput,
    ) -> async_graphql::Result<RotateWebhookSecretPayload> {
        let advertiser = Kind::Advertiser
            .optional_row("advertiserId", input.advertiser_id.as_ref())
            .top()?;
        let hours = input.overlap_hours.unwrap_or(24);
        let result = order::rotate_secret(app(ctx), viewer(ctx)?, advertiser, hours).await;
        Ok(match outcome(result)? {
            Ok((secret, until)) => RotateWebhookSecretPayload {
                webhook_secret: Some(secret.expose().to_owned()),
                previous_valid_until: Some(DateTime(until)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => RotateWebhookSecretPayload {
                webhook_secret: None,
                previous_valid_until: None,
                user_errors,
            },
        })
    }
}
