//! What happens to the server's bytes on the way to the client.

/// What happens to the server's bytes on the way.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    /// Each text arrives as it was sent.
    Whole,
    /// One byte at a time.
    Bytes,
    /// This number of bytes arrives, then the transport ends.
    Cut(usize),
    /// Every so often a byte is changed, lost, duplicated or repeated; the state of a random number generator.
    Mutate(u64),
}

/// xorshift64*: small, seeded, good enough to choose bytes.
pub(super) fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

pub(super) fn mutate(bytes: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random(state) % 3 {
        if bytes.is_empty() {
            break;
        }
        let at = (random(state) as usize) % bytes.len();
        let to = at + (random(state) as usize) % (bytes.len() - at);
        match random(state) % 6 {
            0 => bytes[at] ^= 1 << (random(state) % 8),
            1 => drop(bytes.remove(at)),
            2 => drop(bytes.drain(at..to)),
            3 => bytes.insert(at, b"<>'=/&0"[(random(state) % 7) as usize]),
            4 => {
                let repeated = bytes[at..to].to_vec();
                bytes.splice(to..to, repeated);
            }
            // Doubling an element is what a confused server does.
            _ => bytes.extend_from_within(..),
        }
    }
    bytes
}
