//! Counts that fell after they were shown (the second half of rule 12).
//!
//! A platform that takes views away afterwards says that they were not people. An advertiser may have paid for them, so it
//! hears of it, whatever the verdict says and also when it is FINAL: an alert `COUNT_FELL` on the post. No verdict changes
//! and no trust moves, since a purge after an honest claim accuses nobody (rule 2). The alert has no level, as all that are
//! not about a claim.
//!
//! Figures of advertisements are left out: they fall when an advertisement is deleted, which says nothing of the post.
//!
//! A figure is compared with the highest one told before of the same metric under the same definition. Once a fall was
//! reported, what it fell to is what the next one is measured from, or what it has risen to since: the same number seen
//! again is no news, and a further fall is another occurrence.
//!
//! What was taken away may be given back: some platforms withhold counts while they look into them. Where every figure of a
//! post that fell is back at or above the level from which it fell first, the alert is taken back. A figure that is not told
//! any more is not back, and one that rose by less is still short of what was shown. So after a purge that is for good the
//! alert is open until somebody resolves it, or until the post has earned that much again and nothing is missing.

use std::collections::{BTreeMap, HashMap};

use crate::db::platform_report::NewPlatformReport;
use crate::db::reading::{self, Highest, Reading, Series};
use crate::db::{Connection, QueryResult};
use crate::domain::reconciliation::count;
use crate::model::{Metric, PlatformKind};
use crate::platform::is_of_advertisements;

/// A fall is reported above this share of the higher number, in percent.
const MOST_PERCENT: u128 = 20;

/// A figure of a post that fell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fall {
    /// Of which post.
    pub(super) post_id: i64,
    /// What fell, as a sentence with its numbers.
    pub(super) sentence: String,
}

/// The counts of a post that had fallen are back, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Regained {
    /// Of which post.
    pub(super) post_id: i64,
    /// What came back with the last observation, in sentences with the numbers.
    pub(super) sentences: String,
}

/// What observations show of counts that fell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// The falls that were not reported before.
    pub(super) falls: Vec<Fall>,
    /// The posts of which nothing is missing any more. None of them has a fall.
    pub(super) regained: Vec<Regained>,
}

/// Whether a number is so far below an earlier one that it is reported: by more than a fifth of the earlier one and by more
/// than the policy's absolute floor.
fn is_fall(from: u64, to: u64, floor: u64) -> bool {
    let lost = from.saturating_sub(to);
    lost > floor && u128::from(lost) * 100 > u128::from(from) * MOST_PERCENT
}

/// Where a series of numbers stands after the last of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Course {
    /// From what the last one fell; none where it is no fall that was not reported before.
    fell_from: Option<u64>,
    /// The level from which the numbers fell and to which they have not come back.
    lost: Option<u64>,
    /// The level to which the last one came back.
    regained: Option<u64>,
}

/// Where these numbers, which are in order of time, stand.
fn course(values: impl IntoIterator<Item = u64>, floor: u64) -> Course {
    let mut from = None;
    let mut course = Course::default();
    for value in values {
        course.fell_from = from.filter(|from| is_fall(*from, value, floor));
        course.regained = course.lost.filter(|lost| value >= *lost);
        course.lost = match course.regained {
            Some(_) => None,
            // A further fall is from lower: the level is that of the first.
            None => course.lost.max(course.fell_from),
        };
        from = match (course.fell_from, from) {
            (None, Some(from)) => Some(value.max(from)),
            _ => Some(value),
        };
    }
    course
}

