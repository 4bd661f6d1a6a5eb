//! What was told of alerts in a week, held against what the verdicts call for.

use std::collections::HashMap;

use crate::demo::alerts::Heard;

/// The kinds of alert of which everything that is heard is held against what is expected.
const EXPECTED_KINDS: [&str; 3] = ["OVERCLAIM", "POST_REMOVED", "COUNT_FELL"];

/// What was heard of alerts and should not have been, and the other way round.
pub(super) fn differences(
    expected: &HashMap<Heard, usize>,
    heard: &HashMap<Heard, usize>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (key, times) in expected {
        let came = heard.get(key).copied().unwrap_or(0);
        if came != *times {
            let (post, kind, what) = key;
            differences.push(format!(
                "post {post}: expected {kind} {what} {times} times, was told {came} times"
            ));
        }
    }
    for (key, came) in heard {
        let (post, kind, what) = key;
        if EXPECTED_KINDS.contains(&kind.as_str()) && !expected.contains_key(key) {
            differences.push(format!(
                "post {post}: expected no {kind} {what}, was told {came} times"
            ));
        }
    }
    differences.sort_unstable();
    differences
}

/// Kinds of alert with what became of them: how often that was expected, and how often it was told. In their order, a line each.
pub(super) fn rows(
    expected: &HashMap<Heard, usize>,
    heard: &HashMap<Heard, usize>,
) -> Vec<Vec<String>> {
    let mut rows: Vec<(&str, &str)> = vec![
        ("OVERCLAIM", "RAISED"),
        ("OVERCLAIM", "CONFIRMED"),
        ("OVERCLAIM", "WITHDRAWN"),
        ("POST_REMOVED", "RAISED"),
        ("COUNT_FELL", "RAISED"),
    ];
    let mut others: Vec<(&str, &str)> = heard
        .keys()
        .map(|(_, kind, what)| (kind.as_str(), what.as_str()))
        .filter(|row| !rows.contains(row))
        .collect();
    others.sort_unstable();
    others.dedup();
    rows.extend(others);
    let count = |alerts: &HashMap<Heard, usize>, row: (&str, &str)| -> usize {
        alerts
            .iter()
            .filter(|((_, kind, what), _)| (kind.as_str(), what.as_str()) == row)
            .map(|(_, times)| times)
            .sum()
    };
    rows.into_iter()
        .map(|row| {
            let (kind, what) = row;
            let is_expected = EXPECTED_KINDS.contains(&kind);
            let should = if is_expected {
                count(expected, row).to_string()
            } else {
                "-".to_owned()
            };
            vec![
                format!("{kind} {}", what.to_lowercase()),
                should,
                count(heard, row).to_string(),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_that_are_missing_too_many_or_told_twice_are_differences() {
        let key = |post: &str, kind: &str, what: &str| {
            (post.to_owned(), kind.to_owned(), what.to_owned())
        };
        let expected = HashMap::from([(key("p", "OVERCLAIM", "RAISED"), 1)]);
        let mut heard = expected.clone();
        heard.insert(key("q", "DUPLICATE_POST", "RAISED"), 1);
        assert_eq!(differences(&expected, &heard), [""; 0]);
        heard.insert(key("q", "COUNT_FELL", "RAISED"), 1);
        heard.insert(key("p", "OVERCLAIM", "RAISED"), 2);
        assert_eq!(differences(&expected, &heard).len(), 2);
        let rows = rows(&expected, &heard);
        assert_eq!(rows[0], ["OVERCLAIM raised", "1", "2"]);
        assert_eq!(rows.last().unwrap()[..2], ["DUPLICATE_POST raised", "-"]);
    }
}
