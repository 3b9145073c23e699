//! Checks on the tools that an answer calls: their types and keys.

use super::declared::checks;
use super::text::{Nothing, bounds};
use crate::scorer::form::{Flag, Texts, Whole};
use crate::scorer::keys::keys;
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

checks! { Tools, |fields, cx|
    "valid-tool-call" "Passes when the answer calls tools, each of them one of the request's, with \
                       arguments of its schema.",
        Nothing {} => ToolTest::Valid(Schemas::default());
    "is-valid-openai-tools-call" "Passes when the answer calls tools, each of them one of the \
                                  request's, with arguments of its schema.",
        Nothing {} => ToolTest::Valid(Schemas::default());
    "tool-used" "Passes when all of the tools were called since a person last said something.",
        Used { value } => ToolTest::Used(value?.0);
    "tool-sequence" "Passes when the tools were called in this order since a person last said \
                     something.",
        Sequence { value, exact } => ToolTest::Sequence { names: value?.0, exact: exact?.0 };
    "step-count" "Passes when so many tools were called since a person last said something.",
        Steps { min, max } => {
            let (min, max) = bounds(min.map(|min| min.0), max.map(|max| max.0), fields, cx)?;
            ToolTest::Steps(min, max)
        };
}
