//! The fields of an Instagram media, as its owner and as others see them.

use super::accounts::handle_of;
use super::digest::{digest_number, pick};
use super::figures::Figures;
use super::graph::timestamp;
use super::graph_error::GraphError;
use super::graph_fields::Field;
use super::instagram_insights;
use super::instagram_media::{Media, MediaKind};
use super::json::Json;
use super::platform::Platform;
use super::world::World;

/// Who looks, and when.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    /// The account whose media it is.
    pub(super) account: u64,
    pub(super) now_ms: i64,
    /// Whether it is seen through `business_discovery`.
    pub(super) public: bool,
}

impl View<'_> {
    /// What the media has earned by now.
    pub(super) fn figures(&self, media: Media) -> Figures {
        let code = media.code();
        let change = self.world.change(Platform::Instagram, || code.clone());
        let created_ms = media.created_ms();
        self.world
            .earned(Platform::Instagram, &code, created_ms, self.now_ms, change)
    }
}

/// Whether a media was made to vanish.
pub(super) fn is_gone(world: &World, media: Media) -> bool {
    world.change(Platform::Instagram, || media.code()).gone
}

/// Owners who hide the number of likes from others, in percent of the media.
const HIDDEN_LIKES_PERCENT: u64 = 10;

const CAPTIONS: [&str; 6] = [
    "Morning light and the new kettle",
    "What fits in one bag",
    "Before & after \"the big tidy\"",
    "Slow Sunday, good coffee ☕",
    "The link is where it always is",
    "Third try, and it holds",
];

/// Fields that exist but are empty here, and so are left out of the answer.
const ABSENT: [&str; 14] = [
    "alt_text",
    "boost_ads_list",
    "boost_eligibility_info",
    "collaborators",
    "comments",
    "copyright_check_information",
    "is_shared_to_feed",
    "legacy_instagram_media_id",
    "product_type",
    "reposts_count",
    "total_comments_count",
    "total_like_count",
    "total_views_count",
    "view_count",
];

/// Writes a media with the fields that were asked for, and its id in any case.
pub(super) fn write_media(
    json: &mut Json,
    view: &View<'_>,
    media: Media,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    let figures = view.figures(media);
    let id = media.graph_id().to_string();
    json.object();
    for field in fields {
        match field.name {
            "id" => {}
            "insights" if !view.public => {
                json.key(field.key());
                let metrics = field.modifier("metric").unwrap_or_default();
                let breakdown = field.modifier("breakdown");
                instagram_insights::write(json, media, &figures, metrics, breakdown)?;
            }
            _ => write_field(json, view, media, &figures, field)?,
        }
    }
    json.string_field("id", &id);
    json.end_object();
    Ok(())
}

fn write_field(
    json: &mut Json,
    view: &View<'_>,
    media: Media,
    figures: &Figures,
    field: &Field<'_>,
) -> Result<(), GraphError> {
    let seed = view.world.seed();
    let key = field.key();
    match field.name {
        "caption" => json.string_field(key, pick(&CAPTIONS, media.pk)),
        "comments_count" => json.number_field(key, figures.comments),
        "like_count" => {
            let lot = digest_number(seed, "instagram.hidden_likes", media.pk) % 100;
            if !view.public || lot >= HIDDEN_LIKES_PERCENT {
                json.number_field(key, figures.score);
            }
        }
        "view_count" if view.public && media.kind == MediaKind::Reel => {
            json.number_field(key, figures.views);
        }
        "media_type" => json.string_field(key, media.kind.media_type()),
        "media_product_type" => json.string_field(key, media.kind.product_type()),
        "permalink" => json.string_field(key, &media.permalink()),
        "shortcode" => json.string_field(key, &media.code()),
        "timestamp" => json.string_field(key, &timestamp(media.created_ms() / 1_000)),
        "username" => json.string_field(key, &handle_of(view.account)),
        "owner" => json.raw_field(key, &format!("{{\"id\":\"{}\"}}", view.account)),
        "media_url" => json.string_field(key, &media_url(media, false)),
        "thumbnail_url" if media.kind == MediaKind::Reel => {
            json.string_field(key, &media_url(media, true));
        }
        "children" if media.kind == MediaKind::Album => write_children(json, key, media),
        "thumbnail_url" | "children" => {}
        "ig_id" if !view.public => json.string_field(key, &media.pk.to_string()),
        "is_comment_enabled" if !view.public => json.raw_field(key, "true"),
        "saved_count" if !view.public => json.number_field(key, figures.saved),
        "shares_count" if !view.public => json.number_field(key, figures.shares),
        name if ABSENT.contains(&name) => {}
        name => {
            return Err(GraphError::parameter(format!(
                "(#100) Tried accessing nonexisting field ({name}) on node type (IGMedia)"
            )));
        }
    }
    Ok(())
}

fn media_url(media: Media, still: bool) -> String {
    let ending = if media.kind == MediaKind::Reel && !still {
        "mp4"
    } else {
        "jpg"
    };
    format!(
        "https://scontent.cdninstagram.com/v/{}_n.{ending}",
        media.graph_id()
    )
}

/// The parts of an album. They have no insights, and no page of their own.
fn write_children(json: &mut Json, key: &str, media: Media) {
    json.key(key);
    json.object();
    json.key("data");
    json.array();
    for nth in 1..=2 + media.pk % 4 {
        json.object();
        json.string_field("id", &media.graph_id().wrapping_add(nth << 50).to_string());
        json.end_object();
    }
    json.end_array();
    json.end_object();
}
