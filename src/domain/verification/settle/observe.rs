//! What was said of posts, taken in: what their links turned out to name, observations, totals and authors.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::Ledger;
use crate::db::Connection;
use crate::db::platform_report::{self as observations, Counted, NewPlatformReport, Spent};
use crate::db::post as posts;
use crate::domain::publication;
use crate::domain::verification::fell;
use crate::domain::verification::rows::{Evidence, platform_report};
use crate::domain::verification::{Checked, Outcome};
use crate::error::Error;
use crate::model::PostStatus;
use crate::platform::{Fetched, Sighting};

impl Ledger {
    /// A link that was resolved gives its post a native id, or makes it a duplicate.
    pub(super) async fn resolve(
        &mut self,
        connection: &mut Connection,
        checked: &Checked,
    ) -> Result<(), Error> {
        let Outcome::Answered {
            resolved: Some(link),
            ..
        } = &checked.outcome
        else {
            return Ok(());
        };
        let Some(native_id) = link.native_id() else {
            return Ok(());
        };
        let post = self.post_mut(checked.task.post.id)?;
        // A link that led nowhere before may lead to a post now.
        if post.platform_post_id.is_some() || post.status == PostStatus::Duplicate {
            return Ok(());
        }
        match posts::find_by_native_id(connection, post, native_id).await? {
            Some(other) => {
                post.status = PostStatus::Duplicate;
                post.duplicate_of = Some(other);
            }
            None => {
                post.status = PostStatus::Tracking;
                post.platform_post_id = Some(native_id.to_owned());
                if post.account_handle.is_none() {
                    post.account_handle.clone_from(&link.account);
                }
            }
        }
        Ok(())
    }

    /// Keeps what the platform said, once for each post, and adds it to the evidence of each claim.
    pub(super) async fn observe(
        &mut self,
        connection: &mut Connection,
        batch: &[&Checked],
    ) -> Result<(), Error> {
        // Of several answers on one post, the latest.
        let mut latest: HashMap<i64, DateTime<Utc>> = HashMap::new();
        for checked in batch {
            if let Outcome::Answered { fetched_at, .. } = &checked.outcome {
                let at = latest.entry(checked.task.post.id).or_insert(*fetched_at);
                *at = (*at).max(*fetched_at);
            }
        }
        let mut seen: HashSet<i64> = HashSet::new();
        let mut rows = Vec::new();
        let mut metrics = Vec::new();
        for checked in batch {
            let Outcome::Answered {
                fetched,
                fetched_at,
                credential_id,
                ..
            } = &checked.outcome
            else {
                continue;
            };
            let post_id = checked.task.post.id;
            if self.post_mut(post_id)?.status == PostStatus::Duplicate
                || latest.get(&post_id) != Some(fetched_at)
                || !seen.insert(post_id)
            {
                continue;
            }
            // The fetch began after these claims were committed and these checks due, whatever two machines' clocks say.
            let on_post = batch
                .iter()
                .filter(|other| other.task.post.id == post_id)
                .map(|other| &other.task);
            let begun = on_post
                .flat_map(|task| [task.report.submitted_at, task.not_before_due(*fetched_at)]);
            let fetched_at = begun.max().map_or(*fetched_at, |at| at.max(*fetched_at));
            let (row, observed) = platform_report(&checked.task.post, fetched, fetched_at)?;
            self.note_presence(&checked.task, fetched, fetched_at)?;
            self.note_author(post_id, fetched)?;
            let post = self.post_mut(post_id)?;
            post.published_at = publication::told(post, fetched);
            rows.push(row.with_credential(*credential_id));
            metrics.push(observed);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let spent = spent_before(connection, &rows).await?;
        let ids = observations::insert(connection, &rows).await?;
        let written: Vec<(i64, &NewPlatformReport)> = ids.iter().copied().zip(&rows).collect();
        let floors: HashMap<i64, u64> = rows
            .iter()
            .map(|row| (row.post_id, self.floor(row.post_id)))
            .collect();
        self.moved = fell::find(connection, &written, &floors).await?;
        let mut fresh: HashMap<i64, Evidence> = HashMap::new();
        for ((id, row), observed) in ids.into_iter().zip(&rows).zip(metrics) {
            self.count(id, row);
            self.count_spend(id, row, spent.get(&row.post_id));
            fresh.insert(row.post_id, Evidence::of_new(id, row, observed));
        }
        for checked in batch {
            if let Some(evidence) = fresh.get(&checked.task.post.id) {
                self.evidence
                    .entry(checked.task.report.id)
                    .or_default()
                    .push(evidence.clone());
            }
        }
        Ok(())
    }

    /// An observation with a number is what totals show of its post, unless a later one was written before it.
    pub(super) fn count(&mut self, id: i64, row: &observations::NewPlatformReport) {
        let Some(new) = Counted::of(id, row) else {
            return;
        };
        let before = self.counted.get(&new.post_id).copied();
        let is_latest =
            before.is_none_or(|old| (new.fetched_at, new.id) > (old.fetched_at, old.id));
        if let (true, Some(post)) = (is_latest, self.posts.get(&new.post_id)) {
            self.totals.observed(post, before.as_ref(), &new);
            self.counted.insert(new.post_id, new);
        }
    }

    /// An observation that tells what advertising its post has cost is what totals show of that, unless a later one was
    /// written before it.
    pub(super) fn count_spend(
        &mut self,
        id: i64,
        row: &observations::NewPlatformReport,
        before: Option<&Spent>,
    ) {
        let Some(new) = Spent::of(id, row) else {
            return;
        };
        let is_latest =
            before.is_none_or(|old| (new.fetched_at, new.id) > (old.fetched_at, old.id));
        if let (true, Some(post)) = (is_latest, self.posts.get(&new.post_id)) {
            self.totals.spent(post, before, &new);
        }
    }

    /// Who posted is what the platform last said.
    pub(super) fn note_author(&mut self, post_id: i64, fetched: &Fetched) -> Result<(), Error> {
        if let Fetched::Found(Sighting {
            author: Some(author),
            ..
        }) = fetched
        {
            let post = self.post_mut(post_id)?;
            post.author_id = author.id.as_deref().map(kept_name);
            post.author_handle = author.handle.as_deref().map(kept_name);
        }
        Ok(())
    }
}

/// What was told before of the posts of which these observations tell what advertising them has cost.
async fn spent_before(
    connection: &mut Connection,
    rows: &[NewPlatformReport],
) -> Result<HashMap<i64, Spent>, Error> {
    let told = rows.iter().filter(|row| row.spend.is_some());
    let post_ids: Vec<i64> = told.map(|row| row.post_id).collect();
    let spent = observations::list_spent(connection, &post_ids).await?;
    Ok(spent.into_iter().map(|row| (row.post_id, row)).collect())
}

/// A name of a platform as it is kept: as long as the column is.
fn kept_name(name: &str) -> String {
    name.chars().filter(|c| *c != '\0').take(200).collect()
}
