//! Where a server is reached: the folder of its Unix socket.
//!
//! A socket's path has at most 107 bytes on Linux and 103 elsewhere. Where the data folder is too
//! deep for that, the socket lies in a short folder named after a hash of it. Whoever joins a
//! running server reads the folder from the server's own file, so that two processes with different
//! environments still meet.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio_postgres::{NoTls, error::SqlState};

use super::{error::EmbeddedError, user::ServerUser};

/// The role and the database. The role is the cluster's superuser, and the private folder of the
/// socket is its password.
pub(super) const ROLE: &str = "countersign";
pub(super) const DATABASE: &str = "countersign";

/// Only a part of the socket's name, as no TCP port is ever opened.
pub(super) const PORT: u16 = 5432;

/// The longest path that a socket can have, in bytes.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The Unix socket of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The folder that holds the socket.
    pub(super) folder: PathBuf,
    /// The port in its name.
    pub(super) port: u16,
}

/// What a server said to an attempt to connect.
#[derive(Debug)]
pub(super) enum Answer {
    /// It takes connections.
    Ready,
    /// Nothing listens, or it is about to start or to stop.
    NotReady,
    /// It refuses this role or database, and will again.
    Refused(String),
}

impl Address {
    /// The path of the socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(socket_name(self.port))
    }

    /// The address as libpq, tokio-postgres and sqlx read it.
    ///
    /// The user stands among the parameters because `postgresql://user@/database` has a user and no
    /// host, which libpq accepts and the `url` crate, and with it sqlx, does not.
    pub(super) fn url(&self) -> String {
        let mut folder = String::new();
        for byte in self.folder.as_os_str().as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    folder.push(char::from(*byte));
                }
                _ => {
                    folder.push('%');
                    folder.push_str(&hex::encode_upper([*byte]));
                }
            }
        }
        let port = self.port;
        format!("postgresql:///{DATABASE}?host={folder}&port={port}&user={ROLE}")
    }

    /// Opens a session and closes it again.
    pub(super) async fn ask(&self) -> Answer {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(&self.folder)
            .port(self.port)
            .user(ROLE)
            .dbname(DATABASE)
            .connect_timeout(CONNECT_TIMEOUT);
        let Err(error) = config.connect(NoTls).await else {
            return Answer::Ready;
        };
        match error.as_db_error() {
            None => Answer::NotReady,
            Some(refusal) if *refusal.code() == SqlState::CANNOT_CONNECT_NOW => Answer::NotReady,
            // It serves others, and will serve us.
            Some(refusal) if *refusal.code() == SqlState::TOO_MANY_CONNECTIONS => Answer::Ready,
            Some(refusal) => Answer::Refused(refusal.message().to_owned()),
        }
    }
}

fn socket_name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

/// The folder for the socket of the server whose data is under `data_dir`, made if need be and
/// private to `user`.
pub(super) fn prepare_folder(data_dir: &Path, user: ServerUser) -> Result<PathBuf, EmbeddedError> {
    // The folder under /run/user belongs to the program's user, and another one cannot enter it.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| user.is_own() && folder.is_absolute() && folder.is_dir());
    let folder = choose_folder(data_dir, runtime.as_deref(), user.uid());
    make_private(&folder, user)?;
    // No server lives (the caller holds the lock), and what a killed one left behind can make the
    // next one refuse.
    let socket = folder.join(socket_name(PORT));
    let lock = folder.join(format!("{}.lock", socket_name(PORT)));
    for path in [socket, lock] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::io("remove", path)(error));
            }
            _ => {}
        }
    }
    Ok(folder)
}

fn choose_folder(data_dir: &Path, runtime: Option<&Path>, uid: u32) -> PathBuf {
    let beside = data_dir.join("run");
    if fits(&beside) {
        return beside;
    }
    let hash = hex::encode(Sha256::digest(data_dir.as_os_str().as_bytes()));
    let name = hash.get(..16).unwrap_or(&hash);
    runtime
        .map(|folder| folder.join(format!("countersign-{name}")))
        .filter(|folder| fits(folder))
        .unwrap_or_else(|| Path::new("/tmp").join(format!("countersign-{uid}-{name}")))
}

fn fits(folder: &Path) -> bool {
    folder.join(socket_name(PORT)).as_os_str().len() <= LONGEST_SOCKET_PATH
}

