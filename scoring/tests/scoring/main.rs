//! Tests of live scoring on fake time, with scripted scorers.

mod conversations;
mod known;
mod results;
mod told;

use serde_json::{Value, json};
use stagegate_eval::{
    CallFailure, Captured, Facts, Half, HealthLimits, Metrics, Outgoing, Post, Redactor, Replied,
    Sample, SampleReason, Score, ScorerSpec,
};
use stagegate_rollout::{Arm, Delta, DoubtKind, Scores};
use stagegate_scoring::{Given, Limits, Rules, Scored, Scoring};
use stagegate_store::{SampleStore, SpendStore};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const LIMITS: Limits = Limits {
    memory: 1 << 30,
    max_age: Duration::from_secs(3600),
    max_samples: 1000,
    judge: HealthLimits {
        silence_ms: 60_000,
        at_least: 20,
        drift: 0.05,
        coverage: 0.05,
        window_ms: 60_000,
    },
};

struct World {
    dir: TempDir,
    scoring: Arc<Scoring>,
    counted: Arc<Mutex<Delta>>,
}

fn spec(scorer: &Value) -> Arc<ScorerSpec> {
    let no_files = |_: &str| Err("there are none".to_owned());
    Arc::new(ScorerSpec::read(scorer, &no_files).expect("a scorer"))
}

fn rules(scorers: &[Value]) -> HashMap<String, Arc<Rules>> {
    let rules = Rules {
        scorers: scorers.iter().map(spec).collect(),
        labelled: None,
        redactor: Redactor::new(&[]).expect("a redactor"),
        protocol: None,
        confidence: None,
        limit: 1 << 20,
        tenants: BTreeSet::new(),
    };
    [("agent".to_owned(), Arc::new(rules))].into()
}

impl World {
    fn with(scorers: &[Value]) -> Self {
        Self::at(TempDir::new().expect("a directory"), scorers, LIMITS)
    }

    fn at(dir: TempDir, scorers: &[Value], limits: Limits) -> Self {
        let store = SampleStore::open(dir.path()).expect("a store");
        let counted = Arc::<Mutex<Delta>>::default();
        let sum = Arc::clone(&counted);
        let counts = Box::new(move |delta: Delta| sum.lock().expect("counts").merge(&delta));
        let spend = SpendStore::open(dir.path()).expect("accounts");
        let scoring = Scoring::new(store, spend, limits, rules(scorers), counts, 0);
        let scoring = scoring.expect("scoring");
        Self { dir, scoring, counted }
    }

    /// The process ends and comes back.
    fn restarted(self, scorers: &[Value]) -> Self {
        let Self { dir, scoring, .. } = self;
        drop(scoring);
        Self::at(dir, scorers, LIMITS)
    }

    fn scores(&self, arm: Arm) -> Scores {
        let counted = self.counted.lock().expect("counts");
        let of_arm = counted.series.iter().filter(|(key, _)| key.arm == arm);
        of_arm.fold(Scores::default(), |mut sum, (_, series)| {
            sum.merge(&series.scores);
            sum
        })
    }

    fn passed_and_failed(&self) -> (u64, u64) {
        let scores = self.scores(Arm::Candidate);
        (scores.passed, scores.failed)
    }

    /// Lets every question be asked that is due until `now_ms`, each try at its time.
    fn ask(&self, post: &dyn Post) {
        // Time goes on by ten seconds with every look at the clock, so that nothing is waited for.
        let now = AtomicU64::new(0);
        self.scoring.ask(post, &|| now.fetch_add(10_000, Ordering::SeqCst));
    }
}

fn sample(id: &str, at_ms: u64, answer: &str) -> Sample {
    let facts = Facts {
        id: id.to_owned(),
        at_ms,
        workload: "agent".to_owned(),
        release: "v2".to_owned(),
        arm: Arm::Candidate,
        reason: SampleReason::Random,
        conversation: None,
        tenant: None,
        trace_id: None,
        metrics: Metrics::default(),
        pair: None,
        metadata: BTreeMap::new(),
    };
    let response = Half { bytes: answer.as_bytes(), content_type: "text/plain", ..Half::default() };
    let captured = Captured { response, limit: 1 << 20, ..Captured::default() };
    Sample::of(facts, &captured, &Redactor::new(&[]).expect("a redactor"))
}

fn json_gate() -> Value {
    json!({ "name": "json", "type": "is-json", "gate": true })
}

