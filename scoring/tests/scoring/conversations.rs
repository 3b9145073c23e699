//! Scorers that judge a conversation once it is over.

use crate::{World, sample};
use serde_json::{Value, json};
use stagegate_eval::{Sample, SampleReason};
use stagegate_rollout::Arm;
use stagegate_store::StoredScore;

const MINUTE: u64 = 60_000;

fn settled() -> Value {
    json!({ "name": "settled", "type": "contains", "value": "refunded", "gate": true,
        "unit": "conversation", "idle": "2m", "ends": "end_call" })
}

fn turn(id: &str, conversation: &str, answer: &str) -> Sample {
    Sample { conversation: Some(conversation.to_owned()), ..sample(id, 1, answer) }
}

#[test]
fn a_conversation_is_judged_once_it_was_silent_and_is_one_unit() {
    let world = World::with(&[settled()]);
    world.scoring.accept(vec![turn("a1", "a", "hello"), turn("b1", "b", "hello")], MINUTE);
    world.scoring.accept(vec![turn("a2", "a", "it is refunded")], 2 * MINUTE);
    world.scoring.tick(3 * MINUTE);
    assert_eq!(world.passed_and_failed(), (0, 1), "b is over, a is not");
    world.scoring.tick(4 * MINUTE);
    assert_eq!(world.passed_and_failed(), (1, 1), "three turns, two conversations");
    let (a, scores) = world.scoring.get("a1~conversation").expect("readable").expect("known");
    assert_eq!((a.pass, &*a.reason, scores.len()), (Some(true), "random", 1));
    let (a1, scores) = world.scoring.get("a1").expect("readable").expect("known");
    assert_eq!((a1.pass, a1.open, scores.len()), (None, false, 0), "no turn is judged by itself");
    assert_eq!(world.scoring.figures().open, 0);
    assert_eq!(world.scoring.doubt("agent", 10 * MINUTE), None, "turns are not waited for");
}

#[test]
fn a_conversation_that_goes_on_later_is_judged_again_for_people_only() {
    let world = World::with(&[settled()]);
    world.scoring.accept(vec![turn("a1", "a", "hello")], 0);
    world.scoring.tick(3 * MINUTE);
    world.scoring.accept(vec![turn("a2", "a", "refunded")], 20 * MINUTE);
    world.scoring.tick(30 * MINUTE);
    assert_eq!(world.passed_and_failed(), (0, 1));
    let (later, _) = world.scoring.get("a2~conversation").expect("readable").expect("known");
    assert_eq!((later.pass, &*later.reason), (Some(true), "targeted"));
}

#[test]
fn scorers_of_turns_and_of_conversations_each_see_their_own() {
    let mut settled = settled();
    settled["gate"] = false.into();
    let turns = json!({ "name": "short", "type": "length", "max": 100, "gate": true });
    let world = World::with(&[turns, settled]);
    world.scoring.accept(vec![turn("a1", "a", "hello"), turn("a2", "a", "refunded")], 0);
    world.scoring.tick(3 * MINUTE);
    assert_eq!(world.passed_and_failed(), (1, 0), "one turn of the conversation counts");
    let (_, scores) = world.scoring.get("a1").expect("readable").expect("known");
    assert_eq!(names(&scores), ["short"]);
    let (_, scores) = world.scoring.get("a1~conversation").expect("readable").expect("known");
    assert_eq!(names(&scores), ["settled"]);
}

#[test]
fn only_conversations_that_the_hash_picked_are_gathered() {
    let world = World::with(&[settled()]);
    let wanted = Sample { reason: SampleReason::Targeted, ..turn("a1", "a", "refunded") };
    world.scoring.accept(vec![wanted, sample("alone", 2, "refunded")], 0);
    world.scoring.tick(60 * MINUTE);
    assert_eq!(world.passed_and_failed(), (0, 0));
    assert!(world.scoring.get("a1~conversation").expect("readable").is_none());
}

#[test]
fn too_many_conversations_end_the_silent_ones_early() {
    let world = World::with(&[settled()]);
    for batch in 0..11u64 {
        let turns = (0..1000).map(|n| {
            let name = format!("{batch}-{n}");
            turn(&name, &name, "refunded")
        });
        world.scoring.accept(turns.collect(), batch * 1000);
    }
    let passed = world.scores(Arm::Candidate).passed;
    assert!((1000..=2000).contains(&passed), "{passed}");
}

fn names(scores: &[StoredScore]) -> Vec<String> {
    let read = |it: &StoredScore| serde_json::from_str::<Value>(&it.body).expect("a score");
    scores.iter().map(|it| read(it)["name"].as_str().expect("a name").to_owned()).collect()
}
