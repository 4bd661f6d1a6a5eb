//! X as a client sees it: look-ups, what only authors see, short links, quotas and faults.

use poem::http::Method;
use serde_json::{Value, json};

use super::access::Caller;
use super::accounts::{STUDIO_HANDLE, X_ACCOUNT, member};
use super::answer::Answer;
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::sample::SamplePost;
use super::testing::{fixture, header, keys, parsed, send, set};
use super::world::World;
use super::x::{Lookup, tweets_body};

const NOW_MS: i64 = 1_793_491_200_000;
const DAY_MS: i64 = 86_400_000;
const ALL_METRICS: [&str; 3] = ["public_metrics", "non_public_metrics", "organic_metrics"];

fn body(world: &World, ids: &[&str], fields: &[&str], caller: Caller, now_ms: i64) -> Value {
    let lookup = Lookup {
        ids: ids.to_vec(),
        tweet_fields: fields.to_vec(),
        user_fields: Vec::new(),
        authors: false,
        caller,
    };
    serde_json::from_slice(&tweets_body(world, &lookup, now_ms)).unwrap()
}

fn get(world: &World, query: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut fields = Vec::new();
    if !token.is_empty() {
        fields.push(("authorization", bearer.as_str()));
    }
    send(
        world,
        &Method::GET,
        &format!("/x/2/tweets?{query}"),
        &fields,
        "",
    )
}

/// The newest post of the owned account, and the newest of somebody else.
fn samples(world: &World) -> (SamplePost, SamplePost) {
    let mut posts = world.posts(Platform::X, 0, 4, None);
    let foreign = posts.remove(3);
    assert!(!foreign.owned && posts[0].owned);
    (posts.remove(0), foreign)
}

/// What each entry of `errors` says: the id, the field where it names one, the end of its type.
fn problems(body: &Value) -> Vec<String> {
    let errors = body.get("errors").and_then(Value::as_array);
    errors
        .into_iter()
        .flatten()
        .map(|error| {
            let kind = error["type"].as_str().unwrap();
            let kind = kind.strip_prefix("https://api.x.com/2/problems/").unwrap();
            assert_eq!(error["value"], error["resource_id"]);
            assert_eq!(error["resource_type"], "tweet");
            let id = error["resource_id"].as_str().unwrap();
            let field = error.get("field").and_then(Value::as_str);
            format!("{id} {} {kind}", field.unwrap_or("-"))
        })
        .collect()
}

#[test]
fn what_is_not_there_or_protected_is_told_beside_what_is() {
    let world = World::new(7);
    let (own, foreign) = samples(&world);
    assert!(world.vanish(Platform::X, &foreign.native_id));
    let (deleted, protected) = ("1278347468690915404", "1278347468690915403");
    let ids = [
        own.native_id.as_str(),
        deleted,
        protected,
        foreign.native_id.as_str(),
        "20",
    ];
    let answer = parsed(&get(&world, &format!("ids={}", ids.join(",")), ""));
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    assert_eq!(answer["data"][0]["id"], ids[0]);
    assert_eq!(
        problems(&answer),
        [
            format!("{deleted} - resource-not-found"),
            format!("{protected} - not-authorized-for-resource"),
            format!("{} - resource-not-found", foreign.native_id),
            "20 - resource-not-found".to_owned(),
        ]
    );
    let nothing = parsed(&get(&world, &format!("ids={deleted}"), ""));
    assert_eq!(keys(&nothing), set(["errors"]));
}

#[test]
fn a_protected_post_is_shown_to_its_author() {
    let world = World::new(7).with_credentials_required();
    let number = 1_278_347_468_690_915_403_u64;
    let author = member(X_ACCOUNT, number);
    let token = world.access_token(Platform::X, author);
    let answer = parsed(&get(&world, &format!("ids={number}"), &token));
    assert_eq!(answer["data"][0]["id"], number.to_string().as_str());
    assert!(problems(&answer).is_empty());
}

