//! A database for one test, cloned from a migrated template.

use countersign::db::{Pool, migrate};
use tokio_postgres::NoTls;

/// Everybody who makes the template holds this lock on the maintenance database.
const LOCK: i64 = 0x7465_6d70;

/// A database of one test.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where it is.
    pub url: String,
    name: String,
}

/// Where the tests' server is.
pub fn maintenance_url() -> String {
    std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL must name a database to make others from: run the tests by `make test`",
    )
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The same server's URL with another database. The path of the URL is the database.
fn with_database(url: &str, name: &str) -> String {
    let (front, query) = url
        .split_once('?')
        .map_or((url, None), |(front, query)| (front, Some(query)));
    let (server, _) = front.rsplit_once('/').unwrap();
    match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    }
}

impl Database {
    /// An empty database, migrated.
    pub async fn create() -> Self {
        let maintenance = maintenance_url();
        let client = connect(&maintenance).await;
        let template = template(&client, &maintenance).await;
        Self::from(&client, &maintenance, &format!("TEMPLATE {template}")).await
    }

    /// A database in which nothing was run.
    pub async fn bare() -> Self {
        let maintenance = maintenance_url();
        let client = connect(&maintenance).await;
        Self::from(&client, &maintenance, "TEMPLATE template0").await
    }

    async fn from(client: &tokio_postgres::Client, maintenance: &str, how: &str) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        client
            .batch_execute(&format!("CREATE DATABASE {name} {how}"))
            .await
            .unwrap();
        Self {
            url: with_database(maintenance, &name),
            name,
        }
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        self.connect().await.batch_execute(sql).await.unwrap();
    }

    /// The first column of the first row of a query, as text.
    pub async fn text(&self, sql: &str) -> String {
        let row = self
            .connect()
            .await
            .query_one(&format!("SELECT ({sql})::text"), &[])
            .await
            .unwrap();
        row.get::<_, Option<String>>(0)
            .unwrap_or_else(|| "null".to_owned())
    }

    /// The number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        self.text(sql).await.parse().unwrap()
    }

    /// Drops it, whoever is still connected.
    pub async fn drop_it(self) {
        let client = connect(&maintenance_url()).await;
        client
            .batch_execute(&format!(
                "DROP DATABASE IF EXISTS {} WITH (FORCE)",
                self.name
            ))
            .await
            .unwrap();
    }
}

/// The name of the migrated template, which whoever comes first makes. Its name holds the migrations' hash, so that a server
/// that is kept between runs never gives an old one.
async fn template(client: &tokio_postgres::Client, maintenance: &str) -> String {
    let name = format!("template_{}", migrations_hash());
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .unwrap();
    let there = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)",
            &[&name],
        )
        .await
        .unwrap()
        .get::<_, bool>(0);
    if !there {
        let draft = format!("{name}_draft");
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"))
            .await
            .unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {draft} TEMPLATE template0"))
            .await
            .unwrap();
        let pool = Pool::new(&with_database(maintenance, &draft), 2).unwrap();
        migrate::run(&pool).await.unwrap();
        drop(pool);
        // The pool's connections end when it is dropped, but the server may need a moment to see it.
        client
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                &[&draft],
            )
            .await
            .unwrap();
        let mut renamed = client
            .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
            .await;
        while renamed.is_err() {
            tokio::task::yield_now().await;
            renamed = client
                .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
                .await;
        }
    }
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&LOCK])
        .await
        .unwrap();
    name
}

fn migrations_hash() -> String {
    use sha2::{Digest as _, Sha256};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .filter(|path| path.exists())
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().unwrap().as_encoded_bytes());
        hash.update(std::fs::read(file).unwrap());
    }
    hex::encode(&hash.finalize()[..8])
}
