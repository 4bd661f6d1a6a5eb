//! Walking a list of media, newest first, in search of shortcodes.
//!
//! A shortcode tells when it was made, and a post is never older. So once the list is past that
//! time, a post that has not turned up is not in it, and the rest of the list need not be read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::wire::{Media, Page, bare};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging::Cursor;
use crate::platform::link::instagram::created_after;

/// How far the times of a list and of a shortcode may disagree.
const TOLERANCE_MS: i64 = 60_000;

/// How many pages are read at most. Instagram lists no more than ten thousand media.
const MOST_PAGES: usize = 250;

/// How many media ids are remembered.
const MOST_IDS: usize = 20_000;

/// A search through one list.
#[derive(Debug)]
pub(super) struct Walk {
    wanted: HashSet<String>,
    found: HashMap<String, Media>,
    reached_ms: Option<i64>,
    ended: bool,
    places: HashSet<Cursor>,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the page that begins here.
    Next(Cursor),
    /// Everything is found, or is not in the list.
    Done,
}

impl Walk {
    /// A search for these shortcodes.
    pub(super) fn new(wanted: impl IntoIterator<Item = String>) -> Self {
        Self {
            wanted: wanted.into_iter().collect(),
            found: HashMap::new(),
            reached_ms: None,
            ended: false,
            places: HashSet::new(),
        }
    }

    /// Takes the next page.
    ///
    /// [`PlatformError::Unreachable`] where the list does not come to an end: it goes round in
    /// circles, or on and on.
    pub(super) fn take(&mut self, page: Page) -> Result<Step, PlatformError> {
        for media in page.media {
            // The last in the order of the list, not the oldest: pinned posts may stand before
            // newer ones.
            self.reached_ms = media.published_ms.or(self.reached_ms);
            if let Some(code) = media.code.as_deref().map(bare)
                && self.wanted.contains(code)
            {
                self.found.entry(code.to_owned()).or_insert(media);
            }
        }
        self.ended = page.next.is_none();
        let Some(next) = page.next else {
            return Ok(Step::Done);
        };
        if self
            .wanted
            .iter()
            .all(|code| self.found.contains_key(code) || self.passed(code))
        {
            return Ok(Step::Done);
        }
        if self.places.len() >= MOST_PAGES || !self.places.insert(next.clone()) {
            return Err(PlatformError::unreachable(
                "a list of media does not come to an end",
            ));
        }
        Ok(Step::Next(next))
    }

    /// The media with this shortcode, if it has turned up.
    pub(super) fn found(&self, code: &str) -> Option<Media> {
        self.found.get(code).cloned()
    }

    /// Whether the part of the list that was read must have had this shortcode.
    pub(super) fn passed(&self, code: &str) -> bool {
        let older = || Some(self.reached_ms? < created_after(code)? - TOLERANCE_MS);
        self.ended || older().unwrap_or(false)
    }
}

/// What a list says of a post for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The id that the API takes.
    pub(super) id: String,
    /// When it was published, where the list says so.
    pub(super) published_at: Option<DateTime<Utc>>,
}

impl From<&Media> for Place {
    fn from(media: &Media) -> Self {
        Self {
            id: media.id.clone(),
            published_at: media.published_at(),
        }
    }
}

/// Which media id a shortcode has. It never changes, so remembering it saves the search; forgetting
/// costs one. Where it is of several accounts, more than the shortcode is the key.
#[derive(Debug, Default)]
pub(super) struct MediaIds {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<String, Place>,
    order: VecDeque<String>,
}

impl MediaIds {
    /// The place of a shortcode that was found before.
    pub(super) fn get(&self, code: &str) -> Option<Place> {
        self.lock().ids.get(code).cloned()
    }

    /// Remembers a place, and forgets the oldest where there are too many.
    pub(super) fn remember(&self, code: &str, place: Place) {
        let mut known = self.lock();
        if known.ids.insert(code.to_owned(), place).is_none() {
            known.order.push_back(code.to_owned());
        }
        while known.order.len() > MOST_IDS {
            if let Some(oldest) = known.order.pop_front() {
                known.ids.remove(&oldest);
            }
        }
    }

    /// Forgets a media id that is no longer there.
    pub(super) fn forget(&self, code: &str) {
        self.lock().ids.remove(code);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic while it was held leaves a memory that is at worst incomplete.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
