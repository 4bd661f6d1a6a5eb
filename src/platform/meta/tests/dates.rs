//! When a post was published, which is asked for until it is known and harms nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::model::Secret;
use crate::platform::{Gate, Usage, gated};

const PUBLISHED: &str = "2021-07-26T10:45:19+0000";

#[allow(
    clippy::unnecessary_wraps,
    reason = "it is compared with what may be nothing"
)]
fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

fn undated(id: &str) -> PostRef {
    PostRef {
        published_is_known: false,
        ..reference(id)
    }
}

fn own(number: usize) -> String {
    format!("{PAGE}_{number}")
}

fn adapter(stub: &Stub) -> Meta {
    Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap()
}

/// The addresses of a batch, without the version.
fn addresses(asked: &Asked) -> Vec<String> {
    let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
    let address = |request: &Value| {
        let address = request["relative_url"].as_str().unwrap();
        address.strip_prefix("v26.0/").unwrap().to_owned()
    };
    requests.iter().map(address).collect()
}

/// Answers a batch: figures of every post but the third, which is gone, and when each was published but the second, of which
/// that may not be seen.
fn dated(asked: &Asked) -> Reply {
    let item = |address: String| {
        let missing = answered(400, &error(100, Some(33), "Unsupported get request."));
        match address.strip_prefix(PAGE).unwrap() {
            "/published_posts?fields=id&limit=1" => answered(200, &json!({"data": []})),
            address if address.starts_with("_3") => missing,
            "_2?fields=created_time" => answered(403, &error(10, None, "(#10) Not permitted")),
            address if address.ends_with("?fields=created_time") => {
                answered(200, &json!({"created_time": PUBLISHED, "id": "1_2"}))
            }
            address => {
                assert!(address.contains("/insights?"), "{address}");
                answered(200, &json!({"data": [row(VIEWS, "lifetime", &json!(9))]}))
            }
        }
    };
    let items: Vec<Value> = addresses(asked).into_iter().map(item).collect();
    Reply::new(200, Value::Array(items).to_string())
}

#[test]
fn a_recorded_time_is_read_and_one_of_another_form_is_none() {
    let figures = json!({"data": [row(VIEWS, "lifetime", &json!(173))]});
    let published = |told: &Value| {
        let mut fetched = wire::both("1_2", &figures).unwrap();
        wire::date(&mut fetched, told);
        let sighting = found(&fetched);
        assert_eq!(sighting.metrics.views.value(), Some(173));
        let shown = sighting.raw.get("created_time").is_some();
        assert_eq!(shown, sighting.published_at.is_some(), "as evidence");
        sighting.published_at
    };
    let told = json!({"created_time": PUBLISHED, "id": "1_2"});
    assert_eq!(published(&told), at("2021-07-26T10:45:19Z"));
    let east = json!({"created_time": "2021-07-26T10:45:19+0200"});
    assert_eq!(published(&east), at("2021-07-26T08:45:19Z"));
    for odd in [
        json!({"id": "1_2"}),
        json!({"created_time": null}),
        json!({"created_time": "yesterday"}),
        json!({"created_time": 1_627_296_319}),
        json!([]),
    ] {
        assert_eq!(published(&odd), None, "{odd}");
    }

    let file = "meta/sns-sdks__python-facebook__fb_posts_single_post_data.json";
    let Some(post) = recorded(file) else {
        return;
    };
    let post: Value = serde_json::from_str(&post).unwrap();
    assert_eq!(published(&post), at("2019-08-12T03:45:11Z"));
    let listed = wire::posts(&json!({"data": [post]})).unwrap();
    assert_eq!(published(&listed[0].dated), at("2019-08-12T03:45:11Z"));
}

#[tokio::test]
async fn it_is_asked_for_in_the_same_call_and_only_of_posts_of_which_it_is_not_known() {
    let stub = Stub::start(dated).await;
    let adapter = adapter(&stub);
    let posts = [
        undated(&own(1)),
        undated(&own(2)),
        undated(&own(3)),
        reference(&own(4)),
        // Another claim on the first post, which is known to whoever made it.
        reference(&own(1)),
    ];
    let results = adapter.fetch(&posts, None).await;
    let sighting = |index: usize| found(results[index].as_ref().unwrap());
    for index in [0, 4] {
        assert_eq!(sighting(index).published_at, at("2021-07-26T10:45:19Z"));
        assert_eq!(sighting(index).raw["created_time"], PUBLISHED);
    }
    for index in [1, 3] {
        assert_eq!(sighting(index).published_at, None);
        assert_eq!(
            sighting(index).metrics.views.value(),
            Some(9),
            "all the same"
        );
    }
    assert!(matches!(results[2], Ok(Fetched::Gone { .. })));
    let asked = stub.asked();
    assert_eq!(asked.len(), 2, "the posts, and whether the page is there");
    let times = addresses(&asked[0]);
    let times: Vec<&String> = times
        .iter()
        .filter(|a| a.contains("created_time"))
        .collect();
    assert_eq!(times.len(), 3, "{times:?}");
}

/// Lets requests through until all is used up, as the gate of a check does.
struct UntilUsedUp;

