//! Whole rollouts on made-up time: scripts, and thousands of seeded ones with crashes.

#![allow(
    clippy::disallowed_methods,
    reason = "scripts are files, and settings of a test run come from outside"
)]

mod aa;
mod external;
mod margins;
mod replays;
mod roles;
mod scripts;
mod simulation;
mod traffic;
mod world;
