use super::{Counted, Joined, Joiner, LATE_MS, Limits, MAX_OF_TRACE, Request, Source, StageNames};
use crate::span::{Kind, Span, Work, stage};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use stagegate_rollout::{Arm, Delta, SeriesKey};
use stagegate_signals::{Protocol, Usage};

const LIMITS: Limits = Limits { traces: 100, spans: 1000, bytes: 1 << 20, wait_ms: 10_000 };

fn key(arm: Arm) -> SeriesKey {
    SeriesKey { workload: "w".into(), release: "v1".into(), arm }
}

/// A request of the trace `trace` that sent the span `span` to its endpoint.
fn request(trace: u8, span: u8, ended_ms: u64) -> Request {
    Request {
        id: format!("r{trace}"),
        trace: [trace; 16],
        spans: vec![[span; 8]],
        client: None,
        key: key(Arm::Stable),
        counts: true,
        is_drawn: true,
        ended_ms,
        stated: Vec::new(),
    }
}

fn span(trace: u8, id: u8, parent: u8, work: Option<Work>) -> Span {
    Span {
        trace: [trace; 16],
        id: [id; 8],
        parent: [parent; 8],
        micros: 1000 * u64::from(id),
        failed: false,
        work: work.map(Box::new),
    }
}

fn work(kind: Kind, name: &str) -> Option<Work> {
    Some(Work {
        kind,
        stage: stage(kind, name),
        usage: None,
        nanos: None,
        model: None,
        protocol: Protocol::Auto,
    })
}

fn call(input: u64, nanos: Option<u64>) -> Option<Work> {
    let usage = Some(Usage { input, output: 1, ..Usage::default() });
    work(Kind::Llm, "").map(|work| Work { usage, nanos, ..work })
}

fn due(joiner: &mut Joiner, now_ms: u64) -> Vec<Joined> {
    joiner.due(now_ms, &mut |_, work| work.model.as_ref().map(|_| 7))
}

/// Stage, calls, input tokens and cost.
fn told(joined: &Joined) -> Vec<(String, u64, u64, u64)> {
    let told = joined.stages.iter();
    told.map(|it| (it.stage.to_string(), it.used.calls, it.used.input, it.used.nanos)).collect()
}

#[test]
fn spans_before_and_after_the_end_of_a_request_are_its_own_until_the_watermark() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.span(span(1, 2, 1, work(Kind::Tool, "search")), 500);
    joiner.request(request(1, 1, 1_000), 1_200);
    joiner.span(span(1, 3, 2, call(10, Some(5))), 9_000);
    assert!(due(&mut joiner, 10_999).is_empty());
    let joined = due(&mut joiner, 11_000);
    assert_eq!(told(&joined[0]), [("llm".into(), 1, 10, 5), ("tool:search".into(), 1, 10, 5)]);
    assert_eq!((joined.len(), joined[0].spans), (1, 2));
    joiner.span(span(1, 4, 1, work(Kind::Tool, "search")), 12_000);
    assert_eq!(joiner.counted(), Counted { joined: 2, late: 1, ..Counted::default() });
    assert!(due(&mut joiner, 11_000 + LATE_MS).is_empty());
    assert_eq!(joiner.held(), (0, 0, 0));
}

#[test]
fn in_a_trace_of_several_requests_each_has_the_spans_below_its_own() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.request(request(1, 1, 0), 0);
    joiner.request(Request { key: key(Arm::Candidate), ..request(1, 2, 0) }, 0);
    joiner.span(span(1, 11, 1, work(Kind::Tool, "a")), 0);
    joiner.span(span(1, 12, 2, None), 0);
    joiner.span(span(1, 13, 12, work(Kind::Tool, "b")), 0);
    // The way up from this one is interrupted: nobody knows whose it is.
    joiner.span(span(1, 14, 99, work(Kind::Tool, "c")), 0);
    let joined = due(&mut joiner, 10_000);
    let told: Vec<_> = joined.iter().map(told).collect();
    assert_eq!(told, [[("tool:a".into(), 1, 0, 0)], [("tool:b".into(), 1, 0, 0)]]);
    assert_eq!(joiner.held().1, 1);
    due(&mut joiner, 10_000_000);
    assert_eq!((joiner.held(), joiner.counted().late), ((0, 0, 0), 1));
}

