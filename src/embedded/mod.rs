//! A PostgreSQL of the program's own, so that one binary is all there is to run.
//!
//! Without `DATABASE_URL` the program makes a cluster under its data folder, serves it with the
//! server programs that the machine has, and reaches it by a Unix socket in a folder that nobody
//! else can enter; there is no TCP port. The first process that wants it starts it and owns it,
//! later ones join it, and it is stopped with its owner, however that ends (module `guard`). The
//! data stays.
//!
//! How it fails: the server programs are not installed, or not in the version that wrote the data;
//! the server's user cannot enter the data folder; the disk is full. Each [`EmbeddedError`] says
//! what to do, with the server's own last words where it spoke. A server that was killed, and one
//! that outlived a killed owner, are recovered by the next start.

mod address;
mod binaries;
mod cluster;
mod error;
mod guard;
mod postmaster;
mod user;

use std::{
    env,
    fs::File,
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use self::{
    address::{Address, Answer},
    cluster::Cluster,
    guard::Guard,
    postmaster::Postmaster,
};

pub use self::error::EmbeddedError;

/// How long a start may take. Recovery after a crash reads up to 1 GB of log; a server that ends is
/// noticed at once.
const START_LIMIT: Duration = Duration::from_mins(5);

/// How often a state that no event announces is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often a long wait is mentioned in the log.
const NOTICE: Duration = Duration::from_secs(10);

/// Where the private PostgreSQL keeps its data.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// The program's data folder, made if need be. The cluster lies in `postgresql` in it, the
    /// server's log in `postgresql.log`, the socket in `run` where its path is short enough.
    pub data_dir: PathBuf,
}

/// A running private PostgreSQL. Dropping it stops a server that this process owns, without waiting
/// for it; [`EmbeddedPostgres::stop`] waits.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    url: String,
    owned: Option<Owned>,
}

#[derive(Debug)]
struct Owned {
    cluster: Cluster,
    guard: Guard,
}

/// A child that serves the cluster: its process, and its end.
type ChildState<'a> = (u32, &'a watch::Receiver<Option<ExitStatus>>);

impl EmbeddedPostgres {
    /// Starts the server, or joins the one that another process of ours runs. Makes the data
    /// folder, the cluster and the database where there are none, which takes about a second. Any
    /// number of processes may call it at once.
    ///
    /// # Errors
    ///
    /// See [`EmbeddedError`]. Nothing is left running after an error.
    pub async fn start(config: &EmbeddedConfig) -> Result<Self, EmbeddedError> {
        let data_dir = absolute(&config.data_dir)?;
        user::make_data_folder(&data_dir)?;
        let deadline = Instant::now() + START_LIMIT;
        let mut notice = Instant::now() + NOTICE;
        loop {
            if let Some(lock) = Guard::try_lock(&data_dir)? {
                return Self::own(&data_dir, lock, deadline).await;
            }
            if let Some(url) = join(&data_dir).await? {
                tracing::info!(folder = %data_dir.display(), "joined another process's PostgreSQL");
                return Ok(Self { url, owned: None });
            }
            if Instant::now() >= deadline {
                let seconds = START_LIMIT.as_secs();
                return Err(EmbeddedError::Busy {
                    folder: data_dir,
                    seconds,
                });
            }
            mention(
                &mut notice,
                "waiting for the process that starts or stops PostgreSQL",
            );
            sleep(POLL).await;
        }
    }

    /// The address of the database `countersign`, as libpq, diesel-async (tokio-postgres) and sqlx
    /// read it: `postgresql:///countersign?host=FOLDER&port=5432&user=countersign`, where the
    /// socket's folder is percent-encoded. The role is a superuser.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.url
    }

    /// Whether this process started the server (or took it over from a process that was killed),
    /// and so stops it.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.owned.is_some()
    }

    /// Stops a server that this process owns and waits until its data is safe and closed; sessions
    /// of other processes are ended. Does nothing where it was only joined.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::NotStopped`] if it runs after all that.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        let Some(Owned { cluster, guard }) = self.owned else {
            return Ok(());
        };
        let folder = cluster.folder().to_path_buf();
        let lock = guard.release().await;
        if Postmaster::living(&folder).is_none() {
            tracing::info!(folder = %folder.display(), "stopped the private PostgreSQL");
            return Ok(());
        }
        // Somebody killed the guard.
        blocking(&folder, move || {
            let stopped = cluster.stop_now();
            drop(lock);
            stopped
        })
        .await
    }

    async fn own(data_dir: &Path, lock: File, deadline: Instant) -> Result<Self, EmbeddedError> {
        let data = data_dir.to_path_buf();
        // The lock goes along, so that it is held for as long as this works, even if nobody waits
        // for it any more.
        let (cluster, mut lock) =
            blocking(data_dir, move || Ok((Cluster::open(&data)?, lock))).await?;

        if let Some(orphan) = Postmaster::living(cluster.folder()) {
            let start = cluster.log_length();
            let guard = Guard::take(data_dir, &cluster, &orphan.address.folder, lock)?;
            if let Some(address) = until_ready(&cluster, None, start, deadline).await? {
                tracing::info!(
                    pid = orphan.pid,
                    "took over the PostgreSQL of a process that was killed"
                );
                return Ok(Self {
                    url: address.url(),
                    owned: Some(Owned { cluster, guard }),
                });
            }
            // It was about to stop, and has.
            lock = guard.release().await;
        }

        cluster.forget_stranger()?;
        let sockets = address::prepare_folder(data_dir, cluster.user())?;
        let guard = Guard::take(data_dir, &cluster, &sockets, lock)?;
        let address = launch(&cluster, &sockets, deadline).await?;
        tracing::info!(
            version = cluster.major(),
            folder = %cluster.folder().display(),
            "started the private PostgreSQL"
        );
        Ok(Self {
            url: address.url(),
            owned: Some(Owned { cluster, guard }),
        })
    }
}

