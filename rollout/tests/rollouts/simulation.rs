//! Thousands of seeded rollouts under random traffic, commands and crashes. After every input the
//! invariants of the state machine must hold.

use crate::traffic::{Behaviour, Seeded};
use crate::world::{HOUR, MINUTE, SECOND, World, quick};
use stagegate_rollout::{
    AnalysisId, Arm, Command, Effect, Evidence, Input, OnRollback, Phase, Split, Target, Turn,
    Verdict, Weight, Who, WorkloadState, step,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of simulated rollouts of each of the two tests; `STAGEGATE_SIMULATIONS` changes it.
fn runs() -> u64 {
    let asked = std::env::var("STAGEGATE_SIMULATIONS").ok().and_then(|it| it.parse().ok());
    asked.map_or(1000, |asked: u64| asked.max(1000))
}

/// One simulated workload and what is remembered to check it by.
struct Run {
    seed: u64,
    dice: Seeded,
    world: World<Seeded>,
    /// The stored evidence: up to a few ticks old.
    stored: Option<Evidence>,
    tally: BTreeMap<&'static str, u64>,
    /// A calm run: the candidate is mostly good and people want it to get through.
    calm: bool,
}

#[test]
fn a_thousand_calm_rollouts_keep_the_invariants() {
    let tally = simulate_all(true);
    // A simulation in which nothing happens proves nothing.
    for what in ["started", "promoted", "completed", "by itself", "crashes"] {
        assert!(tally.contains_key(what), "nothing {what}: {tally:?}");
    }
}

#[test]
fn a_thousand_wild_rollouts_keep_the_invariants() {
    let tally = simulate_all(false);
    for what in ["started", "forced", "by itself", "rolled back", "crashes"] {
        assert!(tally.contains_key(what), "nothing {what}: {tally:?}");
    }
}

fn simulate_all(calm: bool) -> BTreeMap<&'static str, u64> {
    let mut tally: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..runs() {
        for (what, count) in simulate(seed, calm) {
            *tally.entry(what).or_default() += count;
        }
    }
    tally
}

fn simulate(seed: u64, calm: bool) -> BTreeMap<&'static str, u64> {
    let dice = Seeded(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) + 1);
    let draws = [Seeded(dice.0 ^ 1), Seeded(dice.0 ^ 2)];
    let mut run =
        Run { seed, world: World::new(draws), stored: None, tally: BTreeMap::new(), dice, calm };
    if run.dice.next() < 0.3 {
        run.world.spec.on_rollback = OnRollback::Cut;
    }
    let mut arms = [Behaviour::GOOD; 2];
    for _ in 0..45 {
        if run.dice.next() < 0.2 {
            arms = run.behaviour();
        }
        if run.dice.next() < 0.45 {
            run.somebody_acts();
        }
        run.serve(&arms);
        if run.dice.next() < 0.1 {
            run.crash();
        }
    }
    run.rollback_is_possible();
    run.tally
}

impl Run {
    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn behaviour(&mut self) -> [Behaviour; 2] {
        let mut arms = [Behaviour::GOOD; 2];
        match self.dice.below(if self.calm { 60 } else { 8 }) {
            0 => arms[1] = arms[1].with("permanent", 0.02 + 0.2 * self.dice.next()),
            1 => arms[1] = arms[1].with("slow", 0.2 * self.dice.next()),
            2 => arms[1] = arms[1].with("usd", 0.01 + 0.02 * self.dice.next()),
            3 => arms[1] = arms[1].with("accuracy", 0.7 + 0.3 * self.dice.next()),
            4 => arms = arms.map(|arm| arm.with("external", 0.5)),
            5 => arms[1] = arms[1].with("down", self.dice.next()),
            _ => {}
        }
        arms
    }

