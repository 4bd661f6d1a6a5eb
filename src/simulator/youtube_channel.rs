//! A YouTube channel as the Data API shows it to its owner.

use super::accounts::{YOUTUBE_CHANNEL, channel_id, member_handle};
use super::digest::mix;
use super::json::Json;
use super::published::written;
use super::youtube_video::etag;

/// 2010-01-01, after which every channel began.
const FIRST_S: i64 = 1_262_304_000;
/// Ten years, within which every channel began.
const SPAN_S: u64 = 315_360_000;

/// The parts that a channel has. Those that the simulator has nothing to say in are left out.
pub(super) const PARTS: [&str; 10] = [
    "auditDetails",
    "brandingSettings",
    "contentDetails",
    "contentOwnerDetails",
    "id",
    "localizations",
    "snippet",
    "statistics",
    "status",
    "topicDetails",
];

const THUMBNAILS: [(&str, u64); 3] = [("default", 88), ("medium", 240), ("high", 800)];

/// The list of this channel alone, with these parts.
pub(super) fn list(channel: u64, parts: &[&str]) -> Vec<u8> {
    let mut json = Json::with_capacity(1_536);
    json.object();
    json.string_field("kind", "youtube#channelListResponse");
    json.string_field("etag", &etag(mix(channel)));
    json.key("pageInfo");
    json.object();
    json.number_field("totalResults", 1);
    json.number_field("resultsPerPage", 5);
    json.end_object();
    json.key("items");
    json.array();
    json.object();
    json.string_field("kind", "youtube#channel");
    json.string_field("etag", &etag(channel));
    json.string_field("id", &channel_id(channel));
    if parts.contains(&"snippet") {
        write_snippet(&mut json, channel);
    }
    json.end_object();
    json.end_array();
    json.end_object();
    json.finish()
}

fn write_snippet(json: &mut Json, channel: u64) {
    let handle = member_handle(YOUTUBE_CHANNEL, channel);
    let description = format!("The channel of {handle}.");
    let began_s = FIRST_S + i64::try_from(mix(channel) % SPAN_S).unwrap_or(0);
    json.key("snippet");
    json.object();
    json.string_field("title", &handle);
    json.string_field("description", &description);
    json.string_field("customUrl", &format!("@{handle}"));
    json.string_field("publishedAt", &written(began_s, "%Y-%m-%dT%H:%M:%SZ"));
    json.key("thumbnails");
    json.object();
    for (name, side) in THUMBNAILS {
        json.key(name);
        json.object();
        json.string_field(
            "url",
            &format!("https://yt3.ggpht.com/{}=s{side}", channel_id(channel)),
        );
        json.number_field("width", side);
        json.number_field("height", side);
        json.end_object();
    }
    json.end_object();
    json.key("localized");
    json.object();
    json.string_field("title", &handle);
    json.string_field("description", &description);
    json.end_object();
    json.end_object();
}
