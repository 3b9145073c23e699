//! `stagegate eval run`: a release answers every case of a dataset, and the scorers judge it.

use super::client::Failure;
use super::eval::{asked, read, scorers_of};
use super::output;
use clap::Args;
use serde_json::{Value, json};
use stagegate_eval::dataset::{Dataset, Record, Split};
use stagegate_eval::{
    Captured, Facts, Half, HttpPost, Metrics, Outgoing, Post, Redactor, Sample, SampleReason,
    Score, ScorerSpec,
};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Largest answer that is judged, in bytes.
const LIMIT: usize = 4 << 20;

/// Options of `eval run`.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// The cases, as `dataset export` writes them; of each the latest version counts.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Where each case's input is posted to, with its path: an endpoint of the release.
    #[arg(long)]
    url: String,
    /// The workload whose gating scorers judge.
    #[arg(short, long)]
    workload: String,
    /// The file with its scorers.
    #[arg(short, long, default_value = "stagegate.yaml", env = "STAGEGATE_CONFIG")]
    #[arg(value_name = "FILE")]
    config: PathBuf,
    /// Sent as `Authorization: Bearer`.
    #[arg(long, env = "STAGEGATE_BACKEND_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// Seconds that an answer may take.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
    /// Only the known failures, not the random sample.
    #[arg(long)]
    regression: bool,
}

/// Prints one line a case, for `eval gate`. A case that got no answer, or that nobody can judge, is null:
/// the gate does not take it for anything.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let file = args.dataset.display().to_string();
    let set = Dataset::read(&read(&args.dataset)?)
        .map_err(|error| Failure::Usage(format!("{file}: {error}")))?;
    let scorers = scorers_of(&args.config, &args.workload)?;
    let redactor = Redactor::new(&[]).map_err(|error| Failure::Usage(error.to_string()))?;
    let post = HttpPost::default();
    let cases = set.at(set.version());
    let wanted = cases.into_iter().filter(|it| !args.regression || it.split == Split::Regression);
    for case in wanted {
        let line = match answered(case, args, &post, &redactor) {
            Ok(sample) => line(case, &judged(&scorers, &sample)?),
            Err(why) => json!({ "id": case.id, "pass": null, "explanation": why }),
        };
        output::answer(&line.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for a whole answer, whatever the client once asked for.
fn request(input: &Value) -> Vec<u8> {
    let mut input = input.clone();
    if let Value::Object(map) = &mut input {
        map.remove("stream");
        map.remove("stream_options");
    }
    match input {
        Value::String(text) => text.into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn answered(
    case: &Record,
    args: &RunArgs,
    post: &dyn Post,
    redactor: &Redactor,
) -> Result<Sample, String> {
    let body = request(&case.input);
    let key = args.api_key.as_ref().map(|key| ("authorization", format!("Bearer {key}")));
    let kind = ("content-type", "application/json".to_owned());
    let outgoing = Outgoing {
        url: args.url.clone(),
        headers: std::iter::once(kind).chain(key).collect(),
        body: body.clone(),
        timeout_ms: args.timeout.saturating_mul(1000),
    };
    let began = Instant::now();
    let replied = post.post(&outgoing).map_err(|failure| failure.to_string())?;
    if !(200..300).contains(&replied.status) {
        return Err(format!("the release answered {}", replied.status));
    }
    let path = args.url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
    let captured = Captured {
        path: &path,
        request: Half { bytes: &body, content_type: "application/json", ..Half::default() },
        response: Half { bytes: &replied.body, ..Half::default() },
        limit: LIMIT,
        ..Captured::default()
    };
    let facts = Facts {
        id: case.id.clone(),
        at_ms: case.source.ts,
        workload: args.workload.clone(),
        release: String::new(),
        arm: case.source.arm,
        reason: SampleReason::Targeted,
        conversation: None,
        tenant: None,
        trace_id: None,
        metrics: Metrics {
            latency_s: Some(began.elapsed().as_secs_f64()),
            status: Some(replied.status),
            ..Metrics::default()
        },
        metadata: case.metadata.clone(),
    };
    let sample = Sample::of(facts, &captured, redactor);
    Ok(Sample { expected: case.expected.clone(), ..sample })
}

/// What the gating scorers say, or all of them where none gates.
fn judged(scorers: &[ScorerSpec], sample: &Sample) -> Result<Vec<Score>, Failure> {
    let gates = scorers.iter().any(|scorer| scorer.gate);
    let mut scores = Vec::new();
    for scorer in scorers.iter().filter(|scorer| scorer.gate || !gates) {
        match scorer.score(sample) {
            Some(score) => scores.push(score),
            None => scores.extend(asked(scorer, sample)?),
        }
    }
    Ok(scores)
}

fn line(case: &Record, scores: &[Score]) -> Value {
    let why = scores.iter().find(|score| score.pass != Some(true));
    let why = why.map(|score| {
        format!("{}: {}", score.name, score.explanation.as_deref().unwrap_or(score.outcome()))
    });
    json!({
        "id": case.id, "pass": Score::together(scores), "explanation": why,
        "content_hash": case.content_hash,
    })
}

#[cfg(test)]
mod tests {
    use super::request;
    use serde_json::json;

    #[test]
    fn a_whole_answer_is_asked_for() {
        let asked = json!({ "model": "m", "stream": true, "stream_options": {}, "messages": [] });
        let sent: serde_json::Value = serde_json::from_slice(&request(&asked)).expect("JSON");
        assert_eq!(sent, json!({ "model": "m", "messages": [] }));
        assert_eq!(request(&json!("plain")), b"plain");
    }
}
