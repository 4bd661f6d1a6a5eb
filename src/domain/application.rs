//! An affiliate asks to work with an advertiser. The answer comes at once, the decision in the background.

use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;

use super::access::{Principal, Viewer};
use super::input::Checks;
use super::task::{self, DecideApplication};
use super::trust::shown;
use super::visible;
use crate::app::App;
use crate::db::application::{self, Application, NewApplication};
use crate::db::constraint::unique_violation;
use crate::db::queue::{self, NewJob};
use crate::db::{advertiser, affiliate};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{ApplicationRule, ApplicationStatus};

/// Applies to an advertiser: PENDING, with a queued job that decides.
///
/// # Errors
/// The affiliate is not active or not eligible, or has an application that is pending or approved.
pub async fn apply(
    app: &App,
    viewer: &Viewer,
    advertiser_id: i64,
    message: Option<&str>,
) -> Result<Application, Error> {
    let affiliate_id = viewer.affiliate()?;
    let mut checks = Checks::default();
    let message = checks.optional_text("message", message, 2000);
    checks.finish()?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let application = connection
        .transaction::<_, Error, _>(async |connection| {
            let affiliate = affiliate::list_by_id(connection, &[affiliate_id]).await?.pop();
            if !affiliate.is_some_and(|affiliate| affiliate.is_active) {
                return Err(Refusal::whole(RefusalCode::AffiliateInactive, "your account is not active").into());
            }
            // An advertiser that does not exist answers like one that the affiliate is not eligible for.
            if advertiser::list_eligible(connection, &[advertiser_id], affiliate_id).await?.is_empty() {
                return Err(Refusal::field(
                    RefusalCode::NotEligible,
                    "advertiserId",
                    "you are not eligible for this advertiser",
                )
                .into());
            }
            let rejected = application::latest_rejection(connection, advertiser_id, affiliate_id).await?;
            let rule = advertiser::list_by_id(connection, &[advertiser_id]).await?.pop();
            if let (Some(rejected_at), Some(rule)) = (rejected, rule) {
                let again = rejected_at + TimeDelta::days(rule.reapply_after_days.into());
                if now < again {
                    let message = format!(
                        "this advertiser rejected you; you may apply again from {} on",
                        again.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
                    );
                    return Err(Refusal::field(RefusalCode::ReapplyLater, "advertiserId", message).into());
                }
            }
            let new = NewApplication { advertiser_id, affiliate_id, message: message.as_deref() };
            let application = application::insert(connection, &new).await.map_err(|error| {
                if unique_violation(&error) == Some("applications_live_key") {
                    let message = "you have an application at this advertiser that is pending or approved";
                    Refusal::field(RefusalCode::AlreadyApplied, "advertiserId", message).into()
                } else {
                    Error::from(error)
                }
            })?;
            let payload = DecideApplication { application_id: application.id };
            let job = NewJob {
                channel_name: task::APPLICATIONS,
                name: task::DECIDE_APPLICATION,
                payload_json: serde_json::to_string(&payload).map_err(Error::internal)?,
                attempts: task::ATTEMPTS,
                attempt_at: now,
            };
            queue::insert(connection, &[job]).await?;
            Ok(application)
        })
        .await?;
    app.events.hint(task::APPLICATIONS);
    Ok(application)
}

/// Decides an application by hand. The first decision wins.
///
/// # Errors
/// The application is not at the caller's advertiser, or was decided before.
pub async fn decide(
    app: &App,
    viewer: &Viewer,
    application_id: i64,
    approve: bool,
    reason: Option<&str>,
) -> Result<Application, Error> {
    let mut checks = Checks::default();
    let reason = checks.optional_text("reason", reason, 2000);
    checks.finish()?;
    if visible::applications(app, viewer, &[application_id])
        .await?
        .is_empty()
    {
        let message = "applicationId names no application at you";
        return Err(Refusal::field(RefusalCode::NotFound, "applicationId", message).into());
    }
    let status = if approve {
        ApplicationStatus::Approved
    } else {
        ApplicationStatus::Rejected
    };
    let mut connection = app.db.get().await?;
    application::update_decided(
        &mut connection,
        application_id,
        status,
        reason.as_deref(),
        app.clock.now(),
    )
    .await?
    .ok_or_else(|| {
        let message = "this application was decided before";
        Refusal::field(RefusalCode::AlreadyDecided, "applicationId", message).into()
    })
}

