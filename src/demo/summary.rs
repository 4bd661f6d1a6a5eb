//! The table at the end, and how numbers look in it.

use crate::model::{DiscrepancyLevel, Finality, PlatformKind, ReconciliationStatus};

use super::claims::Outcome;

/// What became of the posts of one platform, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) posts: u64,
    /// Views that were claimed, as the dashboards add them up; none where nobody claimed any.
    pub(super) claimed: Option<u64>,
    /// Views that were observed, as the dashboards add them up; none where the platform told of none.
    pub(super) observed: Option<u64>,
    pub(super) matched: u64,
    pub(super) partially_matched: u64,
    pub(super) low: u64,
    pub(super) medium: u64,
    pub(super) high: u64,
    pub(super) unverifiable: u64,
    pub(super) not_comparable: u64,
    pub(super) failed: u64,
    /// Posts without a verdict.
    pub(super) unjudged: u64,
    /// Of all of these, those whose verdict may still change.
    pub(super) provisional: u64,
    /// Alerts on posts that are not resolved.
    pub(super) alerts: u64,
}

impl Column {
    /// Counts a post and its verdict, where there is one.
    pub(super) fn count(&mut self, outcome: Option<&Outcome>) {
        self.posts += 1;
        let Some(outcome) = outcome else {
            self.unjudged += 1;
            return;
        };
        let place = match (outcome.status, outcome.level) {
            (ReconciliationStatus::Matched, _) => &mut self.matched,
            (ReconciliationStatus::PartiallyMatched, _) => &mut self.partially_matched,
            (ReconciliationStatus::Discrepancy, Some(DiscrepancyLevel::High)) => &mut self.high,
            (ReconciliationStatus::Discrepancy, Some(DiscrepancyLevel::Medium)) => &mut self.medium,
            (ReconciliationStatus::Discrepancy, _) => &mut self.low,
            (ReconciliationStatus::Unverifiable, _) => &mut self.unverifiable,
            (ReconciliationStatus::NotComparable, _) => &mut self.not_comparable,
            (ReconciliationStatus::Failed, _) => &mut self.failed,
        };
        *place += 1;
        if outcome.finality == Finality::Provisional {
            self.provisional += 1;
        }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            posts: self.posts + other.posts,
            claimed: sum(self.claimed, other.claimed),
            observed: sum(self.observed, other.observed),
            matched: self.matched + other.matched,
            partially_matched: self.partially_matched + other.partially_matched,
            low: self.low + other.low,
            medium: self.medium + other.medium,
            high: self.high + other.high,
            unverifiable: self.unverifiable + other.unverifiable,
            not_comparable: self.not_comparable + other.not_comparable,
            failed: self.failed + other.failed,
            unjudged: self.unjudged + other.unjudged,
            provisional: self.provisional + other.provisional,
            alerts: self.alerts + other.alerts,
        }
    }
}

/// A sum of numbers that may be missing, which is not to be zero.
pub(super) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (number, None) | (None, number) => number,
    }
}

/// A line of the table: its title, and the number that it shows of a column.
type Line = (&'static str, fn(&Column) -> Option<u64>);

/// The lines that are always there.
const LINES: [Line; 11] = [
    ("Posts", |column| Some(column.posts)),
    ("Views claimed", |column| column.claimed),
    ("Views observed", |column| column.observed),
    ("Matched", |column| Some(column.matched)),
    ("Partially matched", |column| Some(column.partially_matched)),
    ("Discrepancy, low", |column| Some(column.low)),
    ("Discrepancy, medium", |column| Some(column.medium)),
    ("Discrepancy, high", |column| Some(column.high)),
    ("Unverifiable", |column| Some(column.unverifiable)),
    ("Not comparable", |column| Some(column.not_comparable)),
    ("Provisional so far", |column| Some(column.provisional)),
];

/// The lines that are there where they are not zero throughout.
const RARE_LINES: [Line; 2] = [
    ("Platform not reached", |column| Some(column.failed)),
    ("Without a verdict", |column| Some(column.unjudged)),
];

const ALERTS: Line = ("Open alerts", |column| Some(column.alerts));

/// The table of a run: a column for each platform and one for all.
pub(super) fn table(platforms: &[(PlatformKind, Column)]) -> String {
    let total = platforms
        .iter()
        .fold(Column::default(), |sum, (_, column)| sum.plus(column));
    let columns: Vec<&Column> = platforms
        .iter()
        .map(|(_, column)| column)
        .chain([&total])
        .collect();
    let mut rows: Vec<Vec<String>> = vec![
        [""].into_iter()
            .chain(platforms.iter().map(|(kind, _)| kind.brand()))
            .chain(["Total"])
            .map(str::to_owned)
            .collect(),
    ];
    let mut row = |(title, number): Line| {
        let numbers = columns.iter().map(|column| cell(number(column)));
        rows.push([title.to_owned()].into_iter().chain(numbers).collect());
    };
    for line in LINES {
        row(line);
    }
    for line in RARE_LINES {
        if line.1(&total) > Some(0) {
            row(line);
        }
    }
    row(ALERTS);
    aligned(&rows)
}

/// Rows of cells with the first column to the left and the others to the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|place| {
            let lengths = rows.iter().filter_map(|row| row.get(place));
            lengths.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(widths.iter().copied()).enumerate();
            let cells: Vec<String> = cells
                .map(|(place, (cell, width))| match place {
                    0 => format!("  {cell:<width$}"),
                    _ => format!("   {cell:>width$}"),
                })
                .collect();
            cells.concat().trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// A number that may be missing.
fn cell(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

/// A number with its thousands apart: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As [`grouped`], of what is counted in memory.
pub(super) fn grouped_length(number: usize) -> String {
    grouped(u64::try_from(number).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PostStatus;

    fn outcome(status: ReconciliationStatus, level: Option<DiscrepancyLevel>) -> Outcome {
        Outcome {
            status,
            level,
            finality: Finality::Provisional,
            post: PostStatus::Tracking,
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (9_007_199_254_740_991, "9,007,199,254,740,991"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn every_verdict_is_counted_in_one_line() {
        let mut column = Column::default();
        for status in ReconciliationStatus::ALL {
            column.count(Some(&outcome(*status, Some(DiscrepancyLevel::Medium))));
        }
        column.count(None);
        let once = Column {
            posts: 7,
            matched: 1,
            partially_matched: 1,
            medium: 1,
            unverifiable: 1,
            not_comparable: 1,
            failed: 1,
            unjudged: 1,
            provisional: 6,
            ..Column::default()
        };
        assert_eq!(column, once);
    }

    #[test]
    fn the_table_has_a_column_for_each_platform_and_their_sum() {
        let column = |posts, claimed| Column {
            posts,
            claimed: Some(claimed),
            ..Column::default()
        };
        let table = table(&[
            (PlatformKind::Reddit, column(2, 1_500)),
            (PlatformKind::Meta, column(3, 1_000_000)),
        ]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "                        Reddit    Facebook       Total"
        );
        assert_eq!(
            lines[1],
            "  Posts                      2           3           5"
        );
        assert_eq!(
            lines[2],
            "  Views claimed          1,500   1,000,000   1,001,500"
        );
        assert_eq!(
            lines[3],
            "  Views observed             -           -           -"
        );
        assert_eq!(lines.len(), 13, "nothing failed, so nothing is said of it");
        assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    }

    #[test]
    fn what_failed_is_said_where_it_happened() {
        let mut column = Column::default();
        column.count(Some(&outcome(ReconciliationStatus::Failed, None)));
        assert!(table(&[(PlatformKind::Meta, column)]).contains("Platform not reached"));
    }
}
