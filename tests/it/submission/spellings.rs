//! Two spellings of one post are one post of an affiliate in a campaign.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, refusals, submitted, written};
use crate::support::{Party, TestApp};

/// Submits one spelling, and sees that every other one is answered with the post that is there.
async fn one_post(app: &TestApp, ann: &Party, campaign: &str, spellings: &[String]) {
    let (first, others) = spellings.split_first().unwrap();
    let ids = submitted(&ann.client, campaign, first, json!({ "claimedViews": 1 })).await;
    let before = written(app).await;
    for spelling in others {
        let payload = ann
            .client
            .submit(campaign, spelling, json!({ "claimedViews": 2 }))
            .await;
        assert_eq!(
            refusals(&payload),
            ["POST_ALREADY_SUBMITTED url"],
            "{spelling}"
        );
        assert_eq!(payload["post"]["id"], ids.post.as_str(), "{spelling}");
        assert_eq!(payload["report"], Value::Null, "{spelling}");
    }
    assert_eq!(written(app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_reddit_post_is_the_same_post() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let post = scene::sample(&app, Platform::Reddit);
    let id = &post.native_id;
    let spellings = [
        post.url.clone(),
        format!("https://redd.it/{id}"),
        format!("http://old.reddit.com/comments/{id}/?utm_source=share#comments"),
        format!(
            "reddit.com/r/elsewhere/comments/{}",
            id.to_ascii_uppercase()
        ),
        format!("https://www.reddit.com/gallery/{id}"),
        format!("  https://np.reddit.com/user/somebody/comments/{id}/a_title/  "),
    ];
    one_post(&app, &ann, &campaign, &spellings).await;
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_an_instagram_post_is_the_same_post() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let code = scene::sample(&app, Platform::Instagram).native_id;
    let spellings = [
        format!("https://www.instagram.com/reel/{code}/"),
        format!("https://www.instagram.com/p/{code}/?igsh=abc&img_index=2"),
        format!("instagram.com/tv/{code}"),
        format!("https://m.instagram.com/countersign.studio/reel/{code}/"),
        format!("https://www.instagram.com/p/{code}/embed/captioned/"),
    ];
    one_post(&app, &ann, &campaign, &spellings).await;
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_facebook_post_is_the_same_post() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["META"]).await;
    let post = scene::sample(&app, Platform::Meta);
    let (page, number) = post.native_id.split_once('_').unwrap();
    let spellings = [
        post.url.clone(),
        format!("https://m.facebook.com/story.php?story_fbid={number}&id={page}"),
        format!("https://www.facebook.com/permalink.php?id={page}&story_fbid={number}&__tn__=%2CO"),
        format!("https://web.facebook.com/{page}/posts/a-title/{number}"),
    ];
    one_post(&app, &ann, &campaign, &spellings).await;
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortcode_in_other_letters_is_another_post() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let code = scene::sample(&app, Platform::Instagram).native_id;
    let mut posts = Vec::new();
    for spelling in [code.to_ascii_uppercase(), code.to_ascii_lowercase()] {
        let url = format!("https://www.instagram.com/p/{spelling}/");
        let ids = submitted(&ann.client, &campaign, &url, json!({ "claimedViews": 1 })).await;
        posts.push(ids.post);
    }
    assert_ne!(posts[0], posts[1]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_affiliate_and_another_campaign_may_have_the_same_post() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let other_campaign = scene::campaign(&acme, json!({})).await;
    let post = scene::sample(&app, Platform::Reddit);
    let claim = json!({ "claimedViews": 1 });
    let mut posts = Vec::new();
    for (affiliate, campaign) in [
        (&ann, &campaign),
        (&bob, &campaign),
        (&ann, &other_campaign),
    ] {
        let ids = submitted(&affiliate.client, campaign, &post.url, claim.clone()).await;
        posts.push(ids.post);
    }
    posts.sort_unstable();
    posts.dedup();
    assert_eq!(posts.len(), 3);
    assert_eq!(written(&app).await, [3, 3, 3, 0]);
    app.abandon().await;
}
