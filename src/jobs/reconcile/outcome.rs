//! What becomes of the jobs after asking: they are finished, tried again, or wait.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Gathering;
use crate::db::queue;
use crate::domain::credential;
use crate::domain::health;
use crate::domain::task;
use crate::domain::verification::{self, Checked, Outcome, Task};
use crate::error::Error;
use crate::jobs::asking::{OnPost, Running, Told, Waiting, waiting};
use crate::jobs::writer::Done;
use crate::platform::link::PostLink;
use crate::platform::{Advice, Fetched, PlatformError};

/// How long a job waits where the platform asks to wait and does not say how long.
pub(super) const SNOOZE: Duration = Duration::from_secs(30);
/// How long a job waits that nobody has access for, until it is looked whether another token was linked.
const NO_ACCESS: Duration = Duration::from_hours(1);
/// How much later jobs come back at most than they were told to wait, however long that was.
const LONGEST_LAG: Duration = Duration::from_mins(1);
/// After a failed attempt, how long until the next one; times three with each.
const FIRST_RETRY: Duration = Duration::from_secs(5);

impl Gathering {
    /// What is said of a post without asking for its figures.
    pub(super) fn told(&self, answer: Result<Fetched, PlatformError>) -> Told {
        Told {
            answer,
            resolved: None,
            asked_at: self.app.clock.now(),
            credential_id: None,
            open_for: None,
        }
    }

    /// Passes an answer on to be written, or puts the jobs back where the answer is to wait or to try again. What failed while
    /// the platform's circuit is open was no attempt, and no verdict follows from it.
    pub(super) async fn report(&self, on_post: OnPost, told: Told) {
        let Told {
            answer,
            resolved,
            asked_at,
            credential_id,
            open_for,
        } = told;
        let error = match answer {
            Ok(fetched) => {
                let outcome = Outcome::Answered {
                    fetched,
                    fetched_at: asked_at,
                    resolved,
                    credential_id,
                };
                return self.finish(on_post, outcome).await;
            }
            Err(error) => error,
        };
        tracing::warn!(platform = %self.platform, %error, "a post was not fetched");
        if let Some(wait) = open_for {
            return self.snooze(&waiting(&on_post), wait).await;
        }
        match error.advice() {
            Advice::Snooze(after) => {
                self.snooze(&waiting(&on_post), wait_of(after)).await;
            }
            Advice::Retry => {
                let mut last = OnPost::new();
                for running in on_post {
                    if running.task.attempts_left > 0 {
                        self.retry(&running.task, &error).await;
                    } else {
                        last.push(running);
                    }
                }
                let detail = "it gave no usable answer".to_owned();
                self.finish(last, Outcome::Unreachable { detail }).await;
            }
            Advice::GiveUp => {
                let outcome = Self::given_up(&error, resolved, asked_at);
                self.finish(on_post, outcome).await;
            }
        }
    }

    /// A refusal of this post is an answer: there is no permission. Credentials that do not hold are none.
    fn given_up(
        error: &PlatformError,
        resolved: Option<PostLink>,
        asked_at: DateTime<Utc>,
    ) -> Outcome {
        match error {
            PlatformError::Refused { detail } => {
                let reason = format!("The platform refused to tell: {detail}");
                let raw = serde_json::json!({ "refused": detail });
                let fetched = Fetched::untold(&reason, raw);
                Outcome::Answered {
                    fetched,
                    fetched_at: asked_at,
                    resolved,
                    credential_id: None,
                }
            }
            _ => Outcome::Unreachable {
                detail: "it did not accept this server's credentials".to_owned(),
            },
        }
    }

