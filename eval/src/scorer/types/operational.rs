//! Checks on what an answer took: their types and keys.

use super::declared::{Make, Type};
use crate::scorer::check::Test;
use crate::scorer::form::Number;
use crate::scorer::keys::{Keys, keys};
use crate::scorer::operational::OperationalTest;

keys! {
    struct Slowest {
        /// The most milliseconds that the answer may take.
        threshold: Number<1_000_000_000_000> = required, "5000";
    }
}

keys! {
    struct Dearest {
        /// The most US dollars that the answer may cost.
        threshold: Number<1_000_000_000_000> = required, "0.002";
    }
}

pub(super) const TYPES: &[Type] = &[
    Type {
        name: "latency",
        doc: "Passes when the answer took no longer than this.",
        own: Slowest::keys,
        make: Make::Check(|fields, cx| {
            let most = Slowest::read(fields, cx).threshold?.0;
            Some(Test::Operational(OperationalTest::Latency(most)))
        }),
    },
    Type {
        name: "cost",
        doc: "Passes when the answer cost no more than this.",
        own: Dearest::keys,
        make: Make::Check(|fields, cx| {
            let most = Dearest::read(fields, cx).threshold?.0;
            Some(Test::Operational(OperationalTest::Cost(most)))
        }),
    },
];
