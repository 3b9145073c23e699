//! `stagegate undo`: names the command that takes the last change back, and asks.

use super::reverse::{Reverse, reverse, reverse_of_flag};
use super::workload::{OnlyWorkload, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::output::{self, Format, ask, moment, one_line};
use clap::Args;
use serde_json::json;
use stagegate_api::{Audit, AuditRecord, FlagDetail, WorkloadDetail};

/// Records that are looked at for the last change.
const LOOKED_AT: u32 = 100;

/// Options of `undo`.
#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// The reason; it is recorded. Names the audit record if left out.
    #[arg(long)]
    reason: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Show the command and what it would change, and send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// The words of the command to run, with the program's name; `None` where the person declined.
///
/// # Errors
/// When there is nothing to revert, no command reverts it, or no person can answer.
pub(crate) fn run(
    client: &AdminClient,
    args: &UndoArgs,
    format: Format,
) -> Result<Option<Vec<String>>, Failure> {
    let (record, epoch, words, note) = last(client, args.workload.name())?;
    let reason = args.reason.clone().unwrap_or_else(|| {
        let what = if record.summary.is_empty() { &record.action } else { &record.summary };
        format!("undo of audit record {}: {what}", record.seq)
    });
    let mut line = vec!["stagegate".to_owned()];
    line.extend(words);
    line.extend(["--reason".to_owned(), reason]);
    // Nothing may have changed between the look and the change.
    line.extend(["--if-match".to_owned(), epoch.to_string()]);
    if args.dry_run {
        line.push("--dry-run".to_owned());
    }
    let command: Vec<String> = line.iter().map(|word| quoted(word)).collect();
    if format == Format::Table {
        let shown = json!({});
        output::show(format, &shown, || described(&record, &command.join(" "), note.as_deref()));
    }
    if args.yes || args.dry_run {
        return Ok(Some(line));
    }
    if format == Format::Json || !ask::somebody_there() {
        return Err(Failure::Usage(
            "undo asks before it acts: give --yes where nobody can answer".to_owned(),
        ));
    }
    if ask::agreed("run it?") {
        return Ok(Some(line));
    }
    output::note("nothing was changed");
    Ok(None)
}

/// The record, the epoch of what it changed, the words of the command, and a remark.
type Last = (AuditRecord, u64, Vec<String>, Option<String>);

/// The last change that moved something, and what takes it back.
fn last(client: &AdminClient, workload: Option<&str>) -> Result<Last, Failure> {
    let only = workload.map(|name| format!("&workload={}", segment(name))).unwrap_or_default();
    let audit: Audit = typed(&client.get(&format!("/v1/audit?limit={LOOKED_AT}{only}"))?)?;
    for record in audit.entries {
        if let Some((key, words)) = reverse_of_flag(&record) {
            let now: FlagDetail = typed(&client.get(&format!("/v1/flags/{}", segment(&key)))?)?;
            return Ok((record, now.epoch, words, None));
        }
        let Some(name) = record.workload.clone() else { continue };
        let now: WorkloadDetail = typed(&client.get(&workload_path(&name, ""))?)?;
        match reverse(&record, &now) {
            Reverse::Nothing => {}
            Reverse::By(words, note) => return Ok((record, now.epoch, words, note)),
            Reverse::ByHand(instead) => {
                return Err(Failure::Local(format!(
                    "the last change of {name} cannot be taken back by one command\n  it was: {}\n  try: {instead}",
                    one_line(&record.summary)
                )));
            }
        }
    }
    let of = workload.map(|name| format!(" of {name}")).unwrap_or_default();
    Err(Failure::Local(format!(
        "no change{of} in the last {LOOKED_AT} audit records; `stagegate audit ls` lists them"
    )))
}

fn described(record: &AuditRecord, command: &str, note: Option<&str>) -> String {
    let what = if record.summary.is_empty() { &record.action } else { &record.summary };
    let mut text = format!(
        "last change  {}{} (audit record {})\n  by {} at {}: {}\ntaken back by\n  {}\n",
        record.workload.as_ref().map_or_else(String::new, |name| format!("{name}: ")),
        one_line(what),
        record.seq,
        one_line(&record.actor),
        moment(record.at_ms),
        if record.reason.is_empty() {
            "no reason given".to_owned()
        } else {
            one_line(&record.reason)
        },
        one_line(command),
    );
    if let Some(note) = note {
        text.push_str(&format!("  note: {note}\n"));
    }
    text
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@%~=+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("10%"), "10%");
        assert_eq!(quoted("two words"), "'two words'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
