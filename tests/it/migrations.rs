//! The migrations: safe to run by several nodes at once and twice, undone without a trace, and what they promise of every
//! table held by looking at the catalog, so that a table of tomorrow is held to it too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use countersign::db::{Pool, migrate};
use tokio_postgres::error::SqlState;

use crate::support::Database;

/// The tables of evidence. New ones are added to, and never changed.
const APPEND_ONLY: [(&str, &str); 7] = [
    ("affiliate_reports", "evidence"),
    ("alert_events", "kind"),
    ("order_revisions", "body"),
    ("platform_reports", "gone"),
    ("policies", "version"),
    ("reconciliation_logs", "explanation"),
    ("trust_events", "accurate"),
];

/// Everything that the database has beyond an empty one, a line each, but for diesel's own list of what was run.
const CATALOG: &str = "SELECT line FROM ( \
    SELECT format('column %s.%s %s %s %s %s %s', c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
        a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'c', 'v') \
    UNION ALL SELECT format('relation %s %s %s', relkind, relname, reloptions) \
    FROM pg_class WHERE relnamespace = 'public'::regnamespace \
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace \
    UNION ALL SELECT 'index ' || pg_get_indexdef(oid) \
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i' \
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
    UNION ALL SELECT format('trigger %s %s', tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal \
    UNION ALL SELECT format('type %s %s', typtype, typname) FROM pg_type WHERE typnamespace = 'public'::regnamespace \
    UNION ALL SELECT 'extension ' || extname FROM pg_extension \
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_' \
    ) lines WHERE line !~ '__diesel_schema_migrations' ORDER BY line COLLATE \"C\"";

async fn lines(database: &Database, query: &str) -> Vec<String> {
    let rows = database.connect().await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The migrations in the repository, as diesel names them.
fn versions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut versions: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let (version, _) = name.split_once('_').unwrap();
            version.replace('-', "")
        })
        .collect();
    versions.sort_unstable();
    versions
}

