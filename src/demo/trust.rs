//! How the affiliates stand at the end, held against what follows from the seed.

use serde_json::{Value, json};

use super::client::{Caller, text};
use super::plan::Planned;
use super::seed::{Party, Planted};
use super::submit::Submitted;

const TRUST: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Affiliate { \
    id trustScore totalSubmissions accurateSubmissions } } }";

/// How an affiliate stands at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trust {
    pub(super) name: String,
    /// As the API shows it: 0.00 to 1.00.
    pub(super) score: String,
    pub(super) accurate: u64,
    pub(super) total: u64,
    /// The two counters as they follow from the seed.
    expected: (u64, u64),
}

impl Trust {
    /// What is not what the seed says.
    pub(super) fn difference(&self) -> Option<String> {
        let (accurate, total) = self.expected;
        (self.expected != (self.accurate, self.total)).then(|| {
            format!(
                "{}: expected {accurate} of {total} claims to be accurate, got {} of {}",
                self.name, self.accurate, self.total
            )
        })
    }
}

/// The affiliates' trust.
///
/// # Errors
/// The API does not answer.
pub(super) async fn read(
    operator: &Caller,
    planted: &Planted,
    plan: &[Planned],
    submitted: &[Submitted],
) -> anyhow::Result<Vec<Trust>> {
    let ids: Vec<&str> = planted.affiliates.iter().map(|a| a.id.as_str()).collect();
    let data = operator.query(TRUST, json!({ "ids": ids })).await?;
    let nodes = data.pointer("/nodes").and_then(Value::as_array);
    let nodes = nodes.map_or(&[][..], Vec::as_slice);
    Ok(planted
        .affiliates
        .iter()
        .enumerate()
        .map(|(place, affiliate)| {
            let expected = expected_trust(place, plan, submitted);
            trust_of(affiliate, nodes, expected)
        })
        .collect())
}

fn trust_of(affiliate: &Party, nodes: &[Value], expected: (u64, u64)) -> Trust {
    let node = nodes
        .iter()
        .find(|node| text(node, "/id") == Some(affiliate.id.as_str()));
    let number = |field: &str| node.and_then(|node| node.get(field)?.as_u64()).unwrap_or(0);
    let score = node.and_then(|node| text(node, "/trustScore"));
    Trust {
        name: affiliate.name.clone(),
        score: score.unwrap_or("?").to_owned(),
        accurate: number("accurateSubmissions"),
        total: number("totalSubmissions"),
        expected,
    }
}

/// How many of an affiliate's accepted claims are to be accurate, and how many are to count.
fn expected_trust(affiliate: usize, plan: &[Planned], submitted: &[Submitted]) -> (u64, u64) {
    plan.iter()
        .zip(submitted)
        .filter(|(planned, submitted)| planned.affiliate == affiliate && submitted.post.is_some())
        .filter_map(|(planned, _)| planned.expected.accurate())
        .fold((0, 0), |(accurate, total), is_accurate| {
            (accurate + u64::from(is_accurate), total + 1)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plan::plan;
    use crate::simulator::World;

    #[test]
    fn trust_follows_from_the_final_verdicts_that_compared_something() {
        let plan = plan(&World::new(1).with_frozen_growth(), 37).unwrap();
        let submitted: Vec<Submitted> = (0..plan.len())
            .map(|nth| Submitted {
                post: Some(nth.to_string()),
                problems: Vec::new(),
            })
            .collect();
        let all: Vec<(u64, u64)> = (0..8)
            .map(|affiliate| expected_trust(affiliate, &plan, &submitted))
            .collect();
        let counting = plan
            .iter()
            .filter(|planned| planned.expected.accurate().is_some())
            .count();
        let total: u64 = all.iter().map(|(_, total)| total).sum();
        assert_eq!(usize::try_from(total).unwrap(), counting);
        assert!(all.iter().any(|(accurate, total)| accurate < total));
    }

    #[test]
    fn other_counters_than_the_seeds_are_a_difference() {
        let trust = |accurate| Trust {
            name: "Ann".to_owned(),
            score: "0.50".to_owned(),
            accurate,
            total: 4,
            expected: (2, 4),
        };
        assert_eq!(trust(2).difference(), None);
        assert_eq!(
            trust(1).difference().unwrap(),
            "Ann: expected 2 of 4 claims to be accurate, got 1 of 4"
        );
    }
}
