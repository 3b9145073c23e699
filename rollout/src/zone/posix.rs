//! Rules in the form of POSIX's environment variable `TZ` (POSIX.1-2024, 8.3), with the hours beyond a day
//! that RFC 9636 permits.

const DAY: i64 = 86_400;

/// A rule. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Ahead of UTC by so much.
    usual: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    ahead: i64,
    from: Turn,
    until: Turn,
}

/// A turn of the clocks: a day of the year, and seconds since its midnight on the clocks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    day: Day,
    at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// The n-th such weekday of a month, 5 for the last one. Weekday 0 is Sunday.
    Weekday { month: i64, week: i64, weekday: i64 },
    /// From 1 to 365, without the leap day.
    Counted(i64),
    /// From 0 to 365, the leap day among them.
    Whole(i64),
}

impl Rule {
    pub(super) const UTC: Self = Self { usual: 0, summer: None };

    /// `None` if the text is no rule.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (usual, rest) = offset(name(text)?)?;
        if rest.is_empty() {
            return Some(Self { usual: -usual, summer: None });
        }
        let rest = name(rest)?;
        let (ahead, rest) = if rest.starts_with(',') {
            (3600 - usual, rest)
        } else {
            offset(rest).map(|(seconds, rest)| (-seconds, rest))?
        };
        let (from, rest) = turn(rest.strip_prefix(',')?)?;
        let (until, rest) = turn(rest.strip_prefix(',')?)?;
        let summer = Summer { ahead, from, until };
        rest.is_empty().then_some(Self { usual: -usual, summer: Some(summer) })
    }

    /// The smallest and the largest number of seconds ahead of UTC.
    pub(super) fn bounds(&self) -> (i64, i64) {
        let summer = self.summer.map_or(self.usual, |summer| summer.ahead);
        (self.usual.min(summer), self.usual.max(summer))
    }

    /// Seconds ahead of UTC at a time in Unix seconds.
    pub(super) fn ahead_at(&self, at: i64) -> i64 {
        let Some(summer) = self.summer else { return self.usual };
        let year = year_of((at + self.usual).div_euclid(DAY));
        let from = summer.from.in_year(year) - self.usual;
        let until = summer.until.in_year(year) - summer.ahead;
        let is_summer =
            if from < until { (from..until).contains(&at) } else { !(until..from).contains(&at) };
        if is_summer { summer.ahead } else { self.usual }
    }
}

impl Turn {
    /// Seconds since 1970-01-01 on the clocks before the turn.
    fn in_year(self, year: i64) -> i64 {
        let first = days_to(year);
        let leap = i64::from(is_leap(year));
        let day = match self.day {
            Day::Whole(day) => first + day,
            Day::Counted(day) => first + day - 1 + if day > 59 { leap } else { 0 },
            Day::Weekday { month, week, weekday } => {
                let months = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
                let before: i64 = months.iter().take(month as usize - 1).sum();
                let length = months[month as usize - 1];
                // 1970-01-01 was a Thursday.
                let starts_on = (first + before + 4).rem_euclid(7);
                let mut day = (weekday - starts_on).rem_euclid(7) + 7 * (week - 1);
                while day >= length {
                    day -= 7;
                }
                first + before + day
            }
        };
        day * DAY + self.at
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970-01-01 to the first day of a year.
const fn days_to(year: i64) -> i64 {
    let before = year - 1;
    365 * (year - 1970) + (before / 4 - before / 100 + before / 400)
        - (1969 / 4 - 1969 / 100 + 1969 / 400)
}

/// The year of a day since 1970-01-01.
fn year_of(day: i64) -> i64 {
    // An average year has 365.2425 days: the guess is off by one at most.
    let guess = 1970 + (day * 400).div_euclid(146_097);
    if day < days_to(guess) {
        guess - 1
    } else if day >= days_to(guess + 1) {
        guess + 1
    } else {
        guess
    }
}

/// What follows the name of a zone: three letters or more, or anything in `<>`.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        let (name, rest) = quoted.split_once('>')?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-');
        return (name.len() >= 3 && name.bytes().all(fits)).then_some(rest);
    }
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    (length >= 3).then(|| &text[length..])
}

/// `[+-]hh[:mm[:ss]]` in seconds, and what follows.
fn offset(text: &str) -> Option<(i64, &str)> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let mut seconds = 0;
    for (place, (unit, most)) in [(3600, 167), (60, 59), (1, 59)].into_iter().enumerate() {
        if place > 0 {
            let Some(after) = rest.strip_prefix(':') else { break };
            rest = after;
        }
        let (number, after) = digits(rest)?;
        if number > most {
            return None;
        }
        seconds += number * unit;
        rest = after;
    }
    Some((sign * seconds, rest))
}

/// A number of up to three digits, and what follows.
fn digits(text: &str) -> Option<(i64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length > 3 {
        return None;
    }
    Some((text.get(..length)?.parse().ok()?, &text[length..]))
}

/// `Mm.w.d`, `Jn` or `n`, with `/time`, and what follows.
fn turn(text: &str) -> Option<(Turn, &str)> {
    let within =
        |number: i64, least: i64, most: i64| (least..=most).contains(&number).then_some(number);
    let (day, rest) = if let Some(rest) = text.strip_prefix('M') {
        let (month, rest) = digits(rest)?;
        let (week, rest) = digits(rest.strip_prefix('.')?)?;
        let (weekday, rest) = digits(rest.strip_prefix('.')?)?;
        let (month, week) = (within(month, 1, 12)?, within(week, 1, 5)?);
        (Day::Weekday { month, week, weekday: within(weekday, 0, 6)? }, rest)
    } else if let Some(rest) = text.strip_prefix('J') {
        let (day, rest) = digits(rest)?;
        (Day::Counted(within(day, 1, 365)?), rest)
    } else {
        let (day, rest) = digits(text)?;
        (Day::Whole(within(day, 0, 365)?), rest)
    };
    let (at, rest) = match rest.strip_prefix('/') {
        Some(time) => offset(time)?,
        None => (2 * 3600, rest),
    };
    Some((Turn { day, at }, rest))
}

#[cfg(test)]
mod tests {
    use super::{Rule, days_to, year_of};

    #[test]
    fn years_begin_where_the_calendar_says() {
        assert_eq!((days_to(1970), days_to(1971), days_to(1973)), (0, 365, 1096));
        assert_eq!((days_to(2000), days_to(2001), days_to(2101)), (10_957, 11_323, 47_847));
        for year in 1970..2400 {
            assert_eq!((year_of(days_to(year)), year_of(days_to(year) - 1)), (year, year - 1));
        }
    }

    #[test]
    fn days_are_counted_with_and_without_the_leap_day() {
        // 2024 is a leap year: day 60 without it is the first of March.
        let of = |text: &str, year: i64| {
            let rule = Rule::parse(text).expect("a rule");
            let first = days_to(year) * 86_400;
            (0..366).find(|day| rule.ahead_at(first + day * 86_400 + 43_200) != 0)
        };
        assert_eq!(of("UTC0DST,J60,J365", 2024), Some(60));
        assert_eq!(of("UTC0DST,J60,J365", 2025), Some(59));
        assert_eq!(of("UTC0DST,59,364", 2024), Some(59));
    }
}
