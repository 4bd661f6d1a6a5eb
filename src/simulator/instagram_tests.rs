//! Instagram as a client sees it: lists, paging, discovery and insights.

use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::json;

use super::accounts::{INSTAGRAM_ACCOUNT, creator};
use super::instagram_media::code_number;
use super::platform::Platform;
use super::testing::{call, error_code, fixture, instagram, keys, media_id};
use super::world::World;

const FIELDS: &str =
    "id,caption,comments_count,like_count,media_type,media_url,permalink,timestamp";

#[test]
fn a_media_list_has_the_keys_of_a_recorded_one() {
    let Some(recorded) = fixture("instagram/sns-sdks__python-facebook__ig_users_medias_p1.json")
    else {
        return;
    };
    let world = World::new(7);
    let fields = "id,comments_count,like_count,media_type,media_url,permalink,timestamp";
    let url = format!("/v26.0/{INSTAGRAM_ACCOUNT}/media?fields={fields}&limit=2&access_token=tok");
    let ours = instagram(&world, &url);
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["paging"]), keys(&recorded["paging"]));
    assert_eq!(
        keys(&ours["paging"]["cursors"]),
        keys(&recorded["paging"]["cursors"])
    );
    assert_eq!(keys(&ours["data"][0]), keys(&recorded["data"][0]));
}

#[test]
fn walking_a_media_list_by_its_cursors_gives_300_media_newest_first() {
    let world = World::new(7);
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!(
            "/{INSTAGRAM_ACCOUNT}/media?fields=timestamp,permalink&limit=100&after={after}\
             &access_token=tok"
        );
        let page = instagram(&world, &url);
        for entry in page["data"].as_array().unwrap() {
            let time = entry["timestamp"].as_str().unwrap().to_owned();
            seen.push((time, entry["permalink"].as_str().unwrap().to_owned()));
        }
        let Some(next) = page["paging"].get("next") else {
            assert!(page["paging"]["cursors"]["after"].is_string());
            break;
        };
        assert!(
            next.as_str().unwrap().contains("access_token=tok"),
            "{next}"
        );
        page["paging"]["cursors"]["after"]
            .as_str()
            .unwrap()
            .clone_into(&mut after);
    }
    assert_eq!(seen.len(), 300);
    assert!(seen.windows(2).all(|pair| pair[0].0 > pair[1].0));
    assert_eq!(world.calls("instagram.media"), 3);
}

#[test]
fn discovery_has_the_keys_of_a_recorded_one_on_both_pages() {
    let Some(first) = fixture("instagram/sns-sdks__python-facebook__ig_discovery_medias_p1.json")
    else {
        return;
    };
    let second =
        fixture("instagram/sns-sdks__python-facebook__ig_discovery_medias_p2.json").unwrap();
    let world = World::new(7);
    let page = |after: &str| {
        let media = format!("media.limit(2){after}{{{FIELDS}}}");
        let fields = format!("business_discovery.username(creator_1){{{media}}}");
        instagram(
            &world,
            &format!("/v26.0/{INSTAGRAM_ACCOUNT}?fields={fields}"),
        )
    };
    let ours = page("");
    assert_eq!(keys(&ours), keys(&first));
    let discovery = &ours["business_discovery"];
    assert_eq!(keys(discovery), keys(&first["business_discovery"]));
    assert_eq!(discovery["id"], creator(1).to_string());
    let paging = &discovery["media"]["paging"]["cursors"];
    assert_eq!(
        keys(paging),
        keys(&first["business_discovery"]["media"]["paging"]["cursors"])
    );
    let theirs = keys(&first["business_discovery"]["media"]["data"][0]);
    for entry in discovery["media"]["data"].as_array().unwrap() {
        let mut ours = keys(entry);
        ours.insert("like_count".to_owned()); // Left out where the owner hid it.
        assert_eq!(ours, theirs);
    }
    let after = format!(".after({})", paging["after"].as_str().unwrap());
    let paging = page(&after)["business_discovery"]["media"]["paging"]["cursors"].clone();
    assert_eq!(
        keys(&paging),
        keys(&second["business_discovery"]["media"]["paging"]["cursors"])
    );
}

