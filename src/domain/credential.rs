//! An affiliate's own access to a platform: linked by the affiliate, used for its posts and nobody else's.
//!
//! A token is taken only if the platform says whose account it reads. It is kept encrypted, bound to the affiliate and the
//! platform, and shown to nobody. A token that the platform refuses later is left alone for a while, and one whose time is over
//! until the affiliate links another; its posts are then seen as anybody sees them, and the grade of the evidence says so.
//! Where this server has no access of its own, they wait.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;

use super::access::Viewer;
use super::health::{self, Permit, Seen};
use super::input::Checks;
use crate::app::App;
use crate::db::credential::{self, NewPlatformCredential, PlatformCredential};
use crate::db::post::Post;
use crate::db::{Connection, affiliate, platform_budget};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{CredentialState, PlatformKind, Secret};
pub use crate::platform::Account;
use crate::platform::{Owner, PlatformError, gated};

/// How long a token that was refused is left alone.
const TRY_AGAIN: TimeDelta = TimeDelta::hours(6);

/// The name of the budget of calls that ask whose a token is.
const LINKING: &str = "linking";

/// A token to be linked, with what the affiliate says of it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct LinkCredential {
    pub platform: PlatformKind,
    pub access_token: Secret,
    pub account_id: Option<String>,
    pub account_handle: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl LinkCredential {
    fn check(&self, now: DateTime<Utc>) -> Result<Owner, Error> {
        let mut checks = Checks::default();
        if self.platform == PlatformKind::Reddit {
            let message =
                "Reddit tells an account nothing of its posts that it does not tell everybody";
            checks.refuse(RefusalCode::Invalid, "platform", message);
        }
        let token = checks.required_text("accessToken", self.access_token.expose(), 5000);
        let id = self
            .account_id
            .as_deref()
            .map(|id| checks.required_text("accountId", id, 200));
        let handle = self
            .account_handle
            .as_deref()
            .map(|handle| checks.required_text("accountHandle", handle, 200));
        if self.expires_at.is_some_and(|at| at <= now) {
            let message = "expiresAt must lie ahead: a token that has ended reads nothing";
            checks.refuse(RefusalCode::OutOfRange, "expiresAt", message);
        }
        checks.finish()?;
        let handle = handle.map(|handle| handle.trim_start_matches('@').to_lowercase());
        Ok(Owner {
            token: Secret::new(token),
            account: Account { id, handle },
        })
    }
}

/// Links an account of the affiliate, in the place of the one that it has linked on the platform.
///
/// # Errors
/// A field is not what it must be, the platform refuses the token or says that it is another account's, or the platform
/// cannot be asked now; nothing was changed then.
pub async fn link(
    app: &App,
    viewer: &Viewer,
    input: LinkCredential,
) -> Result<PlatformCredential, Error> {
    let affiliate_id = viewer.affiliate()?;
    let now = app.clock.now();
    let mut owner = input.check(now)?;
    let kind = input.platform;
    let adapter = app
        .platforms
        .get(kind)
        .filter(|_| app.platforms.serves(kind))
        .ok_or_else(|| {
            let message = format!("{} cannot be asked at present", kind.brand());
            Refusal::field(RefusalCode::PlatformNotAvailable, "platform", message)
        })?;
    // What it shows is not enough to close a circuit: whatever token an affiliate gives is refused by a platform that works.
    let permit = health::permit(app, kind, LINKING, false).await?;
    if let Permit::Wait(_) = permit {
        let message = "this platform cannot be asked just now: try again in a moment";
        return Err(Refusal::field(RefusalCode::TryAgainLater, "platform", message).into());
    }
    let gate = health::gate(app, kind, LINKING, permit);
    let call = gated(gate, adapter.identify(&owner)).await;
    let told = call.output;
    // What is told of a limit is not kept: it is of a token that is not linked yet, and all that are to be linked share a budget.
    let seen = Seen::of([told.as_ref().err()], LINKING).by(call.requests);
    health::saw(app, kind, LINKING, permit, seen).await?;
    let told = told.map_err(|error| unidentified(kind, &owner.account, &error))?;
    check_account(&owner.account, &told)?;
    owner.account = told;
    let sealed = app
        .vault
        .seal(&place(affiliate_id, kind), &owner.token)
        .map_err(Error::internal)?;
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            // With the affiliate's row locked, two links come one after the other.
            let row = affiliate::lock(connection, &[affiliate_id]).await?.pop();
            if !row.is_some_and(|row| row.is_active) {
                let message = "your account is not active";
                return Err(Refusal::whole(RefusalCode::AffiliateInactive, message).into());
            }
            let new = NewPlatformCredential {
                affiliate_id,
                platform: kind,
                account_id: owner.account.id.as_deref(),
                account_handle: owner.account.handle.as_deref(),
                token_sealed: &sealed.bytes,
                token_key_id: &sealed.key_id,
                expires_at: input.expires_at,
            };
            Ok(
                match credential::lock_linked(connection, affiliate_id, kind).await? {
                    Some(before) if is_same(&before, &owner.account) => {
                        credential::update_token(connection, before.id, &new).await?
                    }
                    before => {
                        if let Some(before) = before {
                            forget(connection, &before, now).await?;
                        }
                        credential::insert(connection, &new).await?
                    }
                },
            )
        })
        .await
}

