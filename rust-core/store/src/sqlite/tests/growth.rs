//! How large the file grows. `cargo xtask bench store` measures what operations cost in time.

use snapback_proto::knowledge::{ArchiveCursor, Delivery, Op, SeenMessage, SeenTag};
use snapback_proto::xml::Element;

use crate::testing::enabled;
use crate::{MemoryVault, Store};

use super::{Folder, clean, message, server};

fn delivery(number: u32) -> Delivery {
    let text = format!("a message of the usual length, say this long, and this is number {number}");
    let message = Element::new("message", "jabber:client")
        .with_attr("from", "romeo@example.net/orchard")
        .with_child(Element::new("body", "jabber:client").with_text(text));
    Delivery::new(format!("{number:032x}"), message)
}

/// Returns the message's ids, as each delivery of a message brings them.
fn seen(number: u32) -> Op {
    let tag = |first| {
        let mut tag = [first; 16];
        tag.iter_mut()
            .skip(1)
            .zip(number.to_be_bytes())
            .for_each(|(to, from)| *to = from);
        SeenTag(tag)
    };
    Op::Seen(SeenMessage {
        tags: vec![tag(1), tag(2), tag(3)],
        reference: Some(format!("{number:022}")),
    })
}

fn cursor(number: u32) -> Op {
    Op::ArchiveCursor(ArchiveCursor::After(format!("{number:032x}")))
}

/// Deleted rows make room for new ones. `SNAPBACK_STORE_ROUNDS=25000` passes a million stanzas through.
#[test]
fn does_not_grow_with_what_passes_through() {
    let folder = Folder::new();
    let mut store = clean(&folder.db(), &MemoryVault::default());
    store.apply(&server(), &[enabled("sm-id", &[])]).unwrap();
    let rounds: u32 = std::env::var("SNAPBACK_STORE_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(300);
    for round in 0..rounds {
        let seqs: Vec<u64> = (0..20)
            .map(|n| store.enqueue(message(&format!("{round}-{n}"))).unwrap())
            .collect();
        let base = Some(round);
        let mut ops = vec![Op::MarkSent(seqs.clone()), Op::Acked { base, seqs }];
        ops.extend(
            (round * 20..round * 20 + 20)
                .flat_map(|n| [seen(n), cursor(n), Op::Inbound(delivery(n))]),
        );
        store.apply(&server(), &ops).unwrap();
        let confirmed = (0..20).map(|n| Op::Confirm(delivery(round * 20 + n).id));
        store
            .apply(&server(), &confirmed.collect::<Vec<_>>())
            .unwrap();
    }
    let size = |name: &str| std::fs::metadata(folder.0.join(name)).unwrap().len();
    let (log, queue) = (size("account.db-wal"), store.queue_len().unwrap());
    store.close().unwrap();
    let file = size("account.db");
    println!("{} stanzas: {file} bytes, and {log} of log", rounds * 40);
    assert_eq!(queue, 0);
    // A log of a thousand pages is written back.
    assert!(file < 256 << 10 && log < 5 << 20);
}
