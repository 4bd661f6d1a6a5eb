//! What shortcodes and numbers of posts say of the time.

use std::path::Path;

use chrono::DateTime;
use serde_json::Value;

use crate::model::PlatformKind;
use crate::platform::link::instagram::{created_after, media_pk};
use crate::platform::link::x::created_at;
use crate::platform::link::{PostLink, published_at};

#[test]
fn a_shortcode_spells_the_number_of_its_media() {
    for (code, pk) in [
        ("B-fKL9qpeab", 2_278_584_739_065_882_267),
        ("B1LbfVPlwIA", 2_110_901_750_722_920_960),
        ("BjNLpA1AhXM", 1_787_135_824_035_452_364),
        ("BWsP42nAHbD", 1_561_693_048_415_483_587),
        (
            "B8jnuB2HAbyc0q001y3F9CHRSoqEljK_dgkJjo0",
            2_243_811_726_252_050_162,
        ),
        (
            "CCQQsCXjOaBfS3I2PpqsNkxElV9DXj61vzo5xs0",
            2_346_448_800_803_776_129,
        ),
    ] {
        assert_eq!(media_pk(code), Some(pk), "{code}");
    }
    for code in [
        "",
        "with space",
        "CRyZpjhDO\u{e9}",
        "____________________________",
    ] {
        assert_eq!(media_pk(code), None, "{code}");
    }
}

#[test]
fn a_shortcode_tells_when_the_media_was_uploaded() {
    for (code, time) in [
        ("CRyZpjhDO_k", "2021-07-26T10:45:19.899Z"),
        ("CRyZpmrjYC4", "2021-07-26T10:45:20.304Z"),
        ("CP5Rq0bjBzn", "2021-06-09T09:47:29.680Z"),
        ("DbBeG2BS6Zk", "2026-07-20T17:24:39.771Z"),
    ] {
        let time = DateTime::parse_from_rfc3339(time)
            .unwrap()
            .timestamp_millis();
        assert_eq!(created_after(code), Some(time), "{code}");
    }
    assert_eq!(created_after("zzzzzzzzzzz"), None, "more than 64 bits");
}

#[test]
fn the_number_of_a_tiktok_post_tells_when_it_was_made_unless_it_is_too_old_to() {
    let at = |id: &str| published_at(PlatformKind::TikTok, id);
    let made = at("6718335390845095173").unwrap();
    assert_eq!(made.to_rfc3339(), "2019-07-27T13:32:33+00:00");
    for id in ["", "abc", "123456789012345", "9223372036854775808"] {
        assert_eq!(at(id), None, "{id}");
    }
}

#[test]
fn of_all_ids_only_those_of_x_and_tiktok_tell_when_a_post_was_published() {
    let number = "1700000000000000000";
    for platform in PlatformKind::ALL.iter().copied() {
        let tells = matches!(platform, PlatformKind::X | PlatformKind::TikTok);
        // An id of TikTok that is from before it began tells nothing either.
        let id = if platform == PlatformKind::TikTok {
            "6718335390845095173"
        } else {
            number
        };
        assert_eq!(published_at(platform, id).is_some(), tells, "{platform}");
    }
    let at = published_at(PlatformKind::X, number).unwrap();
    assert_eq!(at.timestamp_millis(), 1_694_146_559_129);
}

#[test]
fn the_number_of_an_x_post_tells_when_it_was_made() {
    assert_eq!(created_at("1700000000000000000"), Some(1_694_146_559_129));
    assert_eq!(created_at("1500000000000000000"), Some(1_646_462_843_309));
    for id in [
        "",
        "0",
        "20",
        "29700859246",
        "12a",
        "-1",
        "9223372036854775808",
        "17000000000000000000",
    ] {
        assert_eq!(created_at(id), None, "{id}");
    }
    assert!(created_at("29700859247").is_some());
    assert!(created_at("9223372036854775807").is_some());
}

#[test]
fn recorded_instagram_posts_are_not_older_than_their_shortcode_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/instagram");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is absent", folder.display());
        return;
    };
    let mut checked = 0;
    for path in files.map(|file| file.unwrap().path()) {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            checked += check_recorded(&serde_json::from_str(&text).unwrap());
        }
    }
    assert!(checked > 0, "no recorded permalink in {}", folder.display());
}

/// Checks each object with a permalink and a time, and says how many there were.
fn check_recorded(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(check_recorded).sum(),
        Value::Object(fields) => {
            let inner: usize = fields.values().map(check_recorded).sum();
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            let (Some(permalink), Some(time)) = (text("permalink"), text("timestamp")) else {
                return inner;
            };
            let link = PostLink::parse(permalink).unwrap();
            let posted = DateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%z").unwrap();
            let uploaded = created_after(link.native_id().unwrap()).unwrap();
            assert!(
                uploaded / 1000 <= posted.timestamp(),
                "{permalink} at {time}"
            );
            inner + 1
        }
        _ => 0,
    }
}