/// Takes an application back that nobody has decided yet.
///
/// # Errors
/// The reason is too long, the application is not the caller's, or it is not pending.
pub async fn withdraw(
    app: &App,
    viewer: &Viewer,
    application_id: i64,
    reason: Option<&str>,
) -> Result<Application, Error> {
    let pending = ApplicationStatus::Pending;
    let withdrawn = ApplicationStatus::Withdrawn;
    let message = "this application is not pending any more";
    let refusal = Refusal::field(RefusalCode::AlreadyDecided, "applicationId", message);
    let reason = checked_reason(reason)?;
    move_on(
        app,
        viewer,
        application_id,
        reason.as_deref(),
        (pending, withdrawn),
        refusal,
    )
    .await
}

/// Longest reason for withdrawing or ending, in characters: with who ended it, it fits where reasons are kept.
const MOST_OF_REASON: usize = 1900;

fn checked_reason(reason: Option<&str>) -> Result<Option<String>, Error> {
    let mut checks = Checks::default();
    let reason = checks.optional_text("reason", reason, MOST_OF_REASON);
    checks.finish()?;
    Ok(reason)
}

/// Ends an approved relation; either side may.
///
/// # Errors
/// The reason is too long, the application is not at the caller's side, or it is not approved.
pub async fn end(
    app: &App,
    viewer: &Viewer,
    application_id: i64,
    reason: Option<&str>,
) -> Result<Application, Error> {
    let approved = ApplicationStatus::Approved;
    let ended = ApplicationStatus::Ended;
    let message = "only an approved application can be ended";
    let refusal = Refusal::field(RefusalCode::NotInForce, "applicationId", message);
    let reason = checked_reason(reason)?;
    let by = match viewer.principal {
        Principal::Operator => "by an operator",
        Principal::Advertiser(_) => "by the advertiser",
        Principal::Affiliate(_) => "by the affiliate",
    };
    let reason = match reason {
        Some(reason) => format!("Ended {by}: {reason}"),
        None => format!("Ended {by}."),
    };
    move_on(
        app,
        viewer,
        application_id,
        Some(&reason),
        (approved, ended),
        refusal,
    )
    .await
}

async fn move_on(
    app: &App,
    viewer: &Viewer,
    application_id: i64,
    reason: Option<&str>,
    (from, to): (ApplicationStatus, ApplicationStatus),
    refusal: Refusal,
) -> Result<Application, Error> {
    if visible::applications(app, viewer, &[application_id])
        .await?
        .is_empty()
    {
        let message = "applicationId names no application of yours";
        return Err(Refusal::field(RefusalCode::NotFound, "applicationId", message).into());
    }
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    application::update_status(&mut connection, application_id, from, to, reason, now)
        .await?
        .ok_or_else(|| refusal.into())
}

/// Decides an application by the advertiser's rule, as the queued job does, and finishes the job. One that was decided
/// meanwhile stays as it is, and one that the rule leaves to a person stays pending.
///
/// # Errors
/// The database failed; the job is tried again.
pub async fn decide_by_rule(app: &App, application_id: i64, job: uuid::Uuid) -> Result<(), Error> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job]).await?.is_empty() {
                return Ok(());
            }
            let Some(application) = application::list_by_id(connection, &[application_id])
                .await?
                .pop()
            else {
                return Ok(());
            };
            let advertiser = advertiser::list_by_id(connection, &[application.advertiser_id])
                .await?
                .pop();
            let affiliate = affiliate::list_by_id(connection, &[application.affiliate_id])
                .await?
                .pop();
            let (Some(advertiser), Some(affiliate)) = (advertiser, affiliate) else {
                return Ok(());
            };
            let eligible = !advertiser::list_eligible(connection, &[advertiser.id], affiliate.id)
                .await?
                .is_empty();
            let (status, reason) = match advertiser.application_rule {
                ApplicationRule::Manual => return Ok(()),
                _ if !affiliate.is_active => (
                    ApplicationStatus::Rejected,
                    Some("the affiliate is not active".to_owned()),
                ),
                _ if !eligible => (
                    ApplicationStatus::Rejected,
                    Some("the affiliate is no longer eligible".to_owned()),
                ),
                ApplicationRule::AboveTrust if affiliate.trust_score < advertiser.minimum_trust => {
                    let reason = format!(
                        "the trust score {} is below the advertiser's minimum {}",
                        shown(&affiliate.trust_score),
                        shown(&advertiser.minimum_trust)
                    );
                    (ApplicationStatus::Rejected, Some(reason))
                }
                ApplicationRule::AboveTrust | ApplicationRule::Automatic => {
                    (ApplicationStatus::Approved, None)
                }
            };
            application::update_decided(connection, application_id, status, reason.as_deref(), now)
                .await?;
            Ok(())
        })
        .await
}
