//! What the commands do, as the affiliate that the member is linked to.

use super::command::{Command, Status, Submit};
use super::words::{self, Standing};
use crate::app::App;
use crate::db::discord_interaction::{self, DiscordInteraction};
use crate::db::keyset::Keyset;
use crate::db::post::{self, Post};
use crate::db::{affiliate, affiliate_report, campaign, user};
use crate::domain::access::{self, Principal, Viewer};
use crate::domain::read::{self, PostFilter};
use crate::domain::submission::{self, Claim, SubmitPost, Submitted};
use crate::domain::visible;
use crate::error::Error;
use crate::model::{CampaignStatus, IdKind, Metrics, SubmissionMethod};
use crate::platform::link::PostLink;

/// How many posts are told at once.
const POSTS: i64 = 5;
/// How many campaigns of one name are looked at.
const NAMESAKES: i64 = 20;

/// What a command led to.
#[derive(Debug)]
pub(super) struct Done {
    /// What to tell the member.
    pub(super) text: String,
    /// The claim that it made.
    pub(super) affiliate_report_id: Option<i64>,
}

impl Done {
    fn told(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            affiliate_report_id: None,
        }
    }
}

/// What was looked for, or why there is none, for the member.
type Found<T> = Result<Result<T, String>, Error>;

/// Does what a command asks for. What the member can mend is told, and is no error.
///
/// # Errors
/// The database failed.
pub(super) async fn act(app: &App, interaction: &DiscordInteraction) -> Result<Done, Error> {
    // What was done before the member could be told is told, whatever has changed since.
    if let Some(id) = interaction.affiliate_report_id {
        let (post, report) = claim(app, id).await?;
        let name = affiliate_name(app, &post).await?;
        return Ok(Done {
            text: words::acting_as(&name, &words::accepted(&post, &report)),
            affiliate_report_id: Some(id),
        });
    }
    let command: Command =
        serde_json::from_value(interaction.command.clone()).map_err(Error::internal)?;
    let (viewer, name) = match member(app, &interaction.discord_user_id).await? {
        Ok(found) => found,
        Err(text) => return Ok(Done::told(text)),
    };
    let done = match command {
        Command::Submit(asked) => submit(app, &viewer, &interaction.id, asked).await?,
        Command::Status(asked) => Done::told(status(app, &viewer, &asked).await?),
    };
    // Whoever was linked by somebody else sees for whom it acts.
    Ok(Done {
        text: words::acting_as(&name, &done.text),
        ..done
    })
}

/// The name of the affiliate whose post it is.
pub(super) async fn affiliate_name(app: &App, post: &Post) -> Result<String, Error> {
    let mut connection = app.db.get().await?;
    affiliate::list_by_id(&mut connection, &[post.affiliate_id])
        .await?
        .pop()
        .map(|affiliate| affiliate.name)
        .ok_or_else(|| Error::internal("a post names an affiliate that is not there"))
}

