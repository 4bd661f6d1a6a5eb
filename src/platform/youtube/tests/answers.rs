//! Reading what the Data API says of videos.

use chrono::DateTime;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::model::Availability;
use crate::platform::http::Answer;
use crate::platform::stub::recorded;

fn read(
    body: &str,
    asked: &[&str],
    owner: Option<&Owner>,
) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
    let answer = Answer {
        status: 200,
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    };
    wire::videos(&answer, asked, owner, &[])
}

fn one(video: &Value, owner: Option<&Owner>) -> Fetched {
    let id = video["id"].as_str().unwrap();
    let body = list(std::slice::from_ref(video)).to_string();
    read(&body, &[id], owner).unwrap().remove(0).unwrap()
}

/// The views of a video that was changed so.
fn views_with(change: impl FnOnce(&mut Value)) -> Observed {
    let mut changed = video("O0aSwKeusZM");
    change(&mut changed);
    found(one(&changed, None)).metrics.views
}

#[test]
fn a_video_has_public_views_and_the_rest_is_context() {
    let sighting = found(one(&video("O0aSwKeusZM"), None));
    assert_eq!(
        sighting.metrics.views,
        Observed::Reported {
            value: 794_755,
            definition: "youtube.viewCount".to_owned(),
            grade: EvidenceGrade::Public,
        }
    );
    for observed in [&sighting.metrics.clicks, &sighting.metrics.conversions] {
        assert_eq!(observed.availability(), Availability::Unsupported);
    }
    assert_eq!(
        sighting.context.as_deref(),
        Some("7796 likes, 157 comments")
    );
    let author = sighting.author.unwrap();
    assert_eq!(author.id.as_deref(), Some(CHANNEL));
    assert_eq!(author.handle, None);
    let time = DateTime::parse_from_rfc3339("2019-03-21T20:37:49Z").unwrap();
    assert_eq!(sighting.published_at.unwrap(), time);
    assert_eq!(sighting.raw["statistics"]["viewCount"], "794755");
    assert_eq!(sighting.raw["snippet"]["channelId"], CHANNEL);
    assert!(sighting.raw["snippet"].get("description").is_none());
}

#[test]
fn a_count_of_zero_is_reported() {
    for zero in [json!("0"), json!(0)] {
        let views = views_with(|video| video["statistics"]["viewCount"] = zero.clone());
        assert_eq!(views.value(), Some(0), "{zero}");
    }
    let number = views_with(|video| video["statistics"]["viewCount"] = json!(8087));
    assert_eq!(number.value(), Some(8087));
}

#[test]
fn a_count_that_is_not_there_is_unavailable_and_never_zero() {
    let mut bare = video("O0aSwKeusZM");
    bare.as_object_mut().unwrap().remove("statistics");
    let untold = [
        views_with(|video| video["statistics"] = json!({"likeCount": "1"})),
        views_with(|video| video["statistics"] = json!({})),
        views_with(|video| video["statistics"] = Value::Null),
        found(one(&bare, None)).metrics.views,
        views_with(|video| video["statistics"]["viewCount"] = Value::Null),
        views_with(|video| video["statistics"]["viewCount"] = json!("")),
        views_with(|video| video["statistics"]["viewCount"] = json!("12k")),
        views_with(|video| video["statistics"]["viewCount"] = json!("-1")),
        views_with(|video| video["statistics"]["viewCount"] = json!({})),
    ];
    for observed in untold {
        assert_eq!(observed.availability(), Availability::Unavailable);
        assert_eq!(observed.value(), None);
    }
}

