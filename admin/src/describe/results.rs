//! Sums of samples as the API shows them.

use stagegate_api::{
    ArmResults, Bounded, Calibration, EvalResults, JudgeAccuracy, LabelledCounts, ReliabilityBin,
    ResultCounts, ScorerCounts, SliceArm, SliceResults, TenantMix,
};
use stagegate_eval::{Bin, Corrected, Difference, Mix, Reliability, Share, Tally};
use stagegate_rollout::Arm;
use stagegate_scoring::{Slice, SliceKey, Sum, Sums};
use std::collections::BTreeMap;

/// The sums of a rollout's samples, by arm, cohort and tenant.
#[must_use]
pub fn results(workload: &str, rollout: &str, sums: &Sums) -> EvalResults {
    let wholes = sums.iter().filter(|(key, _)| key.slice == Slice::Whole);
    let tenants = slices(sums, |slice| match slice {
        Slice::Tenant(name) => Some(name),
        Slice::Whole | Slice::Cohort(_) | Slice::Scorer(_) => None,
    });
    let cohorts = slices(sums, |slice| match slice {
        Slice::Cohort(name) => Some(name),
        Slice::Whole | Slice::Tenant(_) | Slice::Scorer(_) => None,
    });
    let pairs: Vec<(Tally, Tally)> = tenants.values().map(|arms| pair(arms)).collect();
    let whole: Vec<(&SliceKey, &Sum)> = wholes.clone().collect();
    EvalResults {
        workload: workload.to_owned(),
        rollout: Some(rollout).filter(|id| !id.is_empty()).map(str::to_owned),
        arms: wholes.map(|(key, sum)| arm(key, sum, sums)).collect(),
        difference: difference(&whole),
        cohorts: cohorts.into_iter().map(slice).collect(),
        tenants: tenants.into_iter().map(slice).collect(),
        mix: Mix::of(&pairs)
            .map(|Mix { shift, adjusted }| TenantMix { shift, adjusted_difference: adjusted }),
    }
}

type Arms<'a> = Vec<(&'a SliceKey, &'a Sum)>;

/// The sums of one kind of slice by its name.
fn slices<'a>(
    sums: &'a Sums,
    name: impl Fn(&'a Slice) -> Option<&'a String>,
) -> BTreeMap<&'a str, Arms<'a>> {
    let mut slices: BTreeMap<&str, Arms<'_>> = BTreeMap::new();
    for (key, sum) in sums {
        if let Some(name) = name(&key.slice) {
            slices.entry(name).or_default().push((key, sum));
        }
    }
    slices
}

/// Stable's and the candidate's tally, whatever releases they are of.
fn pair(arms: &Arms<'_>) -> (Tally, Tally) {
    let mut pair = (Tally::default(), Tally::default());
    for (key, sum) in arms {
        let side = if key.arm == Arm::Stable { &mut pair.0 } else { &mut pair.1 };
        side.merge(&sum.tally);
    }
    pair
}

fn difference(arms: &Arms<'_>) -> Option<Bounded> {
    let (stable, candidate) = pair(arms);
    let Difference { estimate, lower, upper } = Difference::of(&stable, &candidate)?;
    Some(Bounded { estimate, lower, upper })
}

fn arm(key: &SliceKey, sum: &Sum, sums: &Sums) -> ArmResults {
    let tally = &sum.tally;
    let scorers = sums.iter().filter_map(|(of, sum)| match &of.slice {
        Slice::Scorer(name) if of.arm == key.arm && of.release == key.release => {
            Some(scorer(name, &sum.tally))
        }
        _ => None,
    });
    ArmResults {
        arm: super::arm(key.arm),
        release: key.release.clone(),
        since_ms: sum.since_ms,
        until_ms: sum.until_ms,
        counts: counts(tally),
        coverage: tally.coverage(),
        mean_value: tally.mean_value(),
        labelled: labelled(tally),
        judge: judge(tally),
        calibration: calibration(&tally.reliability),
        scorers: scorers.collect(),
    }
}

