//! The header that marks requests to scorers.

/// The header on every request to a scorer. A request that carries it is never sampled, so that a
/// judge's own traffic is not judged again.
pub(crate) const EVAL_HEADER: &str = "stagegate-eval";
