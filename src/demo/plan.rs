//! Which posts are submitted, by whom, where, and how.
//!
//! A plan follows from the played platforms and its length alone: the same twice gives the same plan.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;

use super::catalogue::{AFFILIATES, CAMPAIGNS, LOUD, works_with};
use super::claims::{Claim, Kind, Outcome};
use super::links::links;
use crate::model::PlatformKind::{self, Instagram, Meta, Reddit, TikTok, X, YouTube};
use crate::simulator::{INSTAGRAM_HANDLE, META_PAGE, Platform, STUDIO_HANDLE, SamplePost, World};

/// What is submitted, over and over.
pub(super) const CYCLE: [(Kind, PlatformKind); 61] = [
    (Kind::Honest, Instagram),
    (Kind::Honest, Meta),
    (Kind::Honest, Reddit),
    (Kind::WildlyHigh, Instagram),
    (Kind::SlightlyHigh, Meta),
    (Kind::Honest, YouTube),
    (Kind::Honest, X),
    (Kind::Twice, Reddit),
    (Kind::Honest, TikTok),
    (Kind::PublicWithin, Instagram),
    (Kind::HonestWithClicks, YouTube),
    (Kind::WildClicks, Meta),
    (Kind::WildlyHigh, X),
    (Kind::Zero, Reddit),
    (Kind::NotLinked, TikTok),
    (Kind::ShortLink, Meta),
    (Kind::WildlyHigh, YouTube),
    (Kind::Twice, Instagram),
    (Kind::HonestWithClicks, X),
    (Kind::Vanished, Reddit),
    (Kind::High, TikTok),
    (Kind::High, Instagram),
    (Kind::Vanished, YouTube),
    (Kind::HonestWithClicks, Meta),
    (Kind::ShortLink, TikTok),
    (Kind::PublicAbove, Instagram),
    (Kind::Zero, X),
    (Kind::ShortLink, Reddit),
    (Kind::SlightlyHigh, YouTube),
    (Kind::WildlyHigh, Meta),
    (Kind::HonestWithClicks, TikTok),
    (Kind::SlightlyHigh, Instagram),
    (Kind::Twice, X),
    (Kind::Vanished, Meta),
    (Kind::Zero, YouTube),
    (Kind::Honest, Instagram),
    (Kind::SlightlyHigh, TikTok),
    (Kind::Honest, Reddit),
    (Kind::High, X),
    (Kind::Twice, Meta),
    (Kind::Twice, YouTube),
    (Kind::ShortLink, Instagram),
    (Kind::Vanished, TikTok),
    (Kind::Honest, Meta),
    (Kind::Vanished, X),
    (Kind::HonestWithClicks, Instagram),
    (Kind::High, YouTube),
    (Kind::Honest, Reddit),
    (Kind::WildlyHigh, TikTok),
    (Kind::High, Meta),
    (Kind::SlightlyHigh, X),
    (Kind::Vanished, Instagram),
    (Kind::Honest, YouTube),
    (Kind::Zero, Meta),
    (Kind::Twice, TikTok),
    (Kind::Honest, Instagram),
    (Kind::HonestWithClicks, Meta),
    (Kind::Zero, TikTok),
    (Kind::Honest, Reddit),
    (Kind::Honest, Instagram),
    (Kind::Honest, Meta),
];

/// Posts that an account has on the played platforms.
const EACH: u64 = 300;
/// Posts of a platform's list until all of the account with the credential are among them. Every
/// fourth is another account's.
const MIXED: u64 = 400;
/// Every tenth post is kept for those that vanish.
const LEAVING: usize = 10;
/// Accounts that have not connected: `creator_1` and so on.
const CREATORS: u64 = 8;

