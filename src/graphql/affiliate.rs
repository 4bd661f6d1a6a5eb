//! Affiliates: who posts and claims.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use bigdecimal::BigDecimal;

use super::connection::{
    Page, Paging, Place, bad_cursor, connection, cost, opaque_cursor, page, read_cursor,
    wants_total,
};
use super::credential::PlatformCredential;
use super::dashboard::AffiliatePerformance;
use super::enums::{AffiliateOrderField, SortDirection};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::{Kind, NO_ROW};
use super::loader::{
    CredentialsByAffiliate, PerformanceOf, PostPages, ReconciliationById, TrustEventPages, load,
    require,
};
use super::post::{Post, PostFilter};
use super::reconciliation::Reconciliation;
use super::scalars::{DateTime, Decimal};
use super::update::Changes;
use crate::domain::access::Principal;
use crate::domain::read::{AffiliateField, AffiliateKey};
use crate::domain::{self, account, read, visible};
use crate::error::Error;
use crate::model::Secret;

/// Who posts and claims.
pub struct Affiliate(pub domain::Affiliate);

/// Who posts and claims.
#[Object]
impl Affiliate {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Affiliate.id(self.0.id)
    }
    /// Unique name, 1 to 200 characters.
    async fn name(&self) -> &str {
        &self.0.name
    }
    /// When it joined.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// Whether it may submit and apply.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }
    /// Its address; to itself and operators, null to others.
    async fn email(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        Ok(if self.is_private_to(ctx)? {
            self.0.email.as_deref()
        } else {
            None
        })
    }
    /// The Discord member who may submit for it; to itself and operators, null to others.
    async fn discord_user_id(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        Ok(if self.is_private_to(ctx)? {
            self.0.discord_user_id.as_deref()
        } else {
            None
        })
    }
    /// Accurate claims over counting claims, 0.00 to 1.00, rounded half up; 1.00 where none counts yet.
    async fn trust_score(&self) -> Decimal {
        Decimal(self.0.trust_score.clone())
    }
    /// Claims whose FINAL verdict counts for trust.
    async fn total_submissions(&self) -> i64 {
        self.0.total_submissions
    }
    /// Submissions whose final verdict was accurate.
    async fn accurate_submissions(&self) -> i64 {
        self.0.accurate_submissions
    }
    /// What it did: in one campaign, or in all that the viewer may see.
    #[graphql(complexity = "10 + child_complexity")]
    async fn performance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only in this campaign.")] campaign_id: Option<ID>,
    ) -> async_graphql::Result<AffiliatePerformance> {
        let campaign = Kind::Campaign
            .optional_row("campaignId", campaign_id.as_ref())
            .top()?;
        require::<PerformanceOf, _>(ctx, (self.0.id, campaign))
            .await
            .map(AffiliatePerformance)
    }
    /// Why its trust score moved, newest first; to itself and operators, null to others.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn trust_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Option<Page<TrustEvent>>> {
        if !self.is_private_to(ctx)? {
            return Ok(None);
        }
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        connection::<TrustEventPages, _, _, _>(ctx, self.0.id, &paging, |row| row.id, TrustEvent)
            .await
            .map(Some)
    }
    /// The accounts that it has linked, at most one on a platform; to itself, null to others.
    #[graphql(complexity = "6 * child_complexity")]
    async fn credentials(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Vec<PlatformCredential>>> {
        if viewer(ctx)?.principal != Principal::Affiliate(self.0.id) {
            return Ok(None);
        }
        let now = app(ctx).clock.now();
        let rows = load::<CredentialsByAffiliate, _>(ctx, self.0.id).await?;
        let rows = rows.into_iter().flatten();
        Ok(Some(
            rows.map(|row| PlatformCredential::new(row, now)).collect(),
        ))
    }
    /// Its posts that the viewer may see, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which posts.")] filter: Option<PostFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Post>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let mut filter = filter.unwrap_or_default().rows().top()?;
        if filter.affiliate_id.is_some_and(|id| id != self.0.id) {
            filter.campaign_id = Some(NO_ROW);
        }
        filter.affiliate_id = Some(self.0.id);
        connection::<PostPages, _, _, _>(ctx, filter, &paging, |row| row.id, Post).await
    }
}

/// Why a trust score moved.
pub struct TrustEvent(domain::TrustEvent);

/// Why a trust score moved.
#[Object]
impl TrustEvent {
    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// Whether the claim was accurate.
    async fn accurate(&self) -> bool {
        self.0.accurate
    }
    /// The score before, 0.00 to 1.00.
    async fn score_before(&self) -> Decimal {
        Decimal(self.0.score_before.clone())
    }
    /// The score after, 0.00 to 1.00.
    async fn score_after(&self) -> Decimal {
        Decimal(self.0.score_after.clone())
    }
    /// The FINAL verdict that counted.
    async fn reconciliation(&self, ctx: &Context<'_>) -> async_graphql::Result<Reconciliation> {
        require::<ReconciliationById, _>(ctx, self.0.reconciliation_id)
            .await
            .map(Reconciliation)
    }
}

