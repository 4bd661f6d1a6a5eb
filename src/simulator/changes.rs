//! What a test or a demo did to single posts: made them vanish, or lowered their counts.
//!
//! Nearly every run has none, so the common case is one atomic read and no lock.

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lock::{read, write};
use super::platform::Platform;

/// What was done to one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    /// It is no longer there.
    pub(super) gone: bool,
    /// The percentage taken away from each of its counts, 0 to 100.
    pub(super) purged_percent: u8,
}

/// The changed posts of every platform, by their native id.
#[derive(Default)]
pub(super) struct Changes {
    any: AtomicBool,
    posts: [RwLock<HashMap<String, Change>>; Platform::ALL.len()],
}

impl Changes {
    /// What was done to a post. `native_id` is only made when some post was changed.
    pub(super) fn of(&self, platform: Platform, native_id: impl FnOnce() -> String) -> Change {
        if !self.any.load(Ordering::Acquire) {
            return Change::default();
        }
        let posts = read(&self.posts[platform.index()]);
        if posts.is_empty() {
            return Change::default();
        }
        posts.get(&native_id()).copied().unwrap_or_default()
    }

    /// Makes a post vanish.
    pub(super) fn vanish(&self, platform: Platform, native_id: String) {
        write(&self.posts[platform.index()])
            .entry(native_id)
            .or_default()
            .gone = true;
        self.any.store(true, Ordering::Release);
    }

    /// Takes `percent` of each of its counts away; a later purge replaces an earlier one.
    pub(super) fn purge(&self, platform: Platform, native_id: String, percent: u8) {
        let percent = percent.min(100);
        write(&self.posts[platform.index()])
            .entry(native_id)
            .or_default()
            .purged_percent = percent;
        self.any.store(true, Ordering::Release);
    }

    /// Undoes both.
    pub(super) fn restore(&self, platform: Platform, native_id: &str) {
        write(&self.posts[platform.index()]).remove(native_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_changed_alone_and_restored_whole() {
        let changes = Changes::default();
        changes.vanish(Platform::Reddit, "a".to_owned());
        changes.purge(Platform::Reddit, "a".to_owned(), 250);
        let of = |platform, id: &str| changes.of(platform, || id.to_owned());
        assert_eq!(
            of(Platform::Reddit, "a"),
            Change {
                gone: true,
                purged_percent: 100
            }
        );
        assert_eq!(of(Platform::Reddit, "b"), Change::default());
        assert_eq!(of(Platform::Meta, "a"), Change::default());
        changes.restore(Platform::Reddit, "a");
        assert_eq!(of(Platform::Reddit, "a"), Change::default());
    }
}
