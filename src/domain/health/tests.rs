//! The rules of circuit and budget, without a database.

use bigdecimal::BigDecimal;
use chrono::TimeDelta;

use super::budget::{SNOOZE, remaining, told};
use super::rule::{LAST_PROBE, WINDOW, until_probe};
use super::standing::{error_rate, left, waiting_until};
use super::*;
use crate::db::platform_budget::{Standing, Told};
use crate::platform::{Limit, Usage};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn quiet() -> PlatformHealth {
    PlatformHealth {
        platform: PlatformKind::Reddit,
        circuit: CircuitState::Closed,
        opened_at: None,
        probe_at: None,
        failed_probes: 0,
        window_started_at: None,
        successes: 0,
        failures: 0,
        last_success_at: None,
        last_error: None,
        only_own: false,
    }
}

fn tally(successes: i64, failures: i64) -> Tally {
    Tally {
        rejected: false,
        successes,
        failures,
        last_error: (failures > 0).then(|| "unreachable: HTTP 500".to_owned()),
    }
}

fn no_answer() -> PlatformError {
    fails_for(None)
}

/// A server error that asks to wait for so long, if it does.
fn fails_for(seconds: Option<u64>) -> PlatformError {
    PlatformError::Unreachable {
        retry_after: seconds.map(Duration::from_secs),
        detail: "HTTP 500".to_owned(),
    }
}

fn unauthorised() -> PlatformError {
    PlatformError::Unauthorised {
        detail: "HTTP 401".to_owned(),
        expired: false,
    }
}

fn limited(seconds: Option<u64>) -> PlatformError {
    limited_by(Limit::Credential, seconds)
}

fn limited_by(limit: Limit, seconds: Option<u64>) -> PlatformError {
    PlatformError::RateLimited {
        retry_after: seconds.map(Duration::from_secs),
        limit,
        detail: "HTTP 429".to_owned(),
    }
}

fn refused() -> PlatformError {
    PlatformError::Refused {
        detail: "no permission".to_owned(),
    }
}

#[test]
fn a_circuit_opens_where_more_than_half_of_at_least_ten_calls_failed() {
    for (successes, failures, opens) in [
        (0, 9, false),
        (0, 10, true),
        (5, 5, false),
        (4, 6, true),
        (10, 0, false),
        (500, 500, false),
        (500, 501, true),
    ] {
        let health = counted(quiet(), &tally(successes, failures), now());
        let state = if opens {
            CircuitState::Open
        } else {
            CircuitState::Closed
        };
        assert_eq!(health.circuit, state, "{successes} and {failures}");
        assert_eq!(health.opened_at, opens.then(now));
        let probe_at = now() + TimeDelta::seconds(30);
        assert_eq!(health.probe_at, opens.then_some(probe_at));
    }
}

#[test]
fn calls_add_up_within_a_window_and_are_forgotten_with_it() {
    let health = counted(quiet(), &tally(1, 5), now());
    let late = now() + TimeDelta::seconds(59);
    let added = counted(health.clone(), &tally(0, 4), late);
    assert_eq!((added.successes, added.failures), (1, 9));
    assert_eq!(added.circuit, CircuitState::Open);
    assert_eq!(added.window_started_at, Some(now()));
    assert_eq!(added.last_success_at, Some(now()));

    let later = now() + TimeDelta::seconds(60);
    let anew = counted(health.clone(), &tally(0, 4), later);
    assert_eq!((anew.successes, anew.failures), (0, 4));
    assert_eq!(anew.circuit, CircuitState::Closed);
    assert_eq!(anew.window_started_at, Some(later));
    // A clock that was set back does not keep a window from ending.
    let before = now() - TimeDelta::hours(1);
    assert_eq!(counted(health.clone(), &tally(0, 4), before).failures, 4);
    let behind = now() - TimeDelta::milliseconds(2);
    assert_eq!(counted(health, &tally(0, 4), behind).failures, 9);
}