    fn somebody_acts(&mut self) {
        let to = if self.dice.next() < 0.5 { "v2" } else { "v3" };
        let seen = self.world.newest.as_ref().map(|analysis| analysis.id.clone());
        // In a calm run nobody ends what goes well.
        let command = match self.dice.below(if self.calm { 13 } else { 20 }) {
            0..=4 => {
                Command::Start { to: to.parse().expect("a release"), policy: Box::new(quick()) }
            }
            5..=11 => Command::Promote { expect: seen, force: false },
            12 if self.calm => Command::Revive,
            12 => Command::Promote { expect: None, force: true },
            13 => Command::Pause,
            14 => Command::Resume,
            15 => {
                if self.dice.next() < 0.5 {
                    Command::Abort
                } else {
                    Command::Rollback
                }
            }
            16 => Command::Kill,
            17 => Command::Revive,
            18 => Command::SetWeight { weight: Weight::percent(self.dice.below(101) as u32) },
            _ => Command::Promote {
                expect: Some(AnalysisId::from_text("agent~v2~1~1~1~00000000")),
                force: false,
            },
        };
        let before = self.world.state.clone();
        let analysis = self.world.newest.clone();
        let overriding = self.dice.next() < 0.3;
        let done = self.world.command(&command, "a reason", overriding);
        let after = self.world.state.clone();
        let Ok(effects) = done else {
            assert_eq!(before, after, "seed {}: a refusal changes nothing", self.seed);
            return;
        };
        self.effects_are_in_order(&effects, &before, &after);
        self.nothing_opens_by_the_way(&before, &after, &command);
        let forced = matches!(command, Command::Promote { force: true, .. });
        let further = step_of(&before).is_some() && step_of(&after) > step_of(&before);
        if further || completed(&after) && !completed(&before) {
            let is_promotion = matches!(command, Command::Promote { .. });
            assert!(is_promotion, "seed {}: {command:?} went further", self.seed);
            let passed = analysis.is_some_and(|it| {
                let rollout = before.rollout.as_ref().expect("under way");
                it.verdict == Verdict::Pass && it.rollout == rollout.id && it.step == rollout.step
            });
            assert!(passed || forced, "seed {}: went further without a pass", self.seed);
            let newest = after.rollout.as_ref().and_then(|it| it.history.last()).expect("history");
            assert!(passed || !newest.against.is_empty(), "seed {}: a force says so", self.seed);
            self.count(if forced { "forced" } else { "promoted" });
        }
        match command {
            Command::Start { .. } => self.count("started"),
            Command::Rollback | Command::Abort => self.count("rolled back"),
            _ => {}
        }
    }

    fn serve(&mut self, arms: &[Behaviour; 2]) {
        let (tick_ms, ticks) = match self.dice.below(4) {
            0 => (SECOND, 5),
            1 => (10 * SECOND, 12),
            2 => (30 * SECOND, 10),
            _ => (MINUTE, 6),
        };
        let rps = [0.0, 5.0, 30.0][self.dice.below(3) as usize];
        for _ in 0..ticks {
            let before = self.world.state.clone();
            let requests = (rps * tick_ms as f64 / 1000.0) as u64;
            let effects = self.world.tick(tick_ms, requests, &arms[0], &arms[1]);
            let after = self.world.state.clone();
            self.effects_are_in_order(&effects, &before, &after);
            self.time_alone_promotes_nothing(&before, &after);
            if self.dice.next() < 0.5 {
                self.stored = self.world.evidence.clone();
            }
        }
    }

    /// The process dies: the state is what was committed, of the evidence the newest ticks are
    /// gone.
    fn crash(&mut self) {
        let committed = self.world.state.clone();
        let stored = self.stored.take();
        self.world.crash(stored.as_ref());
        assert_eq!(self.world.state, committed, "seed {}", self.seed);
        assert_eq!(self.world.evidence.is_some(), stored.is_some());
        let observed = |evidence: &Option<Evidence>| {
            evidence.clone().map(|it| (it.rollout().clone(), it.step()))
        };
        assert_eq!(observed(&self.world.evidence), observed(&stored));
        self.world.now_ms += self.dice.below(2 * HOUR);
        self.count("crashes");
    }

