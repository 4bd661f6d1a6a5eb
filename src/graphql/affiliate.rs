//! Affiliates: who posts and claims.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::connection::{Page, Paging, cost, page};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::post::{Post, PostFilter};
use super::scalars::{DateTime, Decimal};
use crate::domain::access::Principal;
use crate::domain::{self, account, read, visible};
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
    /// Those of them that were accurate.
    async fn accurate_submissions(&self) -> i64 {
        self.0.accurate_submissions
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
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Post>> {
        let keyset = Paging {
            first,
            after,
            last,
            before,
        }
        .keyset(ctx)
        .top()?;
        let mut filter = filter.unwrap_or_default().rows().top()?;
        if filter.affiliate_id.is_some_and(|id| id != self.0.id) {
            filter.campaign_id = Some(0);
        }
        filter.affiliate_id = Some(self.0.id);
        let slice = read::posts(app(ctx), viewer(ctx)?, &filter, keyset)
            .await
            .top()?;
        Ok(page(keyset, slice, |row| row.id, Post))
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

/// Queries on affiliates.
#[derive(Default)]
pub struct AffiliateQuery;

#[Object]
impl AffiliateQuery {
    /// Affiliates: to operators all, to an advertiser those with an application or a post at it, to an affiliate itself.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn affiliates(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Affiliate>> {
        let keyset = Paging {
            first,
            after,
            last,
            before,
        }
        .keyset(ctx)
        .top()?;
        let slice = read::affiliates(app(ctx), viewer(ctx)?, keyset)
            .await
            .top()?;
        Ok(page(keyset, slice, |row| row.id, Affiliate))
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
    /// Unique address to sign in with.
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
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// Mutations on affiliates.
#[derive(Default)]
pub struct AffiliateMutation;

#[Object]
impl AffiliateMutation {
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
                Ok((affiliate, key)) => CreateAffiliatePayload {
                    affiliate: Some(Affiliate(affiliate)),
                    api_key: Some(key.expose().to_owned()),
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
