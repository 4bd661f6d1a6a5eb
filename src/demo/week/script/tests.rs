//! Weeks as they are written.

use super::*;
use crate::demo::week::weather::{self, Weather};

fn script(submissions: usize) -> (World, Script) {
    let world = World::of_today(1);
    let script = Script::write(&world, submissions).unwrap();
    (world, script)
}

#[test]
fn every_verdict_of_a_week_is_final_and_none_is_failed() {
    let (_, script) = script(600);
    for planned in &script.plan {
        assert_eq!(planned.expected.finality, Finality::Final);
        assert_ne!(planned.expected.status, ReconciliationStatus::Failed);
    }
}

#[test]
fn whatever_is_seen_in_the_week_leads_to_the_level_that_is_expected() {
    let (world, script) = script(1_500);
    let now_ms = world.now_ms();
    let mut levels = BTreeMap::new();
    for planned in &script.plan {
        let Some(level) = planned
            .expected
            .level
            .filter(|level| *level > DiscrepancyLevel::None)
        else {
            continue;
        };
        *levels.entry(level.as_str()).or_insert(0) += 1;
        for hours in (0..HORIZON_HOURS).step_by(6) {
            let seen = world
                .untouched(
                    played(planned.platform),
                    &planned.native_id,
                    now_ms + hours * HOUR_MS,
                )
                .unwrap();
            let (claimed, seen) = match planned.claim.clicks {
                Some(clicks) => (clicks, seen.clicks),
                None => (planned.claim.views.unwrap(), seen.views),
            };
            assert!(claimed > seen);
            let thousandths = (claimed - seen) * 1_000 / seen.max(1);
            let fits = match level {
                DiscrepancyLevel::None => false,
                DiscrepancyLevel::Low => thousandths < 50,
                DiscrepancyLevel::Medium => (50..200).contains(&thousandths) && claimed - seen > 10,
                DiscrepancyLevel::High => thousandths > 200 && claimed - seen > 10,
            };
            assert!(
                fits,
                "{} {level}: {claimed} against {seen}",
                planned.native_id
            );
        }
    }
    assert!(levels.contains_key("HIGH"), "{levels:?}");
}

#[test]
fn a_claim_that_is_not_too_high_is_at_most_what_is_seen() {
    let (world, script) = script(1_500);
    let later_ms = world.now_ms() + 48 * HOUR_MS;
    let mut early = 0;
    for planned in &script.plan {
        if planned.expected.status != ReconciliationStatus::Matched {
            continue;
        }
        let seen = |at_ms| {
            let on = played(planned.platform);
            world.untouched(on, &planned.native_id, at_ms).unwrap()
        };
        let claimed = planned.claim.views.unwrap();
        assert!(claimed <= seen(later_ms).views);
        if planned.kind == Kind::High {
            early += 1;
            assert!(claimed > seen(world.now_ms()).views);
        } else {
            assert!(claimed <= seen(world.now_ms()).views);
        }
    }
    assert!(early > 0);
}

#[test]
fn some_posts_vanish_and_some_counts_fall_and_no_post_meets_both() {
    let (world, script) = script(300);
    let count = |deed| script.strokes.iter().filter(|s| s.deed == deed).count();
    assert!(count(Deed::Vanish) > 5 && count(Deed::Purge) > 5);
    for (nth, planned) in script.plan.iter().enumerate() {
        let on_it = script.strokes.iter().filter(|s| s.posts.contains(&nth));
        assert!(on_it.count() <= 1);
        let deed = script.stroke_on(nth).map(|stroke| stroke.deed);
        if planned.kind == Kind::Vanished {
            assert_eq!(deed, Some(Deed::Vanish));
        } else {
            assert_ne!(deed, Some(Deed::Vanish));
        }
    }
    let mut stroke = script
        .strokes
        .iter()
        .find(|stroke| stroke.deed == Deed::Purge)
        .unwrap()
        .clone();
    let earned = |at| {
        let on = played(stroke.platform);
        world.untouched(on, &stroke.native_id, at).unwrap()
    };
    let now_ms = world.now_ms();
    let before = earned(now_ms);
    stroke.strike(&world).unwrap();
    let done_ms = stroke.done_ms.unwrap();
    assert_eq!(stroke.shown(before, done_ms - 1), before);
    let after = stroke.shown(before, done_ms);
    assert_eq!(after.views, before.views * 30 / 100);
}

#[test]
fn a_post_that_vanished_is_expected_to_be_removed_and_one_that_did_not_is_not() {
    let (world, mut script) = script(300);
    let place = script
        .strokes
        .iter()
        .position(|s| s.deed == Deed::Vanish)
        .unwrap();
    script.strokes[place].strike(&world).unwrap();
    script.conclude();
    for (nth, planned) in script.plan.iter().enumerate() {
        let is_gone = script.strokes[place].posts.contains(&nth);
        let expected = if is_gone {
            PostStatus::Removed
        } else {
            PostStatus::Tracking
        };
        assert_eq!(planned.expected.post, expected);
    }
}

#[test]
fn every_campaign_checks_after_the_days_on_which_calls_go_wrong() {
    for campaign in &CAMPAIGNS {
        let hours = terms(campaign).recheck_hours.unwrap_or(&[1, 24, 72, 168]);
        let last = hours.iter().copied().max().unwrap_or(0);
        assert!(i64::from(last) >= crate::demo::week::weather::FAIR_FROM);
    }
}

#[test]
fn a_short_week_has_checks_that_are_due_while_a_platform_refuses() {
    let (_, script) = script(61);
    let due = script.plan.iter().filter(|planned| {
        let lag_hours = i64::from(CAMPAIGNS[planned.campaign].terms.lag_hours);
        let has_lag = planned.claim.views > Some(0) || planned.claim.clicks > Some(0);
        planned.platform == weather::REFUSING
            && has_lag
            && Weather::at(lag_hours) == Weather::Refusal
    });
    assert!(due.count() > 0);
}
