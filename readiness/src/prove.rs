//! The proof of a check: what was found, or what is missing and what would mend it.

mod afterwards;
mod evaluation;
mod monitoring;
mod policy;
mod release;
mod rollback;

use crate::{Check, Facts, Proof, Statement};

/// Proves a check. `statement` is the valid signature or attachment of a check that people meet; without
/// one, such a check fails.
#[must_use]
pub fn prove(check: Check, facts: &Facts, statement: Option<&Statement>) -> Proof {
    match check {
        Check::A1 => evaluation::targets(facts),
        Check::A2 => evaluation::coverage(facts, statement),
        Check::A4 => evaluation::regression(facts),
        Check::A5 => evaluation::calibration(facts),
        Check::B6 => release::pins(facts),
        Check::B7 => release::secrets(facts),
        Check::B8 => release::trial(statement),
        Check::B9 => release::artifact(facts, statement),
        Check::B10 => release::channels(facts),
        Check::C11 => rollback::kill_switch(facts),
        Check::C12 => rollback::workers(facts),
        Check::C13 => rollback::target(facts),
        Check::C14 => rollback::triggers(facts),
        Check::C15 => rollback::runbook(facts, statement),
        Check::D16 => monitoring::scorers(facts),
        Check::D17 => monitoring::latency(facts),
        Check::D18 => monitoring::spend(facts),
        Check::D19 => monitoring::failures(facts),
        Check::D20 => monitoring::link(facts),
        Check::E21 => policy::steps(facts),
        Check::E22 => policy::criteria(facts),
        Check::E23 => policy::automatic(facts),
        Check::E24 => policy::exclusions(facts),
        Check::E25 => policy::promoters(facts),
        Check::F27 => afterwards::incident(facts),
        Check::F29 => afterwards::forecast(facts),
        Check::F30 => afterwards::hand_over(facts, statement),
        Check::A3 | Check::F26 | Check::F28 => said(statement),
    }
}

/// A check for which the word of a person is the evidence.
fn said(statement: Option<&Statement>) -> Proof {
    match statement {
        Some(statement) => Proof::holds(crate::statement::handed_over(statement)),
        None => Proof::fails("nobody signed", "sign it"),
    }
}
