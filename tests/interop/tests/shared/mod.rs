//! A server for several tests of one program.
#![allow(
    unreachable_pub,
    reason = "a module of several tests, each of which needs some of it"
)]

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use snapback_interop::{Flavour, RunningServer, ServerConfig, start_or_skip};
use tokio::sync::Mutex as Turn;

/// A server once it is started, or `None` where it is not available; used by one test at a time.
type Slot = &'static Turn<Option<Option<RunningServer>>>;

static SLOTS: LazyLock<Mutex<Vec<(Flavour, Slot)>>> = LazyLock::new(Mutex::default);

/// Runs a scenario on the server of this flavour, which is started for the first of them and ends with the program.
///
/// Scenarios share its accounts: remaining data of one must not disturb the next.
pub async fn on(flavour: Flavour, scenario: impl AsyncFnOnce(&mut RunningServer)) {
    let mut server = slot(flavour).lock().await;
    if server.is_none() {
        let config = ServerConfig::new(flavour);
        *server = Some(tokio::task::block_in_place(|| start_or_skip(config)));
    }
    if let Some(Some(server)) = server.as_mut() {
        let shown = Shown(server);
        scenario(shown.0).await;
    }
}

fn slot(flavour: Flavour) -> Slot {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == flavour) {
        return slot;
    }
    let slot: Slot = Box::leak(Box::default());
    slots.push((flavour, slot));
    slot
}

/// Prints the server's log when the test fails.
struct Shown<'a>(&'a mut RunningServer);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let flavour = self.0.flavour();
            eprintln!("{flavour:?}'s log ends:\n{}", self.0.log_tail());
        }
    }
}

/// A module of tests for a server: each scenario of the list, in a test of its name.
#[macro_export]
macro_rules! on_server {
    ($server:ident, $flavour:expr, [$($scenario:ident),* $(,)?]) => {
        mod $server {
            use snapback_interop::Flavour;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    $crate::shared::on($flavour, async |server| super::$scenario(server).await).await;
                }
            )*
        }
    };
}