#[async_trait]
impl Gate for UntilUsedUp {
    async fn pass(&self, told: Option<Usage>) -> Option<Duration> {
        let is_used_up = told.is_some_and(|usage| usage.used_percent == Some(100));
        is_used_up.then_some(Duration::from_mins(1))
    }
}

#[tokio::test]
async fn fifty_new_posts_are_two_calls_and_one_where_that_comes_to_nothing() {
    let posts: Vec<PostRef> = (100..150).map(|number| undated(&own(number))).collect();
    let stub = Stub::start(dated).await;
    let results = adapter(&stub).fetch(&posts, None).await;
    assert!(results.iter().all(|result| {
        let sighting = found(result.as_ref().unwrap());
        sighting.published_at.is_some() && sighting.metrics.views.value() == Some(9)
    }));
    let calls: Vec<usize> = stub.asked().iter().map(|a| addresses(a).len()).collect();
    assert_eq!(calls, [50, 50]);

    let failing = Stub::start(|_| Reply::new(500, "")).await;
    let results = adapter(&failing).fetch(&posts, None).await;
    assert!(results.iter().all(Result::is_err));
    assert_eq!(failing.asked().len(), 1);

    let used_up = Stub::start(|asked| {
        dated(asked).header("x-app-usage", r#"{"call_count":100,"total_time":2}"#)
    })
    .await;
    let adapter = adapter(&used_up);
    let call = gated(Arc::new(UntilUsedUp), adapter.fetch(&posts, None)).await;
    assert!(call.output.iter().all(Result::is_ok));
    assert_eq!(call.usage.unwrap().used_percent, Some(100));
    assert_eq!(used_up.asked().len(), 1, "the figures came first");
}

#[tokio::test]
async fn a_post_that_was_found_in_the_list_of_its_page_is_not_asked_for_it_again() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return dated(asked);
        }
        let entry = json!({
            "id": own(7), "created_time": PUBLISHED,
            "permalink_url": "https://www.facebook.com/p/posts/pfbid07",
        });
        Reply::new(200, json!({"data": [entry]}).to_string())
    })
    .await;
    let adapter = adapter(&stub);
    let link = PostLink::parse("https://www.facebook.com/p/posts/pfbid07").unwrap();
    let resolved = adapter.resolve(&link, None).await.unwrap();
    assert!(matches!(resolved, Resolved::Post(_)), "{resolved:?}");
    let results = adapter.fetch(&[undated(&own(7))], None).await;
    let sighting = found(results[0].as_ref().unwrap());
    assert_eq!(sighting.published_at, at("2021-07-26T10:45:19Z"));
    assert_eq!(sighting.raw["created_time"], PUBLISHED);
    let asked = stub.asked();
    assert_eq!(addresses(&asked[1]).len(), 1, "its figures alone");
}

#[tokio::test]
async fn what_a_list_told_is_not_told_of_a_post_that_is_not_shown() {
    let stub = Stub::start(|asked| {
        if !asked.line.starts_with("POST") {
            let entry = json!({
                "id": own(7), "created_time": PUBLISHED,
                "permalink_url": "https://www.facebook.com/p/posts/pfbid07",
            });
            return Reply::new(200, json!({"data": [entry]}).to_string());
        }
        let item = |address: String| {
            if address.contains("/insights?") {
                answered(403, &error(10, None, "(#10) Not permitted"))
            } else {
                answered(200, &json!({"created_time": PUBLISHED, "id": own(7)}))
            }
        };
        let items: Vec<Value> = addresses(asked).into_iter().map(item).collect();
        Reply::new(200, Value::Array(items).to_string())
    })
    .await;
    let adapter = adapter(&stub);
    let link = PostLink::parse("https://www.facebook.com/p/posts/pfbid07").unwrap();
    adapter.resolve(&link, None).await.unwrap();
    let posts = [undated(&own(7))];
    let results = adapter.fetch(&posts, None).await;
    assert_eq!(found(results[0].as_ref().unwrap()).published_at, None);
    // Now the post itself is asked, and says so.
    let results = adapter.fetch(&posts, None).await;
    let sighting = found(results[0].as_ref().unwrap());
    assert_eq!(sighting.published_at, at("2021-07-26T10:45:19Z"));
    let asked = stub.asked();
    let parts: Vec<usize> = asked[1..].iter().map(|a| addresses(a).len()).collect();
    assert_eq!(parts, [1, 2]);
}

#[tokio::test]
async fn a_linked_page_is_not_asked_for_it_of_a_post_of_another_page() {
    let stub = Stub::start(dated).await;
    let owner = |page: &str| Owner {
        token: Secret::new("page-token"),
        account: Account {
            id: Some(page.to_owned()),
            handle: None,
        },
    };
    let adapter = adapter(&stub);
    let posts = [undated(&own(1))];
    let foreign = adapter.fetch(&posts, Some(&owner("500"))).await;
    assert_eq!(found(foreign[0].as_ref().unwrap()).published_at, None);
    let own = adapter.fetch(&posts, Some(&owner(PAGE))).await;
    assert!(found(own[0].as_ref().unwrap()).published_at.is_some());
    let asked = stub.asked();
    let parts: Vec<usize> = asked.iter().map(|a| addresses(a).len()).collect();
    assert_eq!(parts, [1, 2]);
}
