//! With whose access a post is asked for: its affiliate's own first, then this server's.
//!
//! The owner's figures are the stronger evidence. Where the affiliate's token does not hold any more, or its account does
//! not have the post, the post is seen as this server sees it, and the grade of what is seen says so. A platform that only
//! does not answer is no reason to look for weaker evidence: it is asked again later. Where this server has no access of
//! its own to a platform, a post whose affiliate's token does not hold waits for another one: for a day, since whoever takes
//! its token away would otherwise never be judged. Then that nobody has access is what is known of the post. Nor does a check
//! wait for longer than a day until the platform lets the token be used again, since its affiliate may be who uses it up: it
//! is made without it then.

use crate::app::App;
use crate::domain::credential::{self, Linked};
use crate::model::{CredentialState, PlatformKind};
use crate::platform::{Fetched, PlatformError};

/// What came of asking for one post with its affiliate's access.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnersAnswer {
    /// There is no need to ask further.
    Told(Result<Fetched, PlatformError>),
    /// This server's own access is to be asked. What the owner's was told is kept, should that say no more.
    Fallback(Option<Fetched>),
    /// Nobody else can be asked, and the token does not hold: the post waits for another one.
    Wait,
}

/// Notes what the platform's answers to an affiliate's token say of it, which took so many requests. Answers that took none are
/// not the platform's.
pub async fn note_token(
    app: &App,
    linked: &Linked,
    requests: u32,
    answers: &[Result<Fetched, PlatformError>],
) {
    if let Some(state) = learnt(requests, answers) {
        note(app, linked, state).await;
    }
}

pub(super) async fn note(app: &App, linked: &Linked, state: CredentialState) {
    if let Err(error) = credential::note(app, linked, state).await {
        tracing::warn!(credential = linked.id(), error = %error.with_causes(), "what a token is worth was not noted");
    }
}

/// What there is to say of a post in the end: what the owner's access was told, or this server's own. Says also whether it
/// is the owner's.
#[must_use = "it is what is written of the post"]
pub fn better(
    kept: Option<Fetched>,
    own: Result<Fetched, PlatformError>,
) -> (Result<Fetched, PlatformError>, bool) {
    match (kept, own) {
        // The account's own list has it, so it is there, whoever else does not find it.
        (Some(kept), Ok(Fetched::Gone { .. })) if names_its_author(&kept) => (Ok(kept), true),
        (Some(kept), Ok(Fetched::Found(sighting))) if !sighting.metrics.has_number() => {
            (Ok(kept), true)
        }
        // It did not answer the question whether there is more to say.
        (Some(_), Err(error)) if is_passing(&error) => (Err(error), false),
        (Some(kept), Err(_)) => (Ok(kept), true),
        (_, own) => (own, false),
    }
}

/// What the answers to a token say of it, which took so many requests; nothing where the platform did not answer.
///
/// One that may list its posts but not read their figures is INSUFFICIENT, too, and asked again as rarely: what it can say
/// beside that this server's own access says in the meantime. Where it read the figures of one post, those of another were
/// withheld for what that post is. So may one post be refused that was asked for alone.
fn learnt(requests: u32, answers: &[Result<Fetched, PlatformError>]) -> Option<CredentialState> {
    if requests == 0 {
        return None;
    }
    let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
    if let Some(state) = errors.find_map(worthless) {
        return Some(state);
    }
    let refused = |answer: &Result<Fetched, PlatformError>| {
        matches!(answer, Err(PlatformError::Refused { .. }))
    };
    let told = || {
        answers.iter().filter_map(|answer| match answer {
            Ok(Fetched::Found(sighting)) => Some(sighting),
            _ => None,
        })
    };
    if told().any(|sighting| sighting.lacks_permission)
        && !told().any(|sighting| sighting.metrics.has_number())
    {
        Some(CredentialState::Insufficient)
    } else if answers.iter().any(Result::is_ok) {
        Some(CredentialState::Working)
    } else if answers.len() > 1 && answers.iter().all(refused) {
        Some(CredentialState::Insufficient)
    } else {
        None
    }
}

/// What an error says of a token that does not hold.
pub(super) fn worthless(error: &PlatformError) -> Option<CredentialState> {
    match error {
        PlatformError::Unauthorised { expired: true, .. } => Some(CredentialState::Expired),
        PlatformError::Unauthorised { expired: false, .. } => Some(CredentialState::Revoked),
        PlatformError::RateLimited { .. }
        | PlatformError::Unreachable { .. }
        | PlatformError::Refused { .. } => None,
    }
}

/// Whether what the owner's access was told is the last word. Where this server has no access of its own it is, but for a
/// token that does not hold: that is no answer.
pub fn owners_answer(answer: Result<Fetched, PlatformError>, has_own_access: bool) -> OwnersAnswer {
    if !has_own_access {
        return match answer {
            Err(PlatformError::Unauthorised { .. }) => OwnersAnswer::Wait,
            answer => OwnersAnswer::Told(answer),
        };
    }
    match answer {
        Ok(Fetched::Found(sighting)) if !sighting.metrics.has_number() => {
            OwnersAnswer::Fallback(Some(Fetched::Found(sighting)))
        }
        Err(PlatformError::Unauthorised { .. } | PlatformError::Refused { .. }) => {
            OwnersAnswer::Fallback(None)
        }
        answer => OwnersAnswer::Told(answer),
    }
}

/// What is known of a post on a platform that nobody had access to in all the time that its check could wait: no figure, and
/// why. The platform was not asked.
#[must_use]
pub fn without_access(platform: PlatformKind) -> Fetched {
    let reason = format!(
        "This server has no access of its own to {}, and no token of the affiliate's could be used there.",
        platform.brand()
    );
    let raw = serde_json::json!({ "not_asked": reason });
    Fetched::untold(&reason, raw)
}

