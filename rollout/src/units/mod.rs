//! Units: what is independent of the rest, so that a test may count it.
//!
//! The split draws *keys* (conversations, users, tenants), not requests. Turns of one conversation
//! share their luck: a tool that is missing fails every turn, a client repeats what failed. A test
//! that takes turns for independent rolls back good candidates. So a [`UnitTable`] keeps every key
//! that was seen lately, and adds two things to the counts:
//!
//! - **First failures.** In every class of failure a key is *at risk* until it fails; its turns
//!   after that count nowhere. Turns are kept apart by their number (1, 2–3, 4–7, …), because keys
//!   that got far are better than the average. Within such a slice the arms' shares are equal if the
//!   releases are, whatever the keys share. Used by tests that compare with stable, and by the fast
//!   half of tests against a limit.
//! - **Visits.** The turns of a key between two pauses, at most 20: how many there were, how many
//!   failed in each class, what they cost together. Used against limits, for costs, and to measure
//!   how much turns hang together.
//!
//! Both are also counted by tenant, by parts of the traffic (cohort, model, tool, language, streaming) and by
//! kind of failure, each of a capped number, to say where a difference comes from.
//!
//! A *repeat* is no turn: the same key sends a body of the same length within a minute of a failure.
//! A key that the table has no room for is closed, whatever its arm.

mod class;
mod part;
mod seen;
mod sums;
mod table;
mod tallies;

pub use class::{SlowTime, UnitClass};
pub use part::{Dimension, Parts};
pub use seen::Seen;
pub use sums::{ClassSums, FailureSums, PartSums, TenantSums, UnitSums};
pub(crate) use table::MOST_TENANTS;
pub use table::UnitTable;
pub(crate) use tallies::MOST_PARTS;
