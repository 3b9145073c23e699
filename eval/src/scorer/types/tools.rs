//! Checks on the tools that an answer calls: their types and keys.

use super::declared::{Make, Type};
use super::text::{Nothing, bounds};
use crate::scorer::check::Test;
use crate::scorer::form::{Flag, Texts, Whole};
use crate::scorer::keys::{Keys, keys};
use crate::scorer::tools::{Schemas, ToolTest};

keys! {
    struct Used {
        /// Names of tools: one, a list, or `file:` with a file that has one a line.
        value: Texts = required, r#"["search", "book"]"#;
    }
}

keys! {
    struct Sequence {
        /// Names of tools, in the order of their calls.
        value: Texts = required, r#"["search", "book"]"#;
        /// Whether no other calls may lie between them, before the first or after the last.
        exact: Flag = default("false"), "true";
    }
}

keys! {
    struct Steps {
        /// Fewest calls. One of `min` and `max` may be left out.
        min: Whole<0, 1_000_000> = optional, "1";
        /// Most calls.
        max: Whole<0, 1_000_000> = optional, "8";
    }
}

macro_rules! valid {
    ($name:literal) => {
        Type {
            name: $name,
            doc: "Passes when the answer calls tools, each of them one of the request's, with \
                  arguments of its schema.",
            own: Nothing::keys,
            make: Make::Check(|_, _| Some(Test::Tools(ToolTest::Valid(Schemas::default())))),
        }
    };
}

pub(super) const TYPES: &[Type] = &[
    valid!("valid-tool-call"),
    valid!("is-valid-openai-tools-call"),
    Type {
        name: "tool-used",
        doc: "Passes when all of the tools were called since a person last said something.",
        own: Used::keys,
        make: Make::Check(|fields, cx| {
            Some(Test::Tools(ToolTest::Used(Used::read(fields, cx).value?.0)))
        }),
    },
    Type {
        name: "tool-sequence",
        doc: "Passes when the tools were called in this order since a person last said something.",
        own: Sequence::keys,
        make: Make::Check(|fields, cx| {
            let Sequence { value, exact } = Sequence::read(fields, cx);
            Some(Test::Tools(ToolTest::Sequence { names: value?.0, exact: exact?.0 }))
        }),
    },
    Type {
        name: "step-count",
        doc: "Passes when so many tools were called since a person last said something.",
        own: Steps::keys,
        make: Make::Check(|fields, cx| {
            let Steps { min, max } = Steps::read(fields, cx);
            let (min, max) = bounds(min.map(|min| min.0), max.map(|max| max.0), fields, cx)?;
            Some(Test::Tools(ToolTest::Steps(min, max)))
        }),
    },
];
