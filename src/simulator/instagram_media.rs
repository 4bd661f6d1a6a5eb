//! Which media exist on Instagram: 300 for every account, derived from the seed, and those that
//! were registered.
//!
//! A shortcode is a 64-bit number whose upper bits are its creation time. The simulator puts a
//! check of the seed into the milliseconds and the account's tag into the lower bits, so that it
//! can tell an existing shortcode from an invented one without a table.

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;

use super::codec::{BASE64_URL, decode, encode};
use super::digest::digest_number;
use super::lock::{read, write};

/// Media of every account that were not registered.
pub(super) const MEDIA_PER_ACCOUNT: u64 = 300;
/// The days before the epoch in which they were published.
const DAYS: u64 = 30;
/// The time between two of them, on average.
const SLOT_MS: u64 = DAYS * 86_400_000 / MEDIA_PER_ACCOUNT;

/// Instagram's own epoch, in unix milliseconds.
const CODE_EPOCH_MS: i64 = 1_314_220_021_721;
/// Turns a shortcode's number into the media's id in the Graph API and back. On Instagram the two
/// are unrelated; here they only must not be mistaken for each other.
const GRAPH_ID_MASK: u64 = 0x0000_5bd1_e995_6a3c;
/// Eighteen digits: accounts' ids have fewer.
const SMALLEST_GRAPH_ID: u64 = 100_000_000_000_000_000;

/// What was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaKind {
    Reel,
    Image,
    Album,
}

impl MediaKind {
    /// The kind of a product type or media type as Graph writes it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "REELS" | "REEL" | "CLIPS" | "VIDEO" => Some(Self::Reel),
            "FEED" | "IMAGE" => Some(Self::Image),
            "CAROUSEL" | "CAROUSEL_ALBUM" | "ALBUM" => Some(Self::Album),
            _ => None,
        }
    }

    /// `media_type`.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Reel => "VIDEO",
            Self::Image => "IMAGE",
            Self::Album => "CAROUSEL_ALBUM",
        }
    }

    /// `media_product_type`.
    pub(super) const fn product_type(self) -> &'static str {
        match self {
            Self::Reel => "REELS",
            Self::Image | Self::Album => "FEED",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Reel => "reel",
            Self::Image | Self::Album => "p",
        }
    }
}

/// One piece of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    /// The number that its shortcode writes.
    pub(super) pk: u64,
    pub(super) kind: MediaKind,
}

impl Media {
    /// The eleven characters in its URL; they are its native id.
    pub(super) fn code(self) -> String {
        encode(BASE64_URL, self.pk, 11)
    }

    /// Its id in the Graph API.
    pub(super) const fn graph_id(self) -> u64 {
        self.pk ^ GRAPH_ID_MASK
    }

    /// Whether the id in the Graph API is long enough not to be taken for an account's. Only codes
    /// of Instagram's first months, and invented ones, are not.
    pub(super) const fn has_graph_id(self) -> bool {
        self.graph_id() >= SMALLEST_GRAPH_ID
    }

    /// Its public address.
    pub(super) fn permalink(self) -> String {
        format!(
            "https://www.instagram.com/{}/{}/",
            self.kind.path(),
            self.code()
        )
    }

    /// When it was created, in unix milliseconds.
    pub(super) fn created_ms(self) -> i64 {
        created_ms(self.pk)
    }
}

/// The number that a shortcode writes; `None` where it is not 1 to 11 base64url characters.
pub(super) fn code_number(code: &str) -> Option<u64> {
    if code.len() > 11 {
        None
    } else {
        decode(BASE64_URL, code)
    }
}

/// The shortcode's number of an id in the Graph API.
pub(super) fn number_of_graph_id(id: &str) -> Option<u64> {
    let id: u64 = id.parse().ok()?;
    (id >= SMALLEST_GRAPH_ID).then_some(id ^ GRAPH_ID_MASK)
}

/// When the media with this number was created, in unix milliseconds.
pub(super) fn created_ms(pk: u64) -> i64 {
    i64::try_from(pk >> 23)
        .unwrap_or(0)
        .saturating_add(CODE_EPOCH_MS)
}

