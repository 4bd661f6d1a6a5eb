//! An affiliate submits many posts to a campaign at once.
//!
//! Each post gets the answer that it would get alone, and those that are taken cost one transaction: a fixed number of
//! statements, however many they are.

use std::collections::{BTreeSet, HashMap};

use super::access::Viewer;
use super::publication;
use super::submission::{
    Reach, SubmitPost, Submitted, Typed, admit, key_reused, reach, reconcile_job, stored_counts,
};
use crate::app::App;
use crate::db::constraint::unique_violation;
use crate::db::post::Post;
use crate::db::submission::{self, Submission, Target};
use crate::db::{Connection, affiliate_report, post, submission_batch};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::PlatformKind;

/// Most posts at once.
pub const MOST: usize = 500;
/// The name under which keys are kept.
const MUTATION: &str = "submitPosts";
/// How often a batch is begun again, because somebody else wrote one of its posts meanwhile.
const ATTEMPTS: usize = 5;

/// What became of one post.
pub type Outcome = Result<Submitted, Vec<Refusal>>;

/// Submits posts, each with a claim, to one campaign; the outcomes come in the order of the posts.
///
/// # Errors
/// There are too many, the caller is no affiliate, or the database failed: nothing was written then.
pub async fn submit_posts(
    app: &App,
    viewer: &Viewer,
    inputs: Vec<SubmitPost>,
) -> Result<Vec<Outcome>, Error> {
    viewer.affiliate()?;
    if inputs.len() > MOST {
        let message = format!("posts must have at most {MOST} posts");
        return Err(Refusal::field(RefusalCode::TooMany, "posts", message).into());
    }
    for _ in 1..ATTEMPTS {
        match attempt(app, viewer, &inputs).await {
            // What stood in the way is found by the next attempt.
            Err(Interrupted::Raced) => {}
            Err(Interrupted::Failed(error)) => return Err(error),
            Ok(outcomes) => return Ok(outcomes),
        }
    }
    match attempt(app, viewer, &inputs).await {
        Ok(outcomes) => Ok(outcomes),
        Err(Interrupted::Failed(error)) => Err(error),
        Err(Interrupted::Raced) => {
            let message = "the same posts are being submitted by others at this moment";
            Err(Refusal::field(RefusalCode::TryAgainLater, "posts", message).into())
        }
    }
}

