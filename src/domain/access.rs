//! Who may do what: the one table of rights.
//!
//! Each field of the API's root types has a row here, and so has each export; the API refuses what has none. What a caller reaches of
//! the things that a field gives (all of them, or its own) is [`Viewer::scope`]; that what lies outside of it answers as if
//! it did not exist is [`super::visible`].

use crate::error::Error;
use crate::model::{Role, Scope};

/// On whose behalf a caller acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Runs the server.
    Operator,
    /// Acts for this advertiser.
    Advertiser(i64),
    /// Is this affiliate.
    Affiliate(i64),
}

/// Somebody who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    /// The user.
    pub user_id: i64,
    /// On whose behalf.
    pub principal: Principal,
}

impl Viewer {
    /// The viewer's role.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self.principal {
            Principal::Operator => Role::Operator,
            Principal::Advertiser(_) => Role::Advertiser,
            Principal::Affiliate(_) => Role::Affiliate,
        }
    }

    /// Whose rows the viewer may see.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self.principal {
            Principal::Operator => Scope::All,
            Principal::Advertiser(id) => Scope::Advertiser(id),
            Principal::Affiliate(id) => Scope::Affiliate(id),
        }
    }

    /// The affiliate that the viewer is.
    ///
    /// # Errors
    /// The viewer is none.
    pub const fn affiliate(&self) -> Result<i64, Error> {
        match self.principal {
            Principal::Affiliate(id) => Ok(id),
            _ => Err(Error::Forbidden(
                "only an affiliate can do this, for itself",
            )),
        }
    }

    /// The advertiser to act for: the viewer's own, or the one that an operator names.
    ///
    /// # Errors
    /// An advertiser names another one, an operator names none, or the viewer is an affiliate.
    pub fn advertiser(&self, named: Option<i64>) -> Result<i64, Error> {
        match (self.principal, named) {
            (Principal::Advertiser(own), None) => Ok(own),
            (Principal::Advertiser(own), Some(named)) if own == named => Ok(own),
            (Principal::Advertiser(_), Some(_)) => {
                Err(Error::Forbidden("an advertiser acts for itself only"))
            }
            (Principal::Operator, Some(named)) => Ok(named),
            (Principal::Operator, None) => Err(Error::BadInput(
                "advertiserId: an operator must say for which advertiser".into(),
            )),
            (Principal::Affiliate(_), _) => Err(Error::Forbidden("an affiliate cannot do this")),
        }
    }
}

/// Who may call a root field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anybody, signed in or not.
    Everyone,
    /// Whoever is signed in with one of these roles.
    Roles(&'static [Role]),
}

use Role::{Advertiser, Affiliate, Operator};

const ALL: Callers = Callers::Roles(&[Operator, Advertiser, Affiliate]);
const PROGRAM: Callers = Callers::Roles(&[Operator, Advertiser]);
const OPERATORS: Callers = Callers::Roles(&[Operator]);
const AFFILIATES: Callers = Callers::Roles(&[Affiliate]);
const OPERATORS_AND_AFFILIATES: Callers = Callers::Roles(&[Operator, Affiliate]);

/// The table of rights: each root field and who may call it.
pub const TABLE: &[(&str, Callers)] = &[
    // Queries.
    ("node", ALL),
    ("nodes", ALL),
    ("viewer", ALL),
    ("advertisers", ALL),
    ("advertiser", ALL),
    ("campaigns", ALL),
    ("campaign", ALL),
    ("posts", ALL),
    ("post", ALL),
    ("affiliates", ALL),
    ("affiliate", ALL),
    ("applications", ALL),
    ("orders", ALL),
    ("discrepancies", ALL),
    ("reconciliationRun", ALL),
    ("verifyAuditTrail", ALL),
    ("simulatePolicy", PROGRAM),
    ("queue", OPERATORS),
    ("reconciliation", ALL),
    ("alerts", ALL),
    ("platforms", ALL),
    ("platform", ALL),
    // Mutations.
    ("issueToken", Callers::Everyone),
    ("refreshToken", Callers::Everyone),
    ("revokeToken", Callers::Everyone),
    ("createApiKey", ALL),
    ("createAdvertiser", OPERATORS),
    ("createAffiliate", OPERATORS),
    ("setEligibility", PROGRAM),
    ("applyToAdvertiser", AFFILIATES),
    ("decideApplication", PROGRAM),
    ("createCampaign", PROGRAM),
    ("updateCampaignPlatforms", PROGRAM),
    ("updateCampaign", PROGRAM),
    ("updateAdvertiser", PROGRAM),
    ("updateAffiliate", OPERATORS_AND_AFFILIATES),
    ("revokeApiKey", ALL),
    ("withdrawApplication", AFFILIATES),
    ("endApplication", ALL),
    ("rotateWebhookSecret", PROGRAM),
    ("updatePlatformConfig", OPERATORS),
    ("runReconciliation", PROGRAM),
    ("fetchPlatformMetrics", PROGRAM),
    ("retryJob", OPERATORS),
    ("discardJob", OPERATORS),
    ("submitPost", AFFILIATES),
    ("submitPosts", AFFILIATES),
    ("submitReport", AFFILIATES),
    ("linkPlatformCredential", AFFILIATES),
    ("unlinkPlatformCredential", AFFILIATES),
    ("acknowledgeAlert", PROGRAM),
    ("resolveAlert", PROGRAM),
    ("createAlertChannel", PROGRAM),
    ("updateAlertChannel", PROGRAM),
    ("rotateAlertChannelSecret", PROGRAM),
    ("deleteAlertChannel", PROGRAM),
    ("sendTestAlert", PROGRAM),
    ("retryAlertDelivery", PROGRAM),
    // Subscriptions.
    ("alertRaised", ALL),
    ("reportReconciled", ALL),
];

/// Lists as CSV, by HTTP, and who may ask for them. What is in them is what the list of the API holds.
pub const EXPORTS: &[(&str, Callers)] = &[
    ("export advertisers", ALL),
    ("export affiliates", ALL),
    ("export alerts", ALL),
    ("export applications", ALL),
    ("export campaigns", ALL),
    ("export discrepancies", ALL),
    ("export orders", ALL),
    ("export posts", ALL),
];

/// Whether the caller may call the root field, or ask for the export.
///
/// # Errors
/// Nobody is signed in, the role may not, or the field has no row in the table.
pub fn authorise(viewer: Option<&Viewer>, field: &str) -> Result<(), Error> {
    let mut rows = TABLE.iter().chain(EXPORTS);
    let Some((_, callers)) = rows.find(|(name, _)| *name == field) else {
        return Err(Error::internal(format!(
            "the table of rights has no row for {field}"
        )));
    };
    match (callers, viewer) {
        (Callers::Everyone, _) => Ok(()),
        (Callers::Roles(_), None) => Err(Error::Unauthenticated),
        (Callers::Roles(roles), Some(viewer)) if roles.contains(&viewer.role()) => Ok(()),
        (Callers::Roles(_), Some(_)) => Err(Error::Forbidden("your role may not do this")),
    }
}
