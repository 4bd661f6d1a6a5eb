//! What members of Discord are told: sentences that say what was done, or what to do about it.
//!
//! A message has at most 2,000 characters. Whatever comes from outside is escaped, so that it formats nothing and names
//! nobody; that nothing in a message pings is said to Discord as well.

use crate::db::affiliate_report::AffiliateReport;
use crate::db::campaign::Campaign;
use crate::db::platform_report::PlatformReport;
use crate::db::post::Post;
use crate::db::reconciliation::Reconciliation;
use crate::domain::plain::{bracketed, cut, is_unruly};
use crate::domain::reconciliation::{counted, instant};
use crate::error::Refusal;
use crate::model::{IdKind, Metrics, PostStatus};

/// Most characters of a message. Discord may count some that are one here as two; so does [`cut`].
pub(super) const MOST: usize = 2000;
/// How much of a message is kept for saying as whom the member acts, in characters.
const ACTOR: usize = 120;
/// The longest link that stands in a list of posts, in bytes: as it was given, with all that an app may add to it, and in the
/// spelling by which posts are told apart.
const LINKS: (usize, usize) = (100, 200);

pub(super) const NO_APPLICATION: &str = "This server cannot answer here yet: whoever runs it has to set \
    COUNTERSIGN_DISCORD_APPLICATION_ID.";
pub(super) const BUSY: &str = "Countersign cannot take commands just now: try again in a minute.";
pub(super) const INACTIVE: &str = "Your account here is not active: ask whoever runs this program.";
pub(super) const FAILED: &str = "Something went wrong here, and this command was not done to its end. What was taken stands: \
    look with /status, or try again in a minute.";
pub(super) const ONE_OF_TWO: &str = "Give url or post, not both.";
pub(super) const NO_POSTS: &str = "You have not submitted a post yet: /submit takes one.";
pub(super) const NO_SUCH_POST: &str =
    "That is no post of yours: /status without options shows your latest ones.";

/// A text from outside, on one line.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' => {
                shown.push('\\');
                shown.push(character);
            }
            // What follows an @ names somebody, unless something invisible stands between.
            '@' => shown.push_str("@\u{200b}"),
            _ if is_unruly(character) => shown.push(' '),
            _ => shown.push(character),
        }
    }
    shown
}

/// What there is to say, with the affiliate that the member acts as before it.
pub(super) fn acting_as(name: &str, text: &str) -> String {
    // "As ", ": " and the name.
    let name = cut(&escaped(name), ACTOR - 5);
    cut(&format!("As {name}: {text}"), MOST)
}

/// That nobody knows which affiliate the member is.
pub(super) fn not_linked(discord_user_id: &str) -> String {
    format!(
        "Your Discord account is not linked to an affiliate. Ask whoever runs this program to link it with your user \
         id, {discord_user_id}, or do it by the API: updateAffiliate(input: {{discordUserId: \"{discord_user_id}\"}})."
    )
}

/// That an option holds the id of something else.
pub(super) fn other_id(option: &str, kind: IdKind, wanted: IdKind) -> String {
    format!(
        "The option {option} holds the id of {}, not of {}.",
        kind.described(),
        wanted.described()
    )
}

/// That no campaign has this name.
pub(super) fn no_campaign(name: &str) -> String {
    format!(
        "There is no campaign that you can post in with the name or the id {}.",
        escaped(name)
    )
}

/// That several campaigns have this name.
pub(super) fn several_campaigns(name: &str, campaigns: &[Campaign]) -> String {
    let ids: Vec<String> = campaigns
        .iter()
        .map(|campaign| code(IdKind::Campaign, campaign.id))
        .collect();
    format!(
        "Several campaigns have the name {}. Give the id of the one you mean: {}.",
        escaped(name),
        ids.join(", ")
    )
}

/// What is wrong with a submission. Fields are called as the options are.
pub(super) fn refused(refusals: &[Refusal]) -> String {
    let sentences: Vec<String> = refusals
        .iter()
        .map(|refusal| {
            let mut message = refusal.message.clone();
            for (field, option) in [
                ("campaignId", "campaign"),
                ("claimedViews", "views"),
                ("claimedClicks", "clicks"),
                ("claimedConversions", "conversions"),
                ("accountHandle", "handle"),
            ] {
                message = message.replace(field, option);
            }
            sentence(&message)
        })
        .collect();
    let text = format!("Not submitted. {}", sentences.join(" "));
    cut(&text, MOST)
}

