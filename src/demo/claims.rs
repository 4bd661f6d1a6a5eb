//! What is claimed, and what must come of it.
//!
//! Each kind of claim is made from what the platform shows of the post, so that its verdict is certain before it is
//! reached. What is expected stands here as a table of its own and not as a call of the rules: the demo would otherwise
//! agree with whatever they say. A test holds the two together.

use std::fmt;

use serde_json::{Value, json};

use crate::model::{
    AlertKind, DiscrepancyLevel, Finality, PlatformKind, PostStatus, ReconciliationStatus,
};
use crate::simulator::Figures;

/// How a campaign judges, as far as the demo sets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How long platform figures take to settle.
    pub(super) lag_hours: u32,
    /// The ages of a claim at which it is checked again; the defaults where none.
    pub(super) recheck_hours: Option<&'static [u32]>,
    /// The lowest level that raises an alert.
    pub(super) alert_from: DiscrepancyLevel,
}

impl Terms {
    /// No lag, everything else as it is by default.
    pub(super) const DEFAULT: Self = Self {
        lag_hours: 0,
        recheck_hours: None,
        alert_from: DiscrepancyLevel::Medium,
    };

    /// The input of the campaign's policy.
    pub(super) fn policy(&self) -> Value {
        let mut policy = json!({
            "lagWindowHours": self.lag_hours,
            "alertFrom": self.alert_from.as_str(),
        });
        if let Some(hours) = self.recheck_hours {
            policy["recheckHours"] = json!(hours);
        }
        policy
    }

    /// Whether the first check is the last one.
    fn checks_once(&self) -> bool {
        self.lag_hours == 0 && self.recheck_hours.is_some_and(<[u32]>::is_empty)
    }
}

/// A way to submit a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The views that the platform shows, or a little less.
    Honest,
    /// Views and clicks as the platform counts them; only Meta tells this access of clicks.
    HonestWithClicks,
    /// Three percent too many views.
    SlightlyHigh,
    /// Twelve percent too many views.
    High,
    /// Two and a half times the views.
    WildlyHigh,
    /// The right views and three times the clicks.
    WildClicks,
    /// Zero views.
    Zero,
    /// Honest, and then submitted once more in another spelling of its link.
    Twice,
    /// Honest, by a short link.
    ShortLink,
    /// A reel of an account that has not connected, with fewer views than everybody can see.
    PublicWithin,
    /// The same with more views than everybody can see.
    PublicAbove,
    /// A video of an account that has not connected, of which TikTok tells nobody else.
    NotLinked,
    /// A post that the platform no longer has.
    Vanished,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Honest => "honest",
            Self::HonestWithClicks => "honest with clicks",
            Self::SlightlyHigh => "slightly high",
            Self::High => "high",
            Self::WildlyHigh => "wildly high",
            Self::WildClicks => "wildly high clicks",
            Self::Zero => "zero",
            Self::Twice => "submitted twice",
            Self::ShortLink => "by a short link",
            Self::PublicWithin => "within public figures",
            Self::PublicAbove => "above public figures",
            Self::NotLinked => "of an account that is not linked",
            Self::Vanished => "vanished",
        })
    }
}

/// The numbers of a claim; none is not claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) views: Option<u64>,
    pub(super) clicks: Option<u64>,
}

/// Where a post and its claim end up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: ReconciliationStatus,
    pub(super) level: Option<DiscrepancyLevel>,
    pub(super) finality: Finality,
    pub(super) post: PostStatus,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(level) = self.level {
            write!(f, " {level}")?;
        }
        write!(f, " {}, post {}", self.finality, self.post)
    }
}

impl Outcome {
    /// Whether it counts for trust, and then whether the claim was accurate.
    pub(super) fn accurate(self) -> Option<bool> {
        if self.finality != Finality::Final {
            return None;
        }
        self.level.map(|level| level <= DiscrepancyLevel::Low)
    }

    /// The alert on the post that it leads to.
    pub(super) fn alert(self, terms: &Terms) -> Option<AlertKind> {
        if self.post == PostStatus::Removed {
            return Some(AlertKind::PostRemoved);
        }
        let over = self.status == ReconciliationStatus::Discrepancy
            && self.level.is_some_and(|level| level >= terms.alert_from);
        over.then_some(AlertKind::Overclaim)
    }
}

impl Kind {
    /// Whether it accuses its affiliate.
    pub(super) const fn is_over(self) -> bool {
        matches!(
            self,
            Self::SlightlyHigh | Self::High | Self::WildlyHigh | Self::WildClicks
        )
    }

