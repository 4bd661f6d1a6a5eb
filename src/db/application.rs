//! Applications of affiliates to advertisers.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::applications;
use super::{Connection, Keyset};
use crate::model::{ApplicationStatus, Scope};

/// An affiliate asks to work with an advertiser.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = applications, check_for_backend(diesel::pg::Pg))]
pub struct Application {
    /// Numeric id.
    pub id: i64,
    /// At whom.
    pub advertiser_id: i64,
    /// Who asks.
    pub affiliate_id: i64,
    /// Where it stands.
    pub status: ApplicationStatus,
    /// What the affiliate says.
    pub message: Option<String>,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was decided, withdrawn or ended.
    pub decided_at: Option<DateTime<Utc>>,
}

/// An application to be made.
#[derive(Debug, Insertable)]
#[diesel(table_name = applications)]
pub struct NewApplication<'a> {
    /// At whom.
    pub advertiser_id: i64,
    /// Who asks.
    pub affiliate_id: i64,
    /// What the affiliate says.
    pub message: Option<&'a str>,
}

/// Adds an application.
pub async fn insert(
    connection: &mut Connection,
    new: &NewApplication<'_>,
) -> QueryResult<Application> {
    diesel::insert_into(applications::table)
        .values(new)
        .returning(Application::as_returning())
        .get_result(connection)
        .await
}

/// The applications with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Application>> {
    applications::table
        .filter(applications::id.eq_any(ids))
        .select(Application::as_select())
        .load(connection)
        .await
}

/// The latest application of an affiliate at each of these advertisers.
pub async fn list_latest(
    connection: &mut Connection,
    advertiser_ids: &[i64],
    affiliate_id: i64,
) -> QueryResult<Vec<Application>> {
    applications::table
        .filter(applications::advertiser_id.eq_any(advertiser_ids))
        .filter(applications::affiliate_id.eq(affiliate_id))
        .distinct_on(applications::advertiser_id)
        .order((applications::advertiser_id.asc(), applications::id.desc()))
        .select(Application::as_select())
        .load(connection)
        .await
}

/// Decides an application that nobody has decided yet; none where somebody has.
pub async fn update_decided(
    connection: &mut Connection,
    id: i64,
    status: ApplicationStatus,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> QueryResult<Option<Application>> {
    let pending = ApplicationStatus::Pending;
    update_status(connection, id, pending, status, reason, now).await
}

/// The latest decision by which this affiliate was rejected at this advertiser, where its latest application was.
pub async fn latest_rejection(
    connection: &mut Connection,
    advertiser_id: i64,
    affiliate_id: i64,
) -> QueryResult<Option<DateTime<Utc>>> {
    let latest = list_latest(connection, &[advertiser_id], affiliate_id).await?;
    Ok(latest
        .into_iter()
        .find(|application| application.status == ApplicationStatus::Rejected)
        .and_then(|application| application.decided_at))
}

/// Moves an application on, if it is where it is thought to be; none where it is not.
pub async fn update_status(
    connection: &mut Connection,
    id: i64,
    from: ApplicationStatus,
    to: ApplicationStatus,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> QueryResult<Option<Application>> {
    diesel::update(applications::table.find(id))
        .filter(applications::status.eq(from))
        .set((
            applications::status.eq(to),
            applications::reason.eq(reason),
            applications::decided_at.eq(now),
        ))
        .returning(Application::as_returning())
        .get_result(connection)
        .await
        .optional()
}

/// What the applications of a list have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ApplicationFilter {
    /// At this advertiser.
    pub advertiser_id: Option<i64>,
    /// Of this affiliate.
    pub affiliate_id: Option<i64>,
    /// With this status.
    pub status: Option<ApplicationStatus>,
}

/// A page of each of these lists of applications in the scope.
pub async fn list(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(ApplicationFilter, Keyset)],
) -> QueryResult<Vec<Slice<Application>>> {
    load_pages!(
        connection,
        applications,
        Application,
        lists,
        |query, filter| narrowed(query, scope, filter)
    )
}

type Boxed<'a, ST> = applications::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<'a, ST: 'static>(
    mut query: Boxed<'a, ST>,
    scope: Scope,
    filter: &ApplicationFilter,
) -> Boxed<'a, ST> {
    match scope {
        Scope::All => {}
        Scope::Advertiser(id) => query = query.filter(applications::advertiser_id.eq(id)),
        Scope::Affiliate(id) => query = query.filter(applications::affiliate_id.eq(id)),
    }
    if let Some(id) = filter.advertiser_id {
        query = query.filter(applications::advertiser_id.eq(id));
    }
    if let Some(id) = filter.affiliate_id {
        query = query.filter(applications::affiliate_id.eq(id));
    }
    if let Some(status) = filter.status {
        query = query.filter(applications::status.eq(status));
    }
    query
}
