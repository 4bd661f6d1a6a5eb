//! Looking for posts among an account's own media, and asking their insights, with that account's
//! token: the configured one, or one that an affiliate linked.
//!
//! What is remembered of a linked account is kept under the account and its token, so that nobody
//! is served what another's access found, whatever account they name. A new token of the same
//! account costs one search.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::walk::{MediaIds, Place, Step, Walk};
use super::wire::{self, Media, Page, bare};
use super::{FIELDS, Results};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging::Cursor;
use crate::platform::graph::{FaultKind, Graph};
use crate::platform::registry::given;
use crate::platform::{Account, Fetched, Owner, Sighting};

/// The node that stands for whoever has the token.
pub(super) const ME: &str = "me";

/// Why a post was not found in the account's list.
#[derive(Debug)]
pub(super) enum Unfound {
    /// The list does not have it.
    Absent,
    /// The list does not go back to it, so that it may be the account's or another one's.
    Beyond(PlatformError),
    /// The list could not be read to where it had to be.
    Failed(PlatformError),
}

/// A post of the account: its shortcode, its place in the list, and its row where the list was read
/// just now.
type Listed = (String, Place, Option<Media>);

/// One account's own media.
pub(super) struct Own<'a> {
    graph: Graph,
    /// The node whose media are listed.
    node: String,
    /// The account, which is the author of whatever it lists.
    account: Option<Account>,
    ids: &'a MediaIds,
    /// What stands before this account's shortcodes in `ids`.
    shelf: String,
    /// Held while the list is read, where others may wait for the same list.
    reading: Option<&'a Mutex<()>>,
}

impl<'a> Own<'a> {
    /// The media of the configured account. `ids` are of this account alone.
    pub(super) fn configured(
        graph: Graph,
        account: &str,
        ids: &'a MediaIds,
        reading: &'a Mutex<()>,
    ) -> Self {
        Self {
            graph,
            node: account.to_owned(),
            account: is_id(account).then(|| Account {
                id: Some(account.to_owned()),
                handle: None,
            }),
            ids,
            shelf: String::new(),
            reading: Some(reading),
        }
    }

    /// The media of the account that an owner's token reads. `ids` may be of many.
    ///
    /// [`PlatformError::Refused`] where the account's id is none of Instagram.
    pub(super) fn linked(
        graph: Graph,
        owner: &Owner,
        ids: &'a MediaIds,
    ) -> Result<Self, PlatformError> {
        let id = named(owner)?;
        let handle = owner.account.handle.clone();
        let node = id.as_deref().unwrap_or(ME);
        let token = hex::encode(Sha256::digest(owner.token.expose()));
        Ok(Self {
            graph,
            node: node.to_owned(),
            shelf: format!("{node}/{token}/"),
            account: (id.is_some() || handle.is_some()).then_some(Account { id, handle }),
            ids,
            reading: None,
        })
    }

    /// Finds which of these shortcodes are the account's own, and asks insights for those. Returns
    /// the rest, with why each was not found.
    pub(super) async fn fetch(
        &self,
        mut wanted: BTreeSet<String>,
        results: &mut Results,
    ) -> BTreeMap<String, Unfound> {
        let mut own: Vec<Listed> = Vec::new();
        self.take_known(&mut wanted, &mut own);
        let mut rest = BTreeMap::new();
        let reading = match self.reading {
            Some(reading) if !wanted.is_empty() => {
                let reading = reading.lock().await;
                // Who waited finds that the others' media are known now, too.
                self.take_known(&mut wanted, &mut own);
                Some(reading)
            }
            _ => None,
        };
        if !wanted.is_empty() {
            let mut walk = Walk::new(wanted.iter().cloned());
            let error = self.walk(&mut walk).await.err();
            for code in wanted {
                match walk.found(&code) {
                    Some(media) => {
                        let place = Place::from(&media);
                        self.ids.remember(&self.key(&code), place.clone());
                        own.push((code, place, Some(media)));
                    }
                    None if walk.passed(&code) => {
                        rest.insert(code, Unfound::Absent);
                    }
                    None => {
                        let unfound = match error.clone() {
                            Some(error) => Unfound::Failed(error),
                            None if walk.ends_before(&code) => {
                                Unfound::Beyond(walk.undecided(&code))
                            }
                            None => Unfound::Failed(walk.undecided(&code)),
                        };
                        rest.insert(code, unfound);
                    }
                }
            }
        }
        drop(reading);
        self.insights(own, results).await;
        rest
    }

    /// Moves those shortcodes that were found before.
    fn take_known(&self, wanted: &mut BTreeSet<String>, own: &mut Vec<Listed>) {
        wanted.retain(|code| match self.ids.get(&self.key(code)) {
            Some(place) => {
                own.push((code.clone(), place, None));
                false
            }
            None => true,
        });
    }

    /// Walks the list until every wanted post is found or passed.
    async fn walk(&self, walk: &mut Walk) -> Result<(), PlatformError> {
        let mut cursor = Cursor::new();
        loop {
            let page = self.page(&cursor).await?;
            // Only who waits for this list looks for others in it.
            if self.reading.is_some() {
                for media in &page.media {
                    if let Some(code) = &media.code {
                        self.ids.remember(&self.key(bare(code)), Place::from(media));
                    }
                }
            }
            match walk.take(page)? {
                Step::Next(next) => cursor = next,
                Step::Done => return Ok(()),
            }
        }
    }

    /// One page of the list.
    async fn page(&self, cursor: &Cursor) -> Result<Page, PlatformError> {
        let mut query = vec![("fields", FIELDS), ("limit", "100")];
        query.extend(
            cursor
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let page = self
            .graph
            .get(&format!("{}/media", self.node), &query)
            .await?;
        wire::own_page(&page)
    }

    /// Asks the insights of posts of this account.
    async fn insights(&self, own: Vec<Listed>, results: &mut Results) {
        let paths: Vec<String> = own
            .iter()
            .map(|(_, place, _)| format!("{}/insights?metric=views", place.id))
            .collect();
        let answers = self.graph.batch(&paths).await;
        for ((code, place, media), answer) in own.into_iter().zip(answers) {
            if answer
                .as_ref()
                .is_err_and(|fault| fault.kind == FaultKind::Missing)
            {
                // Where the list was not read just now, it is read the next time, and decides.
                self.ids.forget(&self.key(&code));
            }
            let fetched = wire::own_media(&code, &place.id, media.as_ref(), answer)
                .map(|fetched| self.signed(fetched, &place));
            results.insert(code, fetched);
        }
    }

    /// The same with who posted it and when, which its place in this list says.
    fn signed(&self, fetched: Fetched, place: &Place) -> Fetched {
        match fetched {
            Fetched::Found(sighting) => Fetched::Found(Sighting {
                author: self.account.clone(),
                published_at: place.published_at,
                ..sighting
            }),
            gone @ Fetched::Gone { .. } => gone,
        }
    }

    fn key(&self, code: &str) -> String {
        format!("{}{code}", self.shelf)
    }
}

/// The id of the account that an owner named, if any.
///
/// [`PlatformError::Refused`] where it is none of Instagram: it goes into an address, so nothing else
/// than an id may pass.
pub(super) fn named(owner: &Owner) -> Result<Option<String>, PlatformError> {
    match given(owner.account.id.as_deref()) {
        Some(id) if !is_id(&id) => Err(PlatformError::refused(
            "the id of the linked account is not one of Instagram",
        )),
        id => Ok(id),
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
