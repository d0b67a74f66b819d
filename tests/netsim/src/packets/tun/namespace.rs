//! Network namespaces (network_namespaces(7)) of our own: made, entered by threads, and removed.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Runtime;

use super::TunError;

/// Where `ip netns` keeps the names.
const NAMES: &str = "/run/netns";

/// What our names begin with; the id of the process and a number follow.
const PREFIX: &str = "snapback-";

/// A network of its own, with a loopback interface that is up. It ends when this is dropped.
/// Threads enter it; a socket stays in the namespace in which it was created, whichever thread uses it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: Arc<File>,
}

impl Namespace {
    /// Creates one. Its name is unique to this process; namespaces of killed processes are removed first.
    ///
    /// # Errors
    ///
    /// If this machine cannot have one, or the operating system refuses.
    pub fn create() -> Result<Self, TunError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEEP: Once = Once::new();
        if !Path::new("/dev/net/tun").exists() {
            return Err(TunError::Unavailable("/dev/net/tun"));
        }
        if !rustix::process::geteuid().is_root() {
            return Err(TunError::Unavailable("root"));
        }
        SWEEP.call_once(remove_stale);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        ip(&["netns", "add", &name])?;
        let handle =
            File::open(path(&name)).map_err(TunError::io("opening a network namespace"))?;
        let namespace = Self {
            name,
            handle: Arc::new(handle),
        };
        namespace.ip(&["link", "set", "lo", "up"])?;
        // An interface would announce itself with packets that no program sent. Without IPv6 it does not.
        namespace.run(|| {
            drop(fs::write(
                "/proc/sys/net/ipv6/conf/default/disable_ipv6",
                "1",
            ))
        })?;
        Ok(namespace)
    }

    /// What `ip netns` calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs this in the namespace, on a thread of its own, and waits for it. What it spawns, threads and processes,
    /// lives there too.
    ///
    /// # Errors
    ///
    /// If the namespace cannot be entered.
    ///
    /// # Panics
    ///
    /// If `work` does.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, TunError> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                enter(&self.handle).map_err(TunError::io("entering a network namespace"))?;
                Ok(work())
            });
            match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// A tokio runtime whose threads live in the namespace. Spawn on it; what it blocks on runs where the caller is.
    ///
    /// # Errors
    ///
    /// If the threads cannot be had.
    pub fn runtime(&self) -> Result<NamespaceRuntime, TunError> {
        let handle = Arc::clone(&self.handle);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .on_thread_start(move || {
                // A worker in the wrong network would produce wrong measurements: it must not start.
                #[allow(
                    clippy::expect_used,
                    reason = "there is no caller to return an error to"
                )]
                enter(&handle).expect("the namespace can be entered");
            })
            .build()
            .map_err(TunError::io("starting a runtime in a network namespace"))?;
        Ok(NamespaceRuntime(Some(runtime)))
    }

    /// Gives the loopback interface this IPv6 address, without which the namespace has no IPv6 at all.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn add_ipv6(&self, address: Ipv6Addr) -> Result<(), TunError> {
        self.enable_ipv6("lo")?;
        self.set_address("add", "lo", address.into())
    }

    pub(super) fn enable_ipv6(&self, interface: &str) -> Result<(), TunError> {
        let switch = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
        let enabled = self.run(|| fs::write(switch, "0"))?;
        enabled.map_err(TunError::io("enabling IPv6"))
    }

    /// `ip` with these arguments, in the namespace.
    pub(super) fn ip(&self, arguments: &[&str]) -> Result<(), TunError> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// An address becomes ours (`add`), or is no longer (`delete`).
    pub(super) fn set_address(
        &self,
        verb: &str,
        interface: &str,
        address: IpAddr,
    ) -> Result<(), TunError> {
        match address {
            IpAddr::V4(address) => {
                let address = format!("{address}/32");
                self.ip(&["address", verb, &address, "dev", interface])
            }
            // Without a check that the address is free.
            IpAddr::V6(address) => {
                let address = format!("{address}/128");
                self.ip(&["-6", "address", verb, &address, "dev", interface, "nodad"])
            }
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What a hanging process still uses is removed with that process.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

/// A runtime of [`Namespace::runtime`]. Dropping it does not wait for what still runs on it, so it may be dropped anywhere.
#[derive(Debug)]
pub struct NamespaceRuntime(Option<Runtime>);

impl NamespaceRuntime {
    /// What spawns on it.
    ///
    /// # Panics
    ///
    /// Never: there is a runtime until this is dropped.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only Drop takes it")]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.0.as_ref().expect("it is taken by Drop only").handle()
    }
}

impl Drop for NamespaceRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn enter(handle: &File) -> std::io::Result<()> {
    move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

fn path(name: &str) -> PathBuf {
    Path::new(NAMES).join(name)
}

/// Removes namespaces of processes that have ended.
fn remove_stale() {
    for entry in fs::read_dir(NAMES).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(owner, _)| owner.parse::<u32>().ok());
        if let (Some(name), Some(owner)) = (name.to_str(), owner)
            && !Path::new("/proc").join(owner.to_string()).exists()
        {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), TunError> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => TunError::Unavailable("ip, of iproute2"),
        _ => TunError::Io {
            what: "running ip",
            source,
        },
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(TunError::Ip {
        arguments: arguments.join(" "),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