/// A text from outside as a sentence.
fn sentence(text: &str) -> String {
    let text = escaped(text);
    let mut characters = text.chars();
    let mut sentence: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    sentence.push_str(characters.as_str());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// That a claim was taken.
pub(super) fn accepted(post: &Post, report: &AffiliateReport) -> String {
    format!(
        "Submitted: your post {} on {}, with a claim of {}. {} is asked now; the result follows here, and /status tells \
         it as well.",
        code(IdKind::Post, post.id),
        post.platform.brand(),
        claims(&report.claimed()),
        post.platform.brand(),
    )
}

/// That a claim was taken, and the member will not hear of its verdict here.
pub(super) fn no_verdict_yet(post: &Post, report: &AffiliateReport) -> String {
    format!(
        "Submitted: your post {} on {}, with a claim of {}. There is no result yet; /status will tell it.",
        code(IdKind::Post, post.id),
        post.platform.brand(),
        claims(&report.claimed()),
    )
}

/// That a claim was taken, and something failed here before its verdict could be told.
pub(super) fn verdict_untold(post: &Post, report: &AffiliateReport) -> String {
    format!(
        "Submitted: your post {} on {}, with a claim of {}. Something went wrong here, so the result will not follow; \
         /status will tell it.",
        code(IdKind::Post, post.id),
        post.platform.brand(),
        claims(&report.claimed()),
    )
}

/// That the post had been submitted before.
pub(super) fn already_submitted(post: &Post) -> String {
    let id = code(IdKind::Post, post.id);
    format!(
        "Not submitted: you have submitted this post to this campaign already, as {id}. /status tells how it stands; a \
         newer claim on it is made by the API, with submitReport."
    )
}

/// The first verdict on a claim.
pub(super) fn verdict(post: &Post, verdict: &Reconciliation) -> String {
    let text = format!(
        "The result for your post {} on {}: {}. {}",
        code(IdKind::Post, post.id),
        post.platform.brand(),
        judgement(verdict),
        escaped(&verdict.explanation),
    );
    cut(&text, MOST)
}

/// What there is to say of a post.
pub(super) struct Standing<'a> {
    /// The post.
    pub(super) post: &'a Post,
    /// Its latest claim.
    pub(super) report: Option<&'a AffiliateReport>,
    /// The latest observation of it.
    pub(super) observed: Option<&'a PlatformReport>,
    /// The latest verdict on the latest claim.
    pub(super) verdict: Option<&'a Reconciliation>,
}

/// How posts stand. Each gets an equal share of the message that [`acting_as`] leaves.
pub(super) fn standings(standings: &[Standing<'_>]) -> String {
    const BETWEEN: &str = "\n\n";
    let count = standings.len().max(1);
    let share = (MOST - ACTOR - (count - 1) * BETWEEN.len()) / count;
    let texts: Vec<String> = standings
        .iter()
        .map(|standing| standing.told(share))
        .collect();
    texts.join(BETWEEN)
}

impl Standing<'_> {
    /// The post in at most so many characters; the verdict's own sentences give way first.
    fn told(&self, most: usize) -> String {
        let post = self.post;
        let platform = post.platform.brand();
        let head = format!(
            "**{platform}** {}{}",
            code(IdKind::Post, post.id),
            link(post)
        );
        let status = match post.status {
            PostStatus::Resolving => "its link is being resolved".to_owned(),
            PostStatus::Tracking => "tracked".to_owned(),
            PostStatus::Duplicate => "had been submitted before".to_owned(),
            PostStatus::Removed => format!("no longer on {platform}"),
        };
        let claimed = self
            .report
            .map(AffiliateReport::claimed)
            .unwrap_or_default();
        let figures = format!(
            "Claimed {}; {}.",
            claims(&claimed),
            self.shown(platform, &claimed)
        );
        let next = post.next_check_at.map_or_else(
            || "No check is left.".to_owned(),
            |at| format!("Next check at {}.", instant(at)),
        );
        let before = format!("{head}: {status}. {figures}");
        let Some(verdict) = self.verdict else {
            return cut(&format!("{before} No result yet. {next}"), most);
        };
        let before = format!("{before} {}.", judgement(verdict));
        let used: usize = [&before, &next]
            .into_iter()
            .flat_map(|text| text.chars())
            .map(char::len_utf16)
            .sum();
        let explanation = escaped(&verdict.explanation);
        let explanation = cut(&explanation, most.saturating_sub(used + 2));
        cut(&format!("{before} {explanation} {next}"), most)
    }

    /// What the platform showed of what is claimed.
    fn shown(&self, platform: &str, claimed: &Metrics<Option<u64>>) -> String {
        let Some(report) = self.observed else {
            return format!("{platform} has not told yet");
        };
        let at = instant(report.fetched_at);
        if report.gone {
            return format!("{platform} did not have the post any more at {at}");
        }
        let observed = report.observed();
        let figures: Vec<String> = claimed
            .iter()
            .filter(|(_, claimed)| claimed.is_some())
            .map(|(metric, _)| match observed.get(metric).value() {
                Some(value) => counted(value, metric.noun()),
                None => format!("no number of {}", metric.noun()),
            })
            .collect();
        format!("{platform} told {} at {at}", figures.join(", "))
    }
}

/// A post's link as it was given, after a space; where that is too long for a list, in the spelling that all its links have in
/// common, and nothing where that is too long as well.
fn link(post: &Post) -> String {
    let (given, canonical) = LINKS;
    [(&post.url, given), (&post.canonical_url, canonical)]
        .into_iter()
        .find(|(url, longest)| url.len() <= *longest)
        .map(|(url, _)| bracketed(url).unwrap_or_else(|| escaped(url)))
        .map(|shown| format!(" {shown}"))
        .unwrap_or_default()
}

/// A verdict's names.
fn judgement(verdict: &Reconciliation) -> String {
    match verdict.discrepancy_level {
        Some(level) => format!("{}, level {level}, {}", verdict.status, verdict.finality),
        None => format!("{}, {}", verdict.status, verdict.finality),
    }
    .replace('_', "\\_")
}

/// What is claimed, such as `4,016 views, 12 clicks`.
fn claims(claimed: &Metrics<Option<u64>>) -> String {
    let counts: Vec<String> = claimed
        .iter()
        .filter_map(|(metric, count)| count.map(|count| counted(count, metric.noun())))
        .collect();
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    counts.join(", ")
}

/// A global id, set apart so that it can be copied.
fn code(kind: IdKind, row: i64) -> String {
    format!("`{}`", kind.encode(row))
}