fn http_gate() -> Value {
    json!({ "name": "judge", "type": "http", "url": "http://127.0.0.1:1/", "gate": true })
}

/// Answers each request with the next of these statuses, and passes what it scores; closes the
/// scoring after the last, so that asking ends.
struct Scripted {
    statuses: Mutex<Vec<u16>>,
    asked: AtomicU64,
    scoring: Arc<Scoring>,
}

impl Scripted {
    fn new(world: &World, statuses: &[u16]) -> Self {
        let statuses = statuses.iter().rev().copied().collect();
        let scoring = Arc::clone(&world.scoring);
        Self { statuses: Mutex::new(statuses), asked: AtomicU64::new(0), scoring }
    }
}

impl Post for Scripted {
    fn post(&self, _: &Outgoing) -> Result<Replied, CallFailure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut statuses = self.statuses.lock().expect("statuses");
        let status = statuses.pop().expect("no more requests than that");
        if statuses.is_empty() {
            self.scoring.close();
        }
        Ok(Replied { status, retry_after_ms: None, body: b"true".to_vec() })
    }
}

#[test]
fn built_in_scorers_count_at_once() {
    let world = World::with(&[json_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}"), sample("b", 2, "no")], 10);
    assert_eq!(world.passed_and_failed(), (1, 1));
    let (b, scores) = world.scoring.get("b").expect("readable").expect("known");
    assert_eq!((b.pass, b.open, scores.len()), (Some(false), false, 1));
}

#[test]
fn an_id_counts_once_and_so_does_a_conversation() {
    let world = World::with(&[json_gate()]);
    let turn = |id: &str, at| Sample { conversation: Some("c".to_owned()), ..sample(id, at, "{}") };
    world.scoring.accept(vec![sample("a", 1, "{}"), sample("a", 2, "no")], 10);
    world.scoring.accept(vec![turn("t1", 3), turn("t2", 4)], 10);
    assert_eq!(world.passed_and_failed(), (2, 0));
    assert_eq!(world.scoring.figures().dropped["repeated"], 1);
    let (second, _) = world.scoring.get("t2").expect("readable").expect("known");
    assert_eq!((second.pass, &*second.reason), (Some(true), "targeted"), "scored, not counted");
}

#[test]
fn a_scorer_is_asked_again_and_then_believed() {
    let world = World::with(&[json_gate(), http_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    assert_eq!(world.passed_and_failed(), (0, 0), "one of two has not spoken");
    let judge = Scripted::new(&world, &[503, 429, 200]);
    world.ask(&judge);
    assert_eq!(judge.asked.load(Ordering::SeqCst), 3);
    assert_eq!(world.passed_and_failed(), (1, 0));
}

#[test]
fn a_scorer_that_is_gone_leaves_samples_unscored() {
    let world = World::with(&[http_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    world.ask(&Scripted::new(&world, &[503, 503, 503, 503]));
    assert_eq!(world.passed_and_failed(), (0, 0));
    let (a, scores) = world.scoring.get("a").expect("readable").expect("known");
    assert_eq!((a.pass, a.open, scores.len()), (None, false, 1));
    assert_eq!(world.scoring.figures().open, 0);
}

#[test]
fn what_was_open_is_taken_up_after_a_restart() {
    let world = World::with(&[http_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    let world = world.restarted(&[http_gate()]);
    world.ask(&Scripted::new(&world, &[200]));
    assert_eq!(world.passed_and_failed(), (1, 0));
    let world = world.restarted(&[http_gate()]);
    assert_eq!(world.scoring.figures().open, 0, "and is not judged a second time");
}

#[test]
fn scores_that_come_later_are_the_scorers_own() {
    let world = World::with(&[http_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    world.ask(&Scripted::new(&world, &[202]));
    let given = |name: &str, pass| Given {
        id: "a".to_owned(),
        score: Score::binary(name, pass, ""),
        by: "judge-token".to_owned(),
    };
    let later = world.scoring.give(&given("judge", false), 5).expect("kept");
    assert_eq!(later, Scored::Kept { first: false });
    assert_eq!(world.passed_and_failed(), (0, 1));
    assert_eq!(world.scoring.give(&given("judge", true), 6).expect("read"), Scored::Repeated);
    assert_eq!(world.passed_and_failed(), (0, 1));
}

#[test]
fn a_promise_that_is_not_kept_holds_nobody_back_for_ever() {
    let world = World::with(&[http_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    world.scoring.tick(599_000);
    assert_eq!(world.scoring.figures().open, 1);
    world.scoring.tick(601_000);
    world.scoring.tick(601_000);
    assert_eq!(world.scoring.figures().open, 0);
    assert_eq!(world.passed_and_failed(), (0, 0), "unscored");
}

#[test]
fn a_persons_verdict_counts_for_labelled_accuracy_only() {
    let world = World::with(&[json_gate()]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 10);
    let say = |pass| Given {
        id: "a".to_owned(),
        score: Score::binary("human", pass, "not what was asked"),
        by: "ann".to_owned(),
    };
    assert_eq!(world.scoring.give(&say(false), 20).expect("kept"), Scored::Kept { first: true });
    assert_eq!(world.scoring.give(&say(true), 21).expect("read"), Scored::Repeated);
    let scores = world.scores(Arm::Candidate);
    let wanted = Scores { passed: 1, labelled_failed: 1, ..Scores::default() };
    assert_eq!(scores, wanted);
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let dir = TempDir::new().expect("a directory");
    let world = World::at(dir, &[http_gate()], Limits { memory: 0, ..LIMITS });
    world.scoring.accept(vec![sample("a", 1, "{}"), sample("b", 2, "{}")], 10);
    let figures = world.scoring.figures();
    assert_eq!((figures.open, figures.dropped["queue"]), (1, 1));
}

#[test]
fn a_judge_whose_budget_is_spent_is_not_asked() {
    let judge = json!({
        "name": "rubric", "type": "llm-rubric", "url": "http://127.0.0.1:1/v1", "model": "m",
        "rubric": "good", "gate": true, "budget": 0.000_000_001, "input_price": 1, "output_price": 1,
    });
    let world = World::with(&[judge]);
    world.scoring.accept(vec![sample("a", 1, "{}")], 0);
    let nobody = Scripted::new(&world, &[200]);
    std::thread::scope(|scope| {
        scope.spawn(|| world.scoring.ask(&nobody, &|| 0));
        while world.scoring.figures().open > 0 {
            std::thread::yield_now();
        }
        world.scoring.close();
    });
    assert_eq!(nobody.asked.load(Ordering::SeqCst), 0);
    let (a, scores) = world.scoring.get("a").expect("readable").expect("known");
    assert_eq!(a.pass, None);
    assert!(scores[0].body.contains("budget"), "{scores:?}");
}

/// A judge of which ten calls cost less than a day's budget and a hundred more.
fn paid_judge() -> Value {
    json!({
        "name": "rubric", "type": "llm-rubric", "url": "http://127.0.0.1:1/v1", "model": "m",
        "rubric": "good", "gate": true, "budget": 0.05, "input_price": 1, "output_price": 10,
    })
}

/// A judge that passes and says that it wrote so many tokens.
struct Judge(Option<u64>);

impl Post for Judge {
    fn post(&self, _: &Outgoing) -> Result<Replied, CallFailure> {
        let usage = self.0.map(|it| json!({ "prompt_tokens": 0, "completion_tokens": it }));
        let body = json!({
            "object": "chat.completion", "usage": usage,
            "choices": [{ "index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": r#"{"pass": true, "score": 1, "reason": "r"}"# } }],
        });
        Ok(Replied { status: 200, retry_after_ms: None, body: body.to_string().into_bytes() })
    }
}

/// Has so many samples judged, and waits until all are.
fn asks(world: &World, samples: u64, tokens: Option<u64>) {
    let ids = (0..samples).map(|n| sample(&format!("s{n}"), n, "yes"));
    world.scoring.accept(ids.collect(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| world.scoring.ask(&Judge(tokens), &|| 0));
        while world.scoring.figures().open > 0 {
            std::thread::yield_now();
        }
        world.scoring.close();
    });
}

#[test]
fn what_judges_spent_is_kept_over_a_restart() {
    let world = World::with(&[paid_judge()]);
    asks(&world, 3, Some(100));
    let spent = world.scoring.judges(0).remove(0);
    assert_eq!((spent.today.0, spent.total.0), (3 * 1_000_000, 3 * 1_000_000), "$10 a million");
    assert_eq!((&*spent.workload, &*spent.scorer), ("agent", "rubric"));
    let world = world.restarted(&[paid_judge()]);
    assert_eq!(world.scoring.judges(0), [], "nobody asked what there is a day");
    asks(&world, 4, Some(100));
    let spent = world.scoring.judges(0).remove(0);
    assert_eq!((spent.today.0, spent.total.0), (4 * 1_000_000, 1_000_000), "three are known");
    let next = world.scoring.judges(86_400_000).remove(0);
    assert_eq!(next.today.0, 0);
}

#[test]
fn a_judge_that_does_not_say_what_it_cost_has_cost_the_most_it_could() {
    let world = World::with(&[paid_judge()]);
    asks(&world, 1, None);
    let spent = world.scoring.judges(0).remove(0).today;
    assert!(spent.0 > 5_000_000, "512 tokens of answer alone: {spent:?}");
}

/// A killed scorer process: it closes every connection, so the call never returns.
struct Killed;

impl Post for Killed {
    fn post(&self, _: &Outgoing) -> Result<Replied, CallFailure> {
        panic!("killed in the middle of a call");
    }
}

#[test]
fn a_call_that_a_crash_cuts_off_counts_as_spent() {
    let world = World::with(&[paid_judge()]);
    world.scoring.accept(vec![sample("a", 1, "yes")], 0);
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.ask(&Killed)));
    assert!(killed.is_err());
    let world = world.restarted(&[paid_judge()]);
    asks(&world, 1, Some(0));
    let spent = world.scoring.judges(0).remove(0).today;
    // The one that was cut off, and two answers that do not say what they cost.
    assert!(spent.0 > 3 * 5_000_000, "{spent:?}");
}

#[test]
fn spent_money_pauses_sampling_and_is_no_verdict() {
    let world = World::with(&[paid_judge()]);
    assert_eq!(world.scoring.tend(0), Vec::<String>::new());
    // A cent each: there is nothing left for the sixth.
    asks(&world, 6, Some(1000));
    let passed =
        world.scoring.figures().results[&("agent".into(), Arm::Candidate, "rubric".into(), "pass")];
    assert_eq!(passed, 5);
    assert_eq!(world.scoring.tend(1), ["agent"]);
    let doubt = world.scoring.doubt("agent", 1).expect("a doubt");
    assert_eq!((doubt.kind, doubt.kind.is_error()), (DoubtKind::Budget, false));
    let mut more = paid_judge();
    more["budget"] = json!(1);
    world.scoring.configure(LIMITS, rules(&[more]));
    assert_eq!(world.scoring.tend(1), Vec::<String>::new(), "more money");
    world.scoring.configure(LIMITS, rules(&[paid_judge()]));
    assert_eq!(world.scoring.tend(1), ["agent"], "what was spent stays spent");
    let tomorrow = 86_400_000;
    assert_eq!(world.scoring.tend(tomorrow), Vec::<String>::new());
    assert_eq!(world.scoring.doubt("agent", tomorrow), None);
}

#[test]
fn garbage_is_silence_with_a_reason_and_ends_with_a_verdict() {
    let world = World::with(&[json!({ "name": "eq", "type": "equals", "gate": true })]);
    let some = |from: u64| (from..from + 12).map(|n| sample(&format!("s{n}"), n, "{}")).collect();
    world.scoring.accept(some(0), 1_000_000);
    assert_eq!(world.scoring.doubt("agent", 1_059_000), None, "not yet");
    let doubt = world.scoring.doubt("agent", 1_061_000).expect("a doubt");
    assert_eq!((doubt.kind, doubt.kind.is_error()), (DoubtKind::Silent, true));
    assert!(doubt.words.contains("12 samples"), "{doubt}");
    assert_eq!(world.scoring.doubt("other", 1_061_000), None);
    world.scoring.configure(LIMITS, rules(&[json_gate()]));
    assert_eq!(world.scoring.doubt("agent", 1_061_000), None, "somebody else judges now");
    world.scoring.accept(some(100), 1_061_000);
    assert_eq!(world.scoring.doubt("agent", 1_200_000), None);
}

#[test]
fn without_a_scorer_whose_word_counts_nobody_is_doubted() {
    let world = World::with(&[json!({ "name": "eq", "type": "equals" })]);
    let some = (0..12).map(|n| sample(&format!("s{n}"), n, "{}")).collect();
    world.scoring.accept(some, 1_000_000);
    assert_eq!(world.scoring.doubt("agent", 2_000_000), None);
}

/// Both halves of the pair of request `n`: what stable and the shadow answered.
fn pair(n: u32, stable: &str, shadow: &str) -> [Sample; 2] {
    let (request, copy) = (format!("r-{n}"), format!("s-{n}"));
    let half = |id: &str, other: &str, answer: &str| Sample {
        reason: SampleReason::Shadow,
        pair: Some(other.to_owned()),
        ..sample(id, 1, answer)
    };
    let stable =
        Sample { arm: Arm::Stable, release: "v1".to_owned(), ..half(&request, &copy, stable) };
    [stable, half(&copy, &request, shadow)]
}

fn paired(world: &World) -> Vec<(&'static str, u64)> {
    let figures = world.scoring.figures();
    figures.pairs.iter().map(|((_, result), count)| (result.label(), *count)).collect()
}

#[test]
fn pairs_are_counted_once_whatever_half_comes_last_and_apart_from_everything_live() {
    let world = World::with(&[json_gate()]);
    let [stable, shadow] = pair(1, "{}", "no");
    world.scoring.accept(vec![shadow, stable], 10);
    let [stable, shadow] = pair(2, "{}", "{}");
    world.scoring.accept(vec![shadow], 20);
    assert_eq!(paired(&world), [("only_stable", 1)], "half a pair is none");
    world.scoring.accept(vec![stable], 30);
    assert_eq!(paired(&world), [("both_pass", 1), ("only_stable", 1)]);
    // Served, and in the live sample too: it counts in both, each half where it belongs.
    let [stable, shadow] = pair(3, "no", "{}");
    let stable = Sample { reason: SampleReason::Random, ..stable };
    world.scoring.accept(vec![stable, shadow], 40);
    assert_eq!(paired(&world), [("both_pass", 1), ("only_stable", 1), ("only_shadow", 1)]);
    assert_eq!(world.passed_and_failed(), (0, 0), "the candidate served nobody");
    let live = world.scores(Arm::Stable);
    assert_eq!((live.passed, live.failed), (0, 1));
    let results: u64 = world.scoring.figures().results.values().sum();
    assert_eq!(results, 1, "one answer was live");
    // It is on the disk, and can be looked at.
    let world = world.restarted(&[json_gate()]);
    let (counts, lost) = world.scoring.pairs("agent", 0, 10).expect("readable");
    assert_eq!(counts.iter().map(|count| count.pairs).sum::<u64>(), 3);
    assert_eq!((lost[0].stable.as_str(), lost[0].shadow.as_str(), lost.len()), ("r-1", "s-1", 1));
    assert!(world.scoring.pairs("agent", 1_000, 10).expect("readable").0.is_empty());
}

#[test]
fn of_a_conversation_the_first_pair_counts_and_an_unscored_half_is_no_verdict() {
    let mut judge = http_gate();
    judge["batch"] = json!(1);
    let world = World::with(&[json_gate(), judge.clone()]);
    let turn = |n, stable, shadow| {
        pair(n, stable, shadow).map(|half| Sample { conversation: Some("c".to_owned()), ..half })
    };
    world.scoring.accept(turn(1, "{}", "no").into(), 0);
    world.scoring.accept(turn(2, "{}", "no").into(), 0);
    assert_eq!(paired(&world), [], "one of the scorers has not spoken");
    world.ask(&Scripted::new(&world, &[200, 200, 200, 200]));
    assert_eq!(paired(&world), [("only_stable", 1)]);
    let world = World::with(&[judge]);
    world.scoring.accept(pair(3, "{}", "{}").into(), 0);
    world.ask(&Scripted::new(&world, &[400, 400]));
    assert_eq!(paired(&world), [("unscored", 1)]);
}

#[test]
fn a_pair_whose_scorer_never_posts_what_it_promised_does_not_stay_for_ever() {
    let mut judge = http_gate();
    judge["batch"] = json!(1);
    let world = World::with(&[judge]);
    world.scoring.accept(pair(1, "{}", "{}").into(), 0);
    world.ask(&Scripted::new(&world, &[202, 202]));
    world.scoring.accept(Vec::new(), 599_000);
    world.scoring.tick(599_000);
    assert_eq!(world.scoring.figures().open, 2, "it has ten minutes");
    world.scoring.accept(Vec::new(), 660_000);
    world.scoring.tick(660_000);
    assert_eq!((world.scoring.figures().open, paired(&world)), (0, vec![("unscored", 1)]));
}
