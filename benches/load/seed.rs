//! Posts, claims and due jobs in bulk.

use super::postgres::{Database, connect};
use super::stage::{DRAINED, MEDIA, Stage};

/// Over how many days up to now the posts were submitted.
const DAYS: i64 = 60;

/// On which platforms the posts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Reddit: nothing to compare, one channel, a hundred posts in a call.
    Reddit,
    /// A tenth each on Instagram and Meta, where a third over-claims: trust moves and alerts are raised.
    All,
}

/// A copy of the template with `count` due jobs, and with what the reference needs beside them.
pub async fn filled(stage: &Stage, count: i64, mix: Mix) -> anyhow::Result<Database> {
    let database = stage.postgres.copy(&stage.template).await?;
    let people = &stage.people;
    let mut sql = include_str!("seed.sql").to_owned();
    for (name, value) in [
        ("{from}", "1".to_owned()),
        ("{to}", count.to_string()),
        ("{mixed}", (mix == Mix::All).to_string()),
        ("{campaign}", people.campaign_id.to_string()),
        ("{policy}", people.policy_id.to_string()),
        ("{first_affiliate}", people.first_drained_id.to_string()),
        ("{affiliates}", DRAINED.to_string()),
        ("{media}", MEDIA.to_string()),
        ("{days}", DAYS.to_string()),
    ] {
        sql = sql.replace(name, &value);
    }
    let client = connect(&database.url).await?;
    client.batch_execute(&sql).await?;
    client
        .batch_execute(include_str!("batch_setup.sql"))
        .await?;
    // The totals that the writers of these rows would have kept.
    for statement in [
        "INSERT INTO rollup_deltas SELECT * FROM recount_rollups(NULL, NULL, NULL)",
        "DO $$ BEGIN WHILE fold_rollups(100000) > 0 LOOP END LOOP; END $$",
    ] {
        client.batch_execute(statement).await?;
    }
    // As autovacuum would have it by the time that so many jobs have gathered.
    for table in [
        "posts",
        "affiliate_reports",
        "mq_msgs",
        "rollup_deltas",
        "rollups",
    ] {
        client
            .batch_execute(&format!("VACUUM (ANALYZE) {table}"))
            .await?;
    }
    client.batch_execute("CHECKPOINT").await?;
    Ok(database)
}
