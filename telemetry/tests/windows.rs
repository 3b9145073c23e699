//! Stories of the rolling windows, on fake time.

use stagegate_rollout::{Arm, Delta, Outcome, Reason, Series, SeriesKey};
use stagegate_telemetry::{SeriesSnapshot, Span, Windows};
use std::time::{Duration, Instant};

/// One workload whose clock only moves when told to.
struct Story {
    windows: Windows,
    now: Instant,
}

impl Story {
    fn begin() -> Self {
        let now = Instant::now();
        Self { windows: Windows::new(now), now }
    }

    fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn serve(&mut self, requests: u64, arm: Arm, outcome: Outcome) {
        self.serve_in(requests, arm, outcome, |_| 50_000);
    }

    fn serve_in(&mut self, requests: u64, arm: Arm, outcome: Outcome, micros: fn(u64) -> u64) {
        let mut series = Series::default();
        series.outcomes[outcome.index()] = requests;
        series.reasons[Reason::Weight.index()] = requests;
        (0..requests).for_each(|i| series.duration_us.record(micros(i)));
        let mut delta = Delta::default();
        delta.series.insert(key(arm), series);
        self.windows.absorb(&delta, self.now);
    }

    fn sees(&self, arm: Arm) -> Option<SeriesSnapshot> {
        self.windows.snapshot(self.now).into_iter().find(|series| series.key == key(arm))
    }

    fn requests(&self, arm: Arm) -> [u64; 3] {
        self.sees(arm).map_or([0; 3], |series| series.windows.map(|window| window.requests))
    }
}

fn key(arm: Arm) -> SeriesKey {
    let release = if arm == Arm::Stable { "v1" } else { "v2" };
    SeriesKey { workload: "support".into(), release: release.into(), arm }
}

#[test]
fn requests_leave_the_short_window_first() {
    let mut story = Story::begin();
    story.serve(100, Arm::Stable, Outcome::Ok);
    assert_eq!(story.requests(Arm::Stable), [100, 100, 100]);
    story.advance(61);
    story.serve(7, Arm::Stable, Outcome::Permanent);
    assert_eq!(story.requests(Arm::Stable), [7, 107, 107]);
    story.advance(240);
    assert_eq!(story.requests(Arm::Stable), [0, 7, 107]);
    story.advance(600);
    assert_eq!(story.requests(Arm::Stable), [0, 0, 7]);
    story.advance(60);
    assert_eq!(story.sees(Arm::Stable), None, "nothing is left after a quarter of an hour");
}

#[test]
fn a_window_never_reaches_further_back_than_it_says() {
    let mut story = Story::begin();
    for second in 0..2000 {
        story.serve(1, Arm::Stable, Outcome::Ok);
        let series = story.sees(Arm::Stable).expect("just served");
        for window in &series.windows {
            let longest = window.span.length();
            assert!(
                window.covers <= longest,
                "{second}: {:?} covers {:?}",
                window.span,
                window.covers
            );
            assert_eq!(window.requests, window.covers.as_secs() + 1, "{second}: {:?}", window.span);
        }
        story.advance(1);
    }
}

#[test]
fn after_a_rollback_the_last_minute_shows_no_candidate() {
    let mut story = Story::begin();
    for _ in 0..6 {
        story.serve(90, Arm::Stable, Outcome::Ok);
        story.serve(10, Arm::Candidate, Outcome::Permanent);
        story.advance(10);
    }
    let candidate = story.sees(Arm::Candidate).expect("it served");
    assert_eq!(candidate.window(Span::FiveMinutes).outcome(Outcome::Permanent), 60);
    for _ in 0..6 {
        story.serve(100, Arm::Stable, Outcome::Ok);
        story.advance(10);
    }
    assert_eq!(story.requests(Arm::Candidate), [0, 60, 60]);
}

#[test]
fn rates_divide_by_what_the_window_covers() {
    let mut story = Story::begin();
    for _ in 0..40 {
        story.serve(50, Arm::Stable, Outcome::Ok);
        story.advance(1);
    }
    let series = story.sees(Arm::Stable).expect("it served");
    let window = series.window(Span::FifteenMinutes);
    assert_eq!(window.covers, Duration::from_secs(40), "the process is no older");
    assert!((window.rate() - 50.0).abs() < 1e-9, "{}", window.rate());
    assert_eq!(window.reasons[Reason::Weight.index()], 2000);
}

#[test]
fn percentiles_wait_for_enough_values() {
    let mut story = Story::begin();
    let shown = |story: &Story| {
        let series = story.sees(Arm::Stable).expect("it served");
        series.window(Span::OneMinute).duration
    };
    story.serve(199, Arm::Stable, Outcome::Ok);
    let early = shown(&story);
    assert!(early.p50.is_some() && early.p95.is_none() && early.p99.is_none(), "{early:?}");
    story.serve(1, Arm::Stable, Outcome::Ok);
    let later = shown(&story);
    assert!(later.p95.is_some() && later.p99.is_none(), "{later:?}");
    story.serve(799, Arm::Stable, Outcome::Ok);
    assert_eq!(shown(&story).p99, None);
    story.serve(1, Arm::Stable, Outcome::Ok);
    assert!(shown(&story).p99.is_some(), "{:?}", shown(&story));
}

#[test]
fn percentiles_of_slots_are_those_of_all_values() {
    let mut story = Story::begin();
    for _ in 0..30 {
        // 1 ms to 100 ms, evenly.
        story.serve_in(100, Arm::Stable, Outcome::Ok, |i| (i + 1) * 1000);
        story.advance(10);
    }
    let series = story.sees(Arm::Stable).expect("it served");
    let shown = series.window(Span::FifteenMinutes).duration;
    for (quantile, millis) in [(shown.p50, 50.0), (shown.p95, 95.0), (shown.p99, 99.0)] {
        let seen = quantile.expect("3,000 values").as_secs_f64() * 1000.0;
        assert!((seen / millis - 1.0).abs() < 0.02, "{seen} ms for {millis} ms");
    }
}

#[test]
fn a_clock_read_early_still_counts() {
    let mut story = Story::begin();
    story.advance(100);
    story.serve(1, Arm::Stable, Outcome::Ok);
    let before = story.now - Duration::from_secs(30);
    let mut delta = Delta::default();
    let mut series = Series::default();
    series.outcomes[Outcome::Ok.index()] = 5;
    delta.series.insert(key(Arm::Stable), series);
    story.windows.absorb(&delta, before);
    assert_eq!(story.requests(Arm::Stable), [6, 6, 6]);
}

#[test]
fn silent_series_are_forgotten_so_that_memory_stays_bounded() {
    let mut story = Story::begin();
    for release in 0..1000 {
        let mut delta = Delta::default();
        let key = SeriesKey { release: format!("v{release}").into(), ..key(Arm::Candidate) };
        delta.series.insert(key, Series::default());
        story.windows.absorb(&delta, story.now);
        story.advance(10);
    }
    assert_eq!(story.windows.snapshot(story.now).len(), 89);
    assert!(!story.windows.contains(&SeriesKey { release: "v0".into(), ..key(Arm::Candidate) }));
}
