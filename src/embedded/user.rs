//! Which user runs the server.
//!
//! PostgreSQL refuses to run as root. Where the program is root, the server and everything that
//! touches its files runs as the user that owns the data already, or else as `postgres`, which
//! every distribution's package creates. Supplementary groups are dropped: the standard library
//! calls `setgroups(0)` when a uid is set and no groups are.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::{
        self,
        fs::{DirBuilderExt, MetadataExt},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use super::error::EmbeddedError;

/// What a server program keeps of the program's environment. The rest holds PG… variables that
/// would change what the server does, and credentials that it has no need of.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"];

/// The user that runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerUser {
    uid: u32,
    gid: u32,
    /// Whether it is another user than the program's own, which only root can arrange.
    switch: bool,
}

/// Whether the program runs as root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl ServerUser {
    /// Who runs the server for the data in `cluster`, a folder that need not be there yet.
    pub(super) fn of_cluster(cluster: &Path) -> Result<Self, EmbeddedError> {
        let own = rustix::process::geteuid().as_raw();
        let owner = match fs::metadata(cluster) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(EmbeddedError::io("look at", cluster)(error)),
        };
        match owner {
            Some(owner) if own == 0 && owner.uid() != 0 => Ok(Self {
                uid: owner.uid(),
                gid: owner.gid(),
                switch: true,
            }),
            _ if own == 0 => {
                let (Some(uid), Some(gid)) = (postgres_id("-u"), postgres_id("-g")) else {
                    return Err(EmbeddedError::NoServerUser);
                };
                Ok(Self {
                    uid,
                    gid,
                    switch: true,
                })
            }
            Some(owner) if owner.uid() != own => Err(EmbeddedError::ForeignOwner {
                folder: cluster.to_path_buf(),
                owner: owner.uid(),
            }),
            _ => Ok(Self {
                uid: own,
                gid: rustix::process::getegid().as_raw(),
                switch: false,
            }),
        }
    }

    /// The user's number.
    pub(super) const fn uid(self) -> u32 {
        self.uid
    }

    /// Whether it is the user that the program runs as.
    pub(super) const fn is_own(self) -> bool {
        !self.switch
    }

    /// A command that runs as this user, in a process group of its own: Ctrl-C in the terminal
    /// reaches the program, which drains and only then stops the server.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in KEPT_VARIABLES {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        // Messages are searched for words, and the folder we are in may be closed to this user.
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        command.stdin(Stdio::null()).process_group(0);
        if self.switch {
            command.gid(self.gid).uid(self.uid);
        }
        command
    }

    /// Gives a folder that root made to this user. Never follows a link.
    pub(super) fn give(self, path: &Path) -> Result<(), EmbeddedError> {
        if self.switch {
            unix::fs::lchown(path, Some(self.uid), Some(self.gid))
                .map_err(EmbeddedError::io("change the owner of", path))?;
        }
        Ok(())
    }

    /// Makes a folder that only this user (and root) can enter.
    pub(super) fn make_private_folder(self, path: &Path) -> Result<(), EmbeddedError> {
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(EmbeddedError::io("create", path))?;
        self.give(path)
    }

    /// Checks that this user can enter `folder`, which root can in any case.
    pub(super) fn check_can_enter(self, folder: &Path) -> Result<(), EmbeddedError> {
        if self.is_own() {
            return Ok(());
        }
        let status = self
            .command(Path::new("/bin/sh"))
            .args(["-c", "cd \"$1\"", "sh"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(EmbeddedError::io("run", "/bin/sh"))?;
        if status.success() {
            Ok(())
        } else {
            Err(EmbeddedError::Unreachable {
                folder: folder.to_path_buf(),
                uid: self.uid,
            })
        }
    }
}

/// The number of the user `postgres` (`-u`) or of its group (`-g`), from every source of users that
/// the system has.
fn postgres_id(which: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "postgres"]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Makes the program's data folder. Others may pass through it (the server's user must) where root
/// makes it, and nobody where an ordinary user does.
pub(super) fn make_data_folder(folder: &Path) -> Result<(), EmbeddedError> {
    let mode = if is_root() { 0o711 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)
        .map_err(EmbeddedError::io("create", folder))
}
