//! Migrations, run at start by every process that may serve.
//!
//! They run under an advisory lock, so that any number of nodes may start at once: one migrates, the others wait and find
//! nothing left to do.

use diesel_async::{AsyncMigrationHarness, RunQueryDsl as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::{Pool, PoolError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// `migrate!` as a number: whoever migrates this database holds the advisory lock with this key.
const LOCK: i64 = 0x6d69_6772_6174_6521;

/// How often a node that waits for another's migrations asks for the lock.
const ASK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It could not be reached.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The lock could not be taken.
    #[error("the migration lock could not be taken: {0}")]
    Lock(#[from] diesel::result::Error),
    /// A migration failed; it left nothing behind.
    #[error("a migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
}

/// Runs what has not been run yet and says which migrations those were.
///
/// # Errors
/// See [`MigrateError`]. Each migration is one transaction, so a failed one leaves nothing behind.
pub async fn run(pool: &Pool) -> Result<Vec<String>, MigrateError> {
    change(pool, |harness| {
        let versions = harness.run_pending_migrations(MIGRATIONS)?;
        Ok(versions.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Undoes every migration, newest first.
///
/// # Errors
/// As [`run`].
pub async fn revert_all(pool: &Pool) -> Result<Vec<String>, MigrateError> {
    change(pool, |harness| {
        let versions = harness.revert_all_migrations(MIGRATIONS)?;
        Ok(versions.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Whether every migration of this program has been run.
///
/// # Errors
/// As [`run`].
pub async fn is_current(pool: &Pool) -> Result<bool, MigrateError> {
    let mut harness = AsyncMigrationHarness::new(pool.dedicated().await?);
    let pending = tokio::task::block_in_place(|| harness.has_pending_migration(MIGRATIONS))
        .map_err(MigrateError::Migration)?;
    Ok(!pending)
}

async fn try_lock(connection: &mut super::Connection) -> diesel::QueryResult<bool> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        locked: bool,
    }
    let row: Row = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS locked")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .get_result(connection)
        .await?;
    Ok(row.locked)
}

type Harness = AsyncMigrationHarness<super::Connection>;
type Outcome = diesel::migration::Result<Vec<String>>;

async fn change(
    pool: &Pool,
    work: impl FnOnce(&mut Harness) -> Outcome + Send + 'static,
) -> Result<Vec<String>, MigrateError> {
    // The lock belongs to this connection and goes with it, whatever happens.
    let mut connection = pool.dedicated().await?;
    // Asking again and again holds no snapshot while it waits: an index that is built CONCURRENTLY waits for those.
    while !try_lock(&mut connection).await? {
        tokio::time::sleep(ASK_EVERY).await;
    }
    let mut harness = AsyncMigrationHarness::new(connection);
    work(&mut harness).map_err(MigrateError::Migration)
}
