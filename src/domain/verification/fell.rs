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

use std::collections::HashMap;

use crate::db::platform_report::NewPlatformReport;
use crate::db::reading::{self, Reading, Series};
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

/// Whether a number is so far below an earlier one that it is reported: by more than a fifth of the earlier one and by more
/// than the policy's absolute floor.
fn is_fall(from: u64, to: u64, floor: u64) -> bool {
    let lost = from.saturating_sub(to);
    lost > floor && u128::from(lost) * 100 > u128::from(from) * MOST_PERCENT
}

/// From what the last of these numbers, which are in order of time, fell; none where it is no fall that was not reported
/// before.
fn fell_from(values: impl IntoIterator<Item = u64>, floor: u64) -> Option<u64> {
    let mut from = None;
    let mut last = None;
    for value in values {
        last = from.filter(|from| is_fall(*from, value, floor));
        from = match (last, from) {
            (None, Some(from)) => Some(value.max(from)),
            _ => Some(value),
        };
    }
    last
}

/// The falls in observations that were just written, given by their ids. The floors are those of the posts' policies.
///
/// # Errors
/// The database failed.
pub(super) async fn find(
    connection: &mut Connection,
    written: &[(i64, &NewPlatformReport)],
    floors: &HashMap<i64, u64>,
) -> QueryResult<Vec<Fall>> {
    let floor = |post_id: i64| floors.get(&post_id).copied().unwrap_or_default();
    let new: HashMap<i64, (i64, &NewPlatformReport)> = written
        .iter()
        .filter(|(_, row)| row.views.is_some() || row.clicks.is_some() || row.conversions.is_some())
        .map(|(id, row)| (row.post_id, (*id, *row)))
        .collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let posts: Vec<i64> = new.keys().copied().collect();
    let ids: Vec<i64> = new.values().map(|(id, _)| *id).collect();
    // What is not far below the highest of all is no fall from anything; nearly always nothing is left here.
    let mut fallen: Vec<Series> = reading::list_highest(connection, &posts, &ids)
        .await?
        .into_iter()
        .filter(|highest| !is_of_advertisements(&highest.series.definition))
        .filter(|highest| {
            let now = new
                .get(&highest.series.post_id)
                .and_then(|(_, row)| figure(row, &highest.series));
            now.is_some_and(|now| {
                is_fall(number(highest.value), now, floor(highest.series.post_id))
            })
        })
        .map(|highest| highest.series)
        .collect();
    if fallen.is_empty() {
        return Ok(Vec::new());
    }
    let mut posts: Vec<i64> = fallen.iter().map(|series| series.post_id).collect();
    posts.sort_unstable();
    posts.dedup();
    let mut readings: HashMap<Series, Vec<Reading>> = HashMap::new();
    for row in reading::list_by_posts(connection, &posts).await? {
        readings.entry(row.series.clone()).or_default().push(row);
    }
    fallen.sort_unstable_by(|a, b| {
        (a.post_id, &a.metric, &a.definition).cmp(&(b.post_id, &b.metric, &b.definition))
    });
    let falls = fallen.iter().filter_map(|series| {
        let (id, row) = new.get(&series.post_id)?;
        let told = readings.get(series)?;
        let last = told.last()?;
        // What was told later was written before, and was looked at then.
        if last.platform_report_id != *id {
            return None;
        }
        let values = told.iter().map(|reading| number(reading.value));
        let from = fell_from(values, floor(series.post_id))?;
        Some(Fall {
            post_id: series.post_id,
            sentence: sentence(row.platform, series, from, number(last.value)),
        })
    });
    Ok(falls.collect())
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

fn sentence(platform: PlatformKind, series: &Series, from: u64, to: u64) -> String {
    let metric = Metric::ALL
        .into_iter()
        .find(|metric| metric.as_str() == series.metric)
        .map_or("counts", Metric::noun);
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
        let from = |values: &[u64]| fell_from(values.iter().copied(), 10);
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

    proptest! {
        #[test]
        fn numbers_that_never_fall_report_nothing(mut values in prop::collection::vec(any::<u64>(), 0..20), floor in 0..100_u64) {
            values.sort_unstable();
            prop_assert_eq!(fell_from(values, floor), None);
        }

        #[test]
        fn a_number_is_reported_once_however_often_it_is_seen(
            values in prop::collection::vec(0..100_000_u64, 1..20), again in 1..5_usize, floor in 0..100_u64,
        ) {
            let last = *values.last().unwrap();
            let repeated = values.iter().copied().chain(std::iter::repeat_n(last, again));
            prop_assert_eq!(fell_from(repeated, floor), None);
        }

        #[test]
        fn the_first_fall_is_measured_from_the_highest_number(
            values in prop::collection::vec(81_000..100_000_u64, 1..20), to in 0..100_000_u64, floor in 0..100_u64,
        ) {
            // None of these is a fifth below another.
            let highest = *values.iter().max().unwrap();
            let series = values.iter().copied().chain([to]);
            let expected = is_fall(highest, to, floor).then_some(highest);
            prop_assert_eq!(fell_from(series, floor), expected);
        }

        #[test]
        fn what_is_no_fall_from_the_highest_is_no_fall(
            values in prop::collection::vec(0..100_000_u64, 1..20), to in 0..100_000_u64, floor in 0..100_u64,
        ) {
            let highest = *values.iter().max().unwrap();
            if !is_fall(highest, to, floor) {
                prop_assert_eq!(fell_from(values.iter().copied().chain([to]), floor), None);
            }
        }
    }
}
