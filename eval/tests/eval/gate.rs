//! Two offline runs, case by case.

use stagegate_eval::gate::{Became, GateVerdict, Report, Run, compare};

fn run(name: &str, lines: &[&str]) -> Run {
    Run::read(name, &lines.join("\n")).expect("a run")
}

fn report(base: &[&str], candidate: &[&str]) -> Report {
    compare(&run("base.jsonl", base), &run("cand.jsonl", candidate))
}

#[test]
fn a_better_average_does_not_make_up_for_a_case_that_fell() {
    let base = [
        r#"{"id":"a","pass":true}"#,
        r#"{"id":"b","pass":false}"#,
        r#"{"id":"c","pass":false}"#,
        "",
        r#"{"id":"d","pass":false}"#,
    ];
    let better = [
        r#"{"id":"c","pass":true}"#,
        r#"{"id":"b","pass":true}"#,
        r#"{"id":"a","pass":true}"#,
        r#"{"id":"d","pass":false}"#,
    ];
    let held = report(&base, &better);
    assert_eq!((held.verdict, held.passing()), (GateVerdict::Held, (1, 3)));
    let fell = [
        r#"{"id":"a","scores":[{"name":"tone","pass":true},{"name":"json","pass":false,"explanation":"it is not JSON"}]}"#,
        r#"{"id":"b","pass":true}"#,
        r#"{"id":"c","pass":true}"#,
        r#"{"id":"d","pass":true}"#,
    ];
    let fell = report(&base, &fell);
    assert_eq!((fell.verdict, fell.passing()), (GateVerdict::Fell, (1, 3)));
    let case = fell.that(Became::Fell).next().expect("one");
    assert_eq!((case.id.as_str(), case.why.as_deref()), ("a", Some("json: it is not JSON")));
}

#[test]
fn what_cannot_be_compared_is_not_held() {
    let base = [r#"{"id":"a","pass":true,"content_hash":"1"}"#, r#"{"id":"b","pass":true}"#];
    for (candidate, why) in [
        (vec![r#"{"id":"a","pass":true}"#], "the candidate's run has no such case"),
        (
            vec![r#"{"id":"a","pass":true}"#, r#"{"id":"b","pass":null}"#],
            "the candidate's run has no verdict on it",
        ),
        (
            vec![r#"{"id":"a","pass":true}"#, r#"{"id":"b","scores":[]}"#],
            "the candidate's run has no verdict on it",
        ),
        (
            vec![r#"{"id":"a","pass":true,"content_hash":"2"}"#, r#"{"id":"b","pass":true}"#],
            "the case itself differs: `content_hash` is not the same in both runs",
        ),
        (
            vec![
                r#"{"id":"a","pass":true}"#,
                r#"{"id":"b","pass":true}"#,
                r#"{"id":"c","pass":true}"#,
            ],
            "the baseline's run has no such case",
        ),
    ] {
        let report = report(&base, &candidate);
        assert_eq!(report.verdict, GateVerdict::Incomparable, "{why}");
        assert_eq!(report.incomparable[0].why, why);
    }
    let both = report(&base, &[r#"{"id":"a","pass":false}"#]);
    assert_eq!(both.verdict, GateVerdict::Fell, "a fallen case is one, whatever is missing");
}

#[test]
fn a_line_that_is_no_case_is_named() {
    for (text, told) in [
        ("", "run:0: holds no case"),
        ("{\"id\":\"a\",\"pass\":true}\nx", "run:2: is not JSON"),
        ("{\"pass\":true}", "run:1: `id` is missing"),
        ("{\"id\":[],\"pass\":true}", "run:1: id `[]` is not a text"),
        ("{\"id\":\"a\"}", "run:1: has neither `pass` nor `scores`"),
        ("{\"id\":\"a\",\"pass\":1}", "run:1: pass `1` is no verdict"),
        (
            "{\"id\":\"a\",\"scores\":[{\"pass\":\"yes\"}]}",
            "run:1: pass `\"yes\"` of a score is no verdict",
        ),
        (
            "{\"id\":\"a\",\"pass\":true}\n{\"id\":\"a\",\"pass\":true}",
            "run:2: id `a` is there twice",
        ),
    ] {
        let error = Run::read("run", text).expect_err("wrong").to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn reports_hold_whatever_a_case_is_called() {
    let nasty = "{\"id\":\"a<\\\"&|`\\u0000\\n*\",\"pass\":true}";
    let falls = "{\"id\":\"a<\\\"&|`\\u0000\\n*\",\"pass\":false,\"reason\":\"x | ]]> y\\u0007\"}";
    let both = "{\"id\":\"b\",\"pass\":false}";
    let report = report(&[nasty, both], &[falls, both, "{\"id\":\"c\",\"pass\":true}"]);
    let xml = report.junit();
    assert!(xml.contains(r#"tests="3" failures="1" errors="1" skipped="1""#), "{xml}");
    assert!(xml.contains("name=\"a&lt;&quot;&amp;|`\u{fffd}&#10;*\""), "{xml}");
    assert!(xml.chars().all(|c| c == '\n' || !c.is_control()), "{xml}");
    let rows: Vec<String> = report.markdown().lines().map(str::to_owned).collect();
    assert!(
        rows.iter()
            .any(|row| row.starts_with("| a\\<\"&\\|\\`")
                && row.ends_with(" x \\| \\]\\]> y\u{7} |")),
        "{rows:#?}"
    );
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&text).expect("a report"), report);
}