#[test]
fn the_clients_own_spans_are_no_stages_and_interrupted_ways_of_the_only_request_are() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.request(Request { client: Some([9; 8]), ..request(1, 1, 0) }, 0);
    joiner.span(span(1, 2, 9, work(Kind::Agent, "client")), 0);
    joiner.span(span(1, 3, 0, work(Kind::Agent, "root")), 0);
    joiner.span(span(1, 4, 77, work(Kind::Tool, "far")), 0);
    let joined = due(&mut joiner, 10_000);
    assert_eq!(told(&joined[0]), [("tool:far".into(), 1, 0, 0)]);
}

#[test]
fn a_call_that_two_instrumentations_report_counts_once() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.request(request(1, 1, 0), 0);
    let inner = call(10, None).map(|work| Work { model: Some("m".into()), ..work });
    for it in [
        span(
            1,
            2,
            1,
            work(Kind::Agent, "a")
                .map(|it| Work { usage: inner.as_ref().and_then(|it| it.usage), ..it }),
        ),
        span(1, 3, 2, work(Kind::Task, "plan")),
        span(1, 4, 3, work(Kind::Llm, "")),
        span(1, 5, 4, inner.clone()),
        span(1, 6, 5, inner),
        span(1, 7, 3, call(1, None)),
    ] {
        joiner.span(it, 0);
    }
    let joined = due(&mut joiner, 10_000);
    let llm = ("llm".into(), 2, 11, 7);
    assert_eq!(
        told(&joined[0]),
        [("agent:a".into(), 1, 11, 7), llm, ("task:plan".into(), 1, 11, 7)]
    );
    let llm = &joined[0].stages[1];
    assert_eq!((llm.used.unpriced, &llm.micros[..]), (1, &[4_000, 7_000][..]));
}

#[test]
fn tokens_that_only_an_agent_states_count_for_it() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.request(request(1, 1, 0), 0);
    let states = call(10, Some(3));
    let agent = |name| {
        let used = states.clone().expect("work");
        work(Kind::Agent, name).map(|it| Work { usage: used.usage, nanos: used.nanos, ..it })
    };
    joiner.span(span(1, 2, 1, agent("outer")), 0);
    joiner.span(span(1, 3, 2, agent("inner")), 0);
    let joined = due(&mut joiner, 10_000);
    assert_eq!(
        told(&joined[0]),
        [("agent:inner".into(), 1, 10, 3), ("agent:outer".into(), 1, 10, 3)]
    );
}

#[test]
fn stages_count_for_their_arm_and_stated_times_are_not_counted_twice() {
    let mut joiner = Joiner::new(LIMITS);
    let stated = vec![("llm".to_owned(), 812_000)];
    joiner.request(Request { stated, ..request(1, 1, 0) }, 0);
    joiner.request(Request { counts: false, ..request(2, 1, 0) }, 0);
    joiner.request(request(3, 1, 0), 0);
    joiner.request(Request { is_drawn: false, ..request(4, 1, 0) }, 0);
    for trace in [1, 2] {
        joiner.span(span(trace, 2, 1, call(10, Some(5))), 0);
        let failed = Span { failed: true, ..span(trace, 3, 1, work(Kind::Tool, "f")) };
        joiner.span(failed, 0);
    }
    let (mut delta, mut names) = (Delta::default(), StageNames::new(1));
    let joined = due(&mut joiner, 10_000);
    assert_eq!(joined.len(), 4);
    joined.iter().for_each(|joined| joined.count(&mut names, &mut delta));
    let series = &delta.series[&key(Arm::Stable)];
    assert_eq!((series.traces_begun, series.traces_joined), (2, 1));
    assert_eq!(delta.apart[&key(Arm::Stable)].traces_begun, 1, "nobody compares it");
    assert!(!series.stages.contains_key("llm"), "the answer stated it");
    assert_eq!(series.stages["other"].count(), 1);
    assert_eq!((series.stage_use["other"].errors, series.stage_use["llm"].nanos), (1, 5));
    let sources: Vec<_> = joined[0].stages.iter().map(|seen| seen.source).collect();
    assert_eq!(sources, [Source::ServerTiming, Source::Trace, Source::Trace]);
}

