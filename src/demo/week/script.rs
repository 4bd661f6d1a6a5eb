//! What happens in a week, and what must stand at its end.
//!
//! Figures grow, so not every claim of the short demo has a certain end. An honest one has: it is at most what the platform
//! shows when it is made, and every later figure is at least that. One that is too high is measured from what the post will
//! have earned long after the last check, so that nothing that is seen in between can reach it, or bring it into another
//! level. And where figures take two days to settle, some claims come early: they are too high when they are made and true
//! before the two days are over, so that whatever was raised on them is withdrawn.
//!
//! Posts that vanish and counts that fall do so once the platform has been heard of them, since a claim on a post that nobody
//! has ever seen proves nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::demo::catalogue::{CAMPAIGNS, CampaignSeed};
use crate::demo::claims::{Claim, Kind, Outcome, Terms};
use crate::demo::plan::{Planned, plan, played};
use crate::model::{DiscrepancyLevel, Finality, PlatformKind, PostStatus, ReconciliationStatus};
use crate::simulator::{Figures, Platform, World};

/// No check of a week is later than so many hours after its claim.
pub(super) const HORIZON_HOURS: i64 = 240;
/// When posts vanish, in hours from the beginning; they take turns.
const VANISH_HOURS: [i64; 5] = [30, 54, 78, 102, 126];
/// When counts fall.
const PURGE_HOURS: [i64; 4] = [42, 66, 90, 114];
/// What is taken away of counts that fall, in percent: much more than they can have grown.
const PURGED_PERCENT: u8 = 70;
/// Of the posts whose counts may fall, those of every third do.
const PURGE_EVERY: usize = 3;
/// When an early claim is true, as a part of the time that figures take to settle, and when it has to be too high still.
const EARLY_IS_TRUE: (i64, i64) = (3, 4);
const EARLY_IS_HIGH_HOURS: i64 = 6;

const HOUR_MS: i64 = 3_600_000;

/// The terms of a campaign in a week: as ever, but each has a check after the days on which calls go wrong.
pub(super) fn terms(seed: &CampaignSeed) -> Terms {
    let mut terms = seed.terms;
    if terms.recheck_hours.is_some_and(<[u32]>::is_empty) {
        terms.recheck_hours = Some(&[168]);
    }
    terms
}

/// What is done to a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// It vanishes.
    Vanish,
    /// Most of its counts are taken away.
    Purge,
}

/// Something that is done to a post on its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) deed: Deed,
    pub(super) platform: PlatformKind,
    pub(super) native_id: String,
    /// Not before this hour, and not before the platform was heard of the post.
    pub(super) hour: i64,
    /// The submissions of the post, as places in the plan.
    pub(super) posts: Vec<usize>,
    /// When it was done, in unix milliseconds of the platforms' clock.
    pub(super) done_ms: Option<i64>,
}

impl Stroke {
    /// Does it.
    ///
    /// # Errors
    /// The platform does not know the post.
    pub(super) fn strike(&mut self, world: &World) -> anyhow::Result<()> {
        let on = played(self.platform);
        let done = match self.deed {
            Deed::Vanish => world.vanish(on, &self.native_id),
            Deed::Purge => world.purge(on, &self.native_id, PURGED_PERCENT),
        };
        anyhow::ensure!(done, "nothing can be done to the post {}", self.native_id);
        self.done_ms = Some(world.now_ms());
        Ok(())
    }

    /// What the platform shows of figures that were earned by a time.
    pub(super) fn shown(&self, earned: Figures, at_ms: i64) -> Figures {
        let is_purged = self.deed == Deed::Purge && self.done_ms.is_some_and(|done| at_ms >= done);
        if is_purged {
            earned.purged(PURGED_PERCENT)
        } else {
            earned
        }
    }
}

/// A week.
#[derive(Debug)]
pub(super) struct Script {
    /// What is submitted, and what must stand on it at the end.
    pub(super) plan: Vec<Planned>,
    pub(super) strokes: Vec<Stroke>,
}

