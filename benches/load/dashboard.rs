//! What a campaign's dashboard costs: milliseconds over HTTP, one request after another, of a large campaign beside a small one.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use countersign::clock::machine_now;
use serde_json::{Value, json};

use super::api::Connection;
use super::options::Options;
use super::postgres::Database;
use super::program::Server;
use super::report::{Line, Report, Target};
use super::seed::{Mix, filled};
use super::stage::Stage;

const DASHBOARD: &str = "totals { posts postsObserved reports claimed { views } observed { views } matchRate orders \
    money { currency orderAmount } openAlerts } byPlatform { platform totals { posts observed { views } } } \
    byStatus { status count } byLevel { level count } topAffiliates(first: 10) { posts affiliate { name } } \
    series(interval: DAY) { at claimed { views } observed { views } discrepancies }";

/// Measures both in turns: over all time, which is what a dashboard opens with, and over a week.
pub async fn measure(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let (small, large) = options.campaigns();
    let few = filled(stage, small, Mix::All).await?;
    report.progress(&format!("submitting {large} posts"));
    let many = filled(stage, large, Mix::All).await?;
    for (name, title, weekly, target) in [
        ("dashboard", "Dashboard", false, Target::RatioAtMost(1.5)),
        ("dashboard_week", "Dashboard of a week", true, Target::None),
    ] {
        let mut line = Line::new(
            name,
            &format!("{title}, {large} posts, ms"),
            &format!("the same, {small} posts"),
            target,
        );
        for _ in 0..options.rounds() {
            let of_few = opened(stage, options, &few, weekly, small).await?;
            let of_many = opened(stage, options, &many, weekly, large).await?;
            report.progress(&format!(
                "{title}: {of_many:.2} ms, of {small} posts {of_few:.2} ms"
            ));
            line.add(of_many, Some(of_few));
        }
        report.add(line);
    }
    stage.postgres.remove(few).await?;
    stage.postgres.remove(many).await
}

/// The median time of opening the dashboard, in milliseconds.
async fn opened(
    stage: &Stage,
    options: &Options,
    database: &Database,
    weekly: bool,
    posts: i64,
) -> anyhow::Result<f64> {
    let server = Server::start(&stage.environment(database), false, &stage.results).await?;
    let mut connection = Connection::open(server.address).await?;
    let query = format!(
        "query($id: ID!, $range: TimeRange) {{ campaign(id: $id) {{ dashboard(range: $range) {{ {DASHBOARD} }} }} }}"
    );
    let range = weekly.then(|| json!({ "from": machine_now() - TimeDelta::days(7) }));
    let variables = json!({ "id": stage.people.campaign, "range": range });
    let body = json!({ "query": query, "variables": variables }).to_string();
    let mut times = Vec::with_capacity(options.views());
    // The first answers prepare statements.
    for nth in 0..options.views() + 20 {
        let begun = Instant::now();
        let answer = connection
            .post(Some(&stage.people.advertiser), &body)
            .await?;
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        let answer: Value = serde_json::from_str(&answer.body)?;
        let counted = answer["data"]["campaign"]["dashboard"]["totals"]["posts"]
            .as_i64()
            .with_context(|| format!("no dashboard: {answer}"))?;
        ensure!(
            weekly || counted == posts,
            "{counted} posts are shown, of {posts}"
        );
        if nth >= 20 {
            times.push(millis);
        }
    }
    server.stop().await?;
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
