//! The server's data: made once, served by a process that is started here, and logged beside it.
//!
//! A folder `postgresql` under the data folder is complete or it is not there: the cluster is made
//! in a folder with another name, given its database while no server runs on it, and only then
//! renamed. A program that is killed meanwhile leaves a folder that the next start removes.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use super::{
    address::{DATABASE, PORT, ROLE},
    binaries::Programs,
    error::EmbeddedError,
    postmaster::{self, Holder, Postmaster},
    user::ServerUser,
};

/// The name of the folder with the data, under the program's data folder.
pub(super) const FOLDER: &str = "postgresql";

/// What the name of a folder begins with in which a cluster is being made.
const UNFINISHED: &str = "postgresql.new-";

/// The log is put aside at a start when it is longer than this, in bytes. It grows slowly: see
/// [`SETTINGS`].
const LONGEST_LOG: u64 = 1 << 20;

/// How much of a program's last words an error carries.
const LAST_LINES: usize = 20;
const LAST_BYTES: u64 = 16 << 10;

/// What a new cluster's postgresql.conf says beyond PostgreSQL's defaults. Durability (fsync,
/// `full_page_writes`, `synchronous_commit`) and autovacuum are PostgreSQL's defaults: on.
const SETTINGS: &str = "
# Written by countersign when it made this cluster and never changed by it again: yours to tune.
# Where the server listens is decided by its command line: on a private Unix socket, on no TCP port.
max_connections = 100
shared_buffers = 128MB
timezone = 'UTC'
log_timezone = 'UTC'
# Errors of statements reach the client, which logs what matters; a duplicate refused does not.
log_min_messages = log
log_checkpoints = off
";

/// The data, who serves it, and with which programs.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    log: PathBuf,
    user: ServerUser,
    programs: Programs,
}

impl Cluster {
    /// Finds the cluster under `data_dir` and the programs for it; makes the cluster if there is
    /// none. The caller holds the lock. Takes about a second where it makes one, and blocks.
    pub(super) fn open(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let folder = data_dir.join(FOLDER);
        let user = ServerUser::of_cluster(&folder)?;
        user.check_can_enter(data_dir)?;
        let written_by = version_of(&folder)?;
        let programs = Programs::find(written_by.map(|major| (folder.as_path(), major)))?;
        let cluster = Self {
            folder,
            log: data_dir.join("postgresql.log"),
            user,
            programs,
        };
        if written_by.is_none() {
            cluster.make(data_dir)?;
        }
        cluster.put_log_aside()?;
        Ok(cluster)
    }

    /// The folder with the data.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's log.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// The user that serves it.
    pub(super) const fn user(&self) -> ServerUser {
        self.user
    }

    /// The major version of the programs.
    pub(super) const fn major(&self) -> u32 {
        self.programs.major()
    }

    /// The path of `pg_ctl`.
    pub(super) fn pg_ctl(&self) -> PathBuf {
        self.programs.path("pg_ctl")
    }

    fn make(&self, data_dir: &Path) -> Result<(), EmbeddedError> {
        tracing::info!(folder = %self.folder.display(), "making the private PostgreSQL database");
        remove_unfinished(data_dir);
        let unfinished = data_dir.join(format!("{UNFINISHED}{}", std::process::id()));
        self.user.make_private_folder(&unfinished)?;
        let made = self.fill(&unfinished).and_then(|()| {
            // Takes the place of an empty folder as well as of none.
            fs::rename(&unfinished, &self.folder)
                .map_err(EmbeddedError::io("move the new database to", &self.folder))
        });
        if made.is_err() {
            remove_unfinished(data_dir);
            return made;
        }
        File::open(data_dir)
            .and_then(|folder| folder.sync_all())
            .map_err(EmbeddedError::io("write", data_dir))
    }

