//! The scorer that `docs/EVAL.md` shows, run as it stands there.

use crate::support::{no_files, says};
use serde_json::json;
use stagegate_eval::{HttpPost, ItemScores, Sample, ScorerSpec, Sent, ask};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Ends the script with the test.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_documented_scorer_scores() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/EVAL.md");
    let page = std::fs::read_to_string(page).expect("docs/EVAL.md");
    let (_, rest) = page.split_once("```python\n").expect("an example");
    let (code, _) = rest.split_once("```").expect("its end");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("scorer.py");
    std::fs::write(&path, code).expect("written");
    let mut command = Command::new("python3");
    command.arg(&path).arg("0").env("SCORER_SECRET", "ours").stdout(Stdio::piped());
    let mut script = Script(command.stderr(Stdio::null()).spawn().expect("python3"));
    let mut port = String::new();
    let out = script.0.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut port).expect("a line");
    let spec = |secret: &str| {
        let url = format!("http://127.0.0.1:{}/", port.trim());
        let definition = json!({"name": "refund", "type": "http", "url": url, "secret": secret});
        ScorerSpec::read(&definition, &no_files).expect("good")
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let named = |id: &str, text| Sample { id: id.to_owned(), ..says(text) };
    let samples = [named("a", "A Refund takes a week."), named("b", "No idea."), named("c", "")];
    let samples: Vec<&Sample> = samples.iter().collect();
    let sent = ask(&spec("ours"), &samples, now, &HttpPost::default());
    let Sent::Answered(items) = sent else { panic!("{sent:?}") };
    let passes: Vec<_> = items
        .iter()
        .map(|item| match item {
            ItemScores::Scored(scores) => (scores[0].name.as_str(), scores[0].pass),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(passes, [("refund", Some(true)), ("refund", Some(false)), ("refund", None)]);

    let refused = ask(&spec("another"), &samples, now, &HttpPost::default());
    assert!(matches!(refused, Sent::Refused { why } if why.contains("401")));
    let old = ask(&spec("ours"), &samples, now - 3600, &HttpPost::default());
    assert!(matches!(old, Sent::Refused { .. }), "an old request is not played again");
    drop(script);
    let gone = ask(&spec("ours"), &samples, now, &HttpPost::default());
    assert!(matches!(gone, Sent::Again { .. }), "{gone:?}");
}
