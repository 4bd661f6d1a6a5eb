//! The advertisements of the owned page's posts and their insights, as the Marketing API tells them.
//!
//! Two posts in five are advertised, by one advertisement or two. One in ten of these is archived and
//! is told of only where that state is asked for; one in five was never shown and has no row of
//! insights. Every number is a string, and the same purchases come under several kinds of action.

use serde::Deserialize;

use super::accounts::{META_AD_ACCOUNT, META_PAGE};
use super::digest::digest_number;
use super::figures::Figures;
use super::graph::{GraphRequest, timestamp};
use super::graph_error::GraphError;
use super::graph_fields::Field;
use super::graph_page::{ListAddress, Page, PageRequest, write_paging};
use super::json::Json;
use super::meta_post::{POSTS_PER_PAGE, Post, derived, parse};
use super::platform::Platform;
use super::world::World;

/// The currency of the ad account.
pub const META_AD_CURRENCY: &str = "USD";

/// The part of the posts, in percent, that are advertised.
const ADVERTISED_PERCENT: u64 = 40;

/// The kinds of action that each count all purchases.
const PURCHASES: [&str; 4] = [
    "purchase",
    "omni_purchase",
    "offsite_conversion.fb_pixel_purchase",
    "onsite_web_purchase",
];

/// An advertisement of a post of the owned page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ad {
    post: Post,
    /// Which of the post's advertisements, from 0.
    nth: u64,
}

/// What an advertisement brought and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Delivery {
    impressions: u64,
    clicks: u64,
    link_clicks: u64,
    purchases: u64,
    spend_cents: u64,
}

/// A filter of a request for insights.
#[derive(Debug, Deserialize)]
struct Filter {
    field: String,
    operator: String,
    value: Vec<String>,
}

impl Ad {
    fn id(self) -> u64 {
        self.post.number.saturating_mul(10).saturating_add(self.nth)
    }

    fn state(self, seed: u64) -> &'static str {
        match digest_number(seed, "meta.ad.state", self.id()) % 10 {
            0 => "ARCHIVED",
            1..=4 => "PAUSED",
            _ => "ACTIVE",
        }
    }

    fn was_shown(self, seed: u64) -> bool {
        !digest_number(seed, "meta.ad.shown", self.id()).is_multiple_of(5)
    }

    fn delivery(self, figures: &Figures) -> Delivery {
        let impressions = figures.views / (3 + self.nth);
        let link_clicks = figures.clicks / (2 + self.nth);
        Delivery {
            impressions,
            clicks: link_clicks + link_clicks / 4,
            link_clicks,
            purchases: link_clicks / 20,
            spend_cents: impressions * 7 / 10,
        }
    }
}

impl World {
    /// How many purchases the advertisements of a post of the owned page have led to by now; `None`
    /// where it is not advertised, none of its advertisements was shown, or one of them tells of none.
    #[must_use]
    pub fn ad_purchases(&self, native_id: &str) -> Option<u64> {
        let post = parse(native_id).filter(|post| post.page == META_PAGE)?;
        let figures = self.figures(Platform::Meta, native_id, None)?.0;
        let sold: Vec<u64> = ads_of(self.seed(), post)
            .filter(|ad| ad.was_shown(self.seed()))
            .map(|ad| ad.delivery(&figures).purchases)
            .collect();
        (!sold.is_empty() && !sold.contains(&0)).then(|| sold.iter().sum())
    }

    /// What advertising a post of the owned page has cost by now, in hundredths of
    /// [`META_AD_CURRENCY`]; `None` where it is not advertised, or its advertisements were not shown.
    #[must_use]
    pub fn ad_spend_cents(&self, native_id: &str) -> Option<u64> {
        let post = parse(native_id).filter(|post| post.page == META_PAGE)?;
        let figures = self.figures(Platform::Meta, native_id, None)?.0;
        let spent: Vec<u64> = ads_of(self.seed(), post)
            .filter(|ad| ad.was_shown(self.seed()))
            .map(|ad| ad.delivery(&figures).spend_cents)
            .collect();
        (!spent.is_empty()).then(|| spent.iter().sum())
    }
}

/// Whether a path begins with an ad account.
pub(super) fn is_ad_account(id: &str) -> bool {
    id.starts_with("act_")
}

