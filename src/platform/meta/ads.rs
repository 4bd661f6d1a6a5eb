//! What advertising the posts has cost and brought, by the Marketing API.
//!
//! The account's advertisements are listed, each with the post that it shows, and the list is kept
//! for ten minutes. Those of the posts of one fetch are then asked for together: over the time that
//! Meta keeps, which is 37 months, in the account's currency. Advertisements that were deleted are in
//! no list, so what they cost is not told.
//!
//! Their numbers are others than those of the posts, and none of them can be held against anybody.
//! - Spend and currency go onto the observation.
//! - Followed links (`inline_link_clicks`) stand in for the clicks where the page's insights have none,
//!   under a definition of their own, by which a claim can be cleared and not refuted. Where an
//!   affiliate's access is asked they do not: there the page's own count may still be had with this
//!   program's.
//! - Purchases (`omni_purchase`) are the conversions, under a definition of their own as well: they
//!   are what Meta credits to its advertisements, not what the advertiser signed. Signed orders
//!   decide wherever there are any, see [`crate::domain::reconciliation`]'s rule 9. Beside an
//!   affiliate's access they are told only where that has a number of the post: otherwise this
//!   program's own may still have some.
//!
//! Figures are put only where something was told of the post itself. Advertisements outlive their
//! post, so what they brought does not show that it is there.
//!
//! Nothing here fails an observation: where the account cannot be read there is no spend, the evidence
//! says why, and the account is left alone for a while. What is told of its quota holds back no posts;
//! but each of these requests takes one of the calls that all of this program may make. Where there is
//! none to be had there is no spend this time, and the account is asked again with the next posts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::access::Results;
use super::ad_rows::{Advertised, FIELDS};
use crate::model::{EvidenceGrade, Observed};
use crate::platform::call::measured;
use crate::platform::definition::{META_AD_CLICKS, META_AD_PURCHASES};
use crate::platform::error::{Limit, PlatformError};
use crate::platform::graph::Graph;
use crate::platform::graph::paging::{self, Cursor};
use crate::platform::lenient::text;
use crate::platform::usage::Usage;
use crate::platform::{Fetched, Sighting};

/// The states of an advertisement that are asked for. Archived ones are left out unless named, and
/// deleted ones cannot be listed.
const STATES: [&str; 11] = [
    "ACTIVE",
    "PAUSED",
    "PENDING_REVIEW",
    "DISAPPROVED",
    "PREAPPROVED",
    "PENDING_BILLING_INFO",
    "CAMPAIGN_PAUSED",
    "ADSET_PAUSED",
    "IN_PROCESS",
    "WITH_ISSUES",
    "ARCHIVED",
];

/// How long the list of the account's advertisements is kept.
const KEPT: Duration = Duration::from_mins(10);

/// How many advertisements a page of the list has, and how many pages are read at most.
const LIST_LIMIT: &str = "500";
const MOST_LIST_PAGES: usize = 40;

/// How many advertisements one call asks for, how many pages its answer may have, and how many
/// advertisements are asked for in one fetch at most.
const ADS_A_CALL: usize = 100;
const MOST_ROW_PAGES: usize = 10;
const MOST_ADS: usize = 1000;

/// How long a fetch waits for all of this.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the account is left alone after it could not be read, where nobody says how long.
const REST: Duration = Duration::from_mins(1);

/// The advertisements of one ad account.
#[derive(Debug)]
pub(super) struct Advertisements {
    graph: Graph,
    /// `act_` and a number.
    account: String,
    listed: Mutex<Option<Listed>>,
    resting: Lock<Option<Resting>>,
}

/// The account's advertisements, as they were listed.
#[derive(Debug)]
struct Listed {
    /// The post that each advertisement shows, by the advertisement's id.
    posts: Arc<BTreeMap<String, String>>,
    until: Instant,
}

/// Why the account is left alone, and until when.
#[derive(Debug)]
struct Resting {
    error: PlatformError,
    until: Instant,
}

