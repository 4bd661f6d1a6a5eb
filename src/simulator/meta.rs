//! Facebook's side of the Graph API: posts of pages, their insights, and the page's own list.
//!
//! Only the page's own token reads any of it. A `pfbid…` is no id here: whoever has one finds its
//! post in the page's list.

use super::accounts::META_PAGE;
use super::calls::Call;
use super::codec::{BASE62, decode, encode};
use super::digest::pick;
use super::figures::Figures;
use super::graph::{GraphRequest, timestamp};
use super::graph_error::GraphError;
use super::graph_fields::Field;
use super::graph_page::{ListAddress, PageRequest, write_paging};
use super::json::Json;
use super::meta_ads::{self, is_ad_account};
use super::meta_insights::{self, InsightsRequest, reactions};
use super::meta_post::{self, Post};
use super::platform::Platform;
use super::world::World;

/// Hides a post's number in a share token, and shows it again.
const SHARE_MASK: u64 = 0x0153_a97c_4be1_d086;

const MESSAGES: [&str; 6] = [
    "New in the shop this week. Link in the comments.",
    "We tried it for a month, here is what we think.",
    "A \"small\" change to how we pack.",
    "Behind the scenes of the last shoot 📷",
    "Answering your questions from Friday.",
    "Back in stock, finally.",
];
const STATUS_TYPES: [&str; 4] = [
    "added_photos",
    "mobile_status_update",
    "added_video",
    "shared_story",
];

/// What tokens of persons begin with, where tokens are not checked.
const PERSON: &str = "person";

/// What a post shows to a request that names no fields.
const DEFAULT_FIELDS: &str = "created_time,message";

/// Fields that exist but are empty here, and so are left out of the answer.
const ABSENT: [&str; 20] = [
    "actions",
    "admin_creator",
    "allowed_advertising_objects",
    "application",
    "attachments",
    "backdated_time",
    "call_to_action",
    "child_attachments",
    "feed_targeting",
    "full_picture",
    "icon",
    "message_tags",
    "parent_id",
    "picture",
    "place",
    "properties",
    "story",
    "story_tags",
    "to",
    "video_buying_eligibility",
];

/// The counter of a request.
pub(super) fn call_of(segments: &[&str]) -> Call {
    match segments {
        [] => Call::MetaObjects,
        [_] => Call::MetaPost,
        [account, "ads"] if is_ad_account(account) => Call::MetaAds,
        [account, "insights"] if is_ad_account(account) => Call::MetaAdInsights,
        [_, "insights"] => Call::MetaInsights,
        _ => Call::MetaPublishedPosts,
    }
}

/// The body of the answer to a request.
pub(super) fn read(request: &GraphRequest<'_>) -> Result<Vec<u8>, GraphError> {
    let mut json = Json::with_capacity(1_024);
    match request.segments {
        [] => write_objects(&mut json, request)?,
        [id] => write_object(&mut json, request, id, &fields(request)?)?,
        [account, "ads"] if is_ad_account(account) => {
            meta_ads::write_ads(&mut json, request, account)?;
        }
        [account, "insights"] if is_ad_account(account) => {
            meta_ads::write_insights(&mut json, request, account)?;
        }
        [id, "insights"] => write_insights(&mut json, request, id)?,
        [id, "published_posts" | "posts" | "feed"] => write_list(&mut json, request, id)?,
        [_, rest @ ..] => {
            let path = rest.join("/");
            return Err(GraphError::query(format!(
                "Unknown path components: /{path}"
            )));
        }
    }
    Ok(json.finish())
}

/// Where a share link leads; `None` where its token is none.
pub(super) fn share_target(world: &World, token: &str) -> Option<String> {
    let (page, number) = token.split_at_checked(token.len().checked_sub(11)?)?;
    let post = Post {
        page: decode(BASE62, page)?,
        number: decode(BASE62, number)? ^ SHARE_MASK,
    };
    post.exists(world.seed())
        .then(|| format!("{}?rdid={token}", post.permalink(world.seed())))
}

/// The path of a share link of a post, below the simulator's root.
pub(super) fn share_path(post: Post) -> String {
    let page = encode(BASE62, post.page, 1);
    format!(
        "/meta/share/p/{page}{}/",
        encode(BASE62, post.number ^ SHARE_MASK, 11)
    )
}

fn fields<'a>(request: &'a GraphRequest<'_>) -> Result<Vec<Field<'a>>, GraphError> {
    let fields = request.fields()?;
    if !fields.is_empty() {
        return Ok(fields);
    }
    super::graph_fields::parse(DEFAULT_FIELDS).ok_or_else(|| GraphError::query("no fields"))
}

/// The post of an id, if it is there and for the caller.
fn own_post(request: &GraphRequest<'_>, id: &str) -> Result<Post, GraphError> {
    let world = request.world;
    let post = meta_post::parse(id)
        .filter(|post| post.exists(world.seed()) && !is_gone(world, *post))
        .ok_or_else(|| GraphError::missing(id))?;
    if request.may_read(post.page) {
        Ok(post)
    } else {
        Err(GraphError::permission("pages_read_engagement"))
    }
}

