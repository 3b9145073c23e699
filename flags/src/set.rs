//! A set of flags: what is in force together.

use crate::context::{INJECTED, OWN};
use crate::flag::Rule;
use crate::operators::engine;
use crate::overlay::decide::Decider;
use crate::overlay::export;
use crate::overlay::rule::{Overlay, Override};
use crate::{
    Bucketing, Context, DecidedBy, Evaluation, Failure, Flag, FlagFile, Problem, Reason, Severity,
    Variant,
};
use datalogic_rs::datavalue::NumberValue;
use datalogic_rs::{DataValue, Logic};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Flags of one or more files, and what is different about them at run time. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FlagSet {
    flags: Arc<BTreeMap<String, Entry>>,
    metadata: Arc<Map<String, Value>>,
    /// By key, where a flag is changed at run time.
    deciders: Arc<BTreeMap<String, Decider>>,
    overlay: Arc<Overlay>,
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
        let (mut flags, mut metadata) = (BTreeMap::<String, Entry>::new(), Map::new());
        let mut problems = Vec::new();
        for file in files {
            let bucketing = file.bucketing.unwrap_or(bucketing);
            for (name, value) in file.metadata {
                metadata.entry(name).or_insert(value);
            }
            for (flag, line) in file.flags {
                if let Some(other) = flags.get(&flag.key) {
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
                flags.insert(entry.flag.key.clone(), entry);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { flags: Arc::new(flags), metadata: Arc::new(metadata), ..Self::default() })
    }

    /// The same flags with these changes of run time instead of the former ones. Changes of flags that
    /// are not there, and rules whose variant is not there, decide nothing; [`FlagSet::remarks`] tells.
    #[must_use]
    pub fn with_overlay(&self, overlay: Arc<Overlay>) -> Self {
        let deciders = overlay.iter().filter_map(|(key, given)| {
            let entry = self.flags.get(key)?;
            Some((key.clone(), Decider::new(&entry.flag, given)))
        });
        Self { deciders: Arc::new(deciders.collect()), overlay, ..self.clone() }
    }

    /// What is different about a flag at run time.
    #[must_use]
    pub fn overriding(&self, key: &str) -> Option<&Override> {
        self.overlay.get(key).filter(|given| !given.is_empty())
    }

    /// The changes of run time.
    #[must_use]
    pub fn overlay(&self) -> &Arc<Overlay> {
        &self.overlay
    }

    /// Where the file and the changes of run time do not go together: for each flag, what somebody
    /// should look at.
    #[must_use]
    pub fn remarks(&self) -> Vec<(String, String)> {
        let mut remarks = Vec::new();
        for (key, given) in self.overlay.iter().filter(|(_, given)| !given.is_empty()) {
            let Some(entry) = self.flags.get(key) else {
                remarks.push((key.clone(), "no file has this flag any more".to_owned()));
                continue;
            };
            if !given.made_on.is_empty() && given.made_on != entry.flag.digest() {
                let said = "the file has changed this flag after it was changed at run time; the changes of run time come first";
                remarks.push((key.clone(), said.to_owned()));
            }
            let ignored = self.deciders.get(key).into_iter().flat_map(|decider| &decider.ignored);
            remarks.extend(ignored.map(|rule| {
                (
                    key.clone(),
                    format!(
                        "the flag has no such variant any more, so this decides nothing: {rule}"
                    ),
                )
            }));
        }
        remarks
    }

    /// The definition of a flag with its changes of run time as rules. `excludes`: there are exclusion
    /// groups, which some of these rules honour.
    #[must_use]
    pub fn exported(&self, key: &str, excludes: bool) -> Option<Value> {
        let flag = self.get(key)?;
        let given = self.overriding(key)?;
        Some(export::exported(&flag.definition, given, excludes))
    }

    /// The text of a file with all changes of run time written into it; nothing if the text is of
    /// another form than a file that was read.
    #[must_use]
    pub fn exported_text(&self, text: &str, excludes: bool) -> Option<String> {
        let keys = self.overlay.keys();
        let new = keys.filter_map(|key| Some((key.clone(), self.exported(key, excludes)?)));
        export::replaced(text, &new.collect())
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
        for (key, entry) in newer.flags.iter() {
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
            None => {
                let served = Err(Failure::NotFound(key.to_owned()));
                Evaluation { flag: None, served, run_time: None }
            }
            Some(entry) => entry.evaluate(self.decider(key), context, now),
        }
    }

    /// Evaluates all flags, by key.
    pub fn evaluate_all<'f>(
        &'f self,
        context: &Context<'_>,
        now: u64,
    ) -> impl Iterator<Item = (&'f Flag, Evaluation<'f>)> {
        self.flags.values().map(move |entry| {
            let decider = self.decider(&entry.flag.key);
            (&entry.flag, entry.evaluate(decider, context, now))
        })
    }

    fn decider(&self, key: &str) -> Option<&Decider> {
        if self.deciders.is_empty() { None } else { self.deciders.get(key) }
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
    fn evaluate(
        &self,
        decider: Option<&Decider>,
        context: &Context<'_>,
        now: u64,
    ) -> Evaluation<'_> {
        let flag = &self.flag;
        let enabled = decider.and_then(|decider| decider.enabled).unwrap_or(flag.enabled);
        if let Some((variant, by)) = decider
            .filter(|_| enabled)
            .and_then(|decider| decider.decide(&flag.key, self.bucketing, context))
        {
            let served = Ok((flag.variants.get(variant), Reason::TargetingMatch));
            return Evaluation { flag: Some(flag), served, run_time: Some(by) };
        }
        let served = if enabled {
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
        let off = decider.is_some_and(|decider| decider.enabled == Some(false));
        let run_time = off.then_some(DecidedBy::Off);
        Evaluation { flag: Some(flag), served, run_time }
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
            context.fields.len() + 2,
            arena,
        );
        root.extend_from_slice(context.fields);
        root.push((INJECTED, DataValue::Object(arena.alloc(injected))));
        if context.excluded {
            let excluded = arena.alloc([("excluded", DataValue::Bool(true))]);
            root.push((OWN, DataValue::Object(excluded)));
        }
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
