//! What several targets need.

use snapback_proto::xml::{Element, Limits, StreamItem, StreamReader};

const OPEN: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Returns the top-level elements at the beginning of this stream.
pub fn elements(stream: &[u8]) -> Vec<Element> {
    let mut reader = StreamReader::new(Limits::default());
    reader.login_complete();
    reader.feed(OPEN.as_bytes());
    reader.feed(stream);
    let mut found = Vec::new();
    while let Ok(Some(item)) = reader.next_item() {
        if let StreamItem::Element(element) = item {
            found.push(element);
        }
    }
    found
}
