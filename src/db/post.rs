//! Posts: one piece of content by one affiliate in one campaign on one platform.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, containing, load_pages};
use super::schema::{campaigns, posts};
use super::{Connection, Keyset};
use crate::model::{AlertKind, PlatformKind, PostStatus, Scope};

/// The same link twice by one affiliate in one campaign.
pub const URL_KEY: &str = "posts_url_key";
/// The same native id twice by one affiliate in one campaign.
pub const NATIVE_ID_KEY: &str = "posts_native_id_key";

/// A submitted post.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = posts, check_for_backend(diesel::pg::Pg))]
pub struct Post {
    /// Numeric id.
    pub id: i64,
    /// In which campaign.
    pub campaign_id: i64,
    /// By whom.
    pub affiliate_id: i64,
    /// Where it was published.
    pub platform: PlatformKind,
    /// The link as it was given.
    pub url: String,
    /// The link in the one spelling that makes two links to the same post equal.
    pub canonical_url: String,
    /// The platform's own id; none while the link is not resolved.
    pub platform_post_id: Option<String>,
    /// The poster's handle there.
    pub account_handle: Option<String>,
    /// What the affiliate calls it.
    pub title: Option<String>,
    /// What the affiliate says of it.
    pub description: Option<String>,
    /// What is known of it.
    pub status: PostStatus,
    /// The post that its link turned out to name.
    pub duplicate_of: Option<i64>,
    /// Whether its latest claim has its FINAL verdict.
    pub is_reconciled: bool,
    /// When it is checked next.
    pub next_check_at: Option<DateTime<Utc>>,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// The platform's id of the account that posted it, as the platform last said.
    pub author_id: Option<String>,
    /// The handle of the account that posted it, as the platform last said.
    pub author_handle: Option<String>,
    /// When it was published, as the platform or its id told first.
    pub published_at: Option<DateTime<Utc>>,
}

/// The posts with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::id.eq_any(ids))
        .select(Post::as_select())
        .load(connection)
        .await
}

/// The affiliate's post in the campaign with this link or native id.
pub async fn find_same(
    connection: &mut Connection,
    campaign_id: i64,
    affiliate_id: i64,
    canonical_url: &str,
    platform: PlatformKind,
    platform_post_id: Option<&str>,
) -> QueryResult<Option<Post>> {
    posts::table
        .filter(posts::campaign_id.eq(campaign_id))
        .filter(posts::affiliate_id.eq(affiliate_id))
        .filter(posts::platform.eq(platform))
        .filter(
            posts::canonical_url
                .eq(canonical_url)
                .or(posts::platform_post_id
                    .is_not_null()
                    .and(posts::platform_post_id.is_not_distinct_from(platform_post_id))),
        )
        .order(posts::id.asc())
        .select(Post::as_select())
        .first(connection)
        .await
        .optional()
}

/// The affiliate's posts in any campaign with this link or native id, newest first.
pub async fn list_same(
    connection: &mut Connection,
    affiliate_id: i64,
    canonical_url: &str,
    platform: PlatformKind,
    platform_post_id: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::affiliate_id.eq(affiliate_id))
        .filter(posts::platform.eq(platform))
        .filter(
            posts::canonical_url
                .eq(canonical_url)
                .or(posts::platform_post_id
                    .is_not_null()
                    .and(posts::platform_post_id.is_not_distinct_from(platform_post_id))),
        )
        .order(posts::id.desc())
        .limit(limit)
        .select(Post::as_select())
        .load(connection)
        .await
}

/// What the posts of a list have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PostFilter {
    /// In this campaign.
    pub campaign_id: Option<i64>,
    /// By this affiliate.
    pub affiliate_id: Option<i64>,
    /// On this platform.
    pub platform: Option<PlatformKind>,
    /// With this status.
    pub status: Option<PostStatus>,
    /// Whose latest claim has, or has not, its FINAL verdict.
    pub is_reconciled: Option<bool>,
    /// Submitted at or after.
    pub from: Option<DateTime<Utc>>,
    /// Submitted before.
    pub to: Option<DateTime<Utc>>,
    /// With this text in the link, the native id, the title or the description.
    pub search: Option<String>,
}

/// A page of each of these lists of posts in the scope.
pub async fn list(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(PostFilter, Keyset)],
) -> QueryResult<Vec<Slice<Post>>> {
    load_pages!(connection, posts, Post, lists, |query, filter| narrowed(
        query, scope, filter
    ))
}

