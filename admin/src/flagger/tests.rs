use super::{Known, Said, answer, at_the_end};
use stagegate_api::{FlaggerHook, FlaggerPhase};
use stagegate_rollout::{
    Command, Grounds, Input, KillState, OfflineEval, Order, Phase, Policy, Preflight, Readiness,
    Verdict, WorkloadSpec, WorkloadState, apply, step,
};

fn spec() -> WorkloadSpec {
    let mut spec = WorkloadSpec::new("agent".parse().unwrap(), "primary".parse().unwrap());
    spec.releases.extend(["v43", "v44"].map(|name| name.parse().unwrap()));
    spec.check().unwrap()
}

/// A workload with a rollout of `v43` in this phase.
fn rolling_out(phase: Phase, verdict: Option<Verdict>) -> WorkloadState {
    let state = WorkloadState::initial(&spec());
    let start = Command::Start { to: "v43".parse().unwrap(), policy: Box::new(Policy::builtin()) };
    let preflight = Preflight {
        candidate: Readiness::Ready,
        target: Readiness::Ready,
        drilled_ms: None,
        unmeasurable: Vec::new(),
        offline: OfflineEval::Held,
        has_scorers: true,
        checklist: None,
    };
    let grounds = Grounds { overriding: true, preflight: Some(&preflight), ..Grounds::default() };
    let order = Order { command: &start, by: "ann", reason: "a test", grounds };
    let mut state = step(&spec(), &state, Input::Command(order), 1).unwrap().state;
    let ending = match phase {
        Phase::Aborted => Some((Command::Abort, "ann")),
        Phase::RolledBack => Some((Command::Rollback, "stagegate")),
        _ => None,
    };
    if let Some((command, by)) = ending {
        return apply(&spec(), &state, &command, by, "worse", 2).unwrap().state;
    }
    let rollout = state.rollout.as_deref_mut().unwrap();
    (rollout.phase, rollout.status.verdict) = (phase, verdict);
    if phase == Phase::Completed {
        state.previous = Some(std::mem::replace(&mut state.stable, "v43".parse().unwrap()));
        state.candidate = None;
    }
    state
}

fn says(hook: FlaggerHook, release: &str, state: &WorkloadState) -> Said {
    let is_registered = spec().releases.iter().any(|it| it.as_str() == release);
    answer(hook, release, Known { state, analysis: None, is_registered })
}

/// The hooks of `release` that are answered with 200.
fn yes(release: &str, state: &WorkloadState) -> Vec<FlaggerHook> {
    use FlaggerHook as H;
    let all = [
        H::ConfirmRollout,
        H::PreRollout,
        H::Rollout,
        H::ConfirmTrafficIncrease,
        H::ConfirmPromotion,
        H::Rollback,
    ];
    all.into_iter().filter(|hook| matches!(says(*hook, release, state), Said::Yes(_))).collect()
}

#[test]
fn each_state_of_a_rollout_permits_what_is_safe_then() {
    use FlaggerHook as H;
    let calm = [H::ConfirmRollout, H::PreRollout, H::Rollout];
    assert_eq!(yes("v43", &WorkloadState::initial(&spec())), calm);
    for (phase, verdict, permitted) in [
        (Phase::Progressing, None, vec![H::PreRollout, H::Rollout]),
        (Phase::Progressing, Some(Verdict::Inconclusive), vec![H::PreRollout, H::Rollout]),
        (Phase::Progressing, Some(Verdict::Fail), vec![H::PreRollout, H::Rollout]),
        (
            Phase::Progressing,
            Some(Verdict::Pass),
            vec![H::PreRollout, H::Rollout, H::ConfirmTrafficIncrease],
        ),
        (Phase::Paused, Some(Verdict::Pass), vec![H::PreRollout, H::Rollout]),
        (
            Phase::Watching,
            Some(Verdict::Pass),
            vec![H::PreRollout, H::Rollout, H::ConfirmTrafficIncrease],
        ),
        (
            Phase::Completed,
            None,
            vec![H::PreRollout, H::Rollout, H::ConfirmTrafficIncrease, H::ConfirmPromotion],
        ),
        (Phase::Aborted, None, vec![H::Rollback]),
        (Phase::RolledBack, None, vec![H::Rollback]),
    ] {
        let state = rolling_out(phase, verdict);
        assert_eq!(yes("v43", &state), permitted, "{phase} {verdict:?}");
    }
}