impl Advertisements {
    /// The advertisements of `account`, which is `act_` and a number, as `graph`'s token sees them.
    pub(super) fn new(graph: Graph, account: String) -> Self {
        Self {
            graph,
            account,
            listed: Mutex::new(None),
            resting: Lock::new(None),
        }
    }

    /// Adds to the posts that were found what advertising them has cost and brought. `last` says that
    /// no other access is asked for what these results leave open.
    pub(super) async fn add_to(&self, results: &mut Results, last: bool) {
        let mut found: BTreeMap<&str, &mut Sighting> = BTreeMap::new();
        for (id, result) in results {
            if let Ok(Fetched::Found(sighting)) = result {
                found.insert(id.as_str(), sighting);
            }
        }
        if found.is_empty() {
            return;
        }
        let posts: BTreeSet<&str> = found.keys().copied().collect();
        let told = self.told(&posts).await;
        for (post, sighting) in found {
            let raw = match &told {
                Ok(told) => match told.get(post) {
                    Some(advertised) => {
                        put(advertised, sighting, last);
                        advertised.raw.clone()
                    }
                    None => json!([]),
                },
                Err(error) => json!({"error": error.to_string()}),
            };
            if let Some(fields) = sighting.raw.as_object_mut() {
                fields.insert("advertisements".to_owned(), raw);
            }
        }
    }

