//! Times that two processes on one machine can compare, and ticks finer than a millisecond.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::sync::Notify;

/// Microseconds since the machine started: the same in every process.
pub(crate) fn now_us() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec.unsigned_abs() * 1_000_000 + tv_nsec.unsigned_abs() / 1_000
}

/// Ticks at a fixed distance, by a thread that sleeps; tokio's own come by the millisecond.
pub(crate) struct Ticker {
    began: Instant,
    every: Duration,
    /// How many were handed out.
    ticks: u64,
    woken: Arc<Notify>,
}

impl Ticker {
    /// The first tick comes `every` from now, which must not be zero.
    pub(crate) fn new(every: Duration) -> Self {
        let woken = Arc::<Notify>::default();
        let weak = Arc::downgrade(&woken);
        std::thread::spawn(move || {
            // Ends with the ticker.
            while let Some(woken) = weak.upgrade() {
                woken.notify_one();
                std::thread::sleep(every);
            }
        });
        Self { began: Instant::now(), every, ticks: 0, woken }
    }

    /// Waits for the next tick; how many have passed, which is more than one after a delay.
    pub(crate) async fn ticks(&mut self) -> u64 {
        loop {
            let passed = self.began.elapsed().as_nanos() / self.every.as_nanos().max(1);
            let passed = u64::try_from(passed).unwrap_or(u64::MAX);
            if passed > self.ticks {
                return passed - std::mem::replace(&mut self.ticks, passed);
            }
            self.woken.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_ticks_come_as_time_has_passed() {
        let every = Duration::from_micros(500);
        let (mut ticker, before, mut ticks) = (Ticker::new(every), now_us(), 0);
        while ticks < 20 {
            ticks += ticker.ticks().await;
        }
        let passed = now_us() - before;
        assert!(passed >= 500 * 20 - 500, "{ticks} ticks of 500 us in {passed} us");
    }
}
