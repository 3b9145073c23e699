//! OpenAI chat completions: deltas merged by the rules of the SDK's `accumulate_delta`.

use super::fold::{Fold, index};
use serde_json::{Map, Value, json};

/// Alternatives one answer may have, and entries one list may grow to: more is not believed.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Chat {
    body: Map<String, Value>,
    /// Alternatives by their index, in the order in which they began.
    choices: Vec<(usize, Map<String, Value>)>,
}

impl Fold for Chat {
    fn event(&mut self, event: Value) {
        let Value::Object(mut chunk) = event else { return };
        let Some(Value::Array(choices)) = chunk.remove("choices") else { return };
        for choice in choices {
            self.choice(choice);
        }
        for (key, value) in chunk {
            // The first chunk says who answers; the later ones repeat it, or fill in what is new.
            let fresh = self.body.get(&key).is_none_or(Value::is_null);
            if key != "obfuscation" && (fresh || (key == "usage" && !value.is_null())) {
                self.body.insert(key, value);
            }
        }
    }

    fn finish(mut self: Box<Self>, done: bool) -> (Value, bool) {
        if self.body.is_empty() && self.choices.is_empty() {
            return (Value::Null, false);
        }
        self.choices.sort_by_key(|(index, _)| *index);
        let said_why =
            |choice: &Map<String, Value>| choice.get("finish_reason").is_some_and(Value::is_string);
        let ended = !self.choices.is_empty() && self.choices.iter().all(|(_, c)| said_why(c));
        self.body.insert("object".to_owned(), json!("chat.completion"));
        let choices = self.choices.into_iter().map(|(_, choice)| Value::Object(choice));
        self.body.insert("choices".to_owned(), choices.collect());
        (Value::Object(self.body), done || ended)
    }
}

impl Chat {
    fn choice(&mut self, choice: Value) {
        let Value::Object(mut choice) = choice else { return };
        let at = choice.get("index").and_then(Value::as_u64).unwrap_or(0) as usize;
        let delta = choice.remove("delta");
        let known = self.choices.iter().position(|(index, _)| *index == at);
        let known = known.unwrap_or_else(|| {
            let begun = json!({"index": at, "message": {}, "finish_reason": null});
            let Value::Object(begun) = begun else { return self.choices.len() };
            self.choices.push((at, begun));
            self.choices.len() - 1
        });
        if known >= MOST {
            self.choices.truncate(MOST);
            return;
        }
        let Some((_, whole)) = self.choices.get_mut(known) else { return };
        if let (Some(Value::Object(message)), Some(Value::Object(delta))) =
            (whole.get_mut("message"), delta)
        {
            accumulate(message, delta);
        }
        for (key, value) in choice {
            match (key.as_str(), value) {
                ("index", _) | (_, Value::Null) => {}
                ("logprobs", Value::Object(more)) => logprobs(whole, more),
                (_, value) => {
                    whole.insert(key, value);
                }
            }
        }
    }
}

/// Appends token probabilities, which are lists.
fn logprobs(choice: &mut Map<String, Value>, more: Map<String, Value>) {
    let held = choice.entry("logprobs").or_insert_with(|| json!({}));
    let Some(held) = held.as_object_mut() else { return };
    for (key, value) in more {
        match (held.get_mut(&key), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), Value::Null) => {}
            (_, value) => {
                held.insert(key, value);
            }
        }
    }
}

/// Texts are joined, numbers added, lists merged by `index`; `index` and `type` are replaced, and
/// so is `role`, which some backends repeat in every chunk.
fn accumulate(into: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (key, new) in delta {
        if matches!(key.as_str(), "index" | "type" | "role") {
            if !new.is_null() {
                into.insert(key, new);
            }
            continue;
        }
        let Some(held) = into.get_mut(&key).filter(|held| !held.is_null()) else {
            match new {
                Value::Array(new) if is_indexed(&new) => {
                    let mut list = Vec::new();
                    merge(&mut list, new);
                    into.insert(key, Value::Array(list));
                }
                new => {
                    into.insert(key, new);
                }
            }
            continue;
        };
        match (held, new) {
            (Value::String(held), Value::String(more)) => held.push_str(&more),
            (Value::Object(held), Value::Object(new)) => accumulate(held, new),
            (Value::Array(held), Value::Array(new)) => {
                let plain = |item: &Value| !item.is_object() && !item.is_array();
                if held.iter().all(plain) && (!held.is_empty() || !is_indexed(&new)) {
                    held.extend(new);
                } else {
                    merge(held, new);
                }
            }
            (Value::Number(held), Value::Number(more)) => *held = sum(held, &more),
            _ => {}
        }
    }
}

fn sum(a: &serde_json::Number, b: &serde_json::Number) -> serde_json::Number {
    let whole = a.as_i64().zip(b.as_i64()).and_then(|(a, b)| a.checked_add(b));
    let real = || serde_json::Number::from_f64(a.as_f64()? + b.as_f64()?);
    whole.map(Into::into).or_else(real).unwrap_or_else(|| a.clone())
}

fn is_indexed(list: &[Value]) -> bool {
    list.iter().any(|item| item.get("index").is_some())
}

/// Each entry of the delta goes to the one of its index, or to the end where there is none.
fn merge(into: &mut Vec<Value>, delta: Vec<Value>) {
    for new in delta {
        let length = into.len();
        let at = index(&new, "index").unwrap_or(length);
        match (into.get_mut(at), new) {
            (Some(Value::Object(held)), Value::Object(new)) => accumulate(held, new),
            (Some(_), _) => {}
            (None, new) if length < MOST => into.push(new),
            (None, _) => {}
        }
    }
}
