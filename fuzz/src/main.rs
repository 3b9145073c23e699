//! Writes each target's seeds and dictionary where libFuzzer looks for them, and prints the names.
//!
//! `stagegate-fuzz-seeds DIR` makes `DIR/TARGET/corpus/*` and `DIR/TARGET/dictionary`.

#![allow(clippy::print_stdout, reason = "a command line program")]

use stagegate_fuzz::{TARGETS, Target};
use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::path::Path;

fn main() -> Result<()> {
    let dir = std::env::args_os().nth(1).ok_or_else(|| Error::other("usage: DIR"))?;
    for target in TARGETS {
        write(target, &Path::new(&dir).join(target.name))?;
        println!("{}", target.name);
    }
    Ok(())
}

fn write(target: &Target, dir: &Path) -> Result<()> {
    let corpus = dir.join("corpus");
    fs::create_dir_all(&corpus)?;
    for (number, seed) in target.seeds.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed)?;
    }
    let mut words = String::new();
    for word in target.dictionary {
        let bytes = word.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\x{byte:02x}");
            text
        });
        let _ = writeln!(words, "\"{bytes}\"");
    }
    fs::write(dir.join("dictionary"), words)
}
