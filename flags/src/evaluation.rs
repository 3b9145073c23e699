//! The result of an evaluation.

use crate::{Flag, Variant};
use serde_json::{Map, Value};
use stagegate_rollout::Arm;
use thiserror::Error;

/// Why a value was served: OpenFeature's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The flag has no rule.
    Static,
    /// The rule decided nothing, so the default is served.
    Default,
    /// The rule decided.
    TargetingMatch,
    /// The flag is switched off.
    Disabled,
    /// The evaluation failed.
    Error,
}

impl Reason {
    /// The word of OpenFeature.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

/// What decided. Finer than [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The flag is off by a change of run time.
    Off,
    /// The tenant or user is denied.
    Denied,
    /// The tenant or user is allowed.
    Allowed,
    /// A change of run time gives everybody a variant.
    Set,
    /// The key is in a percentage of run time.
    Percent,
    /// The rule of the file.
    Targeting,
    /// The rule of the file decided nothing.
    Default,
    /// The flag has no rule.
    Static,
    /// The flag is disabled.
    Disabled,
    /// The evaluation failed.
    Error,
}

impl DecidedBy {
    /// Every value.
    pub const ALL: [Self; 10] = [
        Self::Off,
        Self::Denied,
        Self::Allowed,
        Self::Set,
        Self::Percent,
        Self::Targeting,
        Self::Default,
        Self::Static,
        Self::Disabled,
        Self::Error,
    ];

    /// Its word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Denied => "denied",
            Self::Allowed => "allowed",
            Self::Set => "set",
            Self::Percent => "percent",
            Self::Targeting => "targeting",
            Self::Default => "default",
            Self::Static => "static",
            Self::Disabled => "disabled",
            Self::Error => "error",
        }
    }

    /// True for changes of run time.
    #[must_use]
    pub const fn is_of_run_time(self) -> bool {
        matches!(self, Self::Off | Self::Denied | Self::Allowed | Self::Set | Self::Percent)
    }
}

/// Kinds of failures: OpenFeature's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// There is no such flag.
    FlagNotFound,
    /// The flag's rule cannot be compiled.
    ParseError,
    /// Anything else.
    General,
}

impl ErrorCode {
    /// The code of OpenFeature.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::ParseError => "PARSE_ERROR",
            Self::General => "GENERAL",
        }
    }
}

/// An evaluation without a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// There is no such flag.
    #[error("there is no flag `{0}`")]
    NotFound(String),
    /// The rule cannot be compiled.
    #[error("the rule of `{key}` cannot be used: {why}")]
    Broken {
        /// The flag.
        key: String,
        /// The compiler's words.
        why: String,
    },
    /// The rule chose a variant that the flag does not have.
    #[error("the rule of `{key}` chose `{variant}`, and the flag has no such variant")]
    UnknownVariant {
        /// The flag.
        key: String,
        /// What was chosen.
        variant: String,
    },
    /// The rule failed for this context.
    #[error("the rule of `{key}` failed: {why}")]
    Failed {
        /// The flag.
        key: String,
        /// The engine's words.
        why: String,
    },
}

impl Failure {
    /// Its kind.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::FlagNotFound,
            Self::Broken { .. } => ErrorCode::ParseError,
            Self::UnknownVariant { .. } | Self::Failed { .. } => ErrorCode::General,
        }
    }
}

/// The result of an evaluation. It borrows from the set of flags.
#[derive(Debug)]
pub struct Evaluation<'f> {
    pub(crate) flag: Option<&'f Flag>,
    pub(crate) served: Result<(Option<&'f Variant>, Reason), Failure>,
    /// The kind of rule of run time that decided.
    pub(crate) run_time: Option<DecidedBy>,
}

impl<'f> Evaluation<'f> {
    /// The variant that is served. None if the caller's own default is to be used.
    #[must_use]
    pub fn variant(&self) -> Option<&'f Variant> {
        self.served.as_ref().ok().and_then(|(variant, _)| *variant)
    }

    /// The value that is served. None if the caller's own default is to be used.
    #[must_use]
    pub fn value(&self) -> Option<&'f Value> {
        self.variant().map(Variant::value)
    }

    /// True if the value is `false`, which a flag bound to a kill switch kills by.
    #[must_use]
    pub fn is_false(&self) -> bool {
        self.value().and_then(Value::as_bool) == Some(false)
    }

    /// The arm that the value names: `true` or `candidate`, `false` or `stable`. None for any other one.
    #[must_use]
    pub fn arm(&self) -> Option<Arm> {
        match self.value()? {
            Value::Bool(true) => Some(Arm::Candidate),
            Value::Bool(false) => Some(Arm::Stable),
            Value::String(name) if name == Arm::Candidate.label() => Some(Arm::Candidate),
            Value::String(name) if name == Arm::Stable.label() => Some(Arm::Stable),
            _ => None,
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.served.as_ref().map_or(Reason::Error, |(_, reason)| *reason)
    }

    /// What decided.
    #[must_use]
    pub fn decided_by(&self) -> DecidedBy {
        self.run_time.unwrap_or_else(|| match self.reason() {
            Reason::Static => DecidedBy::Static,
            Reason::Default => DecidedBy::Default,
            Reason::TargetingMatch => DecidedBy::Targeting,
            Reason::Disabled => DecidedBy::Disabled,
            Reason::Error => DecidedBy::Error,
        })
    }

    /// The failure, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.served.as_ref().err()
    }

    /// The flag, if there is one.
    #[must_use]
    pub fn flag(&self) -> Option<&'f Flag> {
        self.flag
    }

    /// The flag's metadata.
    #[must_use]
    pub fn metadata(&self) -> Option<&'f Map<String, Value>> {
        self.flag.map(Flag::metadata)
    }
}

impl std::fmt::Debug for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flag").field("key", &self.key).finish_non_exhaustive()
    }
}
