//! Insights of a page's post: which metrics there are, and what they say.
//!
//! One wrong metric fails the whole request. Some metrics come twice, once for the lifetime and
//! once for the day, so a reader who takes any row of a name is caught out.

use super::figures::Figures;
use super::graph::timestamp;
use super::graph_error::GraphError;
use super::json::Json;

/// The reactions, with their share of the total in percent; likes are the rest.
const REACTIONS: [(&str, u64); 6] = [
    ("love", 17),
    ("wow", 5),
    ("haha", 6),
    ("sorry", 2),
    ("anger", 1),
    ("like", 0),
];

/// The metrics that are answered, in the order of the rows, with their titles.
const METRICS: [(&str, &str); 14] = [
    (
        "post_activity_by_action_type",
        "Lifetime Post Activity by Action Type",
    ),
    (
        "post_activity_by_action_type_unique",
        "Lifetime Unique Post Activity by Action Type",
    ),
    ("post_clicks", "Lifetime Post Clicks"),
    ("post_clicks_by_type", "Lifetime Post Clicks by Type"),
    ("post_media_view", "Lifetime Post Views"),
    (
        "post_reactions_anger_total",
        "Lifetime Total Anger Reactions",
    ),
    (
        "post_reactions_by_type_total",
        "Lifetime Total Reactions by Type",
    ),
    ("post_reactions_haha_total", "Lifetime Total Haha Reactions"),
    ("post_reactions_like_total", "Lifetime Total Like Reactions"),
    ("post_reactions_love_total", "Lifetime Total Love Reactions"),
    ("post_reactions_sorry_total", "Lifetime Total Sad Reactions"),
    ("post_reactions_wow_total", "Lifetime Total Wow Reactions"),
    ("post_total_media_view_unique", "Lifetime Post Viewers"),
    ("post_video_views", "Lifetime Video Views"),
];

/// Metrics that also come with a row for the day.
const DAILY: [&str; 2] = ["post_media_view", "post_total_media_view_unique"];

/// A request for the insights of one post.
pub(super) struct InsightsRequest<'a> {
    /// `<page id>_<post id>`.
    pub(super) id: &'a str,
    pub(super) metrics: &'a str,
    /// `lifetime` or `day`; both without.
    pub(super) period: Option<&'a str>,
    pub(super) version: &'a str,
    pub(super) token: &'a str,
    pub(super) now_ms: i64,
}

/// Writes `{"data":[…],"paging":{…}}` with the metrics of a comma-separated list.
pub(super) fn write(
    json: &mut Json,
    request: &InsightsRequest<'_>,
    figures: &Figures,
) -> Result<(), GraphError> {
    let asked: Vec<&str> = request
        .metrics
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if asked.is_empty() {
        return Err(GraphError::no_metric());
    }
    if !asked
        .iter()
        .all(|name| METRICS.iter().any(|(known, _)| known == name))
    {
        return Err(GraphError::parameter(
            "(#100) The value must be a valid insights metric",
        ));
    }
    if !matches!(request.period, None | Some("lifetime" | "day")) {
        return Err(GraphError::parameter(
            "(#100) The value must be a valid period",
        ));
    }
    json.object();
    json.key("data");
    json.array();
    for (name, title) in METRICS.iter().filter(|(name, _)| asked.contains(name)) {
        if request.period != Some("day") {
            write_row(json, request, name, title, "lifetime", figures);
        }
        if request.period != Some("lifetime") && DAILY.contains(name) {
            write_row(json, request, name, title, "day", figures);
        }
    }
    json.end_array();
    write_paging(json, request);
    json.end_object();
    Ok(())
}

fn write_row(
    json: &mut Json,
    request: &InsightsRequest<'_>,
    name: &str,
    title: &str,
    period: &str,
    figures: &Figures,
) {
    json.object();
    json.string_field("name", name);
    json.string_field("period", period);
    json.key("values");
    json.array();
    json.object();
    json.key("value");
    if period == "day" {
        json.number(0);
        json.string_field("end_time", &timestamp(midnight_s(request.now_ms)));
    } else {
        write_value(json, name, figures);
    }
    json.end_object();
    json.end_array();
    json.string_field("title", title);
    json.string_field(
        "description",
        &format!("{title}: counted since the post was published."),
    );
    json.string_field("id", &format!("{}/insights/{name}/{period}", request.id));
    json.end_object();
}

fn write_value(json: &mut Json, name: &str, figures: &Figures) {
    match name {
        "post_media_view" => json.number(figures.views),
        "post_total_media_view_unique" => json.number(figures.reach),
        "post_clicks" => json.number(figures.clicks),
        "post_video_views" => json.number(figures.views / 3),
        "post_clicks_by_type" => {
            let links = figures.clicks * 6 / 10;
            let parts = [
                ("link clicks", links),
                ("other clicks", figures.clicks - links),
            ];
            write_map(json, parts);
        }
        "post_reactions_by_type_total" => {
            let parts = REACTIONS.map(|(reaction, _)| (reaction, reactions(figures, reaction)));
            write_map(json, parts);
        }
        "post_activity_by_action_type" | "post_activity_by_action_type_unique" => {
            let parts = [
                ("like", figures.score),
                ("comment", figures.comments),
                ("share", figures.shares),
            ];
            write_map(json, parts);
        }
        _ => {
            let reaction = name
                .trim_start_matches("post_reactions_")
                .trim_end_matches("_total");
            json.number(reactions(figures, reaction));
        }
    }
}

/// A map from names to counts, without those that are zero, as on Facebook.
fn write_map<'a>(json: &mut Json, parts: impl IntoIterator<Item = (&'a str, u64)>) {
    json.object();
    for (name, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
        json.number_field(name, count);
    }
    json.end_object();
}

/// How many of the reactions are of one kind. The kinds add up to the score.
pub(super) fn reactions(figures: &Figures, reaction: &str) -> u64 {
    let of = |percent: u64| figures.score * percent / 100;
    if reaction == "like" {
        let others: u64 = REACTIONS.iter().map(|(_, percent)| of(*percent)).sum();
        return figures.score - others;
    }
    REACTIONS
        .iter()
        .find(|(name, _)| *name == reaction)
        .map_or(0, |(_, percent)| of(*percent))
}

/// The last midnight in UTC, in unix seconds.
const fn midnight_s(now_ms: i64) -> i64 {
    let now_s = now_ms / 1_000;
    now_s - now_s.rem_euclid(86_400)
}

/// Links to the days around. They carry the token.
fn write_paging(json: &mut Json, request: &InsightsRequest<'_>) {
    let today_s = midnight_s(request.now_ms);
    let link = |since_s: i64, until_s: i64| {
        format!(
            "https://graph.facebook.com/{}/{}/insights?access_token={}&pretty=0&metric={}\
             &since={since_s}&until={until_s}",
            request.version, request.id, request.token, request.metrics,
        )
    };
    json.key("paging");
    json.object();
    json.string_field("previous", &link(today_s - 3 * 86_400, today_s - 86_400));
    json.string_field("next", &link(today_s + 86_400, today_s + 3 * 86_400));
    json.end_object();
}