    /// The claim on a post of which the platform shows these figures. Honest claims differ with `nth`.
    pub(super) const fn claim(self, shown: &Figures, nth: u64) -> Claim {
        let views = shown.views;
        let honest = views - views * (nth % 4) / 100;
        let views = match self {
            Self::Honest
            | Self::HonestWithClicks
            | Self::Twice
            | Self::ShortLink
            | Self::PublicWithin
            | Self::WildClicks
            | Self::NotLinked
            | Self::Vanished => honest,
            Self::SlightlyHigh => views + views * 3 / 100,
            Self::High => views + views * 12 / 100,
            Self::WildlyHigh => views * 5 / 2,
            Self::PublicAbove => views * 3 / 2,
            Self::Zero => 0,
        };
        let clicks = match self {
            Self::HonestWithClicks => Some(shown.clicks),
            // Well past the floor, however few there are.
            Self::WildClicks => Some(shown.clicks * 3 + 50),
            _ => None,
        };
        Claim {
            views: Some(views),
            clicks,
        }
    }

    /// What must come of the first check.
    pub(super) fn outcome(self, platform: PlatformKind, terms: &Terms) -> Outcome {
        use DiscrepancyLevel::{High, Low, Medium, None as Within};
        use ReconciliationStatus::{
            Discrepancy, Matched, NotComparable, PartiallyMatched, Unverifiable,
        };
        let settled = |status, level| Outcome {
            status,
            level,
            finality: Finality::Final,
            post: PostStatus::Tracking,
        };
        // What a later figure may still change.
        let waits = |status, level, last: bool| Outcome {
            finality: if last {
                Finality::Final
            } else {
                Finality::Provisional
            },
            ..settled(status, level)
        };
        let over = |level| waits(Discrepancy, Some(level), terms.lag_hours == 0);
        match self {
            Self::Zero => settled(Matched, None),
            Self::NotLinked => waits(Unverifiable, None, terms.checks_once()),
            // What is not listed and never was may be another account's as well.
            Self::Vanished if is_told_by_lists(platform) => {
                waits(Unverifiable, None, terms.checks_once())
            }
            Self::Vanished => Outcome {
                post: PostStatus::Removed,
                ..waits(Unverifiable, None, terms.checks_once())
            },
            // Reddit tells nobody how often a post was seen.
            _ if platform == PlatformKind::Reddit => settled(Unverifiable, None),
            Self::HonestWithClicks if never_tells_clicks(platform) => {
                settled(PartiallyMatched, Some(Within))
            }
            // X tells the owner, so another time it may.
            Self::HonestWithClicks if platform == PlatformKind::X => {
                waits(PartiallyMatched, Some(Within), terms.checks_once())
            }
            Self::Honest
            | Self::HonestWithClicks
            | Self::Twice
            | Self::ShortLink
            | Self::PublicWithin => settled(Matched, Some(Within)),
            Self::SlightlyHigh => over(Low),
            Self::High => over(Medium),
            Self::WildlyHigh | Self::WildClicks => over(High),
            Self::PublicAbove => waits(NotComparable, None, terms.checks_once()),
        }
    }
}

/// Whether a platform says that a post is gone only by leaving it out of its account's list.
const fn is_told_by_lists(platform: PlatformKind) -> bool {
    matches!(platform, PlatformKind::Instagram | PlatformKind::TikTok)
}

