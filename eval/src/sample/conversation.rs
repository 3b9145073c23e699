//! A whole conversation as one sample: what scorers with `unit: conversation` judge.

use super::{Metrics, Output, Sample, SampleReason, Truncated};
use crate::hash::{canonical, digest};
use crate::{Choice, Message, ToolCall};
use serde_json::{Value, json};

/// Most bytes of a transcript; later turns are left out.
const MOST_BYTES: usize = 256 << 10;
/// The key of a sample's metadata that says what it is.
const UNIT: &str = "unit";
const CONVERSATION: &str = "conversation";

impl Sample {
    /// True if it is a whole conversation: its input has the turns.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        self.metadata.get(UNIT).and_then(Value::as_str) == Some(CONVERSATION)
    }
}

/// The turns of a conversation so far. They came from redacted samples.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Everything that is not of a turn, of the first one.
    first: Sample,
    turns: Vec<Value>,
    count: u64,
    said: Vec<String>,
    calls: Vec<ToolCall>,
    /// Digests of the messages of the newest request: agents send the whole conversation each time.
    known: Vec<String>,
    last: Option<Message>,
    bytes: usize,
    /// Turns were left out.
    cut: bool,
    /// Release, arm and rollout stayed the same.
    is_whole: bool,
}

impl Transcript {
    /// A conversation that begins with this turn.
    #[must_use]
    pub fn begin(turn: &Sample) -> Self {
        let mut transcript = Self {
            first: Sample {
                input: Value::Null,
                output: nothing(),
                metrics: Metrics::default(),
                ..turn.clone()
            },
            turns: Vec::new(),
            count: 0,
            said: Vec::new(),
            calls: Vec::new(),
            known: Vec::new(),
            last: None,
            bytes: 0,
            cut: false,
            is_whole: true,
        };
        transcript.add(turn);
        transcript
    }

    /// Adds a turn.
    pub fn add(&mut self, turn: &Sample) {
        let of = |sample: &Sample| (sample.arm, sample.release.clone(), sample.rollout.clone());
        self.is_whole &= of(&self.first) == of(turn);
        self.count += 1;
        self.count_metrics(turn);
        self.first.confidence = turn.confidence.or(self.first.confidence);
        let request = self.new_part(&turn.input);
        let mut shown = json!({ "request": request });
        match turn.unreadable() {
            Some(why) => shown["no_answer"] = Value::from(why.as_ref()),
            None => shown["answer"] = Value::from(turn.text().as_ref()),
        }
        if !turn.tool_calls().is_empty() {
            shown["tool_calls"] = json!(turn.tool_calls());
        }
        let bytes = shown.to_string().len();
        self.cut |= turn.truncated.request || turn.truncated.response;
        if self.bytes + bytes > MOST_BYTES {
            self.cut = true;
            return;
        }
        self.bytes += bytes;
        self.turns.push(shown);
        self.calls.extend_from_slice(turn.tool_calls());
        if turn.unreadable().is_none() {
            self.said.push(turn.text().into_owned());
        }
        if let Output::Message(message) = &turn.output {
            self.last = Some(message.clone());
        }
    }

    fn count_metrics(&mut self, turn: &Sample) {
        fn sum<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            }
        }
        let (all, new) = (&mut self.first.metrics, turn.metrics);
        all.latency_s = sum(all.latency_s, new.latency_s);
        all.ttft_s = all.ttft_s.or(new.ttft_s);
        all.cost_usd = sum(all.cost_usd, new.cost_usd);
        all.tokens_in = sum(all.tokens_in, new.tokens_in);
        all.tokens_out = sum(all.tokens_out, new.tokens_out);
        // One turn that was answered is something to judge.
        let is_good = |status: Option<u16>| status.is_some_and(|status| status < 400);
        all.status = if is_good(all.status) { all.status } else { new.status.or(all.status) };
    }

    /// The part of a request that the one before did not have.
    fn new_part(&mut self, input: &Value) -> Value {
        let lists = ["messages", "input", "contents"];
        let list = lists.iter().find_map(|key| input.get(*key)?.as_array());
        let Some(all) = list else { return input.clone() };
        let digests: Vec<String> = all.iter().map(|it| digest(&canonical(it))).collect();
        let old = if digests.starts_with(&self.known) { self.known.len() } else { 0 };
        self.known = digests;
        let new = all[old..].iter();
        // The answer to the request before is in the transcript already.
        let role = |message: &Value| message.get("role").and_then(Value::as_str).map(str::to_owned);
        let is_answer = |message: &&Value| {
            old > 0 && matches!(role(message).as_deref(), Some("assistant" | "model"))
        };
        new.filter(|message| !is_answer(message)).cloned().collect()
    }

    /// Bytes of the transcript.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The conversation as one sample. It ended at `at_ms`, in Unix milliseconds. It feeds gates if `counts`, and
    /// if it was on one release and in one rollout all the time.
    #[must_use]
    pub fn into_sample(self, at_ms: u64, counts: bool) -> Sample {
        let is_random = counts && self.is_whole;
        let output = self.output();
        let mut sample = Sample {
            id: format!("{}~{CONVERSATION}", self.first.id),
            at_ms,
            reason: if is_random { SampleReason::Random } else { SampleReason::Targeted },
            input: json!({ "turns": self.turns }),
            output,
            truncated: Truncated { request: self.cut, response: false },
            pair: None,
            ..self.first
        };
        sample.metadata.insert(UNIT.to_owned(), CONVERSATION.into());
        sample.metadata.insert("turns".to_owned(), self.count.into());
        sample
    }

    /// All answers together.
    fn output(&self) -> Output {
        if self.said.is_empty() {
            return nothing();
        }
        let text = self.said.join("\n\n");
        let Some(last) = &self.last else { return Output::Text(text) };
        let finish_reason = last.first().and_then(|choice| choice.finish_reason.clone());
        let tool_calls = self.calls.clone();
        let choice = Choice { text, tool_calls, finish_reason, ..Choice::default() };
        Output::Message(Message {
            protocol: last.protocol,
            id: None,
            model: last.model.clone(),
            choices: vec![choice],
            usage: None,
            error: None,
            complete: true,
        })
    }
}

fn nothing() -> Output {
    Output::Opaque { bytes: 0, why: "no turn was answered".to_owned() }
}
