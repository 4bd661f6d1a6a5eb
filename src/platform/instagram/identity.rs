//! Whose account a token reads.
//!
//! A token of Instagram Login is of one account, which is `me`. A token of Facebook Login is of a
//! person, who reads whatever accounts are connected to that person's pages: it says whose account
//! it is where there is just one. Where the affiliate names one, it is asked for by its id, which
//! the API answers to nobody but those who may read the account as its owner does.

use serde_json::Value;

use super::own::{ME, named};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging::{self, Cursor};
use crate::platform::graph::{Fault, Graph};
use crate::platform::lenient::{handle, text};
use crate::platform::{Account, Owner, nameless};

/// What is asked of a named account. Only accounts of Instagram have a count of media: a page has an
/// id and a name, too, and anybody may read those.
const NAMED_FIELDS: &str = "id,username,media_count";

/// What is asked of each page of a person.
const PAGE_FIELDS: &str = "instagram_business_account{id,username}";

/// How many parts of the list of a person's pages are read at most.
const MOST_PARTS: usize = 20;

const NONE: &str = "this token reads no account of Instagram by itself: give the accountId of the \
                    professional account that it is for";
const SEVERAL: &str = "this token reads more than one account of Instagram: give the accountId of \
                       the one that it is for";

/// The account that an owner's token reads.
///
/// [`PlatformError::Refused`] where the token does not read the account that the owner named, and
/// where no account is named and the token reads none or several.
pub(super) async fn account(graph: &Graph, owner: &Owner) -> Result<Account, PlatformError> {
    let named = named(owner)?;
    if graph.is_of_instagram_login() {
        let me = graph.get(ME, &[("fields", "user_id,username")]).await?;
        return of_me(&me);
    }
    match named {
        Some(id) => {
            let answer = graph.get(&id, &[("fields", NAMED_FIELDS)]).await?;
            read(&answer, &["id"])
        }
        None => only_one(graph).await,
    }
}

/// Reads `me` of Instagram Login: the account itself, or, as documented, in a list of one.
fn of_me(answer: &Value) -> Result<Account, PlatformError> {
    let me = answer.pointer("/data/0").unwrap_or(answer);
    // `id` is another one for each app; only where there is no other does it have to do.
    read(me, &["user_id", "id"])
}

/// The one account that is connected to a page of the token's person.
async fn only_one(graph: &Graph) -> Result<Account, PlatformError> {
    let mut found: Option<Account> = None;
    let mut cursor = Cursor::new();
    for _ in 0..MOST_PARTS {
        let part = pages(graph, &cursor).await?;
        for page in paging::rows(&part)? {
            let connected = page.get("instagram_business_account");
            let Some(connected) = connected.filter(|account| account.is_object()) else {
                continue;
            };
            let account = read(connected, &["id"])?;
            if found.as_ref().is_some_and(|first| first.id != account.id) {
                return Err(PlatformError::refused(SEVERAL));
            }
            found = Some(account);
        }
        match paging::next(&part)? {
            Some(next) if next != cursor => cursor = next,
            Some(_) => break,
            None => return found.ok_or_else(|| PlatformError::refused(NONE)),
        }
    }
    Err(PlatformError::unreachable(
        "the list of a person's pages does not come to an end",
    ))
}

/// One part of the list of the pages that the token's person has a role on.
async fn pages(graph: &Graph, cursor: &Cursor) -> Result<Value, Fault> {
    let mut query = vec![("fields", PAGE_FIELDS), ("limit", "100")];
    query.extend(
        cursor
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    graph.get("me/accounts", &query).await
}

/// Reads an account, whose id is in the first of these fields that has one.
fn read(account: &Value, ids: &[&str]) -> Result<Account, PlatformError> {
    let id = ids
        .iter()
        .find_map(|field| text(account.get(*field)))
        .ok_or_else(nameless)?;
    Ok(Account {
        id: Some(id),
        handle: handle(account.get("username")),
    })
}
