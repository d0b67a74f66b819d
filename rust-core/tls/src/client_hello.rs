//! Parses our own ClientHello (RFC 8446 section 4.1.2), to find out whether it offers a ticket.
//!
//! rustls silently omits an expired ticket.

const HANDSHAKE: u8 = 22;
const EXT_SESSION_TICKET: u16 = 35;
const EXT_PRE_SHARED_KEY: u16 = 41;

/// Returns whether these records carry a ClientHello that offers a TLS 1.3 PSK or a TLS 1.2 ticket.
pub(crate) fn offers_ticket(records: &[u8]) -> bool {
    let hello = handshake_bytes(records);
    extensions(&hello).is_some_and(|mut body| {
        let mut offers = false;
        while let Some((kind, data)) = next_extension(&mut body) {
            offers |= kind == EXT_PRE_SHARED_KEY || kind == EXT_SESSION_TICKET && !data.is_empty();
        }
        offers
    })
}

/// Returns the handshake messages of a flight: a large ticket spreads the ClientHello over several records.
fn handshake_bytes(mut records: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.len());
    while let Some((&[kind, _, _, hi, lo], rest)) = records.split_first_chunk::<5>() {
        let Some((payload, rest)) =
            rest.split_at_checked(usize::from(u16::from_be_bytes([hi, lo])))
        else {
            break;
        };
        if kind != HANDSHAKE {
            break;
        }
        bytes.extend_from_slice(payload);
        records = rest;
    }
    bytes
}

fn extensions(hello: &[u8]) -> Option<&[u8]> {
    // Type and length of the message, legacy_version, random.
    let mut rest = hello.get(4 + 2 + 32..)?;
    take_vector(&mut rest, 1)?; // legacy_session_id
    take_vector(&mut rest, 2)?; // cipher_suites
    take_vector(&mut rest, 1)?; // legacy_compression_methods
    take_vector(&mut rest, 2)
}

fn next_extension<'a>(body: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let (kind, rest) = body.split_first_chunk::<2>()?;
    *body = rest;
    Some((u16::from_be_bytes(*kind), take_vector(body, 2)?))
}

/// Removes a vector that is preceded by a length of `width` bytes.
fn take_vector<'a>(input: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let (length, rest) = input.split_at_checked(width)?;
    let length = length
        .iter()
        .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let (body, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(body)
}