fn names_its_author(fetched: &Fetched) -> bool {
    matches!(fetched, Fetched::Found(sighting) if sighting.author.is_some())
}

/// Whether the platform only does not answer now.
pub(super) fn is_passing(error: &PlatformError) -> bool {
    matches!(
        error,
        PlatformError::RateLimited { .. } | PlatformError::Unreachable { .. }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{EvidenceGrade, Metrics, Observed};
    use crate::platform::Sighting;

    fn found(value: Option<u64>) -> Fetched {
        Fetched::Found(Sighting {
            metrics: Metrics::from_fn(|_| match value {
                Some(value) => Observed::Reported {
                    value,
                    definition: "x".to_owned(),
                    grade: EvidenceGrade::Public,
                },
                None => Observed::Unavailable {
                    reason: "not told".to_owned(),
                },
            }),
            raw: json!({ "value": value }),
            context: None,
            author: None,
            published_at: None,
            spend: None,
            lacks_permission: false,
        })
    }

    fn gone() -> Fetched {
        Fetched::Gone {
            reason: "gone".to_owned(),
            raw: json!({}),
        }
    }

    fn unauthorised() -> PlatformError {
        PlatformError::Unauthorised {
            detail: String::new(),
            expired: false,
        }
    }

    fn expired() -> PlatformError {
        PlatformError::Unauthorised {
            detail: String::new(),
            expired: true,
        }
    }

    /// A post that its account lists, whose figures the token may not read.
    fn listed_only() -> Fetched {
        match found(None) {
            Fetched::Found(sighting) => Fetched::Found(Sighting {
                lacks_permission: true,
                ..sighting
            }),
            gone @ Fetched::Gone { .. } => gone,
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

    #[test]
    fn a_number_and_a_post_that_is_gone_need_no_second_question() {
        for answer in [Ok(found(Some(0))), Ok(gone()), Err(unreachable())] {
            for has_own_access in [true, false] {
                let told = owners_answer(answer.clone(), has_own_access);
                assert_eq!(told, OwnersAnswer::Told(answer.clone()));
            }
        }
        let kept = OwnersAnswer::Fallback(Some(found(None)));
        assert_eq!(owners_answer(Ok(found(None)), true), kept);
        for error in [unauthorised(), expired(), refused()] {
            let told = owners_answer(Err(error), true);
            assert_eq!(told, OwnersAnswer::Fallback(None));
        }
    }

    #[test]
    fn where_nobody_else_can_be_asked_only_a_token_that_does_not_hold_leaves_a_post_waiting() {
        for error in [unauthorised(), expired()] {
            assert_eq!(owners_answer(Err(error), false), OwnersAnswer::Wait);
        }
        for answer in [Ok(found(None)), Err(refused())] {
            let told = owners_answer(answer.clone(), false);
            assert_eq!(told, OwnersAnswer::Told(answer));
        }
    }

    #[test]
    fn the_weaker_evidence_stands_only_where_it_says_more() {
        let of = |kept: Option<Fetched>, own| better(kept, own);
        assert_eq!(
            of(Some(found(None)), Ok(found(Some(7)))),
            (Ok(found(Some(7))), false)
        );
        assert_eq!(of(Some(found(None)), Ok(gone())), (Ok(gone()), false));
        assert_eq!(
            of(Some(found(None)), Err(refused())),
            (Ok(found(None)), true)
        );
        assert_eq!(
            of(Some(found(None)), Err(unreachable())),
            (Err(unreachable()), false)
        );
        assert_eq!(of(None, Err(refused())), (Err(refused()), false));
        let mut listed = found(None);
        if let Fetched::Found(sighting) = &mut listed {
            sighting.author = Some(crate::platform::Account::default());
        }
        assert_eq!(of(Some(listed.clone()), Ok(gone())), (Ok(listed), true));
        assert_eq!(of(None, Ok(found(None))), (Ok(found(None)), false));
    }

    #[test]
    fn a_token_is_known_by_what_was_answered_to_it() {
        assert_eq!(learnt(1, &[]), None);
        // What was asked for may be none of the account's, or no post at all, which takes no request to find out.
        assert_eq!(learnt(1, &[Err(refused())]), None);
        assert_eq!(learnt(0, &[Err(refused()), Err(refused())]), None);
        assert_eq!(learnt(0, &[Ok(gone())]), None);
        assert_eq!(learnt(1, &[Err(unreachable())]), None);
        assert_eq!(learnt(1, &[Err(refused()), Err(unreachable())]), None);
        assert_eq!(
            learnt(1, &[Err(refused()), Err(refused())]),
            Some(CredentialState::Insufficient)
        );
        assert_eq!(
            learnt(1, &[Err(refused()), Ok(found(None))]),
            Some(CredentialState::Working)
        );
        assert_eq!(
            learnt(1, &[Ok(found(None)), Err(unauthorised())]),
            Some(CredentialState::Revoked)
        );
        assert_eq!(
            learnt(1, &[Ok(found(None)), Err(expired())]),
            Some(CredentialState::Expired)
        );
        assert_eq!(
            learnt(1, &[Ok(listed_only())]),
            Some(CredentialState::Insufficient)
        );
        assert_eq!(
            learnt(1, &[Ok(listed_only()), Err(unreachable())]),
            Some(CredentialState::Insufficient)
        );
        assert_eq!(
            learnt(1, &[Ok(listed_only()), Ok(gone()), Ok(found(None))]),
            Some(CredentialState::Insufficient)
        );
        assert_eq!(
            learnt(1, &[Ok(listed_only()), Ok(found(Some(3)))]),
            Some(CredentialState::Working)
        );
    }
}
