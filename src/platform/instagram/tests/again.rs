//! Posts that were found before and whose insights are refused now.

use super::*;

/// What comes of `ALBUM`, which was found before and whose insights end in this error, where its account's
/// list is answered so, and after how many calls.
async fn refused(error: Value, list: Reply) -> (Result<Fetched, PlatformError>, usize) {
    let stub = Stub::start(move |asked| {
        if asked.line.starts_with("POST") {
            let body = json!({ "error": error }).to_string();
            return Reply::new(200, json!([{"code": 400, "body": body}]).to_string());
        }
        list.clone()
    })
    .await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    adapter.ids.remember(ALBUM, place("11"));
    let post = PostRef {
        seen_as_own: true,
        ..reference(ALBUM, None)
    };
    let result = adapter.fetch(&[post], None).await.remove(0);
    (result, stub.asked().len())
}

#[tokio::test]
async fn of_a_post_that_was_found_before_the_list_decides_where_its_insights_are_refused() {
    let metric =
        "The Media Insights API does not support the views metric for this media product type.";
    let errors = [
        json!({"code": 100, "error_subcode": 33, "message": "Unsupported get request."}),
        json!({"code": 100, "error_subcode": 2_108_006, "message": "Posted before conversion"}),
        json!({"code": 100, "message": metric}),
        json!({"code": 10, "message": "(#10) Requires instagram_manage_insights"}),
    ];
    for error in errors {
        let newer = row(10, LATER, "2021-08-13T08:25:28+0000");
        let album = row(11, ALBUM, "2021-07-26T10:45:20+0000");
        let list = |rows: &[&Value]| Reply::new(200, json!({ "data": rows }).to_string());

        let (listed, calls) = refused(error.clone(), list(&[&newer, &album])).await;
        let sighting = found(listed.unwrap());
        assert_eq!(sighting.metrics.views.value(), None);
        assert!(sighting.author.is_some(), "{error}");
        assert_eq!(sighting.published_at, Some(time("2021-07-26T10:45:20Z")));
        assert_eq!(sighting.raw["media"]["permalink"], album["permalink"]);
        assert_eq!(calls, 2, "the insights and the list, once each");

        let (unlisted, calls) = refused(error.clone(), list(&[&newer])).await;
        assert!(
            matches!(unlisted, Ok(Fetched::Gone { .. })),
            "{error}: {unlisted:?}"
        );
        assert_eq!(calls, 2);

        let throttle = json!({"error": {"code": 80_002, "message": "too many"}});
        let throttle = Reply::new(400, throttle.to_string());
        let (unread, _) = refused(error, throttle).await;
        assert_eq!(unread.unwrap_err().advice(), Advice::Snooze(None));
    }
}

#[tokio::test]
async fn a_post_is_not_shown_by_having_been_found_where_the_list_is_refused_too() {
    let forbidden = || {
        let error = json!({"error": {"code": 10, "message": "(#10) Requires instagram_basic"}});
        Reply::new(403, error.to_string())
    };
    let insights = json!({"code": 10, "message": "(#10) Requires instagram_manage_insights"});
    let (withheld, _) = refused(insights, forbidden()).await;
    let sighting = found(withheld.unwrap());
    assert!(sighting.lacks_permission);
    let shown = (
        sighting.metrics.views.value(),
        sighting.author,
        sighting.published_at,
    );
    assert_eq!(shown, (None, None, None));

    let missing = json!({"code": 100, "error_subcode": 33, "message": "Unsupported get request."});
    let (unknown, _) = refused(missing, forbidden()).await;
    assert!(
        matches!(unknown, Err(PlatformError::Refused { .. })),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn what_was_looked_for_again_is_asked_for_by_its_id_the_next_time() {
    // The first time the list comes first. It serves for a while where the insights do not say that the media is missing.
    for (error, counts) in [
        (json!({"code": 100, "message": "(#100) x"}), [2, 3, 4]),
        (
            json!({"code": 100, "error_subcode": 33, "message": "x"}),
            [2, 4, 6],
        ),
    ] {
        let stub = Stub::start(move |asked| {
            if asked.line.starts_with("POST") {
                let body = json!({ "error": error }).to_string();
                return Reply::new(200, json!([{"code": 400, "body": body}]).to_string());
            }
            let rows = [row(11, ALBUM, "2021-07-26T10:45:20+0000")];
            Reply::new(200, json!({ "data": rows }).to_string())
        })
        .await;
        let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
            .unwrap()
            .unwrap();
        for calls in counts {
            let results = adapter.fetch(&[reference(ALBUM, None)], None).await;
            assert!(found(results[0].clone().unwrap()).author.is_some());
            assert_eq!(stub.asked().len(), calls);
        }
    }
}
