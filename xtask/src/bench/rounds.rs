//! The measuring itself: every cell of a suite, round by round.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::case::{Case, Load};
use crate::bench::lab::Lab;
use crate::bench::load::{self, Effort};
use crate::bench::plan::{Plan, Suite};
use crate::bench::proxy::{Kind, Setup};
use crate::bench::report::{self, Cell};
use crate::bench::{procfs, syscalls};

/// Fills the cells of a suite, load by load, round by round. Takes out those of peers that
/// failed, and says which.
pub(super) fn measure(
    lab: &mut Lab,
    plan: &Plan,
    suite: &mut Suite,
    rate: &mut Option<u64>,
) -> Result<Vec<String>> {
    let idle = idle(lab)?;
    let (mut highest, mut failed, mut left_out) = (None, Vec::new(), Vec::new());
    for group in &mut suite.groups {
        let Some(&Cell { case, connections, .. }) = group.first() else { continue };
        let mut effort = Effort { connections, time: plan.time(case), rate: 0 };
        if matches!(case.load, Load::Rate { .. }) {
            effort.rate = match *rate {
                Some(given) => given,
                None => *rate.insert(seventy_percent(lab, highest)?),
            };
            println!("{}: {} requests a second", case.name, effort.rate);
        }
        let rounds = plan.rounds(case);
        println!("{}, {connections} connections: {rounds} rounds", case.name);
        for round in 0..rounds as usize {
            for turn in order(group.len(), round) {
                let cell = &mut group[turn];
                if failed.iter().any(|(setup, _)| *setup == cell.setup) {
                    continue;
                }
                match load::measure(lab, lab.proxy(cell.setup)?, case, effort) {
                    Ok(round) => cell.rounds.push(round),
                    // Ours must not fail; of a peer, it is a result.
                    Err(error) if cell.setup.kind != Kind::Stagegate => {
                        failed.push((cell.setup, format!("{error:#}")));
                    }
                    Err(error) => return Err(error),
                }
                lab.expect_running()?;
            }
        }
        for (setup, why) in failed.drain(..) {
            group.retain(|cell| cell.setup != setup);
            left_out.push(format!("{} of {}: {why}", case.name, setup.label()));
        }
        for cell in group.iter_mut() {
            let proxy = lab.proxy(cell.setup)?;
            cell.idle_kib =
                idle.iter().find(|(setup, _)| *setup == cell.setup).map(|(_, kib)| *kib);
            if plan.counts_syscalls(cell) && proxy.pid().is_some() {
                // Some machines forbid tracing, which must not cost the rest of the run.
                match syscalls::per_request(lab, proxy, case, effort) {
                    Ok(calls) => cell.syscalls = Some(calls),
                    Err(error) => println!("system calls not counted: {error:#}"),
                }
            }
        }
        if group.iter().any(|cell| cell.setup.kind == Kind::Direct && falls_short(cell, effort)) {
            left_out.push(format!("{} of direct: {SHORT}", case.name));
        }
        // What HAProxy makes of the plainest case is what the constant rate is taken from.
        if case.name == "get-300b" && connections == 64 {
            let haproxy = group.iter().find(|cell| cell.setup.kind == Kind::Haproxy);
            highest = haproxy.and_then(|cell| {
                report::median(cell.rounds.iter().filter_map(report::rate).collect())
            });
        }
    }
    Ok(left_out)
}

/// The error of a constant rate that was not kept up without a proxy.
const SHORT: &str = "the generator and the origin alone fall short of the rate, so the case says nothing; give a lower --rate";

/// True if fewer requests were answered than fell due, by more than chance.
fn falls_short(cell: &Cell, effort: Effort) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let wanted = effort.rate as f64 * 0.97;
    report::median(cell.rounds.iter().filter_map(report::rate).collect())
        .is_some_and(|rate| rate < wanted)
}

/// The resident memory of each proxy before it serves.
fn idle(lab: &Lab) -> Result<Vec<(Setup, u64)>> {
    let processes = lab.proxies().iter().filter_map(|proxy| Some((proxy.setup, proxy.pid()?)));
    processes.map(|(setup, pid)| Ok((setup, procfs::resident_kib(pid)?))).collect()
}

/// The rate of the constant-rate case: 70% of HAProxy's highest, measured now if it was not yet.
fn seventy_percent(lab: &Lab, highest: Option<f64>) -> Result<u64> {
    let highest = match highest {
        Some(rate) => rate,
        None => {
            let haproxy = lab.proxies().iter().find(|proxy| proxy.setup.kind == Kind::Haproxy);
            let haproxy = haproxy.context(
                "the constant rate is a share of HAProxy's highest: give --rate, or put haproxy among --proxies",
            )?;
            let effort = Effort { connections: 64, time: Duration::from_secs(2), rate: 0 };
            let plainest = Case::all().first().context("there is a case")?;
            let round = load::measure(lab, haproxy, plainest, effort)?;
            report::rate(&round).unwrap_or_default()
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate")]
    Ok((highest * 0.7).max(1.0) as u64)
}

/// In which order `count` proxies are measured: another one first in each round,
/// and with other steps between them, so that nobody always follows the same one.
fn order(count: usize, round: usize) -> impl Iterator<Item = usize> {
    // A step without a common divisor visits all of them.
    let steps: Vec<usize> = (1..=count).filter(|step| coprime(*step, count)).collect();
    let step = steps.get(round % steps.len().max(1)).copied().unwrap_or(1);
    (0..count).map(move |turn| (turn * step + round) % count)
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_measures_everyone_once() {
        for count in 1..=7 {
            for round in 0..10 {
                let mut seen: Vec<usize> = order(count, round).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{count} proxies, round {round}");
            }
        }
    }

    #[test]
    fn neighbours_change_from_round_to_round() {
        let follows = |round| -> Vec<usize> {
            let order: Vec<usize> = order(5, round).collect();
            order.windows(2).filter(|pair| pair[1] == 0).map(|pair| pair[0]).collect()
        };
        let before: std::collections::BTreeSet<usize> = (0..5).flat_map(follows).collect();
        assert!(before.len() > 2, "only {before:?} are measured before the first one");
    }
}
