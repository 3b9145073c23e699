//! The plan of the measurements, their order and their duration.

use std::time::Duration;

use anyhow::Result;

use crate::bench::case::{Case, Load, Run, Who};
use crate::bench::lab::Lab;
use crate::bench::proxy::{Setup, Takes};
use crate::bench::report::Cell;
use crate::bench::schema::Knows;
use crate::bench::{load, origin};

/// The cells of one laboratory: all cases that want the same origin and the same proxies.
pub(super) struct Suite {
    pub(super) origin: origin::Kind,
    /// True if its many or heavy set-ups would disturb other cases.
    apart: bool,
    /// Grouped by load; within a group one cell for each set-up that takes part.
    pub(super) groups: Vec<Vec<Cell>>,
}

impl Suite {
    /// The set-ups that take part in any of its cases.
    pub(super) fn setups(&self) -> Vec<Setup> {
        let mut setups = Vec::new();
        for cell in self.groups.iter().flatten() {
            if !setups.contains(&cell.setup) {
                setups.push(cell.setup);
            }
        }
        setups
    }

    /// Takes out what turns out not to work in a running laboratory; says what, and why.
    pub(super) fn try_out(&mut self, lab: &Lab) -> Result<Vec<String>> {
        let mut skipped = Vec::new();
        for group in &mut self.groups {
            for cell in std::mem::take(group) {
                match load::try_out(lab.proxy(cell.setup)?, cell.case) {
                    Ok(()) => group.push(cell),
                    Err(why) => {
                        let (case, setup) = (cell.case.name, cell.setup.label());
                        skipped.push(format!("{case} of {setup}: {why:#}"));
                    }
                }
            }
        }
        Ok(skipped)
    }
}

/// The whole benchmark.
pub(super) struct Plan {
    pub(super) suites: Vec<Suite>,
    /// The cases that are left out, with the reason.
    pub(super) skipped: Vec<String>,
    rounds: u32,
    seconds: Duration,
    syscalls: bool,
}

/// The options of the command line.
pub(super) struct Wanted<'a> {
    pub(super) cases: &'a [&'static Case],
    pub(super) setups: &'a [Setup],
    /// Instead of each case's own numbers, where there are any.
    pub(super) connections: &'a [u32],
    /// More cannot be open through a proxy.
    pub(super) most_connections: u32,
    pub(super) rounds: u32,
    pub(super) seconds: Duration,
    pub(super) syscalls: bool,
}

impl Plan {
    /// Puts the cells in order.
    pub(super) fn of(wanted: &Wanted<'_>, knows: Knows) -> Self {
        let mut plan = Self {
            suites: Vec::new(),
            skipped: Vec::new(),
            rounds: wanted.rounds,
            seconds: wanted.seconds,
            syscalls: wanted.syscalls,
        };
        for case in wanted.cases {
            let mut members = Vec::new();
            for setup in wanted.setups {
                match setup.takes(case, knows) {
                    Takes::Part => members.push(*setup),
                    Takes::NoPart => {}
                    Takes::Skipped(why) => {
                        plan.skipped.push(format!("{} of {}: {why}", case.name, setup.label()));
                    }
                }
            }
            // Half of a pair says nothing; neither does an origin without a proxy.
            let alone = matches!(case.who, Who::Pair(_) | Who::Features) && members.len() < 2;
            if !alone && !members.is_empty() {
                for connections in numbers(case, wanted) {
                    let cells = members.iter().map(|setup| Cell::new(case, connections, *setup));
                    plan.suite(case).groups.push(cells.collect());
                }
            }
        }
        plan
    }

    fn suite(&mut self, case: &Case) -> &mut Suite {
        let origin = match case.load {
            Load::Streams => origin::Kind::Events,
            _ => origin::Kind::Static,
        };
        let apart = matches!(case.who, Who::Features | Who::Gateways);
        let same = |suite: &Suite| (suite.origin, suite.apart) == (origin, apart);
        let found = self.suites.iter().position(same);
        let index = found.unwrap_or_else(|| {
            self.suites.push(Suite { origin, apart, groups: Vec::new() });
            self.suites.len() - 1
        });
        &mut self.suites[index]
    }

    /// The time that one measurement of a case takes in all.
    fn once(&self, cell: &Cell) -> Duration {
        let around = match cell.case.load {
            Load::Closed { .. } | Load::Handshakes | Load::Rate { .. } => {
                Duration::from_millis(400)
            }
            Load::H2 { .. } => Duration::from_millis(1_500),
            // Opening some thousand streams a second, and closing them.
            Load::Streams => {
                Duration::from_millis(500) + Duration::from_micros(500) * cell.connections
            }
        };
        self.time(cell.case) + around
    }

    /// The number of measurements of a case.
    pub(super) fn rounds(&self, case: &Case) -> u32 {
        case.rounds(self.rounds)
    }