type Boxed<'a, ST> = posts::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<'a, ST: 'static>(
    mut query: Boxed<'a, ST>,
    scope: Scope,
    filter: &PostFilter,
) -> Boxed<'a, ST> {
    match scope {
        Scope::All => {}
        Scope::Affiliate(id) => query = query.filter(posts::affiliate_id.eq(id)),
        Scope::Advertiser(id) => {
            query = query.filter(
                posts::campaign_id.eq_any(
                    campaigns::table
                        .filter(campaigns::advertiser_id.eq(id))
                        .select(campaigns::id),
                ),
            );
        }
    }
    if let Some(id) = filter.campaign_id {
        query = query.filter(posts::campaign_id.eq(id));
    }
    if let Some(id) = filter.affiliate_id {
        query = query.filter(posts::affiliate_id.eq(id));
    }
    if let Some(platform) = filter.platform {
        query = query.filter(posts::platform.eq(platform));
    }
    if let Some(status) = filter.status {
        query = query.filter(posts::status.eq(status));
    }
    if let Some(is_reconciled) = filter.is_reconciled {
        query = query.filter(posts::is_reconciled.eq(is_reconciled));
    }
    if let Some(from) = filter.from {
        query = query.filter(posts::created_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(posts::created_at.lt(to));
    }
    if let Some(text) = &filter.search {
        let pattern = containing(text);
        query = query.filter(
            posts::url
                .ilike(pattern.clone())
                .or(posts::canonical_url.ilike(pattern.clone()))
                .or(posts::platform_post_id.ilike(pattern.clone()))
                .or(posts::title.ilike(pattern.clone()))
                .or(posts::description.ilike(pattern)),
        );
    }
    query
}

/// What a check changes in a post.
#[derive(Debug, Clone)]
pub struct PostChange {
    /// Which post.
    pub id: i64,
    /// What is now known of it.
    pub status: PostStatus,
    /// The native id, where it is known now.
    pub platform_post_id: Option<String>,
    /// The post that its link turned out to name.
    pub duplicate_of: Option<i64>,
    /// Whether its latest claim has its FINAL verdict.
    pub is_reconciled: bool,
    /// When it is checked next.
    pub next_check_at: Option<DateTime<Utc>>,
    /// The account that posted it.
    pub author_id: Option<String>,
    /// Its handle.
    pub author_handle: Option<String>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
}

impl PostChange {
    /// What is in a row that was changed in memory.
    #[must_use]
    pub fn of(post: &Post) -> Self {
        Self {
            id: post.id,
            status: post.status,
            platform_post_id: post.platform_post_id.clone(),
            duplicate_of: post.duplicate_of,
            is_reconciled: post.is_reconciled,
            next_check_at: post.next_check_at,
            author_id: post.author_id.clone(),
            author_handle: post.author_handle.clone(),
            published_at: post.published_at,
        }
    }
}