/// Whether a platform tells views, but nobody how often a link was followed.
const fn never_tells_clicks(platform: PlatformKind) -> bool {
    matches!(
        platform,
        PlatformKind::Instagram | PlatformKind::YouTube | PlatformKind::TikTok
    )
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;
    use crate::demo::catalogue::CAMPAIGNS;
    use crate::demo::plan::CYCLE;
    use crate::domain::reconciliation::{
        self, Check, Context, Observation, Policy, SignedOrders, default_definition, reconcile,
        schedule,
    };
    use crate::model::{EvidenceGrade, Metric, Metrics, Observed};
    use crate::simulator::SMALLEST_POST;

    fn shown(views: u64, clicks: u64) -> Figures {
        Figures {
            views,
            clicks,
            score: 0,
            comments: 0,
            shares: 0,
            saved: 0,
            reach: 0,
        }
    }

    fn reported(value: u64, definition: &str, grade: EvidenceGrade) -> Observed {
        Observed::Reported {
            value,
            definition: definition.to_owned(),
            grade,
        }
    }

    /// What the platform tells the access that is configured of a post that shows these figures.
    fn observed(kind: Kind, platform: PlatformKind, shown: &Figures) -> Metrics<Observed> {
        let never = || Observed::Unsupported {
            reason: "It does not tell.".to_owned(),
        };
        let not_now = || Observed::Unavailable {
            reason: "It does not tell this access.".to_owned(),
        };
        let owner = |value, definition| reported(value, definition, EvidenceGrade::OwnerToken);
        let public = |value, definition| reported(value, definition, EvidenceGrade::Public);
        let seen_by_all = matches!(kind, Kind::PublicWithin | Kind::PublicAbove);
        let views = shown.views;
        let (views, clicks) = match platform {
            PlatformKind::TikTok if matches!(kind, Kind::Vanished | Kind::NotLinked) => {
                (not_now(), never())
            }
            PlatformKind::Instagram if kind == Kind::Vanished => (not_now(), never()),
            _ if kind == Kind::Vanished => (not_now(), not_now()),
            PlatformKind::Reddit => (never(), never()),
            PlatformKind::Instagram if seen_by_all => (public(views, "public"), never()),
            PlatformKind::Instagram => (owner(views, "instagram.views"), never()),
            PlatformKind::Meta => (
                owner(views, "meta.post_media_view"),
                owner(shown.clicks, "meta.post_clicks"),
            ),
            PlatformKind::YouTube => (public(views, "youtube.viewCount"), never()),
            PlatformKind::TikTok => (owner(views, "tiktok.view_count"), never()),
            PlatformKind::X => (public(views, "x.impression_count"), not_now()),
        };
        Metrics {
            views,
            clicks,
            conversions: never(),
        }
    }

    #[test]
    fn the_rules_say_of_each_kind_of_claim_what_the_seed_says() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for views in [SMALLEST_POST, 203, 999, 12_345, 200_000] {
            let shown = shown(views, views / 100);
            for (kind, platform) in CYCLE {
                for campaign in &CAMPAIGNS {
                    let terms = &campaign.terms;
                    let made = kind.claim(&shown, views);
                    let claim = reconciliation::Claim {
                        report_id: 1,
                        submitted_at: now - Duration::milliseconds(200),
                        platform,
                        claimed: Metrics {
                            views: made.views,
                            clicks: made.clicks,
                            conversions: None,
                        },
                        views_definition: default_definition(platform, Metric::Views)
                            .unwrap()
                            .to_owned(),
                    };
                    let mut policy = Policy {
                        alert_from: terms.alert_from,
                        lag_window: Some(Duration::hours(terms.lag_hours.into())),
                        ..Policy::default()
                    };
                    if let Some(hours) = terms.recheck_hours {
                        policy.rechecks = hours
                            .iter()
                            .map(|hours| Duration::hours((*hours).into()))
                            .collect();
                    }
                    let verdict = reconcile(&Context {
                        claim: &claim,
                        policy: &policy,
                        observations: &[Observation {
                            platform_report_id: 1,
                            fetched_at: now,
                            metrics: observed(kind, platform, &shown),
                            gone: kind == Kind::Vanished && !is_told_by_lists(platform),
                        }],
                        check: &Check::Answered,
                        orders: &SignedOrders::NoneDelivered,
                        now,
                        last_check: schedule::is_last(&claim, &policy, now),
                        duplicate: false,
                    });
                    let expected = kind.outcome(platform, terms);
                    assert_eq!(
                        (verdict.status, verdict.level, verdict.finality),
                        (expected.status, expected.level, expected.finality),
                        "{kind} on {platform} in {}: {}",
                        campaign.name,
                        verdict.explanation
                    );
                    assert_eq!(
                        crate::domain::trust::counts(&verdict),
                        expected.accurate(),
                        "{kind} on {platform} in {}",
                        campaign.name
                    );
                }
            }
        }
    }

    #[test]
    fn claims_that_are_too_high_stay_inside_their_level() {
        for views in SMALLEST_POST..20_000 {
            let shown = shown(views, views / 100);
            let hundredths = |kind: Kind| {
                let claimed = kind.claim(&shown, 0).views.unwrap();
                (claimed - views) * 10_000 / views
            };
            assert!((1..490).contains(&hundredths(Kind::SlightlyHigh)));
            assert!((510..1_990).contains(&hundredths(Kind::High)));
            assert!(hundredths(Kind::WildlyHigh) > 10_000);
        }
    }

    #[test]
    fn an_alert_is_expected_from_the_policys_level_up_and_for_what_is_gone() {
        let alert = |kind: Kind, campaign: usize| {
            let terms = &CAMPAIGNS[campaign].terms;
            kind.outcome(PlatformKind::Meta, terms).alert(terms)
        };
        assert_eq!(alert(Kind::SlightlyHigh, 0), None);
        assert_eq!(alert(Kind::High, 0), Some(AlertKind::Overclaim));
        assert_eq!(alert(Kind::High, 1), None);
        assert_eq!(alert(Kind::WildlyHigh, 1), Some(AlertKind::Overclaim));
        assert_eq!(alert(Kind::SlightlyHigh, 2), Some(AlertKind::Overclaim));
        assert_eq!(alert(Kind::Vanished, 3), Some(AlertKind::PostRemoved));
        assert_eq!(alert(Kind::PublicAbove, 0), None);
    }

    #[test]
    fn a_post_that_its_accounts_list_never_had_is_not_expected_to_be_removed() {
        let terms = &CAMPAIGNS[0].terms;
        let vanished = |platform| Kind::Vanished.outcome(platform, terms).alert(terms);
        for platform in [PlatformKind::Instagram, PlatformKind::TikTok] {
            assert_eq!(vanished(platform), None);
        }
        for platform in [PlatformKind::YouTube, PlatformKind::X] {
            assert_eq!(vanished(platform), Some(AlertKind::PostRemoved));
        }
    }
}