/// The advertisements of a post, the greatest id first.
fn ads_of(seed: u64, post: Post) -> impl Iterator<Item = Ad> {
    let key = digest_number(seed, "meta.ads", post.number);
    let count = if key % 100 < ADVERTISED_PERCENT {
        1 + key / 100 % 2
    } else {
        0
    };
    (0..count).rev().map(move |nth| Ad { post, nth })
}

/// The account's advertisements that `keep`, the greatest id first.
fn ads(world: &World, keep: impl Fn(Ad) -> bool) -> Vec<Ad> {
    let (seed, epoch_ms) = (world.seed(), world.epoch_ms());
    (0..POSTS_PER_PAGE)
        .map(|nth| derived(seed, epoch_ms, META_PAGE, nth))
        .flat_map(|post| ads_of(seed, post))
        .filter(|ad| keep(*ad))
        .collect()
}

/// Refuses another account than the page's, and whoever may not read that.
fn check(request: &GraphRequest<'_>, account: &str) -> Result<(), GraphError> {
    if account != format!("act_{META_AD_ACCOUNT}") {
        return Err(GraphError::missing(account));
    }
    if request.may_read(META_PAGE) {
        Ok(())
    } else {
        Err(GraphError::permission("ads_read"))
    }
}

/// Whether an advertisement's state is one of those asked for; without, all but the archived.
fn is_asked_for(states: Option<&[String]>, state: &str) -> bool {
    states.map_or(state != "ARCHIVED", |states| {
        states.iter().any(|asked| asked == state)
    })
}

/// `/act_{account}/ads`.
pub(super) fn write_ads(
    json: &mut Json,
    request: &GraphRequest<'_>,
    account: &str,
) -> Result<(), GraphError> {
    check(request, account)?;
    let seed = request.world.seed();
    let states: Option<Vec<String>> = request
        .parameters
        .get("effective_status")
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| GraphError::parameter("(#100) Invalid parameter: effective_status"))?;
    let fields = request.fields()?;
    let found = ads(request.world, |ad| {
        is_asked_for(states.as_deref(), ad.state(seed))
    });
    write_list(json, request, (account, "ads"), &found, |json, ad| {
        write_ad(json, seed, ad, &fields)
    })
}

