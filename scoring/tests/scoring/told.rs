//! Tests of the export of scores of traced requests, each once.

use super::{World, http_gate, json_gate, sample};
use stagegate_eval::{Sample, Score};
use stagegate_scoring::Given;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn traced(id: &str, answer: &str) -> Sample {
    Sample { traceparent: Some(TRACEPARENT.to_owned()), ..sample(id, 1, answer) }
}

/// Ids, names and verdicts of the exported scores.
fn told(world: &World) -> Vec<(String, String, Option<bool>)> {
    let told = world.scoring.told().into_iter();
    told.map(|it| {
        assert_eq!(it.subject.traceparent, TRACEPARENT);
        (it.subject.request_id.clone(), it.score.name, it.score.pass)
    })
    .collect()
}

#[test]
fn scores_of_traced_requests_are_told_once() {
    let world = World::with(&[json_gate()]);
    world.scoring.accept(vec![traced("a", "{}"), sample("b", 2, "{}"), traced("c", "no")], 10);
    let json = |id: &str, pass| (id.to_owned(), "json".to_owned(), Some(pass));
    assert_eq!(told(&world), [json("a", true), json("c", false)]);
    assert_eq!(told(&world), []);
    // A person's word on either: only the traced one has a trace to stand on.
    for id in ["a", "b"] {
        let given =
            Given { id: id.to_owned(), score: Score::binary("human", false, ""), by: "ann".into() };
        world.scoring.give(&given, 20).expect("kept");
        world.scoring.give(&given, 30).expect("known");
    }
    assert_eq!(told(&world), [("a".to_owned(), "human".to_owned(), Some(false))]);
    let world = world.restarted(&[json_gate()]);
    assert_eq!(told(&world), [], "what was concluded is not told again");
}

#[test]
fn nothing_is_told_before_a_sample_is_concluded() {
    let world = World::with(&[json_gate(), http_gate()]);
    world.scoring.accept(vec![traced("a", "{}")], 10);
    assert_eq!(told(&world), []);
    let world = world.restarted(&[json_gate()]);
    assert_eq!(told(&world), [("a".to_owned(), "json".to_owned(), Some(true))]);
}
