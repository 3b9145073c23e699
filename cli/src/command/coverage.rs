//! `stagegate eval coverage`: production requests against a frozen set.

use super::dataset::{case, extend, read};
use super::embeddings::Embeddings;
use super::samples::{FilterArgs, all};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::output::table::{Table, wrapped};
use crate::output::{self, Format, Progress, one_line, percent};
use clap::Args;
use serde_json::{Value, json};
use stagegate_api::{SampleDetail, SampleReason};
use stagegate_eval::coverage::{Asked, Coverage, Group, coverage};
use stagegate_eval::gate::set_hash;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Requests that are compared where no number is given.
const MOST: usize = 500;
/// Clusters that are shown.
const SHOWN: usize = 10;

/// Options of `eval coverage`.
#[derive(Args, Debug)]
pub(crate) struct CoverageArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// The frozen set: JSON Lines, each with `id` and `input`, as `dataset export` writes them.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Compare at most this many of the newest random samples; 500 if left out.
    #[arg(short = 'n', long)]
    limit: Option<usize>,
    /// Compare by meaning: where a model of sentences speaks OpenAI's embeddings API, like
    /// `http://127.0.0.1:8701/v1/embeddings`. By words if left out. The key is in STAGEGATE_EMBEDDINGS_KEY.
    #[arg(long, value_name = "URL")]
    embeddings: Option<String>,
    /// The model's name there.
    #[arg(long, value_name = "NAME", default_value = "all-MiniLM-L6-v2", requires = "embeddings")]
    embeddings_model: String,
    /// Smallest similarity that counts as near, from 0 to 1.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.5)]
    near: f64,
    /// Write the result, for `checklist attach WORKLOAD A2 --file FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Add the requests that are not covered to this dataset, as cases to review.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

/// A frozen set as it is compared.
struct Set {
    cases: Vec<Asked>,
    content_hash: String,
    ids_hash: String,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &CoverageArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    if !(0.0..=1.0).contains(&args.near) {
        return Err(Failure::Usage("--near is a number from 0 to 1".to_owned()));
    }
    let set = set(&args.dataset)?;
    let (mut asked, mut details) = (Vec::new(), BTreeMap::new());
    let found = all(client, &args.filter, args.limit.unwrap_or(MOST))?;
    let random: Vec<_> = found.iter().filter(|it| it.reason == SampleReason::Random).collect();
    let progress = Progress::bar(random.len() as u64, "reading samples");
    for summary in random {
        progress.step();
        let answer = client.get(&format!("/v1/samples/{}", segment(&summary.id)))?;
        let detail: SampleDetail = typed(&answer)?;
        asked.push(Asked::of(&summary.id, &detail.sample["input"]));
        details.insert(summary.id.clone(), detail);
    }
    drop(progress);
    let mut cases = set.cases;
    if let Some(url) = &args.embeddings {
        let key = std::env::var("STAGEGATE_EMBEDDINGS_KEY").ok();
        let server = Embeddings { url, model: &args.embeddings_model, key: key.as_deref() };
        (asked, cases) = (server.of(asked)?, server.of(cases)?);
    }
    let result = coverage(&asked, &cases, args.near);
    let added = args.into.as_deref().map(|into| add(into, &result, &details)).transpose()?;
    let told = json!({
        "coverage": {
            "share": result.share, "samples": result.samples,
            "content_hash": set.content_hash, "ids_hash": set.ids_hash,
        },
        "found": result, "added": added,
    });
    if let Some(path) = &args.out {
        std::fs::write(path, output::json(&told))
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))?;
    }
    output::show(format, &told, || text(&result, added));
    Ok(ExitCode::SUCCESS)
}

