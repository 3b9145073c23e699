//! One flag.

use datalogic_rs::Logic;
use serde_json::{Map, Value};

/// A flag, ready to be evaluated.
pub struct Flag {
    pub(crate) key: String,
    pub(crate) enabled: bool,
    pub(crate) variants: Vec<Variant>,
    /// Index of the default variant. Without one, the caller's own default is served.
    pub(crate) default: Option<usize>,
    pub(crate) rule: Rule,
    pub(crate) metadata: Map<String, Value>,
    /// The definition as it was read.
    pub(crate) definition: Value,
    /// The rule with its references written out, where it has any.
    pub(crate) written_out: Option<Value>,
}

/// How a variant is chosen.
pub(crate) enum Rule {
    /// Always the default variant.
    Static,
    /// By an expression.
    Logic(Box<Logic>),
    /// The expression could not be compiled.
    Broken(String),
}

/// One of the values of a flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Variant {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the caller gets.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl Flag {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// False if it is switched off: callers use their own default.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Its variants, by name.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The variant for everyone whom the rule does not decide.
    #[must_use]
    pub fn default_variant(&self) -> Option<&Variant> {
        self.default.and_then(|index| self.variants.get(index))
    }

    /// True if a rule decides.
    #[must_use]
    pub fn has_rule(&self) -> bool {
        !matches!(self.rule, Rule::Static)
    }

    /// Its metadata, with those of its set where it has none of that name.
    #[must_use]
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// A short digest of the definition, to notice that it has changed.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(&self.definition).unwrap_or_default();
        format!("{:08x}", stagegate_rollout::murmur3_x86_32(&text))
    }

    /// The definition as it was read.
    #[must_use]
    pub fn definition(&self) -> &Value {
        &self.definition
    }
}