    fn fill(&self, folder: &Path) -> Result<(), EmbeddedError> {
        let mut initdb = self.user.command(&self.programs.path("initdb"));
        initdb
            .arg("--pgdata")
            .arg(folder)
            .args(["--username", ROLE])
            .args(["--encoding", "UTF8", "--locale", "C"])
            // The socket's folder is private, so whoever reaches the socket may use it; nobody
            // comes by TCP.
            .args(["--auth-local", "trust", "--auth-host", "reject"])
            .args(["--data-checksums", "--no-instructions"]);
        check("initdb", &run(initdb, "initdb", b"")?)?;

        let settings = folder.join("postgresql.conf");
        OpenOptions::new()
            .append(true)
            .open(&settings)
            .and_then(|mut file| {
                file.write_all(SETTINGS.as_bytes())?;
                file.sync_all()
            })
            .map_err(EmbeddedError::io("write", &settings))?;

        let mut single = self.user.command(&self.programs.path("postgres"));
        single.args(["--single", "-D"]).arg(folder).arg("postgres");
        let statement = format!("CREATE DATABASE {DATABASE};\n");
        let output = run(single, "postgres --single", statement.as_bytes())?;
        check("postgres --single", &output)?;
        // In this mode a statement that failed does not make the program fail.
        if String::from_utf8_lossy(&output.stderr).contains("ERROR:") {
            return Err(failed("postgres --single", &output));
        }
        Ok(())
    }

    /// Removes a `postmaster.pid` whose number another process has by now, because PostgreSQL would
    /// take that for a server.
    pub(super) fn forget_stranger(&self) -> Result<(), EmbeddedError> {
        let path = self.folder.join(postmaster::FILE);
        let stranger = Postmaster::read(&self.folder)
            .is_some_and(|found| found.holder(&self.folder) == Holder::Other);
        if stranger {
            fs::remove_file(&path).map_err(EmbeddedError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Starts the server, as a child that writes to the log. It is not ready yet.
    pub(super) fn launch(&self, sockets: &Path) -> Result<Child, EmbeddedError> {
        let log = self.open_log()?;
        let copy = log
            .try_clone()
            .map_err(EmbeddedError::io("open", &self.log))?;
        let postgres = self.programs.path("postgres");
        let mut command = self.user.command(&postgres);
        command.arg("-D").arg(&self.folder);
        for setting in [
            OsString::from("listen_addresses="),
            quoted_list("unix_socket_directories=", sockets),
            OsString::from("unix_socket_permissions=0700"),
            OsString::from(format!("port={PORT}")),
            OsString::from("cluster_name=countersign"),
            OsString::from("logging_collector=off"),
            OsString::from("log_destination=stderr"),
        ] {
            command.arg("-c").arg(setting);
        }
        command
            .stdout(log)
            .stderr(copy)
            .spawn()
            .map_err(EmbeddedError::io("run", postgres))
    }

    /// Opens the log to write at its end.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(EmbeddedError::io("open", &self.log))
    }

    /// How long the log is, in bytes. What is behind that was written later.
    pub(super) fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    /// The last lines that were written to the log behind `start`.
    pub(super) fn log_since(&self, start: u64) -> String {
        let end = self.log_length();
        // A log that became shorter was put aside.
        let start = if end < start { 0 } else { start };
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(start.max(end.saturating_sub(LAST_BYTES))))?;
            file.take(LAST_BYTES).read_to_end(&mut text)
        });
        match read {
            Ok(_) => last_lines(&text),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }

    fn put_log_aside(&self) -> Result<(), EmbeddedError> {
        if self.log_length() > LONGEST_LOG {
            fs::rename(&self.log, self.log.with_extension("log.1"))
                .map_err(EmbeddedError::io("rename", &self.log))?;
        }
        Ok(())
    }

    /// Tells the server to stop, fast, and waits for that. Blocks.
    pub(super) fn stop_now(&self) -> Result<(), EmbeddedError> {
        let mut command = self.user.command(&self.pg_ctl());
        command
            .args(["stop", "--mode=fast", "--wait", "--pgdata"])
            .arg(&self.folder);
        let output = run(command, "pg_ctl", b"")?;
        if output.status.success() || Postmaster::living(&self.folder).is_none() {
            return Ok(());
        }
        Err(EmbeddedError::NotStopped {
            folder: self.folder.clone(),
            output: last_lines(&output.stderr),
        })
    }
}

