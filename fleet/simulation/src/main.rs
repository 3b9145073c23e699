//! `cargo xtask simulate fleet`: thousands of histories with faults, every broken rule found, and the
//! figures of `docs/SCALING.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use anyhow::{Result, bail};
use stagegate_fleet_simulation::{Mutation, Scale, World, troubled};
use std::time::{Duration, Instant};

/// Options of the command line.
struct Wanted {
    replicas: usize,
    histories: u64,
    seed: u64,
    quick: bool,
}

fn main() -> Result<()> {
    let wanted = read(std::env::args().skip(1))?;
    faults(&wanted)?;
    mutations(&wanted)?;
    scale(&wanted)
}

fn read(mut given: impl Iterator<Item = String>) -> Result<Wanted> {
    let mut wanted = Wanted { replicas: 100, histories: 2000, seed: 1, quick: false };
    while let Some(option) = given.next() {
        let mut number = || match given.next().map(|it| it.parse::<u64>()) {
            Some(Ok(number)) => Ok(number),
            _ => bail!("{option} takes a number"),
        };
        match option.as_str() {
            "--replicas" => wanted.replicas = usize::try_from(number()?)?,
            "--histories" => wanted.histories = number()?,
            "--seed" => wanted.seed = number()?,
            "--quick" => (wanted.quick, wanted.histories) = (true, 150),
            other => bail!("unknown option {other}: use --replicas, --histories, --seed, --quick"),
        }
    }
    Ok(wanted)
}

/// Histories with faults; none may break a promise.
fn faults(wanted: &Wanted) -> Result<()> {
    let begun = Instant::now();
    let (mut requests, mut at_candidates, mut rollbacks, mut faults) = (0, 0, 0, 0);
    for number in 0..wanted.histories {
        let seed = wanted.seed * 1_000_000 + number;
        let replicas = 3 + usize::try_from(number % 5)?;
        match World::play(troubled(seed, replicas, 60, None)) {
            Ok(history) => {
                requests += history.requests.0;
                at_candidates += history.requests.1;
                rollbacks += history.completions.len();
                faults += history.faults;
            }
            Err(broken) => bail!(
                "history {seed} with {replicas} replicas, second {:.3}: {}",
                broken.at as f64 / 1e6,
                broken.what
            ),
        }
    }
    println!(
        "{} histories of 100 s, {faults} faults, {requests} requests ({at_candidates} at candidates), {rollbacks} rollbacks complete: no promise broken ({:.1} s)",
        wanted.histories,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Every broken rule must be found.
fn mutations(wanted: &Wanted) -> Result<()> {
    let most = if wanted.quick { 400 } else { 4000 };
    for mutation in Mutation::ALL {
        let broken =
            |number: &u64| World::play(troubled(wanted.seed + number, 5, 60, Some(mutation))).err();
        let found = (0..most).find_map(|number| Some((number, broken(&number)?)));
        match found {
            Some((number, broken)) => {
                println!("{mutation:?}: found in history {number}: {}", broken.what);
            }
            None => bail!("{mutation:?} was not found in {most} histories"),
        }
    }
    Ok(())
}

/// What grows with the number of replicas.
fn scale(wanted: &Wanted) -> Result<()> {
    println!(
        "\n| replicas | regions | T s | rollback p50 / p99 ms | commits/s | messages/s | KB/s | a change: messages, KB |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut sizes: Vec<usize> =
        [3, 10, 30, 100, 300, 1000].into_iter().filter(|it| *it < wanted.replicas).collect();
    sizes.push(wanted.replicas);
    for (regions, seconds) in [(1, 3), (5, 3), (1, 10)] {
        for &replicas in &sizes {
            let fleet = Scale {
                replicas,
                fresh_for: Duration::from_secs(seconds),
                regions,
                region: Duration::from_millis(20),
                seed: wanted.seed,
            };
            let it = match fleet.measure() {
                Ok(figures) => figures,
                Err(broken) => bail!("{replicas} replicas: {}", broken.what),
            };
            println!(
                "| {replicas} | {regions} | {seconds} | {:.1} / {:.1} | {:.0} | {:.0} | {:.0} | {}, {} |",
                it.p50.as_secs_f64() * 1e3,
                it.p99.as_secs_f64() * 1e3,
                it.commits,
                it.messages,
                it.bytes / 1e3,
                it.change.messages,
                it.change.bytes / 1000
            );
        }
        if wanted.quick {
            break;
        }
    }
    Ok(())
}