#[test]
fn an_open_circuit_stays_as_it_is_however_many_calls_come_in_late() {
    let open = counted(quiet(), &tally(0, 10), now());
    let late = counted(open.clone(), &tally(100, 0), now());
    assert_eq!(late.circuit, CircuitState::Open);
    let worse = counted(open.clone(), &tally(0, 100), now() + WINDOW);
    assert_eq!(worse.probe_at, open.probe_at);
}

fn half_open(failed_probes: i64) -> PlatformHealth {
    PlatformHealth {
        circuit: CircuitState::HalfOpen,
        opened_at: Some(now()),
        probe_at: Some(now()),
        failed_probes,
        ..counted(quiet(), &tally(0, 10), now())
    }
}

#[test]
fn calls_are_tried_after_times_that_double_up_to_ten_minutes() {
    let waits = [60, 120, 240, 480, 600, 600, 600];
    for (failed, seconds) in (0..).zip(waits) {
        let seen = Seen::Fails("unreachable: HTTP 502".to_owned());
        let health = tried(half_open(failed), seen, failed % 2 == 0, now());
        assert_eq!(health.circuit, CircuitState::Open);
        let probe_at = now() + TimeDelta::seconds(seconds);
        assert_eq!(health.probe_at, Some(probe_at), "after {failed}");
        assert_eq!(health.opened_at, Some(now()));
        let error = health.last_error.as_deref();
        assert_eq!(error, Some("unreachable: HTTP 502"));
    }
    assert_eq!(until_probe(i64::MAX), LAST_PROBE);
}

#[test]
fn an_answer_closes_the_circuit_and_so_does_a_limit() {
    for (seen, is_own, successes) in [
        (Seen::Answers, true, 1),
        (Seen::Answers, false, 1),
        (Seen::Limits, true, 0),
    ] {
        let health = tried(half_open(3), seen, is_own, now());
        assert_eq!(health.circuit, CircuitState::Closed);
        assert_eq!((health.opened_at, health.probe_at), (None, None));
        assert_eq!((health.successes, health.failures), (successes, 0));
        assert_eq!(health.failed_probes, 0);
    }
    // What was decided by another call stays decided.
    let open = PlatformHealth {
        circuit: CircuitState::Open,
        ..half_open(1)
    };
    let late = tried(open.clone(), Seen::Answers, true, now());
    assert_eq!(
        (late.circuit, late.probe_at),
        (CircuitState::Open, open.probe_at)
    );
}

fn rejects() -> Seen {
    Seen::Rejects("not authorised: HTTP 401".to_owned())
}

/// The circuit after the own credential was refused.
fn open_for_own() -> PlatformHealth {
    let mut tally = Tally::default();
    tally.add(rejects());
    counted(quiet(), &tally, now())
}

fn own_is_tried(failed_probes: i64) -> PlatformHealth {
    PlatformHealth {
        circuit: CircuitState::HalfOpen,
        probe_at: Some(now()),
        failed_probes,
        ..open_for_own()
    }
}

#[test]
fn a_refusal_of_the_own_credential_opens_the_circuit_for_that_one_at_once() {
    let health = open_for_own();
    assert_eq!(health.circuit, CircuitState::Open);
    assert!(health.only_own);
    assert_eq!(health.opened_at, Some(now()));
    assert_eq!(health.probe_at, Some(now() + TimeDelta::seconds(30)));
    let error = health.last_error.as_deref();
    assert_eq!(error, Some("not authorised: HTTP 401"));
    assert_eq!((health.successes, health.failures), (0, 0));

    // Where too many fail besides, nobody is answered.
    let both = Tally {
        rejected: true,
        ..tally(0, 10)
    };
    assert!(!counted(quiet(), &both, now()).only_own);

    let open = |only_own| Open {
        wait: Duration::from_secs(30),
        only_own,
    };
    assert!(open(true).holds(OWN) && !open(true).holds("credential:7"));
    assert!(open(false).holds(OWN) && open(false).holds("credential:7"));
}