    /// Records come first, and what changes who is served is published.
    fn effects_are_in_order(
        &self,
        effects: &[Effect],
        before: &WorkloadState,
        after: &WorkloadState,
    ) {
        if before == after {
            assert!(effects.is_empty(), "seed {}: {effects:?} of nothing", self.seed);
            return;
        }
        let order = |effect: &Effect| match effect {
            Effect::Record(_) => 0,
            Effect::Publish => 1,
            Effect::Cut => 2,
            Effect::Notify(_) => 3,
        };
        assert!(effects.is_sorted_by_key(order), "seed {}: {effects:?}", self.seed);
        assert!(matches!(effects.first(), Some(Effect::Record(_))), "seed {}", self.seed);
        let published = effects.contains(&Effect::Publish);
        let routed = |it: &WorkloadState| {
            (it.weight, it.stable.clone(), it.candidate.clone(), it.closed.is_some(), it.generation)
        };
        assert!(published || routed(before) == routed(after), "seed {}", self.seed);
    }

    /// A tick may take traffic away and may make the candidate stable after a watch that passed.
    fn time_alone_promotes_nothing(&mut self, before: &WorkloadState, after: &WorkloadState) {
        let newest = self.world.newest.clone();
        let analysis = newest.as_ref();
        let went_on =
            before.rollout.as_ref().map(|it| it.step) == after.rollout.as_ref().map(|it| it.step);
        assert!(went_on, "seed {}: time went to another step", self.seed);
        assert!(after.weight <= before.weight, "seed {}: time gave more weight", self.seed);
        if before.killed.is_some() {
            assert_eq!(before, after, "seed {}: judged while killed", self.seed);
        }
        if completed(after) && !completed(before) {
            let rollout = before.rollout.as_ref().expect("under way");
            let passed = analysis.is_some_and(|it| {
                it.verdict == Verdict::Pass
                    && it.observed_ms >= it.needed_ms
                    && it.rollout == rollout.id
            });
            assert!(passed && rollout.phase == Phase::Watching, "seed {}", self.seed);
            assert_eq!(after.previous.as_ref(), Some(&rollout.from), "seed {}", self.seed);
            self.count("completed");
        }
        if ended(after) && !ended(before) {
            let trigger = analysis.and_then(|it| it.trigger.as_ref());
            assert!(trigger.is_some(), "seed {}: ended without a trigger", self.seed);
            let newest = after.rollout.as_ref().and_then(|it| it.history.last()).expect("history");
            assert_eq!(newest.turn, Turn::RolledBack);
            assert!(newest.analysis.is_some() && !newest.mark.reason.is_empty());
            self.nobody_reaches_the_candidate(after);
            self.count("by itself");
        }
        if let (Some(analysis), Some(rollout)) = (analysis, &after.rollout) {
            let blames = analysis.trigger.is_some()
                || analysis.measurements.iter().any(|it| it.blocks.is_some());
            assert!(
                analysis.verdict != Verdict::Pass || !blames,
                "seed {}: both at once",
                self.seed
            );
            if rollout.is_active() {
                // Counts of one rollout or step never show up in another: no more was observed
                // than there was time since the step began.
                let age = self.world.now_ms - rollout.step_since_ms;
                assert!(analysis.observed_ms <= age, "seed {}: inherited time", self.seed);
                assert!(
                    analysis.requests <= age / 1000 * 30,
                    "seed {}: inherited counts",
                    self.seed
                );
                assert!(analysis.id.as_str().starts_with(rollout.id.as_str()));
            }
        }
    }

    /// Whatever is not a deliberate opening leaves a closed candidate closed.
    fn nothing_opens_by_the_way(
        &self,
        before: &WorkloadState,
        after: &WorkloadState,
        command: &Command,
    ) {
        let opens = matches!(command, Command::Start { .. } | Command::SetWeight { .. });
        if before.closed.is_some() && !opens {
            assert!(after.closed.is_some(), "seed {}: {command:?} opened it", self.seed);
            self.nobody_reaches_the_candidate(after);
        }
        if matches!(command, Command::Rollback | Command::Abort) {
            self.nobody_reaches_the_candidate(after);
        }
    }

    fn nobody_reaches_the_candidate(&self, state: &WorkloadState) {
        let split = Split::new(Arc::new(self.world.spec.clone()), Arc::new(state.clone()));
        for user in 0..20 {
            let user = format!("user-{user}");
            let who = Who { request: &user, user: Some(&user), ..Who::default() };
            for pinned in [None, Some(Arm::Candidate)] {
                let target = split.choose(&who, Some(Arm::Candidate), pinned).target;
                assert_ne!(target, Target::Arm(Arm::Candidate), "seed {}", self.seed);
            }
        }
    }

