//! An affiliate submits a post with what it claims, or a newer claim on a post.
//!
//! What is acknowledged is durable: post, claim and the job that checks it are written in one statement, or none of them.

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use sha2::{Digest as _, Sha256};

use super::access::Viewer;
use super::credential;
use super::input::Checks;
use super::publication;
use super::task;
use super::verification::TotalsChange;
use super::visible;
use crate::app::App;
use crate::db::Connection;
use crate::db::affiliate_report::{self, AffiliateReport};
use crate::db::constraint::unique_violation;
use crate::db::post::{self, Post};
use crate::db::rollup;
use crate::db::submission::{self, Admission, IdempotencyKey, NewJob, Submission, Target};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{
    CampaignStatus, MAX_COUNT, Metric, Metrics, PlatformKind, PostStatus, SubmissionMethod,
};
use crate::platform::link::{LinkRefusal, PostLink};

/// Most bytes of evidence, as JSON.
const MAX_EVIDENCE: usize = 16 * 1024;

/// What an affiliate claims.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The numbers; none: not claimed.
    pub claimed: Metrics<Option<u64>>,
    /// Links and notes.
    pub evidence: Option<serde_json::Value>,
    /// The caller's key: the same input under it answers with the first result.
    pub idempotency_key: Option<String>,
    /// How it came.
    pub method: SubmissionMethod,
}

/// A post to be submitted.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct SubmitPost {
    pub campaign_id: i64,
    pub url: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub account_handle: Option<String>,
    pub claim: Claim,
}

/// What a submission led to.
#[derive(Debug)]
pub enum Submitted {
    /// It is there, now or since the first time that the caller used its key.
    Accepted {
        /// The post.
        post: Box<Post>,
        /// The claim.
        report: Box<AffiliateReport>,
    },
    /// The caller has this post in the campaign already.
    AlreadySubmitted(Box<Post>),
}

/// Submits a post with a claim.
///
/// # Errors
/// [`Error::Refused`] with everything that is wrong; nothing was written then.
pub async fn submit_post(
    app: &App,
    viewer: &Viewer,
    input: SubmitPost,
) -> Result<Submitted, Error> {
    let affiliate_id = viewer.affiliate()?;
    let typed = Typed::check(&input)?;
    let idempotency = typed.key(viewer, "submitPost", &input);
    let mut connection = app.db.get().await?;
    // A key that was used answers as it did then, whatever has changed since.
    if let Some(answer) = answered(&mut connection, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let link = typed.link.clone();
    let admission = submission::find_admission(
        &mut connection,
        input.campaign_id,
        affiliate_id,
        link.platform,
    )
    .await?;
    let reach = reach(app, &mut connection, affiliate_id, link.platform).await?;
    let admitted = admit(admission, link.platform, reach, ("campaignId", "url"))?;
    publication::refuse_older(&link, admitted.starts_at)?;
    let new = Submission {
        target: typed.target(affiliate_id, &input),
        policy_id: admitted.policy_id,
        views_definition: admitted.views_definition,
        claimed: stored_counts(&input.claim.claimed)?,
        evidence: input.claim.evidence,
        method: input.claim.method,
        job: reconcile_job(link.platform),
        idempotency,
    };
    match submission::insert(&mut connection, &new).await {
        Ok(Some(written)) => {
            app.events.hint(new.job.channel);
            let post = new
                .post(written)
                .ok_or_else(|| Error::internal("no new post"))?;
            Ok(Submitted::Accepted {
                post: Box::new(post),
                report: Box::new(new.report(written)),
            })
        }
        Ok(None) => answered(&mut connection, new.idempotency.as_ref())
            .await?
            .ok_or_else(|| Error::internal("nothing was written and no key says why")),
        Err(error) => {
            let key = unique_violation(&error);
            if !matches!(key, Some(post::URL_KEY | post::NATIVE_ID_KEY)) {
                return Err(error.into());
            }
            // An equal submission under the same key may have won the race.
            if let Some(answer) = answered(&mut connection, new.idempotency.as_ref()).await? {
                return Ok(answer);
            }
            let campaign_id = input.campaign_id;
            post::find_same(
                &mut connection,
                campaign_id,
                affiliate_id,
                &link.canonical_url,
                link.platform,
                link.native_id(),
            )
            .await?
            .map(|post| Submitted::AlreadySubmitted(Box::new(post)))
            .ok_or_else(|| error.into())
        }
    }
}

/// What was typed, checked.
pub(super) struct Typed {
    pub(super) link: PostLink,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) handle: Option<String>,
}

