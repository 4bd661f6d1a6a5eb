//! Reading answers about posts of pages, and the adapter against a server that plays the Graph API.

#![allow(clippy::match_same_arms, reason = "each arm is a case of its own")]

mod ads;
mod dates;
mod gone;
mod identify;
mod owner;

use reqwest::header::HeaderMap;
use serde_json::json;

use super::wire::{CLICKS, VIEWS};
use super::*;
use crate::model::{Availability, EvidenceGrade, Observed};
use crate::platform::graph::{Fault, parse_answer};
use crate::platform::stub::{Asked, Reply, Stub, recorded};
use crate::platform::{Account, Advice, Sighting};

/// The page of the stub's configuration.
const PAGE: &str = "17841406338772941";

fn found(fetched: &Fetched) -> &Sighting {
    match fetched {
        Fetched::Found(sighting) => sighting,
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    }
}

fn error(code: i64, subcode: Option<i64>, message: &str) -> Value {
    json!({"error": {
        "message": message, "type": "OAuthException", "code": code, "error_subcode": subcode,
    }})
}

fn fault(code: i64, message: &str) -> Fault {
    let body = error(code, None, message).to_string();
    parse_answer(400, &HeaderMap::new(), body.as_bytes()).unwrap_err()
}

fn page(id: &str) -> Account {
    Account {
        id: Some(id.to_owned()),
        handle: None,
    }
}

fn row(name: &str, period: &str, value: &Value) -> Value {
    json!({"name": name, "period": period, "values": [{"value": value}], "id": "1_2/insights/x"})
}

