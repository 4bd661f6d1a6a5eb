//! The advertisements of Facebook's page as a client sees them.

use std::collections::{BTreeMap, BTreeSet};

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::{META_AD_ACCOUNT, META_PAGE, other_page};
use super::platform::Platform;
use super::testing::{call, call_as, error_code, meta, parsed};
use super::world::World;

const EVERY_STATE: &str = r#"["ACTIVE","PAUSED","ARCHIVED"]"#;
const FIELDS: &str = "ad_id,account_currency,impressions,clicks,inline_link_clicks,spend,actions";

/// Every entry of a list, `limit` on a page.
fn walk(world: &World, query: &str, limit: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut after = String::new();
    loop {
        let page = meta(
            world,
            &format!("/v26.0/act_{META_AD_ACCOUNT}/{query}&limit={limit}&after={after}"),
        );
        entries.extend_from_slice(page["data"].as_array().unwrap());
        if page["paging"].get("next").is_none() {
            return entries;
        }
        page["paging"]["cursors"]["after"]
            .as_str()
            .unwrap()
            .clone_into(&mut after);
    }
}

fn ads(world: &World, states: &str) -> Vec<Value> {
    let fields = "id,effective_status,creative{effective_object_story_id}";
    let query = format!("ads?fields={fields}&effective_status={states}");
    walk(world, &query, 100)
}

fn insights(filters: &Value) -> String {
    format!("insights?level=ad&date_preset=maximum&fields={FIELDS}&filtering={filters}")
}

fn cents(row: &Value) -> u64 {
    let (whole, cents) = row["spend"].as_str().unwrap().split_once('.').unwrap();
    assert_eq!(cents.len(), 2);
    whole.parse::<u64>().unwrap() * 100 + cents.parse::<u64>().unwrap()
}

#[test]
fn the_rows_of_a_posts_advertisements_add_up_to_what_it_has_cost() {
    let world = World::new(7).with_frozen_growth();
    let ads = ads(&world, EVERY_STATE);
    let posts: BTreeMap<&str, &str> = ads
        .iter()
        .map(|ad| {
            let post = &ad["creative"]["effective_object_story_id"];
            (ad["id"].as_str().unwrap(), post.as_str().unwrap())
        })
        .collect();
    let advertised: BTreeSet<&str> = posts.values().copied().collect();
    assert!(advertised.len() < posts.len(), "some posts have two");
    assert!((60..=180).contains(&advertised.len()), "of three hundred");

    let ids: Vec<&str> = posts.keys().copied().collect();
    let filters = json!([
        {"field": "ad.id", "operator": "IN", "value": ids},
        {"field": "ad.effective_status", "operator": "IN", "value": ["ACTIVE", "PAUSED", "ARCHIVED"]},
    ]);
    let rows = walk(&world, &insights(&filters), 100);
    assert!(rows.len() < ads.len(), "some were never shown");
    let mut spent: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &rows {
        for name in ["impressions", "clicks", "inline_link_clicks"] {
            row[name].as_str().unwrap().parse::<u64>().unwrap();
        }
        assert_eq!(row["account_currency"], "USD");
        *spent
            .entry(posts[row["ad_id"].as_str().unwrap()])
            .or_default() += cents(row);
    }
    for post in advertised {
        assert_eq!(world.ad_spend_cents(post), spent.get(post).copied());
    }
    let free = world.posts(Platform::Meta, 0, 60, None);
    let free = free
        .iter()
        .find(|post| post.owned && !posts.values().any(|id| *id == post.native_id));
    assert_eq!(world.ad_spend_cents(&free.unwrap().native_id), None);
}

#[test]
fn the_kinds_of_purchases_are_the_same_purchases() {
    let world = World::new(7).with_frozen_growth();
    let rows = walk(&world, &insights(&json!([])), 100);
    let mut seen = 0;
    for row in &rows {
        let Some(actions) = row.get("actions") else {
            continue;
        };
        let purchases: Vec<&Value> = actions
            .as_array()
            .unwrap()
            .iter()
            .filter(|action| action["action_type"].as_str().unwrap().contains("purchase"))
            .map(|action| &action["value"])
            .collect();
        if let Some(first) = purchases.first() {
            assert_eq!(purchases.len(), 4);
            assert!(
                purchases
                    .iter()
                    .all(|value| value == first && value.is_string())
            );
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn archived_advertisements_are_told_of_only_where_they_are_asked_for() {
    let world = World::new(7);
    let states = |ads: &[Value]| -> BTreeSet<String> {
        ads.iter()
            .map(|ad| ad["effective_status"].as_str().unwrap().to_owned())
            .collect()
    };
    let archived = ads(&world, r#"["ARCHIVED"]"#);
    assert_eq!(states(&archived), BTreeSet::from(["ARCHIVED".to_owned()]));
    let usual = walk(&world, "ads?fields=id,effective_status", 100);
    assert!(!states(&usual).contains("ARCHIVED"));
    assert_eq!(usual.len() + archived.len(), ads(&world, EVERY_STATE).len());
}

#[test]
fn pages_of_advertisements_follow_each_other() {
    let world = World::new(7).with_frozen_growth();
    let query = format!("ads?fields=id&effective_status={EVERY_STATE}");
    let all = walk(&world, &query, 100);
    assert!(all.len() > 100, "on more than one page");
    assert_eq!(walk(&world, &query, 7), all);
    let rows = insights(&json!([]));
    assert_eq!(walk(&world, &rows, 7), walk(&world, &rows, 100));
    assert!(world.calls("meta.ads") > 2 && world.calls("meta.ad_insights") > 2);
    assert_eq!(world.calls("meta.insights"), 0);
}

#[test]
fn an_ad_account_is_for_its_page_and_takes_only_what_it_knows() {
    let world = World::new(7).with_credentials_required();
    let url = format!("/v26.0/act_{META_AD_ACCOUNT}/ads?fields=id&limit=1");
    let get_as = |url: &str, page: u64| {
        let token = world.access_token(Platform::Meta, page);
        call_as(&world, Platform::Meta, &Method::GET, url, "", &token)
    };
    assert_eq!(get_as(&url, META_PAGE).status, 200);
    assert_eq!(error_code(&get_as(&url, other_page(3))), 10);
    let other = get_as("/v26.0/act_5/insights?level=ad", META_PAGE);
    assert_eq!(parsed(&other)["error"]["error_subcode"], 33);

    let world = World::new(7);
    let filter = |field: &str, operator: &str| {
        insights(&json!([{"field": field, "operator": operator, "value": ["1"]}]))
    };
    for query in [
        "ads?fields=id,price".to_owned(),
        "ads?fields=id&effective_status=ACTIVE".to_owned(),
        format!("insights?fields={FIELDS}&date_preset=maximum"),
        format!("insights?fields={FIELDS}&level=ad&date_preset=lifetime"),
        insights(&json!([])).replace("spend", "expenses"),
        insights(&json!("ad.id")),
        filter("ad.id", "CONTAIN"),
        filter("ad.name", "IN"),
    ] {
        let url = format!("/v26.0/act_{META_AD_ACCOUNT}/{query}");
        let answer = call(&world, Platform::Meta, &Method::GET, &url, "");
        assert_eq!(error_code(&answer), 100, "{query}");
    }
}
