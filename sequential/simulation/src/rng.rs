//! A small generator of random numbers whose seed is an argument: xoshiro256++ (Blackman and
//! Vigna 2019), seeded by SplitMix64.

/// Random numbers that are the same for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// The generator of one run of one scenario.
    #[must_use]
    pub fn new(seed: u64, scenario: u64, run: u64) -> Self {
        let mut state = seed;
        for part in [scenario, run] {
            state = split_mix(&mut state) ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        Self(std::array::from_fn(|_| split_mix(&mut state)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        out
    }

    /// Uniform in (0, 1), never an end.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// How many failures come before the first success of probability `p`.
    pub fn before_success(&mut self, p: f64) -> u64 {
        if p >= 1.0 { 0 } else { (self.uniform().ln() / (-p).ln_1p()).floor() as u64 }
    }

    /// How many of `n` throws succeed with probability `p` each: jumps from success to success.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if n == 0 {
            return 0;
        }
        let (mut at, mut successes) = (0, 0);
        loop {
            at += self.before_success(p) + 1;
            if at > n {
                return successes;
            }
            successes += 1;
        }
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().ln()
    }

    /// Gamma with this shape and scale 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.uniform().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Beta with this mean; two draws with the same probability correlate by `icc`.
    pub fn beta(&mut self, mean: f64, icc: f64) -> f64 {
        if icc <= 0.0 || mean <= 0.0 || mean >= 1.0 {
            return mean;
        }
        let worth = (1.0 - icc) / icc;
        let (bad, good) = (self.gamma(mean * worth), self.gamma((1.0 - mean) * worth));
        // Both can underflow: then one of them is everything.
        if bad + good > 0.0 { bad / (bad + good) } else { f64::from(self.chance(mean)) }
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Rng;

    /// Mean and variance of many draws.
    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let values: Vec<f64> = (0..200_000).map(|_| draw()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    }

    #[test]
    fn every_distribution_has_its_mean_and_variance() {
        let mut rng = Rng::new(7, 0, 0);
        for (name, (mean, variance), want_mean, want_variance) in [
            ("uniform", moments(|| rng.uniform()), 0.5, 1.0 / 12.0),
            ("binomial", moments(|| rng.binomial(40, 0.05) as f64), 2.0, 1.9),
            ("before success", moments(|| rng.before_success(0.25) as f64), 3.0, 12.0),
            ("exponential", moments(|| rng.exponential(2.0)), 2.0, 4.0),
            ("normal", moments(|| rng.normal()), 0.0, 1.0),
            ("gamma", moments(|| rng.gamma(0.4)), 0.4, 0.4),
            ("beta", moments(|| rng.beta(0.3, 0.2)), 0.3, 0.3 * 0.7 * 0.2),
        ] {
            assert!((mean - want_mean).abs() < 0.03, "{name}: mean {mean}");
            assert!((variance / want_variance - 1.0).abs() < 0.03, "{name}: variance {variance}");
        }
    }

    #[test]
    fn runs_differ_and_a_seed_repeats() {
        let first = |seed, scenario, run| Rng::new(seed, scenario, run).bits();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        assert_ne!(first(1, 2, 3), first(1, 2, 4));
        assert_ne!(first(1, 2, 3), first(1, 3, 3));
        assert_ne!(first(1, 2, 3), first(2, 2, 3));
    }
}
