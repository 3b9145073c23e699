//! An incident on a sandbox copy: made-up traffic in which the candidate begins to fail, judged by the very
//! gates of a policy in made-up time. It shows that a violation leads to a rollback, and how soon.

use stagegate_rollout::{
    Outcome, Policy, Recording, ReleaseName, Series, Tick, Weight, WorkloadName, Zone, replay,
};

/// Length of a tick, in milliseconds.
const TICK_MS: u64 = 10_000;
/// Ticks before the violation.
const HEALTHY: u64 = 60;
/// Ticks of the violation: an hour.
const VIOLATED: u64 = 360;
/// Requests of each arm in a tick.
const REQUESTS: u64 = 200;

/// The rollback of a made-up violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The trigger, in words.
    pub trigger: String,
    /// From the first failed request to the rollback, in milliseconds of made-up time.
    pub after_ms: u64,
}

/// Lets the candidate fail half of its requests, and watches the policy's gates.
///
/// # Errors
/// When the policy cannot be used, rolls back without a violation, or does not roll back within an hour of
/// it.
pub fn violation(
    policy: &Policy,
    workload: &WorkloadName,
    (from, to): (&ReleaseName, &ReleaseName),
) -> Result<Violation, String> {
    let weight = policy.steps.first().map_or(Weight::ZERO, |step| step.weight);
    let windows: Vec<Tick> =
        (1..=HEALTHY + VIOLATED).map(|n| tick(n * TICK_MS, weight, n > HEALTHY)).collect();
    let zone = &Zone::utc();
    let recording = Recording { workload, from, to, windows: &windows, daily_budget: None, zone };
    let replayed = replay(policy.clone(), &recording).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("the policy cannot be used: {}", problems.join("; "))
    })?;
    let begun = HEALTHY * TICK_MS;
    match replayed.rollback() {
        None => {
            Err("half of the candidate's requests failed for an hour, and no gate rolled back: \
                     add a gate on failures of the class permanent"
                .to_owned())
        }
        Some(event) if event.at_ms <= begun => Err(format!(
            "the gates rolled back before anything failed: {}",
            event.trigger.as_ref().map(ToString::to_string).unwrap_or_default()
        )),
        Some(event) => Ok(Violation {
            trigger: event.trigger.as_ref().map(ToString::to_string).unwrap_or_default(),
            after_ms: event.at_ms - begun,
        }),
    }
}

fn tick(at_ms: u64, weight: Weight, violated: bool) -> Tick {
    Tick {
        at_ms,
        observed_ms: TICK_MS,
        weight,
        stable: series(0),
        candidate: series(if violated { REQUESTS / 2 } else { 0 }),
        ..Tick::default()
    }
}

fn series(failed: u64) -> Series {
    let mut series = Series::default();
    series.outcomes[Outcome::Ok.index()] = REQUESTS - failed;
    series.outcomes[Outcome::Permanent.index()] = failed;
    (0..REQUESTS).for_each(|n| series.duration_us.record(100_000 + n % 50));
    series
}

#[cfg(test)]
mod tests {
    use super::violation;
    use stagegate_rollout::{Axis, Policy, Then};

    fn tried(policy: &Policy) -> Result<super::Violation, String> {
        let name = |text: &str| text.parse().expect("a name");
        let (from, to) = ("v1".parse().expect("a name"), name("v2"));
        violation(policy, &"agent".parse().expect("a name"), (&from, &to))
    }

    #[test]
    fn the_built_in_policy_rolls_back_within_minutes() {
        let found = tried(&Policy::builtin()).expect("a rollback");
        assert!(found.trigger.contains("permanent"), "{found:?}");
        assert!((1..=15 * 60_000).contains(&found.after_ms), "{found:?}");
    }

    #[test]
    fn a_policy_that_only_alerts_fails_the_drill() {
        let mut policy = Policy::builtin();
        for gate in policy.gates.iter_mut().filter(|it| it.axis == Axis::Error) {
            gate.then = Then::Alert;
        }
        let why = tried(&policy).expect_err("nothing rolls back");
        assert!(why.contains("no gate rolled back"), "{why}");
    }
}
