//! Insights of an Instagram media: which metrics there are, and what they say.
//!
//! One metric that the media's kind does not have fails the whole request, as on Instagram. Rows
//! come in an order of their own, not in that of the request.

use super::figures::Figures;
use super::graph_error::GraphError;
use super::instagram_media::{Media, MediaKind};
use super::json::{Decimal, Json};

/// Which media have a metric.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Reels,
    Feed,
}

struct Metric {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    scope: Scope,
    value: fn(&Figures) -> u64,
}

const fn metric(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    scope: Scope,
    value: fn(&Figures) -> u64,
) -> Metric {
    Metric {
        name,
        title,
        description,
        scope,
        value,
    }
}

/// The metrics that are answered, in the order of the rows.
static METRICS: [Metric; 15] = [
    metric(
        "comments",
        "Comments",
        "How many comments there are.",
        Scope::All,
        |f| f.comments,
    ),
    metric(
        "follows",
        "Follows",
        "Accounts that began to follow.",
        Scope::Feed,
        |f| f.shares / 8,
    ),
    metric(
        "ig_reels_avg_watch_time",
        "Average watch time",
        "Milliseconds that a play lasted on average.",
        Scope::Reels,
        |f| 3_000 + f.score % 9_000,
    ),
    metric(
        "ig_reels_video_view_total_time",
        "Watch time",
        "Milliseconds that all plays lasted.",
        Scope::Reels,
        |f| f.views.saturating_mul(3_000 + f.score % 9_000),
    ),
    metric(
        "likes",
        "Likes",
        "How many likes there are.",
        Scope::All,
        |f| f.score,
    ),
    metric(
        "link_clicks",
        "Link clicks",
        "Taps on the link.",
        Scope::All,
        |f| f.clicks,
    ),
    metric(
        "profile_activity",
        "Profile activity",
        "Actions on the profile.",
        Scope::Feed,
        |f| f.clicks / 5,
    ),
    metric(
        "profile_visits",
        "Profile visits",
        "Visits to the profile.",
        Scope::Feed,
        |f| f.clicks / 3,
    ),
    metric(
        "reach",
        "Accounts reached",
        "Accounts that saw it.",
        Scope::All,
        |f| f.reach,
    ),
    metric(
        "reels_skip_rate",
        "Skip rate",
        "Percent who skipped early.",
        Scope::Reels,
        |f| 20 + f.reach % 50,
    ),
    metric(
        "reposts",
        "Reposts",
        "How often it was reposted.",
        Scope::All,
        |f| f.shares / 4,
    ),
    metric(
        "saved",
        "Saved",
        "How often it was saved.",
        Scope::All,
        |f| f.saved,
    ),
    metric(
        "shares",
        "Shares",
        "How often it was shared.",
        Scope::All,
        |f| f.shares,
    ),
    // More than the sum of the parts that are shown, as on Instagram.
    metric(
        "total_interactions",
        "Interactions",
        "All interactions.",
        Scope::All,
        |f| f.score + f.comments + f.saved + f.shares + f.views / 1_000,
    ),
    metric(
        "views",
        "Views",
        "How often it was played or displayed.",
        Scope::All,
        |f| f.views,
    ),
];

/// Metrics that Instagram had once and now refuses by name.
const RETIRED: [&str; 8] = [
    "impressions",
    "plays",
    "video_views",
    "engagement",
    "clips_replays_count",
    "ig_reels_aggregated_all_plays_count",
    "carousel_album_impressions",
    "carousel_album_reach",
];

/// Writes `{"data":[…]}` with the metrics of a comma-separated list.
pub(super) fn write(
    json: &mut Json,
    media: Media,
    figures: &Figures,
    metrics: &str,
    breakdown: Option<&str>,
) -> Result<(), GraphError> {
    let asked: Vec<&str> = metrics
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if asked.is_empty() {
        return Err(GraphError::no_metric());
    }
    for (index, name) in asked.iter().enumerate() {
        check(media.kind, index, name)?;
    }
    json.object();
    json.key("data");
    json.array();
    for metric in METRICS.iter().filter(|metric| asked.contains(&metric.name)) {
        write_row(json, media, figures, metric, breakdown);
    }
    json.end_array();
    json.end_object();
    Ok(())
}

fn check(kind: MediaKind, index: usize, name: &str) -> Result<(), GraphError> {
    let scope = METRICS
        .iter()
        .find(|metric| metric.name == name)
        .map(|metric| metric.scope);
    let own = if kind == MediaKind::Reel {
        Scope::Reels
    } else {
        Scope::Feed
    };
    match scope {
        Some(scope) if scope == Scope::All || scope == own => Ok(()),
        Some(_) => Err(GraphError::unsupported_metric(name)),
        None if RETIRED.contains(&name) => Err(GraphError::unsupported_metric(name)),
        None => {
            let known: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
            Err(GraphError::parameter(format!(
                "(#100) metric[{index}] must be one of the following values: {}",
                known.join(", ")
            )))
        }
    }
}

fn write_row(
    json: &mut Json,
    media: Media,
    figures: &Figures,
    metric: &Metric,
    breakdown: Option<&str>,
) {
    let value = (metric.value)(figures);
    json.object();
    json.string_field("name", metric.name);
    json.string_field("period", "lifetime");
    json.key("values");
    json.array();
    json.object();
    json.number_field("value", value);
    json.end_object();
    json.end_array();
    json.string_field("title", metric.title);
    json.string_field("description", metric.description);
    if metric.name == "profile_activity" && breakdown == Some("action_type") {
        write_breakdown(json, value);
    }
    let id = Decimal::new(media.graph_id());
    json.string_field(
        "id",
        &format!("{}/insights/{}/lifetime", id.as_str(), metric.name),
    );
    json.end_object();
}

fn write_breakdown(json: &mut Json, value: u64) {
    json.key("total_value");
    json.object();
    json.number_field("value", value);
    json.key("breakdowns");
    json.array();
    json.object();
    json.raw_field("dimension_keys", "[\"action_type\"]");
    json.key("results");
    json.array();
    json.object();
    json.raw_field("dimension_values", "[\"bio_link_clicked\"]");
    json.number_field("value", value);
    json.end_object();
    json.end_array();
    json.end_object();
    json.end_array();
    json.end_object();
}
