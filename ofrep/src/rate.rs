//! How often one client may ask.

use std::time::{Duration, Instant};

/// A token bucket that holds the requests of one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Full.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self { left: f64::from(rate), at: now }
    }

    /// Takes one request out, or says how long to wait.
    pub(crate) fn take(&mut self, rate: u32, now: Instant) -> Result<(), Duration> {
        let rate = f64::from(rate.max(1));
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * rate).min(rate);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;
    use std::time::{Duration, Instant};

    #[test]
    fn a_second_has_as_many_requests_as_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let taken = (0..20).filter(|_| bucket.take(10, start).is_ok()).count();
        assert_eq!(taken, 10);
        let wait = bucket.take(10, start).expect_err("empty");
        assert_eq!(wait, Duration::from_millis(100));
        assert!(bucket.take(10, start + wait).is_ok());
        let later = start + Duration::from_secs(3600);
        let taken = (0..20).filter(|_| bucket.take(10, later).is_ok()).count();
        assert_eq!(taken, 10);
    }
}
