//! The scorers that `docs/EVAL.md` and `docs/examples` show, run as they stand there.

use crate::support::{no_files, says};
use serde_json::{Value, json};
use stagegate_eval::coverage::{Asked, coverage};
use stagegate_eval::{HttpPost, ItemScores, Sample, Score, ScorerSpec, Sent, ask};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "ours";

/// A scorer in Python, on a port of its own; ends with the test.
struct Script {
    child: Child,
    port: u16,
}

impl Script {
    fn start(python: &str, arguments: &[&Path]) -> Self {
        let mut command = Command::new(python);
        command.args(arguments).arg("0").env("SCORER_SECRET", SECRET).env("HF_HUB_OFFLINE", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{python}: {error}"));
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        Self { child, port: line.trim().parse().expect("a port") }
    }

    fn spec(&self, secret: &str) -> ScorerSpec {
        let url = format!("http://127.0.0.1:{}/", self.port);
        let definition = json!({"name": "example", "type": "http", "url": url, "secret": secret,
            "threshold": 0.6, "timeout": "60s"});
        ScorerSpec::read(&definition, &no_files).expect("good")
    }

    /// Returns the score of each sample.
    fn judges(&self, samples: &[Sample]) -> Vec<Score> {
        let samples: Vec<&Sample> = samples.iter().collect();
        let sent = ask(&self.spec(SECRET), &samples, now(), &HttpPost::default());
        let Sent::Answered(items) = sent else { panic!("{sent:?}") };
        let one = |item: ItemScores| match item {
            ItemScores::Scored(scores) => scores.into_iter().next().expect("a score"),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(one).collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// A sample with this answer, and what was expected or asked.
fn sample(id: &str, says_what: &str, expected: Option<&str>, input: &Value) -> Sample {
    let expected = expected.map(Value::from);
    Sample { id: id.to_owned(), expected, input: input.clone(), ..says(says_what) }
}

#[test]
fn the_documented_scorer_scores() {
    let page = std::fs::read_to_string(docs("EVAL.md")).expect("docs/EVAL.md");
    let (_, rest) = page.split_once("```python\n").expect("an example");
    let (code, _) = rest.split_once("```").expect("its end");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("scorer.py");
    std::fs::write(&path, code).expect("written");
    let script = Script::start("python3", &[&path]);
    let named = |id: &str, text| sample(id, text, None, &Value::Null);
    let samples = [named("a", "A Refund takes a week."), named("b", "No idea."), named("c", "")];
    let passes: Vec<_> = script.judges(&samples).into_iter().map(|it| (it.name, it.pass)).collect();
    let wanted = [Some(true), Some(false), None].map(|pass| ("example.refund".to_owned(), pass));
    assert_eq!(passes, wanted);

    let samples: Vec<&Sample> = samples.iter().collect();
    let refused = ask(&script.spec("another"), &samples, now(), &HttpPost::default());
    assert!(matches!(refused, Sent::Refused { why } if why.contains("401")));
    let old = ask(&script.spec(SECRET), &samples, now() - 3600, &HttpPost::default());
    assert!(matches!(old, Sent::Refused { .. }), "an old request is not played again");
    let spec = script.spec(SECRET);
    drop(script);
    let gone = ask(&spec, &samples, now(), &HttpPost::default());
    assert!(matches!(gone, Sent::Again { .. }), "{gone:?}");
}

#[test]
fn an_assertion_of_promptfoo_scores_as_it_is() {
    let (wrapper, assertion) =
        (docs("examples/promptfoo_scorer.py"), docs("examples/promptfoo_assert.py"));
    let script = Script::start("python3", &[&wrapper, &assertion]);
    let asked = |text| json!({ "messages": [{ "role": "user", "content": text }] });
    let refund = asked("I want a refund");
    let said = script.judges(&[
        sample("a", "Your refund takes 5 days.", None, &refund),
        sample("b", "Your refund is on its way.", None, &refund),
        sample("c", "It is noon.", None, &asked("What time is it?")),
    ]);
    let verdicts: Vec<_> = said.iter().map(|it| (it.pass, it.value)).collect();
    assert_eq!(
        verdicts,
        [(Some(true), Some(1.0)), (Some(false), Some(0.5)), (Some(true), Some(1.0))]
    );
    assert_eq!(said[1].explanation.as_deref(), Some("says only ['refund']"));
    let spec = script.spec("another");
    let refused = ask(&spec, &[&sample("d", "x", None, &refund)], now(), &HttpPost::default());
    assert!(matches!(refused, Sent::Refused { .. }), "{refused:?}");
}

/// Needs the packages of `docs/examples/requirements.txt`; the figures are those that the model's
/// own page gives for these sentences.
#[test]
#[ignore = "run by `cargo xtask test --examples`, which installs the model"]
fn the_embedding_scorer_tells_meaning_from_words() {
    let python =
        std::env::var("EXAMPLES_PYTHON").expect("EXAMPLES_PYTHON: the environment's python");
    let script = Script::start(&python, &[&docs("examples/embedding_scorer.py")]);
    let weather = "The weather is lovely today.";
    let said = script.judges(&[
        sample("a", "It's so sunny outside!", Some(weather), &Value::Null),
        sample("b", "He drove to the stadium.", Some(weather), &Value::Null),
        sample("c", weather, None, &Value::Null),
    ]);
    let near =
        |value: Option<f64>, wanted: f64| value.is_some_and(|it| (it - wanted).abs() < 0.002);
    assert!(near(said[0].value, 0.6660), "{said:?}");
    assert!(near(said[1].value, 0.1046), "{said:?}");
    let passes: Vec<_> = said.iter().map(|it| it.pass).collect();
    assert_eq!(passes, [Some(true), Some(false), None], "without `expected` nobody can tell");
}

/// A vector of each text, from the example's server.
fn vectors(script: &Script, texts: &[&str]) -> Vec<Vec<f64>> {
    let body = json!({ "model": "all-MiniLM-L6-v2", "input": texts }).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", script.port)).expect("connected");
    let head = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    let answer: Value = serde_json::from_str(body).expect("JSON");
    let numbers = |it: &Value| -> Vec<f64> {
        let all = it["embedding"].as_array().expect("a vector");
        all.iter().map(|it| it.as_f64().expect("a number")).collect()
    };
    answer["data"].as_array().expect("a list").iter().map(numbers).collect()
}

/// As the test before, for `stagegate eval coverage --embeddings`.
#[test]
#[ignore = "run by `cargo xtask test --examples`, which installs the model"]
fn the_embeddings_server_tells_meaning_from_words_and_coverage_by_it() {
    let python =
        std::env::var("EXAMPLES_PYTHON").expect("EXAMPLES_PYTHON: the environment's python");
    let script = Script::start(&python, &[&docs("examples/embeddings_server.py")]);
    let texts =
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."];
    let found = vectors(&script, &texts);
    let angle = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!(
        (angle(&found[0], &found[1]) - 0.6660).abs() < 0.002,
        "{}",
        angle(&found[0], &found[1])
    );
    assert!(
        (angle(&found[0], &found[2]) - 0.1046).abs() < 0.002,
        "{}",
        angle(&found[0], &found[2])
    );
    // No word is the same, and the first is near nevertheless.
    let asked = |at: usize| {
        let input = json!({ "messages": [{ "role": "user", "content": texts[at] }] });
        Asked::of(&at.to_string(), &input).with_vector(found[at].clone())
    };
    let result = coverage(&[asked(1), asked(2)], &[asked(0)], 0.6);
    assert!((result.share - 0.5).abs() < 1e-9, "{result:?}");
    assert_eq!(result.uncovered[0].ids, ["2"]);
    assert!(vectors(&script, &[""]).len() == 1, "an empty text has a vector too");
}
