//! Files of feature flags. No server needed.

use super::args::{FilesArgs, LintArgs, TestArgs};
use crate::client::Failure;
use crate::output::table::Table;
use crate::output::{self, Format, counted, one_line};
use serde_json::{Value, json};
use stagegate_flags::{
    Bucketing, Evaluation, FILE_BYTES, Flag, FlagFile, FlagSet, Problem, Scratch, Severity, Variant,
};
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

fn read(path: &Path) -> Result<Result<FlagFile, Vec<Problem>>, Failure> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map(|facts| facts.len());
    if size.as_ref().is_ok_and(|size| *size > FILE_BYTES as u64) {
        return Err(Failure::Local(format!("{name} has more than {FILE_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Local(format!("{name} cannot be read: {error}")))?;
    Ok(FlagFile::read(&name, &text))
}

pub(super) fn lint(args: &LintArgs, format: Format) -> Result<ExitCode, Failure> {
    let (mut problems, mut files) = (Vec::new(), Vec::new());
    for path in &args.files {
        match read(path)? {
            Ok(file) => {
                problems.extend_from_slice(file.warnings());
                files.push(file);
            }
            Err(found) => problems.extend(found),
        }
    }
    let flags: usize = files.iter().map(FlagFile::len).sum();
    if let Err(twice) = FlagSet::of(files, Bucketing::default()) {
        problems.extend(twice);
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    let told = json!({
        "ok": errors == 0,
        "flags": flags,
        "problems": problems.iter().map(as_json).collect::<Vec<_>>(),
    });
    output::show(format, &told, || {
        let mut text = lines(&problems);
        let (errors, warnings) = (errors as u64, warnings as u64);
        let _ = match (errors, warnings) {
            (0, 0) => writeln!(text, "ok: {}", counted(flags as u64, "flag")),
            (0, _) => {
                writeln!(
                    text,
                    "ok: {}, {}",
                    counted(flags as u64, "flag"),
                    counted(warnings, "warning")
                )
            }
            _ => writeln!(text, "{}, {}", counted(errors, "problem"), counted(warnings, "warning")),
        };
        text
    });
    let failed = errors > 0 || (args.strict && warnings > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let _ = writeln!(text, "{}", one_line(&problem.to_string()));
        text
    })
}

fn as_json(problem: &Problem) -> Value {
    json!({
        "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// The set of the files, or all their problems.
fn set(args: &FilesArgs) -> Result<FlagSet, Failure> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in &args.files {
        match read(path)? {
            Ok(file) => files.push(file),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        match FlagSet::of(files, args.bucketing) {
            Ok(set) => return Ok(set),
            Err(twice) => problems = twice,
        }
    }
    Err(Failure::Local(format!("the flags cannot be used:\n{}", lines(&problems).trim_end())))
}

pub(super) fn ls(args: &FilesArgs, format: Format) -> Result<ExitCode, Failure> {
    let set = set(args)?;
    let told: Vec<Value> = set.flags().map(|flag| described(&set, flag)).collect();
    output::show(format, &json!({ "flags": told }), || {
        let mut table =
            Table::new(["flag", "state", "variants", "default", "rule", "owner"]).whole([0]);
        for flag in set.flags() {
            let variants: Vec<&str> = flag.variants().iter().map(Variant::name).collect();
            let owner = flag.metadata().get("owner").and_then(Value::as_str).unwrap_or_default();
            table.row(vec![
                flag.key().to_owned(),
                state(flag).to_owned(),
                variants.join(", "),
                default(flag).to_owned(),
                if flag.has_rule() { "yes" } else { "no" }.to_owned(),
                owner.to_owned(),
            ]);
        }
        table.or("no flags")
    });
    Ok(ExitCode::SUCCESS)
}

fn state(flag: &Flag) -> &'static str {
    if flag.is_enabled() { "on" } else { "off" }
}

fn default(flag: &Flag) -> &str {
    flag.default_variant().map_or("the caller's", Variant::name)
}

fn described(set: &FlagSet, flag: &Flag) -> Value {
    let (file, line, bucketing) = set.origin(flag.key()).unwrap_or(("", 0, Bucketing::default()));
    json!({
        "key": flag.key(),
        "enabled": flag.is_enabled(),
        "file": file,
        "line": line,
        "bucketing": bucketing.label(),
        "metadata": flag.metadata(),
        "definition": flag.definition(),
    })
}

pub(super) fn show(key: &str, args: &FilesArgs, format: Format) -> Result<ExitCode, Failure> {
    let set = set(args)?;
    let Some(flag) = set.get(key) else { return Err(Failure::Local(unknown(&set, key))) };
    let told = described(&set, flag);
    output::show(format, &told, || {
        let mut text = String::new();
        let (file, line, bucketing) = set.origin(key).unwrap_or(("", 0, Bucketing::default()));
        let _ = writeln!(text, "{key} is {}, in {file}:{line}", state(flag));
        for variant in flag.variants() {
            let mark = if flag.default_variant() == Some(variant) { "  (default)" } else { "" };
            let _ = writeln!(text, "  {} = {}{mark}", variant.name(), variant.value());
        }
        if let Some(rule) = flag.definition().get("targeting").filter(|_| flag.has_rule()) {
            let _ = writeln!(text, "rule, with bucketing {bucketing}:");
            for line in output::json(rule).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        for (name, value) in flag.metadata() {
            let _ = writeln!(text, "{}: {}", one_line(name), one_line(&value.to_string()));
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

fn unknown(set: &FlagSet, key: &str) -> String {
    let keys: Vec<&str> = set.flags().map(Flag::key).take(20).collect();
    format!("there is no flag `{key}`; there are {}", keys.join(", "))
}

pub(super) fn test(args: &TestArgs, format: Format) -> Result<ExitCode, Failure> {
    let set = set(&args.files)?;
    let context = args.context();
    let mut scratch = Scratch::new();
    let context = scratch.of_json(&context).map_err(|error| Failure::Usage(error.to_string()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let evaluated: Vec<(&str, Evaluation<'_>)> = match args.key.as_deref() {
        Some(key) if set.get(key).is_none() => return Err(Failure::Local(unknown(&set, key))),
        Some(key) => vec![(key, set.evaluate(key, &context, now))],
        None => set.evaluate_all(&context, now).map(|(flag, it)| (flag.key(), it)).collect(),
    };
    let failed = evaluated.iter().any(|(_, it)| it.failure().is_some());
    let told: Vec<Value> = evaluated.iter().map(|(key, it)| evaluation(key, it)).collect();
    output::show(format, &json!({ "flags": told }), || {
        let mut table = Table::new(["flag", "variant", "value", "reason"]).whole([0]);
        for (key, it) in &evaluated {
            table.row(vec![
                (*key).to_owned(),
                it.variant().map_or_else(String::new, |variant| variant.name().to_owned()),
                it.value().map_or_else(|| "the caller's own".to_owned(), Value::to_string),
                it.failure().map_or_else(|| it.reason().label().to_owned(), ToString::to_string),
            ]);
        }
        table.or("no flags")
    });
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn evaluation(key: &str, it: &Evaluation<'_>) -> Value {
    let mut told = json!({ "key": key, "reason": it.reason().label() });
    if let Some(variant) = it.variant() {
        told["variant"] = variant.name().into();
        told["value"] = variant.value().clone();
    }
    if let Some(failure) = it.failure() {
        told["errorCode"] = failure.code().label().into();
        told["errorDetails"] = failure.to_string().into();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{lint, ls, show, test};
    use crate::client::Failure;
    use crate::command::flag::FlagCommand;
    use crate::output::Format;
    use crate::tree::{Command, parse};
    use std::process::ExitCode;

    fn flag(line: &str) -> FlagCommand {
        match parse(line.split(' ')).expect("a command").command {
            Command::Flag(command) => command,
            other => panic!("{other:?}"),
        }
    }

    fn run(command: &FlagCommand) -> Result<ExitCode, Failure> {
        match command {
            FlagCommand::Lint(args) => lint(args, Format::Json),
            FlagCommand::Ls(args) => ls(&args.files, Format::Json),
            FlagCommand::Show(args) => show(&args.key, &args.files, Format::Json),
            FlagCommand::Test(args) => test(args, Format::Json),
            other => panic!("{other:?}"),
        }
    }

    fn code(line: &str) -> String {
        match run(&flag(line)) {
            Ok(code) => format!("{code:?}"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn exit_codes_tell_good_files_from_bad_ones() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let flag = r#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false},
            "defaultVariant": "off", "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "onn"]}}}}"#;
        let warned = file("warned.json", flag);
        let good = file("good.json", &flag.replace("onn", "on"));
        let bad = file("bad.json", &flag.replace("ENABLED", "ON"));
        let (ok, failed) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(code(&format!("stagegate flag lint {good}")), ok);
        assert_eq!(code(&format!("stagegate flag lint {warned}")), ok);
        assert_eq!(code(&format!("stagegate flag lint {warned} --strict")), failed);
        assert_eq!(code(&format!("stagegate flag lint {bad}")), failed);
        assert_eq!(code(&format!("stagegate flag lint {good} {warned}")), failed);
        assert_eq!(code(&format!("stagegate flag ls --file {good}")), ok);
        assert_eq!(code(&format!("stagegate flag show a --file {good}")), ok);
        assert_eq!(code(&format!("stagegate flag test a --file {good} --user ann")), ok);
        assert_eq!(code(&format!("stagegate flag test --file {warned} --tenant acme")), failed);
        let unknown = code(&format!("stagegate flag show b --file {good}"));
        assert_eq!(unknown, "there is no flag `b`; there are a");
        assert!(code(&format!("stagegate flag ls --file {bad}")).contains("$.flags.a.state"));
    }
}
