//! A database for one week: made anew in the private PostgreSQL, beside the one that everything else uses.
//!
//! A week moves the database's time. Whatever comes of it, a failure and a killed process included, no other start finds a
//! moved clock, or rows from days that have not been, since nobody else uses this database and the next week drops it.

use anyhow::{Context as _, bail, ensure};
use tokio_postgres::NoTls;

use crate::config::Config;
use crate::embedded::{EmbeddedConfig, EmbeddedPostgres};
use crate::model::Secret;

/// What the addresses of the private PostgreSQL begin with, up to the database's name.
const SERVER: &str = "postgresql:///";
/// The database of the week.
const NAME: &str = "countersign_week";

/// Starts the private PostgreSQL and points the settings at a new database in it. The server is stopped by whoever gets it.
///
/// # Errors
/// `DATABASE_URL` is set: a week moves the time of its database, which others may use. Or the private PostgreSQL cannot be
/// started, or another week is being played in it.
pub(in crate::demo) async fn open(config: &mut Config) -> anyhow::Result<EmbeddedPostgres> {
    refuse_foreign(config)?;
    let private = EmbeddedConfig {
        data_dir: config.data_dir.clone(),
    };
    let postgres = EmbeddedPostgres::start(&private).await?;
    let made = create(postgres.database_url()).await;
    match made {
        Ok(url) => {
            config.database_url = Some(Secret::new(url));
            Ok(postgres)
        }
        Err(error) => {
            postgres.stop().await?;
            Err(error)
        }
    }
}

/// The time of a database that was set from outside is not ours to move.
fn refuse_foreign(config: &Config) -> anyhow::Result<()> {
    ensure!(
        config.database_url.is_none(),
        "a week moves the time of its whole database, so it is played in the private one only: unset DATABASE_URL"
    );
    Ok(())
}

/// Drops the last week's database, makes a new one, and gives its address.
async fn create(private: &str) -> anyhow::Result<String> {
    let url = beside(private)?;
    let (client, connection) = tokio_postgres::connect(private, NoTls)
        .await
        .context("the private database")?;
    let driving = tokio::spawn(connection);
    // One statement at a time: neither can be part of a transaction.
    let made = async {
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {NAME}"))
            .await
            .context(
                "the database of the last week is still used: is another week being played?",
            )?;
        client
            .batch_execute(&format!("CREATE DATABASE {NAME}"))
            .await
            .context("no database could be made for the week")
    };
    let made = made.await;
    drop(client);
    driving.await?.context("the private database")?;
    made.map(|()| url)
}

/// The address of the week's database on the server of this one.
fn beside(private: &str) -> anyhow::Result<String> {
    let settings = private
        .strip_prefix(SERVER)
        .and_then(|rest| rest.split_once('?'));
    match settings {
        Some((_, settings)) => Ok(format!("{SERVER}{NAME}?{settings}")),
        None => bail!("the private database has an address of another form"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weeks_database_lies_on_the_same_server() {
        let private = "postgresql:///countersign?host=%2Fvar%2Frun&port=5432&user=countersign";
        assert_eq!(
            beside(private).unwrap(),
            "postgresql:///countersign_week?host=%2Fvar%2Frun&port=5432&user=countersign"
        );
        assert!(beside("postgresql://elsewhere/countersign?user=x").is_err());
        assert!(beside("postgresql:///countersign").is_err());
    }

    #[test]
    fn a_database_that_was_set_from_outside_is_refused_and_said_why() {
        let config = |url: Option<&str>| {
            let url = url.map(str::to_owned);
            Config::read(&|name| url.clone().filter(|_| name == "DATABASE_URL")).unwrap()
        };
        assert!(refuse_foreign(&config(None)).is_ok());
        let error = refuse_foreign(&config(Some("postgresql://db/x"))).unwrap_err();
        assert!(error.to_string().contains("unset DATABASE_URL"), "{error}");
    }
}
