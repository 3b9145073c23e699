//! Checks on what an answer took: their types and keys.

use super::declared::checks;
use crate::scorer::form::Number;
use crate::scorer::keys::keys;
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

checks! { Operational, |fields, cx|
    "latency" "Passes when the answer took no longer than this.",
        Slowest { threshold } => OperationalTest::Latency(threshold?.0);
    "cost" "Passes when the answer cost no more than this.",
        Dearest { threshold } => OperationalTest::Cost(threshold?.0);
}
