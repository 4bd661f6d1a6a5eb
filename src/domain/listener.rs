//! Waits for news of alert events: a connection of its own that PostgreSQL notifies. A notification is a hint and may be
//! lost, so whoever waits looks at the table from time to time without.

use std::time::Duration;

use diesel_async::RunQueryDsl as _;
use futures_util::StreamExt as _;

use crate::app::App;
use crate::db::Connection;
use crate::db::queue::ALERT_EVENTS_CHANNEL;
use crate::error::Error;

/// Is told of alert events.
pub(super) struct Listener {
    connection: Connection,
}

impl Listener {
    /// Begins to listen. Events that were committed before must be looked for after this.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn open(app: &App) -> Result<Self, Error> {
        let mut connection = app.db.dedicated().await?;
        diesel::sql_query(format!("LISTEN {ALERT_EVENTS_CHANNEL}"))
            .execute(&mut connection)
            .await?;
        Ok(Self { connection })
    }

    /// Waits for a notification, for so long at most.
    ///
    /// # Errors
    /// The connection broke: open another one.
    pub(super) async fn wait(&mut self, at_most: Duration) -> Result<(), Error> {
        let mut notified = std::pin::pin!(self.connection.notifications_stream());
        match tokio::time::timeout(at_most, notified.next()).await {
            Ok(Some(Ok(_))) | Err(_) => Ok(()),
            Ok(Some(Err(error))) => Err(error.into()),
            Ok(None) => Err(Error::Unavailable("the listening connection ended".into())),
        }
    }
}
