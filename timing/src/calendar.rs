//! Unix time as calendar dates, in UTC.

/// A moment as `2026-01-31T14:02:07.250Z` (RFC 3339 with milliseconds).
#[must_use]
pub fn rfc3339(at_ms: u64) -> String {
    let (year, month, day) = date(at_ms / 86_400_000);
    let (hour, minute, second) = time(at_ms / 1000 % 86_400);
    let millis = at_ms % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// A moment as `2026-01-31 14:02:07Z`, for people.
#[must_use]
pub fn moment(at_ms: u64) -> String {
    let (year, month, day) = date(at_ms / 86_400_000);
    let (hour, minute, second) = time(at_ms / 1000 % 86_400);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// The beginning of a day as `2026-01-31`, in Unix milliseconds; none for a text that is no day since 1970.
#[must_use]
pub fn day(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let mut number = |length: usize| -> Option<u64> {
        let part = parts.next().filter(|it| it.len() == length)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let wanted = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() || wanted.0 < 1970 {
        return None;
    }
    // A year has at most 366 days, so the day is near.
    let first = (wanted.0 - 1970) * 365;
    let days = first..first + (wanted.0 - 1970) / 4 + 367;
    days.into_iter().find(|day| date(*day) == wanted).map(|day| day * 86_400_000)
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
const fn date(days: u64) -> (u64, u64, u64) {
    // Years are counted from March, so that a leap day is the last day of its year, in eras of 400
    // years, after which the calendar repeats. Day 0 of era 0 is 719,468 days before 1970.
    let (era, of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Hour, minute and second of a second of a day.
const fn time(second: u64) -> (u64, u64, u64) {
    (second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::{day, moment, rfc3339};

    #[test]
    fn days_are_read_and_what_is_none_is_not() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(951_782_400_000));
        assert_eq!(day("2099-12-31"), Some(4_102_358_400_000));
        for none in ["2001-02-29", "1969-12-31", "2026-1-1", "2026-13-01", "2026-01-01-1", "", "x"]
        {
            assert_eq!(day(none), None, "{none}");
        }
    }

    #[test]
    fn moments_are_calendar_dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_251_200_250), "2024-03-01T00:00:00.250Z");
        assert_eq!(rfc3339(4_102_444_799_000), "2099-12-31T23:59:59.000Z");
    }

    #[test]
    fn moments_for_people_are_the_same_ones() {
        assert_eq!(moment(0), "1970-01-01 00:00:00Z");
        assert_eq!(moment(951_782_399_000), "2000-02-28 23:59:59Z");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00Z");
        assert_eq!(moment(1_709_251_200_000), "2024-03-01 00:00:00Z");
        assert_eq!(moment(4_102_444_799_999), "2099-12-31 23:59:59Z");
    }
}
