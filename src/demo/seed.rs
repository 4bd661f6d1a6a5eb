//! Puts the advertisers, affiliates and campaigns of a run into a server, through its API.
//!
//! Names are unique in a database. A second run gets the same ones with a number behind them: "Northwind Outdoors 2".

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::catalogue::{
    ADVERTISERS, AFFILIATES, AdvertiserSeed, CAMPAIGNS, CampaignSeed, works_with,
};
use super::claims::Terms;
use super::client::{Api, Caller, refusal, required, text};
use crate::model::Secret;

/// How long the queued jobs may take to decide the applications.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether they have.
const POLL: Duration = Duration::from_millis(50);
/// Most runs that a database takes.
const MOST_RUNS: u32 = 10_000;

const CREATE_ADVERTISER: &str = "mutation($input: CreateAdvertiserInput!) { \
    createAdvertiser(input: $input) { advertiser { id } apiKey userErrors { code message } } }";
const CREATE_AFFILIATE: &str = "mutation($input: CreateAffiliateInput!) { \
    createAffiliate(input: $input) { affiliate { id } apiKey userErrors { code message } } }";
const CREATE_CAMPAIGN: &str = "mutation($input: CreateCampaignInput!) { \
    createCampaign(input: $input) { campaign { id } userErrors { code message } } }";
const SET_ELIGIBILITY: &str = "mutation($input: SetEligibilityInput!) { \
    setEligibility(input: $input) { userErrors { code message } } }";
const APPLY: &str = "mutation($input: ApplyToAdvertiserInput!) { \
    applyToAdvertiser(input: $input) { application { id } userErrors { code message } } }";
const DECIDE: &str = "mutation($input: DecideApplicationInput!) { \
    decideApplication(input: $input) { userErrors { code message } } }";
const APPLICATIONS: &str = "query($advertiser: ID!) { \
    applications(first: 100, filter: { advertiserId: $advertiser, status: APPROVED }) { nodes { id } } }";

/// An advertiser or affiliate with a first key.
#[derive(Debug)]
pub(super) struct Party {
    /// Global id.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) key: Secret,
    /// Signed in.
    pub(super) caller: Caller,
}

/// What was put in. Places are those of the catalogue.
#[derive(Debug)]
pub(super) struct Planted {
    pub(super) advertisers: Vec<Party>,
    pub(super) affiliates: Vec<Party>,
    /// Global ids.
    pub(super) campaigns: Vec<String>,
    applications: Vec<Application>,
}

#[derive(Debug)]
struct Application {
    id: String,
    advertiser: usize,
}

/// Creates everybody and everything, with these terms for each campaign, and lets the affiliates apply.
///
/// # Errors
/// The API refuses something.
pub(super) async fn plant(
    operator: &Caller,
    terms: fn(&CampaignSeed) -> Terms,
) -> anyhow::Result<Planted> {
    let (run, first) = first_advertiser(operator).await?;
    let mut advertisers = vec![first];
    for seed in &ADVERTISERS[1..] {
        let payload = operator
            .mutate(CREATE_ADVERTISER, advertiser_input(seed, run))
            .await?;
        let name = named(seed.name, run);
        advertisers.push(join(operator.api(), name, "advertiser", &payload).await?);
    }
    let mut affiliates = Vec::with_capacity(AFFILIATES.len());
    for name in AFFILIATES {
        let name = named(name, run);
        let payload = operator
            .mutate(CREATE_AFFILIATE, json!({ "name": name }))
            .await?;
        affiliates.push(join(operator.api(), name, "affiliate", &payload).await?);
    }
    let mut campaigns = Vec::with_capacity(CAMPAIGNS.len());
    for seed in &CAMPAIGNS {
        let platforms: Vec<&str> = seed.platforms.iter().map(|kind| kind.as_str()).collect();
        let input = json!({
            "name": seed.name, "platforms": platforms, "policy": terms(seed).policy() });
        let owner = &advertisers[seed.advertiser];
        let payload = owner.caller.mutate(CREATE_CAMPAIGN, input).await?;
        campaigns.push(required(&payload, "/campaign/id")?);
    }
    let applications = apply(operator, &advertisers, &affiliates).await?;
    Ok(Planted {
        advertisers,
        affiliates,
        campaigns,
        applications,
    })
}

