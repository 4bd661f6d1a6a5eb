//! Whose token it is, as each platform tells whoever holds it.

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::{
    INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE, META_PAGE, STUDIO_HANDLE, TIKTOK_ACCOUNT, X_ACCOUNT,
    YOUTUBE_CHANNEL, channel_id, creator, handle_of, member, member_handle, other_page,
};
use super::answer::Answer;
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::testing::{call_as, error_code, header, keys, parsed, send, set};
use super::world::World;

const ME: &str = "/youtube/youtube/v3/channels?part=snippet&mine=true";
const USER: &str = "/tiktok/v2/user/info/?fields=open_id,username";
const USERS_ME: &str = "/x/2/users/me";

/// A GET with a bearer token, or without one where it is empty.
fn get(world: &World, url: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = Vec::new();
    if !token.is_empty() {
        headers.push(("authorization", bearer.as_str()));
    }
    send(world, &Method::GET, url, &headers, "")
}

/// The answer to a request that must succeed.
fn told(world: &World, url: &str, token: &str) -> Value {
    let answer = get(world, url, token);
    assert_eq!(answer.status, 200, "{url}: {:?}", parsed(&answer));
    parsed(&answer)
}

fn youtube(world: &World, token: &str) -> (Value, Value) {
    let body = told(world, ME, token);
    assert_eq!(body["kind"], "youtube#channelListResponse");
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    let item = &body["items"][0];
    (item["id"].clone(), item["snippet"]["customUrl"].clone())
}

fn tiktok(world: &World, token: &str) -> (Value, Value) {
    let body = told(world, USER, token);
    assert_eq!(body["error"]["code"], "ok");
    let user = &body["data"]["user"];
    assert_eq!(keys(user), set(["open_id", "username"]));
    (user["open_id"].clone(), user["username"].clone())
}

fn x(world: &World, token: &str) -> (Value, Value) {
    let body = told(world, USERS_ME, token);
    assert_eq!(keys(&body), set(["data"]));
    let user = &body["data"];
    assert_eq!(keys(user), set(["id", "name", "username"]));
    (user["id"].clone(), user["username"].clone())
}

fn instagram(world: &World, token: &str) -> (Value, Value) {
    let me = told(world, "/instagram/v26.0/me?fields=user_id,username", token);
    let fields = "instagram_business_account{id,username},name";
    let pages = told(
        world,
        &format!("/instagram/v26.0/me/accounts?fields={fields}&limit=100"),
        token,
    );
    assert_eq!(pages["data"].as_array().unwrap().len(), 1);
    let page = &pages["data"][0];
    assert_eq!(
        keys(page),
        set(["id", "instagram_business_account", "name"])
    );
    assert_eq!(keys(&pages["paging"]), set(["cursors"]));
    let connected = &page["instagram_business_account"];
    assert_eq!(keys(connected), set(["id", "username"]));
    assert_eq!(connected["id"], me["user_id"]);
    assert_eq!(connected["username"], me["username"]);
    assert_ne!(page["id"], connected["id"]);
    (connected["id"].clone(), connected["username"].clone())
}

fn meta(world: &World, token: &str) -> (Value, Value) {
    let me = told(world, "/meta/v26.0/me?fields=id,name,category", token);
    assert_eq!(keys(&me), set(["category", "id", "name"]));
    (me["id"].clone(), Value::Null)
}

/// What a platform tells of the account of a token.
fn whose(world: &World, platform: Platform, token: &str) -> (Value, Value) {
    match platform {
        Platform::Reddit => panic!("there is nothing to ask Reddit"),
        Platform::Instagram => instagram(world, token),
        Platform::Meta => meta(world, token),
        Platform::YouTube => youtube(world, token),
        Platform::TikTok => tiktok(world, token),
        Platform::X => x(world, token),
    }
}

