//! Looking for posts among an account's own media, and asking their insights, with that account's
//! token: the configured one, or one that an affiliate linked.
//!
//! What is remembered of a linked account is kept under the account and its token, so that nobody
//! is served what another's access found, whatever account they name. A new token of the same
//! account costs one search.
//!
//! Where a media was is no proof that it is there. Its insights are, where they are told; where they are
//! refused, the list is read in the same call, once for all such posts, unless it was just now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::walk::{MediaIds, Place, Step, Walk};
use super::wire::{self, Media, Page, bare};
use super::{FIELDS, Results};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging::Cursor;
use crate::platform::graph::{Fault, FaultKind, Graph};
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

/// A post that was found in the list before, and whose insights are not told.
struct Doubtful {
    /// The media's id.
    id: String,
    /// What the insights said.
    fault: Fault,
}

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
        let mut rest = self.look_for(wanted, &mut own).await;
        let doubtful = self.insights(own, results).await;
        rest.extend(self.look_again(doubtful, results).await);
        rest
    }

    /// Looks for these shortcodes in the list. Adds those that it has, and returns the rest.
    async fn look_for(
        &self,
        mut wanted: BTreeSet<String>,
        own: &mut Vec<Listed>,
    ) -> BTreeMap<String, Unfound> {
        let mut rest = BTreeMap::new();
        let reading = match self.reading {
            Some(reading) if !wanted.is_empty() => {
                let reading = reading.lock().await;
                // Who waited finds that the others' media are known now, too.
                self.take_known(&mut wanted, own);
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
        rest
    }

    /// Looks in the list for posts that were found in it before and whose insights are not told now. That
    /// they are not does not say whether the post is there: the list does. Returns those that it does not
    /// have any more.
    async fn look_again(
        &self,
        mut doubtful: BTreeMap<String, Doubtful>,
        results: &mut Results,
    ) -> BTreeMap<String, Unfound> {
        let wanted = doubtful.keys().cloned().collect();
        let mut listed = Vec::new();
        let mut rest = self.look_for(wanted, &mut listed).await;
        for (code, place, media) in listed {
            if let Some(Doubtful { fault, .. }) = doubtful.remove(&code) {
                let fetched = self.told(&code, &place, media.as_ref(), Err(fault));
                results.insert(code, fetched);
            }
        }
        for (code, Doubtful { id, fault }) in doubtful {
            // Where the list is refused, too, there is what the insights said, and nothing that shows the post.
            if let Some(Unfound::Beyond(error) | Unfound::Failed(error)) = rest.get(&code)
                && matches!(error, PlatformError::Refused { .. })
            {
                let fetched = wire::own_media(&code, &id, None, Err(fault));
                results.insert(code.clone(), fetched.or(Err(error.clone())));
                rest.remove(&code);
            }
        }
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

    /// Asks the insights of posts of this account. Returns those of which it is not known whether they are
    /// in the list still.
    async fn insights(
        &self,
        own: Vec<Listed>,
        results: &mut Results,
    ) -> BTreeMap<String, Doubtful> {
        let paths: Vec<String> = own
            .iter()
            .map(|(_, place, _)| format!("{}/insights?metric=views", place.id))
            .collect();
        let answers = self.graph.batch(&paths).await;
        let mut doubtful = BTreeMap::new();
        for ((code, place, media), answer) in own.into_iter().zip(answers) {
            match answer {
                Err(fault) if media.is_none() && is_in_doubt(&fault, &place) => {
                    self.ids.forget(&self.key(&code));
                    doubtful.insert(
                        code,
                        Doubtful {
                            id: place.id,
                            fault,
                        },
                    );
                }
                answer => {
                    let fetched = self.told(&code, &place, media.as_ref(), answer);
                    results.insert(code, fetched);
                }
            }
        }
        doubtful
    }

    /// What is told of a post that the list has.
    fn told(
        &self,
        code: &str,
        place: &Place,
        media: Option<&Media>,
        answer: Result<Value, Fault>,
    ) -> Result<Fetched, PlatformError> {
        wire::own_media(code, &place.id, media, answer).map(|fetched| self.signed(fetched, place))
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

/// Whether an error, rather than saying that the call failed, leaves it open whether the media is where the list had it. One
/// that may be said of any media says nothing against a list that was read just now.
fn is_in_doubt(fault: &Fault, place: &Place) -> bool {
    match fault.kind {
        FaultKind::Missing => true,
        FaultKind::Permission | FaultKind::BadMetric | FaultKind::Parameter => !place.is_fresh(),
        _ => false,
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
