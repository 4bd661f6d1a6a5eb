//! What befalls the calls of a week, by the hour.

use crate::demo::plan::played;
use crate::model::PlatformKind;
use crate::simulator::{Fault, FaultKind, Platform, World};

/// How the platforms answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Thirty of a hundred calls go wrong.
    Faulty,
    /// Not one call is answered.
    Outage,
    /// One platform refuses this server's own credential; the others are faulty.
    Refusal,
    /// Every call is one too many.
    Storm,
    /// Every call is answered.
    Fair,
}

/// What the faulty calls meet. The rules are set together and draw the same lot for a call, and the first that it falls to
/// strikes: so each strikes what its share exceeds that of the one before, a quarter of thirty in a hundred.
const FAULTS: [(FaultKind, f64); 4] = [
    (FaultKind::RateLimited, 0.075),
    (FaultKind::ServerError, 0.15),
    (FaultKind::Garbage, 0.225),
    (FaultKind::Truncated, 0.3),
];

/// The hours in which no platform answers: the checks a day after the claims are due in them.
const OUTAGE: std::ops::Range<i64> = 24..28;
/// The hours in which one platform refuses this server's credential: where figures take two days to settle, the checks at the
/// end of that are due in them.
const REFUSAL: std::ops::Range<i64> = 48..52;
/// The platform that does.
pub(super) const REFUSING: PlatformKind = PlatformKind::Instagram;
/// The hours in which there is no call left: the checks three days after the claims are due in them.
const STORM: std::ops::Range<i64> = 71..76;
/// From when on every call is answered.
pub(super) const FAIR_FROM: i64 = 6 * 24;

impl Weather {
    /// How the platforms answer in an hour of the week.
    pub(super) fn at(hour: i64) -> Self {
        if hour >= FAIR_FROM {
            Self::Fair
        } else if OUTAGE.contains(&hour) {
            Self::Outage
        } else if REFUSAL.contains(&hour) {
            Self::Refusal
        } else if STORM.contains(&hour) {
            Self::Storm
        } else {
            Self::Faulty
        }
    }

    /// Lets it come. What was before ends.
    pub(super) fn come(self, world: &World) {
        world.clear_faults(None);
        for platform in Platform::ALL {
            match self {
                Self::Fair => {}
                Self::Outage => world.add_fault(Fault::new(platform, FaultKind::ServerError)),
                Self::Storm => world.add_fault(Fault::new(platform, FaultKind::RateLimited)),
                Self::Refusal if platform == played(REFUSING) => {
                    world.add_fault(Fault::new(platform, FaultKind::TokenRefused));
                }
                Self::Faulty | Self::Refusal => {
                    for (kind, share) in FAULTS {
                        world.add_fault(Fault::new(platform, kind).for_share(share));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_part_of_thirty_in_a_hundred() {
        let mut before = 0.0;
        for (_, share) in FAULTS {
            assert!((share - before - 0.075).abs() < 1e-9);
            before = share;
        }
        assert!((before - 0.3).abs() < 1e-9);
    }

    #[test]
    fn the_last_checks_of_the_week_are_made_in_fair_weather() {
        assert_eq!(Weather::at(0), Weather::Faulty);
        assert_eq!(Weather::at(24), Weather::Outage);
        assert_eq!(Weather::at(28), Weather::Faulty);
        assert_eq!(Weather::at(48), Weather::Refusal);
        assert_eq!(Weather::at(51), Weather::Refusal);
        assert_eq!(Weather::at(52), Weather::Faulty);
        assert_eq!(Weather::at(72), Weather::Storm);
        assert_eq!(Weather::at(143), Weather::Faulty);
        assert_eq!(Weather::at(144), Weather::Fair);
        assert_eq!(Weather::at(168), Weather::Fair);
    }
}
