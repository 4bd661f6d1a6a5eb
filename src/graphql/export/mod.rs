//! Lists as rows of text, for spreadsheets: the same rights and the same filters as the lists of the API.

mod list;
mod parameters;
mod rows;

use self::parameters::{object, parsed};
use self::rows::{
    advertisers, affiliates, alerts, applications, campaigns, discrepancies, orders, posts,
};
use super::affiliate::AffiliateFilter;
use super::alert::AlertFilter;
use super::application::ApplicationFilter;
use super::campaign::CampaignFilter;
use super::order::OrderFilter;
use super::post::PostFilter;
use super::reconciliation::DiscrepancyFilter;
use crate::app::App;
use crate::domain::read::{self, AffiliateField, AffiliateKey, AffiliatePage};
use crate::domain::{Keyset, Slice, Viewer};
use crate::error::Error;

pub use self::list::List;

/// Rows that are read at once.
const PAGE: i64 = 1000;

/// One row, a text for each column.
pub type Row = Vec<String>;

/// The parameters of an export, read.
enum Filter {
    Advertisers(read::AdvertiserFilter),
    Affiliates(read::AffiliateFilter),
    Alerts(read::AlertFilter),
    Applications(read::ApplicationFilter),
    Campaigns(read::CampaignFilter),
    Discrepancies(read::DiscrepancyFilter),
    Orders(read::OrderFilter),
    Posts(read::PostFilter),
}

/// An export that is under way: page by page, newest first.
pub struct Export {
    app: App,
    viewer: Viewer,
    filter: Filter,
    after: Option<i64>,
    ended: bool,
}

impl Export {
    /// Begins an export with the parameters of a query string.
    ///
    /// # Errors
    /// A parameter that the list does not take, or that is not what it must be.
    pub fn new(
        app: &App,
        viewer: Viewer,
        list: List,
        parameters: &[(String, String)],
    ) -> Result<Self, Error> {
        object(list, parameters)?;
        let filter = match list {
            List::Advertisers => {
                let text = |name: &'static str| {
                    let found = parameters.iter().find(|(key, _)| key == name);
                    read::text(name, found.map(|(_, value)| value.clone()))
                };
                Filter::Advertisers(read::AdvertiserFilter {
                    category: text("category")?,
                    search: text("search")?,
                    ..read::AdvertiserFilter::default()
                })
            }
            List::Affiliates => {
                Filter::Affiliates(parsed::<AffiliateFilter>(list, parameters)?.rows()?)
            }
            List::Alerts => Filter::Alerts(parsed::<AlertFilter>(list, parameters)?.rows()?),
            List::Applications => {
                Filter::Applications(parsed::<ApplicationFilter>(list, parameters)?.rows()?)
            }
            List::Campaigns => {
                Filter::Campaigns(parsed::<CampaignFilter>(list, parameters)?.rows()?)
            }
            List::Discrepancies => {
                Filter::Discrepancies(parsed::<DiscrepancyFilter>(list, parameters)?.rows()?)
            }
            List::Orders => Filter::Orders(parsed::<OrderFilter>(list, parameters)?.rows()?),
            List::Posts => Filter::Posts(parsed::<PostFilter>(list, parameters)?.rows()?),
        };
        Ok(Self {
            app: app.clone(),
            viewer,
            filter,
            after: None,
            ended: false,
        })
    }

    /// The next rows; none where there are no more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let (app, viewer) = (&self.app, &self.viewer);
        let page = Keyset {
            after: self.after,
            before: None,
            limit: PAGE,
            from_end: false,
            total: false,
        };
        macro_rules! pages {
            ($read:ident, $filter:expr, $rows:ident) => {{
                let mut pages = read::$read(app, viewer, &[($filter.clone(), page)]).await?;
                let slice = pages
                    .pop()
                    .ok_or_else(|| Error::internal("a page was not read"))?;
                let last = slice.rows.last().map(|row| row.id);
                (last, slice.more, $rows(app, viewer, slice.rows).await?)
            }};
        }
        let (last, more, rows) = match &self.filter {
            Filter::Advertisers(filter) => pages!(advertisers, filter, advertisers),
            Filter::Alerts(filter) => pages!(alerts, filter, alerts),
            Filter::Applications(filter) => pages!(applications, filter, applications),
            Filter::Campaigns(filter) => pages!(campaigns, filter, campaigns),
            Filter::Discrepancies(filter) => pages!(discrepancies, filter, discrepancies),
            Filter::Orders(filter) => pages!(orders, filter, orders),
            Filter::Posts(filter) => pages!(posts, filter, posts),
            Filter::Affiliates(filter) => {
                let wanted = AffiliatePage {
                    field: AffiliateField::CreatedAt,
                    descending: true,
                    after: self.after.map(|id| (AffiliateKey::Id, id)),
                    before: None,
                    limit: PAGE,
                    from_end: false,
                    total: false,
                };
                let Slice { rows, more, .. } =
                    read::affiliates(app, viewer, filter, &wanted).await?;
                let last = rows.last().map(|row| row.id);
                (last, more, affiliates(viewer, rows))
            }
        };
        self.after = last;
        self.ended = !more;
        Ok(Some(rows))
    }
}
