//! Reading Instagram's answers, and the adapter against a server that plays the Graph API.

mod again;
mod identify;
mod owner;
mod walk;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::walk::Place;
use super::*;
use crate::model::{Availability, EvidenceGrade, Observed, Secret};
use crate::platform::graph::parse_answer;
use crate::platform::stub::{Asked, Reply, Stub, recorded};
use crate::platform::{Account, Advice, Sighting};

// Real shortcodes of 2021 with the times at which they were published.
const ALBUM: &str = "CRyZpmrjYC4"; // 2021-07-26T10:45:20
const PEACH: &str = "CP5Rq0bjBzn"; // 2021-06-09T09:47:29
const LATER: &str = "CSgf9BChwVq"; // 2021-08-13T08:25:28

fn row(id: u64, code: &str, timestamp: &str) -> Value {
    json!({
        "id": id.to_string(), "shortcode": code, "timestamp": timestamp,
        "permalink": format!("https://www.instagram.com/p/{code}/"),
        "media_type": "IMAGE", "media_product_type": "FEED", "like_count": 1, "comments_count": 3,
    })
}

fn page(rows: &[Value], after: Option<&str>) -> Page {
    let mut page = json!({"data": rows, "paging": {"cursors": {"after": after}}});
    if after.is_some() {
        page["paging"]["next"] = json!("https://graph.facebook.com/v26.0/1/media?access_token=t");
    }
    wire::own_page(&page).unwrap()
}

