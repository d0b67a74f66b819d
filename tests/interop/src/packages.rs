//! Debian packages, downloaded with the machine's own apt and unpacked into the cache folder.
//!
//! apt runs with a private state (its lists, archives and sources are in a separate folder), so neither the system's
//! sources nor its packages change, and root is not required. The mirror is the one that apt is configured with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{StartError, Unavailable, cache};

const CODENAME: &str = "bookworm";
/// The release after it.
const NEXT: &str = "trixie";

/// Packages that are always fetched, even if the system has them: what runs here is what was unpacked here.
const ALWAYS_FETCHED: [&str; 8] = [
    "prosody", "ejabberd", "erlang", "lua", "libodbc", "libltdl", "jabberd2", "libgsasl",
];

/// The origin of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archive {
    /// What the release came with: what most machines run.
    Release,
    /// What was packaged for it later.
    Backports,
    /// The next release. What comes from there needs its own C library.
    Next,
}

impl Archive {
    /// As apt names it.
    fn suite(self) -> String {
        match self {
            Self::Release => CODENAME.to_owned(),
            Self::Backports => format!("{CODENAME}-backports"),
            Self::Next => NEXT.to_owned(),
        }
    }

    /// Returns apt's sources.
    fn sources(self, mirror: &str) -> String {
        match self {
            Self::Release | Self::Backports => {
                format!("deb {mirror} {CODENAME} main\ndeb {mirror} {CODENAME}-backports main\n")
            }
            Self::Next => format!("deb {mirror} {NEXT} main\n"),
        }
    }

    /// Returns what of this machine's packages can be used, of dpkg's status.
    fn usable(self, status: &str) -> String {
        match self {
            Self::Release | Self::Backports => without_servers(status),
            Self::Next => String::new(),
        }
    }
}

/// What to install: a name for the cache folder, with the version in it, and apt's package specifications.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackageSet {
    pub(crate) name: &'static str,
    pub(crate) archive: Archive,
    pub(crate) packages: &'static [&'static str],
}

/// Prosody with the community modules; LuaSec is only recommended by the package, and TLS needs it.
pub(crate) const PROSODY_13_0: PackageSet = PackageSet {
    name: "prosody-13.0",
    archive: Archive::Backports,
    packages: &["prosody=13.0.*", "prosody-modules=0.0~hg2025*", "lua-sec"],
};

/// The same without the community modules, from the release.
pub(crate) const PROSODY_0_12: PackageSet = PackageSet {
    name: "prosody-0.12",
    archive: Archive::Release,
    packages: &["prosody=0.12.3-*", "lua-sec"],
};

/// ejabberd, with as much of Erlang as it needs.
pub(crate) const EJABBERD_24_12: PackageSet = PackageSet {
    name: "ejabberd-24.12",
    archive: Archive::Backports,
    packages: &["ejabberd=24.12*"],
};

/// The same from the release.
pub(crate) const EJABBERD_23_01: PackageSet = PackageSet {
    name: "ejabberd-23.01",
    archive: Archive::Release,
    packages: &["ejabberd=23.01-*"],
};

/// jabberd2, of which there is one version.
pub(crate) const JABBERD2_2_7: PackageSet = PackageSet {
    name: "jabberd2-2.7",
    archive: Archive::Release,
    packages: &["jabberd2=2.7.0-*"],
};

/// OpenSSL with ML-KEM, with its C library.
pub(crate) const OPENSSL_3_5: PackageSet = PackageSet {
    name: "openssl-3.5",
    archive: Archive::Next,
    packages: &["openssl=3.5.*", "libc6"],
};

/// All of them.
pub(crate) const ALL: [PackageSet; 6] = [
    PROSODY_13_0,
    PROSODY_0_12,
    EJABBERD_24_12,
    EJABBERD_23_01,
    JABBERD2_2_7,
    OPENSSL_3_5,
];

/// The folder that stands for `/` of the unpacked packages.
pub(crate) fn unpacked(set: PackageSet) -> Result<PathBuf, StartError> {
    cache::get_or_fill(set.name, |folder| {
        check_system()?;
        let apt = PrivateApt::new(folder.join(".apt"), set.archive)?;
        let archives = apt.download(set)?;
        for archive in &archives {
            let output = run(
                Command::new("dpkg").arg("-x").arg(archive).arg(folder),
                "dpkg",
            )?;
            if !output.status.success() {
                return Err(StartError::Command {
                    program: format!("dpkg -x {}", archive.display()),
                    tail: tail_of(&output),
                });
            }
        }
        fs::remove_dir_all(&apt.folder).map_err(StartError::io("clearing apt's private state"))
    })
}

