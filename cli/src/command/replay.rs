//! Asking a release's endpoints again, no faster than was said.

use crate::client::Failure;
use crate::output::Progress;
use clap::Args;
use serde_json::Value;
use stagegate_timing::Backoff;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Request};

/// Attempts of one request without a response.
const TRIES: u32 = 3;
/// Pauses between them.
const PAUSES: Backoff =
    Backoff { first: Duration::from_secs(2), factor: 4, longest: Duration::from_secs(8) };
/// Most bytes of an answer that are read.
const LARGEST: u64 = 16 << 20;

/// Options for sending the requests.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// Requests in progress at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// Requests a second at most.
    #[arg(long, default_value_t = 10.0, value_name = "PER_SECOND")]
    rate: f64,
    /// Time limit of an answer.
    #[arg(long, default_value = "120s", value_name = "TIME")]
    timeout: crate::Duration,
    /// The path that is asked; guessed from the request's shape if left out.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// A header of every request, as `authorization: Bearer …`; none is kept with a sample.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// URL of the release, instead of its registered endpoints.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("`{text}` is no header: write one like `authorization: Bearer x`");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong())?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
    // It is a key, most likely.
    value.set_sensitive(true);
    Ok((name, value))
}

/// A case that is sent again.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) input: Value,
    pub(crate) expected: Option<Value>,
    pub(crate) content_hash: String,
    pub(crate) dataset_version: Option<u32>,
}

impl Case {
    /// The request's body: a text that was none of JSON is sent as it was.
    pub(crate) fn body(&self) -> Vec<u8> {
        match &self.input {
            Value::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }

    pub(crate) const fn content_type(&self) -> &'static str {
        match self.input {
            Value::String(_) => "text/plain; charset=utf-8",
            _ => "application/json",
        }
    }
}

/// The result of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An answer to be judged.
    Answered(Body),
    /// The release answers this with an error of its own.
    Refused(u16),
    /// No response, or a temporary refusal; the reason.
    Silent(String),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) status: u16,
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) confidence: Option<String>,
    pub(crate) took: Duration,
}

impl Target {
    /// The path for a request: the one that was given, or that of the protocol it has the shape of.
    pub(crate) fn path_of(&self, input: &Value) -> String {
        let has = |key: &str| input.get(key).is_some();
        self.path.clone().unwrap_or_else(|| {
            match () {
                () if has("contents") => "/v1beta/models/default:generateContent",
                () if has("messages") && has("max_tokens") && has("system") => "/v1/messages",
                () if has("messages") => "/v1/chat/completions",
                () if has("input") => "/v1/responses",
                () => "/",
            }
            .to_owned()
        })
    }

    /// Returns the URL of the release, if it was given.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// The URLs to ask, in turn.
fn bases(endpoints: &[String]) -> Result<Vec<String>, Failure> {
    let base = |endpoint: &String| {
        let url = match endpoint.split_once("://") {
            None => format!("http://{endpoint}"),
            Some(("http" | "https", _)) => endpoint.clone(),
            Some(_) => {
                return Err(Failure::Usage(format!(
                    "endpoint {endpoint} cannot be asked from here: say with --url where plain HTTP is spoken, for example the proxy's own listener"
                )));
            }
        };
        Ok(url.trim_end_matches('/').to_owned())
    };
    endpoints.iter().map(base).collect()
}

/// Sends every case once and returns the results of `judge`, in the order of the cases.
pub(crate) fn replay(
    target: &Target,
    endpoints: &[String],
    cases: &[Case],
    judge: &(dyn Fn(&Case, &Answer) -> Value + Sync),
) -> Result<Vec<Value>, Failure> {
    let bases = bases(endpoints)?;
    if bases.is_empty() {
        return Err(Failure::Local("the release has no endpoint".to_owned()));
    }
    if !(target.rate > 0.0 && target.rate.is_finite()) {
        return Err(Failure::Usage(format!("--rate {} is not above 0", target.rate)));
    }
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(target.timeout.0))
        .proxy(None)
        .max_redirects(0)
        .build()
        .into();
    let progress = Progress::bar(cases.len() as u64, "asking again");
    let next = AtomicUsize::new(0);
    let slot = Mutex::new(Instant::now());
    let done: Vec<Mutex<Option<Value>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..target.concurrency {
            scope.spawn(|| {
                while let Some((at, case)) = claim(&next, cases) {
                    let base = &bases[at % bases.len()];
                    let answer = ask(target, &agent, base, case, &slot);
                    let judged = judge(case, &answer);
                    *done[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
                    progress.step();
                }
            });
        }
    });
    let take =
        |slot: Mutex<Option<Value>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(done.into_iter().filter_map(take).collect())
}