/// What observations that were just written, given by their ids, show of falls. The floors are those of the posts' policies.
///
/// # Errors
/// The database failed.
pub(super) async fn find(
    connection: &mut Connection,
    written: &[(i64, &NewPlatformReport)],
    floors: &HashMap<i64, u64>,
) -> QueryResult<Moved> {
    let floor = |post_id: i64| floors.get(&post_id).copied().unwrap_or_default();
    let new: HashMap<i64, (i64, &NewPlatformReport)> = written
        .iter()
        .filter(|(_, row)| row.views.is_some() || row.clicks.is_some() || row.conversions.is_some())
        .map(|(id, row)| (row.post_id, (*id, *row)))
        .collect();
    if new.is_empty() {
        return Ok(Moved::default());
    }
    let posts: Vec<i64> = new.keys().copied().collect();
    let ids: Vec<i64> = new.values().map(|(id, _)| *id).collect();
    // Nearly always nothing is left here.
    let mut posts: Vec<i64> = reading::list_highest(connection, &posts, &ids)
        .await?
        .into_iter()
        .filter(|highest| !is_of_advertisements(&highest.series.definition))
        .filter(|highest| {
            let series = &highest.series;
            let now = new
                .get(&series.post_id)
                .and_then(|(_, row)| figure(row, series));
            now.is_some_and(|now| may_have_moved(highest, now, floor(series.post_id)))
        })
        .map(|highest| highest.series.post_id)
        .collect();
    posts.sort_unstable();
    posts.dedup();
    if posts.is_empty() {
        return Ok(Moved::default());
    }
    let mut readings: BTreeMap<i64, BTreeMap<Series, Vec<Reading>>> = BTreeMap::new();
    for row in reading::list_by_posts(connection, &posts).await? {
        let of_post = readings.entry(row.series.post_id).or_default();
        of_post.entry(row.series.clone()).or_default().push(row);
    }
    let mut moved = Moved::default();
    for (post_id, series) in &readings {
        if let Some((id, row)) = new.get(post_id) {
            moved.add(*post_id, (*id, row.platform), series, floor(*post_id));
        }
    }
    Ok(moved)
}

/// Whether a number may be a fall, or the end of one. What is not far below the highest of all is no fall from anything, and
/// what the one before was the highest of all has lost nothing.
fn may_have_moved(before: &Highest, now: u64, floor: u64) -> bool {
    let (highest, latest) = (number(before.highest), number(before.latest));
    is_fall(highest, now, floor) || (latest < highest && now > latest)
}

impl Moved {
    /// Adds what the series of a post, whose readings are in order of time, show of the observation that was just written.
    /// Those of advertisements show nothing, neither a fall nor that something is missing still.
    fn add(
        &mut self,
        post_id: i64,
        (written, platform): (i64, PlatformKind),
        series: &BTreeMap<Series, Vec<Reading>>,
        floor: u64,
    ) {
        let mut back = Vec::new();
        let mut is_short = false;
        let of_the_post = series
            .iter()
            .filter(|(series, _)| !is_of_advertisements(&series.definition));
        // Whether the latest number of each series is the highest of it.
        let is_whole = of_the_post.clone().all(|(_, told)| {
            let values = told.iter().map(|reading| reading.value);
            values.clone().next_back() == values.max()
        });
        for (series, told) in of_the_post {
            let Some(last) = told.last() else {
                continue;
            };
            let course = course(told.iter().map(|reading| number(reading.value)), floor);
            is_short |= course.lost.is_some();
            // What was told later was written before, and was looked at then.
            if last.platform_report_id != written {
                continue;
            }
            let now = number(last.value);
            if let Some(from) = course.fell_from {
                self.falls.push(Fall {
                    post_id,
                    sentence: sentence(platform, series, from, now),
                });
            }
            // What was a fall by the policy of an earlier claim is back, too, where nothing is missing of any figure.
            let earlier = told
                .iter()
                .rev()
                .skip(1)
                .map(|reading| number(reading.value));
            let highest = earlier.clone().max();
            let was_short = earlier.clone().next() < highest;
            let back_whole = highest.filter(|_| was_short && is_whole);
            if let Some(level) = course.regained.or(back_whole) {
                back.push(regained(platform, series, level, now));
            }
        }
        if !is_short && !back.is_empty() {
            self.regained.push(Regained {
                post_id,
                sentences: back.join(" "),
            });
        }
    }
}