#[test]
fn only_the_fields_that_were_asked_for_are_answered() {
    let world = World::new(7);
    let (own, _) = samples(&world);
    let always = ["edit_history_tweet_ids", "id", "text"];
    let plain = parsed(&get(&world, &format!("ids={}", own.native_id), ""));
    assert_eq!(keys(&plain["data"][0]), set(always));
    assert_eq!(keys(&plain), set(["data"]));
    let query = format!(
        "ids={}&tweet.fields=created_at,public_metrics&expansions=author_id\
         &user.fields=username,verified",
        own.native_id
    );
    let answer = parsed(&get(&world, &query, ""));
    let post = &answer["data"][0];
    let asked = ["author_id", "created_at", "public_metrics"];
    assert_eq!(keys(post), set(always.into_iter().chain(asked)));
    assert_eq!(post["author_id"], X_ACCOUNT.to_string().as_str());
    let users = answer["includes"]["users"].as_array().unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0]["username"], STUDIO_HANDLE);
    assert_eq!(users[0]["id"], post["author_id"]);
    let Some(recorded) = fixture("x/sns-sdks__python-twitter__tweets_resp.json") else {
        return;
    };
    assert_eq!(keys(&answer), keys(&recorded));
    assert_eq!(keys(&users[0]), keys(&recorded["includes"]["users"][0]));
    assert!(keys(&recorded["data"][0]).is_subset(&keys(post)));
}

#[test]
fn a_recorded_post_was_created_when_it_was() {
    let Some(recorded) = fixture("x/sns-sdks__python-twitter__tweets_resp.json") else {
        return;
    };
    let world = World::new(7);
    for theirs in recorded["data"].as_array().unwrap() {
        let id = theirs["id"].as_str().unwrap();
        let ours = body(&world, &[id], &["created_at"], Caller::Anybody, NOW_MS);
        assert_eq!(ours["data"][0]["created_at"], theirs["created_at"]);
    }
}

#[test]
fn public_metrics_are_the_figures_of_the_post() {
    let world = World::new(7);
    let (own, _) = samples(&world);
    let id = own.native_id.as_str();
    let figures = world.figures(Platform::X, id, Some(NOW_MS)).unwrap().0;
    let answer = body(&world, &[id], &ALL_METRICS, Caller::Anybody, NOW_MS);
    let public = &answer["data"][0]["public_metrics"];
    assert_eq!(public["impression_count"], figures.views);
    assert_eq!(public["like_count"], figures.score);
    assert_eq!(public["reply_count"], figures.comments);
    assert_eq!(public["retweet_count"], figures.shares);
    assert_eq!(public["bookmark_count"], figures.saved);
    assert!(public["quote_count"].is_u64());
    let private = &answer["data"][0]["non_public_metrics"];
    assert_eq!(private["url_link_clicks"], figures.clicks);
    assert_eq!(private["impression_count"], figures.views);
    assert!(private["engagements"].as_u64().unwrap() >= figures.clicks);
    assert_eq!(
        answer["data"][0]["organic_metrics"]["url_link_clicks"],
        figures.clicks
    );
}

#[test]
fn what_only_authors_see_is_for_the_author_and_for_thirty_days() {
    let world = World::new(7);
    let (own, foreign) = samples(&world);
    let ids = [own.native_id.as_str(), foreign.native_id.as_str()];
    let refused = |id: &str| {
        ["non_public_metrics", "organic_metrics"]
            .map(|field| format!("{id} {field} not-authorized-for-field"))
    };
    let author = Caller::Account(X_ACCOUNT);
    let both = body(&world, &ids, &ALL_METRICS, author, NOW_MS);
    assert!(both["data"][0]["non_public_metrics"].is_object());
    assert!(both["data"][1]["public_metrics"].is_object());
    assert!(both["data"][1].get("non_public_metrics").is_none());
    assert_eq!(problems(&both), refused(ids[1]));

    let month_ms = own.created_at_ms + 30 * DAY_MS;
    let within = body(&world, &ids[..1], &ALL_METRICS, author, month_ms);
    assert!(problems(&within).is_empty());
    let after = body(&world, &ids[..1], &ALL_METRICS, author, month_ms + 1);
    assert_eq!(problems(&after), refused(ids[0]));
    assert!(after["data"][0]["public_metrics"].is_object());
    let unasked = body(&world, &ids, &["public_metrics"], author, month_ms + 1);
    assert!(problems(&unasked).is_empty());

    let frozen = World::new(7).with_frozen_growth();
    let late = body(&frozen, &ids[..1], &ALL_METRICS, author, month_ms + 1);
    assert!(problems(&late).is_empty());
}