fn place(id: &str) -> Place {
    Place {
        id: id.to_owned(),
        published_at: None,
        listed_at: None,
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn walk(codes: &[&str]) -> Walk {
    Walk::new(codes.iter().map(|code| (*code).to_owned()))
}

fn found(fetched: Fetched) -> Sighting {
    match fetched {
        Fetched::Found(sighting) => sighting,
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    }
}

fn fault(code: i64, subcode: Option<i64>, message: &str) -> Fault {
    let body = json!({"error": {"code": code, "error_subcode": subcode, "message": message}});
    parse_answer(400, &HeaderMap::new(), body.to_string().as_bytes()).unwrap_err()
}

#[test]
fn the_search_ends_when_everything_is_found() {
    let mut walk = walk(&[PEACH]);
    let first = page(&[row(1, LATER, "2021-08-13T08:25:28+0000")], Some("a"));
    let next = Step::Next(vec![("after".to_owned(), "a".to_owned())]);
    assert_eq!(walk.take(first).unwrap(), next);
    assert!(!walk.passed(PEACH));
    let second = page(&[row(2, PEACH, "2021-06-09T09:47:29+0000")], Some("b"));
    assert_eq!(walk.take(second).unwrap(), Step::Done);
    assert_eq!(walk.found(PEACH).unwrap().id, "2");
}

#[test]
fn the_end_of_the_list_passes_every_shortcode() {
    let mut walk = walk(&[PEACH]);
    assert_eq!(walk.take(page(&[], None)).unwrap(), Step::Done);
    assert!(walk.passed(PEACH));
}

#[test]
fn a_list_that_goes_round_in_circles_is_unreachable_and_passes_nothing() {
    let mut walk = walk(&[PEACH]);
    let same = || page(&[row(1, LATER, "2021-08-13T08:25:28+0000")], Some("a"));
    walk.take(same()).unwrap();
    assert_eq!(walk.take(same()).unwrap_err().advice(), Advice::Retry);
    assert!(!walk.passed(PEACH));
}

#[test]
fn remembered_ids_are_bounded_and_can_be_forgotten() {
    let ids = MediaIds::default();
    for n in 0..20_010 {
        ids.remember(&format!("c{n}"), place(&n.to_string()));
    }
    assert_eq!(ids.get("c0"), None);
    assert_eq!(ids.get("c20009"), Some(place("20009")));
    ids.forget("c20009");
    assert_eq!(ids.get("c20009"), None);
}

#[test]
fn the_shortcode_is_taken_from_the_permalink_where_it_is_not_listed() {
    for permalink in [
        "https://www.instagram.com/p/CSr71Gzlqo4/",
        "https://www.instagram.com/reel/CSr71Gzlqo4/?igsh=x",
        "https://www.instagram.com/somebody/reel/CSr71Gzlqo4",
    ] {
        let page = json!({"data": [{"id": 17_885_103_395_504_675_u64, "permalink": permalink}]});
        let media = wire::own_page(&page).unwrap().media.remove(0);
        assert_eq!(media.code.as_deref(), Some("CSr71Gzlqo4"), "{permalink}");
        assert_eq!(media.id, "17885103395504675");
        assert_eq!(media.published_ms, None);
    }
}

#[test]
fn the_suffix_of_a_private_link_is_no_part_of_the_shortcode() {
    assert_eq!(
        code_of("CCQQsCXjOaBfS3I2PpqsNkxElV9DXj61vzo5xs0").as_deref(),
        Some("CCQQsCXjOaB")
    );
    assert_eq!(code_of(ALBUM).as_deref(), Some(ALBUM));
    assert_eq!(code_of(""), None);
    assert_eq!(code_of("a/b"), None);
}

#[test]
fn nothing_but_a_handle_goes_into_the_expression_of_fields() {
    assert_eq!(
        handle_of("@Blue.Bottle_1").as_deref(),
        Some("blue.bottle_1")
    );
    for text in ["", "@", "a){id", "a b", "ümlaut", &"a".repeat(31)] {
        assert_eq!(handle_of(text), None, "{text}");
    }
}

fn own(answer: Result<Value, Fault>) -> Result<Fetched, PlatformError> {
    wire::own_media(ALBUM, "17896129349106152", None, answer)
}

#[test]
fn insights_of_the_owner_are_views_of_the_strongest_grade_the_platform_has() {
    let answer = json!({"data": [
        {"name": "views", "period": "lifetime", "values": [{"value": 21159}], "title": "Views"},
    ]});
    let sighting = found(own(Ok(answer)).unwrap());
    assert_eq!(
        sighting.metrics.views,
        Observed::Reported {
            value: 21_159,
            definition: "instagram.views".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    assert_eq!(
        sighting.metrics.clicks.availability(),
        Availability::Unsupported
    );
    assert_eq!(
        sighting.metrics.conversions.availability(),
        Availability::Unsupported
    );
    assert_eq!(sighting.raw["insights"][0]["values"][0]["value"], 21_159);
}

#[test]
fn a_reported_zero_is_a_number_and_an_empty_answer_is_none() {
    let zero = json!({"data": [{"name": "views", "period": "lifetime", "values": [{"value": 0}]}]});
    assert_eq!(found(own(Ok(zero)).unwrap()).metrics.views.value(), Some(0));
    for empty in [
        json!({"data": []}),
        json!({"data": [{"name": "reach", "values": [{"value": 4}]}]}),
    ] {
        let views = found(own(Ok(empty)).unwrap()).metrics.views;
        assert_eq!(views.availability(), Availability::Unavailable);
    }
    let odd = json!({"data": [{"name": "views", "values": [{"value": "many"}]}]});
    for unusable in [json!({}), odd] {
        assert_eq!(own(Ok(unusable)).unwrap_err().advice(), Advice::Retry);
    }
}

#[test]
fn an_error_of_one_media_says_what_it_says_about_the_post() {
    let metric =
        "The Media Insights API does not support the views metric for this media product type.";
    for (fault, expected) in [
        (fault(100, None, metric), Availability::Unsupported),
        (
            fault(100, Some(2_108_006), "Media posted before conversion"),
            Availability::Unavailable,
        ),
        (
            fault(10, None, "Not enough viewers"),
            Availability::Unavailable,
        ),
        (
            fault(200, None, "Requires instagram_manage_insights"),
            Availability::Unavailable,
        ),
    ] {
        let said = fault.said();
        let lacks_permission = matches!(fault.code(), Some(10 | 200));
        let sighting = found(own(Err(fault)).unwrap());
        assert_eq!(sighting.lacks_permission, lacks_permission, "{said}");
        assert_eq!(sighting.metrics.views.availability(), expected, "{said}");
        assert_eq!(sighting.raw["insights"]["error"]["message"], said);
    }

    for (code, advice) in [
        (1, Advice::Retry),
        (4, Advice::Snooze(None)),
        (80_002, Advice::Snooze(None)),
        (190, Advice::GiveUp),
        (2500, Advice::GiveUp),
    ] {
        assert_eq!(
            own(Err(fault(code, None, "x"))).unwrap_err().advice(),
            advice,
            "{code}"
        );
    }
}

#[test]
fn a_media_that_its_list_has_is_there_whatever_its_insights_say() {
    let missing = || Err(fault(100, Some(33), "Unsupported get request."));
    let rows = [row(11, ALBUM, "2021-07-26T10:45:20+0000")];
    let listed = page(&rows, None).media.remove(0);
    let sighting = found(wire::own_media(ALBUM, "11", Some(&listed), missing()).unwrap());
    match sighting.metrics.views {
        Observed::Unavailable { reason } => {
            assert!(reason.contains("among its account's media"), "{reason}");
            assert!(reason.contains("Unsupported get request"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(sighting.raw["media"]["shortcode"], ALBUM);
    assert_eq!(sighting.raw["insights"]["error"]["error_subcode"], 33);
    assert!(!sighting.lacks_permission);
    // Without its row nothing is known: the list is to be read.
    assert_eq!(own(missing()).unwrap_err().advice(), Advice::Retry);
}

fn public(row: &Value) -> Sighting {
    let page = json!({"business_discovery": {"media": {"data": [row]}, "id": "1"}, "id": "2"});
    let media = public_page(&page).unwrap().media.remove(0);
    found(wire::public_media("somebody", &media))
}

#[test]
fn a_reel_of_another_account_has_a_public_count_under_a_definition_of_its_own() {
    let mut reel = row(1, ALBUM, "2021-07-26T10:45:20+0000");
    reel["media_product_type"] = json!("REELS");
    reel["view_count"] = json!(4821);
    let sighting = public(&reel);
    assert_eq!(
        sighting.metrics.views,
        Observed::Reported {
            value: 4821,
            definition: "instagram.business_discovery.view_count".to_owned(),
            grade: EvidenceGrade::Public,
        }
    );
    assert_eq!(sighting.context.as_deref(), Some("1 like, 3 comments"));
}

#[test]
fn a_post_of_another_account_without_a_public_count_is_unavailable_and_not_zero() {
    let mut image = row(1, ALBUM, "2021-07-26T10:45:20+0000");
    image.as_object_mut().unwrap().remove("like_count");
    let sighting = public(&image);
    match sighting.metrics.views {
        Observed::Unavailable { reason } => assert!(reason.contains("FEED"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sighting.context.as_deref(), Some("3 comments"));
}

/// The first page of a public list.
fn public_page(page: &Value) -> Result<Page, PlatformError> {
    wire::public_page(page, &Cursor::new())
}

#[test]
fn public_lists_end_where_no_cursor_leads_on() {
    let list = |media: Value| json!({"business_discovery": {"media": media, "id": "1"}});
    let rows = json!([row(1, ALBUM, "2021-07-26T10:45:20+0000")]);
    let after = json!({"cursors": {"after": "QVFI"}});
    let cursor = vec![("after".to_owned(), "QVFI".to_owned())];
    // What is on a page may not be shown.
    for rows in [&rows, &json!([])] {
        let more = public_page(&list(json!({"data": rows, "paging": after}))).unwrap();
        assert_eq!(more.next.as_ref(), Some(&cursor), "{rows}");
    }
    for media in [
        json!({"data": rows}),
        json!({"data": rows, "paging": {"cursors": {"before": "x"}}}),
        json!({"data": []}),
        json!({"data": [], "paging": {"cursors": {"before": "x"}}}),
    ] {
        assert_eq!(public_page(&list(media)).unwrap().next, None);
    }
    let same = list(json!({"data": [], "paging": after}));
    assert_eq!(wire::public_page(&same, &cursor).unwrap().next, None);

    let odd = json!({"data": rows, "paging": {"cursors": {"after": "a){id}"}}});
    assert!(public_page(&list(odd)).is_err());
    for unreadable in [
        json!({"id": "1"}),
        json!({"business_discovery": null, "id": "1"}),
        list(json!({})),
        list(json!(null)),
    ] {
        assert!(public_page(&unreadable).is_err(), "{unreadable}");
    }
    let bare = json!({"business_discovery": {"id": "2"}, "id": "1"});
    assert!(
        wire::public_page(&bare, &cursor).is_err(),
        "no end of a list"
    );
    let none = public_page(&bare).unwrap();
    assert!(none.media.is_empty());
    assert_eq!(
        (none.next, none.listed_by.as_deref()),
        (None, Some("2")),
        "an account that has none"
    );
}

#[test]
fn recorded_lists_are_read() {
    let Some(first) = recorded("instagram/sns-sdks__python-facebook__ig_users_medias_p1.json")
    else {
        return;
    };
    let first = wire::own_page(&serde_json::from_str(&first).unwrap()).unwrap();
    let codes: Vec<&str> = first
        .media
        .iter()
        .filter_map(|media| media.code.as_deref())
        .collect();
    assert_eq!(codes, [LATER, "CSgdWACBeKr"]);
    assert_eq!(first.media[0].published_ms, Some(1_628_843_128_000));
    assert_eq!(
        first.next,
        Some(vec![("after".to_owned(), "after".to_owned())])
    );

    let last = recorded("instagram/sns-sdks__python-facebook__ig_users_medias_p2.json").unwrap();
    let last = wire::own_page(&serde_json::from_str(&last).unwrap()).unwrap();
    assert_eq!(last.media[0].code.as_deref(), Some(ALBUM));
    assert_eq!(last.media[1].code.as_deref(), Some(PEACH));
    assert_eq!(last.next, None);

    let mut walk = walk(&[PEACH, "CSgdWACBeKr"]);
    assert!(matches!(walk.take(first).unwrap(), Step::Next(_)));
    assert_eq!(walk.take(last).unwrap(), Step::Done);
    assert_eq!(walk.found(PEACH).unwrap().id, "17893085207160254");

    for (file, code, published_at) in [
        (
            "instagram/sns-sdks__python-facebook__ig_discovery_medias_p1.json",
            "CSr71Gzlqo4",
            time("2021-08-17T19:00:42Z"),
        ),
        (
            "instagram/sns-sdks__python-facebook__ig_discovery_medias_p2.json",
            "CScld93rm4W",
            time("2021-08-11T19:56:42Z"),
        ),
    ] {
        let page = recorded(file).unwrap();
        let page = public_page(&serde_json::from_str(&page).unwrap()).unwrap();
        assert_eq!(page.media[0].code.as_deref(), Some(code));
        assert!(page.next.is_some());
        let sighting = found(wire::public_media("somebody", &page.media[0]));
        assert_eq!(
            sighting.metrics.views.availability(),
            Availability::Unavailable
        );
        assert!(sighting.context.is_some());
        let author = Account {
            id: Some("17841407673135339".to_owned()),
            handle: Some("somebody".to_owned()),
        };
        assert_eq!(sighting.author, Some(author), "{file}");
        assert_eq!(sighting.published_at, Some(published_at), "{file}");
    }
}

fn reference(code: &str, handle: Option<&str>) -> PostRef {
    PostRef {
        native_id: code.to_owned(),
        canonical_url: format!("https://www.instagram.com/p/{code}/"),
        account_handle: handle.map(str::to_owned),
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

/// An account that has `ALBUM`, beside one called `friend` that has `PEACH` as a reel.
fn instagram(asked: &Asked) -> Reply {
    if asked.line.starts_with("POST") {
        let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
        let items: Vec<Value> = requests
            .iter()
            .map(|request| {
                assert_eq!(request["relative_url"], "v26.0/11/insights?metric=views");
                let row = json!({"name": "views", "period": "lifetime", "values": [{"value": 9}]});
                json!({"code": 200, "body": json!({"data": [row]}).to_string()})
            })
            .collect();
        return Reply::new(200, Value::Array(items).to_string());
    }
    let fields = asked.query("fields").unwrap();
    if asked
        .line
        .starts_with("GET /api/v26.0/17841406338772941/media?")
    {
        let body = match asked.query("after").as_deref() {
            None => json!({
                "data": [row(10, LATER, "2021-08-13T08:25:28+0000")],
                "paging": {"cursors": {"after": "p2"}, "next": "https://evil.example/?after=x"},
            }),
            Some("p2") => json!({
                "data": [row(11, ALBUM, "2021-07-26T10:45:20+0000")],
                "paging": {"cursors": {"after": "p3"}},
            }),
            Some(other) => panic!("{other}"),
        };
        return Reply::new(200, body.to_string());
    }
    if fields.starts_with("business_discovery.username(friend){media.limit(50){id,") {
        let mut reel = row(12, PEACH, "2021-06-09T09:47:29+0000");
        reel["media_product_type"] = json!("REELS");
        reel["view_count"] = json!("77");
        let body = json!({"business_discovery": {"media": {"data": [reel]}, "id": "2"}, "id": "1"});
        return Reply::new(200, body.to_string());
    }
    let body = json!({"error": {
        "message": "Invalid user id", "type": "OAuthException", "code": 110,
        "error_subcode": 2_207_013,
    }});
    Reply::new(400, body.to_string())
}

#[tokio::test]
async fn own_posts_have_insights_and_others_what_is_public() {
    let stub = Stub::start(instagram).await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    let posts = [
        reference(ALBUM, None),
        reference(PEACH, Some("@Friend")),
        reference("CRyZpjhDO_k", Some("friend")),
        reference("CRyZpjiDYZr", None),
        reference("CRyZoh5DX9y", Some("nobody")),
        reference("no code", None),
        PostRef {
            seen_publicly: true,
            ..reference("CSgdWACBeKr", Some("friend"))
        },
    ];
    let results = adapter.fetch(&posts, None).await;
    let views = |index: usize| match results[index].as_ref().unwrap() {
        Fetched::Found(sighting) => sighting.metrics.views.clone(),
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    };
    assert_eq!(views(0).value(), Some(9));
    assert_eq!(views(1).value(), Some(77));
    let author = |index: usize| found(results[index].clone().unwrap()).author;
    let account = |id: &str, handle: Option<&str>| {
        Some(Account {
            id: Some(id.to_owned()),
            handle: handle.map(str::to_owned),
        })
    };
    assert_eq!(author(0), account("17841406338772941", None));
    assert_eq!(author(1), account("2", Some("friend")));
    assert_eq!(author(3), None);
    // It may be of another account than that of the handle, until it was seen there.
    match views(2) {
        Observed::Unavailable { reason } => {
            assert!(reason.contains("public media of @friend"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(results[6], Ok(Fetched::Gone { .. })));
    assert_eq!(views(3).availability(), Availability::Unavailable);
    assert_eq!(views(4).availability(), Availability::Unavailable);
    assert!(matches!(results[5], Err(PlatformError::Refused { .. })));

    let before = stub.asked().len();
    for request in stub.asked() {
        assert!(
            !request.line.contains("the-access-token"),
            "{}",
            request.line
        );
        assert!(
            request
                .head
                .contains("authorization: bearer the-access-token")
        );
    }
    // What was found once is not looked for again.
    let results = adapter.fetch(&posts[..1], None).await;
    assert!(results[0].is_ok());
    assert_eq!(stub.asked().len(), before + 1);
}

#[tokio::test]
async fn a_post_is_gone_from_the_connected_account_only_where_that_is_its_author_still() {
    let stub = Stub::start(instagram).await;
    let config = stub.config(PlatformKind::Instagram);
    let adapter = Instagram::new(&config).unwrap().unwrap();
    let seen = |author: Option<&str>| PostRef {
        seen_as_own: true,
        author_id: author.map(str::to_owned),
        ..reference("CRyZpjhDO_k", None)
    };
    // Another account was connected when the third was seen.
    for (author, is_gone) in [
        (None, true),
        (config.account_id.as_deref(), true),
        (Some("17841400000000001"), false),
    ] {
        let results = adapter.fetch(&[seen(author)], None).await;
        let gone = matches!(results[0], Ok(Fetched::Gone { .. }));
        assert_eq!(gone, is_gone, "{author:?}: {results:?}");
    }
}

#[tokio::test]
async fn a_post_is_gone_from_a_handle_only_where_that_is_still_its_authors() {
    let stub = Stub::start(instagram).await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    let seen = |author: Option<&str>| PostRef {
        seen_publicly: true,
        author_id: author.map(str::to_owned),
        ..reference("CSgdWACBeKr", Some("friend"))
    };
    // The account of that handle is 2 now.
    for (author, is_gone) in [(None, true), (Some("2"), true), (Some("1"), false)] {
        let results = adapter.fetch(&[seen(author)], None).await;
        match results[0].as_ref().unwrap() {
            Fetched::Gone { .. } => assert!(is_gone, "{author:?}"),
            Fetched::Found(sighting) => {
                assert!(!is_gone, "{author:?}");
                assert_eq!(sighting.author, None);
            }
        }
    }
}

#[tokio::test]
async fn without_access_of_its_own_only_owners_are_asked_for() {
    let stub = Stub::start(instagram).await;
    let adapter = Instagram::of_owners(&stub.config(PlatformKind::Instagram)).unwrap();
    let posts = [reference(ALBUM, None), reference(PEACH, Some("friend"))];
    for result in adapter.fetch(&posts, None).await {
        assert!(matches!(result, Err(PlatformError::Refused { .. })));
    }
    assert!(stub.asked().is_empty());
    let owner = Owner {
        token: Secret::new("an-owners-token"),
        account: Account {
            id: Some("17841406338772941".to_owned()),
            handle: None,
        },
    };
    let results = adapter.fetch(&posts[..1], Some(&owner)).await;
    let views = found(results[0].clone().unwrap()).metrics.views;
    assert_eq!(views.value(), Some(9));
}

#[tokio::test]
async fn a_list_that_cannot_be_read_costs_only_the_posts_that_are_not_known() {
    let stub = Stub::start(|asked| {
        if asked.query("after").is_some() {
            return Reply::new(500, "");
        }
        instagram(asked)
    })
    .await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    adapter.ids.remember(ALBUM, place("11"));
    let posts = [reference(ALBUM, None), reference(PEACH, Some("friend"))];
    let results = adapter.fetch(&posts, None).await;
    assert!(matches!(results[0], Ok(Fetched::Found(_))));
    assert_eq!(results[1].as_ref().unwrap_err().advice(), Advice::Retry);
}

/// How many of twelve accounts are asked for where the server answers so, and that each post has an error.
async fn accounts_asked_for(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> usize {
    let stub = Stub::start(move |asked| {
        let fields = asked.query("fields").unwrap_or_default();
        let handle = fields
            .strip_prefix("business_discovery.username(")
            .and_then(|rest| rest.split_once(')'));
        match handle {
            Some((handle, _)) => answer(handle),
            None => instagram(asked),
        }
    })
    .await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    let posts: Vec<PostRef> = ('a'..='l')
        .map(|letter| {
            reference(
                &format!("CRyZpmrjY{letter}4"),
                Some(&format!("of.{letter}")),
            )
        })
        .collect();
    let results = adapter.fetch(&posts, None).await;
    assert_eq!(results.len(), 12);
    assert!(results.iter().all(Result::is_err), "{results:?}");
    let asked = stub.asked();
    let asked = asked.iter().filter_map(|asked| asked.query("fields"));
    asked
        .filter(|fields| fields.starts_with("business_discovery"))
        .count()
}

#[tokio::test]
async fn a_fault_that_would_befall_each_account_is_met_once_or_twice() {
    let error = |code: i64| {
        let body = json!({"error": {"message": "no", "type": "OAuthException", "code": code}});
        Reply::new(400, body.to_string())
    };
    assert_eq!(accounts_asked_for(|_| Reply::new(503, "")).await, 2);
    assert_eq!(accounts_asked_for(move |_| error(190)).await, 1);
    assert_eq!(accounts_asked_for(move |_| error(4)).await, 1);
    // An error of its own for each, and one account in two that is never answered.
    assert_eq!(accounts_asked_for(move |_| error(2)).await, 12);
    let every_second = move |handle: &str| match handle {
        "of.a" | "of.c" | "of.e" | "of.g" | "of.i" | "of.k" => Reply::new(503, ""),
        _ => error(2),
    };
    assert_eq!(accounts_asked_for(every_second).await, 12);
}

#[tokio::test]
async fn a_wrong_app_secret_is_about_this_programs_access_and_not_about_a_post() {
    // Where the list is asked for, and where the insights of a media that was found before are.
    for known in [false, true] {
        let stub = Stub::start(|asked| {
            let wrong = json!({"error": {
                "code": 100, "message": "Invalid appsecret_proof provided in the API argument",
            }})
            .to_string();
            let Some(batch) = asked.form("batch") else {
                return Reply::new(400, wrong);
            };
            let requests: Vec<Value> = serde_json::from_str(&batch).unwrap();
            let items = vec![json!({"code": 400, "body": wrong}); requests.len()];
            Reply::new(200, Value::Array(items).to_string())
        })
        .await;
        let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
            .unwrap()
            .unwrap();
        if known {
            adapter.ids.remember(ALBUM, place("11"));
        }
        let posts = [reference(ALBUM, None), reference(PEACH, Some("friend"))];
        for result in adapter.fetch(&posts, None).await {
            let is_unauthorised = matches!(result, Err(PlatformError::Unauthorised { .. }));
            assert!(is_unauthorised, "{known}: {result:?}");
        }
    }
}
