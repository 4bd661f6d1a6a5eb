//! Applications of affiliates to advertisers.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::advertiser::Advertiser;
use super::affiliate::Affiliate;
use super::connection::{Page, Paging, connection, cost};
use super::enums::ApplicationStatus;
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AdvertiserById, AffiliateById, ApplicationPages, require};
use super::scalars::DateTime;
use crate::domain::{self, application, read};
use crate::error::Error;

/// An affiliate asks to work with an advertiser.
pub struct Application(pub domain::Application);

/// An affiliate asks to work with an advertiser.
#[Object]
impl Application {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Application.id(self.0.id)
    }
    /// At whom.
    async fn advertiser(&self, ctx: &Context<'_>) -> async_graphql::Result<Advertiser> {
        require::<AdvertiserById, _>(ctx, self.0.advertiser_id)
            .await
            .map(Advertiser)
    }
    /// Who asks.
    async fn affiliate(&self, ctx: &Context<'_>) -> async_graphql::Result<Affiliate> {
        require::<AffiliateById, _>(ctx, self.0.affiliate_id)
            .await
            .map(Affiliate)
    }
    /// Where it stands.
    async fn status(&self) -> ApplicationStatus {
        self.0.status.into()
    }
    /// What the affiliate says.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }
    /// Why it was decided so.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// When it was decided, withdrawn or ended.
    async fn decided_at(&self) -> Option<DateTime> {
        self.0.decided_at.map(DateTime)
    }
}

/// Which applications a list is of.
#[derive(Default, InputObject)]
pub struct ApplicationFilter {
    /// At this advertiser.
    advertiser_id: Option<ID>,
    /// Of this affiliate.
    affiliate_id: Option<ID>,
    /// With this status.
    status: Option<ApplicationStatus>,
}

impl ApplicationFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind.
    pub fn rows(&self) -> Result<read::ApplicationFilter, Error> {
        Ok(read::ApplicationFilter {
            advertiser_id: Kind::Advertiser
                .optional_row("filter.advertiserId", self.advertiser_id.as_ref())?,
            affiliate_id: Kind::Affiliate
                .optional_row("filter.affiliateId", self.affiliate_id.as_ref())?,
            status: self.status.map(Into::into),
        })
    }
}

/// Queries on applications.
#[derive(Default)]
pub struct ApplicationQuery;

#[Object]
impl ApplicationQuery {
    /// Applications of the viewer's side, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn applications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which applications.")] filter: Option<ApplicationFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Application>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<ApplicationPages, _, _, _>(ctx, filter, &paging, |row| row.id, Application)
            .await
    }
}

/// An application to be made.
#[derive(InputObject)]
pub struct ApplyToAdvertiserInput {
    /// At whom.
    advertiser_id: ID,
    /// What the affiliate wants to say, up to 2000 characters.
    message: Option<String>,
}

/// A decision on an application.
#[derive(InputObject)]
pub struct DecideApplicationInput {
    /// Which application.
    application_id: ID,
    /// Whether it is approved; otherwise it is rejected.
    approve: bool,
    /// Why, up to 2000 characters; the affiliate reads it.
    reason: Option<String>,
}

/// An application that is to be withdrawn or ended.
#[derive(InputObject)]
pub struct ApplicationIdInput {
    /// Which application.
    application_id: ID,
    /// Why, up to 1900 characters; the other side reads it.
    reason: Option<String>,
}

/// The application that was made or decided.
#[derive(SimpleObject)]
pub struct ApplicationPayload {
    /// The application; null where userErrors says why not.
    application: Option<Application>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl ApplicationPayload {
    fn of(result: Result<domain::Application, Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(row) => Self {
                application: Some(Application(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                application: None,
                user_errors,
            },
        })
    }
}

/// Mutations on applications.
#[derive(Default)]
pub struct ApplicationMutation;

#[Object]
impl ApplicationMutation {
    /// Applies to an advertiser. The answer is PENDING; a queued job decides by the advertiser's rule.
    async fn apply_to_advertiser(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The advertiser and a message.")] input: ApplyToAdvertiserInput,
    ) -> async_graphql::Result<ApplicationPayload> {
        let advertiser = Kind::Advertiser
            .row("advertiserId", &input.advertiser_id)
            .top()?;
        ApplicationPayload::of(
            application::apply(app(ctx), viewer(ctx)?, advertiser, input.message.as_deref()).await,
        )
    }

    /// Approves or rejects an application. The first decision wins.
    async fn decide_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The application and the decision.")] input: DecideApplicationInput,
    ) -> async_graphql::Result<ApplicationPayload> {
        let id = Kind::Application
            .row("applicationId", &input.application_id)
            .top()?;
        ApplicationPayload::of(
            application::decide(
                app(ctx),
                viewer(ctx)?,
                id,
                input.approve,
                input.reason.as_deref(),
            )
            .await,
        )
    }

    /// Takes an application back that nobody has decided yet.
    async fn withdraw_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The application.")] input: ApplicationIdInput,
    ) -> async_graphql::Result<ApplicationPayload> {
        let id = Kind::Application
            .row("applicationId", &input.application_id)
            .top()?;
        let reason = input.reason.as_deref();
        ApplicationPayload::of(application::withdraw(app(ctx), viewer(ctx)?, id, reason).await)
    }

    /// Ends an approved relation; either side may. The affiliate's posts stay and are checked on, and it submits no new ones.
    async fn end_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The application.")] input: ApplicationIdInput,
    ) -> async_graphql::Result<ApplicationPayload> {
        let id = Kind::Application
            .row("applicationId", &input.application_id)
            .top()?;
        let reason = input.reason.as_deref();
        ApplicationPayload::of(application::end(app(ctx), viewer(ctx)?, id, reason).await)
    }
}
