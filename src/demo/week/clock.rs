//! Moves the time of a week: the database's, this process's, and the played platforms', all three together.

use std::time::{Duration, Instant};

use anyhow::ensure;
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};

use crate::app::App;
use crate::db::queue::{self, Waiting};
use crate::domain::task;
use crate::error::Error;
use crate::model::PlatformKind;
use crate::simulator::World;

/// How long the jobs that are due after a step may take, by this machine's clock.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often it is looked whether they are done.
const POLL: Duration = Duration::from_millis(10);

/// The time of a week.
pub(super) struct WeekClock<'a> {
    app: &'a App,
    world: &'a World,
    minutes: i64,
}

impl<'a> WeekClock<'a> {
    /// Stands where everybody else's clock does.
    pub(super) const fn new(app: &'a App, world: &'a World) -> Self {
        Self {
            app,
            world,
            minutes: 0,
        }
    }

    /// How many minutes it was moved so far.
    pub(super) const fn minutes(&self) -> i64 {
        self.minutes
    }

    /// Moves on by this many minutes, and wakes whoever waits for jobs that are due then.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn advance(&mut self, minutes: i64) -> Result<(), Error> {
        let minutes = self.minutes + minutes;
        set(self.app, self.world, minutes).await?;
        self.minutes = minutes;
        for kind in PlatformKind::ALL {
            self.app.events.hint(task::reconcile_channel(*kind));
        }
        Ok(())
    }

    /// Waits until no job is due or being worked on.
    ///
    /// # Errors
    /// The database failed, or the jobs took too long.
    pub(super) async fn settled(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let unfinished = self.unfinished().await?;
            if unfinished == 0 {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{unfinished} jobs are still not done {} minutes into the week",
                self.minutes
            );
            tokio::time::sleep(POLL).await;
        }
    }

    async fn unfinished(&self) -> Result<i64, Error> {
        let mut connection = self.app.db.get().await?;
        Ok(queue::count_unfinished(&mut connection).await?)
    }

    /// How many checks of claims are still to come.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn checks_left(&self) -> Result<i64, Error> {
        let mut connection = self.app.db.get().await?;
        Ok(queue::count_named(&mut connection, task::RECONCILE).await?)
    }

    /// The checks of a platform's posts that are still to come.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn checks_on(&self, platform: PlatformKind) -> Result<Vec<Waiting>, Error> {
        let mut connection = self.app.db.get().await?;
        let channel = task::reconcile_channel(platform);
        Ok(queue::list_waiting(&mut connection, channel).await?)
    }

    /// How many jobs were given up.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn dead(&self) -> Result<usize, Error> {
        let mut connection = self.app.db.get().await?;
        Ok(queue::list_dead(&mut connection).await?.len())
    }
}

/// Sets all three clocks ahead of this machine's. The queue is locked meanwhile: a job that was taken between the one clock and
/// the other would see two times.
async fn set(app: &App, world: &World, minutes: i64) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            diesel::sql_query("LOCK TABLE mq_msgs IN EXCLUSIVE MODE")
                .execute(connection)
                .await?;
            move_database(app, minutes).await?;
            app.clock.synchronise(&app.db).await?;
            world.set_clock(minutes.saturating_mul(60_000));
            Ok(())
        })
        .await
}

/// Sets the database's clock ahead by replacing the one function that all times come from. It is a week's own database, see
/// [`super::database`].
async fn move_database(app: &App, minutes: i64) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    diesel::sql_query(moved(minutes))
        .execute(&mut connection)
        .await?;
    Ok(())
}

/// The statement that sets the clock ahead.
fn moved(minutes: i64) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION countersign_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE \
         AS $$ SELECT now() + interval '{minutes} minutes' $$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_keeps_what_the_migration_says_of_it() {
        let migration =
            include_str!("../../../migrations/2026-11-21-000100_create_clock_and_guards/up.sql");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let head = "FUNCTION countersign_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT now()";
        assert!(words(migration).contains(head));
        assert!(words(&moved(90)).contains(head));
        assert!(moved(90).contains("interval '90 minutes'"));
    }
}
