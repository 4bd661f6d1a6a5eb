//! Which posts a list that was read in part, out of order or with rows that cannot be read has.

use super::*;

const JUNE: &str = "2021-06-09T09:47:29+0000";
const JULY: &str = "2021-07-26T10:45:20+0000";
const AUGUST: &str = "2021-08-13T08:25:28+0000";

/// Rows of other posts, published at these times.
fn rows(times: &[&str]) -> Vec<Value> {
    (100..)
        .zip(times)
        .map(|(id, time)| row(id, &format!("other{id}"), time))
        .collect()
}

/// A row that does not say which post it is.
fn unread(time: Option<&str>) -> Value {
    json!({"id": "99", "caption": "x", "timestamp": time})
}

#[test]
fn the_search_ends_when_the_list_is_past_the_time_of_the_shortcode() {
    let mut walk = walk(&[ALBUM]);
    let older = page(&rows(&[AUGUST, AUGUST, AUGUST, JUNE]), Some("b"));
    assert_eq!(walk.take(older).unwrap(), Step::Done);
    assert!(walk.found(ALBUM).is_none());
    assert!(walk.passed(ALBUM));
}

#[test]
fn pinned_posts_at_the_head_of_the_list_do_not_end_the_search() {
    for times in [
        &[JUNE][..],
        &[JUNE, JUNE, JUNE][..],
        &[JUNE, AUGUST][..],
        &[JUNE, JUNE, JUNE, AUGUST][..],
    ] {
        let mut walk = walk(&[ALBUM]);
        let step = walk.take(page(&rows(times), Some("a"))).unwrap();
        assert!(matches!(step, Step::Next(_)), "{times:?}");
        assert!(!walk.passed(ALBUM), "{times:?}");
        // They are no disorder: below them the times tell how far it is.
        let step = walk.take(page(&rows(&[JULY, JULY, JUNE]), Some("b")));
        assert_eq!(step.unwrap(), Step::Done, "{times:?}");
        assert!(walk.passed(ALBUM), "{times:?}");
    }
}

#[test]
fn a_list_in_another_order_is_read_to_its_end() {
    let oldest_first = [JUNE, JUNE, JUNE, JUNE, JUNE, AUGUST];
    let mut in_one_page = walk(&[ALBUM]);
    let step = in_one_page.take(page(&rows(&oldest_first), Some("a")));
    assert!(matches!(step.unwrap(), Step::Next(_)));

    let mut across_pages = walk(&[ALBUM]);
    across_pages
        .take(page(&rows(&[AUGUST; 4]), Some("a")))
        .unwrap();
    // The newest of all comes on the next page, and an old one last.
    let newer = ["2021-09-01T00:00:00+0000", JUNE];
    let step = across_pages.take(page(&rows(&newer), Some("b")));
    assert!(matches!(step.unwrap(), Step::Next(_)));

    for mut walk in [in_one_page, across_pages] {
        assert!(!walk.passed(ALBUM));
        let last = page(&[row(11, ALBUM, JULY)], None);
        assert_eq!(walk.take(last).unwrap(), Step::Done);
        assert_eq!(walk.found(ALBUM).unwrap().id, "11");
    }
}

#[test]
fn the_end_of_a_list_of_ten_thousand_is_not_that_of_the_account() {
    for (rows_read, last, is_past) in [
        (9_999, AUGUST, true),
        (10_000, AUGUST, false),
        (10_000, JULY, false),
        (10_000, JUNE, true),
    ] {
        let mut times = vec![AUGUST; rows_read - 1];
        times.push(last);
        let mut walk = walk(&[ALBUM]);
        let (first, second) = times.split_at(5_000);
        let step = walk.take(page(&rows(first), Some("a"))).unwrap();
        assert!(matches!(step, Step::Next(_)));
        assert_eq!(
            walk.take(page(&rows(second), None)).unwrap(),
            Step::Done,
            "there is no more to ask for"
        );
        assert_eq!(walk.passed(ALBUM), is_past, "{rows_read} {last}");
        if !is_past {
            assert!(walk.ends_before(ALBUM));
            let error = walk.undecided(ALBUM);
            assert_eq!(error.advice(), Advice::GiveUp, "the next time is no other");
            assert!(error.to_string().contains("newest 10,000"), "{error}");
        }
    }
}

#[test]
fn a_row_without_a_shortcode_may_be_any_post_that_is_not_newer() {
    for (time, may_be_it) in [
        (None, true),
        (Some(AUGUST), true),
        (Some(JULY), true),
        (Some(JUNE), false),
    ] {
        let mut walk = walk(&[ALBUM]);
        let list = [row(1, LATER, AUGUST), unread(time), row(2, PEACH, JUNE)];
        assert_eq!(walk.take(page(&list, None)).unwrap(), Step::Done);
        assert!(walk.found(ALBUM).is_none());
        assert_eq!(walk.passed(ALBUM), !may_be_it, "{time:?}");
    }
}

