//! `countersign demo --week`: seven days of checks in minutes, on a clock that is moved.
//!
//! Claims are submitted as in the short demo, but figures grow, and for six days thirty of a hundred calls go wrong: too many
//! calls, server errors, garbage, answers that break off; for some hours all of them. For some hours one platform refuses this
//! server's credential, so that its circuit opens. Posts vanish and counts fall on the way.
//! The clock moves by an hour at most, and only when no job is due, so that every check is made at its time. At the end every
//! verdict has to be there, final, and what the figures say, and none may rest on anything that the platform did not show.
//!
//! An open circuit holds nothing up: what it makes wait is not due, and the call that tries it is due long before the next hour.
//!
//! It fails as the short demo does, and where the jobs of an hour do not come to an end.

mod audit;
mod clock;
mod database;
mod refusal;
mod script;
mod told;
mod weather;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::audit::{Findings, Played};
use self::clock::WeekClock;
use self::refusal::{Begun, Refusal};
use self::script::{Deed, HORIZON_HOURS, Script, terms};
use self::weather::{REFUSING, Weather};
use super::alerts::Alerts;
use super::client::Caller;
use super::screen::Screen;
use super::seed::Planted;
use super::story::{Cast, Opened, Told, conclude, open, trust_table};
use super::submit::{Submitted, submit};
use super::summary::{aligned, grouped, grouped_length, table};
use super::trust::{self, Trust};
use super::verdicts;
use crate::model::PlatformKind;

pub(super) use self::database::open as open_database;

/// How long a week is, in minutes.
const WEEK: i64 = 168 * 60;
/// The first steps, in minutes: what went wrong is tried again after seconds and minutes, before the check after an hour.
const FIRST_STEPS: [i64; 8] = [1, 1, 3, 5, 10, 10, 15, 15];
/// Every other step.
const STEP: i64 = 60;
/// How long the subscription may take to deliver the last alerts.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const POLL: Duration = Duration::from_millis(100);

/// Plays the week.
///
/// # Errors
/// The API does not answer or refuses what is needed to go on, the database failed, or jobs did not come to an end.
pub(super) async fn tell(cast: &Cast<'_>, ended: &CancellationToken) -> anyhow::Result<Told> {
    let Opened {
        alerts, planted, ..
    } = open(cast, ended, terms).await?;
    let mut script = Script::write(cast.world, cast.submissions)?;
    let mut clock = WeekClock::new(cast.app, cast.world);
    let begun = Instant::now();
    Weather::at(0).come(cast.world);
    let submitted = submit(&script.plan, &planted, cast.screen).await;
    clock.settled().await?;
    let refusal = pass(cast, &mut clock, &mut script, &submitted).await?;
    let passing = begun.elapsed();
    script.conclude();
    let end = End {
        cast,
        clock: &clock,
        script: &script,
        submitted: &submitted,
        planted: &planted,
        alerts: &alerts,
        refusal: refusal.as_ref(),
    };
    let differences = end.tell(passing).await?;
    alerts.show_all();
    Ok(Told {
        planted,
        differences,
    })
}

/// Lets the week go by, until no check is left. Gives what the hours were in which a platform refused.
async fn pass(
    cast: &Cast<'_>,
    clock: &mut WeekClock<'_>,
    script: &mut Script,
    submitted: &[Submitted],
) -> anyhow::Result<Option<Refusal>> {
    let mut weather = Weather::at(0);
    let mut steps = FIRST_STEPS.into_iter();
    let (mut begun, mut refusal) = (None, None);
    while clock.minutes() < HORIZON_HOURS * 60 {
        if clock.minutes() >= WEEK && clock.checks_left().await? == 0 {
            break;
        }
        strike(cast, clock.minutes() / 60, script, submitted).await?;
        let step = steps.next().unwrap_or(STEP);
        let next = Weather::at((clock.minutes() + step) / 60);
        if next != weather {
            // Nothing is due now, so what is there is what the last weather has left.
            if next == Weather::Refusal {
                begun = Some(Begun::look(clock, cast.world).await?);
            } else if let Some(begun) = begun.take() {
                refusal = Some(begun.end(clock, cast.world).await?);
            }
            next.come(cast.world);
            weather = next;
        }
        clock.advance(step).await?;
        clock.settled().await?;
        report(cast.screen, clock.minutes());
    }
    Ok(refusal)
}

