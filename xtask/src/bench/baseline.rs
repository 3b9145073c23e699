//! Instruction counts that were committed, and how others compare with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// The allowed growth of an operation's cost, as a share.
const ALLOWED: f64 = 0.05;

/// Instructions per operation of one case.
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) instructions: f64,
}

/// Instructions per operation by case, and what they were counted with.
#[derive(Debug)]
pub(super) struct Baseline {
    pub(super) compiler: String,
    pub(super) target: String,
    cases: BTreeMap<String, f64>,
}

impl Baseline {
    /// Figures just counted. An error if there are none, or one is not a cost.
    pub(super) fn new(compiler: String, target: String, counted: Vec<Counted>) -> Result<Self> {
        ensure!(!counted.is_empty(), "there is no case to count");
        let mut cases = BTreeMap::new();
        for Counted { name, instructions } in counted {
            ensure!(instructions >= 1.0, "{name} takes {instructions} instructions: not a cost");
            // One decimal is exact enough, and keeps changes to the file readable.
            cases.insert(name, (instructions * 10.0).round() / 10.0);
        }
        Ok(Self { compiler, target, cases })
    }

    /// Reads the committed file.
    pub(super) fn read(text: &str) -> Result<Self> {
        let file: Value = serde_json::from_str(text).context("reading it as JSON")?;
        let words = |key: &str| {
            file[key].as_str().map(str::to_owned).with_context(|| format!("`{key}` is no text"))
        };
        let cases = file["instructions"].as_object().context("`instructions` is no table")?;
        let counted = cases.iter().map(|(name, value)| {
            let instructions = value.as_f64().with_context(|| format!("{name} is {value}"))?;
            Ok(Counted { name: name.clone(), instructions })
        });
        Self::new(words("compiler")?, words("target")?, counted.collect::<Result<_>>()?)
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String> {
        let cases: Map<String, Value> =
            self.cases.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        let file = json!({
            "compiler": self.compiler,
            "target": self.target,
            "instructions": cases,
        });
        Ok(serde_json::to_string_pretty(&file).context("writing JSON")? + "\n")
    }

    /// Every case of either side, by name.
    pub(super) fn compare(&self, found: &Self) -> Comparison {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (name, count) in &self.cases {
            rows.entry(name.clone()).or_default().committed = Some(*count);
        }
        for (name, count) in &found.cases {
            rows.entry(name.clone()).or_default().found = Some(*count);
        }
        Comparison(rows)
    }
}

/// Committed and found figures side by side.
pub(super) struct Comparison(BTreeMap<String, Row>);

/// One case; a side that does not have it has no figure.
#[derive(Clone, Copy, Default)]
struct Row {
    committed: Option<f64>,
    found: Option<f64>,
}

impl Row {
    /// The growth of the cost, as a share.
    fn change(self) -> Option<f64> {
        Some(self.found? / self.committed? - 1.0)
    }

    /// The problem, if there is one.
    fn fault(self) -> Option<String> {
        match (self.committed, self.found, self.change()) {
            (None, ..) => Some("has no committed figure".to_owned()),
            (_, None, _) => Some("is committed, but there is no such case".to_owned()),
            (.., Some(change)) if change > ALLOWED + 1e-9 => {
                Some(format!("takes {:+.1}% instructions", change * 100.0))
            }
            _ => None,
        }
    }
}

impl Comparison {
    /// A table for people.
    pub(super) fn table(&self) -> String {
        let figure = |count: Option<f64>| count.map_or("-".to_owned(), |n| format!("{n:.1}"));
        let mut table =
            String::from("| case | instructions committed | now | change |\n|---|--:|--:|--:|\n");
        for (name, row) in &self.0 {
            let change =
                row.change().map_or("-".to_owned(), |change| format!("{:+.1}%", change * 100.0));
            let _ = writeln!(
                table,
                "| {name} | {} | {} | {change} |",
                figure(row.committed),
                figure(row.found)
            );
        }
        table
    }

    /// An error that names every case that is too dear or on one side only.
    pub(super) fn verdict(&self) -> Result<()> {
        let faults: Vec<String> = self
            .0
            .iter()
            .filter_map(|(name, row)| Some(format!("{name} {}", row.fault()?)))
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        bail!(
            "{}; at most {:+.0}% is allowed. If it is meant, commit what `cargo xtask bench --bless` writes",
            faults.join("; "),
            ALLOWED * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(cases: &[(&str, f64)]) -> Baseline {
        let counted = cases
            .iter()
            .map(|(name, instructions)| Counted {
                name: (*name).to_owned(),
                instructions: *instructions,
            })
            .collect();
        Baseline::new("rustc 1.0".to_owned(), "here".to_owned(), counted).expect("costs")
    }

    fn verdict(committed: &[(&str, f64)], found: &[(&str, f64)]) -> Result<(), String> {
        baseline(committed).compare(&baseline(found)).verdict().map_err(|error| error.to_string())
    }

    #[test]
    fn five_per_cent_pass_and_six_do_not() {
        assert_eq!(verdict(&[("choose", 100.0)], &[("choose", 105.0)]), Ok(()));
        assert_eq!(verdict(&[("choose", 100.0)], &[("choose", 50.0)]), Ok(()));
        let error = verdict(&[("choose", 100.0)], &[("choose", 106.0)]).expect_err("too dear");
        assert!(error.starts_with("choose takes +6.0% instructions;"), "{error}");
    }

    #[test]
    fn a_case_on_one_side_only_is_an_error() {
        let [one, two] = [[("a", 9.0)].as_slice(), &[("a", 9.0), ("b", 9.0)]];
        let error = verdict(one, two).expect_err("b is new");
        assert!(error.starts_with("b has no committed figure;"), "{error}");
        let error = verdict(two, one).expect_err("b is gone");
        assert!(error.starts_with("b is committed, but there is no such case;"), "{error}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = baseline(&[("a", 123.44), ("b", 1e6)]);
        let read = Baseline::read(&written.text().expect("JSON")).expect("the same");
        assert_eq!((read.compiler.as_str(), read.target.as_str()), ("rustc 1.0", "here"));
        assert_eq!(read.cases, BTreeMap::from([("a".to_owned(), 123.4), ("b".to_owned(), 1e6)]));
    }

    #[test]
    fn a_damaged_file_and_a_cost_of_nothing_are_refused() {
        for text in ["", "{}", r#"{"compiler":"c","target":"t","instructions":{"a":"many"}}"#] {
            assert!(Baseline::read(text).is_err(), "{text}");
        }
        let free = vec![Counted { name: "a".to_owned(), instructions: 0.0 }];
        let error = Baseline::new(String::new(), String::new(), free).expect_err("free");
        assert_eq!(error.to_string(), "a takes 0 instructions: not a cost");
    }
}
