//! The operations that run once a request or once a reload: those of the pure core each on its own,
//! and whole exchanges of the proxy over connections in memory.
//!
//! One list, [`CASES`], feeds three readers, so that they cannot drift apart: `cargo bench -p
//! stagegate-micro` gives nanoseconds, the program of this package repeats one case so that
//! `cargo xtask bench --check` can count its instructions, and the tests make sure that each case
//! does what its name says. Sockets and the kernel are not
//! here: the running program is measured by `cargo xtask bench`.

mod choose;
mod config;
mod counting;
mod exchange;
mod flags;
mod operation;
mod signals;

pub use operation::Operation;

use std::fmt;

use anyhow::Result;

/// An operation with a name.
pub struct Case {
    /// What reports call it.
    pub name: &'static str,
    /// After so many repetitions it has been through all its inputs and begins again.
    pub cycle: u32,
    prepare: fn() -> Result<Operation>,
}

/// The case of a kind of exchange.
macro_rules! exchange {
    ($name:literal) => {
        Case { name: $name, cycle: exchange::USERS, prepare: || exchange::named($name) }
    };
}

/// Every case there is.
pub const CASES: &[Case] = &[
    Case {
        name: "choose-weight-hit",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::weight_hit()?.operation()),
    },
    Case {
        name: "choose-weight-miss",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::weight_miss()?.operation()),
    },
    Case {
        name: "choose-cohort",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::cohort_member()?.operation()),
    },
    Case {
        name: "choose-excluded",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::excluded()?.operation()),
    },
    Case {
        name: "choose-million-cohort",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::member_of_a_million()?.operation()),
    },
    Case {
        name: "choose-million-stranger",
        cycle: choose::ASKERS,
        prepare: || Ok(choose::stranger_to_a_million()?.operation()),
    },
    Case { name: "histogram-record", cycle: counting::VALUES, prepare: counting::histogram },
    Case { name: "decision-append", cycle: counting::RECORDS, prepare: counting::decisions },
    Case { name: "signals-json-4k", cycle: 1, prepare: signals::json_body },
    Case { name: "signals-stream-event", cycle: signals::EVENTS, prepare: signals::stream_event },
    Case { name: "config-parse", cycle: 1, prepare: config::parse },
    Case { name: "flag-rule", cycle: flags::USERS, prepare: flags::rule },
    Case { name: "flags-five", cycle: flags::USERS, prepare: flags::five },
    Case { name: "flags-forwarded", cycle: flags::USERS, prepare: flags::forwarded },
    exchange!("exchange-get-300"),
    exchange!("exchange-post-2k"),
    exchange!("exchange-get-4k"),
    exchange!("exchange-get-300-all"),
    exchange!("exchange-post-2k-all"),
    exchange!("exchange-chat-all"),
    exchange!("exchange-stream-all"),
];

impl Case {
    /// The case of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }

    /// Makes everything the operation needs, so that repeating it is nothing but the operation.
    ///
    /// # Errors
    /// When the inputs cannot be made, as when an example file is missing.
    pub fn prepare(&self) -> Result<Operation> {
        (self.prepare)()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{CASES, Case};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_lead_to_their_case() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        for case in CASES {
            assert_eq!(Case::named(case.name).expect("listed").to_string(), case.name);
        }
        assert!(Case::named("choose-nothing").is_none());
    }

    #[test]
    fn every_small_case_runs_through_its_inputs_twice() {
        // The large ones take seconds to prepare without optimisation and differ in size only.
        for case in CASES.iter().filter(|case| !case.name.contains("million")) {
            let mut operation = case.prepare().expect(case.name);
            (0..case.cycle * 2).for_each(|_| operation());
        }
    }
}