/// Does what is due to posts of which the platforms were heard.
async fn strike(
    cast: &Cast<'_>,
    hour: i64,
    script: &mut Script,
    submitted: &[Submitted],
) -> anyhow::Result<()> {
    // Calls are made with a new token: the last one may have ended.
    let mut operator: Option<Caller> = None;
    for stroke in &mut script.strokes {
        if stroke.done_ms.is_some() || hour < stroke.hour {
            continue;
        }
        let caller = match operator.take() {
            Some(caller) => caller,
            None => cast.api.sign_in(cast.operator_key).await?,
        };
        let ids: Vec<&str> = stroke
            .posts
            .iter()
            .filter_map(|nth| submitted.get(*nth)?.post.as_deref())
            .collect();
        // Reddit tells nobody how often a post was seen.
        let with_views = stroke.platform != PlatformKind::Reddit;
        if audit::were_seen(&caller, &ids, with_views).await? {
            stroke.strike(cast.world)?;
        }
        operator = Some(caller);
    }
    Ok(())
}

/// Says how far the week is.
fn report(screen: &Screen, minutes: i64) {
    if minutes > WEEK {
        return;
    }
    let (day, hour) = (minutes / 60 / 24 + 1, minutes / 60 % 24);
    let text = if minutes < WEEK {
        format!("Day {day} of the week, {hour}:00")
    } else {
        "The week is over".to_owned()
    };
    let whole = |minutes: i64| usize::try_from(minutes).unwrap_or(0);
    screen.progress(whole(minutes), whole(WEEK), &text);
}

/// What there is at the end.
struct End<'a> {
    cast: &'a Cast<'a>,
    clock: &'a WeekClock<'a>,
    script: &'a Script,
    submitted: &'a [Submitted],
    planted: &'a Planted,
    alerts: &'a Alerts,
    /// The hours in which a platform refused.
    refusal: Option<&'a Refusal>,
}