/// The major version that wrote the data; none where there is no data.
fn version_of(folder: &Path) -> Result<Option<u32>, EmbeddedError> {
    let file = folder.join("PG_VERSION");
    let no_database = || EmbeddedError::NotADatabase {
        folder: folder.to_path_buf(),
    };
    match fs::read_to_string(&file) {
        Ok(text) => {
            let major = text
                .trim()
                .split('.')
                .next()
                .and_then(|major| major.parse().ok());
            major.map(Some).ok_or_else(no_database)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
                Ok(true) => Ok(None),
                Ok(false) => Err(no_database()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(EmbeddedError::io("read", folder)(error)),
            }
        }
        Err(error) => Err(EmbeddedError::io("read", file)(error)),
    }
}

/// Removes what programs left behind that were killed while they made a cluster.
fn remove_unfinished(data_dir: &Path) {
    let Ok(entries) = fs::read_dir(data_dir) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if entry
            .file_name()
            .as_bytes()
            .starts_with(UNFINISHED.as_bytes())
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            let path = entry.path();
            tracing::warn!(path = %path.display(), %error, "an unfinished database stays behind");
        }
    }
}

/// `name="folder"` for a setting that takes a list of folders.
fn quoted_list(name: &str, folder: &Path) -> OsString {
    let mut value = name.as_bytes().to_vec();
    value.push(b'"');
    for byte in folder.as_os_str().as_bytes() {
        if *byte == b'"' {
            value.push(b'"');
        }
        value.push(*byte);
    }
    value.push(b'"');
    OsString::from_vec(value)
}

/// Runs a program to its end with `input` on its standard input.
fn run(mut command: Command, name: &'static str, input: &[u8]) -> Result<Output, EmbeddedError> {
    let path = PathBuf::from(command.get_program());
    let error = || EmbeddedError::io("run", path.clone());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(error())?;
    // What it is told is shorter than a pipe's buffer, so this cannot wait for what the program
    // says.
    if let Some(mut stdin) = child.stdin.take()
        && let Err(refused) = stdin.write_all(input)
        && refused.kind() != io::ErrorKind::BrokenPipe
    {
        tracing::warn!(%refused, "could not write to {name}");
    }
    child.wait_with_output().map_err(error())
}

fn check(program: &'static str, output: &Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(program, output))
    }
}

fn failed(program: &'static str, output: &Output) -> EmbeddedError {
    EmbeddedError::Program {
        program,
        output: last_lines(&output.stderr),
    }
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(LAST_LINES)..)
        .unwrap_or_default()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn an_absent_or_empty_folder_holds_no_data_yet() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version_of(&folder.path().join("none")).unwrap(), None);
        assert_eq!(version_of(folder.path()).unwrap(), None);
    }

    #[test]
    fn the_data_tells_which_version_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("PG_VERSION"), "16\n").unwrap();
        assert_eq!(version_of(folder.path()).unwrap(), Some(16));
        fs::write(folder.path().join("PG_VERSION"), "9.6\n").unwrap();
        assert_eq!(version_of(folder.path()).unwrap(), Some(9));
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        let error = version_of(folder.path()).unwrap_err();
        assert!(
            matches!(error, EmbeddedError::NotADatabase { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_socket_folder_with_a_comma_or_a_quote_is_one_folder() {
        assert_eq!(
            quoted_list("d=", Path::new("/a,b/\"c\"")),
            OsStr::new("d=\"/a,b/\"\"c\"\"\"")
        );
    }

    #[test]
    fn an_error_carries_only_the_last_lines() {
        let lines: Vec<String> = (1..=100).map(|line| format!("line {line}")).collect();
        let last = last_lines(lines.join("\n").as_bytes());
        assert!(
            last.starts_with("line 81\n") && last.ends_with("line 100"),
            "{last}"
        );
        assert_eq!(last_lines(b""), "");
    }
}
