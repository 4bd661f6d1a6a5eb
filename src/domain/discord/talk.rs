//! The jobs that answer: what was asked for is done and told, and the first verdict on a claim follows.
//!
//! Both wait, without losing an attempt, where Discord asks to or does not answer, for as long as the interaction's token
//! lives, and for a minute where Discord does not know the interaction: it may not have read yet that an answer follows. A
//! worker that dies between telling and noting that it did tells again: an answer is put in the same place, a verdict may
//! come twice.

use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::{act, job, open_token, words};
use crate::app::App;
use crate::db::discord_interaction::{self, DiscordInteraction};
use crate::db::queue;
use crate::domain::{read, task};
use crate::error::Error;
use crate::platform::{Advice, Conversation, Discord, DiscordPace};

/// How long Discord lets a token answer.
pub(super) const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a verdict is waited for: a minute is left to say that there is none.
const PATIENCE: TimeDelta = TimeDelta::minutes(14);
/// For how long after an interaction it may be unknown to Discord because it has not read yet that an answer was promised.
const SETTLING: TimeDelta = TimeDelta::minutes(1);
/// The shortest wait that Discord is taken to ask for, in seconds.
const SHORTEST_WAIT: f64 = 0.1;

/// What is to be said.
#[derive(Clone, Copy)]
pub(super) enum Message<'a> {
    /// In the place of the answer that was promised.
    Answer(&'a str),
    /// As one more message.
    FollowUp(&'a str),
}

/// Whether it was said.
pub(super) enum Said {
    Yes,
    /// And it cannot be any more.
    No,
    /// It is to be said again after so many seconds.
    Later(f64),
}

/// Does what a member asked for and tells what came of it, as the queued job does. Where a claim was made, the job that
/// tells its verdict is queued in the transaction that finishes this one.
///
/// # Errors
/// The database failed; the job is tried again.
pub async fn answer(app: &App, interaction_id: &str, job_id: Uuid) -> Result<(), Error> {
    let Some(interaction) = find(app, interaction_id)
        .await?
        .filter(|interaction| interaction.answered_at.is_none())
    else {
        return finish(app, job_id).await;
    };
    let done = act::act(app, &interaction).await?;
    let follows = match say(app, &interaction, Message::Answer(&done.text)).await {
        Said::Later(seconds) => return snooze(app, job_id, seconds).await,
        Said::Yes => done.affiliate_report_id.is_some(),
        Said::No => false,
    };
    let now = app.clock.now();
    let next = [job(task::TELL_VERDICT, interaction_id, now)?];
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job_id]).await?.is_empty() {
                return Ok(());
            }
            discord_interaction::update_answered(connection, interaction_id, now).await?;
            if follows {
                queue::insert(connection, &next).await?;
            } else {
                discord_interaction::erase_token(connection, interaction_id).await?;
            }
            Ok(())
        })
        .await?;
    if follows {
        app.events.hint(task::DISCORD);
    }
    Ok(())
}

/// Tells the first verdict on the claim that an interaction made, as the queued job does, or waits for it; near the end of
/// the token's life it tells that there is none yet.
///
/// # Errors
/// The database failed; the job is tried again.
pub async fn tell(app: &App, interaction_id: &str, job_id: Uuid) -> Result<(), Error> {
    let Some(interaction) = find(app, interaction_id)
        .await?
        .filter(|interaction| interaction.token_sealed.is_some())
    else {
        return finish(app, job_id).await;
    };
    let report_id = interaction
        .affiliate_report_id
        .ok_or_else(|| Error::internal("an interaction without a claim has no verdict"))?;
    let verdict = read::latest_reconciliations_by_report(app, &[report_id])
        .await?
        .pop();
    let elapsed = elapsed(app, &interaction);
    let said = match verdict {
        Some(verdict) => {
            let (post, _) = act::claim(app, report_id).await?;
            let text = words::verdict(&post, &verdict);
            say(app, &interaction, Message::FollowUp(&text)).await
        }
        None if elapsed < PATIENCE => {
            let left = seconds(PATIENCE - elapsed).max(SHORTEST_WAIT);
            Said::Later(pause(pace(app), elapsed).min(left))
        }
        None => {
            let (post, report) = act::claim(app, report_id).await?;
            let name = act::affiliate_name(app, &post).await?;
            let text = words::acting_as(&name, &words::no_verdict_yet(&post, &report));
            say(app, &interaction, Message::Answer(&text)).await
        }
    };
    end(app, interaction_id, job_id, &said).await
}

