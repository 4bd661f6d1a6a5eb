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

type Harness = AsyncMigrationHarness<super::Connection>;
type Outcome = diesel::migration::Result<Vec<String>>;

async fn change(
    pool: &Pool,
    work: impl FnOnce(&mut Harness) -> Outcome + Send + 'static,
) -> Result<Vec<String>, MigrateError> {
    // The lock belongs to this connection and goes with it, whatever happens.
    let mut connection = pool.dedicated().await?;
    diesel::sql_query("SELECT pg_advisory_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .execute(&mut connection)
        .await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    work(&mut harness).map_err(MigrateError::Migration)
}
