//! The private PostgreSQL: kept data, one server for many processes, and every way in which a
//! server, its owner or both can be killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::{
    collections::HashSet,
    env,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use countersign::embedded::{EmbeddedConfig, EmbeddedError, EmbeddedPostgres, running_url};
use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls, config::Host};

/// Tells [`owner_process`] where its data is; it does nothing without.
const OWNER_VARIABLE: &str = "COUNTERSIGN_TEST_OWNER";

/// What [`owner_process`] writes before the address when its server is ready.
const READY: &str = "the server is at ";

/// The number of the user `nobody` and of its group.
const NOBODY: u32 = 65534;

/// A folder that the user `postgres` can reach where the tests run as root.
fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("countersign-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .unwrap()
}

fn config(folder: &TempDir) -> EmbeddedConfig {
    EmbeddedConfig {
        data_dir: folder.path().join("data"),
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with an error where the test stops the server, and the client says so where it
    // matters.
    tokio::spawn(connection);
    client
}

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// When the server was started: the same for two addresses only if it is the same server.
async fn started(url: &str) -> String {
    text(
        &connect(url).await,
        "SELECT pg_postmaster_start_time()::text",
    )
    .await
}

async fn keep_a_word(url: &str) {
    let client = connect(url).await;
    client
        .batch_execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')")
        .await
        .unwrap();
}

async fn kept_word(url: &str) -> String {
    text(&connect(url).await, "SELECT word FROM kept").await
}

fn pid_file(config: &EmbeddedConfig) -> PathBuf {
    config.data_dir.join("postgresql/postmaster.pid")
}

/// The process of the server, as its file says.
fn server_process(config: &EmbeddedConfig) -> String {
    let text = fs::read_to_string(pid_file(config)).unwrap();
    text.lines().next().unwrap().to_owned()
}

fn process(pid: &str) -> Pid {
    Pid::from_raw(pid.parse().unwrap()).unwrap()
}

fn kill(pid: &str) {
    kill_process(process(pid), Signal::KILL).unwrap();
}

fn socket_folder(url: &str) -> PathBuf {
    let config: tokio_postgres::Config = url.parse().unwrap();
    match config.get_hosts() {
        [Host::Unix(folder)] => folder.clone(),
        hosts => panic!("one Unix socket expected, not {hosts:?}"),
    }
}

/// A process of its own that owns a server, to be killed.
struct Owner {
    child: Child,
    url: String,
}

impl Owner {
    fn start(config: &EmbeddedConfig) -> Self {
        Self::of_command(Command::new(env::current_exe().unwrap()), config).unwrap()
    }

    fn of_command(mut command: Command, config: &EmbeddedConfig) -> io::Result<Self> {
        let mut child = command
            .args([
                "--exact",
                "embedded::owner_process",
                "--ignored",
                "--nocapture",
            ])
            .env(OWNER_VARIABLE, &config.data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let line = lines
            .find(|line| line.contains(READY))
            .expect("the owner started a server");
        let (_, url) = line.split_once(READY).unwrap();
        Ok(Self {
            child,
            url: url.to_owned(),
        })
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Not a test of its own: what the tests below run as another process. It ends when they close its
/// standard input.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by other tests as a process of its own"]
async fn owner_process() {
    let Some(data_dir) = env::var_os(OWNER_VARIABLE) else {
        return;
    };
    let config = EmbeddedConfig {
        data_dir: PathBuf::from(data_dir),
    };
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    writeln!(io::stdout(), "{READY}{}", server.database_url()).unwrap();
    let mut nothing = String::new();
    io::stdin().read_to_string(&mut nothing).unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_keeps_its_data() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(running_url(&config).as_deref(), Some(server.database_url()));
    keep_a_word(server.database_url()).await;
    server.stop().await.unwrap();
    assert_eq!(running_url(&config), None);
    assert!(!pid_file(&config).exists());

    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(kept_word(server.database_url()).await, "still here");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_is_durable_and_compares_bytes() {
    let folder = folder();
    let server = EmbeddedPostgres::start(&config(&folder)).await.unwrap();
    let client = connect(server.database_url()).await;
    for (setting, expected) in [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("autovacuum", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("max_connections", "100"),
        ("shared_buffers", "128MB"),
        ("unix_socket_permissions", "0700"),
    ] {
        assert_eq!(
            text(&client, &format!("SHOW {setting}")).await,
            expected,
            "{setting}"
        );
    }
    let collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()";
    assert_eq!(text(&client, collation).await, "C");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_start_at_once_share_one_server() {
    let folder = folder();
    let config = config(&folder);
    let (one, two) = tokio::join!(
        EmbeddedPostgres::start(&config),
        EmbeddedPostgres::start(&config)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let (owner, guest) = if one.owned() { (one, two) } else { (two, one) };
    assert!(owner.owned());
    assert!(!guest.owned());
    assert_eq!(owner.database_url(), guest.database_url());
    let since = started(owner.database_url()).await;
    assert_eq!(started(guest.database_url()).await, since);

    guest.stop().await.unwrap();
    assert_eq!(
        started(owner.database_url()).await,
        since,
        "a guest does not stop the server"
    );
    owner.stop().await.unwrap();
    assert_eq!(running_url(&config), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_joins_the_server_of_the_first() {
    let folder = folder();
    let config = config(&folder);
    let owner = Owner::start(&config);
    assert_eq!(running_url(&config).as_deref(), Some(owner.url.as_str()));
    let guest = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(!guest.owned());
    assert_eq!(guest.database_url(), owner.url);
    guest.stop().await.unwrap();
    assert!(
        running_url(&config).is_some(),
        "a guest does not stop the server"
    );
    owner.kill();
    wait_until_stopped(&config);
}

/// Returns when nobody holds the database any more. The kernel gives the lock to nobody before.
fn wait_until_stopped(config: &EmbeddedConfig) {
    let path = config.data_dir.join("postgresql.lock");
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .lock()
        .unwrap();
}

#[test]
fn a_server_does_not_outlive_an_owner_that_is_killed() {
    let folder = folder();
    let config = config(&folder);
    let owner = Owner::start(&config);
    assert!(pid_file(&config).exists());
    owner.kill();
    wait_until_stopped(&config);
    assert!(!pid_file(&config).exists());
    assert_eq!(running_url(&config), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_owner_was_killed_the_next_start_owns_the_same_data() {
    let folder = folder();
    let config = config(&folder);
    let owner = Owner::start(&config);
    keep_a_word(&owner.url).await;
    owner.kill();
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(kept_word(server.database_url()).await, "still here");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_owner_and_guard_were_killed_is_taken_over() {
    if !Path::new("/proc/self/cmdline").exists() {
        eprintln!("skipped: this system has no /proc to find the guard in");
        return;
    }
    let folder = folder();
    let config = config(&folder);
    let owner = Owner::start(&config);
    let since = started(&owner.url).await;
    kill(&guard_process(&config));
    owner.kill();

    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(
        started(server.database_url()).await,
        since,
        "the server was not restarted"
    );
    server.stop().await.unwrap();
    assert!(
        !pid_file(&config).exists(),
        "who takes a server over stops it"
    );
}

/// The process of the shell that stops the server when its owner dies.
fn guard_process(config: &EmbeddedConfig) -> String {
    let data = config.data_dir.join("postgresql");
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        // A process that has ended meanwhile is not the one.
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        let arguments: Vec<&str> = line.split('\0').collect();
        if arguments.contains(&"countersign-guard") && arguments.contains(&data.to_str().unwrap()) {
            return entry.file_name().into_string().unwrap();
        }
    }
    panic!("no process guards {}", data.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_recovered_by_the_next_start() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    keep_a_word(server.database_url()).await;
    // A session that is still open holds the dead server's memory for a moment.
    let open = connect(server.database_url()).await;
    kill(&server_process(&config));
    drop(server);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(kept_word(server.database_url()).await, "still here");
    drop(open);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_a_server_that_was_killed_is_no_error() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    kill(&server_process(&config));
    server.stop().await.unwrap();
    assert_eq!(running_url(&config), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_number_that_another_process_has_by_now_does_not_prevent_a_start() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    let text = fs::read_to_string(pid_file(&config)).unwrap();
    let number = server_process(&config);
    server.stop().await.unwrap();
    // As after a reboot: the file says a number that is now ours.
    fs::write(
        pid_file(&config),
        text.replacen(&number, &std::process::id().to_string(), 1),
    )
    .unwrap();
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_listens_on_no_tcp_port() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    let open = PathBuf::from("/proc")
        .join(server_process(&config))
        .join("fd");
    let Ok(entries) = fs::read_dir(open) else {
        eprintln!("skipped: the open files of the server cannot be read here");
        return server.stop().await.unwrap();
    };
    let sockets: HashSet<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|target| {
            let target = target.into_os_string().into_string().ok()?;
            Some(
                target
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let among = |table: &str, column: usize| {
        let text = fs::read_to_string(table).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_whitespace().nth(column))
            .filter(|number| sockets.contains(*number))
            .count()
    };
    assert_eq!(among("/proc/net/tcp", 9), 0);
    assert_eq!(among("/proc/net/tcp6", 9), 0);
    assert_ne!(
        among("/proc/net/unix", 6),
        0,
        "its Unix socket is found in the same way"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_from_the_terminal_does_not_reach_the_server() {
    let folder = folder();
    let config = config(&folder);
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    let group = getpgid(Some(process(&server_process(&config)))).unwrap();
    assert_ne!(group, getpgrp());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_data_folder_is_served_through_a_short_private_socket_path() {
    let folder = folder();
    let config = EmbeddedConfig {
        data_dir: folder.path().join("d".repeat(120)),
    };
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    let sockets = socket_folder(server.database_url());
    assert!(
        !sockets.starts_with(&config.data_dir),
        "{}",
        sockets.display()
    );
    assert_eq!(fs::metadata(&sockets).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        text(&connect(server.database_url()).await, "SELECT 'here'").await,
        "here"
    );
    server.stop().await.unwrap();
    assert!(
        !sockets.exists(),
        "nothing stays behind in {}",
        sockets.display()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_first_start_left_behind_is_removed() {
    let folder = folder();
    let config = config(&folder);
    let unfinished = config.data_dir.join("postgresql.new-1");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    fs::set_permissions(&config.data_dir, Permissions::from_mode(0o755)).unwrap();
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(!unfinished.exists());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_something_else_in_it_is_refused_and_left_alone() {
    let folder = folder();
    let config = config(&folder);
    let letter = config.data_dir.join("postgresql/letter.txt");
    fs::create_dir_all(letter.parent().unwrap()).unwrap();
    fs::write(&letter, "dear").unwrap();
    let error = EmbeddedPostgres::start(&config).await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::NotADatabase { .. }),
        "{error}"
    );
    assert_eq!(fs::read_to_string(letter).unwrap(), "dear");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_version_that_is_not_installed_is_refused_with_what_to_install() {
    let folder = folder();
    let config = config(&folder);
    let data = config.data_dir.join("postgresql");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "11\n").unwrap();
    let error = EmbeddedPostgres::start(&config).await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::WrongVersion { needed: 11, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("apt-get install postgresql-11"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_the_server_s_user_cannot_enter_is_refused_by_name() {
    let folder = folder();
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        eprintln!("skipped: only root runs the server as another user");
        return;
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let error = EmbeddedPostgres::start(&config(&folder)).await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::Unreachable { .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_user_runs_the_server_under_its_own_name() {
    let folder = folder();
    let config = config(&folder);
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        // Then every other test is run by an ordinary user.
        let server = EmbeddedPostgres::start(&config).await.unwrap();
        let owner = fs::metadata(pid_file(&config)).unwrap().uid();
        assert_eq!(owner, fs::metadata(folder.path()).unwrap().uid());
        return server.stop().await.unwrap();
    }
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .env_remove("XDG_RUNTIME_DIR");
    let owner = match Owner::of_command(command, &config) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("skipped: another user cannot run the tests where they lie");
            return;
        }
        owner => owner.unwrap(),
    };
    assert_eq!(fs::metadata(pid_file(&config)).unwrap().uid(), NOBODY);
    assert_eq!(
        fs::metadata(&config.data_dir).unwrap().mode() & 0o777,
        0o700
    );
    // Root, which comes by later, runs it as the user whose data it is.
    owner.kill();
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert!(server.owned());
    assert_eq!(fs::metadata(pid_file(&config)).unwrap().uid(), NOBODY);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_became_long_is_put_aside() {
    let folder = folder();
    let config = config(&folder);
    fs::create_dir_all(&config.data_dir).unwrap();
    fs::set_permissions(&config.data_dir, Permissions::from_mode(0o755)).unwrap();
    let log = config.data_dir.join("postgresql.log");
    File::create(&log).unwrap().set_len(2 << 20).unwrap();
    let server = EmbeddedPostgres::start(&config).await.unwrap();
    assert_eq!(
        fs::metadata(config.data_dir.join("postgresql.log.1"))
            .unwrap()
            .len(),
        2 << 20
    );
    assert!(fs::metadata(&log).unwrap().len() < 1 << 20);
    server.stop().await.unwrap();
}
