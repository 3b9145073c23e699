//! `stagegate notify`: the notification channels.

use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment, one_line, span};
use clap::{Args, Subcommand};
use stagegate_api::{ChannelStatus, ChannelTested, Channels};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `notify`.
#[derive(Subcommand, Debug)]
pub(crate) enum NotifyCommand {
    /// List the channels with their queues and last deliveries.
    #[command(after_help = examples!("notify ls"))]
    Ls,
    /// Send a test message through a channel, at once.
    #[command(after_help = examples!("notify test pager"))]
    Test(TestArgs),
}

/// Options of `notify test`.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// The channel's name.
    channel: String,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &NotifyCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        NotifyCommand::Ls => list(client, format),
        NotifyCommand::Test(args) => test(client, &args.channel, format),
    }
}

fn list(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/notify")?;
    let Channels { channels } = typed(&answer)?;
    output::show(format, &answer, || table(&channels));
    Ok(ExitCode::SUCCESS)
}

fn table(channels: &[ChannelStatus]) -> String {
    let at = |at: Option<u64>| at.map(moment).unwrap_or_default();
    let mut table = Table::new(["channel", "type", "from", "owners", "waiting", "last success"])
        .right([4])
        .whole([0, 5]);
    for channel in channels {
        let owners =
            if channel.owners.is_empty() { "all".to_owned() } else { channel.owners.join(", ") };
        table.row(vec![
            channel.name.clone(),
            channel.kind.to_string(),
            channel.severity.to_string(),
            owners,
            channel.pending.to_string(),
            at(channel.last_success_at_ms),
        ]);
    }
    let mut text = table.or("no channels; add some to `notify` in the configuration");
    for channel in channels {
        // An old failure that was followed by a success is history.
        let stands = channel.last_failure_at_ms > channel.last_success_at_ms;
        if let Some(why) = channel.last_failure.as_ref().filter(|_| stands) {
            let _ = writeln!(
                text,
                "! {}, {}: {}",
                channel.name,
                at(channel.last_failure_at_ms),
                one_line(why)
            );
        }
    }
    text
}

fn test(client: &AdminClient, channel: &str, format: Format) -> Result<ExitCode, Failure> {
    let path = format!("/v1/notify/{}/test", segment(channel));
    let nothing = serde_json::json!({});
    let answer = client.send(&Method::POST, &path, &nothing, Conditions::default())?;
    let tested: ChannelTested = typed(&answer)?;
    let took =
        if tested.took_ms < 1000 { format!("{} ms", tested.took_ms) } else { span(tested.took_ms) };
    output::show(format, &answer, || match &tested.error {
        None => format!("{channel}: delivered in {took}; check that it arrived there\n"),
        Some(why) => format!("{channel}: NOT delivered after {took}: {}\n", one_line(why)),
    });
    Ok(if tested.delivered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::table;
    use stagegate_api::{ChannelKind, ChannelStatus, Severity};

    #[test]
    fn a_failure_is_shown_until_something_arrived() {
        let mut channel = ChannelStatus {
            name: "pager".to_owned(),
            kind: ChannelKind::Pagerduty,
            owners: vec!["oncall".to_owned()],
            severity: Severity::Warning,
            workloads: Vec::new(),
            pending: 2,
            oldest_pending_at_ms: Some(0),
            last_success_at_ms: Some(1000),
            last_failure_at_ms: Some(2000),
            last_failure: Some("it answered 403".to_owned()),
        };
        let failing = table(std::slice::from_ref(&channel));
        assert!(
            failing.contains("\n! pager, 1970-01-01 00:00:02Z: it answered 403\n"),
            "{failing}"
        );
        channel.last_success_at_ms = Some(3000);
        let fine = table(&[channel]);
        assert!(!fine.contains("403") && fine.contains("1970-01-01 00:00:03Z"), "{fine}");
        assert_eq!(table(&[]), "no channels; add some to `notify` in the configuration\n");
    }
}