#[test]
fn a_row_without_a_shortcode_makes_the_search_no_longer() {
    let mut walk = walk(&[ALBUM, LATER]);
    let mut list = vec![unread(None), row(1, LATER, AUGUST)];
    list.extend(rows(&[AUGUST, JUNE]));
    assert_eq!(walk.take(page(&list, Some("b"))).unwrap(), Step::Done);
    assert!(walk.found(LATER).is_some());
    assert!(!walk.passed(ALBUM));
}

#[tokio::test]
async fn a_list_with_a_row_that_cannot_be_read_makes_no_post_gone() {
    for is_public in [false, true] {
        let stub = Stub::start(move |asked| {
            let doubtful = json!({"data": [unread(None)]});
            let fields = asked.query("fields").unwrap();
            let body = if fields.starts_with("business_discovery") {
                json!({"business_discovery": {"media": doubtful, "id": "2"}, "id": "1"})
            } else if is_public {
                json!({"data": []})
            } else {
                doubtful
            };
            Reply::new(200, body.to_string())
        })
        .await;
        let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
            .unwrap()
            .unwrap();
        let post = PostRef {
            seen_as_own: !is_public,
            seen_publicly: is_public,
            ..reference(ALBUM, Some("friend"))
        };
        let results = adapter.fetch(&[post], None).await;
        match &results[0] {
            Err(error) => assert_eq!(error.advice(), Advice::Retry),
            Ok(fetched) => panic!("{is_public}: {fetched:?}"),
        }
    }
}

#[tokio::test]
async fn what_an_accounts_list_does_not_go_back_to_is_looked_for_under_its_handle() {
    // A hundred parts of a hundred media each, all of them newer than the post.
    let stub = Stub::start(|asked| {
        let fields = asked.query("fields").unwrap();
        if fields.starts_with("business_discovery") {
            let list = json!({"data": [row(12, PEACH, JUNE)]});
            let body = json!({"business_discovery": {"media": list, "id": "2"}, "id": "1"});
            return Reply::new(200, body.to_string());
        }
        let part: u32 = asked.query("after").map_or(0, |part| part.parse().unwrap());
        let mut body = json!({"data": rows(&[AUGUST; 100])});
        if part < 99 {
            body["paging"] = json!({
                "cursors": {"after": (part + 1).to_string()}, "next": "https://a.example/",
            });
        }
        Reply::new(200, body.to_string())
    })
    .await;
    let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap();
    let own = PostRef {
        seen_as_own: true,
        ..reference(ALBUM, None)
    };
    let posts = [own, reference(PEACH, Some("friend"))];
    let results = adapter.fetch(&posts, None).await;
    assert!(
        matches!(results[0], Err(PlatformError::Refused { .. })),
        "{results:?}"
    );
    let public = found(results[1].clone().unwrap());
    assert_eq!(public.author.unwrap().id.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_page_of_a_list_that_shows_nothing_is_not_its_end() {
    for is_public in [false, true] {
        let stub = Stub::start(move |asked| {
            if asked.line.starts_with("POST") {
                return Reply::new(200, "[null]");
            }
            let fields = asked.query("fields").unwrap();
            if is_public && !fields.starts_with("business_discovery") {
                return Reply::new(200, json!({"data": []}).to_string());
            }
            let is_second = fields.contains(".after(b)") || asked.query("after").is_some();
            let list = if is_second {
                json!({"data": [row(11, ALBUM, JULY)]})
            } else {
                json!({"data": [], "paging": {
                    "cursors": {"after": "b"}, "next": "https://a.example/?after=b",
                }})
            };
            let body = if is_public {
                json!({"business_discovery": {"media": list, "id": "2"}, "id": "1"})
            } else {
                list
            };
            Reply::new(200, body.to_string())
        })
        .await;
        let adapter = Instagram::new(&stub.config(PlatformKind::Instagram))
            .unwrap()
            .unwrap();
        let post = PostRef {
            seen_as_own: !is_public,
            seen_publicly: is_public,
            ..reference(ALBUM, Some("friend"))
        };
        let results = adapter.fetch(&[post], None).await;
        match &results[0] {
            Ok(Fetched::Found(sighting)) if is_public => assert!(sighting.author.is_some()),
            // It was found, and its insights were asked for.
            Err(error) if !is_public => assert!(error.to_string().contains("timed out")),
            other => panic!("{is_public}: {other:?}"),
        }
    }
}
