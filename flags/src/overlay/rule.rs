//! Rules that a person adds to a flag at run time.

use serde::{Deserialize, Serialize};
use stagegate_rollout::Weight;
use std::collections::BTreeMap;
use std::fmt;

/// Overrides of all flags, by key.
pub type Overlay = BTreeMap<String, Override>;

/// What is different about one flag while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Replaces the `state` of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Rules that come before the rule of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuntimeRule>,
    /// Digest of the definition that the last change was made on, to notice that the file has changed
    /// since.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made_on: String,
}

/// One rule: for whom it is, where, and the variant that they get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeRule {
    /// For whom it is.
    #[serde(flatten)]
    pub what: What,
    /// Where it holds.
    #[serde(flatten)]
    pub scope: Scope,
    /// The name of the variant.
    pub variant: String,
}

/// For whom a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum What {
    /// Everybody, before any other rule.
    Off,
    /// One tenant or user, before everybody who is allowed.
    Deny {
        /// Who.
        #[serde(flatten)]
        subject: Subject,
    },
    /// One tenant or user.
    Allow {
        /// Who.
        #[serde(flatten)]
        subject: Subject,
    },
    /// Everybody who is not excluded.
    Set,
    /// A share of those who are not excluded.
    Percent {
        /// The share.
        share: Weight,
        /// What is divided.
        by: By,
    },
}

/// A tenant or a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `tenant` of the context.
    Tenant(String),
    /// `user` of the context, or else its targeting key.
    User(String),
}

/// Where a rule holds: everywhere, or where the context has these fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `workload` of the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// `stage` of the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

/// The key that a percentage divides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The targeting key of the context.
    #[default]
    TargetingKey,
    /// `user` of the context, or else its targeting key.
    User,
    /// `tenant` of the context.
    Tenant,
    /// `conversation` of the context.
    Conversation,
}

impl By {
    /// Every key.
    pub const ALL: [Self; 4] = [Self::TargetingKey, Self::User, Self::Tenant, Self::Conversation];

    /// Its word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TargetingKey => "targeting_key",
            Self::User => "user",
            Self::Tenant => "tenant",
            Self::Conversation => "conversation",
        }
    }

    /// Those that are divided, in words.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::TargetingKey => "targeting keys",
            Self::User => "users",
            Self::Tenant => "tenants",
            Self::Conversation => "conversations",
        }
    }
}

impl Scope {
    /// True if it is everywhere.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.workload.is_none() && self.stage.is_none()
    }

    /// How narrow it is: narrower ones come first.
    fn narrowness(&self) -> u8 {
        2 * u8::from(self.workload.is_some()) + u8::from(self.stage.is_some())
    }
}

/// ` in workload w, stage s`; empty for everywhere.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.workload, &self.stage) {
            (None, None) => Ok(()),
            (Some(workload), None) => write!(f, " in workload {workload}"),
            (None, Some(stage)) => write!(f, " in stage {stage}"),
            (Some(workload), Some(stage)) => write!(f, " in workload {workload}, stage {stage}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::User(id) => write!(f, "user {id}"),
        }
    }
}

/// ``deny tenant acme in stage refund: `off` ``.
impl fmt::Display for RuntimeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, scope, variant } = self;
        match what {
            What::Off => write!(f, "off{scope}: everybody gets `{variant}`"),
            What::Deny { subject } => write!(f, "deny {subject}{scope}: `{variant}`"),
            What::Allow { subject } => write!(f, "allow {subject}{scope}: `{variant}`"),
            What::Set => write!(f, "set{scope}: everybody gets `{variant}`"),
            What::Percent { share, by } => {
                write!(f, "{share} of {}{scope}: `{variant}`", by.plural())
            }
        }
    }
}

impl What {
    /// Its place in the order of decisions.
    const fn place(&self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Deny { .. } => 1,
            Self::Allow { .. } => 2,
            Self::Set => 3,
            Self::Percent { .. } => 4,
        }
    }
}

impl RuntimeRule {
    /// True if `other` would replace it: the same kind of rule for the same people and place.
    pub(crate) fn is_instead_of(&self, other: &Self) -> bool {
        let same_people = match (self.what.subject(), other.what.subject()) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.what.place() == other.what.place(),
            _ => false,
        };
        same_people && self.scope == other.scope
    }
}

impl What {
    /// The one whom it names.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Deny { subject } | Self::Allow { subject } => Some(subject),
            _ => None,
        }
    }
}

impl Override {
    /// True if it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.enabled.is_none() && self.rules.is_empty()
    }

    /// What is different, one line each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let word = |enabled| if enabled { "enabled" } else { "disabled" }.to_owned();
        let rules = self.ordered().into_iter().map(ToString::to_string);
        self.enabled.map(word).into_iter().chain(rules).collect()
    }

    /// The rules in the order in which they are asked: off, denied, allowed, set, percentage, and the
    /// narrower place first.
    pub(crate) fn ordered(&self) -> Vec<&RuntimeRule> {
        let mut rules: Vec<&RuntimeRule> = self.rules.iter().collect();
        rules.sort_by_key(|rule| (rule.what.place(), 3 - rule.scope.narrowness()));
        rules
    }
}