impl Typed {
    pub(super) fn check(input: &SubmitPost) -> Result<Self, Error> {
        let mut checks = Checks::default();
        check_claim(&mut checks, &input.claim);
        let title = checks.optional_text("title", input.title.as_deref(), 500);
        let description = checks.optional_text("description", input.description.as_deref(), 5000);
        let handle = input.account_handle.as_deref().map(normal_handle);
        let handle = checks.optional_text("accountHandle", handle.as_deref(), 100);
        let link = PostLink::parse(&input.url).map_err(|refusal| {
            let code = match refusal {
                LinkRefusal::TooLong => RefusalCode::TooLong,
                LinkRefusal::NotAUrl => RefusalCode::Invalid,
                LinkRefusal::UnknownHost { .. } | LinkRefusal::NotAPost { .. } => {
                    RefusalCode::UrlNotAPost
                }
            };
            checks.refuse(code, "url", refusal.to_string());
        });
        checks.finish()?;
        let link = link.map_err(|()| Error::internal("a refused link passed the checks"))?;
        Ok(Self {
            link,
            title,
            description,
            handle,
        })
    }

    /// The caller's key with the hash of everything that was typed.
    pub(super) fn key(
        &self,
        viewer: &Viewer,
        mutation: &'static str,
        input: &SubmitPost,
    ) -> Option<IdempotencyKey> {
        key(viewer, mutation, &input.claim, |hash| {
            hash_part(hash, Some(&input.campaign_id.to_string()));
            hash_part(hash, Some(&input.url));
            for part in [&self.title, &self.description, &self.handle] {
                hash_part(hash, part.as_deref());
            }
        })
    }

    /// The post as it is to be written.
    pub(super) fn target(self, affiliate_id: i64, input: &SubmitPost) -> Target {
        let native_id = self.link.native_id().map(ToOwned::to_owned);
        Target::New {
            campaign_id: input.campaign_id,
            affiliate_id,
            platform: self.link.platform,
            url: input.url.trim().to_owned(),
            canonical_url: self.link.canonical_url.clone(),
            status: if native_id.is_some() {
                PostStatus::Tracking
            } else {
                PostStatus::Resolving
            },
            platform_post_id: native_id,
            account_handle: self.handle.or_else(|| self.link.account.clone()),
            title: self.title,
            description: self.description,
        }
    }
}

/// A handle in its one spelling.
fn normal_handle(handle: &str) -> String {
    handle.trim().trim_start_matches('@').to_lowercase()
}

/// Makes a newer claim on a post of the caller's.
///
/// # Errors
/// [`Error::Refused`] with everything that is wrong; nothing was written then.
pub async fn submit_report(
    app: &App,
    viewer: &Viewer,
    post_id: i64,
    claim: Claim,
) -> Result<AffiliateReport, Error> {
    let affiliate_id = viewer.affiliate()?;
    let mut checks = Checks::default();
    check_claim(&mut checks, &claim);
    checks.finish()?;
    let not_found = || {
        Refusal::field(
            RefusalCode::NotFound,
            "postId",
            "postId names no post of yours",
        )
    };
    let Some(post) = visible::posts(app, viewer, &[post_id]).await?.pop() else {
        return Err(not_found().into());
    };
    let mut connection = app.db.get().await?;
    let idempotency = key(viewer, "submitReport", &claim, |hash| {
        hash_part(hash, Some(&post_id.to_string()));
    });
    if let Some(Submitted::Accepted { report, .. }) =
        answered(&mut connection, idempotency.as_ref()).await?
    {
        return Ok(*report);
    }
    let admission = submission::find_admission(
        &mut connection,
        post.campaign_id,
        affiliate_id,
        post.platform,
    )
    .await?;
    let reach = reach(app, &mut connection, affiliate_id, post.platform).await?;
    let admitted = admit(admission, post.platform, reach, ("postId", "postId"))?;
    let new = Submission {
        target: Target::Existing { post_id },
        policy_id: admitted.policy_id,
        views_definition: admitted.views_definition,
        claimed: stored_counts(&claim.claimed)?,
        evidence: claim.evidence.clone(),
        method: claim.method,
        job: reconcile_job(post.platform),
        idempotency,
    };
    let written = connection
        .transaction::<_, Error, _>(async |connection| {
            // With the post's row locked, the claim before this one is known.
            post::lock(connection, &[post_id]).await?;
            let before = affiliate_report::list_latest(connection, &[post_id])
                .await?
                .pop();
            let Some(written) = submission::insert(connection, &new).await? else {
                return Ok(None);
            };
            let mut totals = TotalsChange::default();
            let claimed = before.map(|before| before.counts()).unwrap_or_default();
            totals.claimed(&post, claimed, new.claimed);
            rollup::insert(connection, &totals.into_deltas()).await?;
            Ok(Some(written))
        })
        .await?;
    if let Some(written) = written {
        app.events.hint(new.job.channel);
        return Ok(new.report(written));
    }
    match answered(&mut connection, new.idempotency.as_ref()).await? {
        Some(Submitted::Accepted { report, .. }) => Ok(*report),
        _ => Err(Error::internal("nothing was written and no key says why")),
    }
}

