//! Tests of the totals of scores.

use proptest::prelude::*;
use stagegate_eval::{
    Arrival, Difference, Health, HealthLimits, JudgeCounts, Mix, Reliability, Score, Share, Tally,
    Verdict, Watermark, judge_health,
};

fn verdict(pass: Option<bool>) -> Verdict {
    Verdict { pass, ..Verdict::default() }
}

#[test]
fn gating_scores_are_anded_and_a_failure_stands() {
    let score = |pass: Option<bool>| Score { pass, ..Score::binary("s", true, "") };
    let together = |passes: &[Option<bool>]| {
        let scores: Vec<Score> = passes.iter().map(|pass| score(*pass)).collect();
        Score::together(&scores)
    };
    assert_eq!(together(&[Some(true), Some(true)]), Some(true));
    assert_eq!(together(&[Some(true), None]), None);
    assert_eq!(together(&[None, Some(false)]), Some(false));
    assert_eq!(together(&[]), None);
    let scores =
        [Score::graded("a", 0.5, 0.4, ""), Score::binary("b", true, ""), Score::unscored("c", "")];
    let verdict = Verdict::of(&scores, Some(0.9), Some(true));
    assert_eq!((verdict.pass, verdict.value), (None, Some(0.75)));
}

#[test]
fn figures_are_those_of_the_textbook() {
    // Four forecasts: 0.9 right, 0.9 wrong, 0.5 right, 0.2 wrong.
    let mut table = Reliability::default();
    for (confidence, correct) in [(0.9, true), (0.9, false), (0.5, true), (0.2, false)] {
        table.add(confidence, correct);
    }
    table.add(1.5, true);
    let brier = (0.01 + 0.81 + 0.25 + 0.04) / 4.0;
    assert!((table.brier().expect("some") - brier).abs() < 1e-9);
    // Bins: {0.2 wrong}, {0.5 right}, {0.9 right, 0.9 wrong}.
    let ece = (0.2 + 0.5 + 0.8) / 4.0;
    assert!((table.calibration_error().expect("some") - ece).abs() < 1e-9);
    let counts: Vec<u64> = table.bins().iter().map(|bin| bin.count).collect();
    assert_eq!(counts, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0]);
    let mut ends = Reliability::default();
    ends.add(0.0, false);
    ends.add(1.0, true);
    assert_eq!((ends.bins()[0].count, ends.bins()[14].count, ends.brier()), (1, 1, Some(0.0)));
    assert_eq!(Reliability::default().brier(), None);
}

proptest! {
    #[test]
    fn parts_add_up_to_the_whole_in_any_order(
        all in prop::collection::vec((any::<Option<bool>>(), prop::option::of(0.0..=1.0f64), prop::option::of(-0.5..=1.5f64), any::<Option<bool>>()), 0..60),
        cut in 0usize..60,
    ) {
        let verdicts: Vec<Verdict> = all.iter()
            .map(|(pass, value, confidence, labelled)| Verdict { pass: *pass, value: *value, confidence: *confidence, labelled: *labelled })
            .collect();
        let tally = |part: &[Verdict]| {
            let mut tally = Tally::default();
            part.iter().for_each(|verdict| tally.add(verdict));
            tally
        };
        let cut = cut.min(verdicts.len());
        let (mut left, mut right) = (tally(&verdicts[..cut]), tally(&verdicts[cut..]));
        let (first, second) = (left, right);
        left.merge(&second);
        right.merge(&first);
        prop_assert_eq!(left, tally(&verdicts));
        prop_assert_eq!(right, left);
        prop_assert_eq!(left.scored() + left.unscored, verdicts.len() as u64);
        let labelled = verdicts.iter().filter(|verdict| verdict.labelled.is_some()).count() as u64;
        prop_assert_eq!(left.labelled_passed + left.labelled_failed, labelled);
        let text = serde_json::to_string(&left).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Tally>(&text).expect("a tally"), left);
    }

    #[test]
    fn the_watermark_gives_every_sample_once_and_in_request_order(
        arrivals in prop::collection::vec((0u64..40, any::<bool>()), 1..80), patience in 1u64..30,
    ) {
        let mut mark = Watermark::new(patience, 1000);
        for id in 0..40u64 {
            mark.expect(&format!("{id:02}"), id);
        }
        let mut out = Vec::new();
        for (now, (id, pass)) in arrivals.iter().enumerate() {
            mark.resolve(&format!("{id:02}"), verdict(Some(*pass)));
            out.extend(mark.drain(now as u64));
        }
        out.extend(mark.drain(10_000));
        let ids: Vec<u64> = out.iter().map(|settled| settled.at_ms).collect();
        prop_assert_eq!(ids, (0..40).collect::<Vec<u64>>());
        prop_assert!(mark.is_empty());
    }
}

