//! Repeats one case so many times and ends: what `cargo xtask bench --check` counts the
//! instructions of. Without arguments it lists the cases, each with its cycle.

#![allow(clippy::print_stdout, reason = "a command line program")]

use std::env;

use anyhow::{Context, Result, bail};
use stagegate_micro::{CASES, Case};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            for case in CASES {
                println!("{} {}", case.name, case.cycle);
            }
            Ok(())
        }
        [name, times] => repeat(name, times),
        _ => bail!("give a case and how often to repeat it, or nothing for the list of cases"),
    }
}

fn repeat(name: &str, times: &str) -> Result<()> {
    let case = Case::named(name)
        .with_context(|| format!("there is no case `{name}`; without arguments I list them"))?;
    let times: u64 = times
        .parse()
        .with_context(|| format!("`{times}` is not how often to repeat it: give a whole number"))?;
    let mut operation = case.prepare()?;
    for _ in 0..times {
        operation();
    }
    Ok(())
}
