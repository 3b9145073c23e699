//! The operators that flagd adds to JsonLogic. Wrong arguments give null, so the default variant is
//! served.

pub(crate) mod fractional;
mod text;
mod version;

use crate::Bucketing;
use datalogic_rs::{Engine, EvaluationConfig};
use std::sync::OnceLock;

/// The engine with flagd's operators, for one way of bucketing. Made once.
pub(crate) fn engine(bucketing: Bucketing) -> &'static Engine {
    static ENGINES: [OnceLock<Engine>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    ENGINES[bucketing as usize].get_or_init(|| {
        Engine::builder()
            .with_config(EvaluationConfig::default().with_loose_equality_errors(false))
            .add_operator("fractional", fractional::Fractional(bucketing))
            .add_operator("starts_with", text::Compare(|text, part| text.starts_with(part)))
            .add_operator("ends_with", text::Compare(|text, part| text.ends_with(part)))
            .add_operator("sem_ver", version::SemVer)
            .build()
    })
}

/// All operators of a rule: JsonLogic's and flagd's, in the order of flagd's schema.
pub(crate) const NAMES: &[&str] = &[
    "var",
    "missing",
    "missing_some",
    "if",
    "==",
    "===",
    "!=",
    "!==",
    ">",
    ">=",
    "%",
    "/",
    "map",
    "filter",
    "all",
    "none",
    "some",
    "in",
    "substr",
    "<",
    "<=",
    "*",
    "!",
    "!!",
    "or",
    "and",
    "+",
    "-",
    "max",
    "min",
    "merge",
    "cat",
    "reduce",
    "starts_with",
    "ends_with",
    "sem_ver",
    "fractional",
];