#[test]
fn lifetime_rows_are_the_figures_and_daily_ones_are_not() {
    let answer = json!({"data": [
        row(VIEWS, "day", &json!(0)),
        row(CLICKS, "day", &json!(3)),
        row(VIEWS, "lifetime", &json!(173)),
    ], "paging": {"next": "https://graph.facebook.com/v26.0/1_2/insights?access_token=t"}});
    let fetched = wire::both("1_2", &answer).unwrap();
    let sighting = found(&fetched);
    assert_eq!(
        sighting.metrics.views,
        Observed::Reported {
            value: 173,
            definition: "meta.post_media_view".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    assert_eq!(
        sighting.metrics.clicks.availability(),
        Availability::Unavailable
    );
    assert_eq!(
        sighting.metrics.conversions.availability(),
        Availability::Unsupported
    );
    assert!(!sighting.raw.to_string().contains("access_token"));
    assert_eq!(sighting.author, Some(page("1")));
    assert_eq!(sighting.published_at, None);
}

#[test]
fn clicks_are_reported_where_meta_has_them_zero_included() {
    let answer = json!({"data": [row(CLICKS, "lifetime", &json!(0))]});
    let fetched = wire::both("1_2", &answer).unwrap();
    assert_eq!(
        found(&fetched).metrics.clicks,
        Observed::Reported {
            value: 0,
            definition: "meta.post_clicks".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    assert_eq!(
        found(&fetched).metrics.views.availability(),
        Availability::Unavailable
    );
}

#[test]
fn an_answer_without_insights_is_an_error_and_no_zero() {
    assert_eq!(
        wire::both("1_2", &json!({"id": "1_2"}))
            .unwrap_err()
            .advice(),
        Advice::Retry
    );
}

#[test]
fn a_figure_that_is_no_count_costs_that_figure_alone() {
    let odd = json!({"link clicks": 4, "other clicks": 6});
    for (views, clicks) in [(json!(173), odd.clone()), (odd, json!(173))] {
        let answer = json!({"data": [
            row(VIEWS, "lifetime", &views), row(CLICKS, "lifetime", &clicks),
        ]});
        let fetched = wire::both("1_2", &answer).unwrap();
        let metrics = &found(&fetched).metrics;
        for (told, observed) in [(&views, &metrics.views), (&clicks, &metrics.clicks)] {
            if told.is_number() {
                assert_eq!(observed.value(), Some(173));
            } else {
                assert_eq!(observed.availability(), Availability::Unavailable);
            }
        }
        assert_eq!(
            found(&fetched).raw["insights"][0]["values"][0]["value"],
            views
        );
    }
}

#[test]
fn asked_alone_a_metric_that_is_refused_leaves_the_other() {
    let views = json!({"data": [row(VIEWS, "lifetime", &json!(12))]});
    let bad = "(#100) The value must be a valid insights metric";
    for (code, message, expected) in [
        (100, bad, Availability::Unsupported),
        (
            100,
            "(#100) Tried accessing nonexisting field",
            Availability::Unavailable,
        ),
        (
            10,
            "(#10) Requires read_insights",
            Availability::Unavailable,
        ),
    ] {
        let clicks = Err(fault(code, message));
        let fetched = wire::one_by_one("1_2", Ok(views.clone()), clicks, true).unwrap();
        let metrics = &found(&fetched).metrics;
        assert_eq!(metrics.views.value(), Some(12));
        assert_eq!(metrics.clicks.availability(), expected, "{message}");
        assert_eq!(found(&fetched).author, Some(page("1")));
    }
    let withheld = || Err(fault(10, "(#10) Requires read_insights"));
    let fetched = wire::one_by_one("1_2", withheld(), withheld(), true).unwrap();
    assert_eq!(found(&fetched).author, None, "Meta said nothing of it");
    let throttled = wire::one_by_one("1_2", Ok(views), Err(fault(4, "x")), true).unwrap_err();
    assert_eq!(throttled.advice(), Advice::Snooze(None));
}

#[test]
fn only_two_numbers_are_an_id_of_a_post() {
    assert_eq!(
        wire::graph_id("175154750010052_424924701699721"),
        Some("175154750010052_424924701699721")
    );
    for id in [
        "",
        "1",
        "_",
        "1_",
        "_2",
        "1_pfbid0",
        "1_2_3",
        "1_2/insights",
        "1_2?x=1",
    ] {
        assert_eq!(wire::graph_id(id), None, "{id}");
    }
}

#[test]
fn permalinks_are_compared_by_what_names_the_post() {
    for (address, key) in [
        (
            "https://www.facebook.com/175154750010052/posts/424924701699721/",
            "424924701699721",
        ),
        (
            "https://www.facebook.com/some.page/posts/a-title/pfbid02abcDEF",
            "pfbid02abcDEF",
        ),
        (
            "https://www.facebook.com/permalink.php?story_fbid=pfbid02abcDEF&id=1",
            "pfbid02abcDEF",
        ),
        ("/175154750010052/videos/1234567/", "1234567"),
        ("https://www.facebook.com/reel/1234567/", "1234567"),
        ("https://www.facebook.com/watch/?v=1234567", "1234567"),
        ("https://www.facebook.com/photo?fbid=77&set=a.1", "77"),
    ] {
        assert_eq!(
            wire::permalink_key(address).as_deref(),
            Some(key),
            "{address}"
        );
    }
    assert_eq!(
        wire::permalink_key("https://www.facebook.com/175154750010052"),
        None
    );
}

#[test]
fn the_page_is_taken_from_a_link_that_has_its_number() {
    for (address, page) in [
        (
            "https://www.facebook.com/175154750010052/posts/pfbid02abc",
            Some("175154750010052"),
        ),
        (
            "https://www.facebook.com/permalink.php?story_fbid=pfbid0&id=42",
            Some("42"),
        ),
        ("https://www.facebook.com/some.page/posts/pfbid02abc", None),
        ("https://www.facebook.com/100/photos/456", Some("100")),
        (
            "https://www.facebook.com/photo?fbid=456&id=100",
            Some("100"),
        ),
        ("https://www.facebook.com/reel/1234567", None),
    ] {
        assert_eq!(wire::page_in(address).as_deref(), page, "{address}");
    }
}

#[test]
fn recorded_posts_are_read() {
    let Some(post) = recorded("meta/sns-sdks__python-facebook__fb_posts_single_post_data.json")
    else {
        return;
    };
    let post: Value = serde_json::from_str(&post).unwrap();
    let listed = wire::posts(&json!({"data": [post]})).unwrap();
    assert_eq!(listed[0].id, "175154750010052_424924701699721");
    assert!(listed[0].is("424924701699721"));
    assert!(!listed[0].is("175154750010052"));

    let feed = recorded("meta/sns-sdks__python-facebook__fb_posts_feed_fields_p1.json").unwrap();
    let feed: Value = serde_json::from_str(&feed).unwrap();
    assert_eq!(wire::posts(&feed).unwrap().len(), 5);
    let next = paging::next(&feed).unwrap().unwrap();
    assert!(next.contains(&("until".to_owned(), "1624385168".to_owned())));
    assert!(next.iter().all(|(name, _)| name != "access_token"));

    let insights = recorded("meta/restfb__restfb__post-with-insight.json").unwrap();
    let insights: Value = serde_json::from_str(&insights).unwrap();
    let fetched = wire::both("1234567_98765432", &insights).unwrap();
    assert_eq!(found(&fetched).author, Some(page("1234567")));
    assert_eq!(
        found(&fetched).metrics.views.availability(),
        Availability::Unavailable
    );
}

fn reference(id: &str) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://www.facebook.com/{id}"),
        account_handle: None,
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

fn answered(status: u16, body: &Value) -> Value {
    json!({"code": status, "body": body.to_string()})
}

fn item(address: &str) -> Value {
    let both = format!("insights?metric={VIEWS},{CLICKS}");
    let rest = address.strip_prefix("v26.0/").unwrap();
    let (id, what) = rest.split_once(['/', '?']).unwrap();
    let missing = error(100, Some(33), "Unsupported get request.");
    match (id.strip_prefix(PAGE).unwrap_or(id), what) {
        ("_1", what) if what == both => answered(
            200,
            &json!({"data": [
                row(CLICKS, "lifetime", &json!(2)), row(VIEWS, "lifetime", &json!("1000")),
            ]}),
        ),
        ("_2", what) if what == both => answered(
            400,
            &error(
                100,
                None,
                "(#100) The value must be a valid insights metric",
            ),
        ),
        ("_2", "insights?metric=post_media_view") => {
            answered(200, &json!({"data": [row(VIEWS, "lifetime", &json!(5))]}))
        }
        ("_2", _) => answered(
            400,
            &error(100, None, "(#100) must be a valid insights metric"),
        ),
        ("_3" | "500_1" | "600_1", _) => answered(400, &missing),
        ("_4", _) => Value::Null,
        ("700_1", _) => answered(
            403,
            &error(10, None, "(#10) Requires pages_read_engagement"),
        ),
        ("", "published_posts?fields=id&limit=1") => {
            answered(200, &json!({"data": [{"id": "1_1"}]}))
        }
        (id, what) => panic!("{id} {what}"),
    }
}

fn meta(asked: &Asked) -> Reply {
    let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
    let items: Vec<Value> = requests
        .iter()
        .map(|request| item(request["relative_url"].as_str().unwrap()))
        .collect();
    Reply::new(200, Value::Array(items).to_string())
}

#[tokio::test]
async fn each_post_of_a_batch_gets_what_its_own_answer_says() {
    let stub = Stub::start(meta).await;
    let adapter = Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap();
    let own = |number: u32| reference(&format!("{PAGE}_{number}"));
    let posts = [
        own(1),
        own(2),
        own(3),
        own(4),
        reference("500_1"),
        reference("600_1"),
        reference("700_1"),
        reference("pfbid02abc"),
    ];
    let results = adapter.fetch(&posts, None).await;
    let metrics = |index: usize| found(results[index].as_ref().unwrap()).metrics.clone();
    assert_eq!(metrics(0).views.value(), Some(1000));
    assert_eq!(metrics(0).clicks.value(), Some(2));
    assert_eq!(metrics(1).views.value(), Some(5));
    assert_eq!(metrics(1).clicks.availability(), Availability::Unsupported);
    assert!(
        matches!(results[2], Ok(Fetched::Gone { .. })),
        "a post of the own page"
    );
    assert_eq!(results[3].as_ref().unwrap_err().advice(), Advice::Retry);
    // What is of another page is never told to this one, and so neither is that it is gone.
    for foreign in [4, 5] {
        let views = metrics(foreign).views;
        assert_eq!(views.availability(), Availability::Unavailable);
    }
    assert_eq!(metrics(6).clicks.availability(), Availability::Unavailable);
    assert!(matches!(results[7], Err(PlatformError::Refused { .. })));
    assert_eq!(stub.asked().len(), 3);
}

fn post(number: u32) -> Value {
    json!({
        "id": format!("{PAGE}_{number}"),
        "permalink_url": format!("https://www.facebook.com/p/posts/pfbid0{number}"),
    })
}

#[tokio::test]
async fn a_permalink_is_found_among_the_posts_of_the_page() {
    let stub = Stub::start(|asked| {
        assert!(
            asked
                .line
                .starts_with(&format!("GET /api/v26.0/{PAGE}/published_posts?"))
        );
        let body = match asked.query("after").as_deref() {
            None => json!({
                "data": [post(1)],
                "paging": {"cursors": {"after": "b"}, "next": "https://a.example/?after=x"},
            }),
            Some(_) => json!({
                "data": [post(2)],
                "paging": {"cursors": {"after": "c"}},
            }),
        };
        Reply::new(200, body.to_string())
    })
    .await;
    let adapter = Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap();
    let link = PostLink::parse("https://www.facebook.com/p/posts/pfbid02").unwrap();
    match adapter.resolve(&link, None).await.unwrap() {
        Resolved::Post(found) => {
            assert_eq!(found.native_id(), Some(format!("{PAGE}_2").as_str()));
        }
        other => panic!("{other:?}"),
    }
    // Without the page's number the link may be of another page, and a list that names posts by
    // their numbers has the post all the same.
    for (link, said) in [
        (
            "https://www.facebook.com/p/posts/pfbid03".to_owned(),
            "without the page's number",
        ),
        (
            format!("https://www.facebook.com/permalink.php?story_fbid=pfbid03&id={PAGE}"),
            "hides the post's number",
        ),
    ] {
        let link = PostLink::parse(&link).unwrap();
        let error = adapter.resolve(&link, None).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.contains("give the link with both numbers"), "{error}");
    }
}

#[tokio::test]
async fn a_photo_of_a_page_is_the_post_that_shows_it() {
    let stub = Stub::start(|asked| {
        let list = format!("GET /api/v26.0/{PAGE}/published_posts?");
        assert!(asked.line.starts_with(&list), "{}", asked.line);
        let address = format!("https://www.facebook.com/{PAGE}/photos/a.1/456/?type=3");
        let post = json!({"id": format!("{PAGE}_2"), "permalink_url": address});
        Reply::new(200, json!({"data": [post]}).to_string())
    })
    .await;
    let adapter = Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap();
    for path in [
        format!("{PAGE}/photos/a.1/456/"),
        format!("photo.php?fbid=456&id={PAGE}"),
    ] {
        let link = PostLink::parse(&format!("https://www.facebook.com/{path}")).unwrap();
        match adapter.resolve(&link, None).await.unwrap() {
            Resolved::Post(found) => {
                assert_eq!(found.native_id(), Some(format!("{PAGE}_2").as_str()));
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_wrong_app_secret_is_about_this_programs_access_and_not_about_a_post() {
    for as_a_whole in [true, false] {
        let stub = Stub::start(move |asked| {
            let wrong = error(
                100,
                None,
                "Invalid appsecret_proof provided in the API argument",
            );
            if as_a_whole {
                return Reply::new(400, wrong.to_string());
            }
            let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
            let items = vec![answered(400, &wrong); requests.len()];
            Reply::new(200, Value::Array(items).to_string())
        })
        .await;
        let adapter = Meta::new(&stub.config(PlatformKind::Meta))
            .unwrap()
            .unwrap();
        let posts = [reference(&format!("{PAGE}_1")), reference("500_1")];
        for result in adapter.fetch(&posts, None).await {
            let is_unauthorised = matches!(result, Err(PlatformError::Unauthorised { .. }));
            assert!(is_unauthorised, "{as_a_whole}: {result:?}");
        }
        assert_eq!(stub.asked().len(), 1);
    }
}
