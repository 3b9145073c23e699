//! Redaction: removes configured patterns and places, and always secrets of well-known shapes. Runs
//! before anything is queued, stored, sent or logged.
//!
//! Texts are searched as they are, and as what they hold when they are JSON themselves (arguments
//! of a tool call): no escape hides a secret. Everything found becomes [`REDACTED`].

use crate::hash::digest;
use crate::{Choice, Message, Output, Sample, ToolCall};
use regex::Regex;
use regex_syntax::Parser;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The replacement of removed text.
pub const REDACTED: &str = "[redacted]";

/// One thing to take out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every match of a regular expression, in any text, key or number.
    Pattern(String),
    /// The value at a JSON pointer (RFC 6901) of the request's or the answer's body; of a stream,
    /// of the body it is put together to. `*` stands for every entry of a list or object.
    Pointer(String),
}

/// A rule that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// Not a regular expression.
    #[error("redaction pattern `{0}` is not a regular expression: {1}")]
    Pattern(String, String),
    /// A pattern that matches where nothing is.
    #[error("redaction pattern `{0}` matches the empty text; name at least one character")]
    Empty(String),
    /// Not a pointer.
    #[error("redaction pointer `{0}` is not a JSON pointer; write one like `/messages/*/content`")]
    Pointer(String),
}

/// Shapes of secrets that are always taken out. Boundaries of words are those of ASCII, as keys
/// are: the Unicode ones would keep the regex crate's fast engine from text like `Zürich`.
const SHAPES: &[&str] = &[
    // OpenAI, Anthropic and those who copy them; Stripe.
    r"(?-u:\b)sk-[A-Za-z0-9_-]{16,}",
    r"(?-u:\b)(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    // With a digit or a sign in it, or too long for a word: "basic understanding" is no password.
    r"(?i)(?-u:\b)(?:bearer|basic)\s+[a-z]*[0-9._~+/=-][A-Za-z0-9._~+/=-]{7,}",
    r"(?i)(?-u:\b)(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{18,}",
    // AWS: key ids, and secrets where they are named.
    r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?-u:\b)",
    r#"(?i)(?-u:\b)aws_?(?:secret|session)[a-z_]*["'\s:=]+[A-Za-z0-9/+=]{30,}"#,
    // Google: API keys and OAuth tokens.
    r"(?-u:\b)AIza[0-9A-Za-z_-]{35}",
    r"(?-u:\b)ya29\.[0-9A-Za-z_-]{16,}",
    // GitHub, Slack, Hugging Face, Groq, xAI, Stagegate.
    r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"(?-u:\b)(?:hf|gsk|xai|sgt)[_-][A-Za-z0-9]{20,}",
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // Headers that were pasted into text.
    r"(?i)(?-u:\b)(?:proxy-)?authorization\s*:\s*[^\r\n]+",
    r"(?i)(?-u:\b)(?:set-)?cookie\s*:\s*[^\s=;]+=[^\r\n]*",
    r"(?i)(?-u:\b)x-(?:api|goog-api|amz-security)-(?:key|token)\s*:\s*[^\r\n]+",
];

/// Names whose values are secrets wherever they stand.
const SECRET_KEYS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "api_key",
    "apikey",
    "x-goog-api-key",
    "x-amz-security-token",
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "password",
    "secret_access_key",
    "aws_secret_access_key",
    "private_key",
];

/// JSON inside of texts inside of JSON is followed this deep.
const NESTED: usize = 4;

/// The patterns to look for in texts.
#[derive(Clone, Debug)]
struct Pattern {
    regex: Regex,
    /// No match is shorter, in bytes: most keys and words of a body need not be searched.
    shortest: usize,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, regex::Error> {
        let regex = Regex::new(text)?;
        let shortest = Parser::new().parse(text).ok().and_then(|it| it.properties().minimum_len());
        Ok(Self { regex, shortest: shortest.unwrap_or_default() })
    }

    fn is_in(&self, text: &str) -> bool {
        text.len() >= self.shortest && self.regex.is_match(text)
    }

    fn taken_out<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match text.len() >= self.shortest {
            true => self.regex.replace_all(text, REDACTED),
            false => Cow::Borrowed(text),
        }
    }
}

/// Takes secrets out.
#[derive(Clone, Debug)]
pub struct Redactor {
    shapes: Pattern,
    patterns: Vec<Pattern>,
    pointers: Vec<Vec<String>>,
}

impl Redactor {
    /// A redactor with these rules, besides the well-known shapes.
    ///
    /// # Errors
    /// Names the first rule that cannot work.
    pub fn new(rules: &[Rule]) -> Result<Self, InvalidRule> {
        let wrong = |text: &str, error: &regex::Error| {
            InvalidRule::Pattern(text.to_owned(), error.to_string())
        };
        // Compiled once: every reading of a configuration makes redactors.
        static BUILT: LazyLock<Result<Pattern, regex::Error>> =
            LazyLock::new(|| Pattern::new(&SHAPES.join("|")));
        let shapes = BUILT.clone().map_err(|error| wrong("the built-in shapes", &error))?;
        let (mut patterns, mut pointers) = (Vec::new(), Vec::new());
        for rule in rules {
            match rule {
                Rule::Pattern(text) => {
                    let pattern = Pattern::new(text).map_err(|error| wrong(text, &error))?;
                    if pattern.regex.is_match("") {
                        return Err(InvalidRule::Empty(text.clone()));
                    }
                    patterns.push(pattern);
                }
                Rule::Pointer(text) => pointers.push(segments(text)?),
            }
        }
        Ok(Self { shapes, patterns, pointers })
    }