impl Affiliate {
    fn is_private_to(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(match viewer(ctx)?.principal {
            Principal::Operator => true,
            Principal::Affiliate(id) => id == self.0.id,
            Principal::Advertiser(_) => false,
        })
    }
}

/// Which affiliates a list is of.
#[derive(Default, InputObject)]
pub struct AffiliateFilter {
    /// With a post in this campaign.
    campaign_id: Option<ID>,
    /// Whether they may submit and apply.
    is_active: Option<bool>,
    /// With this trust score or a higher one, 0 to 1.
    minimum_trust: Option<Decimal>,
    /// With this trust score or a lower one, 0 to 1.
    maximum_trust: Option<Decimal>,
    /// With this text in the name, up to 200 characters.
    search: Option<String>,
}

impl AffiliateFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind.
    pub fn rows(self) -> Result<read::AffiliateFilter, Error> {
        Ok(read::AffiliateFilter {
            campaign_id: Kind::Campaign
                .optional_row("filter.campaignId", self.campaign_id.as_ref())?,
            is_active: self.is_active,
            minimum_trust: share("filter.minimumTrust", self.minimum_trust)?,
            maximum_trust: share("filter.maximumTrust", self.maximum_trust)?,
            search: read::text("filter.search", self.search)?,
        })
    }
}

/// A trust score that a filter names.
fn share(path: &str, score: Option<Decimal>) -> Result<Option<BigDecimal>, Error> {
    let score = score.map(|decimal| decimal.0);
    let allowed = BigDecimal::from(0)..=BigDecimal::from(1);
    if score.as_ref().is_none_or(|score| allowed.contains(score)) {
        Ok(score)
    } else {
        Err(Error::BadInput(format!("{path} must be from 0 to 1")))
    }
}

/// In which order a list is. What is equal is ordered by age, in the same direction.
#[derive(Clone, Copy, InputObject)]
pub struct AffiliateOrder {
    /// By what.
    field: AffiliateOrderField,
    /// In which direction.
    direction: SortDirection,
}

/// Where a row lies in a list of this order.
fn cursor_of(field: AffiliateField, row: &domain::Affiliate) -> String {
    let value = match field.key(row) {
        AffiliateKey::Id => return super::connection::cursor(row.id),
        AffiliateKey::Name(name) => format!("name:{}:{name}", row.id),
        AffiliateKey::Score(score) => format!("score:{}:{score}", row.id),
        AffiliateKey::Number(number) => format!("number:{}:{number}", row.id),
    };
    opaque_cursor(&value)
}

/// The row that a cursor of a list of this order names.
fn key_of(
    field: AffiliateField,
    argument: &str,
    cursor: &str,
) -> Result<(AffiliateKey, i64), Error> {
    if field == AffiliateField::CreatedAt {
        let id = super::connection::parse_cursor(argument, cursor)?;
        return Ok((AffiliateKey::Id, id));
    }
    let text = read_cursor(argument, cursor)?;
    let mut parts = text.splitn(3, ':');
    let (Some(kind), Some(id), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad_cursor(argument));
    };
    let bad = |_| bad_cursor(argument);
    let key = match (field, kind) {
        (AffiliateField::Name, "name") if !value.contains('\0') => {
            AffiliateKey::Name(value.to_owned())
        }
        (AffiliateField::TrustScore, "score") if value.len() <= 5 => {
            AffiliateKey::Score(value.parse().map_err(|_| bad_cursor(argument))?)
        }
        (AffiliateField::TotalSubmissions, "number") => {
            AffiliateKey::Number(value.parse().map_err(bad)?)
        }
        _ => return Err(bad_cursor(argument)),
    };
    Ok((key, id.parse().map_err(bad)?))
}

/// Queries on affiliates.
#[derive(Default)]
pub struct AffiliateQuery;

