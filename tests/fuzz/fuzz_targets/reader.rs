//! The XML reader: no input makes it panic, and the division of the bytes into chunks does not change the result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback_proto::xml::{Limits, StreamItem, StreamReader, XmlError};

/// The bits of the first byte that give the length of a chunk; the bit above says whether the peer counts as logged in.
const CHUNK_BITS: u8 = 0x7f;

fuzz_target!(|input: &[u8]| {
    let Some((&control, stream)) = input.split_first() else {
        return;
    };
    let logged_in = control > CHUNK_BITS;
    let chunk_length = usize::from(control & CHUNK_BITS).max(1);
    let (items, error) = read(std::iter::once(stream), logged_in);
    let (chunked_items, chunked_error) = read(stream.chunks(chunk_length), logged_in);
    assert_eq!(items, chunked_items, "in chunks of {chunk_length}");
    // Where a stream is both ill-formed and over a limit, either may be seen first: both close it.
    assert_eq!(
        error.is_some(),
        chunked_error.is_some(),
        "{error:?}, in chunks {chunked_error:?}"
    );
});

/// Returns what a reader finds, and how it ends.
fn read<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    logged_in: bool,
) -> (Vec<StreamItem>, Option<XmlError>) {
    let mut reader = StreamReader::new(limits());
    if logged_in {
        reader.login_complete();
    }
    let mut items = Vec::new();
    for chunk in chunks {
        reader.feed(chunk);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

/// Returns small limits, so that a small input can exceed each.
fn limits() -> Limits {
    Limits {
        before_login: 1024,
        stanza: 512,
        wrapper: 64,
        iq_result: 768,
        nodes: 24,
        depth: 8,
        attributes: 6,
        namespaces: 4,
    }
}
