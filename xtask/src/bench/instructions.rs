//! `cargo xtask bench --check` and `--bless`: instructions per operation of the pure hot paths.
//!
//! Time on a shared machine varies by tens of per cent; the number of instructions hardly does, so
//! that a small regression shows in one run. What counts is the same on one machine with one
//! compiler only, which is why this is no part of `cargo xtask test`: another compiler, standard
//! library or C library moves the figures without anybody having changed the code.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bench::baseline::{Baseline, Counted};
use crate::process::{output, run};
use crate::project::Project;
use crate::tools;

/// The committed figures.
const BASELINE: &str = "benches/micro/instructions.json";
/// Between the short and the long run of a case lie so many times its cycle.
const CYCLES: u64 = 20;

/// Counts every case and fails if one costs more than the committed figure allows.
pub(super) fn check(project: &Project) -> Result<()> {
    let file = project.path(BASELINE);
    let text = fs::read_to_string(&file).with_context(|| {
        format!("reading {}; `cargo xtask bench --bless` writes it", file.display())
    })?;
    let committed = Baseline::read(&text).with_context(|| format!("in {}", file.display()))?;
    let found = measure(project)?;
    if committed.target != found.target {
        bail!(
            "the committed instruction counts are of {}, and this machine is {}: they do not compare",
            committed.target,
            found.target
        );
    }
    if committed.compiler != found.compiler {
        println!(
            "note: counted by {}, committed by {}; differences may be the compiler's",
            found.compiler, committed.compiler
        );
    }
    let comparison = committed.compare(&found);
    print!("{}", comparison.table());
    comparison.verdict()
}

/// Counts every case and writes the figures to be committed.
pub(super) fn bless(project: &Project) -> Result<()> {
    let file = project.path(BASELINE);
    let found = measure(project)?;
    match fs::read_to_string(&file).ok().map(|text| Baseline::read(&text)) {
        Some(Ok(before)) => print!("{}", before.compare(&found).table()),
        Some(Err(error)) => println!("replacing figures that cannot be read: {error:#}"),
        None => {}
    }
    fs::write(&file, found.text()?).with_context(|| format!("writing {}", file.display()))?;
    println!("written to {}", file.display());
    Ok(())
}

fn measure(project: &Project) -> Result<Baseline> {
    tools::system("valgrind", "valgrind")?;
    let (compiler, target) = compiler(project)?;
    run(&mut project.cargo(&["build", "--release", "--locked", "--package", "stagegate-micro"]))?;
    let program = project.cargo_target().join("release/stagegate-micro");
    let dir = project.scratch("bench/callgrind")?;
    let mut cases = Vec::new();
    for (name, cycle) in list(&output(&mut Command::new(&program))?)? {
        let short = cycle;
        let long = cycle * (CYCLES + 1);
        // Starting up, making the inputs and the first, slower cycle are in both counts.
        let few = count(&program, &dir, &name, short)?;
        let many = count(&program, &dir, &name, long)?;
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let each = many.saturating_sub(few) as f64 / (long - short) as f64;
        cases.push(Counted { name, instructions: each });
    }
    Baseline::new(compiler, target, cases)
}

/// Name and cycle of every case, from what the program lists.
fn list(printed: &str) -> Result<Vec<(String, u64)>> {
    printed
        .lines()
        .map(|line| {
            let (name, cycle) = line.split_once(' ').with_context(|| format!("no case: {line}"))?;
            let cycle = cycle.parse().with_context(|| format!("the cycle of {name}: {cycle}"))?;
            Ok((name.to_owned(), cycle))
        })
        .collect()
}

/// Instructions of the whole program when it repeats a case so many times.
fn count(program: &Path, dir: &Path, case: &str, times: u64) -> Result<u64> {
    let counts = dir.join(format!("{case}.{times}.out"));
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program)
        .args([case, &times.to_string()]);
    output(&mut command).with_context(|| format!("counting the instructions of {case}"))?;
    let text = fs::read_to_string(&counts)
        .with_context(|| format!("reading what valgrind counted, {}", counts.display()))?;
    total(&text).with_context(|| format!("in {}", counts.display()))
}

/// The sum over the program, from a file of callgrind's.
fn total(text: &str) -> Result<u64> {
    let counts = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")))
        .context("no line begins with `summary:` or `totals:`")?;
    let first = counts.split_whitespace().next().unwrap_or_default();
    first.parse().with_context(|| format!("`{first}` is no count of instructions"))
}

/// The compiler's version and the machine it compiles for.
fn compiler(project: &Project) -> Result<(String, String)> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(rustc).arg("-vV").current_dir(project.root()))?;
    let version = said.lines().next().context("rustc -vV says nothing")?;
    let target = said
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc -vV does not name its host")?;
    Ok((version.to_owned(), target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_cases_is_read_or_refused() {
        let cases = list("choose 1024\nparse 1\n").expect("well formed");
        assert_eq!(cases, [("choose".to_owned(), 1024), ("parse".to_owned(), 1)]);
        assert!(list("choose often\n").is_err());
        assert!(list("choose\n").is_err());
    }

    #[test]
    fn the_total_is_found_in_what_callgrind_writes() {
        let text = "version: 1\nevents: Ir\nsummary: 1845\n\nfn=(1)\n12 40\n\ntotals: 1845\n";
        assert_eq!(total(text).expect("there"), 1845);
        assert_eq!(total("events: Ir\ntotals: 7\n").expect("there"), 7);
        assert!(total("events: Ir\n").is_err());
    }
}
