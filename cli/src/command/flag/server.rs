//! Flags of a running server.

use super::args::{DiffArgs, ExportArgs, HistoryArgs, TestArgs};
use super::diff;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::command::audit;
use crate::output::table::Table;
use crate::output::{self, Format, counted, one_line};
use serde_json::{Value, json};
use stagegate_api::{
    Audit, EvaluateFlags, FlagDetail, FlagEvaluations, FlagFileText, FlagFiles, Flags, UnknownFlag,
};
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::http::Method;

pub(super) fn ls(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/flags")?;
    let flags: Flags = typed(&answer)?;
    output::show(format, &answer, || {
        let mut table =
            Table::new(["flag", "state", "variants", "default", "rule", "run time", "owner"])
                .whole([0]);
        for flag in &flags.flags {
            let owner = flag.metadata.get("owner").and_then(Value::as_str).unwrap_or_default();
            let default = flag.default_variant.as_deref().unwrap_or("the caller's");
            table.row(vec![
                flag.flag.clone(),
                if flag.enabled { "on" } else { "off" }.to_owned(),
                flag.variants.join(", "),
                default.to_owned(),
                if flag.has_rule { "yes" } else { "no" }.to_owned(),
                flag.words.join("; "),
                owner.to_owned(),
            ]);
        }
        let mut text = table.or("no flags");
        let noted = flags.flags.iter().flat_map(|flag| {
            flag.remarks.iter().map(|remark| format!("! {}: {remark}", flag.flag))
        });
        let gone = flags.orphans.iter().map(|key| {
            format!(
                "! {key} was changed at run time and no file has it: `stagegate flag rm {key}` forgets it"
            )
        });
        for line in noted.chain(gone) {
            let _ = writeln!(text, "{}", one_line(&line));
        }
        text + &unknown_lines(&flags.unknown)
    });
    Ok(ExitCode::SUCCESS)
}

/// Flags that may be removed, and why.
pub(super) fn stale(
    client: &AdminClient,
    unused: Duration,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/flags")?;
    let mut flags: Flags = typed(&answer)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = now.saturating_sub(unused).as_millis() as u64;
    for flag in &mut flags.flags {
        match flag.last_evaluated_ms {
            Some(last) if last < before => {
                flag.stale.push(format!("not evaluated since {}", output::moment(last)));
            }
            None if flags.since_ms < before => {
                let since = output::moment(flags.since_ms);
                flag.stale.push(format!("not evaluated since the process started, {since}"));
            }
            _ => {}
        }
    }
    flags.flags.retain(|flag| !flag.stale.is_empty());
    let told: Vec<Value> =
        flags.flags.iter().map(|flag| json!({ "flag": flag.flag, "stale": flag.stale })).collect();
    let unknown = &flags.unknown;
    output::show(format, &json!({ "flags": told, "unknown": unknown }), || {
        let mut table = Table::new(["flag", "owner", "why"]).whole([0]);
        for flag in &flags.flags {
            let owner = flag.metadata.get("owner").and_then(Value::as_str).unwrap_or_default();
            table.row(vec![flag.flag.clone(), owner.to_owned(), flag.stale.join("; ")]);
        }
        table.or("no flag is stale") + &unknown_lines(unknown)
    });
    Ok(ExitCode::SUCCESS)
}

fn unknown_lines(unknown: &[UnknownFlag]) -> String {
    unknown.iter().fold(String::new(), |mut text, it| {
        let times = counted(it.count, "time");
        let _ =
            writeln!(text, "! {} was asked for {times}, and no file has it", one_line(&it.flag));
        text
    })
}

