//! Instagram's side of the Graph API: media lists, single media, insights, and what is public of
//! other accounts.
//!
//! There is no look-up by shortcode: whoever wants a media's id walks the list of its account.
//! Insights belong to the owner; of others only what `business_discovery` shows is to be had, and
//! of images not even views.

use super::access::Caller;
use super::accounts::{INSTAGRAM_ACCOUNT, account_of, handle_of, other_page};
use super::calls::Call;
use super::codec::{BASE64_URL, decode, encode};
use super::graph::GraphRequest;
use super::graph_error::GraphError;
use super::graph_fields::Field;
use super::graph_page::{ListAddress, Page, PageRequest, cursor, write_paging};
use super::instagram_fields::{View, is_gone, write_media};
use super::instagram_insights;
use super::instagram_media::{Media, number_of_graph_id};
use super::json::Json;
use super::platform::Platform;
use super::request::Parameters;
use super::world::World;

/// Turns a media's number into a share token and back.
const SHARE_MASK: u64 = 0x0a5a_93c6_17e8_2d4b;

const ACCOUNT_FIELDS: [&str; 10] = [
    "biography",
    "follows_count",
    "has_profile_pic",
    "ig_id",
    "is_published",
    "legacy_instagram_user_id",
    "name",
    "profile_picture_url",
    "stories",
    "website",
];

/// The counter of a request.
pub(super) fn call_of(segments: &[&str], parameters: &Parameters<'_>) -> Call {
    match segments {
        [] => Call::InstagramObjects,
        ["me", "accounts"] => Call::InstagramAccounts,
        [_, "media"] => Call::InstagramMedia,
        [_, "insights"] => Call::InstagramInsights,
        _ if parameters
            .get("fields")
            .is_some_and(|text| text.contains("business_discovery")) =>
        {
            Call::InstagramDiscovery
        }
        _ => Call::InstagramObject,
    }
}

/// The body of the answer to a request.
pub(super) fn read(request: &GraphRequest<'_>) -> Result<Vec<u8>, GraphError> {
    let mut json = Json::with_capacity(1_024);
    match request.segments {
        [] => write_objects(&mut json, request)?,
        [id] => write_object(&mut json, request, id, &request.fields()?)?,
        ["me", "accounts"] => write_pages(&mut json, request)?,
        [id, "media"] => write_list(&mut json, request, id)?,
        [id, "insights"] => write_insights(&mut json, request, id)?,
        [_, rest @ ..] => return Err(GraphError::unknown_path(rest)),
    }
    Ok(json.finish())
}

/// Where a share link leads; `None` where its token is none.
pub(super) fn share_target(world: &World, token: &str) -> Option<String> {
    let media = world.media.find(decode(BASE64_URL, token)? ^ SHARE_MASK)?;
    Some(format!("{}?igsh={token}", media.permalink()))
}

/// The path of a share link of a media, below the simulator's root.
pub(super) fn share_path(media: Media) -> String {
    format!(
        "/instagram/share/{}",
        encode(BASE64_URL, media.pk ^ SHARE_MASK, 11)
    )
}

enum Node {
    Media(Media),
    Account(u64),
}

/// What an id names. Any number that is too short for a media is an account.
fn node(request: &GraphRequest<'_>, id: &str) -> Result<Node, GraphError> {
    if let Some(pk) = number_of_graph_id(id) {
        let media = request
            .world
            .media
            .find(pk)
            .filter(|media| !is_gone(request.world, *media));
        return media
            .map(Node::Media)
            .ok_or_else(|| GraphError::missing(id));
    }
    account(request, id).map(Node::Account)
}

/// The account that an id names; `me` is the token's.
fn account(request: &GraphRequest<'_>, id: &str) -> Result<u64, GraphError> {
    match id {
        "me" => Ok(of_token(request).unwrap_or(INSTAGRAM_ACCOUNT)),
        _ => id.parse().map_err(|_| GraphError::missing(id)),
    }
}

/// The account that the token was issued for, also where tokens are not checked; none for one that
/// was not issued.
fn of_token(request: &GraphRequest<'_>) -> Option<u64> {
    request
        .world
        .account_of_token(Platform::Instagram, request.token)
}