/// A claim with its post.
pub(super) async fn claim(
    app: &App,
    affiliate_report_id: i64,
) -> Result<(Post, affiliate_report::AffiliateReport), Error> {
    let missing = || Error::internal("an interaction names a claim that is not there");
    let mut connection = app.db.get().await?;
    let report = affiliate_report::list_by_id(&mut connection, &[affiliate_report_id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    let post = post::list_by_id(&mut connection, &[report.post_id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    Ok((post, report))
}

/// The affiliate that a member acts as, with its name.
async fn member(app: &App, discord_user_id: &str) -> Found<(Viewer, String)> {
    let mut connection = app.db.get().await?;
    let Some(affiliate) = affiliate::find_by_discord_user(&mut connection, discord_user_id).await?
    else {
        return Ok(Err(words::not_linked(discord_user_id)));
    };
    if !affiliate.is_active {
        return Ok(Err(words::INACTIVE.to_owned()));
    }
    let user = user::find_by_subject(&mut connection, None, Some(affiliate.id))
        .await?
        .ok_or_else(|| Error::internal("an affiliate without a user"))?;
    let viewer = Viewer {
        user_id: user.id,
        principal: Principal::Affiliate(affiliate.id),
    };
    Ok(Ok((viewer, affiliate.name)))
}

async fn submit(
    app: &App,
    viewer: &Viewer,
    interaction_id: &str,
    asked: Submit,
) -> Result<Done, Error> {
    access::authorise(Some(viewer), "submitPost")?;
    let campaign_id = match campaign_of(app, viewer, &asked.campaign).await? {
        Ok(id) => id,
        Err(text) => return Ok(Done::told(text)),
    };
    let input = SubmitPost {
        campaign_id,
        url: asked.url,
        title: None,
        description: None,
        account_handle: asked.handle,
        claim: Claim {
            claimed: Metrics {
                views: asked.views,
                clicks: asked.clicks,
                conversions: asked.conversions,
            },
            evidence: None,
            // The job may run again before it could tell what it did.
            idempotency_key: Some(interaction_id.to_owned()),
            method: SubmissionMethod::Discord,
        },
    };
    match submission::submit_post(app, viewer, input).await {
        Ok(Submitted::Accepted { post, report }) => {
            let mut connection = app.db.get().await?;
            discord_interaction::update_claim(&mut connection, interaction_id, report.id).await?;
            Ok(Done {
                text: words::accepted(&post, &report),
                affiliate_report_id: Some(report.id),
            })
        }
        Ok(Submitted::AlreadySubmitted(post)) => Ok(Done::told(words::already_submitted(&post))),
        Err(Error::Refused(refusals)) => Ok(Done::told(words::refused(&refusals))),
        Err(error) => Err(error),
    }
}

/// The campaign that a member means: by its id, or by its exact name among those that it can see. Of several with one name
/// those that take posts come first.
async fn campaign_of(app: &App, viewer: &Viewer, text: &str) -> Found<i64> {
    match IdKind::decode(text) {
        Some((IdKind::Campaign, id)) => return Ok(Ok(id)),
        Some((kind, _)) => return Ok(Err(words::other_id("campaign", kind, IdKind::Campaign))),
        None => {}
    }
    let mut connection = app.db.get().await?;
    let mut named =
        campaign::list_by_name(&mut connection, viewer.scope(), text, NAMESAKES).await?;
    let is_active = |campaign: &campaign::Campaign| campaign.status == CampaignStatus::Active;
    if named.iter().any(is_active) {
        named.retain(is_active);
    }
    Ok(match named.as_slice() {
        [] => Err(words::no_campaign(text)),
        [one] => Ok(one.id),
        several => Err(words::several_campaigns(text, several)),
    })
}

async fn status(app: &App, viewer: &Viewer, asked: &Status) -> Result<String, Error> {
    access::authorise(Some(viewer), "posts")?;
    let posts = match posts_of(app, viewer, asked).await? {
        Ok(posts) => posts,
        Err(text) => return Ok(text),
    };
    let ids: Vec<i64> = posts.iter().map(|post| post.id).collect();
    let reports = read::latest_reports_by_post(app, &ids).await?;
    let observed = read::latest_platform_reports_by_post(app, &ids).await?;
    let report_ids: Vec<i64> = reports.iter().map(|report| report.id).collect();
    let verdicts = read::latest_reconciliations_by_report(app, &report_ids).await?;
    let standings: Vec<Standing<'_>> = posts
        .iter()
        .map(|post| Standing {
            post,
            report: reports.iter().find(|report| report.post_id == post.id),
            observed: observed.iter().find(|report| report.post_id == post.id),
            verdict: verdicts.iter().find(|verdict| verdict.post_id == post.id),
        })
        .collect();
    Ok(words::standings(&standings))
}

/// The posts that a member asks for: its latest ones, or those that it names. There is at least one.
async fn posts_of(app: &App, viewer: &Viewer, asked: &Status) -> Found<Vec<Post>> {
    let (posts, nothing) = match (&asked.url, &asked.post) {
        (Some(_), Some(_)) => return Ok(Err(words::ONE_OF_TWO.to_owned())),
        (None, None) => {
            let page = Keyset {
                after: None,
                before: None,
                limit: POSTS,
                from_end: false,
                total: false,
            };
            let pages = read::posts(app, viewer, &[(PostFilter::default(), page)]).await?;
            let posts: Vec<Post> = pages.into_iter().flat_map(|page| page.rows).collect();
            (posts, words::NO_POSTS)
        }
        (Some(url), None) => {
            let link = match PostLink::parse(url) {
                Ok(link) => link,
                Err(refusal) => return Ok(Err(words::escaped(&refusal.to_string()))),
            };
            let mut connection = app.db.get().await?;
            let posts = post::list_same(
                &mut connection,
                viewer.affiliate()?,
                &link.canonical_url,
                link.platform,
                link.native_id(),
                POSTS,
            )
            .await?;
            (posts, words::NO_SUCH_POST)
        }
        (None, Some(id)) => match IdKind::decode(id) {
            Some((IdKind::Post, id)) => (
                visible::posts(app, viewer, &[id]).await?,
                words::NO_SUCH_POST,
            ),
            Some((kind, _)) => return Ok(Err(words::other_id("post", kind, IdKind::Post))),
            None => (Vec::new(), words::NO_SUCH_POST),
        },
    };
    Ok(if posts.is_empty() {
        Err(nothing.to_owned())
    } else {
        Ok(posts)
    })
}
