//! Made-up traffic: how each arm behaves, turned into counts without a random number.

use stagegate_rollout::{Outcome, Reason, Series};

/// The behaviour of an arm. Shares are of its requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) permanent: f64,
    pub(crate) transient: f64,
    pub(crate) external: f64,
    pub(crate) rejected: f64,
    /// Share that takes 20 s instead of half a second.
    pub(crate) slow: f64,
    /// Mean dollars of a request.
    pub(crate) usd: f64,
    /// Share of scored responses that pass.
    pub(crate) accuracy: f64,
    /// Share of responses that are scored.
    pub(crate) scored: f64,
    /// Share of the requests meant for it that find no healthy endpoint.
    pub(crate) down: f64,
}

impl Behaviour {
    /// An arm that does what it should.
    pub(crate) const GOOD: Self = Self {
        permanent: 0.01,
        transient: 0.005,
        external: 0.005,
        rejected: 0.01,
        slow: 0.002,
        usd: 0.01,
        accuracy: 0.95,
        scored: 0.4,
        down: 0.0,
    };

    /// The same with one share or number set by its name.
    pub(crate) fn with(mut self, key: &str, value: f64) -> Self {
        let slot = match key {
            "permanent" => &mut self.permanent,
            "transient" => &mut self.transient,
            "external" => &mut self.external,
            "rejected" => &mut self.rejected,
            "slow" => &mut self.slow,
            "usd" => &mut self.usd,
            "accuracy" => &mut self.accuracy,
            "scored" => &mut self.scored,
            "down" => &mut self.down,
            other => panic!("no behaviour `{other}`"),
        };
        *slot = value;
        self
    }
}

/// Turns shares into counts.
pub(crate) trait Draw {
    /// Draws the number of successes among `n`, each with chance `share`. `what` separates the
    /// draws of one arm.
    fn of(&mut self, what: usize, n: u64, share: f64) -> u64;
}

/// Exactly the share, carrying what is less than one over to the next time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Even {
    carried: [f64; 16],
}

impl Draw for Even {
    fn of(&mut self, what: usize, n: u64, share: f64) -> u64 {
        let exact = n as f64 * share + self.carried[what];
        let count = (exact + 1e-9).floor().clamp(0.0, n as f64);
        self.carried[what] = exact - count;
        count as u64
    }
}

/// Independent draws from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// A number from 0 to 1 (splitmix64).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// A whole number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((self.next() * n as f64) as u64).min(n - 1)
    }
}

impl Draw for Seeded {
    fn of(&mut self, _what: usize, n: u64, share: f64) -> u64 {
        if share <= 0.0 {
            return 0;
        }
        let variance = n as f64 * share * (1.0 - share);
        if variance > 25.0 {
            // Enough to be told from a bell by nobody; twelve uniforms make one.
            let bell: f64 = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
            return (n as f64 * share + bell * variance.sqrt()).round().clamp(0.0, n as f64) as u64;
        }
        // From hit to hit.
        let mut hits = 0;
        let mut at = 0.0;
        let ln_miss = (-share.min(1.0 - 1e-12)).ln_1p();
        loop {
            at += (self.next().max(1e-300).ln() / ln_miss).floor() + 1.0;
            if at > n as f64 {
                return hits;
            }
            hits += 1;
        }
    }
}

/// The counts of `n` requests of an arm.
pub(crate) fn series(draw: &mut impl Draw, n: u64, how: &Behaviour) -> Series {
    let mut series = Series::default();
    let mut left = n;
    for (what, outcome, share) in [
        (0, Outcome::Permanent, how.permanent),
        (1, Outcome::Transient, how.transient),
        (2, Outcome::External, how.external),
    ] {
        let count = draw.of(what, n, share).min(left);
        series.outcomes[outcome.index()] = count;
        left -= count;
    }
    series.outcomes[Outcome::Ok.index()] = left;
    series.rejected = draw.of(3, left, how.rejected);
    let slow = draw.of(4, n, how.slow);
    series.duration_us.record_many(20_000_000, slow);
    series.duration_us.record_many(500_000, n - slow);
    // A few requests cost several times the mean, as they do.
    let dear = draw.of(9, n, 0.125);
    series.cost_nanos.record_many((how.usd * 4.5e9) as u64, dear);
    series.cost_nanos.record_many((how.usd * 0.5e9) as u64, n - dear);
    let scored = draw.of(5, left, how.scored);
    series.scores.passed = draw.of(6, scored, how.accuracy);
    series.scores.failed = scored - series.scores.passed;
    series
}

/// Takes off `n` the requests that found no healthy endpoint and went to stable instead.
pub(crate) fn turned_away(
    draw: &mut impl Draw,
    n: u64,
    how: &Behaviour,
    stable: &mut Series,
) -> u64 {
    let down = draw.of(7, n, how.down);
    stable.reasons[Reason::CandidateDown.index()] += down;
    down
}
