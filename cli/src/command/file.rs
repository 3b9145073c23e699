//! Commands on configuration files: write one, check one, describe them all. No server needed.

use crate::client::Failure;
use crate::local::{Checked, Finding, Local};
use crate::output::{self, Format, counted};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The file to write; an existing one is never touched.
    #[arg(default_value = "stagegate.yaml")]
    file: PathBuf,
    /// URL of the current version.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9001")]
    stable: String,
    /// URL of the new version.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9002")]
    candidate: String,
    /// What your clients are built with. Decides where a conversation's id is looked for. Asked on a
    /// terminal if it is not given; `other` elsewhere.
    #[arg(long, value_enum)]
    framework: Option<Framework>,
}

/// What clients are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Framework {
    /// The OpenAI SDK with chat completions.
    Openai,
    /// The OpenAI SDK with Responses, Conversations or Assistants.
    OpenaiResponses,
    /// The AI SDK of Vercel.
    Vercel,
    /// The Anthropic SDK.
    Anthropic,
    /// The Google GenAI SDK.
    GoogleGenai,
    /// LangChain, or LangGraph as a library.
    Langchain,
    /// The LangGraph server.
    Langgraph,
    /// pydantic-ai.
    PydanticAi,
    /// The Model Context Protocol.
    Mcp,
    /// Agent2Agent.
    A2a,
    /// Amazon Bedrock agents.
    Bedrock,
    /// None of them, or several.
    Other,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The configuration file.
    #[arg(default_value = "stagegate.yaml")]
    file: PathBuf,
}

pub(crate) fn init(local: &dyn Local, args: &InitArgs) -> Result<ExitCode, Failure> {
    let framework = args.framework.or_else(|| output::ask::somebody_there().then(asked));
    let framework = framework.unwrap_or(Framework::Other).to_possible_value();
    // A URL that the configuration does not take is found now, not at the first start.
    let framework = framework.as_ref().map_or("other", |value| value.get_name());
    let text = local.template(&args.stable, &args.candidate, framework, &args.file).map_err(
        |problems| Failure::Usage(format!("--stable or --candidate cannot be used:\n{problems}")),
    )?;
    let file = args.file.display();
    let opened = OpenOptions::new().write(true).create_new(true).open(&args.file);
    match opened.and_then(|mut opened| opened.write_all(text.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Local(format!(
                "{file} exists and was left as it is; name another file: `stagegate init FILE`"
            )));
        }
        Err(error) => return Err(Failure::Local(format!("cannot write {file}: {error}"))),
    }
    output::answer(&format!(
        "wrote {file}\nnext: stagegate check {file}\n      stagegate serve -c {file}"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Asks which framework it is; a person who says nothing usable three times gets `other`.
fn asked() -> Framework {
    let choices: Vec<String> = Framework::value_variants()
        .iter()
        .zip(1..)
        .filter_map(|(framework, number)| {
            let value = framework.to_possible_value()?;
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            Some(format!("  {number:>2}  {:<17} {help}", value.get_name()))
        })
        .collect();
    output::note(&format!(
        "What are your clients built with? It decides where a conversation's id is looked for.\n{}",
        choices.join("\n")
    ));
    let mut answers = (0..3).map_while(|_| output::ask::answered("number or name [other]:"));
    answers.find_map(|answer| framework(&answer)).unwrap_or(Framework::Other)
}

/// The framework of an answer: its number, its name, or nothing for `other`.
fn framework(answer: &str) -> Option<Framework> {
    let answer = answer.trim();
    if answer.is_empty() {
        return Some(Framework::Other);
    }
    let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match by_number {
        Some(at) => Framework::value_variants().get(at).copied(),
        None => Framework::from_str(answer, true).ok(),
    }
}

pub(crate) fn check(
    local: &dyn Local,
    args: &CheckArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let Checked { problems, warnings, workloads } = local.check(&args.file);
    let ok = problems.is_empty();
    if format == Format::Json {
        let json = |found: &[Finding]| found.iter().map(|it| it.json.clone()).collect::<Vec<_>>();
        let answer = json!({ "ok": ok, "problems": json(&problems), "warnings": json(&warnings) });
        output::answer(&output::json(&answer));
    } else {
        problems.iter().for_each(|problem| output::note(&problem.text));
        warnings.iter().for_each(|warning| output::note(&format!("warning: {}", warning.text)));
        let file = args.file.display();
        if ok {
            output::answer(&format!("{file} is good: {}", counted(workloads as u64, "workload")));
        } else {
            output::note(&format!("{file}: {}", counted(problems.len() as u64, "problem")));
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn schema(local: &dyn Local) -> Result<ExitCode, Failure> {
    output::answer(&output::json(&local.schema()));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{Framework, InitArgs, framework, init};
    use crate::canned::Offline;

    fn args(file: std::path::PathBuf) -> InitArgs {
        let (stable, candidate) = ("http://127.0.0.1:9001", "http://127.0.0.1:9002");
        InitArgs {
            file,
            stable: stable.to_owned(),
            candidate: candidate.to_owned(),
            framework: Some(Framework::Other),
        }
    }

    #[test]
    fn a_framework_is_chosen_by_number_or_name() {
        for (answer, wanted) in [
            ("", Some(Framework::Other)),
            ("1\n", Some(Framework::Openai)),
            ("12", Some(Framework::Other)),
            (" LangGraph ", Some(Framework::Langgraph)),
            ("0", None),
            ("13", None),
            ("rails", None),
        ] {
            assert_eq!(framework(answer), wanted, "{answer:?}");
        }
    }

    #[test]
    fn init_writes_a_file_and_never_overwrites_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        init(&Offline, &args(file.clone())).expect("written");
        let text = std::fs::read_to_string(&file).expect("there");
        assert!(text.contains("http://127.0.0.1:9002"), "{text}");

        std::fs::write(&file, "mine").expect("written");
        let refused = init(&Offline, &args(file.clone())).expect_err("exists");
        assert!(refused.to_string().contains("exists"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "mine");
    }

    #[test]
    fn init_refuses_a_url_the_configuration_would_refuse() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        let mut wrong = args(file.clone());
        wrong.candidate = "ftp://somewhere".to_owned();
        assert!(init(&Offline, &wrong).is_err());
        assert!(!file.exists());
    }
}