#[test]
fn an_older_rollout_decides_nothing_about_a_newer_version() {
    use FlaggerHook as H;
    let calm = [H::ConfirmRollout, H::PreRollout, H::Rollout];
    for phase in [Phase::Completed, Phase::Aborted, Phase::RolledBack] {
        assert_eq!(yes("v44", &rolling_out(phase, None)), calm, "{phase}");
    }
    let under_way = rolling_out(Phase::Progressing, Some(Verdict::Pass));
    assert_eq!(yes("v44", &under_way), [H::PreRollout, H::Rollout]);
}

#[test]
fn a_killed_workload_holds_everything_and_is_no_verdict_on_a_release() {
    let mut state = rolling_out(Phase::Progressing, Some(Verdict::Pass));
    state.killed = Some(KillState { by: "ann".into(), reason: "an incident".into(), at_ms: 3 });
    assert_eq!(yes("v43", &state), []);
    let said = says(FlaggerHook::PreRollout, "v43", &state);
    assert_eq!(said, Said::No("the workload was killed by ann: an incident".into()));
}

#[test]
fn the_answers_say_what_is_the_matter() {
    let state = rolling_out(Phase::RolledBack, None);
    let Said::Yes(why) = says(FlaggerHook::Rollback, "v43", &state) else { panic!("no rollback") };
    assert_eq!(why, "v43 was rolled back by stagegate: worse");
    let state = rolling_out(Phase::Progressing, Some(Verdict::Inconclusive));
    let Said::No(why) = says(FlaggerHook::ConfirmPromotion, "v43", &state) else {
        panic!("confirmed")
    };
    assert_eq!(why, "the rollout of v43 is progressing at step 1 of 4: inconclusive");
    let initial = WorkloadState::initial(&spec());
    let Said::No(why) = says(FlaggerHook::PreRollout, "v9", &initial) else { panic!("begun") };
    assert!(why.contains("stagegate release add"), "{why}");
}

#[test]
fn pods_with_traffic_are_not_replaced() {
    let share = Command::SetWeight { weight: "10%".parse().unwrap() };
    let mut spec = spec();
    spec.candidate = Some("v43".parse().unwrap());
    let state = WorkloadState::initial(&spec);
    let state = apply(&spec, &state, &share, "ann", "a look", 1).unwrap().state;
    let said = says(FlaggerHook::ConfirmRollout, "v44", &state);
    assert_eq!(said, Said::No("the candidate v43 has traffic: take it out first".into()));
}

#[test]
fn stopped_pods_get_no_traffic() {
    let after = |phase, state: &WorkloadState| at_the_end(Some(phase), "v43", state);
    for ended in [FlaggerPhase::Succeeded, FlaggerPhase::Failed] {
        for (phase, command) in [
            (Phase::Progressing, Some(Command::Abort)),
            (Phase::Watching, Some(Command::Abort)),
            (Phase::Completed, Some(Command::Rollback)),
            (Phase::Aborted, None),
            (Phase::RolledBack, None),
        ] {
            assert_eq!(after(ended, &rolling_out(phase, None)), command, "{phase}");
        }
        assert_eq!(at_the_end(Some(ended), "v44", &rolling_out(Phase::Progressing, None)), None);
    }
    let state = rolling_out(Phase::Progressing, None);
    assert_eq!(after(FlaggerPhase::Progressing, &state), None);
    assert_eq!(at_the_end(None, "v43", &state), None);
}