/// The media of an id, if its insights are for the caller.
fn own_media(request: &GraphRequest<'_>, id: &str) -> Result<Media, GraphError> {
    match node(request, id)? {
        Node::Media(media) if owns(request, media) => Ok(media),
        Node::Media(_) => Err(GraphError::permission("instagram_manage_insights")),
        Node::Account(_) => Err(GraphError::missing(id)),
    }
}

fn owns(request: &GraphRequest<'_>, media: Media) -> bool {
    match request.caller {
        Caller::Anybody => true,
        Caller::Account(account) => request.world.media.owned_by(media.pk, account),
    }
}

/// `/?ids=…`: an object for each id, under it.
fn write_objects(json: &mut Json, request: &GraphRequest<'_>) -> Result<(), GraphError> {
    let ids = request
        .parameters
        .get("ids")
        .ok_or_else(|| GraphError::parameter("(#100) The parameter ids is required"))?;
    let fields = request.fields()?;
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
    match node(request, id)? {
        Node::Account(account) => write_account(json, request, account, fields),
        Node::Media(media) if owns(request, media) => {
            let account = match request.caller {
                Caller::Account(account) => account,
                Caller::Anybody => INSTAGRAM_ACCOUNT,
            };
            write_media(json, &view(request, account, false), media, fields)
        }
        Node::Media(_) => Err(GraphError::missing(id)),
    }
}

fn view<'a>(request: &GraphRequest<'a>, account: u64, public: bool) -> View<'a> {
    View {
        world: request.world,
        account,
        now_ms: request.now_ms,
        public,
    }
}

/// The account as its owner sees it, to whom alone it is shown.
fn write_account(
    json: &mut Json,
    request: &GraphRequest<'_>,
    account: u64,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    if of_token(request).is_some_and(|own| own != account) {
        return Err(GraphError::missing(&account.to_string()));
    }
    json.object();
    for field in fields {
        match field.name {
            "business_discovery" => write_discovery(json, request, field)?,
            _ => write_account_field(json, request, account, field, false)?,
        }
    }
    json.string_field("id", &account.to_string());
    json.end_object();
    Ok(())
}

/// `/me/accounts`: the page that the token's account is connected to, which is the only one that
/// whoever gave the token has a role on.
fn write_pages(json: &mut Json, request: &GraphRequest<'_>) -> Result<(), GraphError> {
    let account = account(request, "me")?;
    let page = other_page(account % 1_000_000_000);
    json.object();
    json.key("data");
    json.array();
    json.object();
    for field in &request.fields()? {
        match field.name {
            // Written at the end, in any case.
            "id" => {}
            "name" => json.string_field(field.key(), &handle_of(account)),
            "instagram_business_account" => {
                json.key(field.key());
                write_account(json, request, account, &field.children)?;
            }
            name => {
                return Err(GraphError::parameter(format!(
                    "(#100) Tried accessing nonexisting field ({name}) on node type (Page)"
                )));
            }
        }
    }
    json.string_field("id", &page.to_string());
    json.end_object();
    json.end_array();
    json.key("paging");
    json.object();
    json.key("cursors");
    json.object();
    json.string_field("before", &cursor(page));
    json.string_field("after", &cursor(page));
    json.end_object();
    json.end_object();
    json.end_object();
    Ok(())
}

/// What is public of another account, by its handle.
fn write_discovery(
    json: &mut Json,
    request: &GraphRequest<'_>,
    field: &Field<'_>,
) -> Result<(), GraphError> {
    let username = field
        .modifier("username")
        .ok_or_else(|| GraphError::parameter("(#100) The parameter username is required"))?;
    let account = account_of(username).ok_or_else(|| GraphError::unknown_username(username))?;
    json.key(field.key());
    json.object();
    for child in &field.children {
        write_account_field(json, request, account, child, true)?;
    }
    json.string_field("id", &account.to_string());
    json.end_object();
    Ok(())
}

