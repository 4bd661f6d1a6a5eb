//! `/status`: how the affiliate's posts stand.

use countersign::simulator::Platform;
use serde_json::json;

use super::{Stage, link, option};
use crate::scene::{sample, samples, submitted, written_out};

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_told_with_what_is_claimed_and_shown_and_what_was_found() {
    let stage = Stage::working().await;
    let (_, ann, campaign) = stage.linked(&["INSTAGRAM"]).await;
    let nothing = stage.ask(1, "status", &json!([])).await;
    assert_eq!(
        nothing,
        "As Ann: You have not submitted a post yet: /submit takes one."
    );
    let post = sample(&stage.app, Platform::Instagram);
    let views = post.figures.views;
    let given = format!("{}?igsh=x", post.url);
    let made = submitted(
        &ann.client,
        &campaign,
        &given,
        json!({ "claimedViews": views, "claimedClicks": 3 }),
    )
    .await;
    stage.app.settled().await;
    let by_id = json!([option("post", made.post.as_str())]);
    let by_link = json!([option("url", post.url.as_str())]);
    for (id, options) in [(2, json!([])), (3, by_id.clone()), (4, by_link)] {
        let told = stage.ask(id, "status", &options).await;
        for part in [
            "**Instagram**".to_owned(),
            format!("`{}` <{given}>: tracked.", made.post),
            format!("Claimed {} views, 3 clicks", written_out(views)),
            format!(
                "Instagram told {} views, no number of clicks at",
                written_out(views)
            ),
            "PARTIALLY\\_MATCHED".to_owned(),
            "within it.".to_owned(),
            " check".to_owned(),
        ] {
            assert!(told.contains(&part), "{part}: {told}");
        }
    }
    // Another member does not see it, by whatever name.
    let bob = stage.app.affiliate("Bob").await;
    link(&bob, "2").await;
    let foreign = stage.ask_as("2", 5, "status", &by_id).await;
    assert!(
        foreign.starts_with("As Bob: That is no post of yours"),
        "{foreign}"
    );
    for (id, options, expected) in [
        (6, json!([option("post", "7")]), "That is no post of yours"),
        (
            7,
            json!([option("post", campaign.as_str())]),
            "holds the id of a Campaign, not of a Post.",
        ),
        (8, json!([option("url", "nothing")]), "is not"),
        (
            9,
            json!([option("url", post.url.as_str()), option("post", "7")]),
            "not both",
        ),
    ] {
        let told = stage.ask(id, "status", &options).await;
        assert!(told.contains(expected), "{options}: {told}");
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_five_posts_fit_into_one_message() {
    let stage = Stage::working().await;
    let (_, ann, campaign) = stage.linked(&["REDDIT"]).await;
    let mut made = Vec::new();
    for post in samples(&stage.app, Platform::Reddit, 6, |_| true) {
        let claim = json!({ "claimedViews": 1000, "claimedClicks": 10, "claimedConversions": 1 });
        made.push(
            submitted(&ann.client, &campaign, &post.url, claim)
                .await
                .post,
        );
    }
    stage.app.settled().await;
    let told = stage.ask(1, "status", &json!([])).await;
    assert!(told.encode_utf16().count() <= 2000, "{}", told.len());
    assert!(!told.contains(&format!("`{}`", made[0])), "{told}");
    for post in &made[1..] {
        assert!(told.contains(&format!("`{post}`")), "{post}: {told}");
    }
    assert!(told.matches("check").count() >= 5, "{told}");
    stage.finish().await;
}