/// Unlinks the affiliate's account on a platform, and forgets its token. Gives the account as it was; none where there was
/// none.
///
/// # Errors
/// Nothing is linked there.
pub async fn unlink(
    app: &App,
    viewer: &Viewer,
    kind: PlatformKind,
) -> Result<PlatformCredential, Error> {
    let affiliate_id = viewer.affiliate()?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let linked = credential::lock_linked(connection, affiliate_id, kind)
                .await?
                .ok_or_else(|| {
                    let message = format!("no account on {} is linked", kind.brand());
                    Refusal::field(RefusalCode::NotFound, "platform", message)
                })?;
            forget(connection, &linked, now).await?;
            Ok(linked)
        })
        .await
}

async fn forget(
    connection: &mut Connection,
    linked: &PlatformCredential,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    credential::unlink(connection, linked.id, now).await?;
    platform_budget::forget(connection, linked.platform, &budget_of(linked.id)).await?;
    Ok(())
}

/// The accounts that affiliates have linked. Rights are the caller's to check.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App, affiliate_ids: &[i64]) -> Result<Vec<PlatformCredential>, Error> {
    Ok(credential::list_linked(&mut *app.db.get().await?, affiliate_ids).await?)
}

/// What is known of a token at a time: one past its time is EXPIRED, whatever the platform said before.
#[must_use]
pub fn state_at(credential: &PlatformCredential, now: DateTime<Utc>) -> CredentialState {
    match credential.state {
        CredentialState::Working if credential.expires_at.is_some_and(|at| at <= now) => {
            CredentialState::Expired
        }
        state => state,
    }
}

/// The account that posted a post, as the platform last said; none where it did not.
#[must_use]
pub fn author_of(post: &Post) -> Option<Account> {
    let account = Account {
        id: post.author_id.clone(),
        handle: post.author_handle.clone(),
    };
    (account != Account::default()).then_some(account)
}

/// Whether an account that posted is the linked one; none where the two cannot be compared.
#[must_use]
pub fn is_account(credential: &PlatformCredential, author: &Account) -> Option<bool> {
    compared(
        (credential.account_id.as_deref(), author.id.as_deref()),
        (
            credential.account_handle.as_deref(),
            author.handle.as_deref(),
        ),
    )
}

/// An affiliate's access as a check uses it.
#[derive(Debug, Clone)]
pub struct Linked {
    credential: PlatformCredential,
    /// For the adapter.
    pub owner: Owner,
}

impl Linked {
    /// The credential's row.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.credential.id
    }

    /// The name of its budget of calls.
    #[must_use]
    pub fn budget(&self) -> String {
        budget_of(self.credential.id)
    }
}

/// Whether a token works, as far as is known. One that was refused is tried again after a while: what was wrong may have been
/// this server's registration and not the token.
fn is_worth_asking(credential: &PlatformCredential, now: DateTime<Utc>) -> bool {
    match state_at(credential, now) {
        CredentialState::Working => true,
        CredentialState::Expired => false,
        CredentialState::Revoked | CredentialState::Insufficient => credential
            .last_used_at
            .is_none_or(|at| now - at >= TRY_AGAIN),
    }
}