    /// The text without secrets.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.nested(text, NESTED)
    }

    /// Takes secrets out of every text, key and number of the value.
    pub fn value(&self, value: &mut Value) {
        self.walk(value, NESTED);
    }

    /// Takes the configured places out of a body, as the client or the backend wrote it.
    pub(crate) fn places(&self, body: &mut Value) {
        self.pointers.iter().for_each(|pointer| take_out(body, pointer));
    }

    /// Takes secrets and the places out of what was asked.
    pub(crate) fn input(&self, input: &mut Value) {
        self.places(input);
        self.value(input);
    }

    /// Takes secrets out of everything in the sample, and the places out of its request; those of
    /// the answer were taken out of its body. Ids that hold one are replaced by a digest, so
    /// that what belonged together still does.
    pub(crate) fn sample(&self, sample: &mut Sample) {
        self.input(&mut sample.input);
        self.output(&mut sample.output);
        if let Some(expected) = &mut sample.expected {
            self.value(expected);
        }
        self.id(&mut sample.id);
        let others =
            [&mut sample.conversation, &mut sample.tenant, &mut sample.trace_id, &mut sample.pair];
        others.into_iter().flatten().for_each(|id| self.id(id));
        let mut metadata: Value = std::mem::take(&mut sample.metadata).into_iter().collect();
        self.value(&mut metadata);
        if let Value::Object(map) = metadata {
            sample.metadata = map.into_iter().collect();
        }
    }

    fn output(&self, output: &mut Output) {
        match output {
            Output::Message(message) => self.message(message),
            Output::Json(value) => self.value(value),
            Output::Text(text) => self.own(text),
            Output::Opaque { why, .. } => self.own(why),
        }
    }

    fn message(&self, message: &mut Message) {
        for text in [&mut message.id, &mut message.model].into_iter().flatten() {
            self.own(text);
        }
        for value in [&mut message.usage, &mut message.error].into_iter().flatten() {
            self.value(value);
        }
        for choice in &mut message.choices {
            let Choice { text, refusal, thinking, tool_calls, finish_reason } = choice;
            self.own(text);
            for text in [refusal, thinking, finish_reason].into_iter().flatten() {
                self.own(text);
            }
            for ToolCall { id, name, arguments } in tool_calls {
                self.own(name);
                if let Some(id) = id {
                    self.own(id);
                }
                self.value(arguments);
            }
        }
    }

    fn own(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    fn id(&self, id: &mut String) {
        if let Cow::Owned(_) = self.text(id) {
            *id = format!("redacted-{}", &digest(id)[..16]);
        }
    }

    fn nested<'a>(&self, text: &'a str, depth: usize) -> Cow<'a, str> {
        let holds_json =
            depth > 0 && matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[' | b'"'));
        if holds_json
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
            && self.walk(&mut value, depth - 1)
        {
            let again = value.to_string();
            return Cow::Owned(self.flat(&again).into_owned());
        }
        self.flat(text)
    }

    fn flat<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for pattern in std::iter::once(&self.shapes).chain(&self.patterns) {
            if let Cow::Owned(replaced) = pattern.taken_out(&clean) {
                clean = Cow::Owned(replaced);
            }
        }
        clean
    }

    /// Takes secrets out of the value; says whether there were any.
    fn walk(&self, value: &mut Value, depth: usize) -> bool {
        match value {
            Value::String(text) => {
                let Cow::Owned(clean) = self.nested(text, depth) else { return false };
                *text = clean;
                true
            }
            Value::Number(number) => {
                if self.patterns.is_empty() {
                    return false;
                }
                let text = number.to_string();
                let secret = self.patterns.iter().any(|pattern| pattern.is_in(&text));
                if secret {
                    *value = Value::from(REDACTED);
                }
                secret
            }
            Value::Array(items) => {
                items.iter_mut().fold(false, |found, item| self.walk(item, depth) | found)
            }
            Value::Object(map) => self.object(map, depth),
            Value::Bool(_) | Value::Null => false,
        }
    }

    fn object(&self, map: &mut Map<String, Value>, depth: usize) -> bool {
        let mut found = false;
        for (key, value) in map.iter_mut() {
            let secret = SECRET_KEYS.iter().any(|name| key.eq_ignore_ascii_case(name));
            // A schema describes a field of that name; it does not hold one.
            if secret && !value.is_object() && !value.is_null() {
                found |= *value != REDACTED;
                *value = Value::from(REDACTED);
            } else {
                found |= self.walk(value, depth);
            }
        }
        if map.keys().any(|key| matches!(self.flat(key), Cow::Owned(_))) {
            found = true;
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, value)| (self.flat(&key).into_owned(), value))
                .collect();
        }
        found
    }
}

fn segments(pointer: &str) -> Result<Vec<String>, InvalidRule> {
    let rest = pointer.strip_prefix('/').filter(|rest| !rest.is_empty());
    let rest = rest.ok_or_else(|| InvalidRule::Pointer(pointer.to_owned()))?;
    Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn take_out(value: &mut Value, pointer: &[String]) {
    let Some((first, rest)) = pointer.split_first() else {
        if !value.is_null() {
            *value = Value::from(REDACTED);
        }
        return;
    };
    match value {
        Value::Object(map) if first == "*" => map.values_mut().for_each(|v| take_out(v, rest)),
        Value::Array(list) if first == "*" => list.iter_mut().for_each(|v| take_out(v, rest)),
        Value::Object(map) => {
            if let Some(value) = map.get_mut(first) {
                take_out(value, rest);
            }
        }
        Value::Array(list) => {
            if let Some(value) = first.parse::<usize>().ok().and_then(|at| list.get_mut(at)) {
                take_out(value, rest);
            }
        }
        _ => {}
    }
}
