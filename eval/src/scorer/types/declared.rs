//! How a type of scorer is declared.

use crate::scorer::check::Test;
use crate::scorer::keys::{Context, Fields, ScorerKey};
use crate::scorer::spec::ScorerKind;

/// A type of scorer.
pub(crate) struct Type {
    pub(crate) name: &'static str,
    /// When an answer passes, in sentences.
    pub(crate) doc: &'static str,
    /// Its own keys.
    pub(crate) own: fn() -> Vec<ScorerKey>,
    pub(crate) make: Make,
}

/// How a scorer of the type is made.
pub(crate) enum Make {
    /// Judged in this process.
    Check(fn(&Fields<'_>, &mut Context<'_>) -> Option<Test>),
    /// Put together from other checks, which the reader reads.
    Set,
    /// Asked of somebody else.
    Outside(fn(&Fields<'_>, &mut Context<'_>) -> Option<ScorerKind>),
}
