//! A report of made-up records: what stands in it, and that nothing of it becomes markup.

use super::{Records, Span, Watched, bounds, html, markdown, report};
use stagegate_api::{Artifact, DeployReport, TimePoint};
use stagegate_rollout::{
    AnalysisId, Mark, Outcome, Phase, Policy, Rollout, RolloutId, Series, Status, Tick, Transition,
    Turn, Weight,
};

const HOUR: u64 = 3_600_000;
const START: u64 = 1_800_000_000_000;

fn rollout(reason: &str) -> Rollout {
    let mark = |by: &str, at_ms, reason: &str| Mark { by: by.into(), reason: reason.into(), at_ms };
    let transition = |turn, step, percent, mark, analysis: Option<&str>| Transition {
        turn,
        step,
        weight: Weight::percent(percent),
        mark,
        analysis: analysis.map(AnalysisId::from_text),
        against: Vec::new(),
    };
    let ended = mark("stagegate", START + 5 * HOUR, reason);
    Rollout {
        id: RolloutId::new(&"agent".parse().expect("a name"), &"v43".parse().expect("a name"), 2),
        from: "v42".parse().expect("a name"),
        to: "v43".parse().expect("a name"),
        policy: Policy::builtin(),
        step: 1,
        step_since_ms: START + 2 * HOUR,
        phase: Phase::RolledBack,
        since: ended.clone(),
        started: mark("ann", START, ""),
        waived: Vec::new(),
        status: Status::default(),
        history: vec![
            transition(Turn::Started, 0, 1, mark("ann", START, ""), None),
            transition(
                Turn::Promoted,
                1,
                10,
                mark("ann", START + 2 * HOUR, ""),
                Some("agent~v43~2~1~4"),
            ),
            transition(Turn::RolledBack, 1, 0, ended, Some("agent~v43~2~2~7")),
        ],
        against_itself: None,
        ticket: None,
    }
}

fn arm(requests: u64, failed: u64, us: u64) -> Series {
    let mut series = Series::default();
    series.outcomes[Outcome::Ok.index()] = requests - failed;
    series.outcomes[Outcome::Permanent.index()] = failed;
    series.failures.count("permanent 500 <b> #1a2b3c4d", failed);
    (0..requests).for_each(|n| series.duration_us.record(us + n % 50));
    series
}

/// A minute of traffic at each of these hours and weights.
fn watched(minutes: &[(u64, u32)]) -> Watched {
    let mut watched = Watched::default();
    for (hour, percent) in minutes {
        watched.add(&Tick {
            at_ms: START + hour * HOUR,
            observed_ms: 60_000,
            weight: Weight::percent(*percent),
            stable: arm(3000, 3, 1000),
            candidate: arm(1000, 100, 2000),
            ..Tick::default()
        });
    }
    watched
}

fn written(reason: &str, span: Option<u64>, watched: &Watched) -> DeployReport {
    of(&rollout(reason), span, watched)
}

fn of(rollout: &Rollout, span: Option<u64>, watched: &Watched) -> DeployReport {
    report(Records {
        workload: "agent",
        rollout,
        watched,
        last_analysis: None,
        decisive: None,
        checklist: None,
        offline: None,
        candidate_made_of: Artifact { model: Some("m-6".into()), ..Artifact::default() },
        stable_made_of: Artifact::default(),
        span: span.map(|hours| Span { name: format!("{hours}h"), ms: hours * HOUR }),
        now_ms: START + 100 * HOUR,
    })
}

#[test]
fn a_report_is_of_its_span_and_of_nothing_later() {
    let hour = written("bad", Some(1), &watched(&[(1, 1)]));
    assert_eq!((hour.until_ms, hour.complete), (START + HOUR, true));
    assert_eq!(hour.history.len(), 1, "what came later is no part of the first hour");
    assert_eq!(hour.rollback, None);
    let day = written("bad", Some(24), &watched(&[(1, 1), (3, 10)]));
    assert_eq!((day.until_ms, day.history.len()), (START + 5 * HOUR, 3), "it ended before");
    let back = day.rollback.expect("within the day");
    assert_eq!((back.after_ms, back.mark.by.as_str()), (5 * HOUR, "stagegate"));
    assert_eq!(back.analysis.as_deref(), Some("agent~v43~2~2~7"));
    let (_, until, complete) = bounds(&rollout(""), None, START + 6 * HOUR);
    assert_eq!((until, complete), (START + 5 * HOUR, true));
}

