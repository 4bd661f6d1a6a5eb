//! Submits what was planned, as the affiliates, over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::client::{Caller, refusal, text};
use super::plan::Planned;
use super::screen::Screen;
use super::seed::Planted;
use super::summary::grouped_length;

/// How many submissions are under way at a time.
const CONCURRENCY: usize = 16;

const SUBMIT_POST: &str = "mutation($input: SubmitPostInput!) { submitPost(input: $input) { \
    post { id } report { id } userErrors { code message } } }";

/// How the API answered to a planned post.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Submitted {
    /// The post's global id, where it was accepted.
    pub(super) post: Option<String>,
    /// What was not as the seed says.
    pub(super) problems: Vec<String>,
}

/// Submits every planned post. The answers are in the plan's order.
pub(super) async fn submit(plan: &[Planned], planted: &Planted, screen: &Screen) -> Vec<Submitted> {
    let total: usize = plan.iter().map(Planned::submissions).sum();
    let done = &AtomicUsize::new(0);
    stream::iter(plan)
        .map(|planned| async move {
            let submitted = one(planned, planted).await;
            let made = planned.submissions();
            let done = done.fetch_add(made, Ordering::Relaxed) + made;
            let (so_far, all) = (grouped_length(done), grouped_length(total));
            screen.progress(done, total, &format!("Submitted {so_far} of {all}"));
            submitted
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Submits one post, and once more where it is planned so.
async fn one(planned: &Planned, planted: &Planted) -> Submitted {
    let affiliate = &planted.affiliates[planned.affiliate].caller;
    let campaign = &planted.campaigns[planned.campaign];
    let mut submitted = Submitted::default();
    match send(affiliate, campaign, &planned.url, planned).await {
        Ok(payload) => take_first(&mut submitted, &payload),
        Err(error) => submitted.problems.push(format!("not submitted: {error:#}")),
    }
    if let Some(again) = &planned.again {
        match send(affiliate, campaign, again, planned).await {
            Ok(payload) => take_again(&mut submitted, &payload),
            Err(error) => submitted
                .problems
                .push(format!("not submitted again: {error:#}")),
        }
    }
    submitted
}

async fn send(
    affiliate: &Caller,
    campaign: &str,
    url: &str,
    planned: &Planned,
) -> anyhow::Result<Value> {
    let input = json!({
        "campaignId": campaign,
        "url": url,
        "accountHandle": planned.handle,
        "claimedViews": planned.claim.views,
        "claimedClicks": planned.claim.clicks,
    });
    affiliate.try_mutate(SUBMIT_POST, input).await
}

/// The first submission has to be accepted.
fn take_first(submitted: &mut Submitted, payload: &Value) {
    match (refusal(payload), text(payload, "/post/id")) {
        (None, Some(post)) => submitted.post = Some(post.to_owned()),
        (code, _) => {
            let code = code.unwrap_or("no post");
            submitted
                .problems
                .push(format!("expected to be accepted, got {code}"));
        }
    }
}

/// The second has to be refused, with the post that is there.
fn take_again(submitted: &mut Submitted, payload: &Value) {
    let code = refusal(payload).unwrap_or("no refusal");
    if code != "POST_ALREADY_SUBMITTED" {
        let problem = format!("submitted again: expected POST_ALREADY_SUBMITTED, got {code}");
        submitted.problems.push(problem);
    } else if text(payload, "/post/id") != submitted.post.as_deref() {
        let problem = "submitted again: the refusal does not carry the post that is there";
        submitted.problems.push(problem.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(first: &Value, again: Option<&Value>) -> Submitted {
        let mut submitted = Submitted::default();
        take_first(&mut submitted, first);
        if let Some(again) = again {
            take_again(&mut submitted, again);
        }
        submitted
    }

    fn accepted(post: &str) -> Value {
        json!({ "post": { "id": post }, "userErrors": [] })
    }

    fn refused(code: &str, post: Option<&str>) -> Value {
        let post = post.map(|id| json!({ "id": id }));
        json!({ "post": post, "userErrors": [{ "code": code }] })
    }

    #[test]
    fn a_second_submission_is_to_be_refused_with_the_post_that_is_there() {
        let again = refused("POST_ALREADY_SUBMITTED", Some("p"));
        let good = answers(&accepted("p"), Some(&again));
        assert_eq!(good.post.as_deref(), Some("p"));
        assert_eq!(good.problems, [""; 0]);
        for bad in [
            accepted("q"),
            refused("CONFLICT", Some("p")),
            refused("POST_ALREADY_SUBMITTED", Some("q")),
            refused("POST_ALREADY_SUBMITTED", None),
        ] {
            let problems = answers(&accepted("p"), Some(&bad)).problems;
            assert_eq!(problems.len(), 1, "{bad}: {problems:?}");
        }
    }

    #[test]
    fn a_first_submission_that_is_refused_is_a_problem() {
        let submitted = answers(&refused("APPLICATION_REQUIRED", None), None);
        assert_eq!(submitted.post, None);
        assert_eq!(
            submitted.problems,
            ["expected to be accepted, got APPLICATION_REQUIRED"]
        );
    }
}
