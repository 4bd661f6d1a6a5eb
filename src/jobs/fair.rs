//! Who comes first where not everybody can: campaigns take turns, so that the backlog of one does not take all the calls
//! that a platform allows.
//!
//! Within what a worker has gathered they take turns when calls are made ([`in_turns`]). Beyond it they take turns when they
//! come back from waiting ([`Waits`]): the queue hands jobs over in the order of their times, so the first of each campaign
//! that waits is put before the second of each. What is counted is what one process put back; another one counts for itself.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::asking::Waiting;

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

/// Waits whose ends are told within so long of each other are one wait: platforms tell it in whole seconds, and answers take
/// their time.
const SAME_END: TimeDelta = TimeDelta::seconds(5);
/// After its end was told, a wait lasts so much longer at least, so that whoever is put back a little later comes in as well.
const LEAST_LAG: TimeDelta = TimeDelta::milliseconds(250);
/// How far the turns of one wait are apart: as little as the database keeps apart. Jobs that waited together are due together
/// and can be gathered, so that a call still asks for as many posts as the platform allows.
const TURN: TimeDelta = TimeDelta::microseconds(1);
/// The last turn. It is a minute after the first; what waits beyond it comes in any order.
const LAST_TURN: i32 = 60_000_000;

/// The waits that were not over when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: Vec<Wait>,
}

/// Jobs that come back together.
#[derive(Debug)]
struct Wait {
    /// When its end was to be, as the first was told.
    told: DateTime<Utc>,
    /// When the first turn is.
    ends: DateTime<Utc>,
    /// The next turn of each campaign.
    turns: HashMap<i64, i32>,
}

impl Waits {
    /// When each of these jobs is to come back that have to wait for so long: not before, in turns with those that wait
    /// already, and up to `lag` later, so that not everybody comes at once who was told the same.
    pub(super) fn put(
        &mut self,
        jobs: &[Waiting],
        now: DateTime<Utc>,
        wait: TimeDelta,
        lag: TimeDelta,
    ) -> Vec<(Uuid, DateTime<Utc>)> {
        self.waits.retain(|wait| wait.ends > now);
        let told = now + wait;
        let is_same = |wait: &Wait| (wait.told - told).abs() <= SAME_END && told <= wait.ends;
        let place = self.waits.iter().position(is_same).unwrap_or_else(|| {
            self.waits.push(Wait {
                told,
                ends: told + lag.max(LEAST_LAG),
                turns: HashMap::new(),
            });
            self.waits.len() - 1
        });
        let wait = &mut self.waits[place];
        jobs.iter()
            .map(|job| {
                let turn = wait.turns.entry(job.campaign_id).or_default();
                let at = wait.ends + TURN * *turn;
                *turn = turn.saturating_add(1).min(LAST_TURN);
                (job.job_id, at)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    /// Jobs of these campaigns, numbered from `first`.
    fn jobs(first: u128, campaigns: &[i64]) -> Vec<Waiting> {
        (first..)
            .zip(campaigns)
            .map(|(number, campaign_id)| Waiting {
                job_id: Uuid::from_u128(number),
                campaign_id: *campaign_id,
            })
            .collect()
    }

    /// The campaigns in the order in which their jobs come back.
    fn order(mut times: Vec<(i64, DateTime<Utc>)>) -> Vec<i64> {
        times.sort_by_key(|(_, at)| *at);
        times.into_iter().map(|(campaign, _)| campaign).collect()
    }

    #[test]
    fn the_few_of_a_campaign_come_back_before_the_many_of_another_that_waited_first() {
        let mut waits = Waits::default();
        let mut times = Vec::new();
        let (minute, lag) = (TimeDelta::seconds(60), TimeDelta::seconds(9));
        // Gathering by gathering, as time goes on; the end stays where it is.
        for (nth, campaigns) in [
            vec![1; 1000],
            vec![1; 1000],
            vec![2; 3],
            vec![1; 10],
            vec![3],
        ]
        .into_iter()
        .enumerate()
        {
            let later = TimeDelta::milliseconds(700 * i64::try_from(nth).unwrap());
            let put = waits.put(&jobs(0, &campaigns), start() + later, minute - later, lag);
            times.extend(put.into_iter().zip(campaigns).map(|((_, at), of)| (of, at)));
        }
        let (first, last) = (start() + minute + lag, start() + minute + lag * 2);
        assert!(times.iter().all(|(_, at)| (first..last).contains(at)));
        let order = order(times);
        assert_eq!(order[..3].iter().sum::<i64>(), 1 + 2 + 3);
        assert_eq!(order[3..7].iter().sum::<i64>(), 1 + 2 + 1 + 2);
        assert!(order[7..].iter().all(|campaign| *campaign == 1));
    }

    #[test]
    fn waits_that_end_at_other_times_are_counted_by_themselves() {
        let mut waits = Waits::default();
        let mut put = |now: i64, wait: i64| {
            let now = start() + TimeDelta::seconds(now);
            let put = waits.put(
                &jobs(0, &[1]),
                now,
                TimeDelta::seconds(wait),
                TimeDelta::zero(),
            );
            (put[0].1 - start()).num_microseconds().unwrap()
        };
        assert_eq!(put(0, 60), 60_250_000);
        assert_eq!(put(10, 50), 60_250_001);
        assert_eq!(put(10, 600), 610_250_000);
        // Nobody comes back before the time that was asked for.
        assert_eq!(put(10, 51), 61_250_000);
        // What is over is forgotten.
        assert_eq!(put(700, 60), 760_250_000);
        assert_eq!(waits.waits.len(), 1);
    }

    #[test]
    fn the_last_turn_is_a_minute_after_the_first() {
        let mut waits = Waits::default();
        let (wait, lag) = (TimeDelta::seconds(60), TimeDelta::zero());
        waits.put(&jobs(0, &[1]), start(), wait, lag);
        waits.waits[0].turns.insert(1, LAST_TURN);
        for _ in 0..2 {
            let put = waits.put(&jobs(0, &[1]), start(), wait, lag);
            let ends = start() + wait + LEAST_LAG;
            assert_eq!(put[0].1 - ends, TimeDelta::seconds(60));
        }
    }

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
        fn whatever_waits_comes_back_in_turns_and_never_too_early(
            batches in prop::collection::vec(
                (prop::collection::vec(0_i64..5, 0..20), 0_i64..4000), 0..12)
        ) {
            let mut waits = Waits::default();
            let mut times = Vec::new();
            for (campaigns, later) in batches {
                // The end is told with a little noise.
                let now = start() + TimeDelta::milliseconds(later);
                let wait = TimeDelta::milliseconds(30_000 - later - later % 7);
                let put = waits.put(&jobs(0, &campaigns), now, wait, TimeDelta::seconds(2));
                for ((_, at), campaign) in put.into_iter().zip(campaigns) {
                    prop_assert!(at >= now + wait);
                    prop_assert!(at < now + wait + TimeDelta::seconds(3));
                    times.push((campaign, at));
                }
            }
            let ordered = order(times);
            let of = |list: &[i64], campaign: i64| {
                list.iter().filter(|other| **other == campaign).count()
            };
            for end in 0..=ordered.len() {
                let (come, left) = ordered.split_at(end);
                for waiting in 0..5 {
                    if of(left, waiting) > 0 {
                        for other in 0..5 {
                            prop_assert!(of(come, waiting) + 1 >= of(come, other));
                        }
                    }
                }
            }
        }

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