/// A count as it is stored, which is never negative.
fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// What an observation reports of a series.
fn figure(row: &NewPlatformReport, series: &Series) -> Option<u64> {
    let metric = Metric::ALL
        .into_iter()
        .find(|metric| metric.as_str() == series.metric)?;
    let (value, definition) = match metric {
        Metric::Views => (row.views, &row.views_definition),
        Metric::Clicks => (row.clicks, &row.clicks_definition),
        Metric::Conversions => (row.conversions, &row.conversions_definition),
    };
    value
        .filter(|_| definition.as_ref() == Some(&series.definition))
        .map(number)
}

/// What the numbers of a series count.
fn noun(series: &Series) -> &'static str {
    Metric::ALL
        .into_iter()
        .find(|metric| metric.as_str() == series.metric)
        .map_or("counts", Metric::noun)
}

fn regained(platform: PlatformKind, series: &Series, level: u64, now: u64) -> String {
    format!(
        "{} reports {} {} ({}) again: no fewer than the {} from which they fell.",
        platform.brand(),
        count(now),
        noun(series),
        series.definition,
        count(level)
    )
}

fn sentence(platform: PlatformKind, series: &Series, from: u64, to: u64) -> String {
    let metric = noun(series);
    let lost = from.saturating_sub(to);
    let tenths = u128::from(lost) * 1000 / u128::from(from.max(1));
    format!(
        "{} reports {} {metric} ({}) where it reported {} before: {} fewer, {}.{} %.",
        platform.brand(),
        count(to),
        series.definition,
        count(from),
        count(lost),
        tenths / 10,
        tenths % 10
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fall_is_more_than_a_fifth_and_more_than_the_floor() {
        for (from, to, floor, falls) in [
            (1000, 800, 10, false),
            (1000, 799, 10, true),
            (1000, 1000, 10, false),
            (1000, 2000, 10, false),
            (10, 0, 10, false),
            (11, 0, 10, true),
            (100, 60, 40, false),
            (100, 60, 39, true),
            (0, 0, 0, false),
            (1, 0, 0, true),
            (u64::MAX, 0, 0, true),
            (u64::MAX, u64::MAX - 1, 0, false),
        ] {
            assert_eq!(is_fall(from, to, floor), falls, "{from} to {to}, {floor}");
        }
    }

    #[test]
    fn the_same_number_again_is_no_further_fall_and_a_lower_one_is() {
        let from = |values: &[u64]| course(values.iter().copied(), 10).fell_from;
        assert_eq!(from(&[]), None);
        assert_eq!(from(&[400]), None);
        assert_eq!(from(&[1000, 400]), Some(1000));
        assert_eq!(from(&[1000, 400, 400]), None);
        assert_eq!(from(&[1000, 400, 390]), None);
        assert_eq!(from(&[1000, 400, 300]), Some(400));
        assert_eq!(from(&[1000, 400, 300, 300]), None);
        // By small steps, each of which is nothing, down from the highest.
        assert_eq!(from(&[1000, 900, 800]), None);
        assert_eq!(from(&[1000, 900, 790]), Some(1000));
        // What came back and went again went again.
        assert_eq!(from(&[1000, 400, 1000, 400]), Some(1000));
        assert_eq!(from(&[1000, 400, 500, 420]), None);
    }

    #[test]
    fn a_level_is_regained_at_the_number_from_which_the_first_fall_was() {
        let stands = |values: &[u64]| {
            let course = course(values.iter().copied(), 10);
            (course.lost, course.regained)
        };
        assert_eq!(stands(&[1000]), (None, None));
        assert_eq!(stands(&[1000, 900, 1000]), (None, None), "it was no fall");
        assert_eq!(stands(&[1000, 400]), (Some(1000), None));
        assert_eq!(stands(&[1000, 400, 999]), (Some(1000), None));
        assert_eq!(stands(&[1000, 400, 1000]), (None, Some(1000)));
        assert_eq!(stands(&[1000, 400, 1200]), (None, Some(1000)));
        assert_eq!(stands(&[1000, 400, 1200, 1300]), (None, None), "once");
        // From lower and lower: what was there first counts.
        assert_eq!(stands(&[1000, 400, 300, 400]), (Some(1000), None));
        assert_eq!(stands(&[1000, 400, 300, 1000]), (None, Some(1000)));
        assert_eq!(stands(&[1000, 400, 1000, 400]), (Some(1000), None));
    }

    fn readings(metric: &str, definition: &str, told: &[(i64, i64)]) -> (Series, Vec<Reading>) {
        let series = Series {
            post_id: 7,
            metric: metric.to_owned(),
            definition: definition.to_owned(),
        };
        let reading = |(platform_report_id, value): &(i64, i64)| Reading {
            series: series.clone(),
            platform_report_id: *platform_report_id,
            value: *value,
        };
        let told = told.iter().map(reading).collect();
        (series, told)
    }

    #[test]
    fn counts_of_a_post_are_back_when_all_that_fell_are() {
        let moved = |views: &[(i64, i64)], clicks: &[(i64, i64)]| {
            let series = BTreeMap::from([
                readings("VIEWS", "meta.post_media_view", views),
                readings("CLICKS", "meta.post_clicks", clicks),
            ]);
            let mut moved = Moved::default();
            moved.add(7, (3, PlatformKind::Meta), &series, 10);
            (moved.falls.len(), moved.regained.len())
        };
        let (fell, back) = (
            [(1, 900), (2, 300), (3, 250)],
            [(1, 900), (2, 300), (3, 900)],
        );
        assert_eq!(moved(&back, &back), (0, 1));
        assert_eq!(moved(&back, &[(1, 900), (2, 900), (3, 900)]), (0, 1));
        assert_eq!(moved(&back, &[]), (0, 1));
        assert_eq!(moved(&fell, &back), (0, 0), "the views are short still");
        assert_eq!(moved(&back, &[(1, 900), (2, 300)]), (0, 0), "not told");
        assert_eq!(moved(&back, &[(1, 900), (2, 900), (3, 300)]), (1, 0));
        // It was back before, or is said to be so by another observation.
        assert_eq!(moved(&[(1, 900), (2, 900), (3, 900)], &[]), (0, 0));
        let later = [(1, 900), (2, 300), (3, 900), (4, 900)];
        assert_eq!(moved(&later, &[]), (0, 0));
    }

    #[test]
    fn what_fell_under_a_lower_floor_is_back_where_nothing_is_missing_of_it() {
        let moved = |views: &[(i64, i64)]| {
            let series = BTreeMap::from([readings("VIEWS", "youtube.viewCount", views)]);
            let mut moved = Moved::default();
            moved.add(7, (3, PlatformKind::YouTube), &series, 1000);
            (moved.falls.len(), moved.regained.len())
        };
        assert_eq!(moved(&[(1, 500), (2, 100), (3, 600)]), (0, 1));
        assert_eq!(moved(&[(1, 500), (2, 100), (3, 499)]), (0, 0));
        assert_eq!(
            moved(&[(1, 500), (2, 500), (3, 600)]),
            (0, 0),
            "it only grew"
        );
        let series = BTreeMap::from([
            readings(
                "VIEWS",
                "x.impression_count",
                &[(1, 900), (2, 899), (3, 901)],
            ),
            readings(
                "CLICKS",
                "x.url_link_clicks",
                &[(1, 500), (2, 100), (3, 100)],
            ),
        ]);
        let mut other = Moved::default();
        other.add(7, (3, PlatformKind::X), &series, 1000);
        assert_eq!(other, Moved::default(), "the clicks are missing still");
    }

    #[test]
    fn figures_of_advertisements_neither_fall_nor_keep_a_post_short() {
        let moved = |views: &[(i64, i64)]| {
            let fell = [(1, 900), (2, 900), (3, 100)];
            let series = BTreeMap::from([
                readings("VIEWS", "meta.post_media_view", views),
                readings("CLICKS", "meta.ads.inline_link_clicks", &fell),
                readings("CONVERSIONS", "meta.ads.omni_purchase", &fell),
            ]);
            let mut moved = Moved::default();
            moved.add(7, (3, PlatformKind::Meta), &series, 10);
            let falls: Vec<String> = moved.falls.into_iter().map(|fall| fall.sentence).collect();
            (falls.join(" "), moved.regained.len())
        };
        let (falls, regained) = moved(&[(1, 900), (2, 900), (3, 100)]);
        assert!(falls.contains("meta.post_media_view"), "{falls}");
        assert!(!falls.contains("meta.ads."), "{falls}");
        assert_eq!(regained, 0);
        let back = moved(&[(1, 900), (2, 300), (3, 900)]);
        assert_eq!(back, (String::new(), 1));
    }

    #[test]
    fn what_has_always_been_the_highest_needs_no_look_at_all_that_was_told() {
        let before = |highest: i64, latest: i64| Highest {
            series: readings("VIEWS", "x.impression_count", &[]).0,
            highest,
            latest,
        };
        assert!(!may_have_moved(&before(1000, 1000), 1200, 10));
        assert!(!may_have_moved(&before(1000, 1000), 900, 10));
        assert!(may_have_moved(&before(1000, 1000), 700, 10));
        assert!(may_have_moved(&before(1000, 700), 1000, 10));
        assert!(!may_have_moved(&before(1000, 900), 900, 10));
    }

    proptest! {
        #[test]
        fn numbers_that_never_fall_report_nothing(mut values in prop::collection::vec(any::<u64>(), 0..20), floor in 0..100_u64) {
            values.sort_unstable();
            prop_assert_eq!(course(values, floor), Course::default());
        }

        #[test]
        fn a_number_is_reported_once_however_often_it_is_seen(
            values in prop::collection::vec(0..100_000_u64, 1..20), again in 1..5_usize, floor in 0..100_u64,
        ) {
            let last = *values.last().unwrap();
            let repeated = values.iter().copied().chain(std::iter::repeat_n(last, again));
            let repeated = course(repeated, floor);
            prop_assert_eq!((repeated.fell_from, repeated.regained), (None, None));
        }

        #[test]
        fn the_first_fall_is_measured_from_the_highest_number(
            values in prop::collection::vec(81_000..100_000_u64, 1..20), to in 0..100_000_u64, floor in 0..100_u64,
        ) {
            // None of these is a fifth below another.
            let highest = *values.iter().max().unwrap();
            let series = values.iter().copied().chain([to]);
            let expected = is_fall(highest, to, floor).then_some(highest);
            prop_assert_eq!(course(series, floor).fell_from, expected);
        }

        #[test]
        fn what_is_no_fall_from_the_highest_is_no_fall(
            values in prop::collection::vec(0..100_000_u64, 1..20), to in 0..100_000_u64, floor in 0..100_u64,
        ) {
            let highest = *values.iter().max().unwrap();
            if !is_fall(highest, to, floor) {
                let series = values.iter().copied().chain([to]);
                prop_assert_eq!(course(series, floor).fell_from, None);
            }
        }

        #[test]
        fn what_is_at_least_the_highest_has_lost_nothing(
            values in prop::collection::vec(0..100_000_u64, 1..20), more in 0..100_u64, floor in 0..100_u64,
        ) {
            let highest = *values.iter().max().unwrap();
            let lost = course(values.iter().copied(), floor).lost;
            let series = values.iter().copied().chain([highest + more]);
            let after = course(series, floor);
            prop_assert_eq!((after.lost, after.regained), (None, lost));
            prop_assert!(lost.is_none_or(|level| level <= highest));
        }
    }
}