/// Runs statements that must be refused, and gives the code and the constraint.
async fn refusal(database: &Database, statements: &str) -> (SqlState, String) {
    let client = database.connect().await;
    let Err(error) = client.batch_execute(statements).await else {
        panic!("accepted: {statements}");
    };
    let error = error
        .as_db_error()
        .unwrap_or_else(|| panic!("{statements}: {error}"));
    let constraint = error.constraint().unwrap_or_default().to_owned();
    (error.code().clone(), constraint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_database_gets_every_migration_and_the_second_run_finds_nothing_to_do() {
    let database = Database::bare().await;
    let pool = Pool::new(&database.url, 2).unwrap();
    assert!(!migrate::is_current(&pool).await.unwrap());
    assert_eq!(migrate::run(&pool).await.unwrap(), versions());
    assert!(migrate::is_current(&pool).await.unwrap());
    assert_eq!(migrate::run(&pool).await.unwrap(), Vec::<String>::new());
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_that_start_at_once_one_migrates_and_none_fails() {
    let database = Database::bare().await;
    let nodes: Vec<_> = (0..3)
        .map(|_| {
            let url = database.url.clone();
            // A runtime of its own, as a process has.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    let pool = Pool::new(&url, 2).unwrap();
                    migrate::run(&pool).await.unwrap()
                })
            })
        })
        .collect();
    let mut ran: Vec<Vec<String>> = nodes
        .into_iter()
        .map(|node| node.join().expect("a node failed"))
        .collect();
    ran.sort_unstable();
    assert_eq!(ran, [vec![], vec![], versions()]);
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_every_migration_leaves_nothing_and_doing_them_again_gives_the_same() {
    let database = Database::bare().await;
    let pool = Pool::new(&database.url, 2).unwrap();
    let empty = lines(&database, CATALOG).await;
    migrate::run(&pool).await.unwrap();
    let full = lines(&database, CATALOG).await;
    assert!(full.len() > empty.len() + 500, "{} lines", full.len());

    let mut undone = migrate::revert_all(&pool).await.unwrap();
    undone.reverse();
    assert_eq!(undone, versions());
    assert_eq!(lines(&database, CATALOG).await, empty);

    migrate::run(&pool).await.unwrap();
    assert_eq!(lines(&database, CATALOG).await, full);
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_led_by_its_columns() {
    let database = Database::create().await;
    // A partial index serves where it leaves out only rows that refer to nothing.
    let without = lines(
        &database,
        "SELECT conrelid::regclass || ': ' || conname FROM pg_constraint c \
         WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS ( \
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indisvalid \
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', \
                (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]))) \
            AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey \
            AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] <@ c.conkey)",
    )
    .await;
    assert_eq!(without, Vec::<String>::new());
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_constraint_has_a_name_that_stands_in_a_migration() {
    let database = Database::create().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let statements: String = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .filter(|path| path.exists())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let words: Vec<&str> = statements.split_whitespace().collect();
    // NOT NULL has a name from PostgreSQL 18 on, and it says nothing that the column does not.
    let named = lines(
        &database,
        "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n' \
         AND conrelid <> to_regclass('__diesel_schema_migrations')",
    )
    .await;
    assert!(named.len() > 100, "{named:?}");
    let invented: Vec<&String> = named
        .iter()
        .filter(|name| {
            !words
                .windows(2)
                .any(|pair| pair[0] == "CONSTRAINT" && pair[1] == name.as_str())
        })
        .collect();
    assert!(invented.is_empty(), "named by nobody: {invented:?}");
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_counts_are_64_bits_wide() {
    let database = Database::create().await;
    let narrow = lines(
        &database,
        "SELECT table_name || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND data_type IN ('integer', 'smallint') \
         AND (column_name ~ '(^|_)(id|views|clicks|conversions|submissions|floor|position|length)$')",
    )
    .await;
    assert_eq!(narrow, Vec::<String>::new());
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_cannot_be_changed_removed_or_truncated_by_anybody() {
    let database = Database::create().await;
    for (table, column) in APPEND_ONLY {
        // CASCADE, because a table that others refer to is refused for that alone.
        for statement in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
        ] {
            let (code, constraint) = refusal(&database, &statement).await;
            assert_eq!(code, SqlState::RESTRICT_VIOLATION, "{statement}");
            assert_eq!(constraint, format!("{table}_append_only"), "{statement}");
        }
    }
    // Those that hold it are named above, and what refers to evidence never takes it away with itself.
    let guarded = lines(
        &database,
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_append\\_only' ORDER BY 1",
    )
    .await;
    assert_eq!(guarded, APPEND_ONLY.map(|(table, _)| table));
    let loose = lines(
        &database,
        "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'f' \
         AND (confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r'))",
    )
    .await;
    assert_eq!(loose, Vec::<String>::new());
    database.drop_it().await;
}

/// An observation of post 1 with these columns of views, and nothing else told.
fn observation(columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO platform_reports (post_id, platform, clicks_availability, conversions_availability, raw_data, \
         raw_hash, fetched_at, {columns}) VALUES (1, 'REDDIT', 'UNSUPPORTED', 'UNSUPPORTED', '{{}}', \
         repeat('0', 64), now(), {values})"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_cannot_be_are_refused_by_the_database_itself() {
    let database = Database::create().await;
    let claim = |column: &str, value: &str| {
        format!(
            "INSERT INTO affiliate_reports (post_id, policy_id, {column}, views_definition, submission_method) \
             VALUES (1, 1, {value}, 'x', 'API')"
        )
    };
    let known = "platform_reports_views_known";
    for (statement, constraint) in [
        (claim("claimed_views", "-1"), "affiliate_reports_claimed_views_range"),
        (claim("claimed_clicks", "-1"), "affiliate_reports_claimed_clicks_range"),
        (claim("claimed_conversions", "-1"), "affiliate_reports_claimed_conversions_range"),
        (claim("claimed_views", "9007199254740992"), "affiliate_reports_claimed_views_range"),
        (claim("claimed_views", "NULL"), "affiliate_reports_something_claimed"),
        (
            observation(
                "views, views_definition, views_grade, views_availability",
                "-1, 'x', 'PUBLIC', 'REPORTED'",
            ),
            "platform_reports_views_nonnegative",
        ),
        (observation("views_availability", "'REPORTED'"), known),
        (observation("views_availability", "'MISSING'"), known),
        (observation("views, views_availability", "5, 'REPORTED'"), known),
        (observation("views, views_availability", "0, 'UNAVAILABLE'"), known),
        (observation("views, views_availability", "0, 'UNSUPPORTED'"), known),
        (
            "INSERT INTO affiliates (name, trust_score) VALUES ('a', 1.01)".to_owned(),
            "affiliates_trust_score_range",
        ),
        (
            "INSERT INTO affiliates (name, trust_score) VALUES ('a', -0.01)".to_owned(),
            "affiliates_trust_score_range",
        ),
        (
            "INSERT INTO affiliates (name, total_submissions, accurate_submissions) VALUES ('a', 1, 2)".to_owned(),
            "affiliates_accurate_submissions_range",
        ),
        (
            "INSERT INTO trust_events (affiliate_id, reconciliation_id, accurate, score_before, score_after, created_at) \
             VALUES (1, 1, true, 1, 1.01, now())"
                .to_owned(),
            "trust_events_score_after_range",
        ),
        (
            "INSERT INTO alerts (kind, dedupe_key, message, created_at, status, resolved_at, resolved_by) \
             VALUES ('TRUST_DROP', 'x', 'x', now(), 'RESOLVED', now(), 'x')"
                .to_owned(),
            "alerts_resolution_complete",
        ),
    ] {
        let refused = refusal(&database, &statement).await;
        let expected = (SqlState::CHECK_VIOLATION, constraint.to_owned());
        assert_eq!(refused, expected, "{statement}");
    }
    database.drop_it().await;
}

/// One post (1) with one claim (1) under one policy (1), by one affiliate (1) in one campaign (1).
const ONE_CLAIM: &str = "INSERT INTO advertisers (name) VALUES ('a'); \
    INSERT INTO affiliates (name) VALUES ('a'); \
    INSERT INTO campaigns (advertiser_id, name, status) VALUES (1, 'a', 'ACTIVE'); \
    INSERT INTO campaign_platforms (campaign_id, platform, views_definition) VALUES (1, 'REDDIT', 'x'), (1, 'META', 'x'); \
    INSERT INTO policies (campaign_id, version, low_below_percent, high_above_percent, absolute_floor, alert_from, \
        recheck_hours) VALUES (1, 1, 5, 20, 10, 'MEDIUM', '{1}'); \
    INSERT INTO posts (campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, status) \
        VALUES (1, 1, 'REDDIT', 'u', 'u', 'n', 'TRACKING'); \
    INSERT INTO affiliate_reports (post_id, policy_id, claimed_views, views_definition, submission_method) \
        VALUES (1, 1, 1, 'x', 'API');";

#[tokio::test(flavor = "multi_thread")]
async fn a_post_has_one_row_and_a_claim_has_one_verdict_that_stands() {
    let database = Database::create().await;
    database.execute(ONE_CLAIM).await;
    let post = |platform: &str, url: &str, native_id: &str| {
        format!(
            "INSERT INTO posts (campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, status) \
             VALUES (1, 1, '{platform}', 'another spelling', '{url}', '{native_id}', 'TRACKING')"
        )
    };
    let verdict = |position: i64, finality: &str| {
        format!(
            "INSERT INTO reconciliation_logs (affiliate_report_id, affiliate_id, post_id, policy_id, status, finality, \
             comparisons, explanation, chain_position, previous_hash, hash, processed_at) \
             VALUES (1, 1, 1, 1, 'MATCHED', '{finality}', '[]', 'x', {position}, repeat('0', 64), repeat('1', 64), now())"
        )
    };
    database.execute(&post("META", "u", "n")).await;
    database.execute(&verdict(1, "PROVISIONAL")).await;
    database.execute(&verdict(2, "PROVISIONAL")).await;
    database.execute(&verdict(3, "FINAL")).await;
    for (statement, constraint) in [
        (post("REDDIT", "u", "other"), "posts_url_key"),
        (post("REDDIT", "other", "n"), "posts_native_id_key"),
        (verdict(4, "FINAL"), "reconciliation_logs_final_key"),
        (verdict(3, "PROVISIONAL"), "reconciliation_logs_chain_key"),
    ] {
        let refused = refusal(&database, &statement).await;
        let expected = (SqlState::UNIQUE_VIOLATION, constraint.to_owned());
        assert_eq!(refused, expected, "{statement}");
    }
    database.drop_it().await;
}
