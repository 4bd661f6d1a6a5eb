//! With whose access a link is asked for that does not hold the id of its post: its affiliate's where only the account's own
//! list tells which post it is, and this server's.
//!
//! As with posts, a platform that only does not answer is asked again later, and where this server has no access of its own a
//! link that takes a token waits for an affiliate's that holds.

use super::access::{is_passing, note, worthless};
use crate::app::App;
use crate::domain::credential::Linked;
use crate::platform::link::{LinkTarget, PostLink};
use crate::platform::{Fetched, PlatformError, Resolved};

/// Who is asked, one after the other, for the post behind a link; none inside is this server's own access, if any.
///
/// Only a list of a page's own posts tells which post a permalink is, so the affiliate comes first there. To open a short
/// link takes no token; only where it leads to a permalink the affiliate's is asked for after all.
#[must_use]
pub fn link_askers<'a>(
    link: &PostLink,
    linked: Option<&'a Linked>,
    has_own_access: bool,
) -> Vec<Option<&'a Linked>> {
    let linked = linked.filter(|_| link.may_need_access()).map(Some);
    if link.target == LinkTarget::Permalink {
        let own = has_own_access.then_some(None);
        linked.into_iter().chain(own).collect()
    } else {
        std::iter::once(None).chain(linked).collect()
    }
}

/// What those who were asked for the post behind a link have said so far.
#[derive(Debug)]
pub struct LinkAnswers {
    has_own_access: bool,
    /// What came of asking the affiliate's access.
    of_owner: Option<Result<Resolved, PlatformError>>,
    /// What came of asking without it.
    own: Option<Result<Resolved, PlatformError>>,
}

impl LinkAnswers {
    /// Nobody was asked yet.
    #[must_use]
    pub const fn new(has_own_access: bool) -> Self {
        Self {
            has_own_access,
            of_owner: None,
            own: None,
        }
    }

    /// Takes in an answer, of the affiliate's access or without it. Says whether there is no need to ask further.
    #[must_use]
    pub fn take(&mut self, is_owners: bool, answer: Result<Resolved, PlatformError>) -> bool {
        let is_last = match &answer {
            Ok(Resolved::Post(_)) => true,
            // What the affiliate's access does not find, this server's may.
            Ok(Resolved::Gone { .. } | Resolved::NotAPost { .. }) => !is_owners,
            Err(error) => is_passing(error),
        };
        let place = if is_owners {
            &mut self.of_owner
        } else {
            &mut self.own
        };
        *place = Some(answer);
        is_last
    }

    /// What there is to say of the link in the end; nothing where it waits for access, which nobody has now.
    #[must_use]
    pub fn in_the_end(self) -> Option<Result<Resolved, PlatformError>> {
        let (mut told, mut passing, mut owners_refusal, mut own_refusal) = (None, None, None, None);
        for (is_owners, answer) in [(true, self.of_owner), (false, self.own)] {
            match answer {
                Some(Ok(Resolved::Post(post))) => return Some(Ok(Resolved::Post(post))),
                Some(Ok(resolved)) => told = told.or(Some(resolved)),
                Some(Err(error)) if is_passing(&error) => passing = Some(error),
                Some(Err(error)) if is_owners => owners_refusal = Some(error),
                Some(Err(error)) => own_refusal = Some(error),
                None => {}
            }
        }
        if let Some(error) = passing {
            return Some(Err(error));
        }
        if let Some(resolved) = told {
            return Some(Ok(resolved));
        }
        if self.has_own_access {
            return own_refusal.or(owners_refusal).map(Err);
        }
        // A token that holds was refused this link, which is an answer.
        owners_refusal
            .filter(|error| matches!(error, PlatformError::Refused { .. }))
            .map(Err)
    }
}

/// What is known of a post whose link leads to none, for this reason: one that the platform no longer knows is gone with its
/// post. One that leads to something else does not show that there ever was a post, so nothing is told of it.
#[must_use]
pub fn leads_to_none(link: &PostLink, is_gone: bool, reason: String) -> Fetched {
    let raw = serde_json::json!({ "link": link.canonical_url });
    if is_gone {
        return Fetched::Gone { reason, raw };
    }
    Fetched::untold(&reason, raw)
}

