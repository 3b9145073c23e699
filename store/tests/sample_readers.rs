//! Every place that reads samples says which ones it means.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

/// The files that read samples, and which they mean: of which release, picked for which reason.
const READERS: [(&str, &str); 12] = [
    (
        "admin/src/api/routes/reviews.rs",
        "any that waits for a person; arm and release are withheld",
    ),
    (
        "admin/src/api/routes/samples.rs",
        "what the caller asks for: release and reason are parameters",
    ),
    ("admin/src/sources/scored_samples.rs", "hands the filter of a route on"),
    (
        "cli/src/command/coverage.rs",
        "what the options say, picked at random: what users asked, not what went wrong",
    ),
    (
        "cli/src/command/dataset.rs",
        "what the options say; the reason decides how a case is weighted",
    ),
    (
        "cli/src/command/eval_now.rs",
        "the releases in force at its start, answers that a client got",
    ),
    ("cli/src/command/rerun.rs", "one, by its id"),
    ("cli/src/command/samples.rs", "what the options say; the table shows the reason"),
    ("scoring/src/scoring.rs", "every open one: each is judged, whatever its reason"),
    ("store/src/samples/pairs.rs", "two that name each other: stable's and a shadow's"),
    ("store/src/samples/read.rs", "the filter's"),
    ("store/src/samples/write.rs", "the one of an id, or the oldest of all"),
];

fn sources(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_reader_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for crate_dir in ["admin", "cli", "control", "demo", "scoring", "store", "telemetry"] {
        sources(&root.join(crate_dir).join("src"), &mut files);
    }
    sources(&root.join("src"), &mut files);
    let reads = |text: &str| {
        ["FROM sample ", "FROM sample\n", "/v1/samples", "SampleFilter {", ".open_samples("]
            .iter()
            .any(|sign| text.contains(sign))
    };
    let found: BTreeSet<String> = files
        .iter()
        .filter(|path| reads(&std::fs::read_to_string(path).unwrap()))
        .map(|path| path.strip_prefix(root).unwrap().display().to_string())
        .collect();
    let known: BTreeSet<String> = READERS.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(found, known, "say in READERS which samples a reader means");
}