/// Finishes the job after which there is no more to say, or lets it wait until that can be said.
pub(super) async fn end(
    app: &App,
    interaction_id: &str,
    job_id: Uuid,
    said: &Said,
) -> Result<(), Error> {
    if let Said::Later(seconds) = said {
        return snooze(app, job_id, *seconds).await;
    }
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if !queue::finish(connection, &[job_id]).await?.is_empty() {
                discord_interaction::erase_token(connection, interaction_id).await?;
            }
            Ok(())
        })
        .await
}

pub(super) async fn find(
    app: &App,
    interaction_id: &str,
) -> Result<Option<DiscordInteraction>, Error> {
    Ok(discord_interaction::find(&mut *app.db.get().await?, interaction_id).await?)
}

pub(super) async fn finish(app: &App, job_id: Uuid) -> Result<(), Error> {
    queue::finish(&mut *app.db.get().await?, &[job_id]).await?;
    Ok(())
}

async fn snooze(app: &App, job_id: Uuid, seconds: f64) -> Result<(), Error> {
    queue::snooze(&mut *app.db.get().await?, &[job_id], seconds).await?;
    // Whoever takes jobs sleeps until the one that it knows of is due: it is told of this time, too.
    app.events.hint(task::DISCORD);
    Ok(())
}

/// Says something, if the token still lives.
pub(super) async fn say(app: &App, interaction: &DiscordInteraction, message: Message<'_>) -> Said {
    let elapsed = elapsed(app, interaction);
    let Some(discord) = app.discord.as_deref().filter(|_| elapsed < TOKEN_LIFE) else {
        tracing::info!(
            interaction = interaction.id,
            "an answer came too late to be told"
        );
        return Said::No;
    };
    let token = match open_token(app, interaction) {
        Ok(Some(token)) => token,
        Ok(None) => return Said::No,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(
                interaction = interaction.id,
                cause,
                "an answer cannot be told"
            );
            return Said::No;
        }
    };
    let conversation = Conversation {
        application_id: interaction.application_id.clone(),
        token,
    };
    let sent = match message {
        Message::Answer(text) => discord.edit_answer(&conversation, text).await,
        Message::FollowUp(text) => discord.follow_up(&conversation, text).await,
    };
    let Err(unsaid) = sent else {
        return Said::Yes;
    };
    let error = unsaid.error;
    if unsaid.is_unknown && elapsed < SETTLING {
        tracing::debug!(interaction = interaction.id, %error, "Discord is told again");
        return Said::Later(pause(discord.pace(), elapsed));
    }
    match error.advice() {
        Advice::Snooze(wait) => Said::Later(wait.map_or_else(
            || pause(discord.pace(), elapsed),
            |wait| wait.as_secs_f64().max(SHORTEST_WAIT),
        )),
        Advice::Retry => {
            tracing::warn!(interaction = interaction.id, %error, "Discord is told again");
            // A server error may ask for a wait as well.
            let asked = error.retry_after().unwrap_or_default();
            Said::Later(pause(discord.pace(), elapsed).max(asked.as_secs_f64()))
        }
        Advice::GiveUp => {
            tracing::info!(interaction = interaction.id, %error, "Discord takes no answer");
            Said::No
        }
    }
}

/// How long ago Discord signed the interaction.
fn elapsed(app: &App, interaction: &DiscordInteraction) -> TimeDelta {
    app.clock.now() - interaction.asked_at
}

/// How long Discord is given.
fn pace(app: &App) -> DiscordPace {
    app.discord
        .as_deref()
        .map(Discord::pace)
        .unwrap_or_default()
}

/// How long to wait until the next look, in seconds: half of what has passed.
pub(super) fn pause(pace: DiscordPace, elapsed: TimeDelta) -> f64 {
    let shortest = pace.shortest_pause.as_secs_f64();
    let longest = pace.longest_pause.as_secs_f64().max(shortest);
    (seconds(elapsed) / 2.0).clamp(shortest, longest)
}

/// A time that has passed, in seconds; 0 where Discord's clock is ahead.
fn seconds(elapsed: TimeDelta) -> f64 {
    elapsed.to_std().unwrap_or_default().as_secs_f64()
}
