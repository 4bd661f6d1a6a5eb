//! Reads `postmaster.pid`, the file in which a running server says who and where it is.
//!
//! The file outlives a server that was killed. PostgreSQL recovers from that by itself unless the
//! number in it belongs to another process by now (after a reboot, or in a container that begins to
//! count at 1 again): it then refuses to start for ever. So the process is looked at, not only its
//! number.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::address::Address;

/// The name of the file, inside the data folder of the server.
pub(super) const FILE: &str = "postmaster.pid";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    /// The process.
    pub(super) pid: u32,
    /// Its Unix socket.
    pub(super) address: Address,
    /// Whether it takes connections: neither starting nor stopping.
    pub(super) ready: bool,
}

/// Whose the process number in the file is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The server's.
    Server,
    /// Nobody's.
    Nobody,
    /// A process that is not the server, or one that has ended and was not waited for.
    Other,
}

impl Postmaster {
    /// Reads the file in the data folder `cluster`; none where there is none, or it is only half
    /// written.
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        parse(&fs::read(cluster.join(FILE)).ok()?)
    }

    /// The server of `cluster`, if there is one and it lives.
    pub(super) fn living(cluster: &Path) -> Option<Self> {
        Self::read(cluster).filter(|found| found.holder(cluster) == Holder::Server)
    }

    /// Whose the process number is now.
    pub(super) fn holder(&self, cluster: &Path) -> Holder {
        if !Path::new("/proc/self/cmdline").exists() {
            return holder_by_signal(self.pid);
        }
        match fs::read(format!("/proc/{}/cmdline", self.pid)) {
            Ok(arguments) => holder_by_arguments(&arguments, cluster),
            Err(_) => Holder::Nobody,
        }
    }
}

/// The lines are: process, data folder, start time, port, socket folder, listening address, shared
/// memory, state.
fn parse(text: &[u8]) -> Option<Postmaster> {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let line = |index: usize| lines.get(index).copied().filter(|line| !line.is_empty());
    let number = |index: usize| {
        std::str::from_utf8(line(index)?)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    Some(Postmaster {
        // A server in single-user mode writes its number with a minus, takes no connections and is
        // none for us.
        pid: number(0)?,
        address: Address {
            folder: PathBuf::from(OsStr::from_bytes(line(4)?)),
            port: u16::try_from(number(3)?).ok()?,
        },
        ready: line(7).is_some_and(|state| state.trim_ascii() == b"ready"),
    })
}

/// Where there is no /proc, all that can be known is whether the process is there.
fn holder_by_signal(pid: u32) -> Holder {
    let alive = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| {
            !matches!(
                rustix::process::test_kill_process(pid),
                Err(rustix::io::Errno::SRCH)
            )
        });
    if alive {
        Holder::Server
    } else {
        Holder::Nobody
    }
}

/// Decides by a process's arguments, which every user can read. Where they leave a doubt, it is the
/// server.
fn holder_by_arguments(arguments: &[u8], cluster: &Path) -> Holder {
    let arguments: Vec<&OsStr> = arguments
        .split(|byte| *byte == 0)
        .map(OsStr::from_bytes)
        .collect();
    let is_server = arguments
        .first()
        .and_then(|program| Path::new(program).file_name())
        .is_some_and(|name| name == "postgres" || name == "postmaster");
    if !is_server {
        return Holder::Other;
    }
    let folder = arguments
        .iter()
        .position(|argument| *argument == "-D")
        .and_then(|index| arguments.get(index + 1))
        .map(Path::new);
    match folder {
        Some(folder) if folder.is_absolute() && real(folder) != real(cluster) => Holder::Other,
        _ => Holder::Server,
    }
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &[u8] =
        b"14019\n/data/postgresql\n1795245123\n5432\n/data/run\n\n 10010818         7\nready   \n";

    #[test]
    fn the_file_of_a_ready_server_tells_its_process_and_socket() {
        let found = parse(READY).unwrap();
        assert_eq!(found.pid, 14019);
        assert_eq!(
            found.address,
            Address {
                folder: PathBuf::from("/data/run"),
                port: 5432
            }
        );
        assert!(found.ready);
    }

    #[test]
    fn a_server_that_starts_or_stops_is_not_ready() {
        for state in ["starting", "stopping", "standby "] {
            let text = String::from_utf8(READY.to_vec())
                .unwrap()
                .replace("ready   ", state);
            assert!(!parse(text.as_bytes()).unwrap().ready, "{state}");
        }
    }

    #[test]
    fn a_file_that_is_half_written_says_nothing() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"14019\n/data/postgresql\n1795245123\n5432\n"), None);
        assert_eq!(parse(b"-14019\n/data\n1\n5432\n/data/run\n"), None);
    }

    #[test]
    fn a_number_that_another_process_has_now_is_not_the_server() {
        let cluster = Path::new("/no/such/data/postgresql");
        let of = |arguments: &[u8]| holder_by_arguments(arguments, cluster);
        assert_eq!(
            of(b"/usr/bin/postgres\0-D\0/no/such/data/postgresql\0"),
            Holder::Server
        );
        assert_eq!(of(b"postgres\0"), Holder::Server);
        assert_eq!(of(b"postgres\0-D\0data/postgresql\0"), Holder::Server);
        assert_eq!(
            of(b"/usr/bin/postgres\0-D\0/var/lib/postgresql/15/main\0"),
            Holder::Other
        );
        assert_eq!(of(b"postgres: 15/main: checkpointer \0"), Holder::Other);
        assert_eq!(of(b"/usr/sbin/cron\0-f\0"), Holder::Other);
        assert_eq!(of(b""), Holder::Other);
    }
}
