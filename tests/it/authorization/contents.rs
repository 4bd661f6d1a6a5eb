//! What a database holds, to see that a refused call changed nothing.

use std::collections::BTreeMap;

use crate::support::Database;

/// What is written some time after what it is about, and is nobody's: what calls to platforms showed.
const LATE: [&str; 1] = ["platform_health"];

/// Each table with the number of its rows and a hash over what is in them, but for those that are written late.
pub async fn contents(database: &Database) -> BTreeMap<String, (i64, String)> {
    let client = database.connect().await;
    let tables = tables(&client).await.into_iter();
    let each = tables.filter(|table| !LATE.contains(&table.as_str())).map(|table| {
        format!(
            "SELECT '{table}'::text, count(*), md5(coalesce(string_agg(t::text, '\n' ORDER BY t::text), '')) \
             FROM \"{table}\" t"
        )
    });
    let query = each.collect::<Vec<_>>().join(" UNION ALL ");
    let rows = client.query(&query, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect()
}

/// Every row of every table, as text.
pub async fn everything(database: &Database) -> String {
    let client = database.connect().await;
    let mut text = String::new();
    for table in tables(&client).await {
        let query = format!("SELECT t::text FROM \"{table}\" t");
        for row in client.query(&query, &[]).await.unwrap() {
            text.push_str(row.get(0));
            text.push('\n');
        }
    }
    text
}

async fn tables(client: &tokio_postgres::Client) -> Vec<String> {
    let query = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let rows = client.query(query, &[]).await.unwrap();
    assert!(rows.len() > 15, "the tables were not found");
    rows.iter().map(|row| row.get(0)).collect()
}