/// The owned account of a platform and another one, each with what it is told as.
fn accounts(platform: Platform) -> [(u64, (Value, Value)); 2] {
    let named = |account: u64, handle: &str| {
        let id = account.to_string();
        (account, (json!(id), json!(handle)))
    };
    let of_member = |own: u64| {
        let other = member(own, 5);
        [
            named(own, STUDIO_HANDLE),
            named(other, &member_handle(own, other)),
        ]
    };
    match platform {
        Platform::Reddit => panic!("accounts of Reddit have no tokens"),
        Platform::Instagram => [
            named(INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE),
            named(creator(5), &handle_of(creator(5))),
        ],
        Platform::Meta => {
            [META_PAGE, other_page(5)].map(|page| (page, (json!(page.to_string()), Value::Null)))
        }
        Platform::YouTube => [YOUTUBE_CHANNEL, member(YOUTUBE_CHANNEL, 5)].map(|channel| {
            let handle = member_handle(YOUTUBE_CHANNEL, channel);
            let told = (json!(channel_id(channel)), json!(format!("@{handle}")));
            (channel, told)
        }),
        Platform::TikTok => of_member(TIKTOK_ACCOUNT),
        Platform::X => of_member(X_ACCOUNT),
    }
}

const ASKED: [Platform; 5] = [
    Platform::Instagram,
    Platform::Meta,
    Platform::YouTube,
    Platform::TikTok,
    Platform::X,
];

#[test]
fn a_token_is_told_to_be_of_the_account_that_it_was_issued_for() {
    for world in [World::new(7).with_credentials_required(), World::new(7)] {
        for platform in ASKED {
            for (account, told) in accounts(platform) {
                let token = world.access_token(platform, account);
                assert_eq!(whose(&world, platform, &token), told, "{platform:?}");
            }
        }
        for name in [
            "instagram.accounts",
            "instagram.object",
            "meta.post",
            "youtube.channels",
            "tiktok.user_info",
            "x.users_me",
        ] {
            assert_eq!(world.calls(name), 2, "{name}");
        }
    }
}

#[test]
fn where_tokens_are_not_checked_any_other_one_is_the_owned_accounts() {
    let open = World::new(7);
    for platform in ASKED {
        let [(_, owned), _] = accounts(platform);
        for token in ["any", ""] {
            assert_eq!(whose(&open, platform, token), owned, "{platform:?}");
        }
    }
}

#[test]
fn a_token_that_is_over_or_of_nobody_is_refused_in_the_platforms_own_form() {
    let open = World::new(7);
    let closed = World::new(7).with_credentials_required();
    for (world, token) in [
        (&open, "expired-1"),
        (&closed, "expired-1"),
        (&closed, "any"),
    ] {
        for url in [
            "/instagram/v26.0/me?fields=user_id,username",
            "/instagram/v26.0/me/accounts?fields=name",
            "/meta/v26.0/me?fields=id,name",
        ] {
            let refused = get(world, url, token);
            assert_eq!((refused.status, error_code(&refused)), (400, json!(190)));
        }
        let youtube = get(world, ME, token);
        assert_eq!(youtube.status, 401);
        assert_eq!(
            parsed(&youtube)["error"]["errors"][0]["reason"],
            "authError"
        );
        let tiktok = get(world, USER, token);
        assert_eq!(tiktok.status, 401);
        assert_eq!(parsed(&tiktok)["error"]["code"], "access_token_invalid");
        let x = get(world, USERS_ME, token);
        assert_eq!(x.status, 401);
        assert_eq!(parsed(&x)["title"], "Unauthorized");
    }
}

#[test]
fn an_account_of_instagram_is_shown_to_its_own_token_only() {
    for world in [World::new(7).with_credentials_required(), World::new(7)] {
        let own = world.access_token(Platform::Instagram, creator(1));
        let other = world.access_token(Platform::Instagram, creator(2));
        let url = format!("/{}?fields=id,username,media_count", creator(1));
        let get = |token: &str| call_as(&world, Platform::Instagram, &Method::GET, &url, "", token);
        assert_eq!(parsed(&get(&own))["username"], "creator_1");
        let refused = get(&other);
        assert_eq!((refused.status, error_code(&refused)), (400, json!(100)));
        assert_eq!(parsed(&refused)["error"]["error_subcode"], 33);
    }
}

#[test]
fn a_person_has_a_name_and_no_category() {
    let open = World::new(7);
    let me = told(&open, "/meta/v26.0/me?fields=id,name", "person-1");
    assert_eq!(keys(&me), set(["id", "name"]));
    let refused = get(&open, "/meta/v26.0/me?fields=id,name,category", "person-1");
    assert_eq!((refused.status, error_code(&refused)), (400, json!(100)));
    let closed = World::new(7).with_credentials_required();
    let refused = get(&closed, "/meta/v26.0/me?fields=id,name", "person-1");
    assert_eq!(error_code(&refused), json!(190));
}

