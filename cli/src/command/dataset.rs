//! `stagegate dataset`: cases out of what was sampled.

use super::samples::{FilterArgs, all};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::{self, Format, Progress, counted};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_api::{SampleDetail, SampleReview};
use stagegate_eval::dataset::{Dataset, Record, Review, ReviewStatus, Split};
use stagegate_eval::{Sample, Score};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Cases that are written where no number is given.
const MOST: usize = 1000;

/// The commands below `dataset`.
#[derive(Subcommand, Debug)]
pub(crate) enum DatasetCommand {
    /// Write samples as JSON lines, one case each, oldest first. An answer becomes the expected one
    /// only by a review.
    #[command(after_help = examples!("dataset export support-agent --failed -n 200 > failures.jsonl", "dataset export support-agent --into cases.jsonl"))]
    Export(ExportArgs),
}

/// The samples, and the file they go to.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most this many, the newest ones; 1000 if left out.
    #[arg(short = 'n', long)]
    limit: Option<usize>,
    /// Add what is new to this dataset, as its next version, instead of printing. What is in it
    /// stays as it is; a set with a case that was changed in place is refused.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &DatasetCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let DatasetCommand::Export(args) = command;
    // Looked at before anything is asked.
    let into = args.into.as_deref().map(|path| Ok((path, read(path)?))).transpose()?;
    let found = all(client, &args.filter, args.limit.unwrap_or(MOST))?;
    let (mut cases, mut written) = (Vec::new(), 0);
    let progress = Progress::bar(found.len() as u64, "reading samples");
    for summary in found.iter().rev() {
        progress.step();
        let answer = client.get(&format!("/v1/samples/{}", segment(&summary.id)))?;
        let detail: SampleDetail = typed(&answer)?;
        let Some(case) = case(&detail)? else { continue };
        written += 1;
        match into {
            Some(_) => cases.push(case),
            None => output::answer(&output::json_line(&json!(case))),
        }
    }
    drop(progress);
    if let Some(why) = fewer(args, found.len(), written) {
        output::note(&why);
    }
    if let Some((path, mut set)) = into {
        let before = set.version();
        let added = set.append(cases);
        extend(path, &set.write_after(before))?;
        let version = set.version();
        let told = json!({ "file": path, "added": added, "dataset_version": version });
        output::show(format, &told, || match added {
            0 => format!("nothing new: version {version} stands\n"),
            n => format!("{n} new, version {version}\n"),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the reason why there are fewer cases than requested; `None` if there are as many.
fn fewer(args: &ExportArgs, found: usize, written: usize) -> Option<String> {
    let limit = args.limit.unwrap_or(MOST);
    if written == limit || (found == written && args.limit.is_none()) {
        return None;
    }
    let asked = args.limit.map_or_else(String::new, |limit| format!(" of {limit} asked for"));
    let mut why = format!("{}{asked}:", counted(written as u64, "case"));
    if found < limit {
        let match_ = if found == 1 { "matches" } else { "match" };
        why.push_str(&format!(" {} {match_}", counted(found as u64, "sample")));
    }
    if written < found {
        let left_out = found - written;
        why.push_str(&format!(
            "{} {left_out} left out, because they passed and were not picked at random: they would \
             bias the representative split",
            if found < limit { "," } else { "" }
        ));
    }
    Some(why)
}

/// The set in a file; one that is not there is empty.
pub(super) fn read(path: &Path) -> Result<Dataset, Failure> {
    let usage = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => Dataset::read(&text).map_err(|error| usage(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Dataset::default()),
        Err(error) => Err(usage(format!("cannot be read: {error}"))),
    }
}

/// Adds lines at the end and nowhere else, on the disk when this returns.
pub(super) fn extend(path: &Path, lines: &str) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        let ends = ends_a_line(path)?;
        file.write_all(format!("{}{lines}", if ends { "" } else { "\n" }).as_bytes())?;
        file.sync_all()
    };
    write()
        .map_err(|error| Failure::Usage(format!("{}: cannot be written: {error}", path.display())))
}

/// Returns true if the file is empty or ends with a line feed.
fn ends_a_line(path: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// One case, or none for a sample that would bias the representative split. `expected` is what a
/// labelled set or a reviewer said, and never what was answered.
pub(super) fn case(detail: &SampleDetail) -> Result<Option<Record>, Failure> {
    let mut sample: Sample = typed(&detail.sample)?;
    if let Some(right) = detail.review.as_ref().and_then(|review| review.expected.clone()) {
        sample.expected = Some(right);
    }
    let scores = detail.scores.iter().map(|said| Score {
        pass: said.pass,
        value: said.value,
        label: said.label.clone(),
        explanation: said.explanation.clone(),
        ..Score::unscored(&said.name, "")
    });
    let case = Record::of(&sample, &scores.collect::<Vec<_>>());
    Ok(case.map(|case| match &detail.review {
        Some(review) => {
            let status = status(review, case.split);
            let (by, at) = (Some(review.by.clone()), Some(review.at_ms));
            case.reviewed(Review { status, by, at })
        }
        None => case,
    }))
}

/// A regression case is rejected if the reviewer found the response correct, whatever the scorers
/// say.
fn status(review: &SampleReview, split: Split) -> ReviewStatus {
    match split {
        Split::Regression if review.verdict == "pass" => ReviewStatus::Rejected,
        Split::Regression | Split::Representative => ReviewStatus::Approved,
    }
}

#[cfg(test)]
mod tests {
    use super::{ExportArgs, case, extend, fewer, read};
    use clap::Parser;
    use serde_json::{Value, json};
    use stagegate_api::SampleDetail;
    use stagegate_eval::dataset::{Record, ReviewStatus, Split};

    fn detail(id: &str, review: Option<Value>) -> SampleDetail {
        let sample = json!({
            "id": id, "at_ms": 1, "workload": "agent", "release": "v2", "arm": "candidate",
            "reason": "random", "input": "2+2?", "output": { "kind": "text", "value": "5" },
        });
        let mut detail = json!({
            "summary": {
                "id": id, "at_ms": 1, "workload": "agent", "release": "v2", "arm": "candidate",
                "reason": "random", "open": false, "pass": false, "label": null,
            },
            "sample": sample,
            "scores": [{ "name": "sum", "pass": false, "value": 0.0, "label": null,
                         "explanation": null, "by": "scorer", "at_ms": 2 }],
        });
        if let Some(review) = review {
            detail["review"] = review;
        }
        serde_json::from_value(detail).expect("a detail")
    }

    fn made(id: &str, review: Option<Value>) -> Record {
        case(&detail(id, review)).expect("a sample").expect("a case")
    }

    #[test]
    fn only_a_reviewer_says_what_is_right() {
        let plain = made("a", None);
        assert_eq!((plain.split, plain.expected), (Split::Regression, None));
        assert_eq!(plain.review.status, ReviewStatus::Pending);
        let said = |verdict: &str, expected: Value| {
            let review =
                json!({ "verdict": verdict, "expected": expected, "by": "ann", "at_ms": 9 });
            made("a", Some(review))
        };
        let failed = said("fail", json!("4"));
        assert_eq!(
            (failed.review.status, failed.expected.clone()),
            (ReviewStatus::Approved, Some(json!("4")))
        );
        assert_eq!(failed.review.by.as_deref(), Some("ann"));
        assert!(failed.is_intact());
        let passed = said("pass", Value::Null);
        assert_eq!((passed.review.status, passed.expected), (ReviewStatus::Rejected, None));
    }

    #[test]
    fn a_file_only_grows_and_a_changed_one_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cases.jsonl");
        let export = |cases: Vec<Record>| {
            let mut set = read(&path).expect("a set");
            let before = set.version();
            let added = set.append(cases);
            extend(&path, &set.write_after(before)).expect("written");
            (added, set.version())
        };
        assert_eq!(export(vec![made("a", None)]), (1, 1));
        let first = std::fs::read_to_string(&path).expect("there");
        assert_eq!(export(vec![made("a", None)]), (0, 1));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), first);
        // An editor may have taken the last line's end away.
        std::fs::write(&path, first.trim_end()).expect("written");
        let review = json!({ "verdict": "fail", "expected": "4", "by": "ann", "at_ms": 9 });
        assert_eq!(export(vec![made("a", Some(review)), made("b", None)]), (2, 2));
        let second = std::fs::read_to_string(&path).expect("there");
        assert!(second.starts_with(&first) && second.lines().count() == 3, "{second}");
        std::fs::write(&path, second.replacen("2+2?", "2+3?", 1)).expect("written");
        let refused = read(&path).expect_err("changed in place").to_string();
        assert!(
            refused.contains("cases.jsonl: line 1") && refused.contains("changed in place"),
            "{refused}"
        );
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ExportArgs,
    }

    #[test]
    fn fewer_cases_than_asked_for_are_explained() {
        let args = |line: &[&str]| Line::try_parse_from(line).expect("right").args;
        let sixty = args(&["export", "-n", "60"]);
        let why = fewer(&sixty, 25, 10).expect("fewer");
        assert!(
            why.starts_with("10 cases of 60 asked for: 25 samples match, 15 left out"),
            "{why}"
        );
        let why = fewer(&sixty, 60, 10).expect("fewer");
        assert!(why.starts_with("10 cases of 60 asked for: 50 left out"), "{why}");
        assert_eq!(fewer(&sixty, 60, 60), None);
        assert_eq!(fewer(&args(&["export"]), 7, 7), None);
        assert!(fewer(&args(&["export"]), 7, 5).is_some());
    }
}
