//! What can go wrong with the private PostgreSQL, each with a sentence that says what to do about
//! it.

use std::{io, path::PathBuf};

use super::binaries::OLDEST_MAJOR;

/// Why the private PostgreSQL could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The machine has no server programs of PostgreSQL, or only ones that are too old.
    #[error("{}", not_installed(.found))]
    NotInstalled {
        /// The versions that were found and are too old, with their folders; empty when there was
        /// none.
        found: Vec<String>,
    },

    /// `COUNTERSIGN_POSTGRES_BIN` names a folder that cannot be used.
    #[error(
        "COUNTERSIGN_POSTGRES_BIN is {}, and {reason}; it must be the folder that holds postgres, \
         initdb and pg_ctl of PostgreSQL {oldest} or newer",
        .folder.display(),
        oldest = OLDEST_MAJOR
    )]
    UnusableFolder {
        /// What the variable says.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The data was written by a major version whose programs are not installed.
    #[error(
        "the data in {} was written by PostgreSQL {needed}, and the machine has {}; install that \
         version (Debian and Ubuntu: sudo apt-get install postgresql-{needed}; Fedora: sudo dnf \
         install postgresql{needed}-server; macOS: brew install postgresql@{needed}), or set \
         COUNTERSIGN_POSTGRES_BIN to its folder, or set COUNTERSIGN_DATA_DIR to an empty folder to \
         begin anew",
        .folder.display(),
        listed(.found)
    )]
    WrongVersion {
        /// The folder with the data.
        folder: PathBuf,
        /// The major version that wrote it.
        needed: u32,
        /// The versions that are installed, with their folders.
        found: Vec<String>,
    },

    /// The program runs as root, PostgreSQL refuses to, and there is no user to run it as.
    #[error(
        "PostgreSQL refuses to run as root and this machine has no user `postgres` to run it as; \
         run countersign as an ordinary user, or create that user (useradd --system postgres), or \
         set DATABASE_URL"
    )]
    NoServerUser,

    /// The user that runs the server cannot enter the data folder.
    #[error(
        "PostgreSQL runs as user {uid}, who cannot enter {}; set COUNTERSIGN_DATA_DIR to a folder \
         that this user can reach, such as /var/lib/countersign",
        .folder.display()
    )]
    Unreachable {
        /// The data folder.
        folder: PathBuf,
        /// The user's number.
        uid: u32,
    },

    /// The data belongs to another user.
    #[error(
        "{} belongs to user {owner}; run countersign as that user, or set COUNTERSIGN_DATA_DIR to \
         another folder",
        .folder.display()
    )]
    ForeignOwner {
        /// The folder with the data.
        folder: PathBuf,
        /// The number of the user it belongs to.
        owner: u32,
    },

    /// The folder for the data has something else in it.
    #[error(
        "{} is not empty and holds no PostgreSQL data; move it away, or set COUNTERSIGN_DATA_DIR \
         to another folder",
        .folder.display()
    )]
    NotADatabase {
        /// The folder.
        folder: PathBuf,
    },

    /// The folder for the Unix socket is not private.
    #[error(
        "{} cannot hold the database's socket: {reason}; remove it and start again",
        .folder.display()
    )]
    SocketFolder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// One of PostgreSQL's programs failed while the database was made.
    #[error("{program} failed, {}", said(.output))]
    Program {
        /// The program.
        program: &'static str,
        /// The end of what it said.
        output: String,
    },

    /// The server ended before it was ready.
    #[error("PostgreSQL did not start, {}; its log is {}", said(.output), .log.display())]
    NotStarted {
        /// The end of what it wrote to its log since it was started.
        output: String,
        /// The log.
        log: PathBuf,
    },

    /// The server did not become ready in time.
    #[error(
        "PostgreSQL was not ready after {seconds} s, {}; its log is {}",
        said(.output),
        .log.display()
    )]
    TooSlow {
        /// How long was waited, in seconds.
        seconds: u64,
        /// The end of what it wrote to its log since it was started.
        output: String,
        /// The log.
        log: PathBuf,
    },

    /// Another process holds the database and it does not become ready.
    #[error(
        "another process has held the database in {} for {seconds} s and it does not answer; stop \
         that process, or set COUNTERSIGN_DATA_DIR to another folder",
        .folder.display()
    )]
    Busy {
        /// The data folder.
        folder: PathBuf,
        /// How long was waited, in seconds.
        seconds: u64,
    },

    /// The server answers, and refuses the program.
    #[error(
        "PostgreSQL in {} refuses the connection: {reason}; if this data was not made by \
         countersign, set COUNTERSIGN_DATA_DIR to another folder",
        .folder.display()
    )]
    Refused {
        /// The folder with the data.
        folder: PathBuf,
        /// What the server said.
        reason: String,
    },

    /// The server still runs after it was told to stop.
    #[error("PostgreSQL in {} did not stop, {}", .folder.display(), said(.output))]
    NotStopped {
        /// The folder with the data.
        folder: PathBuf,
        /// What `pg_ctl` said.
        output: String,
    },

    /// The operating system refused something.
    #[error("could not {action} {}: {cause}", .path.display())]
    Io {
        /// What was tried, as words that go before the path.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not. It is part of the sentence, hence not its source as well.
        cause: io::Error,
    },
}

impl EmbeddedError {
    /// For `map_err`: the operating system refused `action` on `path`.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}

fn not_installed(found: &[String]) -> String {
    let what = if found.is_empty() {
        format!(
            "the server programs of PostgreSQL {OLDEST_MAJOR} or newer (postgres, initdb, pg_ctl) \
             were not found"
        )
    } else {
        format!(
            "PostgreSQL {OLDEST_MAJOR} or newer is needed, and only this was found: {}",
            found.join(", ")
        )
    };
    format!(
        "{what}; install them (Debian and Ubuntu: sudo apt-get install postgresql; Fedora: sudo \
         dnf install postgresql-server; macOS: brew install postgresql@17), or set \
         COUNTERSIGN_POSTGRES_BIN to their folder, or set DATABASE_URL to use a server that runs \
         elsewhere"
    )
}

fn listed(found: &[String]) -> String {
    if found.is_empty() {
        String::from("no version at all")
    } else {
        found.join(", ")
    }
}

/// The last words of a program inside a sentence.
fn said(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() {
        String::from("and said nothing")
    } else {
        format!("and said:\n{output}\n")
    }
}