#[test]
fn calls_with_other_credentials_neither_close_the_own_ones_circuit_nor_are_stopped_by_it() {
    let open = open_for_own();
    // However many refusals come in late, and answers to others.
    let mut late = tally(50, 3);
    late.rejected = true;
    let health = counted(open.clone(), &late, now());
    assert_eq!(
        (health.circuit, health.only_own),
        (CircuitState::Open, true)
    );
    assert_eq!(health.probe_at, open.probe_at);

    // One of another's that was tried before is no answer to the own.
    let health = tried(own_is_tried(1), Seen::Answers, false, now());
    assert_eq!(health.circuit, CircuitState::HalfOpen);
    assert!(health.only_own);
    assert_eq!(health.last_success_at, Some(now()));

    let health = tried(own_is_tried(1), Seen::Answers, true, now());
    assert_eq!(
        (health.circuit, health.only_own),
        (CircuitState::Closed, false)
    );
}

#[test]
fn the_own_ones_circuit_stays_open_until_that_one_is_answered() {
    for (seen, failed_probes, seconds) in [
        (rejects(), 3, 240),
        (Seen::Fails("unreachable".to_owned()), 3, 240),
        // That it is told to wait says nothing of whether it is accepted.
        (Seen::Limits, 2, 120),
        (Seen::Nothing, 2, 0),
    ] {
        let health = tried(own_is_tried(2), seen.clone(), true, now());
        assert_eq!(health.circuit, CircuitState::Open, "{seen:?}");
        assert!(health.only_own, "{seen:?}");
        assert_eq!(health.failed_probes, failed_probes, "{seen:?}");
        let probe_at = now() + TimeDelta::seconds(seconds);
        assert_eq!(health.probe_at, Some(probe_at), "{seen:?}");
        assert_eq!(health.opened_at, Some(now()), "{seen:?}");
    }
}

#[test]
fn a_platform_that_fails_altogether_holds_back_everybody() {
    let later = now() + TimeDelta::seconds(20);
    for open in [open_for_own(), own_is_tried(4)] {
        let health = counted(open, &tally(4, 6), later);
        assert_eq!(health.circuit, CircuitState::Open);
        assert!(!health.only_own);
        assert_eq!(health.failed_probes, 0);
        assert_eq!(health.probe_at, Some(later + TimeDelta::seconds(30)));
        assert_eq!(health.opened_at, Some(now()), "it has been open since");
        // Those that come in late change nothing any more.
        let late = counted(health.clone(), &tally(0, 10), later + TimeDelta::seconds(1));
        assert_eq!(late.probe_at, health.probe_at);
    }

    // Once it answers that it does not accept the own credential, others are asked with again, and what failed before does
    // not count against them.
    let health = tried(half_open(1), rejects(), true, later);
    assert_eq!(health.circuit, CircuitState::Open);
    assert!(health.only_own);
    assert_eq!(health.failed_probes, 2);
    let health = counted(health, &tally(1, 0), later);
    assert!(health.only_own);
}

#[test]
fn a_call_that_was_none_leaves_its_turn_to_the_next() {
    let health = tried(half_open(3), Seen::Nothing, true, now());
    assert_eq!(health.circuit, CircuitState::Open);
    assert_eq!(health.probe_at, Some(now()));
    assert_eq!(health.failed_probes, 3);
    assert_eq!(health.successes, half_open(3).successes);

    let mut nothing = Tally::default();
    nothing.add(Seen::Nothing);
    assert!(nothing.is_empty());
    let fails = Seen::Fails("unreachable".to_owned());
    for (seen, requests, expected) in [
        (Seen::Answers, 1, Seen::Answers),
        (Seen::Answers, 0, Seen::Nothing),
        (Seen::Limits, 0, Seen::Nothing),
        (Seen::Limits, 2, Seen::Limits),
        // A credential that nobody can send is refused, if by nobody.
        (rejects(), 0, rejects()),
        (fails.clone(), 0, fails),
    ] {
        assert_eq!(seen.by(requests), expected);
    }
}

