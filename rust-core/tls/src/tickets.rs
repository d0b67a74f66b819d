//! The store of TLS tickets (rule T11): in memory, each used once, within one account, domain and transport.
//!
//! rustls 0.23 cannot write a TLS 1.3 ticket to disk, so tickets end with the process. [`TicketStore`] is the
//! interface.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::NamedGroup;
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

use snapback_types::key_trust::Pins;

use crate::Transport;

/// The maximum number of TLS 1.3 tickets in one scope. Servers send one to four for each login.
const TLS13_TICKETS_PER_SCOPE: usize = 8;
/// The maximum number of scopes: a phone has a few accounts and two transports; the least recently used is dropped
/// first.
const SCOPES: usize = 32;

/// The scope within which a ticket may be used.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TicketScope {
    /// The account that logged in, as the caller names accounts.
    pub account: String,
    /// The domain of the login.
    pub domain: String,
    /// The transport: STARTTLS and direct TLS may lead to different servers.
    pub transport: Transport,
    /// The keys that the user or the app chose. A change of them ends the use of older tickets, which replace a
    /// certificate that may not be accepted any more (rule T13).
    pub pins: Pins,
}

impl fmt::Debug for TicketScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketScope")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// What a ticket allows, and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketInfo {
    /// The maximum bytes of early data that the server accepts with it; 0 for none, and in TLS 1.2.
    pub max_early_data: u32,
    /// The connection on which the ticket was issued.
    pub origin: TicketOrigin,
}

/// The connection on which a ticket was issued, in its state when the ticket was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketOrigin {
    /// tls-server-end-point (RFC 5929) of the certificate; `None` where it is undefined.
    pub end_point: Option<Vec<u8>>,
    /// SHA-256 of the certificate's public key (SubjectPublicKeyInfo).
    pub spki_sha256: [u8; 32],
    /// Whether the server proved itself to a login on that connection.
    pub login_proven: bool,
}

/// The kinds of ticket that a store distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKind {
    /// A PSK of TLS 1.3.
    Tls13,
    /// A session of TLS 1.2, by ticket (RFC 5077) or session id.
    Tls12,
}

pub(crate) enum TicketValue {
    Tls13(Box<Tls13ClientSessionValue>),
    Tls12(Box<Tls12ClientSessionValue>),
}

impl fmt::Debug for TicketValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls13(_) => "Tls13(..)",
            Self::Tls12(_) => "Tls12(..)",
        })
    }
}

/// A ticket: opaque, secret, and bound to the trust configuration under which it was issued.
pub struct Ticket {
    pub(crate) value: TicketValue,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) end_point: Option<Vec<u8>>,
    pub(crate) spki_sha256: [u8; 32],
    /// Shared with the connection, whose login is proven after its first tickets arrived.
    pub(crate) login_proven: Arc<AtomicBool>,
}

impl Ticket {
    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> TicketKind {
        match self.value {
            TicketValue::Tls13(_) => TicketKind::Tls13,
            TicketValue::Tls12(_) => TicketKind::Tls12,
        }
    }

    /// Returns what it allows.
    #[must_use]
    pub fn info(&self) -> TicketInfo {
        TicketInfo {
            max_early_data: match &self.value {
                TicketValue::Tls13(value) => value.max_early_data_size(),
                TicketValue::Tls12(_) => 0,
            },
            origin: TicketOrigin {
                end_point: self.end_point.clone(),
                spki_sha256: self.spki_sha256,
                login_proven: self.login_proven.load(Ordering::Acquire),
            },
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// Keeps tickets between connections. Bounded, and shared by all connections of a [`TlsContext`](crate::TlsContext).
pub trait TicketStore: fmt::Debug + Send + Sync {
    /// Keeps a ticket. A TLS 1.2 session replaces the one before.
    fn put(&self, scope: &TicketScope, ticket: Ticket);
    /// Takes the newest ticket out: it is never returned again.
    fn take(&self, scope: &TicketScope, kind: TicketKind) -> Option<Ticket>;
    /// Remembers the key exchange group that the server chose.
    fn put_kx_hint(&self, scope: &TicketScope, group: NamedGroup);
    /// Returns the key exchange group to try first.
    fn kx_hint(&self, scope: &TicketScope) -> Option<NamedGroup>;
    /// Drops everything in this scope.
    fn forget(&self, scope: &TicketScope);
    /// Returns how many tickets there are now, over all scopes.
    fn held(&self) -> usize;
}

#[derive(Debug)]
struct Shelf {
    scope: TicketScope,
    kx_hint: Option<NamedGroup>,
    tls12: Option<Ticket>,
    /// Newest last.
    tls13: VecDeque<Ticket>,
}

/// Tickets in memory.
#[derive(Debug, Default)]
pub struct MemoryTickets {
    /// The most recently used is last; few enough for a linear search.
    shelves: Mutex<Vec<Shelf>>,
}

impl MemoryTickets {
    fn with_shelf<T>(&self, scope: &TicketScope, f: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let index = shelves.iter().position(|shelf| shelf.scope == *scope)?;
        let mut shelf = shelves.remove(index);
        let value = f(&mut shelf);
        shelves.push(shelf);
        Some(value)
    }

    fn with_new_shelf(&self, scope: &TicketScope, f: impl FnOnce(&mut Shelf)) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shelf = match shelves.iter().position(|shelf| shelf.scope == *scope) {
            Some(index) => shelves.remove(index),
            None => Shelf {
                scope: scope.clone(),
                kx_hint: None,
                tls12: None,
                tls13: VecDeque::new(),
            },
        };
        f(&mut shelf);
        if shelves.len() >= SCOPES {
            shelves.remove(0);
        }
        shelves.push(shelf);
    }
}

impl TicketStore for MemoryTickets {
    fn put(&self, scope: &TicketScope, ticket: Ticket) {
        self.with_new_shelf(scope, |shelf| match ticket.kind() {
            TicketKind::Tls12 => shelf.tls12 = Some(ticket),
            TicketKind::Tls13 => {
                if shelf.tls13.len() >= TLS13_TICKETS_PER_SCOPE {
                    shelf.tls13.pop_front();
                }
                shelf.tls13.push_back(ticket);
            }
        });
    }

    fn take(&self, scope: &TicketScope, kind: TicketKind) -> Option<Ticket> {
        self.with_shelf(scope, |shelf| match kind {
            TicketKind::Tls13 => shelf.tls13.pop_back(),
            TicketKind::Tls12 => shelf.tls12.take(),
        })?
    }

    fn put_kx_hint(&self, scope: &TicketScope, group: NamedGroup) {
        self.with_new_shelf(scope, |shelf| shelf.kx_hint = Some(group));
    }

    fn kx_hint(&self, scope: &TicketScope) -> Option<NamedGroup> {
        self.with_shelf(scope, |shelf| shelf.kx_hint)?
    }

    fn forget(&self, scope: &TicketScope) {
        self.shelves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|shelf| shelf.scope != *scope);
    }

    fn held(&self) -> usize {
        let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves
            .iter()
            .map(|shelf| shelf.tls13.len() + usize::from(shelf.tls12.is_some()))
            .sum()
    }
}