/// Makes the folder, or takes one that is there if it is a folder of this user that nobody else can
/// enter: in /tmp anybody may have made it.
fn make_private(folder: &Path, user: ServerUser) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return user.give(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(EmbeddedError::io("create", folder)(error)),
    }
    let unfit = |reason: String| EmbeddedError::SocketFolder {
        folder: folder.to_path_buf(),
        reason,
    };
    let found = fs::symlink_metadata(folder).map_err(EmbeddedError::io("look at", folder))?;
    if !found.is_dir() {
        return Err(unfit(String::from("it is not a folder")));
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Err(unfit(String::from("others may enter it")));
    }
    if found.uid() == user.uid() {
        return Ok(());
    }
    if found.uid() == 0 {
        // Root, and so this program, made it and was stopped before it gave it away.
        return user.give(folder);
    }
    Err(unfit(format!("it belongs to user {}", found.uid())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_by_every_client() {
        let address = Address {
            folder: PathBuf::from("/var/a b&c/run"),
            port: 5432,
        };
        let text = address.url();
        assert_eq!(
            text,
            "postgresql:///countersign?host=%2Fvar%2Fa%20b%26c%2Frun&port=5432&user=countersign"
        );
        let config: tokio_postgres::Config = text.parse().unwrap();
        assert_eq!(
            config.get_hosts(),
            [tokio_postgres::config::Host::Unix(PathBuf::from(
                "/var/a b&c/run"
            ))]
        );
        assert_eq!(config.get_ports(), [5432]);
        assert_eq!(config.get_user(), Some("countersign"));
        assert_eq!(config.get_dbname(), Some("countersign"));
        let options: sqlx::postgres::PgConnectOptions = text.parse().unwrap();
        assert_eq!(options.get_socket(), Some(&PathBuf::from("/var/a b&c/run")));
        assert_eq!(options.get_username(), "countersign");
        assert_eq!(options.get_database(), Some("countersign"));
    }

    #[test]
    fn a_socket_lies_beside_its_data_as_long_as_its_path_fits() {
        let deepest = format!(
            "/{}",
            "d".repeat(LONGEST_SOCKET_PATH - "//run/.s.PGSQL.5432".len())
        );
        let beside = choose_folder(Path::new(&deepest), None, 7);
        assert_eq!(beside, Path::new(&deepest).join("run"));
        assert_eq!(
            beside.join(".s.PGSQL.5432").as_os_str().len(),
            LONGEST_SOCKET_PATH
        );
        let deeper = format!("{deepest}d");
        assert!(choose_folder(Path::new(&deeper), None, 7).starts_with("/tmp"));
    }

    #[test]
    fn the_short_folder_is_one_for_each_data_folder_and_user() {
        let one = Path::new("/").join("one".repeat(50));
        let two = Path::new("/").join("two".repeat(50));
        let runtime = Some(Path::new("/run/user/1000"));
        assert!(choose_folder(&one, runtime, 1000).starts_with("/run/user/1000"));
        assert_ne!(
            choose_folder(&one, runtime, 1000),
            choose_folder(&two, runtime, 1000)
        );
        assert_ne!(choose_folder(&one, None, 1), choose_folder(&one, None, 2));
        assert!(fits(&choose_folder(&one, None, u32::MAX)));
    }

    #[test]
    fn a_runtime_folder_that_is_too_deep_itself_is_passed_over() {
        let deep = Path::new("/").join("d".repeat(150));
        assert!(choose_folder(&deep, Some(&deep), 1).starts_with("/tmp"));
    }

    #[test]
    fn a_socket_folder_that_others_may_enter_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let user = ServerUser::of_cluster(data.path()).unwrap();
        let folder = data.path().join("run");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let error = make_private(&folder, user).unwrap_err();
        assert!(
            matches!(error, EmbeddedError::SocketFolder { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_link_in_place_of_the_socket_folder_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let user = ServerUser::of_cluster(data.path()).unwrap();
        let folder = data.path().join("run");
        std::os::unix::fs::symlink("/", &folder).unwrap();
        let error = make_private(&folder, user).unwrap_err();
        assert!(
            matches!(error, EmbeddedError::SocketFolder { .. }),
            "{error}"
        );
    }
}
