//! Walking a list of media, newest first, in search of shortcodes.
//!
//! A shortcode tells when it was made, and a post is never older. So once the list is past that
//! time, a post that has not turned up is not in it, and the rest of the list need not be read. A
//! list whose times do not go down is read to its end instead.
//!
//! Instagram lists no more than an account's newest ten thousand media, so the end of such a list is not
//! the account's: of older posts it says nothing.
//!
//! A row whose shortcode cannot be read may be any post that is not newer than the row. Of such a
//! post the list says nothing, however far it was read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::wire::{Media, Page, bare};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging::Cursor;
use crate::platform::link::instagram::created_after;

/// How far the times of a list and of a shortcode may disagree.
const TOLERANCE_MS: i64 = 60_000;

/// How many posts an account can pin. They may stand before newer ones.
const MOST_PINNED: usize = 3;

/// How many media Instagram lists at most.
const MOST_LISTED: usize = 10_000;

/// How many pages are read at most. One has fifty media, or fewer where some are not shown.
const MOST_PAGES: usize = 250;

/// How many pages in a row may show nothing.
const MOST_EMPTY: usize = 20;

/// How long a list that had a post shows that the post is there.
const FRESH: Duration = Duration::from_mins(10);

/// How many media ids are remembered.
const MOST_IDS: usize = 20_000;

/// A search through one list.
#[derive(Debug)]
pub(super) struct Walk {
    wanted: HashSet<String>,
    found: HashMap<String, Media>,
    /// How many rows were read.
    rows: usize,
    /// How many pages without a row were read since the last one with any.
    empty: usize,
    /// The time that the list has come down to, in milliseconds since 1970.
    reached_ms: Option<i64>,
    /// Whether the times went up somewhere, so that they do not tell what is still to come.
    is_out_of_order: bool,
    /// The time of the newest row whose shortcode cannot be read; the greatest number where that
    /// row has none.
    unread_ms: Option<i64>,
    ended: bool,
    places: HashSet<Cursor>,
    /// The id of the account whose public list it is.
    listed_by: Option<String>,
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
            rows: 0,
            empty: 0,
            reached_ms: None,
            is_out_of_order: false,
            unread_ms: None,
            ended: false,
            places: HashSet::new(),
            listed_by: None,
        }
    }

    /// Takes the next page.
    ///
    /// [`PlatformError::Unreachable`] where the list does not come to an end: it goes round in
    /// circles, or on and on.
    pub(super) fn take(&mut self, page: Page) -> Result<Step, PlatformError> {
        self.empty = if page.media.is_empty() {
            self.empty + 1
        } else {
            0
        };
        for media in page.media {
            self.descend(&media);
            if let Some(code) = media.code.as_deref().map(bare)
                && self.wanted.contains(code)
            {
                self.found.entry(code.to_owned()).or_insert(media);
            }
        }
        self.listed_by = page.listed_by;
        self.ended = page.next.is_none();
        let Some(next) = page.next else {
            return Ok(Step::Done);
        };
        if self
            .wanted
            .iter()
            .all(|code| self.found.contains_key(code) || self.is_past(code))
        {
            return Ok(Step::Done);
        }
        let is_too_long = self.places.len() >= MOST_PAGES || self.empty >= MOST_EMPTY;
        if is_too_long || !self.places.insert(next.clone()) {
            return Err(PlatformError::unreachable(
                "a list of media does not come to an end",
            ));
        }
        Ok(Step::Next(next))
    }

    /// Notes how far down the list has come, and rows that do not say which post they are.
    fn descend(&mut self, media: &Media) {
        self.rows += 1;
        if media.code.is_none() {
            let time = media.published_ms.unwrap_or(i64::MAX);
            self.unread_ms = self.unread_ms.max(Some(time));
        }
        let Some(time) = media.published_ms else {
            return;
        };
        if self.rows <= MOST_PINNED {
            return;
        }
        match self.reached_ms {
            // Posts of the same seconds stand in any order.
            Some(reached) if time > reached + TOLERANCE_MS => self.is_out_of_order = true,
            Some(reached) => self.reached_ms = Some(reached.min(time)),
            None => self.reached_ms = Some(time),
        }
    }

    /// The media with this shortcode, if it has turned up.
    pub(super) fn found(&self, code: &str) -> Option<Media> {
        self.found.get(code).cloned()
    }

    /// The id of the account whose public list it is, as its last page said.
    pub(super) fn listed_by(&self) -> Option<&str> {
        self.listed_by.as_deref()
    }

    /// Whether the part of the list that was read must have had this shortcode, in a row that can be
    /// read.
    pub(super) fn passed(&self, code: &str) -> bool {
        self.is_past(code) && !self.may_be_unread(code)
    }

    /// Whether nothing that is still to come can have this shortcode.
    fn is_past(&self, code: &str) -> bool {
        let older = || Some(self.reached_ms? < created_after(code)? - TOLERANCE_MS);
        let is_whole = self.ended && self.rows < MOST_LISTED;
        is_whole || (!self.is_out_of_order && older().unwrap_or(false))
    }

    /// The error of a post that was neither found nor [passed](Walk::passed) in a list that was read as
    /// far as need be.
    pub(super) fn undecided(&self, code: &str) -> PlatformError {
        if self.ends_before(code) {
            // It is the account that is so, and not a platform that fails: the next time it would be no other.
            PlatformError::refused(
                "Instagram lists the newest 10,000 media of an account, and this post is not among \
                 them",
            )
        } else {
            PlatformError::unreachable(
                "a list of media has a post without a shortcode, which may be the one that was \
                 looked for",
            )
        }
    }

    /// Whether the list came to its end before it was past the time of this shortcode, and the account may have older media.
    pub(super) fn ends_before(&self, code: &str) -> bool {
        self.ended && !self.is_past(code)
    }

    /// Whether a row whose shortcode cannot be read may have this one.
    fn may_be_unread(&self, code: &str) -> bool {
        self.unread_ms.is_some_and(|newest| {
            created_after(code).is_none_or(|created| newest >= created - TOLERANCE_MS)
        })
    }
}

/// What a list says of a post: where it is, for good, and that it is there, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The id that the API takes.
    pub(super) id: String,
    /// When it was published, where the list says so.
    pub(super) published_at: Option<DateTime<Utc>>,
    /// When the list had it.
    pub(super) listed_at: Option<Instant>,
}

impl Place {
    /// Whether the list had it just now.
    pub(super) fn is_fresh(&self) -> bool {
        self.listed_at.is_some_and(|at| at.elapsed() < FRESH)
    }
}

impl From<&Media> for Place {
    fn from(media: &Media) -> Self {
        Self {
            id: media.id.clone(),
            published_at: media.published_at(),
            listed_at: Some(Instant::now()),
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

    /// Forgets a place of which it is not known whether the list has it still.
    pub(super) fn forget(&self, code: &str) {
        self.lock().ids.remove(code);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic while it was held leaves a memory that is at worst incomplete.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
