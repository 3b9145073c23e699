//! Coverage: how much of production a frozen set looks like.
//!
//! Without a model, by hashed n-grams: a text becomes counts of its words and of three letters in a row,
//! hashed into a fixed number of places, and two texts are near if the angle between their counts is small
//! (the hashing trick of Weinberger et al. 2009, cosine similarity). A request is covered if a case is near,
//! in the same language, and at most eight times shorter or longer. Tools are compared by name.
//!
//! With a model of sentences the caller gives each text its vector, and the angle between vectors decides, whatever the
//! language and the length.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Places that n-grams are hashed into.
const PLACES: u64 = 1 << 18;
/// A case and a request whose lengths differ by more are of different kinds.
const LONGER: usize = 8;
/// Longest text that is compared, in characters.
const LONGEST: usize = 20_000;
/// Examples of a cluster.
const EXAMPLES: usize = 3;

/// One text to compare: the last thing that a user asked, and what surrounds it.
#[derive(Clone, Debug)]
pub struct Asked {
    id: String,
    text: String,
    language: &'static str,
    words: usize,
    tools: BTreeSet<String>,
    counts: HashMap<u64, f64>,
    /// Of length 1, from a model of sentences.
    vector: Option<Vec<f64>>,
}

/// Requests that no case is near, and that are near each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// Number of requests.
    pub requests: usize,
    /// Share of all requests, from 0 to 1.
    pub share: f64,
    /// Their language.
    pub language: &'static str,
    /// Ids of the requests.
    pub ids: Vec<String>,
    /// Texts of some of them.
    pub examples: Vec<String>,
}

/// Coverage of one group of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// Requests of production.
    pub requests: usize,
    /// Those near a case.
    pub covered: usize,
    /// Cases of the set in this group.
    pub cases: usize,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Share of requests near a case, from 0 to 1.
    pub share: f64,
    /// Number of requests.
    pub samples: usize,
    /// Number of cases.
    pub cases: usize,
    /// By language.
    pub languages: BTreeMap<String, Group>,
    /// By length, in words.
    pub lengths: BTreeMap<String, Group>,
    /// By tool that the request offers.
    pub tools: BTreeMap<String, Group>,
    /// What is not covered, the largest cluster first.
    pub uncovered: Vec<Cluster>,
}

impl Asked {
    /// Reads a request: its last user text, or all of its text where it has no messages.
    #[must_use]
    pub fn of(id: &str, input: &Value) -> Self {
        let text: String = last_user_text(input).chars().take(LONGEST).collect();
        let words = text.split_whitespace().count();
        Self {
            id: id.to_owned(),
            language: language(&text),
            words,
            tools: tools(input),
            counts: counts(&text),
            text,
            vector: None,
        }
    }

    /// The text that is compared.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// With the vector that a model of sentences gives the text. One without a direction is none.
    #[must_use]
    pub fn with_vector(mut self, vector: Vec<f64>) -> Self {
        let norm = vector.iter().map(|it| it * it).sum::<f64>().sqrt();
        let good = norm.is_finite() && norm > 0.0;
        self.vector = good.then(|| vector.into_iter().map(|it| it / norm).collect());
        self
    }

    fn near(&self, other: &Self, least: f64) -> bool {
        if let (Some(own), Some(others)) = (&self.vector, &other.vector) {
            let same = own.len() == others.len();
            return same && own.iter().zip(others).map(|(a, b)| a * b).sum::<f64>() >= least;
        }
        let (short, long) = (self.words.min(other.words).max(1), self.words.max(other.words));
        self.language == other.language
            && long <= short.saturating_mul(LONGER)
            && cosine(&self.counts, &other.counts) >= least
    }

    fn length(&self) -> &'static str {
        match self.words {
            0..=15 => "up to 15 words",
            16..=63 => "16 to 63 words",
            64..=255 => "64 to 255 words",
            _ => "256 words and more",
        }
    }
}

/// Compares requests of production with a frozen set. `least` is the smallest similarity that counts as
/// near, from 0 to 1.
#[must_use]
pub fn coverage(production: &[Asked], set: &[Asked], least: f64) -> Coverage {
    let mut found = Coverage {
        share: 0.0,
        samples: production.len(),
        cases: set.len(),
        languages: BTreeMap::new(),
        lengths: BTreeMap::new(),
        tools: BTreeMap::new(),
        uncovered: Vec::new(),
    };
    for case in set {
        each_group(&mut found, case, |group| group.cases += 1);
    }
    let mut leaders: Vec<(&Asked, Vec<&Asked>)> = Vec::new();
    let mut covered = 0;
    for asked in production {
        let is_covered = set.iter().any(|case| asked.near(case, least));
        covered += usize::from(is_covered);
        each_group(&mut found, asked, |group| {
            group.requests += 1;
            group.covered += usize::from(is_covered);
        });
        if !is_covered {
            match leaders.iter_mut().find(|(leader, _)| asked.near(leader, least)) {
                Some((_, members)) => members.push(asked),
                None => leaders.push((asked, vec![asked])),
            }
        }
    }
    if !production.is_empty() {
        found.share = covered as f64 / production.len() as f64;
    }
    leaders.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    found.uncovered = leaders
        .into_iter()
        .map(|(leader, members)| cluster(leader, &members, production))
        .collect();
    found
}

