//! The simulator as a server: its platforms and its controls over HTTP.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

async fn request(world: &Arc<World>, method: Method, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri_str(path)
        .body(body.to_owned());
    let response = routes(Arc::clone(world)).get_response(request).await;
    let status = response.status().as_u16();
    (status, response.into_body().into_string().await.unwrap())
}

async fn get(world: &Arc<World>, path: &str) -> Value {
    let (status, body) = request(world, Method::GET, path, "").await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

async fn shown(world: &Arc<World>) -> Value {
    get(world, "/reddit/api/info?id=t3_1skjxta").await["data"].clone()
}

async fn post(world: &Arc<World>, path: &str, body: &Value) -> Value {
    let (status, text) = request(world, Method::POST, path, &body.to_string()).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_server_answers_until_it_is_stopped() {
    let config = SimulatorConfig {
        seed: 7,
        credentials_required: false,
    };
    let simulator = Simulator::start(config, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address = simulator.address();
    assert_eq!(
        simulator.base_url(Platform::Meta),
        format!("http://{address}/meta")
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = "GET /reddit/api/info?id=t3_1skjxta HTTP/1.1\r\nHost: simulator\r\n\
        Connection: close\r\n\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-ratelimit-remaining: ") && answer.contains("\"t3_1skjxta\""));
    assert_eq!(simulator.world().calls("reddit.info"), 1);
    simulator.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn posts_and_their_figures_agree_with_what_the_platform_shows() {
    let world = Arc::new(World::new(7).with_frozen_growth());
    let posts = get(&world, "/_control/posts?platform=reddit&count=3").await;
    for post in posts.as_array().unwrap() {
        let id = post["native_id"].as_str().unwrap();
        assert!(post["url"].as_str().unwrap().contains(id));
        let figures = get(
            &world,
            &format!("/_control/figures?platform=reddit&id={id}"),
        )
        .await;
        let listing = get(&world, &format!("/reddit/api/info/?id=t3_{id}")).await;
        assert_eq!(
            listing["data"]["children"][0]["data"]["score"],
            figures["score"]
        );
        assert!(figures["views"].as_u64().unwrap() >= SMALLEST_POST);
        assert!(figures["clicks"].is_u64() && figures["comments"].is_u64());
    }
    let calls = get(&world, "/_control/calls").await;
    assert_eq!(calls["reddit.info"], 3);
    assert_eq!(calls["instagram.batch"], 0);
}

#[tokio::test]
async fn a_post_vanishes_comes_back_and_loses_counts_on_request() {
    let world = Arc::new(World::new(7).with_frozen_growth());
    let before = shown(&world).await;
    let post_body = json!({"platform": "reddit", "id": "1skjxta"});
    post(&world, "/_control/vanish", &post_body).await;
    assert_eq!(shown(&world).await["dist"], 0);
    post(&world, "/_control/restore", &post_body).await;
    assert_eq!(shown(&world).await, before);
    let purge = json!({"platform": "reddit", "id": "1skjxta", "percent": 100});
    post(&world, "/_control/purge", &purge).await;
    assert_eq!(shown(&world).await["children"][0]["data"]["score"], 0);
}

#[tokio::test]
async fn faults_are_set_and_cleared_over_http() {
    let world = Arc::new(World::new(7));
    let fault = json!({"platform": "reddit", "kind": "server_error", "share": 1.0});
    post(&world, "/_control/faults", &fault).await;
    let info = "/reddit/api/info?id=t3_abc";
    assert!(request(&world, Method::GET, info, "").await.0 >= 500);
    request(
        &world,
        Method::DELETE,
        "/_control/faults?platform=reddit",
        "",
    )
    .await;
    assert_eq!(request(&world, Method::GET, info, "").await.0, 200);
    let misspelt = json!({"platform": "reddit", "kind": "server_error", "shere": 1.0});
    let path = "/_control/faults";
    assert_eq!(
        request(&world, Method::POST, path, &misspelt.to_string())
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn the_clock_moves_and_growth_stops_over_http() {
    let world = Arc::new(World::new(7));
    let before = world.now_ms();
    let body = json!({"offset_seconds": 864_000, "growth_frozen": true});
    let now = post(&world, "/_control/clock", &body).await["now"]
        .as_i64()
        .unwrap();
    assert!(now - before >= 864_000_000);
    let path = "/_control/figures?platform=reddit&id=1skjxta&at=";
    let early = get(&world, &format!("{path}0")).await;
    let late = get(&world, &format!("{path}{now}")).await;
    assert_eq!(early["views"], late["views"]);
}

#[tokio::test]
async fn a_quota_can_be_set_and_lifted_over_http() {
    let world = Arc::new(World::new(7));
    let limited = json!({"platform": "reddit", "limit": 0});
    post(&world, "/_control/quota", &limited).await;
    let info = "/reddit/api/info?id=t3_abc";
    assert_eq!(request(&world, Method::GET, info, "").await.0, 429);
    post(&world, "/_control/quota", &json!({"platform": "reddit"})).await;
    assert_eq!(request(&world, Method::GET, info, "").await.0, 200);
}

#[tokio::test]
async fn the_environment_says_how_each_platform_is_reached_and_opened() {
    let config = SimulatorConfig {
        seed: 7,
        credentials_required: true,
    };
    let simulator = Simulator::start(config, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let environment = simulator.environment();
    let value = |name: &str| {
        let name = format!("COUNTERSIGN_PLATFORM_{name}");
        let mut found = environment.iter().filter(|(key, _)| *key == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} comes twice");
        value
    };
    for platform in Platform::ALL {
        let name = platform.as_str().to_uppercase();
        let base_url = simulator.base_url(platform);
        assert_eq!(value(&format!("{name}_BASE_URL")), Some(base_url.as_str()));
        assert_eq!(value(&format!("{name}_WEB_URL")), Some(base_url.as_str()));
        let token = accounts::own(platform)
            .map(|account| simulator.world().access_token(platform, account));
        assert_eq!(value(&format!("{name}_ACCESS_TOKEN")), token.as_deref());
    }
    assert_eq!(value("REDDIT_CLIENT_ID"), Some(REDDIT_CLIENT_ID));
    assert_eq!(value("META_ACCOUNT_ID"), Some("100064000042001"));
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn the_control_lists_posts_and_credentials_of_the_new_platforms() {
    let world = Arc::new(World::new(7).with_credentials_required());
    let credentials = get(&world, "/_control/credentials").await;
    for platform in [Platform::YouTube, Platform::TikTok, Platform::X] {
        let name = platform.as_str();
        let account = accounts::own(platform).unwrap();
        let token = world.access_token(platform, account);
        assert_eq!(credentials[name]["access_token"], token.as_str());
        assert_eq!(credentials[name]["account_handle"], STUDIO_HANDLE);
        let posts = get(&world, &format!("/_control/posts?platform={name}&count=1")).await;
        assert_eq!(posts[0]["account_id"], credentials[name]["account_id"]);
        let id = posts[0]["native_id"].as_str().unwrap();
        let path = format!("/_control/figures?platform={name}&id={id}");
        assert!(get(&world, &path).await["views"].is_u64());
        post(
            &world,
            "/_control/vanish",
            &json!({"platform": name, "id": id}),
        )
        .await;
        assert_eq!(get(&world, &path).await["gone"], true);
    }
}

#[tokio::test]
async fn short_links_of_every_platform_redirect_to_the_posts_own_address() {
    let world = Arc::new(World::new(7));
    for platform in Platform::ALL {
        for post in world.posts(platform, 0, 8, None) {
            let Some(path) = world.short_link(platform, &post.native_id) else {
                assert_eq!(platform, Platform::YouTube, "{}", post.url);
                continue;
            };
            let request = Request::builder().uri_str(&path).finish();
            let response = routes(Arc::clone(&world)).get_response(request).await;
            assert!(response.status().is_redirection(), "{path}");
            let location = response.header("location").unwrap();
            assert!(
                location.starts_with(&post.url),
                "{location} for {}",
                post.url
            );
        }
    }
}

#[tokio::test]
async fn answers_are_dated_by_a_clock_that_was_moved() {
    let world = Arc::new(World::new(7));
    let dated = async || {
        let request = Request::builder().uri_str("/reddit/api/info").finish();
        let response = routes(Arc::clone(&world)).get_response(request).await;
        let date = response.headers().get("date")?.to_str().ok()?.to_owned();
        chrono::DateTime::parse_from_rfc2822(&date).ok()
    };
    // The server's own date is right, and is added by it.
    assert_eq!(dated().await, None);
    world.set_clock(48 * 3_600_000);
    let ahead_ms = dated().await.unwrap().timestamp_millis() - world.now_ms();
    assert!((-60_000..=0).contains(&ahead_ms), "{ahead_ms} ms");
}
