//! Tests of samples, scorers and results.
// Figures that a test measured are printed.
#![allow(clippy::print_stdout)]

mod budget;
mod checks;
mod contract;
mod conversations;
mod corpus;
mod dataset;
mod definitions;
mod example;
mod gate;
mod judge;
mod labelled;
mod rate;
mod redaction;
mod results;
mod samples;
mod support;