fn is_gone(world: &World, post: Post) -> bool {
    world.change(Platform::Meta, || post.graph_id()).gone
}

/// The page that an id names; `me` is the one that the token was issued for, also where tokens are
/// not checked, and the owned one for a token that was not issued.
fn page(request: &GraphRequest<'_>, id: &str) -> Result<u64, GraphError> {
    let page = match id {
        "me" => request
            .world
            .account_of_token(Platform::Meta, request.token)
            .unwrap_or(META_PAGE),
        _ => id.parse().map_err(|_| GraphError::missing(id))?,
    };
    if request.may_read(page) {
        Ok(page)
    } else {
        Err(GraphError::permission("pages_read_engagement"))
    }
}

/// `/?ids=…`: an object for each id, under it.
fn write_objects(json: &mut Json, request: &GraphRequest<'_>) -> Result<(), GraphError> {
    let ids = request
        .parameters
        .get("ids")
        .ok_or_else(|| GraphError::parameter("(#100) The parameter ids is required"))?;
    let fields = fields(request)?;
    json.object();
    for id in ids.split(',').filter(|id| !id.is_empty()) {
        json.key(id);
        write_object(json, request, id, &fields).map_err(|error| {
            if error.subcode == Some(33) {
                GraphError::unknown_alias(id)
            } else {
                error
            }
        })?;
    }
    json.end_object();
    Ok(())
}

fn write_object(
    json: &mut Json,
    request: &GraphRequest<'_>,
    id: &str,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    if id.contains('_') {
        let post = own_post(request, id)?;
        write_post(json, request, post, fields)
    } else if id == "me" && request.token.starts_with(PERSON) {
        write_person(json, fields)
    } else {
        let page = page(request, id)?;
        write_page(json, request, page, fields)
    }
}

/// A page, with its list of posts where that is asked for.
fn write_page(
    json: &mut Json,
    request: &GraphRequest<'_>,
    page: u64,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    json.object();
    for field in fields {
        match field.name {
            "name" => json.string_field("name", &page_name(page)),
            "category" => json.string_field(field.key(), "Shopping & retail"),
            "fan_count" | "followers_count" => {
                json.number_field(field.key(), 1_200 + page % 80_000);
            }
            "published_posts" | "posts" | "feed" => {
                json.key(field.key());
                let names: Vec<&str> = field.children.iter().map(|child| child.name).collect();
                let list = List {
                    page,
                    edge: field.name,
                    request: PageRequest::of_field(field)?,
                    fields: &field.children,
                    fields_text: &names.join(","),
                };
                write_posts(json, request, &list)?;
            }
            _ => {}
        }
    }
    json.string_field("id", &page.to_string());
    json.end_object();
    Ok(())
}

/// The person of a token that is no page's.
fn write_person(json: &mut Json, fields: &[Field<'_>]) -> Result<(), GraphError> {
    json.object();
    for field in fields {
        match field.name {
            // Written at the end, in any case.
            "id" => {}
            "name" => json.string_field(field.key(), "Somebody"),
            name => {
                return Err(GraphError::parameter(format!(
                    "(#100) Tried accessing nonexisting field ({name}) on node type (User)"
                )));
            }
        }
    }
    json.string_field("id", "10223344556677889");
    json.end_object();
    Ok(())
}

fn page_name(page: u64) -> String {
    format!("Page {}", page % 100_000)
}

/// `/{page}/published_posts`.
fn write_list(json: &mut Json, request: &GraphRequest<'_>, id: &str) -> Result<(), GraphError> {
    let page = page(request, id)?;
    let fields = fields(request)?;
    let list = List {
        page,
        edge: request
            .segments
            .get(1)
            .copied()
            .unwrap_or("published_posts"),
        request: PageRequest::of_parameters(request.parameters)?,
        fields: &fields,
        fields_text: request.parameters.get("fields").unwrap_or_default(),
    };
    write_posts(json, request, &list)
}

struct List<'a> {
    page: u64,
    edge: &'a str,
    request: PageRequest,
    fields: &'a [Field<'a>],
    fields_text: &'a str,
}

fn write_posts(
    json: &mut Json,
    request: &GraphRequest<'_>,
    list: &List<'_>,
) -> Result<(), GraphError> {
    let world = request.world;
    let (seed, epoch_ms) = (world.seed(), world.epoch_ms());
    let keep = |post: Post| !is_gone(world, post);
    let page = list.request.read(
        |before, most| meta_post::older(seed, epoch_ms, list.page, before, most, &keep),
        |after, most| meta_post::newer(seed, epoch_ms, list.page, after, most, &keep),
    );
    json.object();
    json.key("data");
    json.array();
    for post in &page.entries {
        write_post(json, request, *post, list.fields)?;
    }
    json.end_array();
    let path = format!("{}/{}", list.page, list.edge);
    let address = ListAddress {
        version: request.version,
        path: &path,
        token: request.token,
        fields: list.fields_text,
        limit: list.request.limit,
    };
    write_paging(json, &page, |post| post.number, &address);
    json.end_object();
    Ok(())
}

