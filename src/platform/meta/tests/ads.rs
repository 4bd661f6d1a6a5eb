//! What advertising the posts has cost, against a server that plays the Marketing API.

use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::model::Secret;
use crate::platform::{Gate, Spend, Usage, gated, measured};

const USAGE: &str = "x-ad-account-usage";

fn advertising(stub: &Stub) -> Meta {
    let config = PlatformConfig {
        ad_account: Some("act_77".to_owned()),
        ad_access_token: Some(Secret::new("the-ad-token")),
        ..stub.config(PlatformKind::Meta)
    };
    Meta::new(&config).unwrap().unwrap()
}

fn own(number: u32) -> String {
    format!("{PAGE}_{number}")
}

fn references(numbers: &[u32]) -> Vec<PostRef> {
    numbers
        .iter()
        .map(|number| reference(&own(*number)))
        .collect()
}

/// The edge of the ad account that is asked for; none where something else is.
fn edge(asked: &Asked) -> Option<&str> {
    let rest = asked.line.strip_prefix("GET /api/v26.0/act_77/")?;
    Some(rest.split_once('?')?.0)
}

fn ad(id: &str, post: &str) -> Value {
    json!({"id": id, "creative": {"id": "9", "effective_object_story_id": post}})
}

/// Two advertisements of the post 1, one each of the posts 2, 3 and 4 and of a page of its own, and
/// one that shows no post, on two pages.
fn list(after: Option<&str>) -> Value {
    match after {
        None => json!({
            "data": [ad("11", &own(1)), ad("12", &own(1)), ad("21", &own(2))],
            "paging": {"cursors": {"after": "b"}, "next": "https://a.example/?access_token=t&after=x"},
        }),
        Some("b") => json!({
            "data": [
                ad("31", &own(3)), ad("41", &own(4)), ad("91", "500_9"),
                {"id": "99", "creative": {"id": "9"}},
            ],
            "paging": {"cursors": {"after": "c"}},
        }),
        Some(other) => panic!("{other}"),
    }
}

fn ad_row(ad: &str, spend: &str, clicks: &str) -> Value {
    json!({
        "ad_id": ad, "account_currency": "USD", "impressions": "900", "clicks": "50",
        "inline_link_clicks": clicks, "spend": spend,
        "actions": [
            {"action_type": "purchase", "value": "6"},
            {"action_type": "omni_purchase", "value": "6"},
        ],
        "date_start": "2026-01-01", "date_stop": "2026-11-25",
    })
}

/// The advertisements of a request's filter.
fn wanted(asked: &Asked) -> Vec<String> {
    let filters: Value = serde_json::from_str(&asked.query("filtering").unwrap()).unwrap();
    assert_eq!(filters[0]["field"], "ad.id");
    assert_eq!(filters[0]["operator"], "IN");
    let states = filters[1]["value"].as_array().unwrap();
    assert!(states.contains(&json!("ARCHIVED")) && !states.contains(&json!("DELETED")));
    serde_json::from_value(filters[0]["value"].clone()).unwrap()
}

/// Rows of the advertisements that were asked for, one on each page; that of the post 4 was never
/// shown.
fn rows(asked: &Asked) -> Value {
    let rows: Vec<Value> = wanted(asked)
        .iter()
        .filter_map(|ad| match ad.as_str() {
            "11" => Some(ad_row("11", "12.34", "3")),
            "12" => Some(ad_row("12", "0.66", "4")),
            "21" => Some(ad_row("21", "5.00", "9")),
            _ => None,
        })
        .collect();
    let at: usize = asked
        .query("after")
        .map_or(0, |after| after.parse().unwrap());
    let mut page = json!({"data": rows.get(at..=at).unwrap_or_default()});
    if at + 1 < rows.len() {
        page["paging"] = json!({"cursors": {"after": (at + 1).to_string()}, "next": "https://x/"});
    }
    page
}

fn marketing(asked: &Asked) -> Reply {
    let body = match edge(asked) {
        Some("ads") => list(asked.query("after").as_deref()),
        Some("insights") => rows(asked),
        _ => return meta(asked),
    };
    Reply::new(200, body.to_string()).header(
        USAGE,
        r#"{"acc_id_util_pct":99.5,"reset_time_duration":100}"#,
    )
}

fn count(stub: &Stub, name: &str) -> usize {
    let asked = stub.asked();
    asked
        .iter()
        .filter(|asked| edge(asked) == Some(name))
        .count()
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it is compared with what may be nothing"
)]
fn spent(amount: &str) -> Option<Spend> {
    Some(Spend {
        amount: amount.parse().unwrap(),
        currency: "USD".to_owned(),
    })
}

