//! Who comes first where not everybody can: campaigns take turns, so that the backlog of one does not take all the calls
//! that a platform allows.

use std::collections::HashMap;

/// Things in turns: the first of each campaign, then the second of each, and so on. Within a turn, and within a campaign,
/// they stay in their order.
pub(super) fn in_turns<T>(things: Vec<T>, campaign: impl Fn(&T) -> i64) -> Vec<T> {
    let mut turns: HashMap<i64, usize> = HashMap::new();
    let mut numbered: Vec<(usize, T)> = things
        .into_iter()
        .map(|thing| {
            let next = turns.entry(campaign(&thing)).or_default();
            let turn = *next;
            *next += 1;
            (turn, thing)
        })
        .collect();
    // Of the same turn, who came first stays first.
    numbered.sort_by_key(|(turn, _)| *turn);
    numbered.into_iter().map(|(_, thing)| thing).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(things: &[(i64, u32)]) -> Vec<(i64, u32)> {
        in_turns(things.to_vec(), |(campaign, _)| *campaign)
    }

    #[test]
    fn a_small_campaign_is_not_behind_the_backlog_of_a_large_one() {
        let mut things: Vec<(i64, u32)> = (0..6).map(|nth| (1, nth)).collect();
        things.extend([(2, 0), (2, 1), (3, 0)]);
        let expected: [(i64, u32); 9] = [
            (1, 0),
            (2, 0),
            (3, 0),
            (1, 1),
            (2, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
        ];
        assert_eq!(turns(&things), expected);
    }

    #[test]
    fn one_campaign_alone_stays_in_its_order() {
        let things: Vec<(i64, u32)> = (0..50).map(|nth| (9, nth)).collect();
        assert_eq!(turns(&things), things);
        assert!(turns(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_beginning_favours_a_campaign(
            campaigns in prop::collection::vec(0_i64..5, 0..60)
        ) {
            let things: Vec<(i64, u32)> = campaigns.iter().copied().zip(0..).collect();
            let ordered = turns(&things);
            let mut sorted = ordered.clone();
            sorted.sort_by_key(|(_, nth)| *nth);
            prop_assert_eq!(&sorted, &things);

            let of = |list: &[(i64, u32)], campaign: i64| {
                list.iter().filter(|(other, _)| *other == campaign).count()
            };
            for end in 0..=ordered.len() {
                let (taken, left) = ordered.split_at(end);
                // Whoever is not through yet has had as many as anybody, but for the turn that is being taken.
                for waiting in 0..5 {
                    if of(left, waiting) > 0 {
                        for other in 0..5 {
                            prop_assert!(of(taken, waiting) + 1 >= of(taken, other));
                        }
                    }
                }
            }
        }
    }
}
