//! Who posted, and when.

use chrono::{DateTime, Utc};

use super::*;
use crate::model::Secret;
use crate::platform::{Account, Owner};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn account(id: Option<&str>, handle: Option<&str>) -> Option<Account> {
    let account = Account {
        id: id.map(str::to_owned),
        handle: handle.map(str::to_owned),
    };
    (account != Account::default()).then_some(account)
}

#[test]
fn the_author_has_a_lower_case_name_and_a_fullname() {
    for (name, fullname, expected) in [
        (
            json!("Some_Body"),
            json!("t2_zbncm"),
            account(Some("t2_zbncm"), Some("some_body")),
        ),
        (
            json!("somebody"),
            json!(null),
            account(None, Some("somebody")),
        ),
        (json!("[deleted]"), json!(null), None),
        (json!(""), json!(""), None),
        (json!(null), json!(["t2_a"]), None),
    ] {
        let mut odd = post("a");
        odd["author"] = name.clone();
        odd["author_fullname"] = fullname.clone();
        let sighting = found(one(odd));
        assert_eq!(sighting.author, expected, "{name} {fullname}");
    }
    assert_eq!(found(one(json!({"id": "a"}))).author, None);
}

#[test]
fn the_time_is_read_in_whole_seconds_from_either_spelling() {
    for (created, expected) in [
        (json!(1_776_105_848.0), Some(time("2026-04-13T18:44:08Z"))),
        (json!(1_776_105_848), Some(time("2026-04-13T18:44:08Z"))),
        (json!("1776105848"), Some(time("2026-04-13T18:44:08Z"))),
        (json!(null), None),
        (json!(-1), None),
        (json!("yesterday"), None),
        (json!(9_007_199_254_740_991_u64), None),
    ] {
        let mut odd = post("a");
        odd["created_utc"] = created.clone();
        assert_eq!(found(one(odd)).published_at, expected, "{created}");
    }
    assert_eq!(found(one(json!({"id": "a"}))).published_at, None);
}

#[test]
fn author_and_time_are_read_from_recorded_answers() {
    let Some(body) = recorded("reddit/api_info_single_2022.json") else {
        return;
    };
    let mut results = parse_info(&answer(200, &body), &asked(&["uflrmv"]), &[]).unwrap();
    let sighting = found(results.remove(0).unwrap());
    assert_eq!(
        sighting.author,
        account(Some("t2_75u2lqkb"), Some("lil_spaztest"))
    );
    assert_eq!(sighting.published_at, Some(time("2022-04-30T22:33:31Z")));
    assert_eq!(sighting.raw["author_fullname"], "t2_75u2lqkb");

    // An account that was deleted, and whose post still stands.
    let body = recorded("reddit/api_info_2020_batch1.json").unwrap();
    let mut results = parse_info(&answer(200, &body), &asked(&["5dec02"]), &[]).unwrap();
    let sighting = found(results.remove(0).unwrap());
    assert_eq!(sighting.author, None);
    assert_eq!(sighting.published_at, Some(time("2016-11-17T06:12:45Z")));
}

#[tokio::test]
async fn an_owners_access_is_of_no_use_and_is_not_sent() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return Reply::new(200, TOKEN);
        }
        Reply::new(200, listing(&[post("a")]))
    })
    .await;
    let owner = Owner {
        token: Secret::new("owners-token"),
        account: Account::default(),
    };
    let reddit = adapter(&stub);
    let results = reddit.fetch(&[reference("a")], Some(&owner)).await;
    assert_eq!(results, reddit.fetch(&[reference("a")], None).await);
    assert!(results[0].is_ok());
    for request in stub.asked() {
        let text = format!("{}{}{}", request.line, request.head, request.body);
        assert!(!text.contains("owners-token"), "{text}");
    }
    assert!(
        stub.asked()[1]
            .head
            .contains("authorization: bearer the-token")
    );
}

#[tokio::test]
async fn nobody_is_asked_whose_account_a_token_reads() {
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    let owner = Owner {
        token: Secret::new("owners-token"),
        account: Account::default(),
    };
    let error = adapter(&stub).identify(&owner).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "refused: Reddit tells nobody how often a post was seen: there is nothing that an account's \
         own token would add."
    );
    assert!(stub.asked().is_empty());
}