impl Script {
    /// Writes the week that begins now.
    ///
    /// # Errors
    /// The played platforms have too few posts.
    pub(super) fn write(world: &World, submissions: usize) -> anyhow::Result<Self> {
        let mut plan = plan(world, submissions)?;
        let now_ms = world.now_ms();
        let mut outlooks = Vec::with_capacity(plan.len());
        for planned in &mut plan {
            let outlook = Outlook::of(world, planned, now_ms)?;
            let (claim, expected) = stands(planned, &outlook);
            planned.claim = claim;
            planned.expected = expected;
            outlooks.push(outlook);
        }
        let strokes = strokes(&plan, &outlooks);
        Ok(Self { plan, strokes })
    }

    /// What stands at the end where posts have vanished.
    pub(super) fn conclude(&mut self) {
        for stroke in &self.strokes {
            if stroke.deed == Deed::Vanish && stroke.done_ms.is_some() {
                for nth in &stroke.posts {
                    if let Some(planned) = self.plan.get_mut(*nth) {
                        planned.expected.post = PostStatus::Removed;
                    }
                }
            }
        }
    }

    /// What was done to the post of a submission, or is to be.
    pub(super) fn stroke_on(&self, nth: usize) -> Option<&Stroke> {
        self.strokes
            .iter()
            .find(|stroke| stroke.posts.contains(&nth))
    }
}

/// What a post will have earned.
#[derive(Debug, Clone, Copy)]
struct Outlook {
    now: Figures,
    /// When an early claim has to be too high still.
    soon: Figures,
    /// When an early claim is true.
    settling: Figures,
    /// After every check.
    end: Figures,
}

impl Outlook {
    fn of(world: &World, planned: &Planned, now_ms: i64) -> anyhow::Result<Self> {
        let on: Platform = played(planned.platform);
        let after = |hours: i64| {
            world
                .untouched(on, &planned.native_id, now_ms + hours * HOUR_MS)
                .context("a played post without figures")
        };
        let lag = i64::from(CAMPAIGNS[planned.campaign].terms.lag_hours);
        let (part, whole) = EARLY_IS_TRUE;
        Ok(Self {
            now: after(0)?,
            soon: after(EARLY_IS_HIGH_HOURS)?,
            settling: after(lag * part / whole)?,
            end: after(HORIZON_HOURS)?,
        })
    }
}

/// What is claimed of a post, and what must stand at the end.
fn stands(planned: &Planned, outlook: &Outlook) -> (Claim, Outcome) {
    let terms = terms(&CAMPAIGNS[planned.campaign]);
    let claim = planned.claim;
    let views = |views: u64| Claim {
        views: Some(views),
        clicks: None,
    };
    let over = |level| Outcome {
        status: ReconciliationStatus::Discrepancy,
        level: Some(level),
        finality: Finality::Final,
        post: PostStatus::Tracking,
    };
    let wild = (
        views(outlook.end.views * 5 / 2),
        over(DiscrepancyLevel::High),
    );
    let as_ever = || Outcome {
        finality: Finality::Final,
        ..planned.kind.outcome(planned.platform, &terms)
    };
    match planned.kind {
        Kind::SlightlyHigh => {
            low(outlook).map_or(wild, |low| (views(low), over(DiscrepancyLevel::Low)))
        }
        Kind::High => {
            let is_early = if terms.lag_hours > 0 {
                early(outlook)
            } else {
                None
            };
            if let Some(early) = is_early {
                let verified = Kind::Honest.outcome(planned.platform, &terms);
                return (views(early), verified);
            }
            medium(outlook).map_or(wild, |medium| {
                (views(medium), over(DiscrepancyLevel::Medium))
            })
        }
        Kind::WildlyHigh => wild,
        Kind::WildClicks => {
            let clicks = Some(outlook.end.clicks * 3 + 50);
            (Claim { clicks, ..claim }, over(DiscrepancyLevel::High))
        }
        Kind::PublicAbove => (views(outlook.end.views * 3 / 2), as_ever()),
        // It is there when it is submitted.
        Kind::Vanished => {
            let honest = Kind::Honest.outcome(planned.platform, &terms);
            (claim, honest)
        }
        Kind::Honest
        | Kind::HonestWithClicks
        | Kind::Twice
        | Kind::ShortLink
        | Kind::PublicWithin
        | Kind::NotLinked
        | Kind::Zero => (claim, as_ever()),
    }
}

