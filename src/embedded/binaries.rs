//! Finds the server programs of PostgreSQL on this machine.
//!
//! Distributions keep them out of PATH (Debian in a folder for each version, Homebrew in one for
//! each formula), and a folder in PATH may have some of them without the others. So a folder counts
//! only if it has all of [`PROGRAMS`], and the newest version wins, unless there is data already:
//! that can be served by the major version that wrote it and by no other.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::EmbeddedError;

/// The oldest major version that Countersign runs on.
pub(super) const OLDEST_MAJOR: u32 = 14;

const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// Where packages put the programs: in `<parent>/<prefix…>/<rest>`.
const PLACES: [(&str, &str, &str); 8] = [
    // Debian, Ubuntu
    ("/usr/lib/postgresql", "", "bin"),
    // PostgreSQL's own packages for Red Hat, Fedora and SUSE
    ("/usr", "pgsql-", "bin"),
    // Alpine
    ("/usr/libexec", "postgresql", ""),
    // Homebrew on Apple silicon, on Intel, and on Linux
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    // Built from source
    ("/usr/local", "pgsql", "bin"),
    // Postgres.app
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A folder that has all the programs, and their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    folder: PathBuf,
    major: u32,
}

impl Programs {
    /// The programs to use: those of `COUNTERSIGN_POSTGRES_BIN` where it is set, else the newest on
    /// this machine.
    ///
    /// `data` is the folder of data that is there already, and the major version that wrote it.
    pub(super) fn find(data: Option<(&Path, u32)>) -> Result<Self, EmbeddedError> {
        if let Some(folder) =
            env::var_os("COUNTERSIGN_POSTGRES_BIN").filter(|name| !name.is_empty())
        {
            let programs = Self::of_folder(Path::new(&folder)).map_err(|reason| {
                EmbeddedError::UnusableFolder {
                    folder: PathBuf::from(&folder),
                    reason,
                }
            })?;
            return choose(&[programs], data);
        }
        let mut found: Vec<Self> = Vec::new();
        for folder in candidates() {
            if let Ok(programs) = Self::of_folder(&folder)
                && !found.contains(&programs)
            {
                found.push(programs);
            }
        }
        choose(&found, data)
    }

    fn of_folder(folder: &Path) -> Result<Self, String> {
        let complete = complete_folder(folder)
            .ok_or_else(|| format!("it lacks one of {}", PROGRAMS.join(", ")))?;
        let output = Command::new(complete.join("postgres"))
            .arg("--version")
            .output()
            .map_err(|error| format!("its postgres cannot be run ({error})"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major = parse_major(&text)
            .ok_or_else(|| format!("its postgres does not tell its version ({})", text.trim()))?;
        Ok(Self {
            folder: complete,
            major,
        })
    }

    /// Their major version.
    pub(super) const fn major(&self) -> u32 {
        self.major
    }

    /// The path of one of [`PROGRAMS`].
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    fn describe(&self) -> String {
        format!("{} in {}", self.major, self.folder.display())
    }
}

/// The folders that may hold the programs, each once or more often, best first.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    for (parent, prefix, rest) in PLACES {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        let mut matching: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join(rest))
            .collect();
        matching.sort();
        folders.append(&mut matching);
    }
    folders
}

/// The folder that has all the programs: where a link to `postgres` leads, or else the folder
/// itself.
fn complete_folder(folder: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(folder.join("postgres")).ok()?;
    [real.parent()?, folder]
        .into_iter()
        .find(|place| PROGRAMS.iter().all(|program| place.join(program).is_file()))
        .map(Path::to_path_buf)
}

/// The major version in what `postgres --version` says.
fn parse_major(text: &str) -> Option<u32> {
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The version that wrote the data, or else the newest; of two folders with one version, the first.
fn choose(found: &[Programs], data: Option<(&Path, u32)>) -> Result<Programs, EmbeddedError> {
    let names = || found.iter().map(Programs::describe).collect::<Vec<_>>();
    let mut best: Option<&Programs> = None;
    for programs in found
        .iter()
        .filter(|programs| programs.major >= OLDEST_MAJOR)
    {
        let suits = data.is_none_or(|(_, needed)| programs.major == needed);
        if suits && best.is_none_or(|best| programs.major > best.major) {
            best = Some(programs);
        }
    }
    match (best, data) {
        (Some(programs), _) => Ok(programs.clone()),
        (None, Some((folder, needed))) => Err(EmbeddedError::WrongVersion {
            folder: folder.to_path_buf(),
            needed,
            found: names(),
        }),
        (None, None) => Err(EmbeddedError::NotInstalled { found: names() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(folder: &str, major: u32) -> Programs {
        Programs {
            folder: PathBuf::from(folder),
            major,
        }
    }

    #[test]
    fn the_major_version_is_read_from_every_packager_s_words() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 17.2\n"), Some(17));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(parse_major("postgres: command not found"), None);
        assert_eq!(parse_major(""), None);
    }

    #[test]
    fn the_newest_version_is_chosen_for_new_data() {
        let found = [programs("/a", 14), programs("/b", 17), programs("/c", 15)];
        assert_eq!(choose(&found, None).unwrap(), programs("/b", 17));
    }

    #[test]
    fn of_two_folders_with_one_version_the_first_is_chosen() {
        let found = [programs("/first", 16), programs("/second", 16)];
        assert_eq!(choose(&found, None).unwrap(), programs("/first", 16));
    }

    #[test]
    fn data_that_is_there_decides_the_version() {
        let found = [programs("/a", 14), programs("/b", 17)];
        let data = Some((Path::new("/data"), 14));
        assert_eq!(choose(&found, data).unwrap(), programs("/a", 14));
    }

    #[test]
    fn data_of_a_version_that_is_missing_is_refused_by_name() {
        let error = choose(&[programs("/b", 17)], Some((Path::new("/data"), 16))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("apt-get install postgresql-16"), "{text}");
        assert!(text.contains("17 in /b"), "{text}");
        assert!(text.contains("/data"), "{text}");
    }

    #[test]
    fn a_machine_without_the_programs_is_told_what_to_install() {
        let text = choose(&[], None).unwrap_err().to_string();
        for command in [
            "apt-get install postgresql",
            "dnf install postgresql-server",
            "brew install postgresql@17",
            "DATABASE_URL",
        ] {
            assert!(text.contains(command), "{command} is not in: {text}");
        }
    }

    #[test]
    fn a_version_that_is_too_old_is_named_and_not_used() {
        let text = choose(&[programs("/old", 13)], None)
            .unwrap_err()
            .to_string();
        assert!(text.contains("13 in /old"), "{text}");
    }

    #[test]
    fn a_folder_that_lacks_one_of_the_programs_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        for program in ["postgres", "initdb"] {
            fs::write(folder.path().join(program), "").unwrap();
        }
        assert_eq!(complete_folder(folder.path()), None);
        fs::write(folder.path().join("pg_ctl"), "").unwrap();
        assert!(complete_folder(folder.path()).is_some());
    }

    #[test]
    fn a_link_in_path_leads_to_the_folder_that_has_the_others() {
        let real = tempfile::tempdir().unwrap();
        for program in PROGRAMS {
            fs::write(real.path().join(program), "").unwrap();
        }
        let path = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(real.path().join("postgres"), path.path().join("postgres"))
            .unwrap();
        assert_eq!(
            complete_folder(path.path()),
            Some(fs::canonicalize(real.path()).unwrap())
        );
    }
}
