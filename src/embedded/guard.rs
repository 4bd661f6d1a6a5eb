//! Sees to it that the server does not outlive the program that started it, however that program
//! ends.
//!
//! PostgreSQL does not notice when its parent dies. So beside the server runs a small shell that
//! reads from a pipe whose other end the program holds. When the program closes it, or the kernel
//! does so because the program was killed, the read ends and the shell stops the server in the
//! ordinary, fast way. Stopping is thus one and the same thing for
//! [`super::EmbeddedPostgres::stop`], for a dropped value, for a panic and for `kill -9`.
//!
//! Two locks, which the kernel releases with the last process that holds them, say how things
//! stand:
//!
//! * `postgresql.lock` is held by the program and, as its standard output, by the shell. While it
//!   is held, the server runs or is about to. Who takes it may start one.
//! * `postgresql.owner` is held by the program alone. A server without it is about to be stopped,
//!   and is not joined.
//!
//! If the shell is killed together with the program, the server stays behind, and the next start
//! adopts it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ExitStatus, Stdio},
    thread,
};

use tokio::sync::watch;

use super::{cluster::Cluster, error::EmbeddedError};

/// Reads until the pipe is closed, then stops the server and removes the folder of its socket.
/// Signals that a terminal or a service manager sends to every process must not end it before the
/// program.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
while read -r line; do :; done
"$1" stop --silent --mode=fast --wait --timeout=600 --pgdata="$2"
status=$?
rmdir "$3" 2>/dev/null
exit "$status"
"#;

/// Holds the server for this process. Dropping it stops the server, in the background.
#[derive(Debug)]
pub(super) struct Guard {
    // In this order: who comes while the server is being stopped must not find an owner.
    owner: File,
    pipe: ChildStdin,
    server: File,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Guard {
    /// Takes the lock that allows to start the server; none while somebody else holds it.
    pub(super) fn try_lock(data_dir: &Path) -> Result<Option<File>, EmbeddedError> {
        let path = server_lock(data_dir);
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path)(error)),
        }
    }

    /// Whether the process lives that started or adopted the server.
    pub(super) fn has_owner(data_dir: &Path) -> Result<bool, EmbeddedError> {
        let path = owner_lock(data_dir);
        // Shared, so that two who ask at once do not take each other for the owner.
        match open(&path)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path)(error)),
        }
    }

    /// Becomes the owner of the server of `cluster`, before there is one. `server` is what
    /// [`Self::try_lock`] gave.
    pub(super) fn take(
        data_dir: &Path,
        cluster: &Cluster,
        sockets: &Path,
        server: File,
    ) -> Result<Self, EmbeddedError> {
        let path = owner_lock(data_dir);
        let owner = open(&path)?;
        // Those who ask whether there is an owner hold it for no longer than that takes.
        owner.lock().map_err(EmbeddedError::io("lock", &path))?;
        let inherited = server
            .try_clone()
            .map_err(EmbeddedError::io("lock", server_lock(data_dir)))?;
        let shell = Path::new("/bin/sh");
        let mut child = cluster
            .user()
            .command(shell)
            .args(["-c", SCRIPT, "countersign-guard"])
            .arg(cluster.pg_ctl())
            .arg(cluster.folder())
            .arg(sockets)
            .stdin(Stdio::piped())
            .stdout(inherited)
            .stderr(cluster.open_log()?)
            .spawn()
            .map_err(EmbeddedError::io("run", shell))?;
        let pipe = child.stdin.take().ok_or_else(|| {
            EmbeddedError::io("run", shell)(std::io::Error::other("it has no standard input"))
        })?;
        let ended = wait_for(child, "the guard of PostgreSQL")?;
        Ok(Self {
            owner,
            pipe,
            server,
            ended,
        })
    }

    /// Has the server stopped and waits until it is; gives the lock back to hold on to.
    pub(super) async fn release(self) -> File {
        let Self {
            owner,
            pipe,
            server,
            mut ended,
        } = self;
        drop(owner);
        drop(pipe);
        ended_of(&mut ended).await;
        server
    }
}

/// Waits for a child on a thread of its own, so that it is never left a zombie (which PostgreSQL
/// would take for a running server), whatever becomes of the runtime.
pub(super) fn wait_for(
    mut child: Child,
    name: &'static str,
) -> Result<watch::Receiver<Option<ExitStatus>>, EmbeddedError> {
    let (sender, receiver) = watch::channel(None);
    thread::Builder::new()
        .name(String::from("countersign-wait"))
        .spawn(move || match child.wait() {
            Ok(status) => {
                if status.success() {
                    tracing::debug!(pid = child.id(), "{name} ended");
                } else {
                    tracing::warn!(pid = child.id(), %status, "{name} ended");
                }
                sender.send_replace(Some(status));
            }
            Err(error) => tracing::error!(%error, "cannot wait for {name}"),
        })
        .map_err(EmbeddedError::io("start a thread to wait for", name))?;
    Ok(receiver)
}

/// Waits until the child has ended.
pub(super) async fn ended_of(ended: &mut watch::Receiver<Option<ExitStatus>>) {
    // An error says that the thread gave up, and there is nothing more to wait for.
    if ended.wait_for(Option::is_some).await.is_err() {
        tracing::debug!("the thread that waits for a child is gone");
    }
}

fn server_lock(data_dir: &Path) -> PathBuf {
    data_dir.join("postgresql.lock")
}

fn owner_lock(data_dir: &Path) -> PathBuf {
    data_dir.join("postgresql.owner")
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(EmbeddedError::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_given_to_one_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let first = Guard::try_lock(data.path()).unwrap().unwrap();
        assert!(Guard::try_lock(data.path()).unwrap().is_none());
        drop(first);
        // Waits: a process that another test is just starting may have inherited the lock until it
        // runs its program.
        open(&server_lock(data.path())).unwrap().lock().unwrap();
    }

    #[test]
    fn those_who_ask_for_the_owner_are_not_taken_for_it() {
        let data = tempfile::tempdir().unwrap();
        let asking = open(&owner_lock(data.path())).unwrap();
        asking.lock_shared().unwrap();
        assert!(!Guard::has_owner(data.path()).unwrap());
        drop(asking);
        let owner = open(&owner_lock(data.path())).unwrap();
        owner.lock().unwrap();
        assert!(Guard::has_owner(data.path()).unwrap());
    }
}