/// A claim that is too high by less than 5 % of whatever is seen, where the post grows little enough.
fn low(outlook: &Outlook) -> Option<u64> {
    let claimed = outlook.end.views + (outlook.end.views / 100).max(1);
    is_under(claimed, outlook.now.views, 49).then_some(claimed)
}

/// A claim that is too high by 5 to 20 % of whatever is seen, and by more than the floor, where the post grows little enough.
fn medium(outlook: &Outlook) -> Option<u64> {
    let claimed = outlook.end.views + outlook.end.views * 8 / 100;
    let is_past_the_floor = claimed - outlook.end.views > 10;
    (is_past_the_floor && is_under(claimed, outlook.now.views, 199)).then_some(claimed)
}

/// A claim that is too high by more than 5 % for some hours and true before the figures have settled, where the post grows fast
/// enough.
fn early(outlook: &Outlook) -> Option<u64> {
    let claimed = outlook.settling.views;
    let is_high = !is_under(claimed, outlook.soon.views, 60) && claimed > outlook.soon.views + 10;
    is_high.then_some(claimed)
}

/// Whether a claim is under so many thousandths above a number.
fn is_under(claimed: u64, number: u64, thousandths: u64) -> bool {
    claimed.saturating_sub(number) * 1_000 < number * thousandths
}

/// What is done to which posts.
fn strokes(plan: &[Planned], outlooks: &[Outlook]) -> Vec<Stroke> {
    let mut submissions: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (nth, planned) in plan.iter().enumerate() {
        let post = (planned.platform.as_str(), planned.native_id.as_str());
        submissions.entry(post).or_default().push(nth);
    }
    let (mut vanishing, mut falling) = (0_usize, 0_usize);
    let mut strokes = Vec::new();
    for posts in submissions.into_values() {
        let of = |nth: &usize| plan.get(*nth).zip(outlooks.get(*nth));
        let Some((first, _)) = posts.first().and_then(of) else {
            continue;
        };
        let all: Vec<_> = posts.iter().filter_map(of).collect();
        let (deed, hour) = if all
            .iter()
            .all(|(planned, _)| planned.kind == Kind::Vanished)
        {
            vanishing += 1;
            (Deed::Vanish, VANISH_HOURS[vanishing % VANISH_HOURS.len()])
        } else if all
            .iter()
            .all(|(planned, outlook)| may_fall(planned, outlook))
        {
            falling += 1;
            if !falling.is_multiple_of(PURGE_EVERY) {
                continue;
            }
            let turn = falling / PURGE_EVERY;
            (Deed::Purge, PURGE_HOURS[turn % PURGE_HOURS.len()])
        } else {
            continue;
        };
        strokes.push(Stroke {
            deed,
            platform: first.platform,
            native_id: first.native_id.clone(),
            hour,
            posts,
            done_ms: None,
        });
    }
    strokes
}

/// Whether the counts of a post can fall without a word on its claim, and far enough to be told of.
fn may_fall(planned: &Planned, outlook: &Outlook) -> bool {
    let is_honest = matches!(
        planned.kind,
        Kind::Honest | Kind::HonestWithClicks | Kind::Twice | Kind::ShortLink
    );
    let left = outlook.end.purged(PURGED_PERCENT).views;
    // By a quarter and more of the least that can have been seen, and more than the floor.
    let falls = left * 4 < outlook.now.views * 3 && left + 10 < outlook.now.views;
    is_honest && planned.platform != PlatformKind::Reddit && falls
}
