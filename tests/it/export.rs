//! Lists as CSV: with the rights, the filters and the rows of the lists of the API.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use countersign::domain::access;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::access::forge;
use crate::authorization::contents;
use crate::authorization::tenants::Tenants;
use crate::scene::{self, submitted, text};
use crate::support::{Client, TestApp};

/// An answer: the status, the media type, and the body.
async fn get(client: &Client, file: &str) -> (u16, String, String) {
    let mut request = reqwest::Client::new().get(format!("{}/export/{file}", client.url));
    if let Some(token) = &client.token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer
        .headers()
        .get("content-type")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    (status, kind, answer.text().await.unwrap())
}

/// The rows of a file, by the headings of its columns.
async fn rows(client: &Client, file: &str) -> Vec<Value> {
    let (status, kind, body) = get(client, file).await;
    assert_eq!(status, 200, "{file}: {body}");
    assert_eq!(kind, "text/csv; charset=utf-8; header=present");
    let mut reader = csv::Reader::from_reader(body.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    records
        .iter()
        .map(|record| {
            let cells = headings.iter().zip(record.iter());
            Value::Object(
                cells
                    .map(|(name, cell)| (name.to_owned(), json!(cell)))
                    .collect(),
            )
        })
        .collect()
}

fn names() -> Vec<&'static str> {
    let names = access::EXPORTS
        .iter()
        .map(|(name, _)| name.strip_prefix("export ").unwrap());
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_exports_what_the_list_shows_it_and_nobody_more() {
    let tenants = Tenants::create().await;
    let app = &tenants.app;
    let before = contents(&app.database).await;
    let operator = app.operator.token.as_ref().unwrap();
    for list in names() {
        let file = format!("{list}.csv");
        for client in [
            Client::anonymous(&app.url),
            app.operator.with_token(&forge::altered(operator)),
            app.operator.with_token(&forge::expired(app, operator)),
            app.operator.with_token(&tenants.revoked().await),
        ] {
            let (status, _, body) = get(&client, &file).await;
            assert_eq!(status, 401, "{list}: {body}");
            assert!(body.contains("UNAUTHENTICATED"), "{body}");
        }
        for (name, client) in tenants.callers() {
            let ids: Vec<String> = rows(client, &file)
                .await
                .iter()
                .map(|row| text(&row["id"]))
                .collect();
            let query = format!("{{ {list}(first: 100) {{ nodes {{ id }} }} }}");
            let data = client.ok(&query, json!({})).await;
            let nodes = data[list]["nodes"].as_array().unwrap();
            let listed: Vec<String> = nodes.iter().map(|node| text(&node["id"])).collect();
            assert_eq!(ids, listed, "{list} for {name}");
        }
        assert!(!rows(&app.operator, &file).await.is_empty(), "{list}");
    }
    // The sign-in that was ended aside, nothing was written.
    let after = contents(&app.database).await;
    assert_eq!(after["posts"], before["posts"]);
    tenants.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_of_the_table_of_rights_is_served_and_no_other() {
    let app = TestApp::start().await;
    let (status, _, body) = get(&app.operator, "users.csv").await;
    assert_eq!(status, 404, "{body}");
    let served: BTreeSet<&str> = body
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| names().contains(word))
        .collect();
    assert_eq!(served, names().into_iter().collect(), "{body}");
    for file in ["posts", "posts.json", "", "../posts.csv", "Posts.csv"] {
        let (status, ..) = get(&app.operator, file).await;
        assert_eq!(status, 404, "{file}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_those_of_the_list_and_what_is_none_is_refused() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let instagram = scene::sample(&app, Platform::Instagram);
    let reddit = scene::sample(&app, Platform::Reddit);
    let claim =
        json!({ "claimedViews": instagram.figures.views * 2, "title": "=1+1, \"ä\"\nnext" });
    let ids = submitted(&ann.client, &campaign, &instagram.url, claim).await;
    submitted(
        &bob.client,
        &campaign,
        &reddit.url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    app.settled().await;
    for (file, count) in [
        ("posts.csv".to_owned(), 2),
        ("posts.csv?platform=REDDIT".to_owned(), 1),
        (
            format!("posts.csv?campaignId={campaign}&affiliateId={}", ann.id),
            1,
        ),
        (format!("posts.csv?campaignId={campaign}&platform=META"), 0),
        (
            "posts.csv?submitted.from=2000-01-01T00:00:00Z&submitted.to=2001-01-01T00:00:00Z"
                .to_owned(),
            0,
        ),
        ("discrepancies.csv".to_owned(), 1),
        (
            "discrepancies.csv?level=HIGH&level=LOW&finality=FINAL".to_owned(),
            1,
        ),
        ("discrepancies.csv?level=LOW".to_owned(), 0),
        ("discrepancies.csv?status=UNVERIFIABLE".to_owned(), 1),
        ("affiliates.csv?minimumTrust=0.5".to_owned(), 1),
        ("affiliates.csv?search=bo".to_owned(), 1),
        ("affiliates.csv?isActive=false".to_owned(), 0),
        ("alerts.csv?kind=OVERCLAIM".to_owned(), 1),
        ("campaigns.csv?status=ENDED".to_owned(), 0),
    ] {
        assert_eq!(rows(&acme.client, &file).await.len(), count, "{file}");
    }
    let exported = rows(&acme.client, &format!("posts.csv?affiliateId={}", ann.id)).await;
    let post = &exported[0];
    assert_eq!(
        (&post["id"], &post["affiliate"], &post["verdict"]),
        (&json!(ids.post), &json!("Ann"), &json!("DISCREPANCY"))
    );
    assert_eq!(
        post["claimedViews"],
        (instagram.figures.views * 2).to_string()
    );
    assert_eq!(post["observedViews"], instagram.figures.views.to_string());
    assert_eq!(post["claimedClicks"], "", "what is not claimed is no 0");
    assert_eq!(
        post["title"], "'=1+1, \"ä\"\nnext",
        "no formula, and every character"
    );
    for (file, word) in [
        ("posts.csv?colour=red", "colour"),
        ("posts.csv?platform=MYSPACE", "platform"),
        ("posts.csv?campaignId=nonsense", "campaignId"),
        ("posts.csv?submitted.from=yesterday", "submitted"),
        ("posts.csv?platform=REDDIT&platform=META", "platform"),
        ("affiliates.csv?minimumTrust=2", "minimumTrust"),
        ("affiliates.csv?isActive=maybe", "isActive"),
        ("posts.csv?search=%00", "search"),
    ] {
        let (status, kind, body) = get(&acme.client, file).await;
        assert_eq!(status, 400, "{file}: {body}");
        assert!(kind.starts_with("application/json"), "{file}: {kind}");
        assert!(body.contains(word), "{file}: {body}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_longer_than_a_page_is_whole() {
    let app = TestApp::start().await;
    app.database
        .execute("INSERT INTO affiliates (name) SELECT 'Affiliate ' || n FROM generate_series(1, 2500) n")
        .await;
    let all = rows(&app.operator, "affiliates.csv").await;
    let ids: BTreeSet<String> = all.iter().map(|row| text(&row["id"])).collect();
    assert_eq!((all.len(), ids.len()), (2500, 2500));
    app.finish().await;
}