pub(super) fn show(client: &AdminClient, key: &str, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get(&path(key))?;
    let flag: FlagDetail = typed(&answer)?;
    output::show(format, &answer, || {
        let state = if flag.enabled { "on" } else { "off" };
        let place = one_line(&format!("{}:{}", flag.file, flag.line));
        let mut text = format!("{} is {state}, in {place}\n", one_line(&flag.flag));
        let variants = flag.definition.get("variants").and_then(Value::as_object);
        for (name, value) in variants.into_iter().flatten() {
            let mark = if flag.default_variant.as_ref() == Some(name) { "  (default)" } else { "" };
            let _ = writeln!(text, "  {} = {value}{mark}", one_line(name));
        }
        if !flag.words.is_empty() {
            let _ = writeln!(text, "at run time, before the rule (epoch {}):", flag.epoch);
        }
        for line in &flag.words {
            let _ = writeln!(text, "  {}", one_line(line));
        }
        for remark in &flag.remarks {
            let _ = writeln!(text, "  ! {}", one_line(remark));
        }
        if let Some(rule) = flag.definition.get("targeting").filter(|_| flag.has_rule) {
            let _ = writeln!(text, "rule, with bucketing {}:", flag.bucketing);
            for line in output::json(rule).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        for (name, value) in &flag.metadata {
            let _ = writeln!(text, "{}: {}", one_line(name), one_line(&value.to_string()));
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn test(
    client: &AdminClient,
    args: &TestArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let asked = EvaluateFlags { flag: args.key.clone(), context: args.context() };
    let path = "/v1/flag-evaluations";
    let answer = client.send(&Method::POST, path, &asked, Conditions::default())?;
    let told: FlagEvaluations = typed(&answer)?;
    output::show(format, &answer, || {
        let mut table = Table::new(["flag", "variant", "value", "reason", "decided by"]).whole([0]);
        for it in &told.flags {
            table.row(vec![
                it.flag.clone(),
                it.variant.clone().unwrap_or_default(),
                it.value.as_ref().map_or_else(|| "the caller's own".to_owned(), Value::to_string),
                it.problem.clone().unwrap_or_else(|| it.why.clone()),
                it.decided_by.to_string(),
            ]);
        }
        table.or("no flags")
    });
    let failed = told.flags.iter().any(|it| it.problem.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) fn history(
    client: &AdminClient,
    args: &HistoryArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let mut path = format!("{}/history?limit={}", path(&args.key), args.limit);
    if let Some(before) = args.before {
        let _ = write!(path, "&before={before}");
    }
    let answer = client.get(&path)?;
    let history: Audit = typed(&answer)?;
    output::show(format, &answer, || audit::table(&history));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn diff(
    client: &AdminClient,
    args: &DiffArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (answer, flags) = match &args.key {
        Some(key) => {
            let answer = client.get(&path(key))?;
            let flag: FlagDetail = typed(&answer)?;
            (answer, vec![flag])
        }
        None => {
            let answer = client.get("/v1/flags")?;
            let all: Flags = typed(&answer)?;
            (answer, all.flags)
        }
    };
    output::show(format, &answer, || {
        let text: String = flags.iter().map(difference).collect();
        if text.is_empty() { "nothing is different at run time\n".to_owned() } else { text }
    });
    Ok(ExitCode::SUCCESS)
}

fn difference(flag: &FlagDetail) -> String {
    let Some(permanent) = &flag.permanent else { return String::new() };
    let place = format!("{} ({}:{})", flag.flag, flag.file, flag.line);
    let mut text = format!("{}\n", one_line(&place));
    for line in &flag.words {
        let _ = writeln!(text, "  at run time: {}", one_line(line));
    }
    for remark in &flag.remarks {
        let _ = writeln!(text, "  ! {}", one_line(remark));
    }
    text + &diff::lines(&output::json(&flag.definition), &output::json(permanent))
}

pub(super) fn export(
    client: &AdminClient,
    args: &ExportArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/flag-files")?;
    let files: FlagFiles = typed(&answer)?;
    let file = chosen(&files.files, args.file.as_deref())?;
    let Some(out) = &args.out else {
        match format {
            Format::Json => output::show(format, &answer, String::new),
            Format::Table => output::answer(&file.text),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let shown = out.display();
    std::fs::write(out, &file.text)
        .map_err(|error| Failure::Local(format!("{shown} cannot be written: {error}")))?;
    let how = if file.differs {
        "with the changes of run time"
    } else {
        "as it is: nothing is different"
    };
    output::note(&format!("{shown}: {}, {how}", one_line(&file.path)));
    Ok(ExitCode::SUCCESS)
}

/// The file that is meant.
fn chosen<'f>(files: &'f [FlagFileText], named: Option<&str>) -> Result<&'f FlagFileText, Failure> {
    let is_it = |file: &&FlagFileText| named.is_none_or(|end| file.path.ends_with(end));
    let mut found: Vec<&FlagFileText> = files.iter().filter(is_it).collect();
    if found.len() > 1 && named.is_none() {
        // Where only one would change, that one is meant.
        let differing: Vec<&FlagFileText> = files.iter().filter(|file| file.differs).collect();
        if differing.len() == 1 {
            found = differing;
        }
    }
    match found[..] {
        [file] => Ok(file),
        _ => {
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            Err(Failure::Usage(format!("name one file with --file: {}", paths.join(", "))))
        }
    }
}

fn path(key: &str) -> String {
    format!("/v1/flags/{}", segment(key))
}