fn each_group(found: &mut Coverage, asked: &Asked, mut count: impl FnMut(&mut Group)) {
    count(found.languages.entry(asked.language.to_owned()).or_default());
    count(found.lengths.entry(asked.length().to_owned()).or_default());
    for tool in &asked.tools {
        count(found.tools.entry(tool.clone()).or_default());
    }
}

fn cluster(leader: &Asked, members: &[&Asked], production: &[Asked]) -> Cluster {
    Cluster {
        requests: members.len(),
        share: members.len() as f64 / production.len() as f64,
        language: leader.language,
        ids: members.iter().map(|it| it.id.clone()).collect(),
        examples: members.iter().take(EXAMPLES).map(|it| it.text.clone()).collect(),
    }
}

/// The last text of a user in a request of any known protocol, else every text in it.
fn last_user_text(input: &Value) -> String {
    let lists = ["messages", "input", "contents"].iter().filter_map(|key| input.get(key));
    for list in lists.filter_map(Value::as_array) {
        let user = list
            .iter()
            .rev()
            .find(|it| it.get("role").and_then(Value::as_str).is_none_or(|role| role == "user"));
        if let Some(user) = user {
            return texts(user.get("content").or(user.get("parts")).unwrap_or(user));
        }
    }
    match input.get("input").or(input.get("prompt")) {
        Some(Value::String(text)) => text.clone(),
        _ => texts(input),
    }
}

/// Every text of a value that is no name of a kind.
fn texts(value: &Value) -> String {
    fn gather(value: &Value, into: &mut String) {
        match value {
            Value::String(text) => {
                into.push_str(text);
                into.push('\n');
            }
            Value::Array(items) => items.iter().for_each(|it| gather(it, into)),
            Value::Object(members) => members
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "type" | "role" | "model" | "id"))
                .for_each(|(_, it)| gather(it, into)),
            _ => {}
        }
    }
    let mut text = String::new();
    gather(value, &mut text);
    text.trim_end().to_owned()
}

/// Names of the tools that a request offers.
fn tools(input: &Value) -> BTreeSet<String> {
    let listed = input.get("tools").and_then(Value::as_array).into_iter().flatten();
    let name = |tool: &Value| {
        let inside = tool.get("function").unwrap_or(tool);
        inside.get("name").and_then(Value::as_str).map(str::to_owned)
    };
    listed.filter_map(name).collect()
}

/// Frequent words of languages that share the Latin letters.
const FREQUENT: [(&str, &[&str]); 5] = [
    ("english", &["the", "and", "is", "to", "of", "what", "how", "my", "for", "you", "i", "can"]),
    ("german", &["der", "die", "und", "ist", "wie", "ich", "das", "nicht", "mein", "für", "ein"]),
    ("french", &["le", "la", "les", "et", "est", "je", "que", "pour", "une", "comment", "mon"]),
    ("spanish", &["el", "los", "y", "es", "que", "por", "una", "como", "mi", "para", "cómo"]),
    ("portuguese", &["o", "os", "e", "é", "não", "uma", "como", "meu", "para", "você", "que"]),
];

/// A script's name, and whether a character belongs to it.
type Script = (&'static str, fn(u32) -> bool);

/// The language, by its letters, and by frequent words where languages share them.
fn language(text: &str) -> &'static str {
    let scripts: [Script; 6] = [
        ("japanese", |c| (0x3040..0x3100).contains(&c)),
        ("chinese", |c| (0x4e00..0xa000).contains(&c)),
        ("korean", |c| (0xac00..0xd7b0).contains(&c)),
        ("cyrillic", |c| (0x0400..0x0530).contains(&c)),
        ("arabic", |c| (0x0600..0x0700).contains(&c)),
        ("devanagari", |c| (0x0900..0x0980).contains(&c)),
    ];
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    for (name, is_of) in scripts {
        let of = text.chars().filter(|c| is_of(*c as u32)).count();
        if of * 4 > letters && of > 0 {
            return name;
        }
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphabetic()).collect();
    let hits = |list: &[&str]| words.iter().filter(|word| list.contains(word)).count();
    let best = FREQUENT.iter().map(|(name, list)| (hits(list), *name)).max_by_key(|it| it.0);
    match best {
        Some((hits, name)) if hits > 0 => name,
        _ => "unknown",
    }
}