#[test]
fn a_judge_that_is_quick_to_fail_makes_no_wave_of_failures() {
    let mut mark = Watermark::new(60_000, 100);
    for n in 0..4 {
        assert!(mark.expect(&format!("r{n}"), n));
    }
    assert!(!mark.expect("r0", 0));
    assert_eq!(mark.resolve("r3", verdict(Some(false))), Arrival::Taken);
    assert_eq!(mark.resolve("r1", verdict(Some(false))), Arrival::Taken);
    assert!(mark.drain(1000).is_empty(), "the passes before them are still being read");
    assert_eq!(mark.resolve("r1", verdict(Some(true))), Arrival::Repeated);
    mark.resolve("r0", verdict(Some(true)));
    let out: Vec<_> = mark.drain(1000).iter().map(|settled| settled.verdict.pass).collect();
    assert_eq!(out, [Some(true), Some(false)]);
    let rest = mark.drain(60_002);
    assert_eq!(rest.iter().map(|settled| settled.given_up).collect::<Vec<_>>(), [true, false]);
    assert_eq!(rest[0].verdict.pass, None);
    assert_eq!(mark.resolve("r2", verdict(Some(true))), Arrival::Late);

    let mut small = Watermark::new(60_000, 2);
    for n in 0..5 {
        small.expect(&format!("r{n}"), n);
    }
    assert_eq!((small.drain(10).len(), small.len()), (3, 2), "the oldest give way");
}

#[test]
fn a_judge_is_believed_until_something_speaks_against_it() {
    let tally = |passed, failed, unscored| Tally { passed, failed, unscored, ..Tally::default() };
    let limits = HealthLimits::default();
    let good = JudgeCounts {
        stable: tally(950, 50, 10),
        candidate: tally(900, 100, 12),
        usual: tally(9500, 500, 100),
        silent_since_ms: None,
        unanswered: 10,
    };
    let health = |counts: &JudgeCounts| judge_health(counts, &limits, 1_000_000);
    assert_eq!(health(&good), Health::Good, "a bad candidate is no bad judge");
    let silent = JudgeCounts { silent_since_ms: Some(300_000), ..good };
    assert_eq!(health(&silent), Health::Silent { for_ms: 700_000 });
    let quiet = JudgeCounts { silent_since_ms: Some(900_000), ..good };
    assert_eq!(health(&quiet), Health::Good);
    let few = JudgeCounts { unanswered: 9, ..silent };
    assert_eq!(health(&few), Health::Good, "some samples cannot be judged");
    let drifted = JudgeCounts { stable: tally(800, 200, 10), ..good };
    assert_eq!(health(&drifted), Health::Drifted { usual: 0.95, now: 0.8 });
    let few = JudgeCounts { stable: tally(80, 20, 0), ..good };
    assert_eq!(health(&few), Health::Good, "too few to say");
    let uneven = JudgeCounts { candidate: tally(700, 100, 200), ..good };
    assert!(
        matches!(health(&uneven), Health::Uneven { candidate, .. } if (candidate - 0.8).abs() < 1e-9)
    );
    assert_eq!(health(&JudgeCounts::default()), Health::Good);
}

fn tally(passed: u64, failed: u64) -> Tally {
    Tally { passed, failed, ..Tally::default() }
}

#[test]
fn no_share_is_shown_without_bounds_that_hold_it() {
    assert_eq!(Share::of(0, 0), None);
    let few = Share::of(38, 2).expect("a share");
    assert!((few.estimate - 0.95).abs() < 1e-12);
    assert!(few.lower < 0.85 && few.upper > 0.98, "{few:?}");
    let many = Share::of(4750, 250).expect("a share");
    assert!(many.lower > 0.94 && many.upper < 0.96 && many.lower < many.estimate, "{many:?}");
    let all = Share::of(40, 0).expect("a share");
    assert!((all.upper - 1.0).abs() < 1e-12 && all.lower < 0.97, "{all:?}");
    assert_eq!(tally(38, 2).accuracy(), Some(few));
}

#[test]
fn a_shifted_mix_is_told_from_a_worse_candidate() {
    // Both arms are alike on the easy tenant (95%) and on the hard one (50%); the candidate has
    // more of the hard one.
    let easy = (tally(950, 50), tally(95, 5));
    let hard = (tally(50, 50), tally(450, 450));
    let (mut stable, mut candidate) = (easy.0, easy.1);
    stable.merge(&hard.0);
    candidate.merge(&hard.1);
    let over_all = Difference::of(&stable, &candidate).expect("a difference");
    assert!(over_all.upper < -0.2, "it looks much worse: {over_all:?}");
    let mix = Mix::of(&[easy, hard]).expect("a mix");
    assert!((mix.shift - (0.9 - 100.0 / 1100.0)).abs() < 0.02, "{mix:?}");
    assert!(mix.adjusted.expect("both have both").abs() < 1e-12, "and is not: {mix:?}");
    let alone = Mix::of(&[(tally(9, 1), tally(0, 0)), (tally(0, 0), tally(9, 1))]);
    assert_eq!(alone, Some(Mix { shift: 1.0, adjusted: None }));
    assert_eq!(Mix::of(&[(tally(9, 1), tally(0, 0))]), None);
    let same = Difference::of(&tally(90, 10), &tally(90, 10)).expect("a difference");
    assert!(same.estimate.abs() < 1e-12 && same.lower < 0.0 && same.upper > 0.0, "{same:?}");
    assert_eq!(Difference::of(&tally(0, 0), &tally(1, 0)), None);
}
