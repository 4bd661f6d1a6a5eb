//! The main path from its beginning to its end: accounts, applications, submissions, verdicts, alerts, the summary.

use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use tokio_util::sync::CancellationToken;

use super::alerts::Alerts;
use super::catalogue::CampaignSeed;
use super::claims::{Kind, Terms};
use super::client::{Api, Caller};
use super::plan::{Planned, plan, played};
use super::screen::Screen;
use super::seed::{Planted, plant};
use super::submit::submit;
use super::subscription::{Subscription, follow};
use super::summary::{aligned, grouped_length, table};
use super::trust::{self, Trust};
use super::verdicts;
use crate::app::App;
use crate::model::Secret;
use crate::simulator::World;

/// Most differences that are printed one by one.
const MOST_DIFFERENCES: usize = 50;

/// What a story is told with.
pub(super) struct Cast<'a> {
    pub(super) screen: &'a Arc<Screen>,
    /// The process that serves.
    pub(super) app: &'a App,
    pub(super) api: &'a Api,
    pub(super) operator_key: &'a Secret,
    /// What the posts and their figures are made from.
    pub(super) world: &'a World,
    pub(super) submissions: usize,
    /// Whether a worker of this process does the jobs; left to others otherwise.
    pub(super) works: bool,
    /// Whether alerts are watched as they come.
    pub(super) watches: bool,
}

/// What came of it.
pub(super) struct Told {
    pub(super) planted: Planted,
    /// What is not what the seed says.
    pub(super) differences: Vec<String>,
}

/// A server with everybody in it.
pub(super) struct Opened {
    pub(super) operator: Caller,
    pub(super) alerts: Arc<Alerts>,
    pub(super) planted: Planted,
}

/// Tells the story.
///
/// # Errors
/// The API does not answer or refuses what is needed to go on.
pub(super) async fn tell(cast: &Cast<'_>, ended: &CancellationToken) -> anyhow::Result<Told> {
    let Opened {
        operator,
        alerts,
        planted,
    } = open(cast, ended, |seed| seed.terms).await?;
    let differences = if cast.submissions > 0 {
        submissions(cast, &operator, &planted, &alerts).await?
    } else {
        Vec::new()
    };
    alerts.show_all();
    Ok(Told {
        planted,
        differences,
    })
}

/// Signs in, watches alerts where asked to, and puts everybody in, with these terms for each campaign.
///
/// # Errors
/// The API does not answer or refuses what is needed to go on.
pub(super) async fn open(
    cast: &Cast<'_>,
    ended: &CancellationToken,
    terms: fn(&CampaignSeed) -> Terms,
) -> anyhow::Result<Opened> {
    let screen = cast.screen;
    let operator = cast.api.sign_in(cast.operator_key).await?;
    let alerts = Arc::new(Alerts::new(Arc::clone(screen)));
    if cast.watches {
        let subscription = Subscription::open(&operator, None).await?;
        tokio::spawn(follow(
            subscription,
            cast.api.clone(),
            cast.operator_key.clone(),
            Arc::clone(&alerts),
            ended.clone(),
        ));
    }
    let planted = plant(&operator, terms).await?;
    alerts.belong_to(planted.affiliates.iter().map(|party| party.id.clone()));
    screen.line(&format!(
        "Created {} advertisers, {} affiliates and {} campaigns.",
        planted.advertisers.len(),
        planted.affiliates.len(),
        planted.campaigns.len()
    ));
    let applications = planted.applications();
    if cast.works {
        planted.approved().await?;
        screen.line(&format!(
            "{applications} applications were approved by queued jobs."
        ));
    } else {
        planted.approve().await?;
        screen.line(&format!(
            "{applications} applications were approved by the advertisers."
        ));
    }
    Ok(Opened {
        operator,
        alerts,
        planted,
    })
}

/// Submits, waits, and sums up. Gives what is not what the seed says.
async fn submissions(
    cast: &Cast<'_>,
    operator: &Caller,
    planted: &Planted,
    alerts: &Alerts,
) -> anyhow::Result<Vec<String>> {
    let screen: &Screen = cast.screen;
    let plan = plan(cast.world, cast.submissions)?;
    vanish(cast.world, &plan)?;
    let begun = Instant::now();
    let submitted = submit(&plan, planted, screen).await;
    let submitting = begun.elapsed();
    if !cast.works {
        screen.line("Their claims wait for a worker: `countersign worker`, or a running server.");
        return Ok(verdicts::problems(&plan, &submitted));
    }
    let deadline = Instant::now() + verdicts::PATIENCE;
    let posts = verdicts::wait(operator, planted, &submitted, screen, deadline).await?;
    let judging = begun.elapsed();
    let mut differences = verdicts::differences(&plan, &submitted, &posts);
    if cast.watches {
        let missing = verdicts::wait_for_alerts(alerts, &plan, &submitted, deadline).await;
        differences.extend(missing);
    }
    let columns = verdicts::columns(operator, planted, &plan, &submitted, &posts).await?;
    let trust = trust::read(operator, planted, &plan, &submitted).await?;
    differences.extend(trust.iter().filter_map(Trust::difference));

    screen.line(&format!(
        "\n{}\n\n{}\n",
        table(&columns),
        trust_table(&trust)
    ));
    screen.line(&format!(
        "Submitting took {:.1} s, and {:.1} s later every verdict that came was there.",
        submitting.as_secs_f64(),
        judging.saturating_sub(submitting).as_secs_f64()
    ));
    if cast.watches {
        let (events, trust_drops) = alerts.counts();
        screen.line(&format!(
            "The subscription delivered {} alert events, {} of them about a fall in trust.",
            grouped_length(events),
            grouped_length(trust_drops)
        ));
    }
    conclude(screen, &plan, &differences);
    Ok(differences)
}

/// Takes the posts that are planned so from their platforms.
fn vanish(world: &World, plan: &[Planned]) -> anyhow::Result<()> {
    for planned in plan.iter().filter(|planned| planned.kind == Kind::Vanished) {
        let gone = world.vanish(played(planned.platform), &planned.native_id);
        ensure!(gone, "the post {} cannot vanish", planned.native_id);
    }
    Ok(())
}

/// How everybody stands, as a table.
pub(super) fn trust_table(trust: &[Trust]) -> String {
    let head = ["Affiliate", "Trust", "Accurate", "Of claims that count"].map(str::to_owned);
    let rows = trust.iter().map(|affiliate| {
        vec![
            affiliate.name.clone(),
            affiliate.score.clone(),
            affiliate.accurate.to_string(),
            affiliate.total.to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = [head.to_vec()].into_iter().chain(rows).collect();
    aligned(&rows)
}

/// Says whether everything is what the seed says, and if not, what is not.
pub(super) fn conclude(screen: &Screen, plan: &[Planned], differences: &[String]) {
    if differences.is_empty() {
        let submissions: usize = plan.iter().map(Planned::submissions).sum();
        screen.line(&format!(
            "Every outcome of {} submissions is what the seed says.",
            grouped_length(submissions)
        ));
        return;
    }
    let count = grouped_length(differences.len());
    screen.line(&format!("Not what the seed says, in {count} places:"));
    for difference in differences.iter().take(MOST_DIFFERENCES) {
        screen.line(&format!("  {difference}"));
    }
    if let Some(more) = differences.len().checked_sub(MOST_DIFFERENCES + 1) {
        screen.line(&format!("  and {} more", grouped_length(more + 1)));
    }
}