#[tokio::test]
async fn a_post_has_the_sum_of_what_its_advertisements_have_cost() {
    let stub = Stub::start(marketing).await;
    let adapter = advertising(&stub);
    let posts = references(&[1, 2, 3, 4]);
    let (results, usage) = measured(adapter.fetch(&posts, None)).await;
    assert_eq!(usage, None, "the ad account's quota is not the posts'");

    let first = found(results[0].as_ref().unwrap());
    assert_eq!(first.spend, spent("13.00"));
    assert_eq!(
        first.metrics.clicks,
        Observed::Reported {
            value: 2,
            definition: "meta.post_clicks".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        },
        "the page's own count stands"
    );
    let evidence = first.raw["advertisements"].as_array().unwrap();
    assert_eq!(evidence.len(), 2);
    assert_eq!(
        evidence[0]["actions"],
        json!([{"action_type": "omni_purchase", "value": "6"}])
    );

    let second = found(results[1].as_ref().unwrap());
    assert_eq!(second.spend, spent("5"));
    assert_eq!(
        second.metrics.clicks,
        Observed::Reported {
            value: 9,
            definition: "meta.ads.inline_link_clicks".to_owned(),
            grade: EvidenceGrade::PlatformApp,
        }
    );
    let purchases = |value| Observed::Reported {
        value,
        definition: "meta.ads.omni_purchase".to_owned(),
        grade: EvidenceGrade::PlatformApp,
    };
    assert_eq!(first.metrics.conversions, purchases(12), "of both");
    assert_eq!(second.metrics.conversions, purchases(6));
    assert!(matches!(results[2], Ok(Fetched::Gone { .. })));
    assert!(results[3].is_err());

    for asked in stub.asked() {
        let of_ads = edge(&asked).is_some();
        assert_eq!(asked.head.contains("bearer the-ad-token"), of_ads);
        assert!(!asked.line.contains("the-ad-token"));
        if edge(&asked) == Some("insights") {
            assert_eq!(wanted(&asked), ["11", "12", "21"], "found posts only");
            assert_eq!(asked.query("level").as_deref(), Some("ad"));
            assert_eq!(asked.query("date_preset").as_deref(), Some("maximum"));
        }
    }
    assert_eq!((count(&stub, "ads"), count(&stub, "insights")), (2, 3));
    adapter.fetch(&references(&[2]), None).await;
    assert_eq!((count(&stub, "ads"), count(&stub, "insights")), (2, 4));
}