fn check_system() -> Result<(), StartError> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    if value("VERSION_CODENAME=").as_deref() == Some(CODENAME) {
        return Ok(());
    }
    let found = value("PRETTY_NAME=").unwrap_or_else(|| std::env::consts::OS.to_owned());
    Err(Unavailable::NotDebian12 { found }.into())
}

/// An apt that keeps everything it writes in one folder of ours.
struct PrivateApt {
    folder: PathBuf,
}

impl PrivateApt {
    fn new(folder: PathBuf, archive: Archive) -> Result<Self, StartError> {
        for part in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(part))
                .map_err(StartError::io("creating apt's private state"))?;
        }
        let mirror = configured_mirror()?;
        fs::write(folder.join("sources.list"), archive.sources(&mirror))
            .map_err(StartError::io("writing apt's private sources"))?;
        let installed = fs::read_to_string("/var/lib/dpkg/status")
            .map_err(StartError::io("reading dpkg's status"))?;
        fs::write(folder.join("status"), archive.usable(&installed)).map_err(StartError::io(
            "writing apt's private view of what is installed",
        ))?;
        Ok(Self { folder })
    }

    /// Downloads the packages and whatever of their dependencies the machine lacks.
    fn download(&self, set: PackageSet) -> Result<Vec<PathBuf>, StartError> {
        self.apt_get(&["update"])?;
        let suite = set.archive.suite();
        let mut arguments = vec![
            "install",
            "--yes",
            "--no-install-recommends",
            "--download-only",
        ];
        arguments.extend(["--target-release", &suite]);
        arguments.extend(set.packages);
        self.apt_get(&arguments)?;
        let entries = fs::read_dir(self.folder.join("archives"))
            .map_err(StartError::io("listing the downloads"))?;
        let mut archives: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .collect();
        archives.sort();
        Ok(archives)
    }

    fn apt_get(&self, arguments: &[&str]) -> Result<(), StartError> {
        let folder = self.folder.display();
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::State={folder}"),
            format!("Dir::State::status={folder}/status"),
            format!("Dir::Cache={folder}"),
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Acquire::Retries=3".to_owned(),
            // The private folder is the user's, and apt's own download user need not be able to read it.
            "APT::Sandbox::User=".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        let output = run(command.args(arguments).env("LC_ALL", "C"), "apt-get")?;
        if output.status.success() {
            return Ok(());
        }
        Err(Unavailable::Download {
            tail: tail_of(&output),
        }
        .into())
    }
}

/// The mirror of the base release that apt is configured with.
fn configured_mirror() -> Result<String, StartError> {
    let release = format!("Release: {CODENAME}");
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
        &release,
    ]);
    let output = run(&mut command, "apt-get")?;
    let mirrors = String::from_utf8_lossy(&output.stdout).into_owned();
    let mirror = mirrors.lines().map(str::trim).find(|line| !line.is_empty());
    mirror
        .map(str::to_owned)
        .ok_or_else(|| Unavailable::NoMirror.into())
}

/// dpkg's status without what must come from our own download.
fn without_servers(status: &str) -> String {
    let kept = status.split("\n\n").filter(|stanza| {
        let name = stanza
            .lines()
            .find_map(|line| line.strip_prefix("Package: "));
        !name.is_some_and(|name| ALWAYS_FETCHED.iter().any(|prefix| name.starts_with(prefix)))
    });
    kept.collect::<Vec<_>>().join("\n\n")
}

pub(crate) fn run(command: &mut Command, tool: &'static str) -> Result<Output, StartError> {
    command.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Unavailable::ToolMissing(tool).into(),
        _ => StartError::Io {
            what: format!("running {tool}"),
            source,
        },
    })
}

pub(crate) fn tail_of(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    last_lines(&String::from_utf8_lossy(&text), 15)
}

/// The end of a text, for a message that has to stay readable.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(count);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The one entry of `folder` whose name starts with `prefix` (a folder with a version in its name).
pub(crate) fn versioned(folder: &Path, prefix: &str) -> Result<PathBuf, StartError> {
    let entries =
        fs::read_dir(folder).map_err(StartError::io(format!("listing {}", folder.display())))?;
    let found = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        });
    found.ok_or_else(|| StartError::Io {
        what: format!("looking for {prefix}* in {}", folder.display()),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has_of_the_servers_is_not_relied_on() {
        let status = "Package: libc6\nStatus: installed\n\nPackage: erlang-base\nStatus: installed\n\nPackage: perl\n";
        assert_eq!(
            without_servers(status),
            "Package: libc6\nStatus: installed\n\nPackage: perl\n"
        );
    }

    #[test]
    fn only_the_end_of_a_log_is_kept() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