fn figures(request: &GraphRequest<'_>, post: Post, id: &str) -> Figures {
    let change = request.world.change(Platform::Meta, || id.to_owned());
    let created_ms = post.created_s() * 1_000;
    request
        .world
        .earned(Platform::Meta, id, created_ms, request.now_ms, change)
}

/// Writes a post with the fields that were asked for, and its id in any case.
fn write_post(
    json: &mut Json,
    request: &GraphRequest<'_>,
    post: Post,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    let id = post.graph_id();
    let figures = figures(request, post, &id);
    json.object();
    for field in fields {
        match field.name {
            "id" => {}
            "insights" => {
                json.key(field.key());
                let insights = InsightsRequest {
                    id: &id,
                    metrics: field.modifier("metric").unwrap_or_default(),
                    period: field.modifier("period"),
                    version: request.version,
                    token: request.token,
                    now_ms: request.now_ms,
                };
                meta_insights::write(json, &insights, &figures)?;
            }
            _ => write_field(json, request.world.seed(), post, &figures, field)?,
        }
    }
    json.string_field("id", &id);
    json.end_object();
    Ok(())
}

fn write_field(
    json: &mut Json,
    seed: u64,
    post: Post,
    figures: &Figures,
    field: &Field<'_>,
) -> Result<(), GraphError> {
    let key = field.key();
    match field.name {
        "created_time" | "updated_time" => json.string_field(key, &timestamp(post.created_s())),
        "message" => json.string_field(key, pick(&MESSAGES, post.number)),
        "permalink_url" => json.string_field(key, &post.permalink(seed)),
        "status_type" => json.string_field(key, pick(&STATUS_TYPES, post.number)),
        "is_published" | "is_eligible_for_promotion" => json.raw_field(key, "true"),
        "is_hidden" | "is_expired" => json.raw_field(key, "false"),
        "from" => {
            json.key(key);
            json.object();
            json.string_field("name", &page_name(post.page));
            json.string_field("id", &post.page.to_string());
            json.end_object();
        }
        "shares" if figures.shares > 0 => {
            json.key(key);
            json.object();
            json.number_field("count", figures.shares);
            json.end_object();
        }
        // Left out at zero, as on Facebook.
        "shares" => {}
        "reactions" => {
            let count = match field.modifier("type") {
                None => figures.score,
                Some(kind) => reactions(figures, reaction_of_type(kind)),
            };
            write_summary(json, field, count, "\"viewer_reaction\":\"NONE\"");
        }
        "likes" => {
            let extra = "\"can_like\":false,\"has_liked\":false";
            write_summary(json, field, reactions(figures, "like"), extra);
        }
        "comments" => {
            let extra = "\"order\":\"chronological\",\"can_comment\":true";
            write_summary(json, field, figures.comments, extra);
        }
        name if ABSENT.contains(&name) => {}
        name => {
            return Err(GraphError::parameter(format!(
                "(#100) Tried accessing nonexisting field ({name}) on node type (Post)"
            )));
        }
    }
    Ok(())
}

/// The name in insights of a reaction's type in fields.
fn reaction_of_type(kind: &str) -> &'static str {
    match kind {
        "LIKE" => "like",
        "LOVE" => "love",
        "WOW" => "wow",
        "HAHA" => "haha",
        "SAD" => "sorry",
        "ANGRY" => "anger",
        _ => "none",
    }
}

/// An edge without entries, and its summary where `.summary(…)` asks for it.
fn write_summary(json: &mut Json, field: &Field<'_>, count: u64, extra: &str) {
    json.key(field.key());
    json.object();
    json.raw_field("data", "[]");
    if field
        .modifier("summary")
        .is_some_and(|value| value != "false" && value != "0")
    {
        json.key("summary");
        json.object();
        json.number_field("total_count", count);
        json.raw(extra);
        json.end_object();
    }
    json.end_object();
}

/// `/{page}_{post}/insights`.
fn write_insights(json: &mut Json, request: &GraphRequest<'_>, id: &str) -> Result<(), GraphError> {
    if !id.contains('_') {
        return Err(GraphError::parameter(
            "(#100) Tried accessing nonexisting field (insights) on node type (Video)",
        ));
    }
    let post = own_post(request, id)?;
    let insights = InsightsRequest {
        id,
        metrics: request.parameters.get("metric").unwrap_or_default(),
        period: request.parameters.get("period"),
        version: request.version,
        token: request.token,
        now_ms: request.now_ms,
    };
    meta_insights::write(json, &insights, &figures(request, post, &post.graph_id()))
}