#[test]
fn a_forced_promotion_is_among_what_was_waived() {
    let mut forced = rollout("the fix must go out");
    let promoted = &mut forced.history[1];
    promoted.against =
        vec!["forced: the verdict is fail, and only pass permits a promotion".into()];
    let (by, reason) = (promoted.mark.by.clone(), promoted.mark.reason.clone());
    let day = of(&forced, Some(24), &watched(&[(1, 1)]));
    let line = format!(
        "forced: the verdict is fail, and only pass permits a promotion (overridden by {by}: {reason})"
    );
    assert_eq!(day.waived, [line.as_str()]);
    assert!(html(&day, &[]).contains("forced: the verdict is fail"));
    assert!(
        of(&forced, Some(0), &watched(&[])).waived.is_empty(),
        "what came later is no part of it"
    );
}

#[test]
fn figures_have_intervals_or_say_that_there_is_no_data() {
    let day = written("bad", Some(24), &watched(&[(1, 1), (3, 10)]));
    let axis = |name: &str| day.axes.iter().find(|it| it.axis == name).expect("four axes");
    assert_eq!(
        (axis("error").verdict.as_str(), axis("latency").verdict.as_str()),
        ("worse", "worse")
    );
    assert_eq!(
        (axis("eval").verdict.as_str(), axis("cost").verdict.as_str()),
        ("no_data", "no_data")
    );
    assert_eq!(day.counted.candidate.requests, 2000);
    let class = &day.failures[0];
    assert_eq!((class.candidate, class.stable), (200, 6), "{class:?}");
    assert!(class.class.ends_with("#1a2b3c4d"));
    let said = day.not_known.join("\n");
    for wanted in [
        "watched for 2m of 5h",
        "weight was 1% and 10%",
        "No answer of the candidate was scored",
        "No offline eval report",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in\n{said}");
    }
    let text = markdown(&day);
    assert!(text.contains("| permanent failures | 10.00% ["), "{text}");
    assert!(text.contains("| accuracy | no data | – | no data | – | – | no data |"), "{text}");
    assert!(text.contains("+"), "{text}");
    let nothing = written("bad", Some(1), &Watched::default());
    assert!(nothing.not_known[0].starts_with("Nothing was recorded"), "{:?}", nothing.not_known);
    assert!(nothing.axes.iter().all(|axis| axis.verdict == "no_data"));
}

#[test]
fn what_people_wrote_never_becomes_markup() {
    let evil = "</td><script>alert('x')</script> | [a](http://b) `c`\n# d";
    let day = written(evil, None, &watched(&[(1, 1)]));
    let page = html(&day, &[]);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    for loads in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(loads), "nothing is loaded from anywhere: {loads}");
    }
    let text = markdown(&day);
    assert!(!text.contains("\n# d"), "{text}");
    assert!(text.contains("\\<script\\>") && !text.replace("\\<", "").contains('<'), "{text}");
    assert!(text.contains("\\[a\\](http://b)"), "{text}");
    let opened = |tag: &str| {
        page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count()
    };
    for tag in ["table", "tr", "td", "th", "ul", "li", "div", "p", "main"] {
        assert_eq!(opened(tag), page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn the_page_draws_both_arms_the_figures_over_time_and_the_turns() {
    let day = written("<script>", Some(24), &watched(&[(1, 1), (3, 10)]));
    assert!(html(&day, &[]).contains("Nothing was recorded in this span"));
    let point = |hour: u64, weight: &str, ratio| TimePoint {
        at_ms: START + hour * HOUR,
        stable: "v42".into(),
        candidate: Some("v43".into()),
        weight: weight.into(),
        weight_ratio: ratio,
        stable_requests: 3000,
        candidate_requests: 1000,
        usd: 0.0,
        figures: day.axes.iter().flat_map(|it| it.figures.clone()).collect(),
    };
    let page = html(&day, &[point(1, "1%", 0.01), point(3, "10%", 0.1)]);
    for wanted in [
        "aria-label=\"permanent failures over time\"",
        "aria-label=\"p99 of the whole answer over time\"",
        "aria-label=\"Weight of the candidate over time\"",
        "promoted at 10% by ann",
        "class=\"event bad\"",
        "class=\"candidate band\"",
        "(dashed)",
    ] {
        assert!(page.contains(wanted), "{wanted} is missing");
    }
    // Without values there is no picture, and no empty one.
    assert!(!page.contains("aria-label=\"accuracy over time\""));
    assert!(!page.contains("<script") && !page.contains("href="), "nothing is loaded");
}

#[test]
fn nothing_in_a_report_turns_a_line_around() {
    let safe = super::harmless("why \u{202e}gnp\u{1b}[2J\u{9b}\nnext\tcell ä");
    assert_eq!(safe, "why \\u{202e}gnp\\u{1b}[2J\\u{9b}\nnext\tcell ä");
}
