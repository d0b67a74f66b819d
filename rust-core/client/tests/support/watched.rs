//! A store that records its calls for the test.

use std::sync::{Arc, Mutex};

use snapback_client::proto::knowledge::{Knowledge, Op};
use snapback_client::{Store, StoreError};
use snapback_store::testing::{Call, Intercepted, Interceptor};

/// Records the transactions.
#[derive(Debug)]
pub struct Watch(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub struct Seen {
    /// Each transaction, in order.
    pub transactions: Vec<Vec<Op>>,
    /// What connections started from, as printed.
    pub loaded: String,
    /// The largest length of the queue so far.
    pub longest_queue: usize,
    /// The error of all changes, while one is set.
    pub failing: Option<StoreError>,
}

impl Watch {
    /// Returns the store for the client, and its record.
    pub fn over<S: Store>(inner: S) -> (Intercepted<S, Self>, Arc<Mutex<Seen>>) {
        let seen = Arc::<Mutex<Seen>>::default();
        (Intercepted::new(inner, Self(Arc::clone(&seen))), seen)
    }
}

impl Seen {
    /// Returns how many of the core's own stored stanzas contain this text.
    pub fn requests(&self, text: &str) -> usize {
        let ops = self.transactions.iter().flatten();
        let holds = |xml: &str| usize::from(xml.contains(text));
        ops.map(|op| match op {
            Op::Enqueue(stanza) => holds(&stanza.xml),
            Op::SmEnabled { sent, .. } => sent.iter().map(|stanza| holds(&stanza.xml)).sum(),
            _ => 0,
        })
        .sum()
    }
}

impl Interceptor for Watch {
    fn before(&mut self, call: Call<'_>) -> Result<(), StoreError> {
        let mut seen = self.0.lock().unwrap();
        if let (Call::Apply(_) | Call::Enqueue, Some(error)) = (call, seen.failing) {
            return Err(error);
        }
        if let Call::Apply(ops) = call {
            seen.transactions.push(ops.to_vec());
        }
        Ok(())
    }

    fn after(&mut self, call: Call<'_>, inner: &mut dyn Store) {
        if let Call::Apply(_) | Call::Enqueue = call {
            let length = inner.queue_len().unwrap_or(0);
            let mut seen = self.0.lock().unwrap();
            seen.longest_queue = seen.longest_queue.max(length);
        }
    }

    fn loaded(&mut self, knowledge: &Knowledge) {
        self.0.lock().unwrap().loaded += &format!("{knowledge:?}\n");
    }
}
