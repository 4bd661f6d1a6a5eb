//! How much a process sends at a time, so that receivers that are slow, or hang, hold nobody else up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::schedule;
use crate::error::Error;

/// Deliveries to one channel that a process sends at a time.
const PER_CHANNEL: usize = 4;
/// Deliveries to all channels of one advertiser that a process sends at a time: a small part of what its worker holds.
const PER_ADVERTISER: usize = 8;
/// The shortest and the longest time that a delivery waits for others of its advertiser, in milliseconds.
const WAIT: (u64, u64) = (1000, 60_000);
/// How much longer it may wait for each one that waits as well, in milliseconds.
const WAIT_EACH: u64 = 30;

/// What this process is sending, by advertiser and channel. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Mutex<HashMap<i64, Lane>>>);

/// What is being sent for one advertiser.
#[derive(Debug, Default)]
struct Lane {
    /// How much to each channel.
    sending: HashMap<i64, usize>,
    /// The deliveries that found no place and were not seen again.
    waiting: HashSet<i64>,
}

impl Lanes {
    /// Takes a place; none where the channel or its advertiser has all that it may have.
    pub(super) fn enter(
        &self,
        advertiser_id: i64,
        channel_id: i64,
        delivery_id: i64,
    ) -> Option<Place> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(advertiser_id).or_default();
        let all: usize = lane.sending.values().sum();
        let sending = lane.sending.entry(channel_id).or_default();
        if *sending >= PER_CHANNEL || all >= PER_ADVERTISER {
            lane.waiting.insert(delivery_id);
            return None;
        }
        *sending += 1;
        lane.waiting.remove(&delivery_id);
        Some(Place {
            lanes: self.clone(),
            advertiser_id,
            channel_id,
        })
    }

    /// How long a delivery that found no place waits until it looks again, in seconds: the longer the more wait, and by
    /// chance, so that they do not come back together.
    ///
    /// # Errors
    /// The random source failed.
    pub(super) fn wait(&self, advertiser_id: i64) -> Result<f64, Error> {
        let waiting = {
            let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lanes
                .get(&advertiser_id)
                .map_or(0, |lane| lane.waiting.len())
        };
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        let (shortest, longest) = WAIT;
        // At least a second more, so that two do not meet again.
        let more = waiting
            .saturating_mul(WAIT_EACH)
            .clamp(shortest, longest - shortest);
        let milliseconds = shortest + schedule::chance(more)?;
        Ok(Duration::from_millis(milliseconds).as_secs_f64())
    }
}

/// A place among the deliveries that are being sent; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    lanes: Lanes,
    advertiser_id: i64,
    channel_id: i64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(&self.advertiser_id) else {
            return;
        };
        if let Some(sending) = lane.sending.get_mut(&self.channel_id) {
            *sending = sending.saturating_sub(1);
        }
        lane.sending.retain(|_, sending| *sending > 0);
        if lane.sending.is_empty() {
            lanes.remove(&self.advertiser_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_four_places_and_an_advertiser_eight() {
        let lanes = Lanes::default();
        let mut places: Vec<Place> = (0..4).filter_map(|id| lanes.enter(1, 10, id)).collect();
        assert_eq!(places.len(), 4);
        assert!(lanes.enter(1, 10, 4).is_none());
        places.extend((5..9).filter_map(|id| lanes.enter(1, 11, id)));
        assert_eq!(places.len(), 8);
        assert!(lanes.enter(1, 12, 9).is_none());
        assert!(lanes.enter(2, 20, 10).is_some());
        places.pop();
        places.extend(lanes.enter(1, 12, 9));
        assert_eq!(places.len(), 8);
        places.clear();
        assert!(lanes.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_more_wait_the_longer_they_wait() {
        let lanes = Lanes::default();
        let _places: Vec<Place> = (0..4).filter_map(|id| lanes.enter(1, 10, id)).collect();
        let waits = |most: f64| {
            for _ in 0..100 {
                let wait = lanes.wait(1).unwrap();
                assert!((1.0..=most).contains(&wait), "{wait}");
            }
        };
        assert!(lanes.enter(1, 10, 4).is_none());
        waits(2.0);
        for id in 4..204 {
            assert!(lanes.enter(1, 10, id).is_none());
        }
        waits(7.0);
        // Of a hundred between 1 and 7 s, some are over 2.
        assert!((0..100).any(|_| lanes.wait(1).unwrap() > 2.0));
        for id in 204..10_000 {
            assert!(lanes.enter(1, 10, id).is_none());
        }
        waits(60.0);
    }
}