/// Notes what the answer to a link says of an affiliate's token. A link that is not found, or refused, may be another page's.
pub async fn note_link(app: &App, linked: &Linked, error: Option<&PlatformError>) {
    if let Some(state) = error.and_then(worthless) {
        note(app, linked, state).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Observed;

    fn unauthorised() -> PlatformError {
        PlatformError::Unauthorised {
            detail: String::new(),
            expired: false,
        }
    }

    fn refused() -> PlatformError {
        PlatformError::Refused {
            detail: String::new(),
        }
    }

    fn unreachable() -> PlatformError {
        PlatformError::Unreachable {
            retry_after: None,
            detail: String::new(),
        }
    }

    fn link(url: &str) -> PostLink {
        PostLink::parse(url).unwrap()
    }

    fn post() -> Resolved {
        Resolved::Post(link("https://www.facebook.com/500/posts/7"))
    }

    fn nowhere() -> Resolved {
        Resolved::Gone {
            reason: "gone".to_owned(),
        }
    }

    #[test]
    fn only_links_that_may_take_a_token_are_asked_for_with_one() {
        let askers =
            |url: &str, has_own_access| link_askers(&link(url), None, has_own_access).len();
        let permalink = "https://www.facebook.com/some.page/posts/pfbid02abc";
        assert_eq!((askers(permalink, true), askers(permalink, false)), (1, 0));
        for url in [
            "https://t.co/AbCd12",
            "https://www.facebook.com/share/p/AbCd12/",
        ] {
            assert_eq!((askers(url, true), askers(url, false)), (1, 1), "{url}");
        }
    }

    /// What comes of these answers in the end, as words, and how many of them were needed.
    fn in_the_end(
        has_own_access: bool,
        said: Vec<(bool, Result<Resolved, PlatformError>)>,
    ) -> (String, usize) {
        let mut answers = LinkAnswers::new(has_own_access);
        let mut asked = 0;
        for (is_owners, answer) in said {
            asked += 1;
            if answers.take(is_owners, answer) {
                break;
            }
        }
        let told = match answers.in_the_end() {
            None => "waits".to_owned(),
            Some(Ok(Resolved::Post(_))) => "post".to_owned(),
            Some(Ok(_)) => "gone".to_owned(),
            Some(Err(error)) => error.to_string(),
        };
        (told, asked)
    }

    #[test]
    fn what_the_affiliates_access_does_not_find_this_servers_may() {
        let of = |said| in_the_end(true, said);
        for (said, told, asked) in [
            (vec![(true, Ok(post())), (false, Err(refused()))], "post", 1),
            (vec![(true, Err(refused())), (false, Ok(post()))], "post", 2),
            (vec![(true, Ok(nowhere())), (false, Ok(post()))], "post", 2),
            (
                vec![(true, Ok(nowhere())), (false, Err(refused()))],
                "gone",
                2,
            ),
            (
                vec![(true, Err(unreachable())), (false, Ok(post()))],
                "unreachable: ",
                1,
            ),
            // A short link that is not there is not asked for again.
            (vec![(false, Ok(nowhere())), (true, Ok(post()))], "gone", 1),
            (vec![(false, Err(refused())), (true, Ok(post()))], "post", 2),
            (
                vec![(true, Err(refused())), (false, Err(unauthorised()))],
                "not authorised: ",
                2,
            ),
            (
                vec![(false, Err(refused())), (true, Err(unauthorised()))],
                "refused: ",
                2,
            ),
        ] {
            assert_eq!(of(said), (told.to_owned(), asked));
        }
    }

    #[test]
    fn only_a_link_that_the_platform_no_longer_knows_is_a_post_that_is_gone() {
        let link = link("https://t.co/AbCd12");
        let raw = serde_json::json!({ "link": "https://t.co/AbCd12" });
        let reason = || "This link leads to example.com.".to_owned();
        let gone = Fetched::Gone {
            reason: reason(),
            raw: raw.clone(),
        };
        assert_eq!(leads_to_none(&link, true, reason()), gone);
        match leads_to_none(&link, false, reason()) {
            Fetched::Found(sighting) => {
                for (metric, observed) in sighting.metrics.iter() {
                    let expected = Observed::Unavailable { reason: reason() };
                    assert_eq!(*observed, expected, "{metric:?}");
                }
                assert_eq!(sighting.raw, raw);
                // Nothing of it shows a post, which would otherwise be tracked again.
                assert_eq!((sighting.author, sighting.published_at), (None, None));
            }
            Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
        }
    }

    #[test]
    fn without_access_of_this_servers_own_a_link_waits_for_a_token_that_holds() {
        let of = |said| in_the_end(false, said).0;
        assert_eq!(of(vec![]), "waits");
        assert_eq!(of(vec![(true, Err(unauthorised()))]), "waits");
        assert_eq!(of(vec![(false, Err(refused()))]), "waits");
        let lost = vec![(false, Err(refused())), (true, Err(unauthorised()))];
        assert_eq!(of(lost), "waits");
        assert_eq!(of(vec![(true, Err(refused()))]), "refused: ");
        assert_eq!(of(vec![(true, Ok(post()))]), "post");
        assert_eq!(of(vec![(false, Ok(nowhere()))]), "gone");
    }
}