#[test]
fn a_token_of_nobody_is_refused_where_credentials_are_required() {
    let world = World::new(7).with_credentials_required();
    let own = world.access_token(Platform::X, X_ACCOUNT);
    assert_eq!(get(&world, "ids=20", &own).status, 200);
    for token in ["", "nobody", "AAAAsim5Zx"] {
        let answer = get(&world, "ids=20", token);
        assert_eq!(answer.status, 401);
        assert_eq!(parsed(&answer)["title"], "Unauthorized");
        assert_eq!(get(&World::new(7), "ids=20", token).status, 200);
    }
}

#[test]
fn a_parameter_that_cannot_be_is_refused_whole() {
    let world = World::new(7);
    let ids: Vec<String> = (1..=101_u64)
        .map(|number| (1_278_347_468_690_915_500 + number).to_string())
        .collect();
    let hundred = get(&world, &format!("ids={}", ids[..100].join("%2C")), "");
    assert_eq!(parsed(&hundred)["data"].as_array().unwrap().len(), 100);
    assert_eq!(world.calls("x.tweets.ids"), 100);
    for query in [
        format!("ids={}", ids.join(",")),
        "tweet.fields=text".to_owned(),
        "ids=20,abc".to_owned(),
        "ids=12345678901234567890".to_owned(),
        "ids=20&tweet.fields=views".to_owned(),
    ] {
        let answer = get(&world, &query, "");
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(parsed(&answer)["title"], "Invalid Request");
        assert!(parsed(&answer)["errors"][0]["message"].is_string());
    }
}

#[test]
fn the_rate_limit_headers_count_down_to_a_unix_time() {
    let world = World::new(7);
    // One window, whenever the test runs.
    world.set_quota(Platform::X, Some(1), Some(1 << 40));
    let first = get(&world, "ids=20", "");
    assert_eq!(header(&first, "x-rate-limit-limit"), Some("1"));
    assert_eq!(header(&first, "x-rate-limit-remaining"), Some("0"));
    let reset = |answer: &Answer| -> i64 {
        let reset = header(answer, "x-rate-limit-reset").unwrap();
        reset.parse().unwrap()
    };
    assert_eq!(reset(&first), 1 << 40);
    let over = get(&world, "ids=20", "");
    assert_eq!((over.status, reset(&over)), (429, 1 << 40));
    assert_eq!(parsed(&over)["title"], "Too Many Requests");
}

#[test]
fn a_short_link_leads_to_the_post_it_was_made_for() {
    let world = World::new(7);
    let (own, foreign) = samples(&world);
    for post in [own, foreign] {
        let path = world.short_link(Platform::X, &post.native_id).unwrap();
        let answer = send(&world, &Method::GET, &path, &[], "");
        assert_eq!(answer.status, 301, "{path}");
        assert_eq!(header(&answer, "location"), Some(post.url.as_str()));
    }
    let unknown = send(&world, &Method::GET, "/x/not_a_token", &[], "");
    assert_eq!(unknown.status, 404);
    assert_eq!(world.calls("x.share"), 3);
}

#[test]
fn faults_take_the_form_that_x_gives_them() {
    let world = World::new(7);
    let (own, _) = samples(&world);
    let query = format!("ids={}&tweet.fields=public_metrics", own.native_id);
    let with = |kind| {
        world.clear_faults(None);
        world.add_fault(Fault::new(Platform::X, kind));
        get(&world, &query, "")
    };
    let before_s = world.now_ms() / 1_000;
    let limited = with(FaultKind::RateLimited);
    assert_eq!(limited.status, 429);
    assert_eq!(parsed(&limited)["status"], 429);
    assert_eq!(header(&limited, "x-rate-limit-remaining"), Some("0"));
    let reset_s: i64 = header(&limited, "x-rate-limit-reset")
        .unwrap()
        .parse()
        .unwrap();
    assert!(reset_s >= before_s + 4, "{reset_s} from {before_s}");
    assert_eq!(with(FaultKind::TokenRefused).status, 401);
    assert!(with(FaultKind::ServerError).status >= 500);
    for kind in [FaultKind::Truncated, FaultKind::Garbage] {
        let spoiled = with(kind);
        assert_eq!(spoiled.status, 200);
        assert!(serde_json::from_slice::<Value>(&spoiled.body).is_err());
    }
    let wrong = parsed(&with(FaultKind::WrongType));
    assert!(wrong["data"][0]["public_metrics"]["impression_count"].is_string());
    let empty = parsed(&with(FaultKind::Empty));
    assert_eq!(empty, json!({"data": []}));
    world.clear_faults(None);
    assert_eq!(get(&world, &query, "").status, 200);
}