#[test]
fn a_channel_is_told_to_a_token_that_asks_for_its_own_and_to_no_key() {
    let world = World::new(7).with_credentials_required();
    let token = world.access_token(Platform::YouTube, YOUTUBE_CHANNEL);
    let reason = |answer: &Answer| parsed(answer)["error"]["errors"][0]["reason"].clone();

    let key = ("x-goog-api-key", token.as_str());
    let by_key = send(&world, &Method::GET, ME, &[key], "");
    assert_eq!((by_key.status, reason(&by_key)), (401, json!("required")));
    let by_nobody = get(&world, ME, "");
    let forbidden = (403, json!("forbidden"));
    assert_eq!((by_nobody.status, reason(&by_nobody)), forbidden);

    let list = "/youtube/youtube/v3/channels";
    for (query, expected) in [
        ("mine=true", "missingRequiredParameter"),
        ("part=snippet", "missingRequiredParameter"),
        ("part=snippet&mine=false", "missingRequiredParameter"),
        ("part=views&mine=true", "unknownPart"),
    ] {
        let refused = get(&world, &format!("{list}?{query}"), &token);
        let expected = (400, json!(expected));
        assert_eq!((refused.status, reason(&refused)), expected, "{query}");
    }
    let bare = told(&world, &format!("{list}?part=id&mine=true"), &token);
    assert_eq!(keys(&bare["items"][0]), set(["etag", "id", "kind"]));
}

#[test]
fn fields_that_no_user_has_are_refused() {
    let world = World::new(7);
    for fields in ["", "open_id,handle"] {
        let url = format!("/tiktok/v2/user/info/?fields={fields}");
        let refused = get(&world, &url, "");
        assert_eq!(refused.status, 400, "{fields}");
        assert_eq!(parsed(&refused)["error"]["code"], "invalid_params");
    }
    let all = "open_id,union_id,display_name,username,profile_deep_link,is_verified";
    let url = format!("/tiktok/v2/user/info/?fields={all},avatar_url");
    let user = told(&world, &url, "")["data"]["user"].clone();
    assert_eq!(keys(&user), set(all.split(',')));

    let refused = get(&world, &format!("{USERS_ME}?user.fields=handle"), "");
    assert_eq!(refused.status, 400);
    assert_eq!(parsed(&refused)["title"], "Invalid Request");
    let more = told(&world, &format!("{USERS_ME}?user.fields=verified"), "");
    let expected = set(["id", "name", "username", "verified"]);
    assert_eq!(keys(&more["data"]), expected);
}

#[test]
fn asking_whose_a_token_is_costs_of_the_quota_and_meets_faults() {
    let world = World::new(7);
    for (platform, url, status) in [
        (Platform::YouTube, ME, 403),
        (Platform::TikTok, USER, 429),
        (Platform::X, USERS_ME, 429),
    ] {
        // One window, whenever the test runs.
        world.set_quota(platform, Some(1), Some(1 << 40));
        let first = get(&world, url, "");
        assert_eq!(first.status, 200, "{url}");
        let is_told = header(&first, "x-rate-limit-remaining") == Some("0");
        assert_eq!(is_told, platform == Platform::X);
        assert_eq!(get(&world, url, "").status, status, "{url}");
        world.set_quota(platform, None, None);
    }
    for (platform, url, endpoint) in [
        (Platform::YouTube, ME, "youtube.channels"),
        (Platform::TikTok, USER, "tiktok.user_info"),
        (Platform::X, USERS_ME, "x.users_me"),
        (
            Platform::Instagram,
            "/instagram/me/accounts?fields=name",
            "instagram.accounts",
        ),
    ] {
        let fault = Fault::new(platform, FaultKind::ServerError).at(endpoint);
        world.add_fault(fault.for_calls(1));
        assert!(get(&world, url, "").status >= 500, "{url}");
        assert_eq!(get(&world, url, "").status, 200, "{url}");
    }
}