/// Hashed counts of words and of three letters in a row, dampened, of length 1.
fn counts(text: &str) -> HashMap<u64, f64> {
    let lower = text.to_lowercase();
    let mut counts: HashMap<u64, f64> = HashMap::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()) {
        *counts.entry(place("w", word)).or_default() += 1.0;
        let padded: Vec<char> = std::iter::once(' ').chain(word.chars()).chain([' ']).collect();
        for three in padded.windows(3) {
            let three: String = three.iter().collect();
            *counts.entry(place("c", &three)).or_default() += 1.0;
        }
    }
    for count in counts.values_mut() {
        *count = count.sqrt();
    }
    let norm = counts.values().map(|it| it * it).sum::<f64>().sqrt();
    if norm > 0.0 {
        counts.values_mut().for_each(|it| *it /= norm);
    }
    counts
}

fn place(kind: &str, text: &str) -> u64 {
    // FNV-1a: the same text has the same place in every process.
    let bytes = kind.bytes().chain(text.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash % PLACES
}

fn cosine(one: &HashMap<u64, f64>, other: &HashMap<u64, f64>) -> f64 {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    short.iter().filter_map(|(place, it)| Some(it * long.get(place)?)).sum()
}

#[cfg(test)]
mod tests {
    use super::{Asked, coverage, language};
    use serde_json::json;

    #[test]
    fn vectors_decide_where_there_are_any() {
        let with = |id, text, vector| asked(id, text).with_vector(vector);
        let set = [with("a", "Where is my money?", vec![2.0, 0.0])];
        let production = [
            with("b", "Wo bleibt die Rückzahlung, auf die ich seit Wochen warte?", vec![1.0, 0.2]),
            with("c", "Where is my money?", vec![0.0, 1.0]),
        ];
        let found = coverage(&production, &set, 0.6);
        assert!((found.share - 0.5).abs() < 1e-9);
        assert_eq!(found.uncovered[0].ids, ["c"]);
        let none = coverage(&[asked("d", "Where is my money?").with_vector(vec![0.0])], &set, 0.6);
        assert!((none.share - 1.0).abs() < 1e-9, "without a vector the words decide");
    }

    fn asked(id: &str, text: &str) -> Asked {
        let input = json!({
            "model": "m", "messages": [
                { "role": "system", "content": "You help." }, { "role": "user", "content": text },
            ],
            "tools": [{ "type": "function", "function": { "name": "lookup_order" } }],
        });
        Asked::of(id, &input)
    }

    #[test]
    fn what_the_set_has_is_covered_and_what_it_lacks_is_a_cluster_with_examples() {
        let set = [
            asked("c-1", "Where is my order 1234? It should have come yesterday."),
            asked("c-2", "I want to return the shoes that I bought."),
        ];
        let production = [
            asked("p-1", "Where is my order 9871? It should have come on Monday."),
            asked("p-2", "I want to return a jacket that I bought last week."),
            asked("p-3", "Cancel my subscription to the newsletter please, I am done."),
            asked("p-4", "Please cancel my subscription to the newsletter."),
            asked("p-5", "Wie kann ich mein Passwort ändern, und ist das sicher?"),
        ];
        let found = coverage(&production, &set, 0.4);
        assert_eq!((found.share, found.samples, found.cases), (0.4, 5, 2), "{found:#?}");
        assert_eq!(found.uncovered[0].ids, ["p-3", "p-4"]);
        assert!(found.uncovered[0].examples[0].contains("newsletter"));
        let german = found.languages["german"];
        assert_eq!((german.requests, german.covered, german.cases), (1, 0, 0));
        let tool = found.tools["lookup_order"];
        assert_eq!((tool.requests, tool.covered, tool.cases), (5, 2, 2));
        let lengths: usize = found.lengths.values().map(|it| it.requests).sum();
        assert_eq!(lengths, 5);
    }

    #[test]
    fn without_requests_or_cases_nothing_is_covered() {
        assert_eq!(coverage(&[], &[asked("c", "hello to the world")], 0.4).share, 0.0);
        let found = coverage(&[asked("p", "hello to the world")], &[], 0.4);
        assert_eq!((found.share, found.uncovered.len()), (0.0, 1));
    }

    #[test]
    fn languages_are_told_by_letters_and_by_frequent_words() {
        for (text, wanted) in [
            ("What is the weather?", "english"),
            ("Wie ist das Wetter und wann?", "german"),
            ("Comment est le temps, et pour une semaine ?", "french"),
            ("天気はどうですか", "japanese"),
            ("今天天气怎么样", "chinese"),
            ("Какая погода?", "cyrillic"),
            ("12345", "unknown"),
        ] {
            assert_eq!(language(text), wanted, "{text}");
        }
    }

    #[test]
    fn every_protocol_has_its_last_user_text() {
        for input in [
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "ping" }] },
                                  { "role": "assistant", "content": "no" }] }),
            json!({ "input": "ping" }),
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "ping" }] }] }),
            json!({ "prompt": "ping" }),
            json!({ "question": "ping" }),
        ] {
            assert_eq!(Asked::of("x", &input).text, "ping", "{input}");
        }
    }
}
