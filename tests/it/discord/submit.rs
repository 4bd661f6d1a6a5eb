//! `/submit`: the same submission as by the API, once, told with its verdict.

use countersign::simulator::Platform;
use serde_json::{Value, json};

use super::{APPLICATION, Stage, deferred, link, option, token};
use crate::scene::{sample, samples, text};
use crate::support::{Client, Party, until};

const POSTS: &str = "{ posts { nodes { id platform latestReport { submissionMethod claimed { views clicks } } } } }";

async fn posts(client: &Client) -> Vec<Value> {
    let data = client.ok(POSTS, json!({})).await;
    data["posts"]["nodes"].as_array().unwrap().clone()
}

/// Options of a submission that claims one view.
fn one_view(url: &str, campaign: &str) -> Value {
    json!([
        option("url", url),
        option("campaign", campaign),
        option("views", 1)
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_submits_once_and_hears_of_the_verdict() {
    let stage = Stage::working().await;
    let (_, ann, campaign) = stage.linked(&["INSTAGRAM"]).await;
    let post = sample(&stage.app, Platform::Instagram);
    let claimed = post.figures.views * 2;
    let options = json!([
        option("url", post.url.as_str()),
        option("campaign", campaign.as_str()),
        option("views", claimed),
    ]);
    let answer = stage.ask(11, "submit", &options).await;
    until("the verdict follows", async || {
        !stage.discord.follow_ups(&token(11)).is_empty()
    })
    .await;
    stage.forgotten().await;

    let made = posts(&ann.client).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["latestReport"]["submissionMethod"], "DISCORD");
    assert_eq!(
        made[0]["latestReport"]["claimed"],
        json!({ "views": claimed, "clicks": null })
    );
    let id = text(&made[0]["id"]);
    assert!(
        answer.starts_with(&format!("As Ann: Submitted: your post `{id}` on Instagram")),
        "{answer}"
    );
    let verdict = stage.discord.follow_ups(&token(11)).remove(0);
    assert!(verdict.contains(&id), "{verdict}");
    assert!(
        verdict.contains("DISCREPANCY, level HIGH, FINAL"),
        "{verdict}"
    );
    assert!(
        verdict.contains("100.00 % above, HIGH. This verdict is final."),
        "{verdict}"
    );

    let told = stage.discord.told();
    let webhook = format!("/api/v10/webhooks/{APPLICATION}/{}", token(11));
    let lines: Vec<&str> = told.iter().map(|told| told.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!("PATCH {webhook}/messages/@original"),
            format!("POST {webhook}")
        ]
    );
    assert_eq!(told[1].body["flags"], 64);
    for told in &told {
        assert_eq!(told.body["allowed_mentions"], json!({ "parse": [] }));
        assert_eq!(told.authorization, None);
    }
    // The same interaction again is answered alike, and nothing happens.
    assert_eq!(stage.command(11, "submit", &options).await, deferred());
    stage.app.settled().await;
    assert_eq!(posts(&ann.client).await.len(), 1);
    assert_eq!(stage.discord.told().len(), 2);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_what_to_do_about_it() {
    let stage = Stage::working().await;
    let (_, ann, campaign) = stage.linked(&["REDDIT"]).await;
    let reddit = samples(&stage.app, Platform::Reddit, 2, |_| true);
    let instagram = sample(&stage.app, Platform::Instagram);
    let url = reddit[0].url.as_str();
    let submitted = stage.ask(1, "submit", &one_view(url, " A campaign ")).await;
    assert!(submitted.starts_with("As Ann: Submitted: "), "{submitted}");
    let post = text(&posts(&ann.client).await[0]["id"]);
    let strange = json!([
        option("url", "https://exa_mple.example/@everyone"),
        option("campaign", campaign.as_str()),
        option("views", 1)
    ]);
    let nothing = json!([
        option("url", reddit[1].url.as_str()),
        option("campaign", campaign.as_str())
    ]);
    for (id, options, expected) in [
        (
            2,
            one_view(url, &campaign),
            format!("you have submitted this post to this campaign already, as `{post}`"),
        ),
        (
            3,
            one_view(url, "Nowhere"),
            "no campaign that you can post in with the name or the id Nowhere.".to_owned(),
        ),
        (
            4,
            one_view(url, &post),
            "The option campaign holds the id of a Post, not of a Campaign.".to_owned(),
        ),
        (
            5,
            one_view(&instagram.url, &campaign),
            "The campaign takes no posts on Instagram.".to_owned(),
        ),
        (
            6,
            nothing,
            "Not submitted. Claim at least one of views, clicks and conversions.".to_owned(),
        ),
        (
            7,
            strange,
            "is not an address of Reddit, Instagram".to_owned(),
        ),
    ] {
        let answer = stage.ask(id, "submit", &options).await;
        assert!(answer.contains(&expected), "{options}: {answer}");
        assert!(!answer.contains("@everyone"), "{answer}");
    }
    assert_eq!(posts(&ann.client).await.len(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_campaigns_with_one_name_the_id_decides() {
    let stage = Stage::working().await;
    let (acme, ann, first) = stage.linked(&["REDDIT"]).await;
    let second = stage.app.campaign(&acme, &["REDDIT"], json!({})).await;
    let post = samples(&stage.app, Platform::Reddit, 1, |_| true).remove(0);
    let answer = stage
        .ask(1, "submit", &one_view(&post.url, "A campaign"))
        .await;
    assert_eq!(
        answer,
        format!(
            "As Ann: Several campaigns have the name A campaign. Give the id of the one you mean: `{first}`, `{second}`."
        )
    );
    stage.ask(2, "submit", &one_view(&post.url, &second)).await;
    let data = ann
        .client
        .ok("{ posts { nodes { campaign { id } } } }", json!({}))
        .await;
    assert_eq!(
        data["posts"]["nodes"],
        json!([{ "campaign": { "id": second } }])
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_acts_as_its_own_affiliate_and_as_nobody_without_one() {
    let stage = Stage::working().await;
    let (_, ann, campaign) = stage.linked(&["REDDIT"]).await;
    let bob: Party = stage.app.affiliate("Bob").await;
    link(&bob, "2").await;
    let post = samples(&stage.app, Platform::Reddit, 1, |_| true).remove(0);
    let options = one_view(&post.url, &campaign);
    let stranger = stage.ask_as("1", 1, "submit", &options).await;
    assert!(
        stranger.contains("not linked to an affiliate"),
        "{stranger}"
    );
    assert!(stranger.contains("user id, 1,"), "{stranger}");
    // To Bob, who is not eligible, the campaign does not exist.
    let other = stage.ask_as("2", 2, "submit", &options).await;
    assert!(
        other.starts_with("As Bob: ")
            && other.contains("Campaign names no campaign that you can post in."),
        "{other}"
    );
    let data = stage
        .app
        .operator
        .ok(
            "mutation($id: ID!) { updateAffiliate(input: { affiliateId: $id, isActive: false }) { userErrors { code } } }",
            json!({ "id": ann.id }),
        )
        .await;
    assert_eq!(data["updateAffiliate"]["userErrors"], json!([]));
    let inactive = stage.ask(3, "submit", &options).await;
    assert!(inactive.contains("not active"), "{inactive}");
    assert_eq!(stage.count("posts").await, 0);
    stage.finish().await;
}