/// A post to be submitted.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) kind: Kind,
    pub(super) platform: PlatformKind,
    /// A place in [`CAMPAIGNS`].
    pub(super) campaign: usize,
    /// A place in [`AFFILIATES`].
    pub(super) affiliate: usize,
    /// The platform's own id.
    pub(super) native_id: String,
    pub(super) url: String,
    /// Another spelling of the link, which is to be refused afterwards.
    pub(super) again: Option<String>,
    /// The account's handle, where public figures need it.
    pub(super) handle: Option<String>,
    pub(super) claim: Claim,
    pub(super) expected: Outcome,
}

impl Planned {
    /// How many submissions it makes.
    pub(super) const fn submissions(&self) -> usize {
        if self.again.is_some() { 2 } else { 1 }
    }

    /// The posting affiliate's and the campaign's places and the post, of which there can be one only.
    fn key(&self) -> (usize, usize, &str) {
        (self.campaign, self.affiliate, &self.native_id)
    }
}

/// The played platform of a kind.
pub(super) const fn played(platform: PlatformKind) -> Platform {
    match platform {
        Reddit => Platform::Reddit,
        Instagram => Platform::Instagram,
        Meta => Platform::Meta,
        YouTube => Platform::YouTube,
        TikTok => Platform::TikTok,
        X => Platform::X,
    }
}

/// Plans this many submissions.
///
/// # Errors
/// The played platforms have too few posts.
pub(super) fn plan(world: &World, submissions: usize) -> anyhow::Result<Vec<Planned>> {
    let mut planner = Planner::new(world, submissions);
    let mut planned = Vec::with_capacity(submissions);
    let mut made = 0;
    for (kind, platform) in CYCLE.into_iter().cycle() {
        if made >= submissions {
            break;
        }
        // There is no room for a second submission at the end.
        let kind = match kind {
            Kind::Twice if made + 1 == submissions => Kind::Honest,
            kind => kind,
        };
        let next = planner.next(kind, platform)?;
        made += next.submissions();
        planned.push(next);
    }
    Ok(planned)
}

/// Posts that are given out one after the other, and again from the beginning to others.
#[derive(Debug)]
struct Pool {
    posts: Vec<SamplePost>,
    next: usize,
}

impl Pool {
    const fn new(posts: Vec<SamplePost>) -> Self {
        Self { posts, next: 0 }
    }

    fn take(&mut self, is_free: impl Fn(&SamplePost) -> bool) -> Option<SamplePost> {
        for _ in 0..self.posts.len() {
            let post = &self.posts[self.next % self.posts.len()];
            self.next += 1;
            if is_free(post) {
                return Some(post.clone());
            }
        }
        None
    }
}

/// The posts of a platform, apart by what may happen to them.
#[derive(Debug)]
struct Shelf {
    /// Those that stay and that the configured access reads.
    staying: Pool,
    /// Those that vanish, which nobody submits in another way.
    leaving: Pool,
    /// Those of accounts that have not connected, where that makes a difference.
    foreign: Pool,
}

impl Shelf {
    fn new(world: &World, platform: PlatformKind, submissions: usize) -> Self {
        let on = played(platform);
        let of = |account: &str| world.posts(on, 0, EACH, Some(account));
        let (posts, foreign) = match platform {
            Reddit => {
                let enough = u64::try_from(submissions).unwrap_or(u64::MAX).max(EACH);
                (world.posts(on, 0, enough, None), Vec::new())
            }
            Instagram => {
                // Of accounts that have not connected only reels have a figure that all can see.
                let reels = creators(world, on)
                    .into_iter()
                    .filter(|post| post.product_type.as_deref() == Some("REELS"))
                    .collect();
                (of(INSTAGRAM_HANDLE), reels)
            }
            Meta => (of(&META_PAGE.to_string()), Vec::new()),
            TikTok => (of(STUDIO_HANDLE), creators(world, on)),
            // All can see how often a post was seen, whosever it is.
            YouTube | X => (world.posts(on, 0, MIXED, None), Vec::new()),
        };
        let (staying, leaving) = split(posts);
        Self {
            staying,
            leaving,
            foreign: Pool::new(foreign),
        }
    }

