//! What the table of rights in src/domain/access.rs lets somebody read, in SQL that shares nothing with the server's.

use std::collections::BTreeSet;

use crate::support::Database;

/// Of each kind, a query for the ids of what somebody may read.
pub struct Rights {
    advertisers: String,
    affiliates: String,
    applications: String,
    campaigns: String,
    posts: String,
    alerts: String,
    orders: String,
    channels: String,
}

impl Rights {
    /// "all".
    pub fn of_operators() -> Self {
        let all = |table: &str| format!("SELECT id FROM {table}");
        Self {
            advertisers: all("advertisers"),
            affiliates: all("affiliates"),
            applications: all("applications"),
            campaigns: all("campaigns"),
            posts: all("posts"),
            alerts: all("alerts"),
            orders: all("orders"),
            channels: all("alert_channels"),
        }
    }

    /// "its own", "in its campaigns", "those with an application or post at it", "not PLATFORM_DEGRADED".
    pub fn of_advertiser(id: i64) -> Self {
        let campaigns = format!("SELECT id FROM campaigns WHERE advertiser_id = {id}");
        let posts = format!("SELECT id FROM posts WHERE campaign_id IN ({campaigns})");
        Self {
            advertisers: format!("SELECT {id} AS id"),
            affiliates: format!(
                "SELECT affiliate_id AS id FROM applications WHERE advertiser_id = {id} \
                 UNION SELECT affiliate_id FROM posts WHERE id IN ({posts})"
            ),
            applications: format!("SELECT id FROM applications WHERE advertiser_id = {id}"),
            alerts: format!("SELECT id FROM alerts WHERE campaign_id IN ({campaigns})"),
            orders: format!("SELECT id FROM orders WHERE advertiser_id = {id}"),
            channels: format!("SELECT id FROM alert_channels WHERE advertiser_id = {id}"),
            campaigns,
            posts,
        }
    }

    /// "itself", "those it is eligible for", "ACTIVE ones of advertisers it is approved for, and those it posted in",
    /// "those on its posts".
    pub fn of_affiliate(id: i64) -> Self {
        let posts = format!("SELECT id FROM posts WHERE affiliate_id = {id}");
        Self {
            advertisers: format!(
                "SELECT advertiser_id AS id FROM eligibility WHERE affiliate_id = {id}"
            ),
            affiliates: format!("SELECT {id} AS id"),
            applications: format!("SELECT id FROM applications WHERE affiliate_id = {id}"),
            campaigns: format!(
                "SELECT campaigns.id FROM campaigns JOIN applications USING (advertiser_id) \
                 WHERE campaigns.status = 'ACTIVE' AND applications.status = 'APPROVED' AND affiliate_id = {id} \
                 UNION SELECT campaign_id FROM posts WHERE affiliate_id = {id}"
            ),
            alerts: format!(
                "SELECT id FROM alerts WHERE post_id IN ({posts}) \
                 OR (kind = 'TRUST_DROP' AND affiliate_id = {id})"
            ),
            orders: format!("SELECT id FROM orders WHERE affiliate_id = {id}"),
            channels: "SELECT id FROM alert_channels WHERE false".to_owned(),
            posts,
        }
    }

    /// Everything that may be read, such as `Post:7`.
    pub async fn objects(&self, database: &Database) -> BTreeSet<String> {
        let on_posts =
            |table: &str| format!("SELECT id FROM {table} WHERE post_id IN ({})", self.posts);
        let each = [
            ("Advertiser", self.advertisers.clone()),
            ("Affiliate", self.affiliates.clone()),
            ("AffiliateReport", on_posts("affiliate_reports")),
            ("Alert", self.alerts.clone()),
            ("AlertChannel", self.channels.clone()),
            (
                "AlertDelivery",
                format!(
                    "SELECT id FROM alert_deliveries WHERE channel_id IN ({})",
                    self.channels
                ),
            ),
            ("Application", self.applications.clone()),
            ("Campaign", self.campaigns.clone()),
            ("Order", self.orders.clone()),
            ("PlatformReport", on_posts("platform_reports")),
            ("Post", self.posts.clone()),
            ("Reconciliation", on_posts("reconciliation_logs")),
        ]
        .map(|(kind, ids)| format!("SELECT '{kind}:' || id FROM ({ids}) AS listed"));
        let client = database.connect().await;
        let rows = client.query(&each.join(" UNION ALL "), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}