    /// A check that nobody has access for is not a check: its jobs wait, and lose no attempt. Where they have waited for as long
    /// as they may, that nobody has access is what is said of their posts.
    pub(super) async fn wait_for_access(&self, posts: Vec<(OnPost, Option<PostLink>)>) {
        let now = self.app.clock.now();
        let late = posts.iter().flat_map(|(on_post, _)| on_post);
        let late = late.filter(|running| running.task.has_waited_for_access(None, now));
        let late: BTreeSet<i64> = late.map(Running::affiliate_id).collect();
        let ended = match credential::access_ends(&self.app, self.platform, &late).await {
            Ok(ended) => ended,
            // The jobs come back with their leases.
            Err(error) => return self.log_failure(Err(error)),
        };
        let mut left = OnPost::new();
        for (on_post, resolved) in posts {
            let (over, early): (OnPost, OnPost) = on_post.into_iter().partition(|running| {
                let ended = ended.get(&running.affiliate_id()).copied();
                running.task.has_waited_for_access(ended, now)
            });
            left.extend(early);
            if !over.is_empty() {
                let outcome = Outcome::Answered {
                    fetched: verification::without_access(self.platform),
                    fetched_at: now,
                    resolved,
                    credential_id: None,
                };
                self.finish(over, outcome).await;
            }
        }
        if !left.is_empty() {
            self.snooze(&waiting(&left), NO_ACCESS).await;
        }
    }

    pub(super) async fn finish(&self, on_post: OnPost, outcome: Outcome) {
        for Running { task, job } in on_post {
            let done = Done {
                checked: Checked {
                    task,
                    outcome: outcome.clone(),
                },
                job,
            };
            self.done.send(done).await;
        }
    }

    async fn retry(&self, task: &Task, error: &PlatformError) {
        let before = task::ATTEMPTS - 1 - task.attempts_left;
        let wait = until_retry(before, error.retry_after()).mul_f64(jitter());
        let delay = wait.as_secs_f64();
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            let error = error.to_string();
            queue::retry(&mut connection, self.worker_id, task.job_id, delay, &error).await?;
            Ok::<_, Error>(())
        };
        self.log_failure(put_back.await);
    }

    /// Puts jobs back to wait, in turns with those of other campaigns that wait for the same. They lose no attempt.
    pub(super) async fn snooze(&self, jobs: &[Waiting], wait: Duration) {
        let now = self.app.clock.now();
        let lag = longest_lag(wait).mul_f64(rand::random());
        let times = self
            .waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(jobs, now, time_delta(wait), time_delta(lag));
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            queue::snooze_until(&mut connection, self.worker_id, &times, now).await?;
            Ok::<_, Error>(())
        };
        self.log_failure(put_back.await);
    }

    /// A job that could not be put back comes back by itself when its lease ends.
    pub(super) fn log_failure(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            tracing::warn!(platform = %self.platform, error = %error.with_causes(), "a job was not put back");
        }
    }
}

/// How long a job waits that is asked to, for so long.
pub(super) fn wait_of(asked: Option<Duration>) -> Duration {
    asked.map_or(SNOOZE, |asked| asked.max(health::LEAST_WAIT))
}

/// How long it is at least until the next attempt, after so many that failed before this one: not less than the platform
/// asked for.
fn until_retry(failed_before: i32, asked: Option<Duration>) -> Duration {
    let times = u32::try_from(failed_before.clamp(0, 6)).unwrap_or(0);
    (FIRST_RETRY * 3_u32.pow(times)).max(asked.unwrap_or_default())
}

/// A wait as a difference of times. None is longer than a day.
fn time_delta(wait: Duration) -> TimeDelta {
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1))
}

/// How much later than told jobs come back at most, so that they do not all come at once whom different processes put back.
fn longest_lag(wait: Duration) -> Duration {
    (wait / 4).min(LONGEST_LAG)
}

/// From 1 to 1.25, so that jobs that failed together do not all come back together.
fn jitter() -> f64 {
    1.0 + rand::random::<f64>() / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_day_comes_back_within_a_minute_after_it() {
        let seconds = Duration::from_secs;
        for (wait, longest) in [(4, 1), (240, 60), (86_400, 60)] {
            assert_eq!(longest_lag(seconds(wait)), seconds(longest), "{wait} s");
        }
    }

    #[test]
    fn the_next_attempt_comes_three_times_later_each_time_and_not_before_the_platform_asked() {
        let seconds = Duration::from_secs;
        for (failed_before, asked, expected) in [
            (0, None, seconds(5)),
            (1, None, seconds(15)),
            (3, None, seconds(135)),
            (0, Some(seconds(120)), seconds(120)),
            (3, Some(seconds(120)), seconds(135)),
            (0, Some(Duration::ZERO), seconds(5)),
            (-1, None, seconds(5)),
        ] {
            let wait = until_retry(failed_before, asked);
            assert_eq!(wait, expected, "{failed_before} {asked:?}");
        }
    }
}
