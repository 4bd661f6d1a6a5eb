//! Which tokens take no proof.
//!
//! Where a secret is configured, each call proves that whoever makes it knows the secret of the app that the token is of. The
//! tokens that affiliates link may be of other apps, for which that proof is a wrong one, and a wrong proof is refused though
//! none is asked for. So a token whose proof was refused and that is answered without one is remembered by its digest, as long
//! as the process lives; forgetting it costs one call.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::model::Secret;

/// How many tokens are remembered.
const MOST: usize = 20_000;

/// Tokens that are of other apps than the one whose secret is configured.
#[derive(Debug, Default)]
pub(in crate::platform) struct Proofless {
    digests: Mutex<HashSet<[u8; 32]>>,
}

impl Proofless {
    /// Whether a token is known to take no proof.
    pub(super) fn has(&self, token: &Secret) -> bool {
        self.lock().contains(&digest(token))
    }

    /// Remembers that a token takes no proof; where there are too many, all others are forgotten.
    pub(super) fn remember(&self, token: &Secret) {
        let mut digests = self.lock();
        if digests.len() >= MOST {
            digests.clear();
        }
        digests.insert(digest(token));
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        // A panic while it was held leaves a memory that is at worst incomplete.
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}