impl End<'_> {
    /// Sums up. Gives what is not as it should be.
    async fn tell(&self, passing: Duration) -> anyhow::Result<Vec<String>> {
        let plan = &self.script.plan;
        let operator = self.cast.api.sign_in(self.cast.operator_key).await?;
        let posts = verdicts::read(&operator, &self.planted.campaigns).await?;
        let mut differences = verdicts::differences(plan, self.submitted, &posts);
        let played = Played {
            world: self.cast.world,
            script: self.script,
            refusal: self.refusal,
        };
        let findings = audit::audit(&operator, played, self.submitted).await?;
        self.wait_for_alerts(&findings).await;
        let heard = self.alerts.heard();
        differences.extend(findings.differences.iter().cloned());
        differences.extend(told::differences(&findings.expected, &heard));
        differences.extend(self.loose_ends().await?);
        if let Some(refusal) = self.refusal {
            differences.extend(refusal.differences(&operator).await?);
        }

        let columns =
            verdicts::columns(&operator, self.planted, plan, self.submitted, &posts).await?;
        let trust = trust::read(&operator, self.planted, plan, self.submitted).await?;
        differences.extend(trust.iter().filter_map(Trust::difference));
        let screen = self.cast.screen;
        screen.line(&format!(
            "\n{}\n\n{}\n",
            table(&columns),
            trust_table(&trust)
        ));
        let head = ["Alerts on posts", "Expected", "Told"].map(str::to_owned);
        let rows: Vec<Vec<String>> = [head.to_vec()]
            .into_iter()
            .chain(told::rows(&findings.expected, &heard))
            .collect();
        screen.line(&format!("{}\n", aligned(&rows)));
        self.sum_up(&findings, passing);
        conclude(screen, plan, &differences);
        Ok(differences)
    }

    /// Waits until the subscription has delivered what is expected, or patience ends.
    async fn wait_for_alerts(&self, findings: &Findings) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.alerts.heard();
            let are_there = findings
                .expected
                .iter()
                .all(|(key, times)| heard.get(key) >= Some(times));
            if are_there || Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What was left undone.
    async fn loose_ends(&self) -> anyhow::Result<Vec<String>> {
        let mut differences = Vec::new();
        let left = self.clock.checks_left().await?;
        if left > 0 {
            differences.push(format!(
                "{left} checks were not made in {HORIZON_HOURS} hours"
            ));
        }
        let dead = self.clock.dead().await?;
        if dead > 0 {
            differences.push(format!("{dead} jobs were given up"));
        }
        let (raised, withdrawn) = self.alerts.degraded();
        if raised != withdrawn {
            differences.push(format!(
                "platforms were said to fail {raised} times, and that was taken back {withdrawn} times"
            ));
        }
        Ok(differences)
    }

    fn sum_up(&self, findings: &Findings, passing: Duration) {
        let done = |deed: Deed| {
            let strokes = self.script.strokes.iter();
            let all: Vec<bool> = strokes
                .filter(|stroke| stroke.deed == deed)
                .map(|stroke| stroke.done_ms.is_some())
                .collect();
            let done = all.iter().filter(|is_done| **is_done).count();
            format!("{} of {}", grouped_length(done), grouped_length(all.len()))
        };
        let world = self.cast.world;
        let (raised, withdrawn) = self.alerts.degraded();
        for line in [
            format!(
                "Once they had been seen, {} posts vanished, and the counts of {} posts fell.",
                done(Deed::Vanish),
                done(Deed::Purge)
            ),
            format!(
                "{} of {} requests met a fault. Operators were told {raised} times that a platform fails, and {withdrawn} \
                 times that it answers again.",
                grouped(world.faults_struck()),
                grouped(world.requests())
            ),
            format!(
                "While {} refused this server's credential, {} of its checks were due and waited, with all their attempts.",
                REFUSING.brand(),
                grouped_length(self.refusal.map_or(0, |refusal| refusal.waited))
            ),
            format!(
                "{} verdicts were reached on the way, {} of them that the platform was not reached; each of the {} numbers that \
                 they rest on was looked up.",
                grouped_length(findings.verdicts),
                grouped_length(findings.unreached),
                grouped_length(findings.numbers)
            ),
            format!(
                "{} hours passed in {:.0} s.",
                self.clock.minutes() / 60,
                passing.as_secs_f64()
            ),
        ] {
            self.cast.screen.line(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_make_an_hour_so_that_the_others_meet_the_hours() {
        let first: i64 = FIRST_STEPS.iter().sum();
        assert_eq!(first, 60);
        assert_eq!(WEEK % STEP, 0);
        const { assert!(WEEK < HORIZON_HOURS * 60) };
    }

    #[test]
    fn every_hour_of_the_week_has_its_weather_before_its_checks_are_made() {
        use Weather::{Fair, Faulty, Outage, Refusal, Storm};
        let mut minutes = 0;
        let mut steps = FIRST_STEPS.into_iter();
        let mut seen = Vec::new();
        while minutes < WEEK {
            minutes += steps.next().unwrap_or(STEP);
            let weather = Weather::at(minutes / 60);
            if seen.last() != Some(&weather) {
                seen.push(weather);
            }
        }
        let expected = [Faulty, Outage, Faulty, Refusal, Faulty, Storm, Faulty, Fair];
        assert_eq!(seen, expected);
    }
}