#[test]
fn a_call_fails_where_most_of_its_posts_did() {
    let fails = Seen::Fails("unreachable: HTTP 500".to_owned());
    let refuses = Seen::Rejects("not authorised: HTTP 401".to_owned());
    for (credential, outcomes, expected) in [
        (OWN, vec![None], Seen::Answers),
        (OWN, vec![Some(no_answer())], fails.clone()),
        (OWN, vec![Some(no_answer()), None], Seen::Answers),
        (OWN, vec![Some(no_answer()), None, Some(no_answer())], fails),
        (OWN, vec![Some(refused())], Seen::Answers),
        (OWN, vec![Some(limited(None))], Seen::Limits),
        (
            OWN,
            vec![Some(limited(None)), Some(no_answer())],
            Seen::Limits,
        ),
        (OWN, vec![Some(unauthorised())], refuses),
        // An affiliate's token that does not hold says nothing of the platform but that it answers.
        ("another", vec![Some(unauthorised())], Seen::Answers),
        (OWN, vec![], Seen::Answers),
    ] {
        let seen = Seen::of(outcomes.iter().map(Option::as_ref), credential);
        assert_eq!(seen, expected, "{credential} {outcomes:?}");
    }
}

#[test]
fn what_this_program_holds_back_itself_is_no_word_of_the_platforms() {
    let held = || Some(limited_by(Limit::Program, Some(9)));
    let many = |failed: usize| {
        let mut outcomes = vec![Some(no_answer()); failed];
        outcomes.resize_with(50, held);
        outcomes
    };
    for (outcomes, requests, expected) in [
        // Three handles of fifty were asked for, in vain.
        (many(3), 3, Seen::Fails("unreachable: HTTP 500".to_owned())),
        // A part of a list that is too long.
        (many(0), 1, Seen::Answers),
        (many(0), 0, Seen::Nothing),
        (vec![held(), Some(limited(None))], 1, Seen::Limits),
        (vec![held(), None], 1, Seen::Answers),
    ] {
        let seen = Seen::of(outcomes.iter().map(Option::as_ref), OWN).by(requests);
        assert_eq!(seen, expected, "{requests} requests");
    }
    let seen = Seen::of([held().as_ref()], OWN).by(1);
    let health = tried(own_is_tried(2), seen, true, now());
    assert_eq!(health.circuit, CircuitState::Closed);
}

#[test]
fn the_longest_time_that_was_asked_for_counts_for_whoever_it_was_asked_of() {
    assert_eq!(alone([&no_answer(), &refused()]), Alone::default());
    let credential = |wait| Alone {
        credential: Some(wait),
        ..Alone::default()
    };
    assert_eq!(alone([&limited(None)]), credential(SNOOZE));
    let several = [limited(Some(4)), limited(Some(90)), no_answer()];
    assert_eq!(alone(&several), credential(Duration::from_secs(90)));
    let several = [
        limited_by(Limit::Application, Some(60)),
        limited(Some(1)),
        limited_by(Limit::Application, Some(7)),
        // No word of the platform's.
        limited_by(Limit::Program, Some(900)),
        no_answer(),
    ];
    let both = Alone {
        credential: Some(LEAST_WAIT),
        application: Some(Duration::from_mins(1)),
        everybody: None,
    };
    assert_eq!(alone(&several), both);
}

#[test]
fn a_server_that_fails_and_asks_to_wait_is_left_alone_by_everybody() {
    let everybody = |seconds| Alone {
        everybody: Some(Duration::from_secs(seconds)),
        ..Alone::default()
    };
    assert_eq!(alone([&fails_for(Some(120))]), everybody(120));
    let several = [no_answer(), fails_for(Some(120)), fails_for(Some(300))];
    assert_eq!(alone(&several), everybody(300));
    assert_eq!(
        alone([&fails_for(Some(0))]),
        everybody(LEAST_WAIT.as_secs())
    );
    // It fails all the same.
    let seen = Seen::of([Some(&fails_for(Some(120)))], OWN);
    assert!(seen.is_failure(), "{seen:?}");
}