    const fn pool(&mut self, kind: Kind) -> &mut Pool {
        match kind {
            Kind::Vanished => &mut self.leaving,
            Kind::PublicWithin | Kind::PublicAbove | Kind::NotLinked => &mut self.foreign,
            _ => &mut self.staying,
        }
    }
}

struct Planner<'a> {
    world: &'a World,
    shelves: HashMap<PlatformKind, Shelf>,
    /// What was given out: campaign, affiliate and native id.
    taken: HashSet<(usize, usize, String)>,
    /// How many posts each platform has had, by which its campaigns take turns.
    turns: HashMap<PlatformKind, usize>,
    honest: usize,
    loud: usize,
}

impl<'a> Planner<'a> {
    fn new(world: &'a World, submissions: usize) -> Self {
        let shelves = PlatformKind::ALL
            .iter()
            .map(|kind| (*kind, Shelf::new(world, *kind, submissions)))
            .collect();
        Self {
            world,
            shelves,
            taken: HashSet::new(),
            turns: HashMap::new(),
            honest: 0,
            loud: 0,
        }
    }

    fn next(&mut self, kind: Kind, platform: PlatformKind) -> anyhow::Result<Planned> {
        let campaign = self.campaign(platform)?;
        let affiliate = self.affiliate(kind, CAMPAIGNS[campaign].advertiser)?;
        let taken = &self.taken;
        let is_free =
            |post: &SamplePost| !taken.contains(&(campaign, affiliate, post.native_id.clone()));
        let post = self
            .shelves
            .get_mut(&platform)
            .and_then(|shelf| shelf.pool(kind).take(is_free))
            .with_context(|| {
                format!("the played {platform} has too few posts for so many submissions")
            })?;
        let (figures, _) = self
            .world
            .figures(played(platform), &post.native_id, None)
            .context("a played post without figures")?;
        let handle = match kind {
            Kind::PublicWithin | Kind::PublicAbove => Some(post.account_handle.clone()),
            _ => None,
        };
        let (url, again) = links(self.world, kind, platform, &post)?;
        let nth = u64::try_from(self.honest + self.loud).unwrap_or(0);
        let planned = Planned {
            kind,
            platform,
            campaign,
            affiliate,
            native_id: post.native_id,
            url,
            again,
            handle,
            claim: kind.claim(&figures, nth),
            expected: kind.outcome(platform, &CAMPAIGNS[campaign].terms),
        };
        let (campaign, affiliate, native_id) = planned.key();
        self.taken
            .insert((campaign, affiliate, native_id.to_owned()));
        Ok(planned)
    }

    /// The campaign whose turn it is on a platform.
    fn campaign(&mut self, platform: PlatformKind) -> anyhow::Result<usize> {
        let turn = self.turns.entry(platform).or_default();
        let open: Vec<usize> = (0..CAMPAIGNS.len())
            .filter(|place| CAMPAIGNS[*place].platforms.contains(&platform))
            .collect();
        let campaign = open.get(*turn % open.len().max(1)).copied();
        *turn += 1;
        campaign.context("no campaign takes posts on a platform of the plan")
    }

    /// The affiliate whose turn it is at an advertiser.
    fn affiliate(&mut self, kind: Kind, advertiser: usize) -> anyhow::Result<usize> {
        let everybody: Vec<usize> = (0..AFFILIATES.len()).collect();
        let (turn, choice) = if kind.is_over() {
            (&mut self.loud, LOUD)
        } else {
            (&mut self.honest, &everybody[..])
        };
        for _ in choice {
            let affiliate = choice[*turn % choice.len()];
            *turn += 1;
            if works_with(affiliate, advertiser) {
                return Ok(affiliate);
            }
        }
        anyhow::bail!("no affiliate works with an advertiser of the plan")
    }
}