fn claim<'a>(next: &AtomicUsize, cases: &'a [Case]) -> Option<(usize, &'a Case)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    cases.get(at).map(|case| (at, case))
}

/// Waits for the next slot of the rate.
fn wait(slot: &Mutex<Instant>, every: Duration) {
    let mine = {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = (*slot).max(Instant::now());
        *slot = mine + every;
        mine
    };
    std::thread::sleep(mine.saturating_duration_since(Instant::now()));
}

fn ask(target: &Target, agent: &Agent, base: &str, case: &Case, slot: &Mutex<Instant>) -> Answer {
    let every = Duration::from_secs_f64(1.0 / target.rate);
    let mut last = String::new();
    for failures in 0..TRIES {
        if failures > 0 {
            std::thread::sleep(PAUSES.wait(failures));
        }
        wait(slot, every);
        match once(target, agent, base, case) {
            Ok(Answer::Refused(status @ (408 | 425 | 429 | 502 | 503 | 504 | 529))) => {
                last = format!("answered {status}, {TRIES} times");
            }
            Ok(answer) => return answer,
            Err(why) => last = why,
        }
    }
    Answer::Silent(last)
}

fn once(target: &Target, agent: &Agent, base: &str, case: &Case) -> Result<Answer, String> {
    let mut request = Request::post(format!("{base}{}", target.path_of(&case.input)))
        .header("content-type", case.content_type())
        .header("accept-encoding", "identity")
        // Not sampled, and nothing that anybody else would notice.
        .header("stagegate-eval", "1")
        .header("stagegate-shadow", "1");
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    let request = request.body(case.body()).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    if status >= 400 {
        return Ok(Answer::Refused(status));
    }
    let text = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (content_type, confidence) =
        (text("content-type").unwrap_or_default(), text("agent-confidence"));
    let bytes = response.body_mut().with_config().limit(LARGEST).read_to_vec();
    let bytes = bytes.map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(Answer::Answered(Body { status, bytes, content_type, confidence, took: began.elapsed() }))
}

#[cfg(test)]
mod tests {
    use super::{Target, bases, header};
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        target: Target,
    }

    #[test]
    fn the_path_follows_from_what_is_asked() {
        let target = Line::parse_from(["rerun"]).target;
        let chat = json!({ "messages": [], "max_tokens": 5 });
        assert_eq!(target.path_of(&chat), "/v1/chat/completions");
        let messages = json!({ "messages": [], "max_tokens": 5, "system": "be kind" });
        assert_eq!(target.path_of(&messages), "/v1/messages");
        assert_eq!(target.path_of(&json!({ "input": "hi" })), "/v1/responses");
        let given = Line::parse_from(["rerun", "--path", "/ask"]).target;
        assert_eq!(given.path_of(&chat), "/ask");
    }

    #[test]
    fn endpoints_of_another_protocol_need_an_address() {
        let both = bases(&["10.0.0.1:9001".into(), "https://a:2/".into()]).expect("right");
        assert_eq!(both, ["http://10.0.0.1:9001", "https://a:2"]);
        assert!(bases(&["h2c://a:1".into()]).is_err_and(|it| it.to_string().contains("--url")));
        assert!(header("authorization: Bearer x").is_ok() && header("nothing").is_err());
    }
}