#[test]
fn a_video_that_is_live_or_has_not_begun_says_so_where_it_has_no_count() {
    for (state, word) in [
        ("live", "live now"),
        ("upcoming", "not begun"),
        ("none", "no view count"),
    ] {
        let views = views_with(|video| {
            video["snippet"]["liveBroadcastContent"] = json!(state);
            video["statistics"] = json!({});
        });
        match views {
            Observed::Unavailable { reason } => assert!(reason.contains(word), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let live = views_with(|video| video["snippet"]["liveBroadcastContent"] = json!("live"));
    assert_eq!(live.value(), Some(794_755));
}

#[test]
fn a_video_of_which_only_the_id_is_there_is_still_found() {
    let sighting = found(one(&json!({"id": "O0aSwKeusZM"}), None));
    assert_eq!(sighting.context, None);
    assert_eq!(sighting.author, None);
    assert_eq!(sighting.published_at, None);
    assert_eq!(
        sighting.metrics.views.availability(),
        Availability::Unavailable
    );
    let mut odd = video("O0aSwKeusZM");
    odd["snippet"]["publishedAt"] = json!("yesterday");
    odd["statistics"] = json!({"viewCount": "1", "likeCount": "1"});
    let sighting = found(one(&odd, None));
    assert_eq!(sighting.published_at, None);
    assert_eq!(sighting.context.as_deref(), Some("1 like"));
}

#[test]
fn a_figure_is_the_owners_only_where_the_video_is_on_the_owners_channel() {
    for (asked_by, expected) in [
        (None, EvidenceGrade::Public),
        (Some(owner(None)), EvidenceGrade::Public),
        (Some(owner(Some("UCother"))), EvidenceGrade::Public),
        (Some(owner(Some(CHANNEL))), EvidenceGrade::OwnerToken),
    ] {
        let sighting = found(one(&video("O0aSwKeusZM"), asked_by.as_ref()));
        match sighting.metrics.views {
            Observed::Reported { grade, .. } => assert_eq!(grade, expected, "{asked_by:?}"),
            other => panic!("{other:?}"),
        }
    }
    let mut nobodys = video("O0aSwKeusZM");
    nobodys.as_object_mut().unwrap().remove("snippet");
    let owner = owner(None);
    match found(one(&nobodys, Some(&owner))).metrics.views {
        Observed::Reported { grade, .. } => assert_eq!(grade, EvidenceGrade::Public),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_private_video_that_its_owner_sees_is_found_and_said_to_be_private() {
    let mut private = video("O0aSwKeusZM");
    private["status"]["privacyStatus"] = json!("private");
    let owner = owner(Some(CHANNEL));
    let sighting = found(one(&private, Some(&owner)));
    assert_eq!(
        sighting.context.as_deref(),
        Some("status private, 7796 likes, 157 comments")
    );
    assert_eq!(sighting.metrics.views.value(), Some(794_755));
    assert_eq!(sighting.raw["status"]["privacyStatus"], "private");
}

#[test]
fn a_video_that_is_listed_as_deleted_is_gone() {
    let mut deleted = video("O0aSwKeusZM");
    deleted["status"]["uploadStatus"] = json!("deleted");
    assert!(is_gone(&one(&deleted, None)));
}

#[test]
fn an_id_that_is_left_out_of_a_whole_answer_is_gone() {
    let mut unnumbered = list(&[video("bbbbbbbbbbb")]);
    unnumbered.as_object_mut().unwrap().remove("pageInfo");
    for body in [list(&[video("bbbbbbbbbbb")]), unnumbered] {
        let asked = ["aaaaaaaaaaa", "bbbbbbbbbbb", "BBBBBBBBBBB"];
        let results = read(&body.to_string(), &asked, None).unwrap();
        let gone: Vec<bool> = results
            .iter()
            .map(|result| is_gone(result.as_ref().unwrap()))
            .collect();
        assert_eq!(gone, [true, false, true], "{body}");
    }
    let nothing = read(&list(&[]).to_string(), &["aaaaaaaaaaa"], None).unwrap();
    match nothing[0].as_ref().unwrap() {
        Fetched::Gone { reason, raw } => {
            assert!(reason.contains("deleted or made private"), "{reason}");
            assert_eq!(raw["asked"], "aaaaaaaaaaa");
        }
        Fetched::Found(sighting) => panic!("{sighting:?}"),
    }
}

#[test]
fn an_id_that_is_left_out_of_an_answer_that_may_not_be_whole_is_unknown() {
    let changed = |pointer: &str, value: Value| {
        let mut body = list(&[video("bbbbbbbbbbb")]);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let mut further = list(&[video("bbbbbbbbbbb")]);
    further["nextPageToken"] = json!("CAUQAA");
    for body in [
        further,
        changed("/kind", json!("youtube#searchListResponse")),
        changed("/kind", Value::Null),
        changed("/pageInfo/totalResults", json!(2)),
        changed("/pageInfo/totalResults", json!("many")),
        changed("/pageInfo/resultsPerPage", json!(0)),
        list(&[video("bbbbbbbbbbb"), json!({"kind": "youtube#video"})]),
        list(&[video("bbbbbbbbbbb"), Value::Null]),
        list(&[
            video("bbbbbbbbbbb"),
            json!({"kind": "youtube#channel", "id": "aaaaaaaaaaa"}),
        ]),
        list(&[video("bbbbbbbbbbb"), video("ccccccccccc")]),
        list(&[video("bbbbbbbbbbb"), video("bbbbbbbbbbb")]),
    ] {
        let results = read(&body.to_string(), &["aaaaaaaaaaa", "bbbbbbbbbbb"], None).unwrap();
        let missing = results[0].as_ref().unwrap_err();
        assert_eq!(missing.advice(), Advice::Retry, "{body}");
        assert!(!is_gone(results[1].as_ref().unwrap()), "{body}");
    }
}

#[test]
fn a_video_of_which_an_answer_says_two_things_is_unknown() {
    let mut other = video("aaaaaaaaaaa");
    other["statistics"]["viewCount"] = json!("99");
    let body = list(&[video("aaaaaaaaaaa"), other, video("bbbbbbbbbbb")]);
    let results = read(&body.to_string(), &["aaaaaaaaaaa", "bbbbbbbbbbb"], None).unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().advice(), Advice::Retry);
    assert!(results[1].is_ok());

    // Only what is no evidence differs.
    let mut alike = video("aaaaaaaaaaa");
    alike["etag"] = json!("another");
    let body = list(&[video("aaaaaaaaaaa"), alike]);
    let results = read(&body.to_string(), &["aaaaaaaaaaa"], None).unwrap();
    let views = found(results[0].clone().unwrap()).metrics.views;
    assert_eq!(views.value(), Some(794_755));
}

#[test]
fn an_answer_without_a_list_is_unreachable_and_nothing_is_gone() {
    for body in [
        "",
        "<html>",
        "{}",
        "[]",
        "null",
        r#"{"kind": "youtube#videoListResponse"}"#,
        r#"{"kind": "youtube#videoListResponse", "items": null}"#,
        r#"{"kind": "youtube#videoListResponse", "items": {}}"#,
        r#"{"kind": "youtube#videoListResponse", "items": [{"id": "aaaaaaa"#,
    ] {
        let error = read(body, &["aaaaaaaaaaa"], None).unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{body}");
    }
}

#[test]
fn recorded_answers_are_read() {
    let Some(body) = recorded("youtube/sns-sdks__python-youtube__videos_info_multi.json") else {
        return;
    };
    let asked = ["ovdbrdCIP7U", "aaaaaaaaaaa", "D-lhorsDlUQ"];
    let mut results = read(&body, &asked, None).unwrap();
    // It was asked for without statistics.
    let sighting = found(results.remove(2).unwrap());
    assert_eq!(
        sighting.metrics.views.availability(),
        Availability::Unavailable
    );
    assert_eq!(sighting.author.unwrap().id.as_deref(), Some(CHANNEL));
    let time = DateTime::parse_from_rfc3339("2019-03-21T20:37:49Z").unwrap();
    assert_eq!(sighting.published_at.unwrap(), time);
    assert!(is_gone(results[1].as_ref().unwrap()));
    assert!(!is_gone(results[0].as_ref().unwrap()));

    let statistics = recorded("youtube/sns-sdks__python-youtube__video_statistics.json").unwrap();
    let mut counted = video("O0aSwKeusZM");
    counted["statistics"] = serde_json::from_str(&statistics).unwrap();
    let sighting = found(one(&counted, None));
    assert_eq!(sighting.metrics.views.value(), Some(8087));
    assert_eq!(sighting.context.as_deref(), Some("190 likes, 32 comments"));
}