/// The `nth` newest media of an account, for `nth` below [`MEDIA_PER_ACCOUNT`].
pub(super) fn derived(seed: u64, epoch_ms: i64, account: u64, nth: u64) -> Media {
    // Two seconds short of the slot, so that cutting to seconds cannot change the order.
    let jitter = digest_number(seed ^ account, "instagram.jitter", nth) % (SLOT_MS - 2_000);
    let back_ms = i64::try_from(nth * SLOT_MS + jitter).unwrap_or(0);
    let seconds = (epoch_ms.saturating_sub(back_ms) / 1_000).max(CODE_EPOCH_MS / 1_000 + 1);
    let low = (tag(account) << 10) | nth;
    let created_ms = seconds * 1_000 + check(seed, seconds, low);
    let pk = (u64::try_from(created_ms - CODE_EPOCH_MS).unwrap_or(0) << 23) | low;
    Media {
        pk,
        kind: kind_of(seed, pk),
    }
}

/// Whether `pk` is one that [`derived`] gives to some account under this seed.
fn is_derived(seed: u64, pk: u64) -> bool {
    let created = created_ms(pk);
    let low = pk & 0x7f_ffff;
    (low & 0x3ff) < MEDIA_PER_ACCOUNT && created % 1_000 == check(seed, created / 1_000, low)
}

fn kind_of(seed: u64, pk: u64) -> MediaKind {
    match digest_number(seed, "instagram.kind", pk) % 100 {
        0..55 => MediaKind::Reel,
        55..85 => MediaKind::Image,
        _ => MediaKind::Album,
    }
}

/// Thirteen bits that stand for an account in its shortcodes.
fn tag(account: u64) -> u64 {
    digest_number(0, "instagram.tag", account) & 0x1fff
}

/// The milliseconds that a derived media of this second and account has.
fn check(seed: u64, seconds: i64, low: u64) -> i64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let number = digest_number(seed, "instagram.check", (seconds << 23) | low) % 1_000;
    i64::try_from(number).unwrap_or(0)
}

#[derive(Default)]
struct Registered {
    by_number: HashMap<u64, (u64, MediaKind)>,
    by_account: HashMap<u64, BTreeMap<u64, MediaKind>>,
}

/// Every media of a seed.
pub(super) struct MediaLibrary {
    seed: u64,
    registered: RwLock<Registered>,
}

