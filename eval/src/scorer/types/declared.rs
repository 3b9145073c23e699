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

/// Declares the types of the checks that make one kind of test: the name of each, when an answer
/// passes, its keys, and the test that is made of them.
macro_rules! checks {
    ($test:ident, |$fields:ident, $cx:ident|
    $($name:literal $doc:literal, $keys:ident $read:tt => $made:expr;)+) => {
        pub(super) const TYPES: &[$crate::scorer::types::declared::Type] = &[
            $($crate::scorer::types::declared::Type {
                name: $name,
                doc: $doc,
                own: <$keys as $crate::scorer::keys::Keys>::keys,
                make: $crate::scorer::types::declared::Make::Check(|$fields, $cx| {
                    let $keys $read = <$keys as $crate::scorer::keys::Keys>::read($fields, $cx);
                    Some($crate::scorer::check::Test::$test($made))
                }),
            }),+
        ];
    };
}

pub(super) use checks;