#[test]
fn the_limit_of_an_affiliates_registration_is_not_this_programs() {
    let linked = "credential:7";
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let alone = |credential, application, everybody| Alone {
        credential,
        application,
        everybody,
    };
    let all_is_used = Usage {
        remaining: None,
        used_percent: Some(100),
        resets_in: seconds(300),
        limit: Limit::Application,
    };
    let kept = |remaining: Option<(i64, f64)>, snooze: Option<f64>| Told { remaining, snooze };
    let nothing = Told::default();
    let capped = alone(seconds(30), seconds(86_400), None);
    for (credential, usage, alone, expected) in [
        (
            OWN,
            None,
            capped,
            (kept(None, Some(30.0)), kept(None, Some(86_400.0))),
        ),
        (linked, None, capped, (kept(None, Some(86_400.0)), nothing)),
        // The token may be of anybody; the server is everybody's.
        (
            linked,
            None,
            alone(None, None, seconds(120)),
            (nothing, kept(None, Some(120.0))),
        ),
        (
            OWN,
            Some(all_is_used),
            Alone::default(),
            (nothing, kept(Some((0, 300.0)), None)),
        ),
        (
            linked,
            Some(all_is_used),
            Alone::default(),
            (kept(Some((0, 300.0)), None), nothing),
        ),
    ] {
        let told = told(credential, usage, alone);
        assert_eq!(told, expected, "{credential} {usage:?} {alone:?}");
    }
}

#[test]
fn a_budget_is_known_only_where_the_platform_tells_it() {
    let usage = |remaining, used_percent, seconds: Option<u64>| Usage {
        remaining,
        used_percent,
        resets_in: seconds.map(Duration::from_secs),
        limit: Limit::Credential,
    };
    for (told, expected) in [
        (usage(Some(7), None, Some(60)), Some((7, 60.0))),
        (usage(Some(7), None, None), None),
        (usage(None, Some(99), Some(60)), None),
        (usage(None, Some(100), Some(300)), Some((0, 300.0))),
        (usage(None, Some(100), None), Some((0, 60.0))),
    ] {
        assert_eq!(remaining(told), expected, "{told:?}");
    }
}

#[test]
fn what_operators_are_shown_is_of_the_current_window() {
    let health = counted(quiet(), &tally(2, 1), now());
    let third: BigDecimal = "0.3333".parse().unwrap();
    assert_eq!(error_rate(&health, now()), Some(third));
    assert_eq!(error_rate(&health, now() + WINDOW), None);
    assert_eq!(error_rate(&quiet(), now()), None);

    let after = |seconds| now() + TimeDelta::seconds(seconds);
    let standing = |remaining: Option<i64>,
                    resets,
                    snoozed: Option<i64>,
                    registration: Option<i64>| Standing {
        platform: PlatformKind::Reddit,
        remaining,
        resets_at: remaining.map(|_| after(resets)),
        snoozed_until: snoozed.map(after),
        registration_until: registration.map(after),
        working: 0,
        expired: 0,
        revoked: 0,
        insufficient: 0,
        waiting: 0,
    };
    for (standing, expected, waits) in [
        (standing(Some(7), 60, None, None), Some(7), None),
        (standing(Some(7), 0, None, None), None, None),
        (standing(Some(0), 60, None, None), Some(0), Some(60)),
        (standing(Some(0), 60, Some(4), None), Some(0), Some(60)),
        (standing(Some(7), 60, Some(4), None), Some(0), Some(4)),
        (standing(Some(7), 60, None, Some(9)), Some(0), Some(9)),
        (standing(None, 0, Some(-4), Some(-4)), None, None),
    ] {
        assert_eq!(left(&standing, now()), expected, "{standing:?}");
        let until = waiting_until(&quiet(), Some(&standing), now());
        assert_eq!(until, waits.map(after), "{standing:?}");
    }
    let open = open_for_own();
    assert_eq!(waiting_until(&open, None, now()), open.probe_at);
}
