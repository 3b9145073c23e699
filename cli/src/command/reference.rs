//! Generates shell completions and the reference page from the command definitions.

use crate::client::Failure;
use crate::local::Local;
use crate::output;
use clap::{Arg, Args, Command, ValueEnum};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The directory that gets a page for each command; the main page is printed if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Options of `reference`.
#[derive(Args, Debug)]
pub(crate) struct ReferenceArgs {
    /// The page.
    page: Page,
}

/// A page that is generated from the code.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    /// `docs/reference/cli.md`.
    Cli,
    /// `docs/reference/config.md`.
    Config,
}

pub(crate) fn completions(mut root: Command, args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut root, "stagegate", &mut script);
    output::answer(&String::from_utf8_lossy(&script));
    if std::io::stderr().is_terminal() {
        output::note("to install it: `stagegate completions --help` shows where your shell looks");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(root: Command, args: &ManArgs) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::Local(format!("cannot write the pages: {error}"));
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(root).render(&mut page).map_err(failed)?;
        output::answer(&String::from_utf8_lossy(&page));
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(root, dir).map_err(failed)?;
    let dir = dir.display();
    output::note(&format!(
        "wrote the manual pages to {dir}; read them with `man {dir}/stagegate.1`"
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn print(
    root: Command,
    local: &dyn Local,
    args: &ReferenceArgs,
) -> Result<ExitCode, Failure> {
    output::answer(&match args.page {
        Page::Cli => reference_markdown(root),
        Page::Config => local.config_reference(),
    });
    Ok(ExitCode::SUCCESS)
}

/// The reference page of the command line, from the definitions the parser itself uses.
fn reference_markdown(mut root: Command) -> String {
    root.build();
    let mut page = String::from(
        "# Command line\n\n\
         Generated from the command definitions by `cargo xtask docs`; do not edit.\n\n\
         One binary serves and talks to a serving one through its admin API.\n\n\
         | exit code | meaning |\n|---|---|\n\
         | 0 | done |\n| 1 | refused, or a check failed |\n| 2 | wrong usage |\n\
         | 3 | the admin API cannot be reached |\n\n\
         ## Global options\n\n",
    );
    page.push_str(&arguments(root.get_arguments().filter(|arg| arg.is_global_set())));
    commands(&root, "stagegate", &mut page);
    page
}

fn commands(parent: &Command, path: &str, page: &mut String) {
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.get_name() == "help" {
            continue;
        }
        let path = format!("{path} {}", command.get_name());
        let has_children = command.get_subcommands().any(|child| child.get_name() != "help");
        let depth = if has_children || path.matches(' ').count() == 1 { "##" } else { "###" };
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, "\n{depth} `{path}`\n\n{}.\n", about.trim_end_matches('.'));
        if has_children {
            commands(command, &path, page);
            continue;
        }
        let own: Vec<&Arg> = command
            .get_arguments()
            .filter(|arg| !arg.is_global_set() && !arg.is_hide_set())
            .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
            .collect();
        let usage = usage(&path, &own);
        let _ = write!(page, "\n```\n{usage}\n```\n");
        if let Some(examples) = command.get_after_help() {
            let examples = examples.to_string();
            let lines: String =
                examples.lines().skip(1).map(|line| format!("{}\n", line.trim_start())).collect();
            let _ = write!(page, "\nFor example:\n\n```sh\n{lines}```\n");
        }
        if !own.is_empty() {
            let _ = write!(page, "\n{}", arguments(own.into_iter()));
        }
    }
}

/// Required things first, as one types them.
fn usage(path: &str, args: &[&Arg]) -> String {
    let mut usage = path.to_owned();
    for arg in args {
        let name = spelled(arg);
        let _ = match (arg.is_required_set(), arg.is_positional()) {
            (true, _) => write!(usage, " {name}"),
            (false, true) => write!(usage, " [{name}]"),
            (false, false) => Ok(()),
        };
    }
    if args.iter().any(|arg| !arg.is_required_set() && !arg.is_positional()) {
        usage.push_str(" [OPTIONS]");
    }
    usage
}

/// The argument as it is typed: `-w, --workload WORKLOAD` without the short form.
fn spelled(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
    match arg.get_long() {
        None => value,
        Some(long) if arg.get_action().takes_values() => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
    }
}

fn arguments<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = String::from("| argument | meaning |\n|---|---|\n");
    for arg in args {
        let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let mut meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        if !meaning.ends_with(['.', '?']) {
            meaning.push('.');
        }
        let values = arg.get_possible_values();
        let named: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        if !named.is_empty() && arg.get_action().takes_values() {
            let _ = write!(meaning, " One of `{}`.", named.join("`, `"));
        }
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() && arg.get_action().takes_values() {
            let _ = write!(meaning, " Default: `{}`.", defaults.join(" "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(meaning, " Environment: `{}`.", variable.to_string_lossy());
        }
        let meaning = meaning.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(table, "| {short}`{}` | {meaning} |", spelled(arg));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::reference_markdown;
    use crate::tree::command;

    #[test]
    fn the_reference_page_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
        let page = std::fs::read_to_string(path).expect("docs/reference/cli.md");
        assert!(
            page == reference_markdown(command()),
            "docs/reference/cli.md is out of date: run `cargo xtask docs`"
        );
    }

    #[test]
    fn every_command_is_on_the_page() {
        let page = reference_markdown(command());
        for command in
            ["serve", "demo", "status", "cohort enable", "token force", "audit verify", "undo"]
        {
            assert!(page.contains(&format!("`stagegate {command}`")), "{command}");
        }
        assert!(!page.contains("`stagegate reference`"), "hidden commands stay hidden");
    }
}