#[test]
fn discovery_shows_views_of_reels_and_of_nothing_else() {
    let world = World::new(7).with_frozen_growth();
    let fields = "business_discovery.username(creator_2){followers_count,media.limit(60)\
        {shortcode,media_product_type,view_count,like_count}}";
    let body = instagram(&world, &format!("/{INSTAGRAM_ACCOUNT}?fields={fields}"));
    let media = body["business_discovery"]["media"]["data"]
        .as_array()
        .unwrap();
    for entry in media {
        let code = entry["shortcode"].as_str().unwrap();
        let figures = world.figures(Platform::Instagram, code, None).unwrap().0;
        if entry["media_product_type"] == "REELS" {
            assert_eq!(entry["view_count"], figures.views);
        } else {
            assert_eq!(entry.get("view_count"), None);
        }
    }
    assert!(media.iter().any(|entry| entry.get("view_count").is_some()));
    assert!(media.iter().any(|entry| entry.get("like_count").is_none()));
    let gone =
        format!("/{INSTAGRAM_ACCOUNT}?fields=business_discovery.username(nobody.gone){{id}}");
    let answer = call(&world, Platform::Instagram, &Method::GET, &gone, "");
    assert_eq!((answer.status, error_code(&answer)), (400, json!(110)));
}

#[test]
fn media_insights_have_the_keys_of_a_recorded_row_and_the_figures_of_the_media() {
    let world = World::new(7).with_frozen_growth();
    let (id, code) = media_id(&world, false);
    let url = format!(
        "/v26.0/{id}/insights?metric=views,reach,likes,profile_activity&breakdown=action_type"
    );
    let body = instagram(&world, &url);
    let figures = world.figures(Platform::Instagram, &code, None).unwrap().0;
    let row = |name: &str| {
        let rows = body["data"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(row("views")["values"][0]["value"], figures.views);
    assert_eq!(row("likes")["values"][0]["value"], figures.score);
    assert_eq!(row("views")["id"], format!("{id}/insights/views/lifetime"));
    if let Some(recorded) =
        fixture("instagram/sns-sdks__python-facebook__ig_medias_insights_new.json")
    {
        let recorded = &recorded["data"][0];
        assert_eq!(keys(&row("profile_activity")), keys(recorded));
        let ours = &row("profile_activity")["total_value"];
        assert_eq!(keys(ours), keys(&recorded["total_value"]));
        assert_eq!(
            keys(&ours["breakdowns"][0]),
            keys(&recorded["total_value"]["breakdowns"][0])
        );
    }
}

#[test]
fn one_metric_that_the_media_does_not_have_fails_the_whole_request() {
    let world = World::new(7);
    let (image, _) = media_id(&world, false);
    let (reel, _) = media_id(&world, true);
    let refused = |id: &str, metrics: &str| {
        let url = format!("/{id}/insights?metric={metrics}");
        let answer = call(&world, Platform::Instagram, &Method::GET, &url, "");
        (answer.status, error_code(&answer))
    };
    for metrics in [
        "views,impressions",
        "views,ig_reels_avg_watch_time",
        "views,nonsense",
    ] {
        assert_eq!(refused(&image, metrics), (400, json!(100)), "{metrics}");
    }
    assert_eq!(refused(&reel, "views,profile_visits"), (400, json!(100)));
    assert_eq!(refused(&reel, ""), (400, json!(3001)));
    assert_eq!(refused("3912345678901234567", "views"), (400, json!(100)));
}

#[test]
fn several_objects_come_under_their_ids() {
    let world = World::new(7);
    let (first, _) = media_id(&world, false);
    let (second, _) = media_id(&world, true);
    let body = instagram(
        &world,
        &format!("/v26.0?ids={first},{second}&fields={FIELDS}"),
    );
    assert_eq!(keys(&body), BTreeSet::from([first.clone(), second]));
    assert_eq!(body[&first]["id"], first);
    if let Some(recorded) =
        fixture("instagram/sns-sdks__python-facebook__ig_medias_medias_fields.json")
    {
        assert_eq!(keys(&body[&first]), keys(&recorded["17893085207160254"]));
    }
    let unknown = format!("/?ids={first},3912345678901234567");
    let answer = call(&world, Platform::Instagram, &Method::GET, &unknown, "");
    assert_eq!(error_code(&answer), 803);
}

#[test]
fn a_registered_media_is_read_by_its_id_with_the_time_in_its_shortcode() {
    let world = World::new(7);
    assert!(world.register_media("countersign.studio", "CRyZpjhDO_k", "REELS"));
    let id = world
        .media
        .find(code_number("CRyZpjhDO_k").unwrap())
        .unwrap();
    let fields = "permalink,media_product_type,timestamp,username";
    let body = instagram(&world, &format!("/{}?fields={fields}", id.graph_id()));
    assert_eq!(
        body["permalink"],
        "https://www.instagram.com/reel/CRyZpjhDO_k/"
    );
    assert_eq!(body["timestamp"], "2021-07-26T10:45:19+0000");
    assert_eq!(body["username"], "countersign.studio");
}
