//! The arithmetic of XEP-0198's counters: 32 bits that wrap (section 4).

use std::fmt;

/// An impossible acknowledgement (I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckError {
    /// More acknowledged than was sent.
    TooHigh {
        /// What was acknowledged.
        h: u32,
        /// What was sent.
        send_count: u32,
    },
    /// Less acknowledged than before.
    Backward {
        /// What was acknowledged.
        h: u32,
        /// What had been acknowledged before.
        base: u32,
    },
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooHigh { h, send_count } => {
                write!(f, "{h} stanzas acknowledged, {send_count} sent")
            }
            Self::Backward { h, base } => write!(f, "{h} stanzas acknowledged after {base}"),
        }
    }
}

impl std::error::Error for AckError {}

/// Returns how many of the `outstanding` stanzas after `base` are acknowledged by `h`.
pub fn acked(h: u32, base: u32, outstanding: usize) -> Result<usize, AckError> {
    let delta = h.wrapping_sub(base);
    match usize::try_from(delta) {
        Ok(count) if count <= outstanding => Ok(count),
        // At half the number space or more it counts as lower (RFC 1982): an outdated counter, not one that is too high.
        _ if delta > u32::MAX / 2 => Err(AckError::Backward { h, base }),
        _ => Err(AckError::TooHigh {
            h,
            send_count: count_after(base, outstanding),
        }),
    }
}

/// Returns the counter after `stanzas` more.
pub fn count_after(base: u32, stanzas: usize) -> u32 {
    // The remainder modulo 2^32 is what a wrapping counter keeps.
    base.wrapping_add((stanzas & 0xFFFF_FFFF) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGE: u32 = u32::MAX - 2; // 2^32 - 3

    #[test]
    fn i5_i16_acknowledgements_across_the_wrap() {
        let too_high = |h, send_count| Err(AckError::TooHigh { h, send_count });
        let backward = |h, base| Err(AckError::Backward { h, base });
        for (h, base, outstanding, expected) in [
            (0, 0, 0, Ok(0)),
            (3, 0, 5, Ok(3)),
            (5, 0, 5, Ok(5)),
            (10, 0, 8, too_high(10, 8)),
            (6, 5, 0, too_high(6, 5)),
            (4, 5, 5, backward(4, 5)),
            (EDGE, EDGE, 5, Ok(0)),
            (u32::MAX, EDGE, 5, Ok(2)),
            (0, EDGE, 5, Ok(3)),
            (2, EDGE, 5, Ok(5)),
            (3, EDGE, 5, too_high(3, 2)),
            (EDGE - 1, EDGE, 5, backward(EDGE - 1, EDGE)),
            (u32::MAX, 0, 5, backward(u32::MAX, 0)),
            (0x8000_0000, 0x7FFF_FFFF, 1, Ok(1)),
            (0x7FFF_FFFF, 0, 1, too_high(0x7FFF_FFFF, 1)),
            (0x8000_0000, 0, 1, backward(0x8000_0000, 0)),
        ] {
            assert_eq!(
                acked(h, base, outstanding),
                expected,
                "{h} {base} {outstanding}"
            );
        }
    }

    #[test]
    fn i16_counting_wraps() {
        assert_eq!(count_after(EDGE, 3), 0);
        assert_eq!(count_after(EDGE, 5), 2);
    }
}
