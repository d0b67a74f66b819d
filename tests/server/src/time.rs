//! Time as a value: the time since the Unix epoch, and its XEP-0082 text.

use std::time::Duration;

/// Time since the Unix epoch; an argument everywhere, so that a simulator can supply it.
pub type Timestamp = Duration;

/// Returns a text like `2026-11-22T12:36:55.123Z` (XEP-0082 DateTime).
pub(crate) fn to_text(at: Timestamp) -> String {
    let seconds = at.as_secs();
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let of_day = seconds % 86_400;
    let parts = [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (of_day / 3600, 2, ':'),
        (of_day / 60 % 60, 2, ':'),
        (of_day % 60, 2, '.'),
        (u64::from(at.subsec_millis()), 3, 'Z'),
    ];
    let mut text = String::with_capacity(24);
    for (value, digits, separator) in parts {
        for place in (0..digits).rev() {
            let digit = value / 10_u64.pow(place) % 10;
            text.extend(
                u32::try_from(digit)
                    .ok()
                    .and_then(|d| char::from_digit(d, 10)),
            );
        }
        text.push(separator);
    }
    text
}

/// The inverse of [`to_text`], for UTC times with or without a fraction.
pub(crate) fn from_text(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once('T')?;
    let mut date = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    let in_range = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !in_range {
        return None;
    }
    let digits: String = fraction.chars().take(3).collect();
    let millis = digits.parse::<u64>().ok()? * [0, 100, 10, 1].get(digits.len())?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Duration::from_secs(seconds) + Duration::from_millis(millis))
}

/// Howard Hinnant's algorithm, for days since 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let era = year / 400;
    let yoe = year % 400;
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    (era * 146_097 + doe).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let at = Duration::from_millis(1_795_351_015_123);
        assert_eq!(to_text(at), "2026-11-22T12:36:55.123Z");
        assert_eq!(from_text("2026-11-22T12:36:55.123Z"), Some(at));
        assert_eq!(from_text("nonsense"), None);
    }
}
