//! What becomes of a post whose insights end in 100/33: there is no such post, or it may not be seen.

use super::*;

/// What comes of a post of the own page whose insights end in 100/33, where `post` is answered to
/// asking for the post itself and `list` to asking for the posts of its page.
async fn decided(post: Value, list: Value) -> Result<Fetched, PlatformError> {
    decided_by(post, list, |cursor| panic!("{cursor}")).await
}

/// The same where `more` is answered to asking for the part of that list which begins at a cursor.
async fn decided_by(
    post: Value,
    list: Value,
    more: impl Fn(&str) -> Value + Send + Sync + 'static,
) -> Result<Fetched, PlatformError> {
    let stub = Stub::start(move |asked| {
        if let Some(cursor) = asked.query("after") {
            let path = format!("GET /api/v26.0/{PAGE}/published_posts?");
            assert!(asked.line.starts_with(&path), "{}", asked.line);
            return Reply::new(200, more(&cursor).to_string());
        }
        let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
        let answer = |request: &Value| match request["relative_url"].as_str().unwrap() {
            address if address.contains("/insights?") => unseen(),
            address if address.ends_with("_3?fields=id") => post.clone(),
            address if address.contains("/published_posts?") => list.clone(),
            other => panic!("{other}"),
        };
        let items: Vec<Value> = requests.iter().map(answer).collect();
        Reply::new(200, Value::Array(items).to_string())
    })
    .await;
    let adapter = Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap();
    let own = reference(&format!("{PAGE}_3"));
    adapter.fetch(&[own], None).await.remove(0)
}

fn unseen() -> Value {
    answered(400, &error(100, Some(33), "Unsupported get request."))
}

#[tokio::test]
async fn a_post_is_gone_only_where_it_cannot_be_read_and_the_list_of_its_page_can() {
    let shown = || answered(200, &json!({"id": format!("{PAGE}_3")}));
    let list = |ids: &[&str]| {
        let rows: Vec<Value> = ids
            .iter()
            .map(|id| json!({"id": format!("{PAGE}_{id}")}))
            .collect();
        answered(200, &json!({ "data": rows }))
    };
    let forbidden = || answered(403, &error(10, None, "(#10) Requires read_insights"));
    for list in [list(&["4"]), list(&[])] {
        let gone = decided(unseen(), list).await.unwrap();
        assert!(matches!(gone, Fetched::Gone { .. }), "{gone:?}");
    }
    for (post, list, sentence, lacks_permission) in [
        (shown(), list(&["4"]), "shows this post", false),
        (shown(), forbidden(), "shows this post", false),
        (unseen(), list(&["3"]), "shows this post", false),
        (unseen(), unseen(), "not to this access", false),
        (unseen(), forbidden(), "not to this access", true),
        (forbidden(), list(&["4"]), "not to this access", true),
    ] {
        let fetched = decided(post, list).await.unwrap();
        match &found(&fetched).metrics.views {
            Observed::Unavailable { reason } => assert!(reason.contains(sentence), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(found(&fetched).lacks_permission, lacks_permission);
    }
    let throttled = || answered(400, &error(4, None, "Application request limit reached"));
    let unreadable = answered(200, &json!({"data": [{}]}));
    for (post, list, advice) in [
        (throttled(), list(&["4"]), Advice::Snooze(None)),
        (unseen(), throttled(), Advice::Snooze(None)),
        (Value::Null, list(&["4"]), Advice::Retry),
        (unseen(), Value::Null, Advice::Retry),
        (answered(200, &json!({})), list(&["4"]), Advice::Retry),
        (unseen(), unreadable, Advice::Retry),
        (unseen(), answered(200, &json!({})), Advice::Retry),
    ] {
        assert_eq!(decided(post, list).await.unwrap_err().advice(), advice);
    }
}

#[tokio::test]
async fn a_part_of_the_list_that_shows_nothing_proves_nothing_while_there_is_another() {
    let part = |rows: &Value, after: Option<&str>| {
        let mut part = json!({ "data": rows });
        if let Some(after) = after {
            part["paging"] = json!({"cursors": {"after": after}, "next": "https://a.example/"});
        }
        part
    };
    let none = json!([]);
    let other = json!([{"id": format!("{PAGE}_4")}]);
    let wanted = json!([{"id": format!("{PAGE}_3")}]);
    let first = || answered(200, &part(&none, Some("b")));
    for (second, third, is_gone) in [
        (part(&other, Some("c")), None, true),
        (part(&none, None), None, true),
        (part(&none, Some("c")), Some(part(&other, None)), true),
        (part(&wanted, Some("c")), None, false),
        (part(&none, Some("c")), Some(part(&wanted, None)), false),
    ] {
        let more = move |cursor: &str| match (cursor, &third) {
            ("b", _) => second.clone(),
            ("c", Some(third)) => third.clone(),
            _ => panic!("{cursor}"),
        };
        let fetched = decided_by(unseen(), first(), more).await.unwrap();
        assert_eq!(matches!(fetched, Fetched::Gone { .. }), is_gone);
    }
    for more in [
        part(&none, Some("b")),
        error(4, None, "Application request limit reached"),
    ] {
        let undecided = decided_by(unseen(), first(), move |_| more.clone()).await;
        assert_ne!(undecided.unwrap_err().advice(), Advice::GiveUp);
    }
    // Those may not be seen by this token.
    let forbidden = error(10, None, "(#10) Requires pages_read_engagement");
    let withheld = decided_by(unseen(), first(), move |_| forbidden.clone()).await;
    assert!(found(&withheld.unwrap()).lacks_permission);
}
