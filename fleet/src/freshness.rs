//! Freshness: the proof that no newer entry was in the ledger a moment ago.

use crate::{Moment, Rules};
use std::time::Duration;

/// How long the candidates of this replica may stay open.
#[derive(Clone, Debug)]
pub struct Freshness {
    fresh_for: Duration,
    /// Added to the end, different from replica to replica.
    jitter: Duration,
    until: Option<Moment>,
}

impl Freshness {
    /// Not fresh yet. `luck` spreads the replicas: any number that differs between them.
    #[must_use]
    pub fn new(rules: &Rules, luck: u64) -> Self {
        let spread = u64::try_from(rules.spread.as_micros()).unwrap_or(u64::MAX);
        // Knuth's multiplicative hash, so that names that differ in one letter are spread too.
        let drawn = luck.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let jitter = Duration::from_micros(drawn.wrapping_mul(spread) >> 32);
        Self { fresh_for: rules.fresh_for, jitter: jitter.min(rules.spread), until: None }
    }

    /// A renewal that was sent at `asked` has succeeded. It counts from when it was sent: what
    /// happened after that moment is not known.
    pub fn renew(&mut self, asked: Moment) {
        let until = asked + self.fresh_for;
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }

    /// Freshness ends at once: the ledger contradicts this replica.
    pub const fn end(&mut self) {
        self.until = None;
    }

    /// When freshness ends; none if there is none.
    #[must_use]
    pub const fn until(&self) -> Option<Moment> {
        self.until
    }

    /// When candidates close, unless a renewal succeeds before; none if they are closed.
    #[must_use]
    pub fn closes_at(&self) -> Option<Moment> {
        Some(self.until? + self.jitter)
    }

    /// Returns true if candidates may be open at `now`.
    #[must_use]
    pub fn may_serve(&self, now: Moment) -> bool {
        self.closes_at().is_some_and(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::Freshness;
    use crate::Rules;
    use std::time::Duration;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn freshness_counts_from_the_question_and_never_shrinks() {
        let rules = Rules::of(ms(3000));
        let mut fresh = Freshness::new(&rules, 0);
        assert!(!fresh.may_serve(ms(0)), "a process that begins has proven nothing");
        fresh.renew(ms(1000));
        assert_eq!(fresh.until(), Some(ms(4000)));
        fresh.renew(ms(500));
        assert_eq!(fresh.until(), Some(ms(4000)), "a late answer to an old question");
        assert!(fresh.may_serve(ms(3999)) && !fresh.may_serve(ms(4000) + rules.spread));
        fresh.end();
        assert!(!fresh.may_serve(ms(1001)));
    }

    #[test]
    fn replicas_close_one_after_the_other_within_a_quarter() {
        let rules = Rules::of(ms(3000));
        let ends: Vec<Duration> = (0..1000)
            .map(|luck| {
                let mut fresh = Freshness::new(&rules, luck);
                fresh.renew(ms(0));
                fresh.closes_at().unwrap()
            })
            .collect();
        assert!(ends.iter().all(|end| *end >= ms(3000) && *end <= ms(3750)));
        let early = ends.iter().filter(|end| **end < ms(3375)).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
