//! The posts of one fetch by their ids: each is asked for once, in parts as large as the API allows, and the answers come back
//! in the order of the posts.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::error::PlatformError;
use super::{Fetched, PostRef};
use crate::model::PlatformKind;

/// What an answer says of posts, by their ids.
pub(super) type Told = HashMap<String, Result<Fetched, PlatformError>>;

/// Takes in what a row of an answer says of a post. Where a post has two rows that say two things, neither counts: nobody
/// can tell which of them is its own.
pub(super) fn take_row(told: &mut Told, id: String, fetched: Fetched) {
    match told.entry(id) {
        Entry::Vacant(place) => {
            place.insert(Ok(fetched));
        }
        Entry::Occupied(mut place) => {
            if place.get().as_ref().ok() != Some(&fetched) {
                *place.get_mut() = Err(PlatformError::unreachable(
                    "the answer says two different things of this post",
                ));
            }
        }
    }
}

/// What is asked for in one fetch, and what was said of it so far.
pub(super) struct Batch {
    kind: PlatformKind,
    /// The id of each post; none where it has none of this platform.
    keys: Vec<Option<String>>,
    told: Told,
}

impl Batch {
    /// Nothing was said yet. `id_of` is the id as the API takes it, given the native id.
    pub(super) fn new(
        kind: PlatformKind,
        posts: &[PostRef],
        id_of: impl Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            kind,
            keys: posts.iter().map(|post| id_of(&post.native_id)).collect(),
            told: HashMap::new(),
        }
    }

    /// The ids to ask for, each once, sorted.
    pub(super) fn ids(&self) -> Vec<String> {
        let distinct: BTreeSet<&String> = self.keys.iter().flatten().collect();
        distinct.into_iter().cloned().collect()
    }

    /// Takes in what was answered to a part of the ids. An error of the call is one of each.
    pub(super) fn take(
        &mut self,
        part: &[String],
        answer: Result<
            impl IntoIterator<Item = (String, Result<Fetched, PlatformError>)>,
            PlatformError,
        >,
    ) {
        match answer {
            Ok(answers) => self.told.extend(answers),
            Err(error) => {
                tracing::debug!(platform = %self.kind, posts = part.len(), %error, "not fetched");
                self.told
                    .extend(part.iter().map(|id| (id.clone(), Err(error.clone()))));
            }
        }
    }

    /// What was said of each post. The sentences are for a post without an id of the platform, and for one that the platform
    /// did not answer for.
    pub(super) fn answers(
        self,
        no_id: &str,
        unanswered: &str,
    ) -> Vec<Result<Fetched, PlatformError>> {
        self.keys
            .iter()
            .map(|key| match key {
                Some(id) => self
                    .told
                    .get(id)
                    .cloned()
                    .unwrap_or_else(|| Err(PlatformError::unreachable(unanswered))),
                None => Err(PlatformError::refused(no_id)),
            })
            .collect()
    }
}
