//! Where Swift comes from: the machine's own, or Debian 13's in a root of its own.
//!
//! Debian 12 has no Swift, and Debian 13's does not run on its C library. So a minimal Debian 13 is unpacked into the
//! cache folder once, from the mirror that apt is configured with, and everything runs in it, in namespaces that are
//! gone when the command is.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::generated::find_library;
use crate::{setup, tool};

/// Changes with whatever changes what is in the root.
const ROOT: &str = "trixie-swift-4";
const SUITE: &str = "trixie";
/// The compiler needs `libc6-dev` without declaring it; the core trusts the certificates of the system; the package
/// manager fetches packages with `git`.
const PACKAGES: &str = "swiftlang,libc6-dev,ca-certificates,git";
/// Half of the packages' contents are of no use here: debugger, language servers, static libraries, documentation.
const LEFT_OUT: [&str; 13] = [
    "/usr/libexec/swift/bin/lldb*",
    "*/liblldb*",
    "*/clangd*",
    "*/sourcekit-lsp",
    "*/libsourcekitdInProc.so",
    "*/libLTO.so*",
    "*/lib/swift_static/*",
    "*/lib/swift/embedded/*",
    "*/lib/swift/FrameworkABIBaseline/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
];
/// The mounts end with the namespace: there is nothing to clean up.
const ENTER: &str = r#"
set -e
root=$1 folder=$2
shift 2
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"#;

/// A Swift that can be called.
#[derive(Debug, Clone)]
pub(crate) enum Toolchain {
    /// The machine's own.
    Own,
    /// In this root.
    Root(PathBuf),
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Missing {
    /// There cannot be one on this machine.
    Here(String),
    /// It should be here, and something went wrong.
    Failed(String),
}

impl From<String> for Missing {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Toolchain {
    /// The toolchain, installed on first use (a download of half a gigabyte).
    pub(crate) fn installed() -> Result<Self, Missing> {
        if has_own_swift() {
            return Ok(Self::Own);
        }
        let codename = debian_codename().ok_or_else(|| {
            Missing::Here("neither Swift 6 nor a Debian to install it with".to_owned())
        })?;
        if !is_root()? {
            let why = "no Swift 6, and only root can install and enter a root of its own";
            return Err(Missing::Here(why.to_owned()));
        }
        Ok(Self::Root(root(&codename)?))
    }

    /// `program` with `arguments` in `folder`. It sees the workspace and the build output, at their own places, and finds
    /// the host's library.
    pub(crate) fn command<I, S>(&self, folder: &Path, program: &str, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = match self {
            Self::Own => {
                // On a Mac, the tools of Xcode are not on the path.
                let mut command = if cfg!(target_os = "macos") {
                    Command::new("xcrun")
                } else {
                    Command::new("env")
                };
                command.arg(program).args(arguments).current_dir(folder);
                command
            }
            Self::Root(root) => {
                let mut command = Command::new("unshare");
                // What was started in there does not outlive the command.
                command.args(["--mount", "--propagation", "private"]);
                command.args(["--pid", "--fork", "--kill-child"]);
                command
                    .args(["sh", "-c", ENTER, "sh"])
                    .arg(root)
                    .arg(folder);
                command.arg(tool::workspace()).arg(tool::target_folder());
                command.args(["--", program]).args(arguments);
                clear_environment(&mut command);
                command
            }
        };
        find_library(&mut command);
        command
    }
}

/// The machine's own paths mean nothing in the root.
fn clear_environment(command: &mut Command) {
    let kept = env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name == "CI" || name == "NO_COLOR" || name.starts_with("SNAPBACK_")
    });
    command.env_clear().envs(kept);
    command.envs([
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
        (
            "PATH",
            "/usr/libexec/swift/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
    ]);
}

fn has_own_swift() -> bool {
    let output = Command::new("swift")
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_once("Swift version ")
            .and_then(|(_, version)| version.split('.').next())
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 6)
    })
}

fn debian_codename() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches('"').to_owned())
    };
    (value("ID=")? == "debian").then(|| value("VERSION_CODENAME="))?
}

fn is_root() -> Result<bool, String> {
    Ok(tool::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// The root, made if it is not there. It gets its name when it is complete; a lock keeps two runs apart.
fn root(codename: &str) -> Result<PathBuf, String> {
    let folder = tool::cache_folder()?.join("swift");
    let finished = folder.join(ROOT);
    if finished.is_dir() {
        return Ok(finished);
    }
    let at = |what: &str, error: std::io::Error| format!("{what}: {error}");
    fs::create_dir_all(&folder).map_err(|error| at("cache folder", error))?;
    let lock = File::create(folder.join("lock")).map_err(|error| at("lock", error))?;
    lock.lock().map_err(|error| at("lock", error))?;
    if finished.is_dir() {
        return Ok(finished); // another process made it while this one waited
    }
    clear_unfinished(&folder);
    let unfinished = folder.join(format!("{ROOT}.partial-{}", std::process::id()));
    bootstrap(&unfinished, codename)?;
    fs::rename(&unfinished, &finished).map_err(|error| at("rename", error))?;
    Ok(finished)
}

/// What interrupted runs left, and roots of older recipes: they only take up space.
fn clear_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().contains(".partial-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn bootstrap(root: &Path, codename: &str) -> Result<(), String> {
    // The keyring in its newest version: an old one does not know the release that is to come in.
    setup::install_for("mmdebstrap", &["mmdebstrap", "debian-archive-keyring"])?;
    println!("installing Swift, once: about two minutes");
    // In a mount namespace, so that an interrupted run leaves no mounts behind.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    command.args(["mmdebstrap", "--quiet", "--mode=root", "--format=directory"]);
    command.args(["--variant=apt", &format!("--include={PACKAGES}")]);
    command.arg("--aptopt=APT::Install-Recommends \"false\"");
    command.arg("--aptopt=Acquire::Retries \"5\"");
    for path in LEFT_OUT {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    command.arg(SUITE).arg(root);
    command.arg(format!("deb {} {SUITE} main", mirror(codename)?));
    tool::run(command.env("LC_ALL", "C"))
}

/// The mirror of the base release that apt is configured with.
fn mirror(codename: &str) -> Result<String, String> {
    let release = format!("Release: {codename}");
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)"]);
    command.args(["Created-By: Packages", &release]);
    let mirrors = tool::output(&mut command)?;
    let mirror = mirrors.lines().map(str::trim).find(|line| !line.is_empty());
    mirror
        .map(str::to_owned)
        .ok_or_else(|| format!("apt is configured with no mirror of {codename}"))
}
