//! Seeded simulations of rollouts: do the statistics keep what `docs/STATISTICS.md` promises?
//!
//! [`traffic`] drives the gates themselves, with the built-in policy, by traffic as agents have it.
//! A [`Scenario`](scenario::Scenario) says how traffic behaves, [`rules`] watch it as the product
//! would and say when they would have rolled back, and [`summary`] judges thousands of runs. The
//! same seed gives the same figures on every machine. Run it with `cargo xtask simulate`.

pub mod promotion;
pub mod rng;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod stream;
pub mod summary;
pub mod traffic;