    /// The time for which the load of a case lasts.
    pub(super) fn time(&self, case: &Case) -> Duration {
        match case.load {
            // Each stream has an event a second.
            Load::Streams => (self.seconds * 2).max(Duration::from_secs(4)),
            _ => self.seconds,
        }
    }

    /// True if system calls are counted in a cell: in the basic cases, once each.
    pub(super) fn counts_syscalls(&self, cell: &Cell) -> bool {
        self.syscalls && cell.case.run == Run::Quick && cell.connections == 64
    }

    /// The time that all of it takes once everything is built.
    pub(super) fn estimate(&self) -> Duration {
        let cells = self.suites.iter().flat_map(|suite| suite.groups.iter().flatten());
        let measuring: Duration = cells
            .map(|cell| {
                let strace = Duration::from_millis(1_500) * u32::from(self.counts_syscalls(cell));
                self.once(cell) * self.rounds(cell.case) + strace
            })
            .sum();
        // Starting the proxies of a laboratory.
        measuring + Duration::from_secs(3) * u32::try_from(self.suites.len()).unwrap_or(u32::MAX)
    }

    /// Prints the groups in order, what is skipped, and how long it takes.
    pub(super) fn print(&self) {
        println!("plan:");
        for group in self.suites.iter().flat_map(|suite| &suite.groups) {
            let Some(first) = group.first() else { continue };
            let (case, rounds) = (first.case, self.rounds(first.case));
            let time: Duration = group.iter().map(|cell| self.once(cell) * rounds).sum();
            println!(
                "  {:<14} {:>6} connections, {} set-ups, {rounds} rounds, {:>3.0} s: {}",
                case.name,
                first.connections,
                group.len(),
                time.as_secs_f64(),
                case.about,
            );
        }
        for line in &self.skipped {
            println!("  skipped: {line}");
        }
        let estimate = self.estimate().as_secs();
        println!("takes about {} min {} s from here", estimate / 60, estimate % 60);
    }
}

/// The numbers of connections that a case is measured with.
fn numbers(case: &Case, wanted: &Wanted<'_>) -> Vec<u32> {
    let chosen = match wanted.connections {
        // Streams are another order of magnitude.
        [] => case.connections,
        given if case.load != Load::Streams => given,
        _ => case.connections,
    };
    let mut numbers: Vec<u32> =
        chosen.iter().map(|number| (*number).min(wanted.most_connections)).collect();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::proxy::Kind;

    fn setups() -> Vec<Setup> {
        Kind::all().iter().flat_map(|kind| kind.setups()).collect()
    }

    fn plan(quick: bool, knows: Knows) -> Plan {
        let cases: Vec<&Case> =
            Case::all().iter().filter(|case| case.runs_unnamed(quick)).collect();
        let setups: Vec<Setup> =
            setups().into_iter().filter(|setup| setup.can_run(knows)).collect();
        let connections: &[u32] = if quick { &[64] } else { &[] };
        let wanted = Wanted {
            cases: &cases,
            setups: &setups,
            connections,
            most_connections: 9_800,
            rounds: 3,
            seconds: Duration::from_secs(if quick { 2 } else { 1 }),
            syscalls: true,
        };
        Plan::of(&wanted, knows)
    }

    const ALL: Knows = Knows { tls: true, signals: true };

    #[test]
    fn the_quick_form_is_done_in_four_minutes_and_the_whole_in_its_share_of_twenty() {
        let quick = plan(true, ALL);
        assert!(quick.estimate() < Duration::from_secs(230), "{:?}", quick.estimate());
        assert_eq!(quick.suites.iter().flat_map(|suite| &suite.groups).count(), 3);
        // Half of the twenty minutes is for building and installing.
        let whole = plan(false, ALL).estimate();
        assert!(whole < Duration::from_secs(10 * 60), "{whole:?}");
    }

    #[test]
    fn what_a_binary_does_not_know_is_skipped_by_name() {
        let old = plan(false, Knows::default());
        assert!(old.skipped.iter().any(|line| line.contains("tls-keepalive of stagegate-bare")));
        let names = |plan: &Plan| -> Vec<&str> {
            plan.suites
                .iter()
                .flat_map(|suite| &suite.groups)
                .map(|group| group[0].case.name)
                .collect()
        };
        assert!(!names(&old).contains(&"signals-json"), "half a pair");
        assert!(names(&plan(false, ALL)).contains(&"signals-json"));
    }

    #[test]
    fn no_more_streams_are_asked_for_than_can_be_open() {
        let all = plan(false, ALL);
        let streams = all.suites.iter().find(|suite| suite.origin == origin::Kind::Events);
        let numbers: Vec<u32> =
            streams.expect("a suite").groups.iter().map(|group| group[0].connections).collect();
        assert_eq!(numbers, [1_000, 9_800]);
    }
}