#[tokio::test]
async fn a_post_without_advertisements_that_were_shown_has_no_spend_and_no_zero() {
    let stub = Stub::start(|asked| match edge(asked) {
        Some("insights") => Reply::new(200, r#"{"data":[]}"#),
        _ => marketing(asked),
    })
    .await;
    let adapter = advertising(&stub);
    let results = adapter.fetch(&references(&[1, 2]), None).await;
    for result in &results {
        let sighting = found(result.as_ref().unwrap());
        assert_eq!(sighting.spend, None);
        assert_eq!(
            sighting.metrics.conversions.availability(),
            Availability::Unsupported
        );
        assert_eq!(sighting.raw["advertisements"], json!([]));
    }
    let second = found(results[1].as_ref().unwrap());
    assert_eq!(
        second.metrics.clicks.availability(),
        Availability::Unsupported
    );
    assert_eq!(count(&stub, "insights"), 1);
}

#[tokio::test]
async fn an_ad_account_that_cannot_be_read_costs_no_observation_and_is_left_alone() {
    let throttled = error(
        80_000,
        None,
        "too many calls to this ad-account the-ad-token",
    );
    let endless = json!({
        "data": [], "paging": {"cursors": {"after": "b"}, "next": "https://a.example/"},
    });
    let nameless = json!({"data": [{"creative": {"effective_object_story_id": own(1)}}]});
    for (failing, status, body, said) in [
        ("insights", 400, throttled, "rate limited: "),
        ("insights", 200, endless.clone(), "unreachable: "),
        ("insights", 200, json!({"data": [{}]}), "unreachable: "),
        ("ads", 200, endless, "unreachable: "),
        ("ads", 200, nameless, "unreachable: "),
        ("ads", 200, json!({}), "unreachable: "),
        ("ads", 403, error(200, None, "(#200) no"), "refused: "),
    ] {
        let text = body.to_string();
        let stub = Stub::start(move |asked| {
            if edge(asked) == Some(failing) {
                Reply::new(status, text.clone()).header(USAGE, r#"{"acc_id_util_pct":100}"#)
            } else {
                marketing(asked)
            }
        })
        .await;
        let adapter = advertising(&stub);
        let posts = references(&[1]);
        let (results, usage) = measured(adapter.fetch(&posts, None)).await;
        assert_eq!(usage, None, "{body}");
        let sighting = found(results[0].as_ref().unwrap());
        assert_eq!(sighting.metrics.views.value(), Some(1000), "{body}");
        assert_eq!(sighting.spend, None, "{body}");
        assert_eq!(sighting.metrics.conversions.value(), None, "{body}");
        let why = sighting.raw["advertisements"]["error"].as_str().unwrap();
        assert!(why.starts_with(said), "{why}");
        assert!(!why.contains("the-ad-token"), "{why}");

        let before = (count(&stub, "ads"), count(&stub, "insights"));
        let results = adapter.fetch(&posts, None).await;
        let again = found(results[0].as_ref().unwrap());
        assert_eq!(again.raw["advertisements"]["error"], why);
        assert_eq!(
            (count(&stub, "ads"), count(&stub, "insights")),
            before,
            "{body}"
        );
    }
}

/// Lets nothing through but the request that needs no leave.
struct Closed;

#[async_trait]
impl Gate for Closed {
    async fn pass(&self, _told: Option<Usage>) -> Option<Duration> {
        Some(Duration::from_secs(9))
    }
}

#[tokio::test]
async fn an_ad_account_rests_for_nobody_where_this_program_held_one_call_back() {
    let stub = Stub::start(marketing).await;
    let adapter = advertising(&stub);
    let posts = references(&[1]);
    let held = gated(Arc::new(Closed), adapter.fetch(&posts, None)).await;
    let told = found(held.output[0].as_ref().unwrap());
    assert_eq!(told.spend, None);
    assert!(told.raw["advertisements"]["error"].is_string());
    assert_eq!(count(&stub, "ads"), 0);

    let results = adapter.fetch(&posts, None).await;
    let told = found(results[0].as_ref().unwrap());
    assert_eq!(told.spend, spent("13.00"));
}

#[tokio::test]
async fn for_an_affiliates_access_the_followed_links_of_advertisements_stand_in_for_nothing() {
    let stub = Stub::start(marketing).await;
    let owner = Owner {
        token: Secret::new("page-token"),
        account: Account::default(),
    };
    let results = advertising(&stub)
        .fetch(&references(&[2]), Some(&owner))
        .await;
    let sighting = found(results[0].as_ref().unwrap());
    assert_eq!(sighting.spend, spent("5"));
    assert_eq!(
        sighting.metrics.clicks.availability(),
        Availability::Unsupported
    );
    assert_eq!(sighting.metrics.views.value(), Some(5));
    assert_eq!(
        sighting.metrics.conversions.value(),
        Some(6),
        "beside a number of the post's own"
    );
}

#[tokio::test]
async fn what_advertisements_brought_does_not_show_a_post_of_which_nothing_is_told() {
    let withheld = error(10, None, "(#10) not for this token").to_string();
    let stub = Stub::start(move |asked| {
        if edge(asked).is_some() {
            return marketing(asked);
        }
        let parts: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
        let answers = vec![json!({"code": 403, "body": withheld}); parts.len()];
        Reply::new(200, json!(answers).to_string())
    })
    .await;
    let adapter = advertising(&stub);
    let owner = Owner {
        token: Secret::new("page-token"),
        account: Account::default(),
    };
    for owner in [None, Some(&owner)] {
        let results = adapter.fetch(&references(&[1]), owner).await;
        let sighting = found(results[0].as_ref().unwrap());
        assert_eq!(sighting.author, None);
        assert_eq!(sighting.spend, spent("13"), "the cost is told");
        for (metric, observed) in sighting.metrics.iter() {
            assert_eq!(observed.value(), None, "{metric:?}");
        }
    }
}

#[tokio::test]
async fn without_an_ad_account_no_advertisements_are_asked_for() {
    let stub = Stub::start(marketing).await;
    let adapter = Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap();
    let results = adapter.fetch(&references(&[1]), None).await;
    let sighting = found(results[0].as_ref().unwrap());
    assert_eq!(sighting.spend, None);
    assert_eq!(sighting.raw.get("advertisements"), None);
    assert_eq!((count(&stub, "ads"), count(&stub, "insights")), (0, 0));
}