/// The last version of each case of a set, without those that a reviewer rejected.
fn set(path: &Path) -> Result<Set, Failure> {
    let usage = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|it| usage(format!("cannot be read: {it}")))?;
    let mut cases: BTreeMap<String, (Asked, Option<String>)> = BTreeMap::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: &str| usage(format!("line {}: {why}", n + 1));
        let value: Value =
            serde_json::from_str(line).map_err(|it| wrong(&format!("is no JSON: {it}")))?;
        let id = value["id"].as_str().ok_or_else(|| wrong("has no `id`"))?;
        let input = value.get("input").ok_or_else(|| wrong("has no `input`"))?;
        if value["review"]["status"] == "rejected" {
            cases.remove(id);
            continue;
        }
        let hash = value["content_hash"].as_str().map(str::to_owned);
        cases.insert(id.to_owned(), (Asked::of(id, input), hash));
    }
    if cases.is_empty() {
        return Err(usage("holds no case: write one JSON object a line".to_owned()));
    }
    let of = |with: bool| {
        let pairs = cases.iter().map(|(id, (_, it))| (id.as_str(), it.clone().filter(|_| with)));
        set_hash(&pairs.collect::<Vec<_>>())
    };
    let (content_hash, ids_hash) = (of(true), of(false));
    Ok(Set { cases: cases.into_values().map(|it| it.0).collect(), content_hash, ids_hash })
}

/// Adds what is not covered to a dataset; the number of new cases.
fn add(
    path: &Path,
    found: &Coverage,
    details: &BTreeMap<String, SampleDetail>,
) -> Result<usize, Failure> {
    let mut set = read(path)?;
    let before = set.version();
    let ids = found.uncovered.iter().flat_map(|it| &it.ids);
    let cases = ids.filter_map(|id| case(details.get(id)?).transpose());
    let added = set.append(cases.collect::<Result<_, _>>()?);
    extend(path, &set.write_after(before))?;
    Ok(added)
}

fn text(found: &Coverage, added: Option<usize>) -> String {
    let mut text = format!(
        "{} of {} requests are near one of {} cases\n",
        percent(found.share),
        found.samples,
        found.cases
    );
    let mut table = Table::new(["group", "requests", "covered", "cases"]).right([1, 2, 3]);
    let groups =
        [("language", &found.languages), ("length", &found.lengths), ("tool", &found.tools)];
    for (kind, groups) in groups {
        for (name, Group { requests, covered, cases }) in groups {
            table.row(vec![
                format!("{kind} {name}"),
                requests.to_string(),
                covered.to_string(),
                cases.to_string(),
            ]);
        }
    }
    text.push_str(&table.to_string());
    for cluster in found.uncovered.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "\nnot covered: {} requests ({}, {})",
            cluster.requests,
            percent(cluster.share),
            cluster.language
        );
        for example in &cluster.examples {
            let short: String = example.chars().take(200).collect();
            text.push_str(&wrapped(&one_line(&short), 2));
        }
    }
    let more = found.uncovered.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(text, "\nand {more} smaller groups");
    }
    if let Some(added) = added {
        let _ = writeln!(text, "\n{added} cases to review were added");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::set;
    use stagegate_eval::gate::{Run, compare};

    #[test]
    fn a_set_has_the_digest_of_the_runs_that_were_made_with_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cases.jsonl");
        let lines = [
            r#"{"id":"b","input":"two","content_hash":"h-b"}"#,
            r#"{"id":"a","input":"one","content_hash":"h-a"}"#,
            r#"{"id":"gone","input":"x"}"#,
            r#"{"id":"gone","input":"x","review":{"status":"rejected"}}"#,
        ];
        std::fs::write(&path, lines.join("\n")).expect("written");
        let set = set(&path).expect("a set");
        assert_eq!(set.cases.len(), 2);
        let run = |hash: bool| {
            let line = |id: &str| match hash {
                true => format!(r#"{{"id":"{id}","pass":true,"content_hash":"h-{id}"}}"#),
                false => format!(r#"{{"id":"{id}","pass":true}}"#),
            };
            Run::read("run", &format!("{}\n{}", line("a"), line("b"))).expect("a run")
        };
        assert_eq!(compare(&run(true), &run(true)).content_hash, set.content_hash);
        assert_eq!(compare(&run(false), &run(false)).content_hash, set.ids_hash);
        std::fs::write(&path, "{}").expect("written");
        assert!(super::set(&path).is_err_and(|it| it.to_string().contains("line 1")));
    }
}
