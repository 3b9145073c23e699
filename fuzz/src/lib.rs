//! Everything that reads bytes a stranger may choose, each with the property that must hold for
//! any bytes. A target panics when it does not.
//!
//! The same targets run two ways: with seeded mutations of known inputs in the tests
//! (`tests/seeded.rs`), and guided by coverage for as long as one likes (`cargo xtask fuzz`).

mod answers;
mod control;
mod flag_calls;
mod flags;
mod mutate;
mod target;
mod traces;
mod wire;

pub use mutate::Mutator;
pub use target::Target;

/// Every target.
pub const TARGETS: &[Target] = &[
    wire::REQUEST,
    wire::RESPONSE,
    wire::CHUNKED,
    wire::JSON_POINTER,
    wire::BEARER_TOKEN,
    answers::USAGE,
    answers::REASSEMBLY,
    control::FORCE_HEADER,
    control::CONFIG,
    control::DECISION_RECORD,
    flags::FLAG_FILE,
    flags::FLAG_CONTEXT,
    flag_calls::FLAG_CALL,
    traces::PROTOBUF,
    traces::JSON,
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