#[test]
fn a_repeated_span_counts_once_and_cycles_end() {
    let mut joiner = Joiner::new(LIMITS);
    joiner.request(request(1, 1, 0), 0);
    for _ in 0..2 {
        joiner.span(span(1, 2, 1, work(Kind::Tool, "a")), 0);
    }
    joiner.span(span(1, 3, 4, work(Kind::Tool, "b")), 0);
    joiner.span(span(1, 4, 3, call(1, None)), 0);
    joiner.span(span(1, 5, 5, call(1, None)), 0);
    let joined = due(&mut joiner, 10_000);
    assert_eq!(told(&joined[0]), [("tool:a".into(), 1, 0, 0)]);
    assert_eq!(joiner.counted().repeated, 1);
}

#[test]
fn a_trace_that_is_given_up_still_tells_what_it_has() {
    let mut joiner = Joiner::new(Limits { traces: 2, ..LIMITS });
    joiner.request(request(1, 1, 0), 0);
    joiner.span(span(1, 2, 1, work(Kind::Tool, "a")), 0);
    joiner.span(span(2, 2, 1, None), 1);
    joiner.span(span(3, 2, 1, None), 2);
    let joined = due(&mut joiner, 3);
    assert_eq!(told(&joined[0]), [("tool:a".into(), 1, 0, 0)]);
    assert_eq!(joiner.held().0, 2);
    let many: usize = MAX_OF_TRACE + 5;
    let mut joiner = Joiner::new(Limits { spans: 1 << 20, bytes: 1 << 30, ..LIMITS });
    for id in 0..many {
        let id = (id as u64 + 1).to_be_bytes();
        joiner.span(Span { id, ..span(1, 1, 0, None) }, 0);
    }
    assert_eq!((joiner.held().1, joiner.counted().dropped), (MAX_OF_TRACE, 5));
    joiner.request(request(9, 1, 0), 0);
    let rest = joiner.finish(&mut |_, _| None);
    assert_eq!((rest.len(), joiner.held()), (1, (0, 0, 0)));
}

proptest! {
    #[test]
    fn what_is_held_is_bounded_and_no_span_and_no_request_is_lost_from_the_counts(
        events in prop::collection::vec((any::<bool>(), 0..12_u8, 0..9_u8, 0..9_u8, 0..40_000_u64), 0..200),
        traces in 1..6_usize, spans in 0..20_usize, bytes in 0..4000_usize,
    ) {
        let mut joiner = Joiner::new(Limits { traces, spans, bytes, wait_ms: 10_000 });
        let (mut now, mut requests, mut received, mut joined) = (0, 0, 0, Vec::new());
        for (is_request, trace, id, parent, later) in events {
            now += later;
            if is_request {
                requests += 1;
                joiner.request(request(trace, id, now), now);
            } else {
                received += 1;
                let kind = if id % 2 == 0 { call(1, None) } else { work(Kind::Tool, "t") };
                joiner.span(span(trace, id, parent, kind), now);
            }
            joined.extend(due(&mut joiner, now));
            let held = joiner.held();
            prop_assert!(held.0 <= traces && held.1 <= spans && held.2 <= bytes, "{held:?}");
        }
        joined.extend(joiner.finish(&mut |_, _| None));
        prop_assert_eq!(joiner.held(), (0, 0, 0));
        prop_assert_eq!(joined.len(), requests);
        let all = joiner.counted();
        let told = all.joined + all.late + all.unmatched + all.dropped + all.repeated;
        prop_assert_eq!(told, received);
        let spans: u64 = joined.iter().map(|it| it.spans).sum();
        prop_assert_eq!(spans, all.joined);
    }
}