/// The access that can be used now of these affiliates on a platform.
///
/// # Errors
/// The database failed. A token that cannot be decrypted is as if there were none, and logged.
pub async fn usable(
    app: &App,
    platform: PlatformKind,
    affiliate_ids: &[i64],
) -> Result<HashMap<i64, Arc<Linked>>, Error> {
    let now = app.clock.now();
    let rows = list(app, affiliate_ids).await?;
    Ok(rows
        .into_iter()
        .filter(|row| row.platform == platform && is_worth_asking(row, now))
        .filter_map(|row| match open(app, &row) {
            Ok(token) => {
                let account = Account {
                    id: row.account_id.clone(),
                    handle: row.account_handle.clone(),
                };
                let owner = Owner {
                    token: token?,
                    account,
                };
                let affiliate_id = row.affiliate_id;
                let linked = Linked {
                    credential: row,
                    owner,
                };
                Some((affiliate_id, Arc::new(linked)))
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(credential = row.id, cause, "a token cannot be read");
                None
            }
        })
        .collect())
}

/// Whether an affiliate has linked an account on a platform whose token would be asked with now.
///
/// # Errors
/// The database failed.
pub(super) async fn has_usable(
    app: &App,
    connection: &mut Connection,
    affiliate_id: i64,
    platform: PlatformKind,
) -> Result<bool, Error> {
    let now = app.clock.now();
    let refused_before = now - TRY_AGAIN;
    Ok(credential::has_usable(connection, affiliate_id, platform, now, refused_before).await?)
}

/// When these affiliates' access to a platform last ended; those whose access never did are left out.
///
/// # Errors
/// The database failed.
pub async fn access_ends(
    app: &App,
    platform: PlatformKind,
    affiliate_ids: &BTreeSet<i64>,
) -> Result<HashMap<i64, DateTime<Utc>>, Error> {
    if affiliate_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = affiliate_ids.iter().copied().collect();
    let mut connection = app.db.get().await?;
    let now = app.clock.now();
    let rows = credential::list_access_ends(&mut connection, platform, &ids, now).await?;
    let ended = rows.into_iter();
    Ok(ended.filter_map(|(id, at)| Some((id, at?))).collect())
}

/// Notes what the platform said of an affiliate's token.
///
/// # Errors
/// The database failed.
pub async fn note(app: &App, linked: &Linked, state: CredentialState) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    credential::update_state(&mut connection, &linked.credential, state, app.clock.now()).await?;
    Ok(())
}

/// Brings a token under the first encryption key; says how many were written.
///
/// # Errors
/// It cannot be decrypted, or the database failed.
pub(super) async fn reencrypt(
    app: &App,
    connection: &mut Connection,
    row: &PlatformCredential,
) -> Result<usize, Error> {
    let Some(token) = open(app, row)? else {
        return Ok(0);
    };
    let sealed = app
        .vault
        .seal(&place(row.affiliate_id, row.platform), &token)
        .map_err(Error::internal)?;
    Ok(credential::update_sealed(connection, row, &sealed.bytes, &sealed.key_id).await?)
}

fn budget_of(credential_id: i64) -> String {
    format!("credential:{credential_id}")
}

fn place(affiliate_id: i64, platform: PlatformKind) -> String {
    format!("token of affiliate {affiliate_id} on {platform}")
}

fn open(app: &App, row: &PlatformCredential) -> Result<Option<Secret>, Error> {
    row.token_sealed
        .as_deref()
        .zip(row.token_key_id.as_deref())
        .map(|(sealed, key_id)| {
            let place = place(row.affiliate_id, row.platform);
            app.vault.open(&place, key_id, sealed)
        })
        .transpose()
        .map_err(Error::internal)
}