    /// In whatever state the run ended, one command takes the candidate out.
    fn rollback_is_possible(&mut self) {
        let has_candidate = self.world.state.candidate.is_some();
        let done = self.world.command(&Command::Rollback, "the end", false);
        let nothing_to_take_out = !has_candidate && self.world.state.previous.is_none();
        assert!(done.is_ok() || nothing_to_take_out, "seed {}: {done:?}", self.seed);
        self.nobody_reaches_the_candidate(&self.world.state);
        // And what is over is over: old evidence moves nothing.
        if let Some(analysis) = &self.world.newest {
            let input = Input::Analysis(analysis);
            let stepped = step(&self.world.spec, &self.world.state, input, self.world.now_ms);
            assert!(stepped.expect("never refused").effects.is_empty(), "seed {}", self.seed);
        }
    }
}

/// A good candidate at 20% for twenty minutes of 6,000 requests an hour and more, judged every
/// second: the alarms of all gates together stay within their alpha.
#[test]
fn good_candidates_are_left_alone() {
    let runs = 300;
    let mut alarms = 0;
    for seed in 0..runs {
        let mut world = at_twenty_per_cent(seed);
        let good = Behaviour::GOOD;
        for _ in 0..1200 {
            world.tick(SECOND, 30, &good, &good);
        }
        alarms += u64::from(!world.state.rollout.as_ref().expect("started").is_active());
    }
    assert!(alarms * 100 <= runs, "{alarms} of {runs} good candidates were rolled back");
}

/// The same ticks give the same states, verdicts and effects, wherever the process died and went
/// on from what was stored.
#[test]
fn a_crash_and_the_same_ticks_again_change_nothing() {
    for seed in 0..40 {
        let mut dice = Seeded(seed + 99);
        let bad = Behaviour::GOOD.with("permanent", 0.01 + 0.05 * dice.next());
        let mut world = at_twenty_per_cent(seed);
        // What the store has: the state, the evidence, and how far it had come.
        let mut stored = (world.state.clone(), world.evidence.clone(), 0);
        let mut ticks = Vec::new();
        for _ in 0..600 {
            ticks.push(world.count(SECOND, 30, &Behaviour::GOOD, &bad));
            world.judge(&ticks[ticks.len() - 1]);
            if dice.next() < 0.2 {
                stored = (world.state.clone(), world.evidence.clone(), ticks.len());
            }
            if dice.next() < 0.03 {
                let (state, newest) = (world.state.clone(), world.newest.clone());
                world.state.clone_from(&stored.0);
                world.crash(stored.1.as_ref());
                let again: Vec<_> = ticks[stored.2..].to_vec();
                for tick in &again {
                    world.now_ms = tick.at_ms;
                    world.judge(tick);
                }
                let id = |it: Option<&stagegate_rollout::Analysis>| it.map(|it| it.id.clone());
                assert_eq!(world.state, state, "seed {seed}");
                if !again.is_empty() {
                    assert_eq!(id(world.newest.as_ref()), id(newest.as_ref()), "seed {seed}");
                }
            }
        }
    }
}

/// A rollout that was promoted to its second step, with everything well so far.
fn at_twenty_per_cent(seed: u64) -> World<Seeded> {
    let mut world = World::new([Seeded(2 * seed + 1), Seeded(2 * seed + 2)]);
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(quick()) };
    world.command(&start, "", false).expect("ready");
    let force = Command::Promote { expect: None, force: true };
    world.command(&force, "to have more to look at", false).expect("forced");
    world
}

fn step_of(state: &WorkloadState) -> Option<usize> {
    state.rollout.as_ref().filter(|it| it.is_active()).map(|it| it.step)
}

fn completed(state: &WorkloadState) -> bool {
    state.rollout.as_ref().is_some_and(|it| it.phase == Phase::Completed)
}

fn ended(state: &WorkloadState) -> bool {
    state.rollout.as_ref().is_some_and(|it| it.phase == Phase::RolledBack)
}
