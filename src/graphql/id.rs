//! Global ids: opaque, and typed, so that the id of one kind of thing is never taken for another's.

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// What a global id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An advertiser.
    Advertiser,
    /// An affiliate.
    Affiliate,
    /// A claim.
    AffiliateReport,
    /// An alert.
    Alert,
    /// An application.
    Application,
    /// A campaign.
    Campaign,
    /// An order.
    Order,
    /// An observation.
    PlatformReport,
    /// A post.
    Post,
    /// A verdict.
    Reconciliation,
    /// A run.
    ReconciliationRun,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Advertiser,
        Self::Affiliate,
        Self::AffiliateReport,
        Self::Alert,
        Self::Application,
        Self::Campaign,
        Self::Order,
        Self::PlatformReport,
        Self::Post,
        Self::Reconciliation,
        Self::ReconciliationRun,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "Advertiser",
            Self::Affiliate => "Affiliate",
            Self::AffiliateReport => "AffiliateReport",
            Self::Alert => "Alert",
            Self::Application => "Application",
            Self::Campaign => "Campaign",
            Self::Order => "Order",
            Self::PlatformReport => "PlatformReport",
            Self::Post => "Post",
            Self::Reconciliation => "Reconciliation",
            Self::ReconciliationRun => "ReconciliationRun",
        }
    }

    /// The global id of a row.
    #[must_use]
    pub fn id(self, row: i64) -> ID {
        ID(URL_SAFE_NO_PAD.encode(format!("{}:{row}", self.name())))
    }

    /// The row that a global id of this kind names.
    ///
    /// # Errors
    /// It is not an id, or one of another kind.
    pub fn row(self, argument: &str, id: &ID) -> Result<i64, Error> {
        match parse(id) {
            Some((kind, row)) if kind == self => Ok(row),
            Some((kind, _)) => Err(Error::BadInput(format!(
                "{argument}: this is the id of {} {}, not of {} {}",
                kind.article(),
                kind.name(),
                self.article(),
                self.name()
            ))),
            None => Err(Error::BadInput(format!(
                "{argument}: this is not an id of this server"
            ))),
        }
    }

    /// As [`Kind::row`], for an argument that may be missing.
    ///
    /// # Errors
    /// As [`Kind::row`].
    pub fn optional_row(self, argument: &str, id: Option<&ID>) -> Result<Option<i64>, Error> {
        id.map(|id| self.row(argument, id)).transpose()
    }

    const fn article(self) -> &'static str {
        match self {
            Self::Advertiser
            | Self::Affiliate
            | Self::AffiliateReport
            | Self::Alert
            | Self::Application
            | Self::Order => "an",
            _ => "a",
        }
    }
}

/// What a global id names, if it is one.
#[must_use]
pub fn parse(id: &ID) -> Option<(Kind, i64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?).ok()?;
    let (name, row) = text.split_once(':')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let row: i64 = row.parse().ok()?;
    // One spelling for each id: "+7" and "007" are none.
    (kind.id(row) == *id).then_some((kind, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_row_of_one_kind() {
        let id = Kind::Post.id(7);
        assert_eq!(parse(&id), Some((Kind::Post, 7)));
        assert_eq!(Kind::Post.row("postId", &id).unwrap(), 7);
        let error = Kind::Campaign
            .row("campaignId", &id)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "campaignId: this is the id of a Post, not of a Campaign"
        );
        for text in ["", "7", "UG9zdDo", "UG9zdDowMDc", "UG9zdDorNw", "ä"] {
            assert!(
                Kind::Post.row("postId", &ID(text.into())).is_err(),
                "{text}"
            );
        }
    }
}
