//! When posts were published that were found in the list of their page.
//!
//! Whoever looks for the post behind a permalink reads it on the way, and asks for the post next: then it need not be asked for
//! again. Forgetting it costs that request. It is told of an answer that shows the post, and forgotten where the post is not
//! shown: what a list had some time ago does not say that the post is there now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// How many posts are remembered at most.
const MOST: usize = 1000;

/// What lists told of posts, by their ids.
#[derive(Debug, Default)]
pub(super) struct Dates {
    told: Mutex<BTreeMap<String, Value>>,
}

impl Dates {
    /// What was told of a post; see [`super::wire::date`].
    pub(super) fn get(&self, id: &str) -> Option<Value> {
        self.lock().get(id).cloned()
    }

    /// Remembers what was told of a post. Where there are too many, all others are forgotten: they have been asked for long
    /// since.
    pub(super) fn remember(&self, id: &str, told: Value) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id.to_owned(), told);
    }

    /// Forgets what was told of a post.
    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        // A panic while it was held leaves a memory that is at worst incomplete.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let dates = Dates::default();
        for number in 0..=MOST {
            dates.remember(&format!("1_{number}"), json!({ "created_time": number }));
        }
        assert_eq!(dates.get("1_0"), None);
        let last = format!("1_{MOST}");
        assert_eq!(dates.get(&last), Some(json!({ "created_time": MOST })));
        dates.forget(&last);
        assert_eq!(dates.get(&last), None);
    }
}
