//! Tests of known correct responses: labelled sets, and people.

use crate::{LIMITS, Scripted, World, http_gate, json_gate, rules, sample, spec};
use serde_json::{Value, json};
use stagegate_eval::{LabelledSet, Redactor, Sample, Score};
use stagegate_rollout::Arm;
use stagegate_scoring::{Given, GivenReview, Labelled, Reviewed, Rules, Scored};
use stagegate_store::SampleFilter;
use std::collections::HashMap;
use std::sync::Arc;

/// The rules with a labelled set: what is asked with `null` is to be answered with `{}`.
fn with_labels(scorers: &[Value], by: &Value) -> HashMap<String, Arc<Rules>> {
    let redactor = Redactor::new(&[]).expect("a redactor");
    let set = LabelledSet::read("{\"input\":null,\"expected\":\"{}\"}", &redactor).expect("a set");
    let mut rules = rules(scorers);
    let agent = rules.get_mut("agent").map(Arc::make_mut).expect("there");
    agent.labelled = Some(Labelled { set: Arc::new(set), by: spec(by) });
    rules
}

fn verdicts(world: &World) -> (u64, u64, u64, u64) {
    let scores = world.scores(Arm::Candidate);
    (scores.passed, scores.failed, scores.labelled_passed, scores.labelled_failed)
}

#[test]
fn a_labelled_set_says_what_is_right_beside_the_gates() {
    let world = World::with(&[]);
    let equals = json!({ "name": "labelled", "type": "equals" });
    world.scoring.configure(LIMITS, with_labels(&[json_gate()], &equals));
    let other = Sample { input: json!("something else"), ..sample("c", 3, "[]") };
    world.scoring.accept(vec![sample("a", 1, "{}"), sample("b", 2, "[]"), other], 10);
    assert_eq!(verdicts(&world), (3, 0, 1, 1), "all are JSON, and one of two is right");
    let (b, scores) = world.scoring.get("b").expect("readable").expect("known");
    assert_eq!(
        (b.pass, b.label, b.doubt.as_deref()),
        (Some(true), Some(false), Some("disagreeing"))
    );
    assert_eq!(scores.len(), 2);
    assert!(b.body.contains("\"expected\":\"{}\""), "{}", b.body);
    let (c, _) = world.scoring.get("c").expect("readable").expect("known");
    assert_eq!((c.label, c.doubt), (None, None));
    // A person who is later does not count a second time.
    let late = Given { id: "b".into(), score: Score::binary("human", true, ""), by: "ann".into() };
    assert_eq!(world.scoring.give(&late, 20).expect("kept"), Scored::Kept { first: false });
    assert_eq!(verdicts(&world), (3, 0, 1, 1));
}

#[test]
fn who_compares_may_be_a_scorer_outside_of_the_process() {
    let world = World::with(&[]);
    world.scoring.configure(LIMITS, with_labels(&[http_gate()], &http_gate()));
    world.scoring.accept(vec![sample("a", 1, "[]")], 0);
    // A person is quicker than the judge.
    let said = Given { id: "a".into(), score: Score::binary("human", false, ""), by: "ann".into() };
    assert_eq!(world.scoring.give(&said, 5).expect("kept"), Scored::Kept { first: true });
    world.ask(&Scripted::new(&world, &[200]));
    assert_eq!(verdicts(&world), (1, 0, 0, 1), "the first word on what is right stands");
}

fn review(id: &str, pass: bool) -> GivenReview {
    let expected = (!pass).then(|| json!({ "answer": 42 }));
    GivenReview { id: id.into(), pass, expected, note: Some("see 4.2".into()), by: "ann".into() }
}

#[test]
fn reviewers_see_what_is_in_doubt_until_somebody_has_said_what_is_right() {
    let polite = json!({ "name": "polite", "type": "keywords", "value": ["stupid"] });
    let world = World::with(&[json_gate(), polite]);
    let unsure = Sample { confidence: Some(0.3), ..sample("unsure", 1, "{}") };
    let rude = sample("rude", 3, "\"stupid\"");
    world.scoring.accept(vec![unsure, sample("failed", 2, "no"), rude, sample("fine", 4, "{}")], 9);
    let waiting = || {
        let filter = SampleFilter { waiting: true, ..SampleFilter::default() };
        let page = world.scoring.list(&filter, None, 10).expect("readable");
        let why = |it: stagegate_store::StoredSample| (it.id, it.doubt.unwrap_or_default());
        page.samples.into_iter().map(why).collect::<Vec<_>>()
    };
    let named = |it: &[(&str, &str)]| -> Vec<(String, String)> {
        it.iter().map(|(id, why)| ((*id).to_owned(), (*why).to_owned())).collect()
    };
    let all = [("rude", "disagreeing"), ("failed", "failed"), ("unsure", "unsure")];
    assert_eq!(waiting(), named(&all));
    let kept = world.scoring.review(&review("failed", false), 20).expect("kept");
    assert_eq!(kept, Reviewed::Kept { first: true });
    assert_eq!(world.scoring.review(&review("unsure", true), 21).expect("kept"), kept);
    assert_eq!(waiting(), named(&all[..1]));
    let again = world.scoring.review(&review("failed", true), 22).expect("read");
    assert!(matches!(&again, Reviewed::Before(before) if !before.said.pass && before.at_ms == 20));
    assert_eq!(world.scoring.review(&review("nobody", true), 23).expect("read"), Reviewed::Unknown);
    assert_eq!(verdicts(&world), (3, 1, 1, 1), "each counted once");
    let stored = world.scoring.review_of("failed").expect("readable").expect("there");
    assert_eq!(stored.said.expected.as_deref(), Some("{\"answer\":42}"));
    let (_, scores) = world.scoring.get("failed").expect("readable").expect("known");
    assert!(scores.iter().any(|score| score.by == "ann" && score.body.contains("see 4.2")));
}
