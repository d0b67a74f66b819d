//! Punycode (RFC 3492): encodes a Unicode label as letters, digits and hyphens, and decodes it. Lower case only.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 0x80;

/// More characters than this never fit into a label of 63 bytes; it also bounds the quadratic insertions.
const MAX_CHARS: usize = 63;

/// Returns the label that `text` encodes, `None` if it encodes none.
pub(super) fn decode(text: &str) -> Option<String> {
    let (basic, extended) = text.rsplit_once('-').unwrap_or(("", text));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (INITIAL_N, 0_u32, INITIAL_BIAS);
    let mut digits = extended.bytes().map(digit_value);
    while digits.len() > 0 {
        let before = i;
        let mut weight = 1_u32;
        let mut k = BASE;
        loop {
            let digit = digits.next()??;
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let t = threshold(k, bias);
            if digit < t {
                break;
            }
            weight = weight.checked_mul(BASE - t)?;
            k += BASE;
        }
        let count = u32::try_from(output.len()).ok()? + 1;
        bias = adapt(i - before, count, before == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        if output.len() >= MAX_CHARS {
            return None;
        }
        output.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(output.into_iter().collect())
}

/// Returns the encoding of `label`, without the `xn--`. A label too long for DNS results in an encoding too long for
/// DNS.
pub(super) fn encode(label: &str) -> String {
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(output.len()).unwrap_or(u32::MAX);
    let chars: Vec<u32> = label.chars().map(u32::from).collect();
    if chars.len() > MAX_CHARS {
        return "x".repeat(chars.len());
    }
    if basic > 0 {
        output.push('-');
    }
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0_u32, INITIAL_BIAS, basic);
    // At most 63 characters, so all values stay far below the limit of a u32.
    while let Some(next) = chars.iter().copied().filter(|&c| c >= n).min() {
        delta += (next - n) * (handled + 1);
        n = next;
        for &c in &chars {
            if c < n {
                delta += 1;
            }
            if c == n {
                push_integer(&mut output, delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        n += 1;
    }
    output
}

fn push_integer(output: &mut String, mut value: u32, bias: u32) {
    let mut k = BASE;
    loop {
        let t = threshold(k, bias);
        if value < t {
            break;
        }
        output.push(digit(t + (value - t) % (BASE - t)));
        value = (value - t) / (BASE - t);
        k += BASE;
    }
    output.push(digit(value));
}

fn threshold(k: u32, bias: u32) -> u32 {
    k.saturating_sub(bias).clamp(T_MIN, T_MAX)
}

fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn digit_value(byte: u8) -> Option<u32> {
    match byte {
        b'a'..=b'z' => Some(u32::from(byte - b'a')),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 26),
        _ => None,
    }
}

fn digit(value: u32) -> char {
    let offset = u8::try_from(value).unwrap_or_default();
    char::from(if offset < 26 {
        b'a' + offset
    } else {
        b'0' + (offset - 26)
    })
}
