//! Tests of a workload's roles: changes by a rollout, by reloads and by old states.

use crate::traffic::{Behaviour, Even};
use crate::world::{SECOND, World, quick};
use stagegate_rollout::{
    Arm, CohortName, Command, Phase, Refusal, RolloutRefusal, Split, Target, Who, WorkloadState,
};
use std::sync::Arc;

fn started() -> World<Even> {
    let mut world = World::new([Even::default(), Even::default()]);
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(quick()) };
    world.command(&start, "", false).expect("ready");
    world
}

fn completed() -> World<Even> {
    let mut world = started();
    let force = Command::Promote { expect: None, force: true };
    for _ in 0..4 {
        world.command(&force, "to see the end", false).expect("forced");
    }
    world
}

fn phase(state: &WorkloadState) -> Option<Phase> {
    state.rollout.as_ref().map(|rollout| rollout.phase)
}

#[test]
fn declared_roles_wait_for_the_end_of_a_rollout() {
    let mut world = started();
    world.spec.stable = "v3".parse().expect("name");
    let effects = world.command(&Command::Declare, "", false).expect("a reload");
    assert!(effects.is_empty());
    assert_eq!(world.state.stable.as_str(), "v1");
    world.command(&Command::Abort, "done", false).expect("under way");
    world.command(&Command::Declare, "", false).expect("a reload");
    assert_eq!(world.state.stable.as_str(), "v3");
}

#[test]
fn a_completed_rollout_ends_pins_cohorts_and_weight_and_keeps_the_way_back() {
    let mut world = completed();
    let state = &world.state;
    assert_eq!(phase(state), Some(Phase::Completed));
    assert_eq!((state.stable.as_str(), state.candidate.as_ref()), ("v2", None));
    assert!(state.cohorts.is_empty() && state.weight.parts() == 0 && !state.is_open());
    let generation = state.generation;
    let split = Split::new(Arc::new(world.spec.clone()), Arc::new(state.clone()));
    let who = Who { request: "r", ..Who::default() };
    let pinned = split.choose(&who, Some(Arm::Candidate), Some(Arm::Candidate)).target;
    assert_eq!(pinned, Target::Arm(Arm::Stable));
    world.command(&Command::Rollback, "it forgets names", false).expect("one step");
    assert_eq!(world.state.stable.as_str(), "v1");
    assert_eq!(phase(&world.state), Some(Phase::RolledBack));
    assert!(world.state.closed.is_some() && world.state.generation > generation);
    let before = world.state.clone();
    let again = world.command(&Command::Rollback, "to be sure", false).expect("the same");
    assert!(again.is_empty() && world.state == before, "a second rollback swaps nothing");
}

#[test]
fn a_release_that_is_gone_is_no_way_back_and_says_so() {
    let mut world = completed();
    world.spec.releases.remove("v1");
    let refused = world.command(&Command::Rollback, "it forgets names", false);
    assert_eq!(
        refused,
        Err(Refusal::Rollout(RolloutRefusal::PreviousGone("v1".parse().expect("name"))))
    );
}

#[test]
fn cohorts_stay_as_they_are_when_a_rollout_starts() {
    let mut world = World::new([Even::default(), Even::default()]);
    let pilots: CohortName = "pilots".parse().expect("name");
    world.state.cohorts.push(pilots.clone());
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(quick()) };
    world.command(&start, "", false).expect("ready");
    assert_eq!(world.state.cohorts, [pilots]);
}

#[test]
fn a_state_from_before_there_were_rollouts_is_read() {
    let state = World::new([Even::default(), Even::default()]).state;
    let mut stored = serde_json::to_value(&state).expect("serialises");
    let fields = stored.as_object_mut().expect("an object");
    for new in ["rollout", "previous"] {
        assert!(fields.remove(new).is_some(), "{new} is stored");
    }
    assert_eq!(serde_json::from_value::<WorkloadState>(stored).expect("reads"), state);
}

#[test]
fn old_measurements_promote_nothing() {
    let mut world = started();
    let good = Behaviour::GOOD;
    for _ in 0..900 {
        world.tick(SECOND, 100, &good, &good);
    }
    // Whoever measures has stopped.
    world.now_ms += 600 * SECOND;
    let refused = world.command(&Command::Promote { expect: None, force: false }, "", false);
    let Err(Refusal::Rollout(RolloutRefusal::Outdated { age_s, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(age_s, 600);
}

#[test]
fn a_history_is_bounded_and_never_forgets_the_start() {
    let mut world = started();
    for _ in 0..150 {
        world.command(&Command::Pause, "", false).expect("under way");
        world.command(&Command::Resume, "", false).expect("paused");
    }
    let history = &world.state.rollout.as_ref().expect("started").history;
    assert_eq!(history.len(), stagegate_rollout::Rollout::LONGEST_HISTORY);
    assert_eq!(history[0].turn, stagegate_rollout::Turn::Started);
}