/// The posts of accounts that have not connected.
fn creators(world: &World, on: Platform) -> Vec<SamplePost> {
    (1..=CREATORS)
        .flat_map(|nth| world.posts(on, 0, EACH, Some(&format!("creator_{nth}"))))
        .collect()
}

/// The posts that stay and those that may vanish.
fn split(posts: Vec<SamplePost>) -> (Pool, Pool) {
    let (leaving, staying): (Vec<_>, Vec<_>) = posts
        .into_iter()
        .enumerate()
        .partition(|(nth, _)| nth % LEAVING == LEAVING - 1);
    let posts = |part: Vec<(usize, SamplePost)>| part.into_iter().map(|(_, post)| post).collect();
    (Pool::new(posts(staying)), Pool::new(posts(leaving)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::link::PostLink;

    fn world() -> World {
        World::new(1).with_frozen_growth()
    }

    fn planned(submissions: usize) -> Vec<Planned> {
        plan(&world(), submissions).unwrap()
    }

    #[test]
    fn a_plan_makes_as_many_submissions_as_it_is_asked_for() {
        for submissions in [0, 1, 6, 7, 37, 300, 1_000] {
            let made: usize = planned(submissions).iter().map(Planned::submissions).sum();
            assert_eq!(made, submissions);
        }
    }

    #[test]
    fn a_plan_of_three_hundred_has_every_kind_in_every_campaign_that_can_have_it() {
        let plan = planned(300);
        for (kind, platform) in CYCLE {
            for (place, campaign) in CAMPAIGNS.iter().enumerate() {
                let there = plan.iter().any(|planned| {
                    (planned.kind, planned.platform, planned.campaign) == (kind, platform, place)
                });
                assert_eq!(
                    there,
                    campaign.platforms.contains(&platform),
                    "{kind} on {platform} in {}",
                    campaign.name
                );
            }
        }
    }

    #[test]
    fn nobody_submits_a_post_twice_to_a_campaign_or_where_it_does_not_work() {
        let plan = planned(1_500);
        let keys: HashSet<_> = plan.iter().map(Planned::key).collect();
        assert_eq!(keys.len(), plan.len());
        for planned in &plan {
            let advertiser = CAMPAIGNS[planned.campaign].advertiser;
            assert!(works_with(planned.affiliate, advertiser));
            assert!(!planned.kind.is_over() || LOUD.contains(&planned.affiliate));
        }
    }

    #[test]
    fn every_link_is_one_of_its_platform_and_two_spellings_are_one_post() {
        for planned in planned(300) {
            let link = PostLink::parse(&planned.url).unwrap();
            assert_eq!(link.platform, planned.platform, "{}", planned.url);
            match planned.kind {
                Kind::ShortLink => assert_eq!(link.native_id(), None, "{}", planned.url),
                Kind::Twice => {
                    let again = PostLink::parse(planned.again.as_deref().unwrap()).unwrap();
                    assert_eq!(link.canonical_url, again.canonical_url);
                    assert_eq!(link.native_id(), Some(planned.native_id.as_str()));
                }
                Kind::Vanished => {
                    assert_eq!(link.native_id(), Some(planned.native_id.as_str()));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_vanishes_is_submitted_in_no_other_way() {
        let plan = planned(1_500);
        let gone: HashSet<_> = plan
            .iter()
            .filter(|planned| planned.kind == Kind::Vanished)
            .map(|planned| &planned.native_id)
            .collect();
        assert!(gone.len() > 50);
        let stays = plan
            .iter()
            .filter(|planned| planned.kind != Kind::Vanished)
            .all(|planned| !gone.contains(&planned.native_id));
        assert!(stays);
    }

    #[test]
    fn the_same_plan_comes_of_the_same_platforms() {
        let links = |plan: Vec<Planned>| -> Vec<String> {
            plan.into_iter().map(|planned| planned.url).collect()
        };
        assert_eq!(links(planned(100)), links(planned(100)));
    }
}