fn write_account_field(
    json: &mut Json,
    request: &GraphRequest<'_>,
    account: u64,
    field: &Field<'_>,
    public: bool,
) -> Result<(), GraphError> {
    match field.name {
        // Written by the caller, at the end, in any case.
        "id" => {}
        "username" => json.string_field("username", &handle_of(account)),
        "followers_count" => json.number_field("followers_count", 900 + account % 90_000),
        "media_count" => json.number_field("media_count", request.world.media.count(account)),
        "account_type" if !public => json.string_field("account_type", "BUSINESS"),
        "user_id" if !public => json.string_field("user_id", &account.to_string()),
        "media" => {
            json.key(field.key());
            let page_request = PageRequest::of_field(field)?;
            let page = media_page(request, account, page_request);
            let names: Vec<&str> = field.children.iter().map(|child| child.name).collect();
            let list = List {
                account,
                public,
                page: &page,
                fields: &field.children,
                fields_text: &names.join(","),
                limit: page_request.limit,
            };
            write_media_list(json, request, &list)?;
        }
        name if ACCOUNT_FIELDS.contains(&name) => {}
        name => {
            return Err(GraphError::parameter(format!(
                "(#100) Tried accessing nonexisting field ({name}) on node type (IGUser)"
            )));
        }
    }
    Ok(())
}

fn media_page(request: &GraphRequest<'_>, account: u64, page: PageRequest) -> Page<Media> {
    let world = request.world;
    let keep = |media: Media| !is_gone(world, media);
    page.read(
        |before, most| {
            world
                .media
                .older(world.epoch_ms(), account, before, most, &keep)
        },
        |after, most| {
            world
                .media
                .newer(world.epoch_ms(), account, after, most, &keep)
        },
    )
}

/// `/{account}/media`.
fn write_list(json: &mut Json, request: &GraphRequest<'_>, id: &str) -> Result<(), GraphError> {
    let account = account(request, id)?;
    if !request.may_read(account) {
        return Err(GraphError::permission("instagram_basic"));
    }
    let fields = request.fields()?;
    let page_request = PageRequest::of_parameters(request.parameters)?;
    let list = List {
        account,
        public: false,
        page: &media_page(request, account, page_request),
        fields: &fields,
        fields_text: request.parameters.get("fields").unwrap_or_default(),
        limit: page_request.limit,
    };
    write_media_list(json, request, &list)
}

struct List<'a> {
    account: u64,
    public: bool,
    page: &'a Page<Media>,
    fields: &'a [Field<'a>],
    fields_text: &'a str,
    limit: usize,
}

/// A list of media with its paging. That of another account has cursors but no links, and no cursor
/// where nothing follows.
fn write_media_list(
    json: &mut Json,
    request: &GraphRequest<'_>,
    list: &List<'_>,
) -> Result<(), GraphError> {
    let view = view(request, list.account, list.public);
    json.object();
    json.key("data");
    json.array();
    for media in &list.page.entries {
        write_media(json, &view, *media, list.fields)?;
    }
    json.end_array();
    if list.public {
        write_public_paging(json, list.page);
    } else {
        let path = format!("{}/media", list.account);
        let address = ListAddress {
            version: request.version,
            path: &path,
            token: request.token,
            fields: list.fields_text,
            limit: list.limit,
        };
        write_paging(json, list.page, |media| media.pk, &address);
    }
    json.end_object();
    Ok(())
}

fn write_public_paging(json: &mut Json, page: &Page<Media>) {
    let (Some(first), Some(last)) = (page.entries.first(), page.entries.last()) else {
        return;
    };
    json.key("paging");
    json.object();
    json.key("cursors");
    json.object();
    if page.has_newer {
        json.string_field("before", &cursor(first.pk));
    }
    if page.has_older {
        json.string_field("after", &cursor(last.pk));
    }
    json.end_object();
    json.end_object();
}

/// `/{media}/insights`.
fn write_insights(json: &mut Json, request: &GraphRequest<'_>, id: &str) -> Result<(), GraphError> {
    let media = own_media(request, id)?;
    let figures = view(request, 0, false).figures(media);
    let metrics = request.parameters.get("metric").unwrap_or_default();
    let breakdown = request.parameters.get("breakdown");
    instagram_insights::write(json, media, &figures, metrics, breakdown)
}