/// What was answered under the key before, if it was used.
async fn answered(
    connection: &mut Connection,
    idempotency: Option<&IdempotencyKey>,
) -> Result<Option<Submitted>, Error> {
    let Some(key) = idempotency else {
        return Ok(None);
    };
    let Some((report_id, request_hash)) =
        submission::find_by_key(connection, key.user_id, key.mutation, &key.key).await?
    else {
        return Ok(None);
    };
    if request_hash != key.request_hash {
        return Err(key_reused().into());
    }
    let missing = || Error::internal("a key names a claim that is not there");
    let report = affiliate_report::list_by_id(connection, &[report_id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    let post = post::list_by_id(connection, &[report.post_id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    Ok(Some(Submitted::Accepted {
        post: Box::new(post),
        report: Box::new(report),
    }))
}

/// What there is to say of a key that was used before with another input.
pub(super) fn key_reused() -> Refusal {
    let message = "this idempotencyKey was used before with another input";
    Refusal::field(RefusalCode::IdempotencyKeyReused, "idempotencyKey", message)
}

fn check_claim(checks: &mut Checks, claim: &Claim) {
    let field = |metric| match metric {
        Metric::Views => "claimedViews",
        Metric::Clicks => "claimedClicks",
        Metric::Conversions => "claimedConversions",
    };
    for (metric, value) in claim.claimed.iter() {
        if value.is_some_and(|value| value > MAX_COUNT) {
            let message = format!("{} must be from 0 to {MAX_COUNT}", field(metric));
            checks.refuse(RefusalCode::OutOfRange, field(metric), message);
        }
    }
    if claim.claimed.iter().all(|(_, value)| value.is_none()) {
        let message = "claim at least one of claimedViews, claimedClicks and claimedConversions";
        checks.refuse(RefusalCode::NothingClaimed, "claimedViews", message);
    }
    checks.json("evidence", claim.evidence.as_ref(), MAX_EVIDENCE);
    if let Some(key) = &claim.idempotency_key {
        checks.required_text("idempotencyKey", key, 200);
    }
}

pub(super) struct Admitted {
    pub(super) policy_id: i64,
    pub(super) views_definition: String,
    /// When the campaign began.
    pub(super) starts_at: Option<DateTime<Utc>>,
}

/// Whether a platform can be asked for posts of an affiliate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It can.
    Asked,
    /// It could, if the affiliate linked an account there whose token works.
    ToBeLinked,
    /// It cannot.
    Out,
}

/// Whether a platform can be asked for posts of an affiliate: with this server's own access, or else with that of an account
/// which the affiliate has linked there and whose token works as far as is known. Only the latter costs a statement.
pub(super) async fn reach(
    app: &App,
    connection: &mut Connection,
    affiliate_id: i64,
    platform: PlatformKind,
) -> Result<Reach, Error> {
    if app.platforms.available(platform) {
        return Ok(Reach::Asked);
    }
    if !app.platforms.takes_owners(platform) {
        return Ok(Reach::Out);
    }
    let has_usable = credential::has_usable(app, connection, affiliate_id, platform).await?;
    Ok(if has_usable {
        Reach::Asked
    } else {
        Reach::ToBeLinked
    })
}

/// Whether the affiliate may submit. To one that is not eligible for the advertiser, nor ever posted there, the campaign
/// does not exist. `reach` is what [`reach`] says. A refusal names the input field of the campaign, or that of
/// the post.
pub(super) fn admit(
    admission: Option<Admission>,
    platform: PlatformKind,
    reach: Reach,
    (campaign, post): (&str, &str),
) -> Result<Admitted, Error> {
    let not_found = || {
        Refusal::field(
            RefusalCode::NotFound,
            campaign,
            format!("{campaign} names no campaign that you can post in"),
        )
    };
    let admission = admission.ok_or_else(not_found)?;
    if !(admission.eligible || admission.approved || admission.has_posted) {
        return Err(not_found().into());
    }
    let refuse =
        |code, field: &str, message: String| Err(Refusal::field(code, field, message).into());
    if !admission.affiliate_active {
        return Err(
            Refusal::whole(RefusalCode::AffiliateInactive, "your account is not active").into(),
        );
    }
    if !admission.approved {
        let message = "you need an approved application at the campaign's advertiser".to_owned();
        return refuse(RefusalCode::ApplicationRequired, campaign, message);
    }
    if admission.campaign_status != CampaignStatus::Active {
        let message = format!("the campaign is {}, not ACTIVE", admission.campaign_status);
        return refuse(RefusalCode::CampaignNotActive, campaign, message);
    }
    let now = admission.now;
    if admission.starts_at.is_some_and(|starts_at| now < starts_at)
        || admission.ends_at.is_some_and(|ends_at| now >= ends_at)
    {
        let message = "the campaign takes posts between its startsAt and endsAt only".to_owned();
        return refuse(RefusalCode::CampaignNotActive, campaign, message);
    }
    let Some(views_definition) = admission.views_definition else {
        let message = format!("the campaign takes no posts on {}", platform.brand());
        return refuse(RefusalCode::PlatformNotInCampaign, post, message);
    };
    if !admission.platform_enabled || reach != Reach::Asked {
        let brand = platform.brand();
        let message = if admission.platform_enabled && reach == Reach::ToBeLinked {
            format!(
                "posts on {brand} can be checked with your own access only: link your account there, or link it again if its \
                 token does not work any more"
            )
        } else {
            format!("posts on {brand} cannot be checked at present")
        };
        return refuse(RefusalCode::PlatformNotAvailable, post, message);
    }
    let policy_id = admission
        .policy_id
        .ok_or_else(|| Error::internal("a campaign without a policy"))?;
    Ok(Admitted {
        policy_id,
        views_definition,
        starts_at: admission.starts_at,
    })
}

pub(super) fn stored_counts(claimed: &Metrics<Option<u64>>) -> Result<Metrics<Option<i64>>, Error> {
    let stored = |count: Option<u64>| {
        count
            .map(i64::try_from)
            .transpose()
            .map_err(Error::internal)
    };
    Ok(Metrics {
        views: stored(claimed.views)?,
        clicks: stored(claimed.clicks)?,
        conversions: stored(claimed.conversions)?,
    })
}

pub(super) const fn reconcile_job(platform: PlatformKind) -> NewJob {
    NewJob {
        channel: task::reconcile_channel(platform),
        name: task::RECONCILE,
        attempts: task::ATTEMPTS,
    }
}

fn key(
    viewer: &Viewer,
    mutation: &'static str,
    claim: &Claim,
    hash_rest: impl FnOnce(&mut Sha256),
) -> Option<IdempotencyKey> {
    let key = claim.idempotency_key.as_deref()?.trim().to_owned();
    let mut hash = Sha256::new();
    for (_, value) in claim.claimed.iter() {
        hash_part(&mut hash, value.map(|value| value.to_string()).as_deref());
    }
    // serde_json keeps the keys of an object sorted, so two spellings of one object are equal.
    hash_part(
        &mut hash,
        claim.evidence.as_ref().map(ToString::to_string).as_deref(),
    );
    hash_rest(&mut hash);
    Some(IdempotencyKey {
        user_id: viewer.user_id,
        mutation,
        key,
        request_hash: hash.finalize().to_vec(),
    })
}

/// Adds a part with its length, so that no two lists of parts give the same bytes; a missing part is not an empty one.
fn hash_part(hash: &mut Sha256, part: Option<&str>) {
    match part {
        Some(part) => {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        None => hash.update(u64::MAX.to_be_bytes()),
    }
}