enum Interrupted {
    /// One of the posts or keys was written by somebody else meanwhile.
    Raced,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A post that may be written.
struct Candidate {
    /// Its place in the input.
    place: usize,
    submission: Submission,
}

async fn attempt(
    app: &App,
    viewer: &Viewer,
    inputs: &[SubmitPost],
) -> Result<Vec<Outcome>, Interrupted> {
    let mut outcomes: Vec<Option<Outcome>> = inputs.iter().map(|_| None).collect();
    let mut typed: Vec<Option<Typed>> = Vec::with_capacity(inputs.len());
    for (input, outcome) in inputs.iter().zip(&mut outcomes) {
        match Typed::check(input) {
            Ok(checked) => typed.push(Some(checked)),
            Err(Error::Refused(refusals)) => {
                *outcome = Some(Err(refusals));
                typed.push(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut connection = app.db.get().await?;
    answer_by_keys(&mut connection, viewer, inputs, &typed, &mut outcomes).await?;
    let mut candidates =
        admitted(app, &mut connection, viewer, inputs, typed, &mut outcomes).await?;
    answer_known(&mut connection, &mut candidates, &mut outcomes).await?;
    let repeated = part_repeated(&mut candidates);
    let written = write(&mut connection, &candidates).await?;
    for (candidate, written) in candidates.iter().zip(written) {
        app.events.hint(candidate.submission.job.channel);
        let post = candidate
            .submission
            .post(written)
            .ok_or_else(|| Error::internal("no new post"))?;
        outcomes[candidate.place] = Some(Ok(Submitted::Accepted {
            post: Box::new(post),
            report: Box::new(candidate.submission.report(written)),
        }));
    }
    for (place, first, same_key) in repeated {
        outcomes[place] = Some(match (&outcomes[first], same_key) {
            (Some(Ok(Submitted::Accepted { post, report })), SameKey::SameInput) => {
                Ok(Submitted::Accepted {
                    post: post.clone(),
                    report: report.clone(),
                })
            }
            (_, SameKey::OtherInput) => Err(vec![key_reused()]),
            (Some(Ok(Submitted::Accepted { post, .. })), _) => {
                Ok(Submitted::AlreadySubmitted(post.clone()))
            }
            _ => return Err(Error::internal("a repeated post without its first").into()),
        });
    }
    outcomes
        .into_iter()
        .map(|outcome| outcome.ok_or_else(|| Error::internal("a post without an outcome").into()))
        .collect()
}

/// What was answered under a key before is answered again.
async fn answer_by_keys(
    connection: &mut Connection,
    viewer: &Viewer,
    inputs: &[SubmitPost],
    typed: &[Option<Typed>],
    outcomes: &mut [Option<Outcome>],
) -> Result<(), Error> {
    let keys: Vec<_> = inputs
        .iter()
        .zip(typed)
        .map(|(input, typed)| typed.as_ref()?.key(viewer, MUTATION, input))
        .collect();
    let texts: Vec<&str> = keys.iter().flatten().map(|key| key.key.as_str()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let used: HashMap<String, (i64, Vec<u8>)> =
        submission_batch::list_by_key(connection, viewer.user_id, MUTATION, &texts)
            .await?
            .into_iter()
            .map(|(key, report, hash)| (key, (report, hash)))
            .collect();
    if used.is_empty() {
        return Ok(());
    }
    let report_ids: Vec<i64> = used.values().map(|(report, _)| *report).collect();
    let reports: HashMap<i64, _> = affiliate_report::list_by_id(connection, &report_ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let post_ids: Vec<i64> = reports.values().map(|report| report.post_id).collect();
    let posts: HashMap<i64, Post> = post::list_by_id(connection, &post_ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    for (key, outcome) in keys.iter().zip(outcomes) {
        let Some((report_id, hash)) = key.as_ref().and_then(|key| used.get(&key.key)) else {
            continue;
        };
        if key.as_ref().is_some_and(|key| key.request_hash != *hash) {
            *outcome = Some(Err(vec![key_reused()]));
            continue;
        }
        let missing = || Error::internal("a key names a claim that is not there");
        let report = reports.get(report_id).ok_or_else(missing)?;
        let post = posts.get(&report.post_id).ok_or_else(missing)?;
        *outcome = Some(Ok(Submitted::Accepted {
            post: Box::new(post.clone()),
            report: Box::new(report.clone()),
        }));
    }
    Ok(())
}

/// The posts that the affiliate may submit; the others are refused.
async fn admitted(
    app: &App,
    connection: &mut Connection,
    viewer: &Viewer,
    inputs: &[SubmitPost],
    typed: Vec<Option<Typed>>,
    outcomes: &mut [Option<Outcome>],
) -> Result<Vec<Candidate>, Error> {
    let affiliate_id = viewer.affiliate()?;
    let wanted: BTreeSet<(i64, PlatformKind)> = inputs
        .iter()
        .zip(&typed)
        .filter_map(|(input, typed)| Some((input.campaign_id, typed.as_ref()?.link.platform)))
        .collect();
    let mut admissions = HashMap::new();
    for (campaign_id, platform) in wanted {
        let found =
            submission::find_admission(connection, campaign_id, affiliate_id, platform).await?;
        let reach = reach(app, connection, affiliate_id, platform).await?;
        admissions.insert((campaign_id, platform), (found, reach));
    }
    let mut candidates = Vec::new();
    for (place, (input, typed)) in inputs.iter().zip(typed).enumerate() {
        let Some(typed) = typed.filter(|_| outcomes[place].is_none()) else {
            continue;
        };
        let platform = typed.link.platform;
        let (admission, reach) = admissions
            .get(&(input.campaign_id, platform))
            .cloned()
            .unwrap_or((None, Reach::Out));
        let admitted =
            admit(admission, platform, reach, ("campaignId", "url")).and_then(|admitted| {
                publication::refuse_older(&typed.link, admitted.starts_at)?;
                Ok(admitted)
            });
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(Error::Refused(refusals)) => {
                outcomes[place] = Some(Err(refusals));
                continue;
            }
            Err(error) => return Err(error),
        };
        let idempotency = typed.key(viewer, MUTATION, input);
        candidates.push(Candidate {
            place,
            submission: Submission {
                target: typed.target(affiliate_id, input),
                policy_id: admitted.policy_id,
                views_definition: admitted.views_definition,
                claimed: stored_counts(&input.claim.claimed)?,
                evidence: input.claim.evidence.clone(),
                method: input.claim.method,
                job: reconcile_job(platform),
                idempotency,
            },
        });
    }
    Ok(candidates)
}

/// What makes two submissions the same post.
fn identity(submission: &Submission) -> Option<(i64, i64, PlatformKind, &str, Option<&str>)> {
    match &submission.target {
        Target::New {
            campaign_id,
            affiliate_id,
            platform,
            canonical_url,
            platform_post_id,
            ..
        } => Some((
            *campaign_id,
            *affiliate_id,
            *platform,
            canonical_url,
            platform_post_id.as_deref(),
        )),
        Target::Existing { .. } => None,
    }
}

/// Posts that are there already are answered with what is there.
async fn answer_known(
    connection: &mut Connection,
    candidates: &mut Vec<Candidate>,
    outcomes: &mut [Option<Outcome>],
) -> Result<(), Error> {
    let identities: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| identity(&candidate.submission))
        .collect();
    let Some((campaign_id, affiliate_id, ..)) = identities.first().copied() else {
        return Ok(());
    };
    let urls: Vec<&str> = identities.iter().map(|(_, _, _, url, _)| *url).collect();
    let ids: Vec<&str> = identities.iter().filter_map(|(.., id)| *id).collect();
    let known =
        submission_batch::list_same(connection, campaign_id, affiliate_id, &urls, &ids).await?;
    candidates.retain(|candidate| {
        let Some((_, _, platform, url, id)) = identity(&candidate.submission) else {
            return false;
        };
        let same = known.iter().find(|post| {
            post.platform == platform
                && (post.canonical_url == url
                    || (id.is_some() && post.platform_post_id.as_deref() == id))
        });
        if let Some(post) = same {
            outcomes[candidate.place] =
                Some(Ok(Submitted::AlreadySubmitted(Box::new(post.clone()))));
        }
        same.is_none()
    });
    Ok(())
}

/// How a repeated post's key stands to that of the first.
#[derive(Debug, Clone, Copy)]
enum SameKey {
    /// Another key, or none.
    No,
    SameInput,
    OtherInput,
}

/// Takes out posts and keys that come twice in the batch: each with its place, the place of the first, and how their keys
/// stand to each other.
fn part_repeated(candidates: &mut Vec<Candidate>) -> Vec<(usize, usize, SameKey)> {
    let mut repeated = Vec::new();
    let mut first: Vec<Candidate> = Vec::with_capacity(candidates.len());
    let mut by_url: HashMap<String, usize> = HashMap::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for candidate in candidates.drain(..) {
        let url = match &candidate.submission.target {
            Target::New { canonical_url, .. } => canonical_url.clone(),
            Target::Existing { .. } => continue,
        };
        let key = candidate.submission.idempotency.as_ref();
        let with_key = key.and_then(|key| by_key.get(&key.key).copied());
        if let Some(number) = with_key {
            let other: &Candidate = &first[number];
            let same = other
                .submission
                .idempotency
                .as_ref()
                .zip(key)
                .is_some_and(|(a, b)| a.request_hash == b.request_hash);
            let how = if same {
                SameKey::SameInput
            } else {
                SameKey::OtherInput
            };
            repeated.push((candidate.place, other.place, how));
        } else if let Some(number) = by_url.get(&url) {
            repeated.push((candidate.place, first[*number].place, SameKey::No));
        } else {
            by_url.insert(url, first.len());
            if let Some(key) = key {
                by_key.insert(key.key.clone(), first.len());
            }
            first.push(candidate);
        }
    }
    *candidates = first;
    repeated
}

/// Writes the candidates; what was written comes in their order.
async fn write(
    connection: &mut Connection,
    candidates: &[Candidate],
) -> Result<Vec<submission::Written>, Interrupted> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let ids = submission_batch::draw(connection, candidates.len()).await?;
    let rows: Vec<_> = ids
        .iter()
        .copied()
        .zip(candidates.iter().map(|candidate| &candidate.submission))
        .collect();
    let written = match submission_batch::insert(connection, &rows).await {
        Ok(written) => written,
        Err(error) if unique_violation(&error).is_some() => return Err(Interrupted::Raced),
        Err(error) => return Err(error.into()),
    };
    let by_post: HashMap<i64, submission::Written> = written
        .into_iter()
        .map(|written| (written.post_id, written))
        .collect();
    ids.iter()
        .map(|ids| {
            by_post
                .get(&ids.post_id)
                .copied()
                .ok_or_else(|| Error::internal("a post that was not written").into())
        })
        .collect()
}
