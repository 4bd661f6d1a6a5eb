//! What becomes of a member whose command was given up: it is told so for as long as its interaction can be answered, and
//! whatever was taken stands.
//!
//! A job that ran out of attempts, or whose payload cannot be read, is followed by one that only tells the member
//! ([`tell_failure`]). That one fails like any other, and given up itself it is followed by none.

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::talk::{self, Message, TOKEN_LIFE};
use super::{act, queued, words};
use crate::app::App;
use crate::db::Connection;
use crate::db::discord_interaction::{self, DiscordInteraction};
use crate::db::queue::{self, Exhausted, NewJob};
use crate::domain::task;
use crate::error::Error;

/// Tells a member that its command was not done to its end, as the queued job does.
///
/// # Errors
/// The database failed; the job is tried again.
pub async fn tell_failure(app: &App, interaction_id: &str, job_id: Uuid) -> Result<(), Error> {
    let Some(interaction) = talk::find(app, interaction_id)
        .await?
        .filter(|interaction| interaction.token_sealed.is_some())
    else {
        return talk::finish(app, job_id).await;
    };
    let text = text(app, &interaction).await;
    let said = talk::say(app, &interaction, Message::Answer(&text)).await;
    talk::end(app, interaction_id, job_id, &said).await
}

/// What there is to say. It takes the place of what was said before, so it names the claim again, unless that cannot be read
/// either.
async fn text(app: &App, interaction: &DiscordInteraction) -> String {
    let Some(affiliate_report_id) = interaction.affiliate_report_id else {
        return words::FAILED.to_owned();
    };
    match untold(app, affiliate_report_id).await {
        Ok(text) => text,
        Err(error) => {
            tracing::debug!(interaction = interaction.id, %error, "a claim was not read to be told");
            words::FAILED.to_owned()
        }
    }
}

async fn untold(app: &App, affiliate_report_id: i64) -> Result<String, Error> {
    let (post, report) = act::claim(app, affiliate_report_id).await?;
    let name = act::affiliate_name(app, &post).await?;
    Ok(words::acting_as(
        &name,
        &words::verdict_untold(&post, &report),
    ))
}

/// Gives up a job whose payload cannot be read, and queues what tells whoever waits for it.
///
/// # Errors
/// The database failed; the job comes back with its lease.
pub async fn give_up(app: &App, job_id: Uuid, name: &str, why: &str) -> Result<(), Error> {
    let dead = [Exhausted {
        id: job_id,
        name: name.to_owned(),
        payload_json: None,
    }];
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let follows = connection
        .transaction::<_, Error, _>(async |connection| {
            queue::bury(connection, job_id, why).await?;
            requeue_dead(connection, &dead, now).await
        })
        .await?;
    drop(connection);
    if follows {
        app.events.hint(task::DISCORD);
    }
    Ok(())
}

/// Queues what tells the members whose jobs are dead, and says whether there are any. Of a job whose payload cannot be read
/// the member is whoever waits for an answer that no job is about.
///
/// # Errors
/// The database failed.
pub async fn requeue_dead(
    connection: &mut Connection,
    dead: &[Exhausted],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let ours = |job: &&Exhausted| {
        matches!(
            job.name.as_str(),
            task::ANSWER_INTERACTION | task::TELL_VERDICT
        )
    };
    let mut named = Vec::new();
    let mut is_one_unread = false;
    for job in dead.iter().filter(ours) {
        match read(job) {
            Some(payload) if payload.has_failed => {
                let interaction = payload.interaction_id;
                tracing::error!(interaction, "a member was not told that its command failed");
            }
            Some(payload) => named.push(payload.interaction_id),
            None => is_one_unread = true,
        }
    }
    let since = now - TOKEN_LIFE;
    let mut waiting = discord_interaction::list_answerable(connection, &named, since).await?;
    if is_one_unread {
        waiting
            .extend(discord_interaction::list_unattended(connection, since, task::DISCORD).await?);
    }
    waiting.sort_unstable();
    waiting.dedup();
    let mut jobs: Vec<NewJob> = Vec::with_capacity(waiting.len());
    for interaction_id in waiting {
        tracing::error!(
            interaction = interaction_id,
            "a command of Discord was not done to its end; its member is told"
        );
        let payload = task::Interaction {
            interaction_id,
            has_failed: true,
        };
        jobs.push(queued(task::ANSWER_INTERACTION, &payload, now)?);
    }
    if jobs.is_empty() {
        return Ok(false);
    }
    queue::insert(connection, &jobs).await?;
    Ok(true)
}

fn read(job: &Exhausted) -> Option<task::Interaction> {
    serde_json::from_str(job.payload_json.as_deref()?).ok()
}
