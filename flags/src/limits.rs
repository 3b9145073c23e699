//! Limits of definitions and contexts. Together they bound the time and memory of one evaluation.

/// Most bytes of one file of definitions.
pub const FILE_BYTES: usize = 8 << 20;
/// Most levels of nesting of a rule, shared rules included.
pub const RULE_DEPTH: usize = 96;
/// Most operators and values of a rule, shared rules included.
pub const RULE_NODES: usize = 4096;
/// Most steps that one evaluation of a rule may take for the largest context.
pub const RULE_COST: u64 = 500_000;

/// Most bytes of all texts and names of a context.
pub const CONTEXT_BYTES: usize = 64 << 10;
/// Most levels of nesting of a context.
pub const CONTEXT_DEPTH: usize = 8;
/// Most values of a context, at all levels together.
pub const CONTEXT_VALUES: usize = 2048;
/// Most items of one list, or of one object, of a context.
pub const CONTEXT_ITEMS: usize = 256;