impl MediaLibrary {
    /// The derived media of `seed`, with none registered.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            registered: RwLock::default(),
        }
    }

    /// Adds a media to an account's list, or moves it there.
    pub(super) fn register(&self, account: u64, media: Media) {
        let mut registered = write(&self.registered);
        if let Some((owner, _)) = registered.by_number.insert(media.pk, (account, media.kind))
            && let Some(list) = registered.by_account.get_mut(&owner)
        {
            list.remove(&media.pk);
        }
        registered
            .by_account
            .entry(account)
            .or_default()
            .insert(media.pk, media.kind);
    }

    /// The media with this number.
    pub(super) fn find(&self, pk: u64) -> Option<Media> {
        if let Some((_, kind)) = read(&self.registered).by_number.get(&pk) {
            return Some(Media { pk, kind: *kind });
        }
        is_derived(self.seed, pk).then(|| Media {
            pk,
            kind: kind_of(self.seed, pk),
        })
    }

    /// Whether the media with this number is in the list of `account`.
    pub(super) fn owned_by(&self, pk: u64, account: u64) -> bool {
        match read(&self.registered).by_number.get(&pk) {
            Some((owner, _)) => *owner == account,
            None => (pk >> 10) & 0x1fff == tag(account),
        }
    }

    /// At most `most` media of an account older than `before`, newest first, of those that `keep`.
    pub(super) fn older(
        &self,
        epoch_ms: i64,
        account: u64,
        before: u64,
        most: usize,
        keep: &dyn Fn(Media) -> bool,
    ) -> Vec<Media> {
        let mut found: Vec<Media> = (0..MEDIA_PER_ACCOUNT)
            .map(|nth| derived(self.seed, epoch_ms, account, nth))
            .filter(|media| media.pk < before && keep(*media))
            .take(most)
            .collect();
        if let Some(list) = read(&self.registered).by_account.get(&account) {
            let registered = list.range(..before).rev().map(|(pk, kind)| Media {
                pk: *pk,
                kind: *kind,
            });
            found.extend(registered.filter(|media| keep(*media)).take(most));
        }
        found.sort_unstable_by_key(|media| std::cmp::Reverse(media.pk));
        found.dedup_by_key(|media| media.pk);
        found.truncate(most);
        found
    }

    /// At most `most` media of an account newer than `after`, newest first: those nearest to it.
    pub(super) fn newer(
        &self,
        epoch_ms: i64,
        account: u64,
        after: u64,
        most: usize,
        keep: &dyn Fn(Media) -> bool,
    ) -> Vec<Media> {
        let mut found: Vec<Media> = (0..MEDIA_PER_ACCOUNT)
            .rev()
            .map(|nth| derived(self.seed, epoch_ms, account, nth))
            .filter(|media| media.pk > after && keep(*media))
            .take(most)
            .collect();
        if let Some(list) = read(&self.registered).by_account.get(&account) {
            let from = after.saturating_add(1);
            let registered = list.range(from..).map(|(pk, kind)| Media {
                pk: *pk,
                kind: *kind,
            });
            found.extend(registered.filter(|media| keep(*media)).take(most));
        }
        found.sort_unstable_by_key(|media| media.pk);
        found.dedup_by_key(|media| media.pk);
        found.truncate(most);
        found.reverse();
        found
    }

    /// How many media an account has.
    pub(super) fn count(&self, account: u64) -> u64 {
        let registered = read(&self.registered);
        let extra = registered.by_account.get(&account).map_or(0, BTreeMap::len);
        MEDIA_PER_ACCOUNT + extra as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_MS: i64 = 1_793_491_200_000;

    fn all(library: &MediaLibrary, account: u64) -> Vec<Media> {
        library.older(EPOCH_MS, account, u64::MAX, 10_000, &|_| true)
    }

    #[test]
    fn an_account_has_three_hundred_media_newest_first_within_thirty_days() {
        let media = all(&MediaLibrary::new(7), 17_841_400_000_000_001);
        assert_eq!(media.len(), 300);
        assert!(media.windows(2).all(|pair| pair[0].pk > pair[1].pk));
        for item in &media {
            let age_ms = EPOCH_MS - item.created_ms();
            assert!((-1_000..=30 * 86_400_000).contains(&age_ms), "{age_ms}");
            assert_eq!(item.code().len(), 11);
            assert_eq!(code_number(&item.code()), Some(item.pk));
            assert_eq!(
                number_of_graph_id(&item.graph_id().to_string()),
                Some(item.pk)
            );
        }
        for kind in [MediaKind::Reel, MediaKind::Image, MediaKind::Album] {
            assert!(media.iter().any(|item| item.kind == kind), "no {kind:?}");
        }
    }

    #[test]
    fn a_derived_media_is_found_by_its_number_and_belongs_to_its_account() {
        let library = MediaLibrary::new(7);
        for media in all(&library, 42) {
            assert_eq!(library.find(media.pk), Some(media));
            assert!(library.owned_by(media.pk, 42));
            assert!(!library.owned_by(media.pk, 43));
        }
    }

    #[test]
    fn an_invented_shortcode_and_one_of_another_seed_do_not_exist() {
        let library = MediaLibrary::new(7);
        let invented = ["B-fKL9qpeab", "B1LbfVPlwIA", "BjNLpA1AhXM", "CRyZpjhDO_k"];
        let found = invented
            .iter()
            .filter(|code| library.find(code_number(code).unwrap()).is_some());
        assert_eq!(found.count(), 0);
        let others = all(&MediaLibrary::new(8), 42);
        assert!(
            others
                .iter()
                .filter(|media| library.find(media.pk).is_some())
                .count()
                < 5
        );
    }

    #[test]
    fn a_registered_media_takes_its_place_by_time_and_moves_with_its_owner() {
        let library = MediaLibrary::new(7);
        let pk = code_number("CRyZpjhDO_k").unwrap();
        let media = Media {
            pk,
            kind: MediaKind::Reel,
        };
        library.register(42, media);
        assert_eq!(all(&library, 42).last(), Some(&media));
        assert_eq!(library.count(42), 301);
        assert!(library.owned_by(pk, 42));
        library.register(43, media);
        assert!(!all(&library, 42).contains(&media));
        assert!(all(&library, 43).contains(&media));
    }

    #[test]
    fn pages_up_and_down_meet_without_a_gap_or_an_overlap() {
        let library = MediaLibrary::new(7);
        let everything = all(&library, 42);
        let first = library.older(EPOCH_MS, 42, u64::MAX, 20, &|_| true);
        let second = library.older(EPOCH_MS, 42, first[19].pk, 20, &|_| true);
        assert_eq!(second, everything[20..40]);
        assert_eq!(
            library.newer(EPOCH_MS, 42, second[0].pk, 20, &|_| true),
            first
        );
    }

    #[test]
    fn a_shortcode_tells_its_creation_time() {
        let created = created_ms(code_number("CRyZpjhDO_k").unwrap());
        assert_eq!(created / 1_000, 1_627_296_319, "2021-07-26T10:45:19Z");
    }
}