fn write_ad(json: &mut Json, seed: u64, ad: Ad, fields: &[Field<'_>]) -> Result<(), GraphError> {
    json.object();
    for field in fields {
        match field.name {
            "id" => {}
            "name" => json.string_field("name", &format!("Advertisement {}", ad.id() % 1_000)),
            "effective_status" => json.string_field("effective_status", ad.state(seed)),
            "creative" => {
                json.key("creative");
                json.object();
                if field
                    .children
                    .iter()
                    .any(|child| child.name == "effective_object_story_id")
                {
                    json.string_field("effective_object_story_id", &ad.post.graph_id());
                }
                json.string_field("id", &(ad.id() / 7).to_string());
                json.end_object();
            }
            name => {
                return Err(GraphError::parameter(format!(
                    "(#100) Tried accessing nonexisting field ({name}) on node type (Adgroup)"
                )));
            }
        }
    }
    json.string_field("id", &ad.id().to_string());
    json.end_object();
    Ok(())
}

/// `/act_{account}/insights` of the advertisements, one row each.
pub(super) fn write_insights(
    json: &mut Json,
    request: &GraphRequest<'_>,
    account: &str,
) -> Result<(), GraphError> {
    check(request, account)?;
    for (name, value) in [("level", "ad"), ("date_preset", "maximum")] {
        if request.parameters.get(name) != Some(value) {
            return Err(GraphError::parameter(format!(
                "(#100) {name} must be one of the following values: {value}"
            )));
        }
    }
    let filters: Vec<Filter> = request
        .parameters
        .get("filtering")
        .map_or(Ok(Vec::new()), serde_json::from_str)
        .map_err(|_| GraphError::parameter("(#100) param filtering must be an array."))?;
    let (mut ids, mut states) = (None, None);
    for filter in &filters {
        let values = Some(filter.value.as_slice());
        match (filter.field.as_str(), filter.operator.as_str()) {
            ("ad.id", "IN") => ids = values,
            ("ad.effective_status", "IN") => states = values,
            (field, operator) => {
                return Err(GraphError::parameter(format!(
                    "(#100) Filtering field '{field}' with operation '{operator}' is not supported"
                )));
            }
        }
    }
    let seed = request.world.seed();
    let found = ads(request.world, |ad| {
        let id = ad.id().to_string();
        ad.was_shown(seed)
            && is_asked_for(states, ad.state(seed))
            && ids.is_none_or(|ids| ids.contains(&id))
    });
    let fields = request.fields()?;
    write_list(json, request, (account, "insights"), &found, |json, ad| {
        write_row(json, request, ad, &fields)
    })
}

fn write_row(
    json: &mut Json,
    request: &GraphRequest<'_>,
    ad: Ad,
    fields: &[Field<'_>],
) -> Result<(), GraphError> {
    let post = ad.post.graph_id();
    let told = request
        .world
        .figures(Platform::Meta, &post, Some(request.now_ms));
    let Some((figures, _)) = told else {
        return Err(GraphError::missing(&post));
    };
    let delivery = ad.delivery(&figures);
    json.object();
    for field in fields {
        let name = field.name;
        match name {
            "ad_id" => json.string_field(name, &ad.id().to_string()),
            "account_id" => json.string_field(name, &META_AD_ACCOUNT.to_string()),
            "account_currency" => json.string_field(name, META_AD_CURRENCY),
            "impressions" => json.string_field(name, &delivery.impressions.to_string()),
            "clicks" => json.string_field(name, &delivery.clicks.to_string()),
            "inline_link_clicks" => json.string_field(name, &delivery.link_clicks.to_string()),
            "spend" => {
                let (whole, cents) = (delivery.spend_cents / 100, delivery.spend_cents % 100);
                json.string_field(name, &format!("{whole}.{cents:02}"));
            }
            "actions" => write_actions(json, &delivery),
            _ => {
                return Err(GraphError::parameter(format!(
                    "(#100) {name} is not valid for fields param."
                )));
            }
        }
    }
    let day = |seconds: i64| timestamp(seconds).chars().take(10).collect::<String>();
    json.string_field("date_start", &day(ad.post.created_s()));
    json.string_field("date_stop", &day(request.now_ms / 1_000));
    json.end_object();
    Ok(())
}

/// What people did, by kind. The list is left out where it is empty.
fn write_actions(json: &mut Json, delivery: &Delivery) {
    let actions: Vec<(&str, u64)> = [("link_click", delivery.link_clicks)]
        .into_iter()
        .chain(PURCHASES.map(|kind| (kind, delivery.purchases)))
        .filter(|(_, count)| *count > 0)
        .collect();
    if actions.is_empty() {
        return;
    }
    json.key("actions");
    json.array();
    for (kind, count) in actions {
        json.object();
        json.string_field("action_type", kind);
        json.string_field("value", &count.to_string());
        json.end_object();
    }
    json.end_array();
}

/// Writes a page of an edge's list, each entry as `write` does.
fn write_list(
    json: &mut Json,
    request: &GraphRequest<'_>,
    (account, edge): (&str, &str),
    found: &[Ad],
    write: impl Fn(&mut Json, Ad) -> Result<(), GraphError>,
) -> Result<(), GraphError> {
    let place = PageRequest::of_parameters(request.parameters)?;
    let page: Page<Ad> = place.read(
        |before, most| {
            let older = found.iter().filter(|ad| ad.id() < before);
            older.take(most).copied().collect()
        },
        |after, most| {
            let newer = found.iter().rev().filter(|ad| ad.id() > after);
            let mut nearest: Vec<Ad> = newer.take(most).copied().collect();
            nearest.reverse();
            nearest
        },
    );
    json.object();
    json.key("data");
    json.array();
    for ad in &page.entries {
        write(json, *ad)?;
    }
    json.end_array();
    let path = format!("{account}/{edge}");
    let address = ListAddress {
        version: request.version,
        path: &path,
        token: request.token,
        fields: request.parameters.get("fields").unwrap_or_default(),
        limit: place.limit,
    };
    write_paging(json, &page, |ad| ad.id(), &address);
    json.end_object();
    Ok(())
}