/// Writes the changes of many posts in one statement.
pub async fn update_checked(
    connection: &mut Connection,
    changes: &[PostChange],
) -> QueryResult<usize> {
    use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
    diesel::sql_query(
        "UPDATE posts p SET status = n.status, platform_post_id = n.native, duplicate_of = n.duplicate_of, \
         is_reconciled = n.reconciled, next_check_at = n.next, author_id = n.author_id, author_handle = n.author_handle, \
         published_at = n.published FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             AS n (id, status, native, duplicate_of, reconciled, next, author_id, author_handle, published) \
         WHERE p.id = n.id",
    )
    .bind::<Array<BigInt>, _>(changes.iter().map(|c| c.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(changes.iter().map(|c| c.status.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(
        changes.iter().map(|c| c.platform_post_id.as_deref()).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<BigInt>>, _>(changes.iter().map(|c| c.duplicate_of).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(changes.iter().map(|c| c.is_reconciled).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(
        changes.iter().map(|c| c.next_check_at).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<Text>>, _>(changes.iter().map(|c| c.author_id.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(
        changes.iter().map(|c| c.author_handle.as_deref()).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<Timestamptz>>, _>(
        changes.iter().map(|c| c.published_at).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
}

/// Locks the posts' rows, lowest id first, so that no newer claim comes in between.
pub async fn lock(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::id.eq_any(ids))
        .order(posts::id.asc())
        .select(Post::as_select())
        .for_no_key_update()
        .load(connection)
        .await
}

/// Another post of the same affiliate in the same campaign that has this native id.
pub async fn find_by_native_id(
    connection: &mut Connection,
    post: &Post,
    platform_post_id: &str,
) -> QueryResult<Option<i64>> {
    posts::table
        .filter(posts::campaign_id.eq(post.campaign_id))
        .filter(posts::affiliate_id.eq(post.affiliate_id))
        .filter(posts::platform.eq(post.platform))
        .filter(posts::platform_post_id.eq(platform_post_id))
        .filter(posts::id.ne(post.id))
        .select(posts::id)
        .first(connection)
        .await
        .optional()
}

/// How a post shares its native post with others.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own"
)]
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Sharing {
    /// Which post.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub post_id: i64,
    /// Whether its affiliate submitted it to another campaign as well.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub by_itself: bool,
    /// Whether another affiliate submitted it to its campaign as well.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub by_another_here: bool,
    /// Whether another affiliate submitted it to another campaign.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub by_another_elsewhere: bool,
    /// Whether there was ever an alert on it that says that it is shared.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub is_told: bool,
    /// Those of the others on which there was never one.
    #[diesel(sql_type = diesel::sql_types::Array<diesel::sql_types::BigInt>)]
    pub newcomers: Vec<i64>,
}

/// Which of these posts, and of at most `most` others that name the same native post as one of them, share theirs, where on
/// one of those that do there was never an alert that says so. In no order.
pub async fn list_shared(
    connection: &mut Connection,
    ids: &[i64],
    most: i64,
) -> QueryResult<Vec<Sharing>> {
    use diesel::sql_types::{Array, BigInt, Text};
    diesel::sql_query(
        "WITH others AS (SELECT p.id AS checked, o.id, o.affiliate_id, o.campaign_id \
             FROM posts p CROSS JOIN LATERAL (SELECT q.id, q.affiliate_id, q.campaign_id FROM posts q \
                 WHERE q.platform = p.platform AND q.platform_post_id = p.platform_post_id AND q.id <> p.id \
                 ORDER BY q.id LIMIT $2) o \
             WHERE p.id = ANY ($1)), \
         members AS (SELECT checked, id, affiliate_id, campaign_id FROM others \
             UNION ALL SELECT p.id, p.id, p.affiliate_id, p.campaign_id FROM posts p \
             WHERE p.id = ANY ($1) AND p.id IN (SELECT checked FROM others)), \
         told AS (SELECT m.id, EXISTS (SELECT FROM alerts a WHERE a.dedupe_key = $3 || ':' || m.id) AS is_told \
             FROM (SELECT DISTINCT id FROM members) m) \
         SELECT m.id AS post_id, t.is_told, bool_or(o.affiliate_id = m.affiliate_id) AS by_itself, \
             bool_or(o.affiliate_id <> m.affiliate_id AND o.campaign_id = m.campaign_id) AS by_another_here, \
             bool_or(o.affiliate_id <> m.affiliate_id AND o.campaign_id <> m.campaign_id) AS by_another_elsewhere, \
             coalesce(array_agg(DISTINCT o.id) FILTER (WHERE NOT u.is_told), '{}') AS newcomers \
         FROM members m JOIN members o ON o.checked = m.checked AND o.id <> m.id \
         JOIN told t ON t.id = m.id JOIN told u ON u.id = o.id \
         GROUP BY m.id, t.is_told HAVING NOT t.is_told OR bool_or(NOT u.is_told)",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<BigInt, _>(most)
    .bind::<Text, _>(AlertKind::DuplicatePost.as_str())
    .get_results(connection)
    .await
}

/// Notes when posts are checked next.
pub async fn update_next_check(
    connection: &mut Connection,
    next: &[(i64, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    use diesel::sql_types::{Array, BigInt, Timestamptz};
    diesel::sql_query(
        "UPDATE posts p SET next_check_at = least(n.next, CASE WHEN p.next_check_at > $3 THEN p.next_check_at END) \
         FROM (SELECT id, min(next) AS next FROM unnest($1, $2) AS u (id, next) GROUP BY id) n WHERE p.id = n.id",
    )
    .bind::<Array<BigInt>, _>(next.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(next.iter().map(|(_, at)| *at).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}
