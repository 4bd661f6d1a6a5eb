//! Whether a sign-in still holds, so that revoking a key, ending a sign-in and deactivating an affiliate take effect on
//! access tokens that are out.
//!
//! What the database says is remembered for a second: many requests with one token ask it once a second. What is ended by
//! this process is ended here at once, what is ended by another within that second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::db::{Pool, user};
use crate::error::Error;

/// How long an answer is remembered.
const FRESH: Duration = Duration::from_secs(1);
/// Most answers that are remembered.
const MOST: usize = 50_000;

/// What is known of sign-ins. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct SignIns {
    known: Arc<Mutex<HashMap<Uuid, (Instant, bool)>>>,
}

impl SignIns {
    /// Whether a sign-in has ended.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn has_ended(&self, db: &Pool, sign_in: Uuid) -> Result<bool, Error> {
        if let Some((asked, ended)) = self.lock().get(&sign_in).copied()
            && asked.elapsed() < FRESH
        {
            return Ok(ended);
        }
        let asked = Instant::now();
        let ended = user::is_revoked(&mut *db.get().await?, sign_in).await?;
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, (asked, _)| asked.elapsed() < FRESH);
        }
        if known.len() < MOST {
            known.insert(sign_in, (asked, ended));
        }
        Ok(ended)
    }

    /// Forgets what is known, because this process has just ended sign-ins.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, (Instant, bool)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