fn slice((name, arms): (&str, Arms<'_>)) -> SliceResults {
    let of = |(key, sum): &(&SliceKey, &Sum)| SliceArm {
        arm: super::arm(key.arm),
        release: key.release.clone(),
        counts: counts(&sum.tally),
        labelled: labelled(&sum.tally),
    };
    SliceResults {
        name: name.to_owned(),
        difference: difference(&arms),
        arms: arms.iter().map(of).collect(),
    }
}

pub(crate) fn bounded(share: Share) -> Bounded {
    let Share { estimate, lower, upper } = share;
    Bounded { estimate, lower, upper }
}

fn counts(tally: &Tally) -> ResultCounts {
    ResultCounts {
        passed: tally.passed,
        failed: tally.failed,
        unscored: tally.unscored,
        accuracy: tally.accuracy().map(bounded),
    }
}

fn labelled(tally: &Tally) -> LabelledCounts {
    LabelledCounts {
        passed: tally.labelled_passed,
        failed: tally.labelled_failed,
        accuracy: tally.labelled_accuracy().map(bounded),
    }
}

fn judge(tally: &Tally) -> Option<JudgeAccuracy> {
    let Corrected { sensitivity, specificity, accuracy } = Corrected::of(tally)?;
    let judged = tally.judged;
    Some(JudgeAccuracy {
        labelled_passed: judged.passed_right + judged.passed_wrong,
        labelled_failed: judged.failed_right + judged.failed_wrong,
        sensitivity: bounded(sensitivity),
        specificity: bounded(specificity),
        corrected: bounded(accuracy),
    })
}

fn scorer(name: &str, tally: &Tally) -> ScorerCounts {
    ScorerCounts {
        name: name.to_owned(),
        passed: tally.passed,
        failed: tally.failed,
        unscored: tally.unscored,
        mean_value: tally.mean_value(),
    }
}

fn calibration(table: &Reliability) -> Calibration {
    let bins = table.bins();
    let width = 1.0 / bins.len() as f64;
    let bin = |(n, bin): (usize, &Bin)| {
        let count = bin.count as f64;
        ReliabilityBin {
            from: n as f64 * width,
            to: (n + 1) as f64 * width,
            count: bin.count,
            accuracy: bin.correct as f64 / count,
            confidence: bin.confidence_nanos as f64 / 1e9 / count,
        }
    };
    let filled = bins.iter().enumerate().filter(|(_, bin)| bin.count > 0);
    Calibration {
        count: table.count(),
        brier: table.brier(),
        calibration_error: table.calibration_error(),
        bins: filled.map(bin).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::results;
    use stagegate_eval::{Tally, Verdict};
    use stagegate_rollout::Arm;
    use stagegate_scoring::{Slice, SliceKey, Sum, Sums};

    fn tally(passed: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        for n in 0..passed + failed {
            let pass = Some(n < passed);
            let value = pass.map(|pass| f64::from(u8::from(pass)));
            tally.add(&Verdict { pass, value, confidence: Some(0.87), labelled: pass });
        }
        tally
    }

    #[test]
    fn arms_slices_and_the_mix_are_told_apart() {
        let mut sums = Sums::new();
        let mut put = |arm, slice, passed, failed| {
            let key = SliceKey { arm, release: arm_release(arm), slice };
            let sum = Sum { since_ms: 5, until_ms: 9, tally: tally(passed, failed) };
            sums.insert(key, sum);
        };
        let tenant = |name: &str| Slice::Tenant(name.to_owned());
        put(Arm::Stable, Slice::Whole, 90, 10);
        put(Arm::Candidate, Slice::Whole, 50, 50);
        put(Arm::Candidate, Slice::Scorer("json".to_owned()), 60, 40);
        put(Arm::Stable, tenant("acme"), 80, 0);
        put(Arm::Candidate, tenant("acme"), 20, 0);
        put(Arm::Stable, tenant("initech"), 10, 10);
        put(Arm::Candidate, tenant("initech"), 30, 50);
        put(Arm::Candidate, Slice::Cohort("pilots".to_owned()), 5, 0);
        let results = results("agent", "agent~v2~1", &sums);
        let [stable, candidate] = &results.arms[..] else { panic!("two arms: {results:?}") };
        assert_eq!((&*stable.arm, &*stable.release, stable.since_ms), ("stable", "v1", 5));
        assert_eq!((candidate.counts.passed, candidate.labelled.failed), (50, 50));
        assert_eq!(candidate.scorers[0].passed, 60);
        assert!(stable.scorers.is_empty());
        let [bin] = &stable.calibration.bins[..] else { panic!("one bin: {stable:?}") };
        assert!(bin.from <= 0.87 && 0.87 < bin.to && (bin.accuracy - 0.9).abs() < 1e-9, "{bin:?}");
        let apart = results.difference.expect("both have some");
        assert!((apart.estimate + 0.4).abs() < 1e-9 && apart.upper < -0.2, "{apart:?}");
        let names: Vec<&str> = results.tenants.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["acme", "initech"]);
        assert_eq!(results.cohorts[0].arms[0].counts.passed, 5);
        assert!(results.cohorts[0].difference.is_none(), "nobody of them is on stable");
        let mix = results.mix.expect("a mix");
        assert!((mix.shift - 0.6).abs() < 1e-9, "{mix:?}");
        // 0.8 * 0 + 0.2 * (0.375 - 0.5)
        assert!((mix.adjusted_difference.expect("some") + 0.025).abs() < 1e-9, "{mix:?}");
    }

    fn arm_release(arm: Arm) -> String {
        if arm == Arm::Stable { "v1" } else { "v2" }.to_owned()
    }
}
