//! The command line: a client of the admin API.
//!
//! A command turns words into one call of the admin API and prints the answer: a table, or the
//! API's own JSON. The server decides what a command may do, never this crate. It knows the wire
//! types and the pure cores, and no part of the server. What needs the rest of the program (the
//! configuration, `serve`, the demo) is asked of a [`Local`] that the program hands in.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the admin API cannot be reached.

#[cfg(test)]
mod canned;
pub mod client;
mod command;
mod duration;
mod examples;
mod line;
mod local;
pub mod output;
mod process;
mod run;
mod tree;
mod unshown;

pub use duration::Duration;
pub use line::check_line;
pub use local::{Checked, Finding, Judging, Local, NewToken, Role};
pub use process::{AgentArgs, DemoArgs, LogFormat, ServeArgs};
pub use run::run;
pub use tree::{Cli, from_environment};
