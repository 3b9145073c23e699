//! `stagegate review`: samples that wait for a person.

use super::workload::OnlyWorkload;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment};
use clap::{Args, Subcommand};
use serde_json::Value;
use stagegate_api::{GiveReview, ReviewItem, ReviewTaken, Reviews};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `review`.
#[derive(Subcommand, Debug)]
pub(crate) enum ReviewCommand {
    /// List samples that wait for a review: failed, disputed or uncertain ones.
    #[command(after_help = examples!("review ls support-agent"))]
    Ls(LsArgs),
    /// Show the next sample in full, without the release that answered.
    #[command(after_help = examples!("review next support-agent"))]
    Next(NextArgs),
    /// Record whether an answer was right, and the right one. Once for each sample.
    #[command(after_help = examples!("review give 0190a1b2-request-id --pass", "review give 0190a1b2-request-id --fail --expected 'No discount applies'"))]
    Give(GiveArgs),
}

/// Options of `review ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// At most this many, up to 1000.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
    /// Continue where an earlier list stopped.
    #[arg(long, value_name = "NUMBER")]
    cursor: Option<u64>,
}

/// Options of `review next`.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
}

/// One review.
#[derive(Args, Debug)]
pub(crate) struct GiveArgs {
    /// The request's id.
    request_id: String,
    /// It was right.
    #[arg(long, conflicts_with = "fail", required_unless_present = "fail")]
    pass: bool,
    /// It was wrong.
    #[arg(long)]
    fail: bool,
    /// The right answer: JSON, or a text.
    #[arg(long, value_name = "ANSWER")]
    expected: Option<String>,
    /// The reason.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

fn waiting(
    client: &AdminClient,
    workload: Option<&str>,
    limit: u32,
    cursor: Option<u64>,
) -> Result<(Value, Reviews), Failure> {
    let mut path = format!("/v1/reviews?limit={limit}");
    if let Some(workload) = workload {
        let _ = write!(path, "&workload={}", segment(workload));
    }
    if let Some(cursor) = cursor {
        let _ = write!(path, "&cursor={cursor}");
    }
    let answer = client.get(&path)?;
    let reviews = typed(&answer)?;
    Ok((answer, reviews))
}

pub(crate) fn run(
    client: &AdminClient,
    command: &ReviewCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        ReviewCommand::Ls(args) => {
            let (answer, found) = waiting(client, args.workload.name(), args.limit, args.cursor)?;
            output::show(format, &answer, || {
                let more = found.next.map(|next| format!("more: --cursor {next}\n"));
                table(&found.reviews) + &more.unwrap_or_default()
            });
        }
        ReviewCommand::Next(args) => {
            let (_, found) = waiting(client, args.workload.name(), 1, None)?;
            let Some(item) = found.reviews.first() else {
                output::show(format, &Value::Null, || "no sample waits for a review\n".to_owned());
                return Ok(ExitCode::SUCCESS);
            };
            output::show(format, &serde_json::json!(item), || shown(item));
        }
        ReviewCommand::Give(args) => give(client, args, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn give(client: &AdminClient, args: &GiveArgs, format: Format) -> Result<(), Failure> {
    let json = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
    let review = GiveReview {
        verdict: if args.pass { "pass" } else { "fail" }.to_owned(),
        expected: args.expected.as_ref().map(json),
        note: args.note.clone(),
    };
    let path = format!("/v1/reviews/{}", segment(&args.request_id));
    let answer = client.send(&Method::POST, &path, &review, Conditions::default())?;
    let taken: ReviewTaken = typed(&answer)?;
    output::show(format, &answer, || match taken.result.as_str() {
        "counted" => "kept, and counted for labelled accuracy\n".to_owned(),
        _ => "kept; somebody had said before whether it was right\n".to_owned(),
    });
    Ok(())
}

fn table(items: &[ReviewItem]) -> String {
    let mut table = Table::new(["id", "at", "workload", "why", "confidence"]).whole([0, 1]);
    for item in items {
        table.row(vec![
            item.id.clone(),
            moment(item.at_ms),
            item.workload.clone(),
            item.why.clone(),
            item.confidence.map(|sure| format!("{sure:.2}")).unwrap_or_default(),
        ]);
    }
    table.or("no sample waits for a review")
}

fn shown(item: &ReviewItem) -> String {
    format!(
        "{}\nasked:\n{}\n\nanswered:\n{}\n\nthen: stagegate review give {} --pass|--fail [--expected ANSWER]\n",
        table(std::slice::from_ref(item)),
        output::json(&item.input),
        output::json(&item.output),
        item.id
    )
}

#[cfg(test)]
mod tests {
    use super::{GiveArgs, ReviewCommand, run};
    use crate::canned;
    use crate::output::Format;

    #[test]
    fn a_review_is_sent_as_it_was_meant() {
        let (client, asked) = canned::answer("200 OK", r#"{ "id": "req 1", "result": "counted" }"#);
        let give = GiveArgs {
            request_id: "req 1".to_owned(),
            pass: false,
            fail: true,
            expected: Some(r#"{"ok":true}"#.to_owned()),
            note: Some("see 4.2".to_owned()),
        };
        run(&client, &ReviewCommand::Give(give), Format::Json).expect("taken");
        let request = asked.join().expect("asked");
        assert!(request.starts_with("POST /v1/reviews/req%201 "), "{request}");
        let body = r#"{"verdict":"fail","expected":{"ok":true},"note":"see 4.2"}"#;
        assert!(request.ends_with(body), "{request}");
    }
}