/// Where the program keeps its data unless it is told otherwise: for root `/var/lib/countersign`,
/// which the server's user can reach, else `$XDG_DATA_HOME/countersign` or
/// `~/.local/share/countersign`, or `data` where there is no home.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    if user::is_root() {
        return PathBuf::from("/var/lib/countersign");
    }
    let folder_in = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder_in("XDG_DATA_HOME")
        .or_else(|| folder_in("HOME").map(|home| home.join(".local/share")))
        .map_or_else(
            || PathBuf::from("data"),
            |folder| folder.join("countersign"),
        )
}

/// The address of the private PostgreSQL if another process runs it now, to say whether a command
/// joins a running server or starts the database itself. None where it does not run, is not ready,
/// or this user cannot see it.
#[must_use]
pub fn running_url(config: &EmbeddedConfig) -> Option<String> {
    let data_dir = absolute(&config.data_dir).ok()?;
    let found = Postmaster::read(&data_dir.join(cluster::FOLDER)).filter(|found| found.ready)?;
    // Whether somebody listens there is the proof; the file may be that of a server that was
    // killed.
    UnixStream::connect(found.address.socket()).ok()?;
    Some(found.address.url())
}

/// The address of the server if somebody owns it and it takes connections.
async fn join(data_dir: &Path) -> Result<Option<String>, EmbeddedError> {
    let folder = data_dir.join(cluster::FOLDER);
    let Some(found) = Postmaster::read(&folder).filter(|found| found.ready) else {
        return Ok(None);
    };
    if !Guard::has_owner(data_dir)? {
        return Ok(None);
    }
    match found.address.ask().await {
        Answer::Ready => Ok(Some(found.address.url())),
        Answer::NotReady => Ok(None),
        Answer::Refused(reason) => Err(EmbeddedError::Refused { folder, reason }),
    }
}

/// Starts the server and waits until it takes connections.
async fn launch(
    cluster: &Cluster,
    sockets: &Path,
    deadline: Instant,
) -> Result<Address, EmbeddedError> {
    loop {
        let start = cluster.log_length();
        let child = cluster.launch(sockets)?;
        let pid = child.id();
        let ended = guard::wait_for(child, "PostgreSQL")?;
        if let Some(address) = until_ready(cluster, Some((pid, &ended)), start, deadline).await? {
            return Ok(address);
        }
        let output = cluster.log_since(start);
        // The sessions of a server that was killed take a moment to notice, and hold its shared
        // memory until then.
        if !output.contains("is still in use") || Instant::now() >= deadline {
            return Err(EmbeddedError::NotStarted {
                output,
                log: cluster.log().to_path_buf(),
            });
        }
        sleep(POLL).await;
    }
}

/// Waits until the server takes connections; none if it ends instead. `child` is the server where
/// this process started it, and `log` the length that the log had before.
async fn until_ready(
    cluster: &Cluster,
    child: Option<ChildState<'_>>,
    log: u64,
    deadline: Instant,
) -> Result<Option<Address>, EmbeddedError> {
    let mut notice = Instant::now() + NOTICE;
    loop {
        let gone = match child {
            Some((_, ended)) => has_ended(ended),
            None => Postmaster::living(cluster.folder()).is_none(),
        };
        if gone {
            return Ok(None);
        }
        let ready = Postmaster::read(cluster.folder())
            .filter(|found| found.ready && child.is_none_or(|(pid, _)| pid == found.pid));
        if let Some(found) = ready {
            match found.address.ask().await {
                Answer::Ready => return Ok(Some(found.address)),
                Answer::NotReady => {}
                Answer::Refused(reason) => {
                    let folder = cluster.folder().to_path_buf();
                    return Err(EmbeddedError::Refused { folder, reason });
                }
            }
        }
        if Instant::now() >= deadline {
            return Err(EmbeddedError::TooSlow {
                seconds: START_LIMIT.as_secs(),
                output: cluster.log_since(log),
                log: cluster.log().to_path_buf(),
            });
        }
        mention(&mut notice, "waiting for PostgreSQL to recover its data");
        sleep(POLL).await;
    }
}

/// Whether the child has ended, or nobody is left who could tell.
fn has_ended(ended: &watch::Receiver<Option<ExitStatus>>) -> bool {
    ended.borrow().is_some() || ended.has_changed().is_err()
}

fn mention(notice: &mut Instant, what: &str) {
    if Instant::now() >= *notice {
        tracing::info!("{what}");
        *notice = Instant::now() + NOTICE;
    }
}

fn absolute(path: &Path) -> Result<PathBuf, EmbeddedError> {
    std::path::absolute(path).map_err(EmbeddedError::io("find", path))
}

/// Does work that blocks on a thread for such work.
async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(EmbeddedError::io("work on", folder)(io::Error::other(
            error,
        ))),
    }
}