    /// What is told of the advertisements of these posts, by the post. Posts of which none was shown
    /// are left out.
    async fn told(
        &self,
        posts: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Advertised>, PlatformError> {
        if let Some(error) = self.rests() {
            return Err(error);
        }
        // The account has a quota of its own, so what is told of it stays in here.
        let (told, usage) = measured(timeout(PATIENCE, self.ask(posts))).await;
        let told = told.unwrap_or_else(|_| {
            Err(PlatformError::unreachable(
                "the ad account took too long to answer",
            ))
        });
        let cause = match &told {
            // This program held one call back, which says nothing of the account: another may ask at once.
            Err(error) if error.limit() == Some(Limit::Program) => None,
            Err(error) => Some(error.clone()),
            Ok(_) if usage.is_some_and(is_used_up) => Some(PlatformError::rate_limited(
                None,
                "the calls of the ad account are used up",
            )),
            Ok(_) => None,
        };
        if let Some(error) = cause {
            tracing::warn!(account = %self.account, %error, ?usage, "the ad account is left alone for a while");
            self.rest(error, usage);
        }
        told
    }

    async fn ask(
        &self,
        posts: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Advertised>, PlatformError> {
        let ads = self.list().await?;
        let wanted: Vec<&str> = ads
            .iter()
            .filter(|(_, post)| posts.contains(post.as_str()))
            .map(|(ad, _)| ad.as_str())
            .collect();
        if wanted.len() > MOST_ADS {
            return Err(PlatformError::refused(&format!(
                "these posts have {} advertisements, and at most {MOST_ADS} are asked for at once",
                wanted.len()
            )));
        }
        let mut rows = Vec::new();
        for part in wanted.chunks(ADS_A_CALL) {
            rows.extend(self.insights(part).await?);
        }
        let mut by_post: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for row in &rows {
            let ad = text(row.get("ad_id")).ok_or_else(|| {
                PlatformError::unreachable("a row of insights names no advertisement")
            })?;
            if let Some(post) = ads.get(&ad) {
                by_post.entry(post.as_str()).or_default().push(row);
            }
        }
        Ok(by_post
            .into_iter()
            .map(|(post, rows)| (post.to_owned(), Advertised::of(&rows)))
            .collect())
    }

    /// The account's advertisements, listed anew where the list is too old. Callers that come meanwhile
    /// wait for the same list.
    async fn list(&self) -> Result<Arc<BTreeMap<String, String>>, PlatformError> {
        let mut listed = self.listed.lock().await;
        if let Some(listed) = listed.as_ref().filter(|held| Instant::now() < held.until) {
            return Ok(Arc::clone(&listed.posts));
        }
        let states = json!(STATES).to_string();
        let query = [
            ("fields", "id,creative{effective_object_story_id}"),
            ("effective_status", states.as_str()),
            ("limit", LIST_LIMIT),
        ];
        let mut posts = BTreeMap::new();
        for row in self.all("ads", &query, MOST_LIST_PAGES).await? {
            let ad = text(row.get("id")).ok_or_else(|| {
                PlatformError::unreachable("a list of advertisements has one without an id")
            })?;
            // One that shows no post has no such id.
            if let Some(post) = text(row.pointer("/creative/effective_object_story_id")) {
                posts.insert(ad, post);
            }
        }
        let posts = Arc::new(posts);
        *listed = Some(Listed {
            posts: Arc::clone(&posts),
            until: Instant::now() + KEPT,
        });
        Ok(posts)
    }

    /// The rows of insights of these advertisements.
    async fn insights(&self, ads: &[&str]) -> Result<Vec<Value>, PlatformError> {
        let filtering = json!([
            {"field": "ad.id", "operator": "IN", "value": ads},
            {"field": "ad.effective_status", "operator": "IN", "value": STATES},
        ])
        .to_string();
        let limit = ADS_A_CALL.to_string();
        let query = [
            ("level", "ad"),
            ("fields", FIELDS),
            ("date_preset", "maximum"),
            ("filtering", filtering.as_str()),
            ("limit", limit.as_str()),
        ];
        self.all("insights", &query, MOST_ROW_PAGES).await
    }

    /// Every row of one of the account's lists, which may have `most` pages.
    async fn all(
        &self,
        edge: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<Value>, PlatformError> {
        let path = format!("{}/{edge}", self.account);
        let mut rows = Vec::new();
        let mut cursor = Cursor::new();
        for _ in 0..most {
            let mut asked = query.to_vec();
            asked.extend(
                cursor
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
            let page = self.graph.get(&path, &asked).await?;
            rows.extend_from_slice(paging::rows(&page)?);
            match paging::next(&page)? {
                Some(next) if next != cursor => cursor = next,
                Some(_) => break,
                None => return Ok(rows),
            }
        }
        Err(PlatformError::unreachable(&format!(
            "the list of the ad account's {edge} does not come to an end"
        )))
    }

    /// Why the account is left alone at present, if it is.
    fn rests(&self) -> Option<PlatformError> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting
            .as_ref()
            .filter(|resting| Instant::now() < resting.until)
            .map(|resting| resting.error.clone())
    }

    /// Leaves the account alone as long as it was asked to, at most a day.
    fn rest(&self, error: PlatformError, usage: Option<Usage>) {
        let wait = match &error {
            PlatformError::RateLimited { retry_after, .. } => {
                retry_after.or_else(|| usage.and_then(|usage| usage.resets_in))
            }
            _ => None,
        };
        let until = Instant::now() + wait.unwrap_or(REST);
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Resting { error, until });
    }
}

/// Whether nothing is left of what may be asked.
fn is_used_up(usage: Usage) -> bool {
    usage.used_percent == Some(100) || usage.remaining == Some(0)
}

/// Puts what was told of a post's advertisements onto what was told of the post.
fn put(advertised: &Advertised, sighting: &mut Sighting, last: bool) {
    sighting.spend.clone_from(&advertised.spend);
    // The author is told with every answer about the post, and with no other.
    if sighting.author.is_none() {
        return;
    }
    let reported = |value: u64, definition: &str| Observed::Reported {
        value,
        definition: definition.to_owned(),
        grade: EvidenceGrade::PlatformApp,
    };
    let metrics = &mut sighting.metrics;
    let has = |observed: &Observed| matches!(observed, Observed::Reported { .. });
    if let Some(value) = advertised.purchases
        && (last || has(&metrics.views) || has(&metrics.clicks))
    {
        metrics.conversions = reported(value, META_AD_PURCHASES);
    }
    if let Some(value) = advertised.link_clicks
        && last
        && !has(&metrics.clicks)
    {
        metrics.clicks = reported(value, META_AD_CLICKS);
    }
}
