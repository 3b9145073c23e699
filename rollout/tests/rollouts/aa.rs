//! A release against itself: it is never promoted, condemns nobody, and ends with an honest word.

use crate::traffic::{Behaviour, Even};
use crate::world::{MINUTE, SECOND, World, quick};
use stagegate_rollout::{Command, Effect, Phase, Policy, ReleaseName, Step, Turn, Weight};

fn begin(policy: Policy) -> World<Even> {
    let mut world = World::new([Even::default(), Even::default()]);
    let start = Command::StartAa { policy: Box::new(policy) };
    world.command(&start, "", false).expect("ready");
    world
}

fn serve(world: &mut World<Even>, length_ms: u64, candidate: &Behaviour) -> Vec<Effect> {
    let mut effects = Vec::new();
    for _ in 0..length_ms / SECOND {
        effects.extend(world.tick(SECOND, 100, &Behaviour::GOOD, candidate));
    }
    effects
}

fn reason(world: &World<Even>) -> String {
    world.state.rollout.as_ref().expect("started").since.reason.clone()
}

#[test]
fn equal_arms_end_with_a_good_word_and_change_nothing() {
    let mut world = begin(quick());
    let state = &world.state;
    assert_eq!(state.candidate.as_ref(), Some(&state.stable), "both arms are one release");
    assert_eq!(state.weight, Weight::percent(50));
    let force = Command::Promote { expect: None, force: true };
    let refused = world.command(&force, "please", false).expect_err("never promoted");
    assert!(refused.to_string().contains("nothing to promote"), "{refused}");
    let effects = serve(&mut world, 6 * MINUTE, &Behaviour::GOOD);
    let rollout = world.state.rollout.as_ref().expect("started");
    assert_eq!(rollout.phase, Phase::Completed, "{}", reason(&world));
    assert!(reason(&world).contains("no gate tells the release from itself"), "{}", reason(&world));
    assert_eq!(rollout.history.last().expect("a turn").turn, Turn::Completed);
    assert!(rollout.history.last().expect("a turn").analysis.is_some());
    let state = &world.state;
    assert_eq!((state.stable.as_str(), &state.candidate), ("v1", &None));
    assert_eq!((state.weight, &state.previous), (Weight::ZERO, &None));
    assert!(state.condemned.is_empty());
    assert!(effects.iter().any(
        |it| matches!(it, Effect::Notify(notice) if notice.title.contains("against itself ended"))
    ));
    // There is nothing to go back to.
    world.command(&Command::Rollback, "oops", false).expect_err("no former release");
}

#[test]
fn unequal_arms_say_that_the_measuring_is_not_honest_and_condemn_nobody() {
    let mut world = begin(quick());
    serve(&mut world, 4 * MINUTE, &Behaviour::GOOD.with("permanent", 0.2));
    let rollout = world.state.rollout.as_ref().expect("started");
    assert_eq!(rollout.phase, Phase::Completed);
    let said = reason(&world);
    assert!(said.contains("not honest") && said.contains("error/permanent"), "{said}");
    assert!(world.state.condemned.is_empty(), "the release is stable");
    assert_eq!(world.state.stable.as_str(), "v1");
    // The next rollout starts as if nothing had been.
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(quick()) };
    world.command(&start, "", false).expect("ready");
}

#[test]
fn a_person_may_end_it_and_the_candidate_of_before_is_back() {
    for command in [Command::Abort, Command::Rollback] {
        let mut world = begin(quick());
        world.state.rollout.as_deref_mut().expect("started").against_itself =
            Some(stagegate_rollout::Former {
                candidate: Some("v2".parse().expect("name")),
                closed: None,
            });
        serve(&mut world, MINUTE, &Behaviour::GOOD);
        world.command(&command, "enough", false).expect("ended");
        let state = &world.state;
        assert_eq!(state.candidate.as_ref().map(ReleaseName::as_str), Some("v2"));
        assert_eq!((state.weight, state.stable.as_str()), (Weight::ZERO, "v1"));
        assert!(state.closed.is_none() && state.condemned.is_empty());
    }
}

#[test]
fn it_survives_a_crash_and_a_policy_of_one_step() {
    let mut policy = quick();
    let last = policy.steps.last().cloned().expect("a step");
    policy.steps = vec![Step { ..last }];
    policy.gates.retain(|gate| !gate.limit.is_against_stable());
    let mut world = begin(policy);
    serve(&mut world, 10 * MINUTE, &Behaviour::GOOD);
    let stored = world.evidence.clone();
    world.crash(stored.as_ref());
    serve(&mut world, 21 * MINUTE, &Behaviour::GOOD);
    assert_eq!(world.state.rollout.as_ref().expect("started").phase, Phase::Completed);
}