/// Creates the first advertiser, whose name is free only in a run that has not been.
async fn first_advertiser(operator: &Caller) -> anyhow::Result<(u32, Party)> {
    let seed = &ADVERTISERS[0];
    for run in 1..=MOST_RUNS {
        let payload = operator
            .try_mutate(CREATE_ADVERTISER, advertiser_input(seed, run))
            .await?;
        match refusal(&payload) {
            None => {
                let name = named(seed.name, run);
                let party = join(operator.api(), name, "advertiser", &payload).await?;
                return Ok((run, party));
            }
            Some("CONFLICT") => {}
            Some(code) => bail!("an advertiser was refused: {code}"),
        }
    }
    bail!("this database has had {MOST_RUNS} runs")
}

fn advertiser_input(seed: &AdvertiserSeed, run: u32) -> Value {
    json!({
        "name": named(seed.name, run), "category": seed.category, "website": seed.website })
}

fn named(name: &str, run: u32) -> String {
    if run == 1 {
        name.to_owned()
    } else {
        format!("{name} {run}")
    }
}

/// Signs a new party in with its first key.
async fn join(api: &Api, name: String, noun: &str, payload: &Value) -> anyhow::Result<Party> {
    let key = Secret::new(required(payload, "/apiKey")?);
    Ok(Party {
        id: required(payload, &format!("/{noun}/id"))?,
        name,
        caller: api.sign_in(&key).await?,
        key,
    })
}

/// Makes affiliates eligible, and lets them apply.
async fn apply(
    operator: &Caller,
    advertisers: &[Party],
    affiliates: &[Party],
) -> anyhow::Result<Vec<Application>> {
    let mut applications = Vec::new();
    for (place, advertiser) in advertisers.iter().enumerate() {
        let eligible: Vec<&Party> = affiliates
            .iter()
            .enumerate()
            .filter(|(affiliate, _)| works_with(*affiliate, place))
            .map(|(_, party)| party)
            .collect();
        let ids: Vec<&str> = eligible.iter().map(|party| party.id.as_str()).collect();
        let input = json!({
            "advertiserId": advertiser.id, "affiliateIds": ids, "eligible": true });
        operator.mutate(SET_ELIGIBILITY, input).await?;
        for affiliate in eligible {
            let input = json!({
                "advertiserId": advertiser.id, "message": "I would like to post about you." });
            let payload = affiliate.caller.mutate(APPLY, input).await?;
            applications.push(Application {
                id: required(&payload, "/application/id")?,
                advertiser: place,
            });
        }
    }
    Ok(applications)
}

impl Planted {
    /// How many applications were made.
    pub(super) const fn applications(&self) -> usize {
        self.applications.len()
    }

    /// Waits until the queued jobs have approved every application.
    ///
    /// # Errors
    /// They have not for a minute.
    pub(super) async fn approved(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let mut approved = 0;
            for advertiser in &self.advertisers {
                let variables = json!({ "advertiser": advertiser.id });
                let data = advertiser.caller.query(APPLICATIONS, variables).await?;
                approved += data
                    .pointer("/applications/nodes")
                    .and_then(Value::as_array)
                    .map_or(0, Vec::len);
            }
            if approved == self.applications.len() {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "only {approved} of {} applications were approved within a minute",
                self.applications.len()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Approves every application as its advertiser, where no worker does it.
    ///
    /// # Errors
    /// The API refuses it for another reason than that a worker was faster.
    pub(super) async fn approve(&self) -> anyhow::Result<()> {
        for application in &self.applications {
            let advertiser = &self.advertisers[application.advertiser];
            let input = json!({ "applicationId": application.id, "approve": true });
            let payload = advertiser.caller.try_mutate(DECIDE, input).await?;
            if let Some(code) = refusal(&payload).filter(|code| *code != "ALREADY_DECIDED") {
                let message = text(&payload, "/userErrors/0/message").unwrap_or_default();
                bail!("an application was not approved: {message} ({code})");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_later_run_have_its_number() {
        assert_eq!(named("Lumen Desk", 1), "Lumen Desk");
        assert_eq!(named("Lumen Desk", 12), "Lumen Desk 12");
    }
}
