//! One post on a platform that was submitted more than once: to several campaigns, or by several affiliates (rule 14).
//!
//! Nobody can see this at submission without reading what others submitted, so the job that checks a post looks: whenever it
//! settles one whose native id is known. An alert `DUPLICATE_POST` is raised on each of the posts, once, to the advertiser of
//! its own campaign and to its own affiliate. What it says names nobody else: neither who, nor which campaign, nor an id.
//! Whoever comes later is another occurrence to those who were there: it counts their alerts up, and where one of them is
//! resolved another is raised.
//!
//! The same post twice by one affiliate in one campaign is something else: refused, or a post with the status DUPLICATE,
//! which has no native id of its own.
//!
//! Of two jobs that find each other's post at once both look, and the unique key of the alerts lets each be raised once; a
//! newcomer counts where its own alert was raised, so once as well. Two short links that are resolved in the same moment do
//! not see each other yet; the next check of either does. However many share a post, a check looks at a few of the others:
//! each finds out at its own check at the latest, and of somebody more only those few hear.

use std::collections::HashMap;

use crate::db::post::{self as posts, Post, Sharing};
use crate::db::{Connection, QueryResult};

/// How many others a check looks at.
const OTHERS: i64 = 10;

/// A post that was submitted elsewhere as well.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// The post.
    pub(super) post: Post,
    /// Where else it was submitted, as a sentence that names nobody.
    pub(super) sentence: String,
    /// Whether somebody was told so before.
    pub(super) is_told: bool,
    /// The posts that share it and of which nobody was told so yet.
    pub(super) newcomers: Vec<i64>,
}

/// The posts that share theirs with one of these, these among them, on which nobody was told so yet or that somebody new shares;
/// in the order of their ids. What is known of these has to be written before.
///
/// # Errors
/// The database failed.
pub(super) async fn find(connection: &mut Connection, checked: &[i64]) -> QueryResult<Vec<Shared>> {
    let mut found: HashMap<i64, Sharing> = posts::list_shared(connection, checked, OTHERS)
        .await?
        .into_iter()
        .map(|sharing| (sharing.post_id, sharing))
        .collect();
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = found.keys().copied().collect();
    let mut shared: Vec<Shared> = posts::list_by_id(connection, &ids)
        .await?
        .into_iter()
        .filter_map(|post| {
            let sharing = found.remove(&post.id)?;
            Some(Shared {
                sentence: sentence(&post.canonical_url, &sharing),
                post,
                is_told: sharing.is_told,
                newcomers: sharing.newcomers,
            })
        })
        .collect();
    shared.sort_unstable_by_key(|shared| shared.post.id);
    Ok(shared)
}

/// Where else a post was submitted.
fn sentence(canonical_url: &str, sharing: &Sharing) -> String {
    let ways: Vec<&str> = [
        (
            sharing.by_itself,
            "by the same affiliate to another campaign",
        ),
        (
            sharing.by_another_here,
            "by another affiliate to this campaign",
        ),
        (
            sharing.by_another_elsewhere,
            "by another affiliate to another campaign",
        ),
    ]
    .into_iter()
    .filter_map(|(is_so, way)| is_so.then_some(way))
    .collect();
    format!(
        "The post {canonical_url} was also submitted {}.",
        ways.join(", and ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_in_which_a_post_is_shared_is_said_without_a_name() {
        let said = |by_itself, by_another_here, by_another_elsewhere| {
            let sharing = Sharing {
                post_id: 1,
                by_itself,
                by_another_here,
                by_another_elsewhere,
                is_told: false,
                newcomers: Vec::new(),
            };
            let whole = sentence("https://example.com/1", &sharing);
            whole
                .strip_prefix("The post https://example.com/1 was also submitted ")
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            said(true, false, false),
            "by the same affiliate to another campaign."
        );
        assert_eq!(
            said(false, true, false),
            "by another affiliate to this campaign."
        );
        assert_eq!(
            said(false, true, true),
            "by another affiliate to this campaign, and by another affiliate to another campaign."
        );
    }
}
