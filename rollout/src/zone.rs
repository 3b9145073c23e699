//! Time zones, for the day of a budget: what a rule says of the present years. No clock and no file.
//!
//! A zone is a name (`Europe/Berlin`) or a rule in the form of POSIX's `TZ`
//! (`CET-1CEST,M3.5.0,M10.5.0/3`). Names are those of the time zone database, release 2025b, each with the
//! rule that it ends with (RFC 9636, section 3.3: the footer of a zone's file). What zones did in the past
//! is not known, and a budget never asks.

mod posix;

use posix::Rule;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A rule on each line, and the zones that have it.
const NAMES: &str = include_str!("zone/rules.txt");
const DAY_MS: i64 = 86_400_000;

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Zone {
    name: Arc<str>,
    rule: Rule,
}

/// A text that names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a name of the time zone database nor a rule of POSIX")]
pub struct UnknownZone(Arc<str>);

impl Zone {
    /// The zone of this name or rule.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, UnknownZone> {
        let named = |line: &&str| line.split(' ').skip(1).any(|name| name == text);
        let rule = NAMES.lines().find(named).and_then(|line| line.split(' ').next());
        let rule = Rule::parse(rule.unwrap_or(text)).ok_or_else(|| UnknownZone(text.into()))?;
        Ok(Self { name: text.into(), rule })
    }

    /// The zone in which days begin at midnight of UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".into(), rule: Rule::UTC }
    }

    /// Milliseconds by which its clocks are ahead of UTC at a time in Unix milliseconds.
    #[must_use]
    pub fn ahead_ms(&self, at_ms: u64) -> i64 {
        self.rule.ahead_at(at_ms as i64 / 1000) * 1000
    }

    /// The day that a time in Unix milliseconds belongs to: its beginning, and that of the next one. On the
    /// days on which clocks are changed it has 23 or 25 hours.
    #[must_use]
    pub fn day(&self, at_ms: u64) -> (u64, u64) {
        let day = (at_ms as i64 + self.ahead_ms(at_ms)).div_euclid(DAY_MS);
        (self.begins(day), self.begins(day + 1))
    }

    /// The first moment of the day that is the `day`-th since 1970-01-01 on its clocks. Where clocks skip
    /// midnight, that is the moment at which they do.
    fn begins(&self, day: i64) -> u64 {
        let (least, most) = self.rule.bounds();
        let begins = |ahead: i64| (day * DAY_MS - ahead * 1000).max(0) as u64;
        let is_of_it = |at_ms: u64| (at_ms as i64 + self.ahead_ms(at_ms)).div_euclid(DAY_MS) == day;
        Some(begins(most)).filter(|at_ms| is_of_it(*at_ms)).unwrap_or_else(|| begins(least))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl TryFrom<Arc<str>> for Zone {
    type Error = UnknownZone;

    fn try_from(text: Arc<str>) -> Result<Self, UnknownZone> {
        Self::parse(&text)
    }
}

impl From<Zone> for Arc<str> {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, Zone};

    const HOUR: u64 = 3_600_000;
    /// 2026-03-29 00:00 UTC, the day on which clocks in Europe are put forward at 01:00 UTC.
    const SPRING: u64 = 1_774_742_400_000;
    /// 2026-10-25 00:00 UTC, the day on which they are put back at 01:00 UTC.
    const AUTUMN: u64 = 1_792_886_400_000;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_name_has_a_rule_that_is_read() {
        let names = NAMES.lines().flat_map(|line| line.split(' ').skip(1));
        let all: Vec<Zone> = names.map(zone).collect();
        assert!(all.len() > 590, "{}", all.len());
        for zone in &all {
            // No clock is further from UTC.
            assert!(zone.ahead_ms(SPRING).abs() <= 14 * HOUR as i64, "{zone}");
        }
        for wrong in
            ["", "Europe/Berlinn", "CET", "CET-", "CET-1CEST,M3.5.0", "CET-1CEST,M13.1.0,M1.1.0"]
        {
            let found = Zone::parse(wrong);
            assert_eq!(found.is_ok(), wrong == "CET", "{wrong}: {found:?}");
        }
    }

    #[test]
    fn days_on_which_clocks_change_have_23_and_25_hours() {
        let berlin = zone("Europe/Berlin");
        let by_rule = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        for zone in [&berlin, &by_rule] {
            assert_eq!(zone.day(SPRING + 12 * HOUR), (SPRING - HOUR, SPRING + 22 * HOUR));
            assert_eq!(zone.day(AUTUMN + 12 * HOUR), (AUTUMN - 2 * HOUR, AUTUMN + 23 * HOUR));
            assert_eq!(zone.ahead_ms(SPRING + HOUR - 1), HOUR as i64);
            assert_eq!(zone.ahead_ms(SPRING + HOUR), 2 * HOUR as i64);
            assert_eq!(zone.ahead_ms(AUTUMN + HOUR - 1), 2 * HOUR as i64);
            assert_eq!(zone.ahead_ms(AUTUMN + HOUR), HOUR as i64);
        }
        // South of the equator summer is around the turn of the year.
        let sydney = zone("Australia/Sydney");
        assert_eq!(sydney.ahead_ms(SPRING), 11 * HOUR as i64);
        assert_eq!(sydney.ahead_ms(SPRING + 120 * 24 * HOUR), 10 * HOUR as i64);
        assert_eq!(zone("Asia/Kolkata").day(SPRING).0, SPRING - HOUR * 11 / 2);
        assert_eq!(Zone::utc().day(SPRING + 5), (SPRING, SPRING + 24 * HOUR));
    }

    /// In Santiago clocks go from 24:00 to 01:00, so a day begins at one; and from 24:00 back to 23:00.
    #[test]
    fn a_midnight_that_is_skipped_or_comes_twice_begins_one_day() {
        let zone = zone("America/Santiago");
        // Sunday 2026-09-06: at 04:00 UTC clocks go forward.
        let forward = 1_788_667_200_000;
        assert_eq!(zone.day(forward), (forward, forward + 23 * HOUR));
        assert_eq!(zone.day(forward - 1), (forward - 24 * HOUR, forward));
        // Saturday 2026-04-04 has 25 hours: at 03:00 UTC of the fifth clocks go back.
        let back = 1_775_358_000_000;
        assert_eq!(zone.day(back - 1), (back - 24 * HOUR, back + HOUR));
        assert_eq!(zone.day(back + HOUR - 1), (back - 24 * HOUR, back + HOUR));
        assert_eq!(zone.day(back + HOUR).0, back + HOUR);
    }

    /// Over two years, hour by hour: days follow each other without a gap, and hold their moments.
    #[test]
    fn days_leave_no_gap_in_any_zone() {
        for line in NAMES.lines() {
            let zone = zone(line.split(' ').next().expect("a rule"));
            let mut at = SPRING - 400 * 24 * HOUR;
            let (_, mut ends) = zone.day(at);
            while at < SPRING + 400 * 24 * HOUR {
                at += HOUR / 2;
                let (begins, next) = zone.day(at);
                assert!(begins <= at && at < next, "{zone} at {at}: {begins} to {next}");
                assert!(
                    begins == ends || next == ends,
                    "{zone} at {at}: {begins} to {next}, {ends}"
                );
                ends = next;
            }
        }
    }
}
