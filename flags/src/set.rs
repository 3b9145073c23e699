//! A set of flags: what is in force together.

use crate::context::INJECTED;
use crate::flag::Rule;
use crate::operators::engine;
use crate::{
    Bucketing, Context, Evaluation, Failure, Flag, FlagFile, Problem, Reason, Severity, Variant,
};
use datalogic_rs::datavalue::NumberValue;
use datalogic_rs::{DataValue, Logic};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Flags of one or more files.
#[derive(Debug, Default)]
pub struct FlagSet {
    flags: BTreeMap<String, Entry>,
    metadata: Map<String, Value>,
}

#[derive(Debug)]
struct Entry {
    flag: Flag,
    file: String,
    line: u32,
    bucketing: Bucketing,
}

/// How two sets differ, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Flags that are new.
    pub added: Vec<String>,
    /// Flags that are gone.
    pub removed: Vec<String>,
    /// Flags that are defined otherwise.
    pub changed: Vec<String>,
    /// Flags whose percentages would give most keys another variant.
    pub bucketed_anew: Vec<String>,
}

impl Changes {
    /// True if nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl FlagSet {
    /// Joins files. `bucketing` is the way of files that name none.
    ///
    /// # Errors
    /// One problem for each key that two files have.
    pub fn of(files: Vec<FlagFile>, bucketing: Bucketing) -> Result<Self, Vec<Problem>> {
        let mut set = Self::default();
        let mut problems = Vec::new();
        for file in files {
            let bucketing = file.bucketing.unwrap_or(bucketing);
            for (name, value) in file.metadata {
                set.metadata.entry(name).or_insert(value);
            }
            for (flag, line) in file.flags {
                if let Some(other) = set.flags.get(&flag.key) {
                    problems.push(Problem {
                        severity: Severity::Error,
                        file: file.name.clone(),
                        line,
                        path: format!("$.flags.{}", flag.key),
                        message: format!("is in {}:{} already", other.file, other.line),
                        hint: "keep one of them".into(),
                    });
                    continue;
                }
                let entry = Entry { line, file: file.name.clone(), bucketing, flag };
                set.flags.insert(entry.flag.key.clone(), entry);
            }
        }
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// The number of flags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// True without a flag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// The flags, by key.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flags.values().map(|entry| &entry.flag)
    }

    /// The flag of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Flag> {
        self.flags.get(key).map(|entry| &entry.flag)
    }

    /// File, line and bucketing of a flag.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<(&str, u32, Bucketing)> {
        let entry = self.flags.get(key)?;
        Some((&entry.file, entry.line, entry.bucketing))
    }

    /// Metadata of the files; the first file that has a name wins.
    #[must_use]
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// How `newer` differs from this set.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Changes {
        let mut changes = Changes::default();
        for (key, entry) in &newer.flags {
            match self.flags.get(key) {
                None => changes.added.push(key.clone()),
                Some(old) => {
                    if old.flag.definition != entry.flag.definition
                        || old.flag.metadata != entry.flag.metadata
                    {
                        changes.changed.push(key.clone());
                    }
                    if old.bucketing != entry.bucketing && uses_fractions(&entry.flag.definition) {
                        changes.bucketed_anew.push(key.clone());
                    }
                }
            }
        }
        let gone = self.flags.keys().filter(|key| !newer.flags.contains_key(*key));
        changes.removed = gone.cloned().collect();
        changes
    }

    /// Evaluates one flag. `now` is the time in Unix seconds, for rules that ask for it.
    #[must_use]
    pub fn evaluate(&self, key: &str, context: &Context<'_>, now: u64) -> Evaluation<'_> {
        match self.flags.get(key) {
            None => Evaluation { flag: None, served: Err(Failure::NotFound(key.to_owned())) },
            Some(entry) => entry.evaluate(context, now),
        }
    }

    /// Evaluates all flags, by key.
    pub fn evaluate_all<'f>(
        &'f self,
        context: &Context<'_>,
        now: u64,
    ) -> impl Iterator<Item = (&'f Flag, Evaluation<'f>)> {
        self.flags.values().map(move |entry| (&entry.flag, entry.evaluate(context, now)))
    }
}

/// True if `fractional` occurs, perhaps behind a reference.
fn uses_fractions(definition: &Value) -> bool {
    match definition {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == "fractional" || name == "$ref" || uses_fractions(value)),
        Value::Array(items) => items.iter().any(uses_fractions),
        _ => false,
    }
}

impl Entry {
    fn evaluate(&self, context: &Context<'_>, now: u64) -> Evaluation<'_> {
        let flag = &self.flag;
        let served = if flag.enabled {
            match &flag.rule {
                Rule::Static => Ok(default_of(flag, Reason::Static)),
                Rule::Broken(why) => {
                    Err(Failure::Broken { key: flag.key.clone(), why: why.clone() })
                }
                Rule::Logic(logic) => self.decide(logic, context, now),
            }
        } else {
            Ok((None, Reason::Disabled))
        };
        Evaluation { flag: Some(flag), served }
    }

    fn decide(
        &self,
        logic: &Logic,
        context: &Context<'_>,
        now: u64,
    ) -> Result<(Option<&Variant>, Reason), Failure> {
        let flag = &self.flag;
        let arena = context.arena;
        let injected = [
            ("flagKey", DataValue::String(flag.key.as_str())),
            ("timestamp", DataValue::from_i64(i64::try_from(now).unwrap_or(i64::MAX))),
        ];
        let mut root = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(
            context.fields.len() + 1,
            arena,
        );
        root.extend_from_slice(context.fields);
        root.push((INJECTED, DataValue::Object(arena.alloc(injected))));
        let data = DataValue::Object(root.into_bump_slice());
        let result = engine(self.bucketing).evaluate(logic, data, arena);
        let result = result
            .map_err(|error| Failure::Failed { key: flag.key.clone(), why: error.to_string() })?;
        let mut spelled = String::new();
        let name = match result {
            DataValue::Null => return Ok(default_of(flag, Reason::Default)),
            DataValue::String(name) => *name,
            DataValue::Bool(true) => "true",
            DataValue::Bool(false) => "false",
            DataValue::Number(number) => {
                spelled = spell(number);
                &spelled
            }
            other => {
                spelled.push_str(if other.is_array() { "a list" } else { "an object" });
                &spelled
            }
        };
        match flag.variants.iter().find(|variant| variant.name == name) {
            Some(variant) => Ok((Some(variant), Reason::TargetingMatch)),
            None => {
                Err(Failure::UnknownVariant { key: flag.key.clone(), variant: name.to_owned() })
            }
        }
    }
}

fn default_of(flag: &Flag, reason: Reason) -> (Option<&Variant>, Reason) {
    match flag.default_variant() {
        Some(variant) => (Some(variant), reason),
        None => (None, Reason::Default),
    }
}

/// A number as JavaScript writes it, as far as names of variants need it.
fn spell(number: &NumberValue) -> String {
    match number.as_i64() {
        Some(number) => number.to_string(),
        None => number.as_f64().to_string(),
    }
}