/// Why the platform did not say whose a token is. Instagram is asked for the account that the affiliate named, where one is
/// named: what it then refuses may be for the one as for the other.
fn unidentified(kind: PlatformKind, said: &Account, error: &PlatformError) -> Error {
    let platform = kind.brand();
    let (code, field, message) = match error {
        PlatformError::Unauthorised { .. } => (
            RefusalCode::CredentialsRejected,
            "accessToken",
            format!("{platform} does not accept this token: it is wrong, revoked or past its time"),
        ),
        PlatformError::Refused { detail }
            if kind == PlatformKind::Instagram && said.id.is_some() =>
        {
            (
                RefusalCode::CredentialsRejected,
                "accountId",
                format!(
                    "{platform} does not show the account of accountId to the token of accessToken: accountId is not that \
                     account's number, or the token may not read it: {detail}"
                ),
            )
        }
        PlatformError::Refused { detail } => (
            RefusalCode::CredentialsRejected,
            "accessToken",
            format!("{platform} does not say whose account this token reads: {detail}"),
        ),
        PlatformError::RateLimited { .. } => (
            RefusalCode::TryAgainLater,
            "platform",
            format!("{platform} asks to wait: try again later"),
        ),
        PlatformError::Unreachable { .. } => (
            RefusalCode::PlatformUnreachable,
            "platform",
            format!("{platform} gave no usable answer: try again later"),
        ),
    };
    Refusal::field(code, field, message).into()
}

/// What the affiliate says of the account must be what the platform says.
fn check_account(said: &Account, told: &Account) -> Result<(), Error> {
    let mut checks = Checks::default();
    let differs = |said: &Option<String>, told: &Option<String>| match (said, told) {
        (Some(said), Some(told)) => !said.eq_ignore_ascii_case(told),
        _ => false,
    };
    if differs(&said.id, &told.id) {
        let message = "accountId is not the account that this token reads";
        checks.refuse(RefusalCode::Invalid, "accountId", message);
    }
    if differs(&said.handle, &told.handle) {
        let message = "accountHandle is not the account that this token reads";
        checks.refuse(RefusalCode::Invalid, "accountHandle", message);
    }
    if said.handle.is_some() && told.handle.is_none() {
        let message =
            "the platform does not say the handle of this token's account: leave accountHandle out";
        checks.refuse(RefusalCode::Invalid, "accountHandle", message);
    }
    checks.finish()
}

fn is_same(before: &PlatformCredential, account: &Account) -> bool {
    is_account(before, account) == Some(true)
}

/// Ids decide, since handles change; without them handles do.
fn compared(
    ids: (Option<&str>, Option<&str>),
    handles: (Option<&str>, Option<&str>),
) -> Option<bool> {
    match (ids, handles) {
        ((Some(one), Some(other)), _) => Some(one == other),
        (_, (Some(one), Some(other))) => Some(one.eq_ignore_ascii_case(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_instagram_refuses_of_a_named_account_is_said_of_both_fields() {
        let refused = PlatformError::Refused {
            detail: "error 100/33: no such object".to_owned(),
        };
        let unauthorised = PlatformError::Unauthorised {
            expired: false,
            detail: String::new(),
        };
        let named = Account {
            id: Some("1".to_owned()),
            handle: None,
        };
        let unnamed = Account::default();
        for (kind, said, error, field) in [
            (PlatformKind::Instagram, &named, &refused, "accountId"),
            (PlatformKind::Instagram, &unnamed, &refused, "accessToken"),
            (
                PlatformKind::Instagram,
                &named,
                &unauthorised,
                "accessToken",
            ),
            (PlatformKind::Meta, &named, &refused, "accessToken"),
        ] {
            let Error::Refused(refusals) = unidentified(kind, said, error) else {
                panic!("{kind} {said:?}");
            };
            assert_eq!(refusals[0].field, [field], "{kind} {said:?} {error}");
            assert_eq!(refusals[0].code, RefusalCode::CredentialsRejected);
            let message = &refusals[0].message;
            let both = message.contains("accountId") && message.contains("accessToken");
            assert_eq!(both, field == "accountId", "{message}");
        }
    }

    #[test]
    fn ids_decide_whether_two_accounts_are_one_and_handles_only_without_them() {
        let (a, b) = (Some("a"), Some("b"));
        assert_eq!(compared((a, a), (a, b)), Some(true));
        assert_eq!(compared((a, b), (a, a)), Some(false));
        assert_eq!(compared((a, None), (b, b)), Some(true));
        assert_eq!(
            compared((None, None), (Some("Ann"), Some("ann"))),
            Some(true)
        );
        assert_eq!(compared((None, b), (a, b)), Some(false));
        assert_eq!(compared((a, None), (None, b)), None);
    }
}
