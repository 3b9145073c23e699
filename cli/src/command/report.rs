//! `stagegate report`: what is known of a rollout, as a page for people who were not there.

use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::output::{self, Format};
use clap::Args;
use stagegate_api::RolloutDetail;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The rollout's id, as `rollout history` lists it.
    #[arg(long, value_name = "ID", required_unless_present_any = ["workload", "named"])]
    rollout: Option<String>,
    /// The workload, for its rollout in progress or the last one.
    #[arg(value_name = "WORKLOAD", conflicts_with_all = ["rollout", "named"])]
    workload: Option<String>,
    /// The same as WORKLOAD.
    #[arg(short = 'w', long = "workload", value_name = "WORKLOAD", conflicts_with = "rollout")]
    named: Option<String>,
    /// The time from the start, as `1h`, `24h` or `72h`; the whole rollout by default.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The output format; by default Markdown, or JSON with `-o json`.
    #[arg(long, value_enum)]
    format: Option<Written>,
    /// Write it into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The output format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Written {
    /// Markdown, for a ticket.
    Md,
    /// One page that needs nothing else, for a mail or a wiki.
    Html,
    /// The figures, for programs.
    Json,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &ReportArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let id = match (&args.rollout, &args.workload) {
        (Some(id), _) => id.clone(),
        (None, workload) => {
            let workload = workload.as_ref().or(args.named.as_ref());
            let workload = workload.map_or("", String::as_str);
            let current = client.get(&workload_path(workload, "/rollouts/current"))?;
            typed::<RolloutDetail>(&current)?.summary.id
        }
    };
    let usual = if format == Format::Json { Written::Json } else { Written::Md };
    let written = match args.format.unwrap_or(usual) {
        Written::Md => "md",
        Written::Html => "html",
        Written::Json => "json",
    };
    let mut path = format!("/v1/rollouts/{}/report?format={written}", segment(&id));
    if let Some(until) = &args.until {
        path.push_str(&format!("&until={}", segment(until)));
    }
    let text =
        if written == "json" { output::json(&client.get(&path)?) } else { client.text(&path)? };
    deliver(&text, args.out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what was asked for, or writes it into the file.
pub(super) fn deliver(text: &str, out: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = out else {
        output::answer(text);
        return Ok(());
    };
    std::fs::write(file, text)
        .map_err(|error| Failure::Local(format!("cannot write {}: {error}", file.display())))?;
    output::note(&format!("{} written", file.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ReportArgs, run};
    use crate::canned;
    use crate::output::Format;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ReportArgs,
    }

    #[test]
    fn the_page_goes_into_the_file_as_it_comes() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("day-1.html");
        let (client, asked) = canned::answer("200 OK", "<!DOCTYPE html>\n<p>&lt;</p>\n");
        let line = ["report", "--rollout", "agent~v43~2", "--until", "24h", "--format", "html"];
        let mut line = Line::try_parse_from(line).expect("right");
        line.args.out = Some(file.clone());
        run(&client, &line.args, Format::Table).expect("written");
        let asked = asked.join().expect("one request");
        let wanted = "GET /v1/rollouts/agent~v43~2/report?format=html&until=24h HTTP/1.1";
        assert!(asked.starts_with(wanted), "{asked}");
        let text = std::fs::read_to_string(&file).expect("written");
        assert_eq!(text, "<!DOCTYPE html>\n<p>&lt;</p>\n");
        assert!(Line::try_parse_from(["report"]).is_err(), "a report is of a rollout");
    }
}
