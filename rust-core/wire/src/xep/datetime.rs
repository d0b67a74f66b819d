//! XEP-0082: dates and times as text, to the second. The civil calendar is the proleptic Gregorian one.

use crate::time::UnixTime;

const SECONDS_PER_DAY: i64 = 86_400;

/// `CCYY-MM-DDThh:mm:ssZ`.
pub fn format(time: UnixTime) -> String {
    let (year, month, day) = civil_from_days(time.0.div_euclid(SECONDS_PER_DAY));
    let second = time.0.rem_euclid(SECONDS_PER_DAY);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// A `DateTime` of XEP-0082: four-digit year, optional fraction (dropped), `Z` or an offset. Anything else is None.
pub fn parse(text: &str) -> Option<UnixTime> {
    let mut rest = Cursor(text.as_bytes());
    let year = rest.number(4)?;
    rest.expect(b'-')?;
    let month = rest.number(2)?;
    rest.expect(b'-')?;
    let day = rest.number(2)?;
    rest.expect(b'T')?;
    let hour = rest.number(2)?;
    rest.expect(b':')?;
    let minute = rest.number(2)?;
    rest.expect(b':')?;
    let second = rest.number(2)?;
    rest.fraction()?;
    let offset = rest.offset()?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || !rest.0.is_empty() {
        return None;
    }
    let local =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(UnixTime(local - offset))
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..digits {
            let byte = self.next()?;
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(byte - b'0');
        }
        Some(value)
    }

    /// A fraction needs at least one digit.
    fn fraction(&mut self) -> Option<()> {
        let Some(after_point) = self.0.strip_prefix(b".") else {
            return Some(());
        };
        let digits = after_point
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        self.0 = after_point.get(digits..)?;
        (digits > 0).then_some(())
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.next()? {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.expect(b':')?;
        let minutes = self.number(2)?;
        // XML Schema bounds the offset.
        (minutes < 60 && hours * 60 + minutes <= 14 * 60)
            .then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both directions count in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day is the last
// day of a year and month lengths follow one linear formula. 719,468 days lie between 0000-03-01 and 1970-01-01.

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("1969-07-21T02:56:15Z", -14_159_025),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2001-09-09T01:46:40Z", 1_000_000_000),
            ("2008-08-22T21:09:04Z", 1_219_439_344),
            ("2038-01-19T03:14:08Z", 2_147_483_648),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(UnixTime(seconds)), "{text}");
            assert_eq!(format(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn fractions_and_offsets() {
        for (text, same) in [
            ("1969-07-20T21:56:15-05:00", "1969-07-21T02:56:15Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-01-01T00:00:00+14:00", "2025-12-31T10:00:00Z"),
            ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00.9Z", "2026-01-01T00:00:00Z"),
            (
                "2026-01-01T00:00:00.123456789+00:30",
                "2025-12-31T23:30:00Z",
            ),
        ] {
            assert_eq!(parse(text), parse(same), "{text}");
            assert!(parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn leap_years_follow_the_gregorian_rule() {
        for (text, valid) in [
            ("2024-02-29T00:00:00Z", true),
            ("2023-02-29T00:00:00Z", false),
            ("1900-02-29T00:00:00Z", false),
            ("2000-02-29T00:00:00Z", true),
            ("2100-02-29T00:00:00Z", false),
            ("2024-02-30T00:00:00Z", false),
            ("2024-04-31T00:00:00Z", false),
        ] {
            assert_eq!(parse(text).is_some(), valid, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        let mut expected = (1900, 1, 1);
        let first = days_from_civil(1900, 1, 1);
        for days in first..first + 146_097 {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            assert_eq!(days_from_civil(year, month, day), days);
            expected = if day < days_in_month(year, month) {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
        assert_eq!(expected, (2300, 1, 1));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00Z",
            "2026-1-01T00:00:00Z",
            "26-01-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+15:00",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00Z ",
            "+026-01-01T00:00:00Z",
            "20261-01-01T00:00:00Z",
            "٢٠٢٦-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_instant_makes_it_panic() {
        for seconds in [i64::MIN, i64::MIN + 1, i64::MAX, -62_167_219_201] {
            assert!(format(UnixTime(seconds)).ends_with('Z'));
        }
    }
}