#[Object]
impl AffiliateQuery {
    /// Affiliates: to operators all, to an advertiser those with an application or a post at it, to an affiliate itself. Newest
    /// first where no other order is asked for; a cursor holds for the order that it came in.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn affiliates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which affiliates.")] filter: Option<AffiliateFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<AffiliateOrder>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Affiliate>> {
        let filter = filter.unwrap_or_default().rows().top()?;
        let field: AffiliateField =
            order_by.map_or(AffiliateField::CreatedAt, |order| order.field.into());
        let descending = order_by.is_none_or(|order| order.direction == SortDirection::Desc);
        let paging = Paging {
            first,
            after: None,
            last,
            before: None,
        };
        let (limit, from_end) = paging.size().top()?;
        let key = |argument: &str, cursor: Option<&String>| {
            cursor
                .map(|cursor| key_of(field, argument, cursor))
                .transpose()
        };
        let wanted = read::AffiliatePage {
            field,
            descending,
            after: key("after", after.as_ref()).top()?,
            before: key("before", before.as_ref()).top()?,
            limit,
            from_end,
            total: wants_total(ctx),
        };
        let slice = read::affiliates(app(ctx), viewer(ctx)?, &filter, &wanted)
            .await
            .top()?;
        let place = Place {
            from_end,
            is_after: after.is_some(),
            is_before: before.is_some(),
        };
        Ok(page(place, slice, |row| cursor_of(field, row), Affiliate))
    }

    /// One affiliate; null where there is none that the viewer may see.
    async fn affiliate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Affiliate>> {
        let row = Kind::Affiliate.row("id", &id).top()?;
        Ok(visible::affiliates(app(ctx), viewer(ctx)?, &[row])
            .await
            .top()?
            .pop()
            .map(Affiliate))
    }
}

/// An affiliate to be created, with its user.
#[derive(InputObject)]
pub struct CreateAffiliateInput {
    /// Unique name, 1 to 200 characters.
    name: String,
    /// Unique e-mail address to sign in with, up to 254 characters.
    email: Option<String>,
    /// Password to sign in with, 8 to 1000 characters; needs an email.
    password: Option<String>,
    /// The Discord member who may submit for it: a user id of up to 20 digits, unique.
    discord_user_id: Option<String>,
}

/// The affiliate that was created.
#[derive(SimpleObject)]
pub struct CreateAffiliatePayload {
    /// The affiliate; null where userErrors says why not.
    affiliate: Option<Affiliate>,
    /// Its first API key. It is shown this once.
    api_key: Option<String>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// What is to be changed of an affiliate. What is left out stays; what may be missing is taken away by null.
#[derive(InputObject)]
pub struct UpdateAffiliateInput {
    /// Which affiliate; operators only, an affiliate itself otherwise.
    affiliate_id: Option<ID>,
    /// Unique name, 1 to 200 characters.
    name: MaybeUndefined<String>,
    /// Unique e-mail address to sign in with, up to 254 characters.
    email: MaybeUndefined<String>,
    /// The Discord member who may submit for it: a user id of up to 20 digits, unique.
    discord_user_id: MaybeUndefined<String>,
    /// Whether it may submit and apply; operators only. One that is made inactive is signed out everywhere.
    is_active: MaybeUndefined<bool>,
}

/// The affiliate that was changed.
#[derive(SimpleObject)]
pub struct UpdateAffiliatePayload {
    /// The affiliate; null where userErrors says why not.
    affiliate: Option<Affiliate>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on affiliates.
#[derive(Default)]
pub struct AffiliateMutation;

#[Object]
impl AffiliateMutation {
    /// Changes an affiliate: its own profile or, for operators, anybody's.
    async fn update_affiliate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdateAffiliateInput,
    ) -> async_graphql::Result<UpdateAffiliatePayload> {
        let id = Kind::Affiliate
            .optional_row("affiliateId", input.affiliate_id.as_ref())
            .top()?;
        let mut changes = Changes::of(ctx);
        let update = account::UpdateAffiliate {
            name: changes.required("name", input.name),
            email: changes.optional("email", input.email),
            discord_user_id: changes.optional("discordUserId", input.discord_user_id),
            is_active: changes.required("isActive", input.is_active),
        };
        let result = match changes.finish() {
            Ok(()) => account::update_affiliate(app(ctx), viewer(ctx)?, id, update).await,
            Err(error) => Err(error),
        };
        Ok(match outcome(result)? {
            Ok(row) => UpdateAffiliatePayload {
                affiliate: Some(Affiliate(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpdateAffiliatePayload {
                affiliate: None,
                user_errors,
            },
        })
    }

    /// Creates an affiliate with an API key. Operators only.
    async fn create_affiliate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The affiliate.")] input: CreateAffiliateInput,
    ) -> async_graphql::Result<CreateAffiliatePayload> {
        let create = account::CreateAffiliate {
            name: input.name,
            email: input.email,
            password: input.password.map(Secret::new),
            discord_user_id: input.discord_user_id,
        };
        Ok(
            match outcome(account::create_affiliate(app(ctx), create).await)? {
                Ok(account) => CreateAffiliatePayload {
                    affiliate: Some(Affiliate(account.row)),
                    api_key: Some(account.api_key.expose().to_owned()),
                    user_errors: Vec::new(),
                },
                Err(user_errors) => CreateAffiliatePayload {
                    affiliate: None,
                    api_key: None,
                    user_errors,
                },
            },
        )
    }
}
