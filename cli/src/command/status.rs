//! `stagegate status`: every workload's arms side by side.

mod stages;

use super::watch::{follow_events, watch};
use super::workload::OnlyWorkload;
use super::{fleet, rollout_text};
use crate::client::{AdminClient, Events, Failure, Next, config_problem, typed};
use crate::output::table::{Table, clip, wrapped};
use crate::output::{
    self, Format, counted, grouped, millis, moment, one_line, percent, screen, span,
};
use clap::Args;
use serde_json::Value;
use stagegate_api::{
    ArmStatus, CondemnedRelease, KeyKind, Keys, Probe, ReloadStatus, Status, Window, WorkloadStatus,
};
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Refresh interval of `--watch` where the server tells no changes, and of the clock on the screen.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// The server's stream of the status.
const EVENTS: &str = "/v1/events";

/// Options of `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// Show every change until Ctrl-C, at most one a second. A server of an older version is asked
    /// every two seconds.
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &StatusArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let only = args.workload.name();
    if !args.watch {
        let (raw, status) = fetch(client, only)?;
        output::show(format, &raw, || render(&status));
        return Ok(ExitCode::SUCCESS);
    }
    let redraws = format == Format::Table && screen::can_redraw();
    if let Some(events) = client.events(EVENTS)? {
        return match redraws {
            true => follow(client, events, only),
            false => print_each(client, events, only, format),
        };
    }
    if redraws {
        return watch(WATCH_EVERY, || {
            let (_, status) = fetch(client, None)?;
            check_known(&status, only)?;
            Ok(watched(&status, only, screen::rows()))
        });
    }
    loop {
        let (raw, status) = fetch(client, only)?;
        output::show(format, &raw, || render(&status));
        std::thread::sleep(WATCH_EVERY);
    }
}

/// Draws the status again when it changes, and its clock in between.
fn follow(client: &AdminClient, events: Events, only: Option<&str>) -> Result<ExitCode, Failure> {
    let draw = |data: &str, age: Duration| {
        let mut status: Status = typed(&parse(data)?)?;
        check_known(&status, only)?;
        status.now_ms += age.as_millis() as u64;
        Ok(watched(&status, only, screen::rows()))
    };
    follow_events(events, WATCH_EVERY, || client.events(EVENTS), draw)
}

/// Prints the status whenever it changes.
fn print_each(
    client: &AdminClient,
    mut events: Events,
    only: Option<&str>,
    format: Format,
) -> Result<ExitCode, Failure> {
    loop {
        match events.next(WATCH_EVERY) {
            Next::Event(data) => {
                let (raw, status) = cut(parse(&data)?, only)?;
                output::show(format, &raw, || render(&status));
            }
            Next::Nothing => {}
            Next::Ended => match client.events(EVENTS)? {
                Some(again) => events = again,
                None => std::thread::sleep(WATCH_EVERY),
            },
        }
    }
}

fn parse(data: &str) -> Result<Value, Failure> {
    serde_json::from_str(data)
        .map_err(|error| Failure::Local(format!("an event is not JSON: {error}")))
}

/// A workload that is asked for by name must be there.
fn check_known(status: &Status, workload: Option<&str>) -> Result<(), Failure> {
    let known: Vec<&str> = status.workloads.iter().map(|w| w.name.as_str()).collect();
    match workload {
        Some(name) if !known.contains(&name) => {
            let known = known.join(", ");
            Err(Failure::Local(format!("no workload `{name}`; there are: {known}")))
        }
        _ => Ok(()),
    }
}

/// The screen of `--watch`, most important first: the head, the alarms of every workload, the
/// workload that was asked for, and of the others as many as fit, the rest in one line each.
fn watched(status: &Status, only: Option<&str>, rows: usize) -> String {
    let mut text = head(status);
    let (asked, others): (Vec<_>, Vec<_>) =
        status.workloads.iter().partition(|it| only.is_none_or(|name| it.name == name));
    for workload in &others {
        for alarm in alarms(workload, status.now_ms) {
            let _ = writeln!(text, "  ! {}: {alarm}", workload.name);
        }
    }
    let mut left = rows.saturating_sub(text.lines().count() + 1);
    for (number, workload) in asked.iter().enumerate() {
        let block = format!("\n{}", workload_text(workload, status.now_ms));
        let behind = asked.len() - number - 1;
        let height = block.lines().count();
        if height + behind <= left || only.is_some() {
            left = left.saturating_sub(height);
            text.push_str(&block);
        } else {
            let alarms = alarms(workload, status.now_ms);
            let mark = if alarms.is_empty() { "  " } else { "! " };
            let more = alarms.first().map(|it| format!("   {it}")).unwrap_or_default();
            let _ = writeln!(text, "{mark}{}   weight {}{more}", workload.name, workload.weight);
            left = left.saturating_sub(1);
        }
    }
    text
}

/// The status, cut down to one workload if one is named.
fn fetch(client: &AdminClient, workload: Option<&str>) -> Result<(Value, Status), Failure> {
    cut(client.get("/v1/status")?, workload)
}

fn cut(mut raw: Value, workload: Option<&str>) -> Result<(Value, Status), Failure> {
    let status: Status = typed(&raw)?;
    let Some(name) = workload else { return Ok((raw, status)) };
    check_known(&status, workload)?;
    if let Some(workloads) = raw["workloads"].as_array_mut() {
        workloads.retain(|workload| workload["name"] == name);
    }
    let status = typed(&raw)?;
    Ok((raw, status))
}

fn render(status: &Status) -> String {
    let mut text = head(status);
    for workload in &status.workloads {
        text.push('\n');
        text.push_str(&workload_text(workload, status.now_ms));
    }
    if !status.dormant.is_empty() {
        let _ = writeln!(text, "\nremembered, not in the file: {}", status.dormant.join(", "));
    }
    text
}

fn head(status: &Status) -> String {
    let ago = |at_ms: u64| span(status.now_ms.saturating_sub(at_ms));
    let ready = match (status.draining, status.ready) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "NOT READY",
    };
    let connections: u64 = status.workers.iter().map(|worker| worker.connections).sum();
    let in_flight: u64 = status.workers.iter().map(|worker| worker.in_flight).sum();
    let mut text = format!(
        "{}   stagegate {}   epoch {}   {ready}   up {}\n  {}, {}, {} in flight\n",
        moment(status.now_ms),
        status.version,
        status.epoch,
        ago(status.started_at_ms),
        counted(status.workers.len() as u64, "worker"),
        counted(connections, "connection"),
        grouped(in_flight),
    );
    let mut remark = |line: String| {
        let _ = writeln!(text, "  ! {}", one_line(&line));
    };
    if status.safe_start {
        remark("SAFE START: everything goes to stable, changes are refused".to_owned());
    }
    status.not_ready_because.iter().for_each(|why| remark(format!("not ready: {why}")));
    reload_remarks(&status.reload, &ago(status.reload.at_ms)).into_iter().for_each(&mut remark);
    if !status.store.healthy {
        let why = status.store.last_error.as_deref().unwrap_or("the last commit failed");
        remark(format!("store: {why} ({})", counted(status.store.failures, "failure")));
    }
    let log = &status.decision_log;
    if log.enabled && (!log.healthy || log.dropped > 0) {
        let health = if log.healthy { "works again" } else { "cannot be written" };
        remark(format!("decision log {health}; {} dropped", counted(log.dropped, "record")));
    }
    status.warnings.iter().for_each(|warning| remark(warning.clone()));
    if let Some(fleet) = &status.fleet {
        let _ = writeln!(text, "  fleet {}, asked at {}", fleet.fleet, fleet.replica);
        text.push_str(&fleet::rows(&fleet.replicas, false));
    }
    text
}

fn reload_remarks(reload: &ReloadStatus, ago: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    if !reload.ok {
        remarks.push(format!(
            "reload by {} refused {ago} ago; the configuration before it is in force",
            reload.by
        ));
        remarks.extend(reload.problems.iter().map(config_problem));
    }
    if !reload.needs_restart.is_empty() {
        remarks.push(format!("needs a restart: {}", reload.needs_restart.join(", ")));
    }
    remarks
}

fn workload_text(workload: &WorkloadStatus, now_ms: u64) -> String {
    let cohorts = match (workload.cohorts_total, &workload.next_cohort) {
        (0, _) => String::new(),
        (total, Some(next)) => {
            format!("\n  cohorts {}/{total}, next {next}", workload.cohorts_enabled)
        }
        (total, None) => format!("\n  cohorts {}/{total}", workload.cohorts_enabled),
    };
    let mut text = format!(
        "{}   weight {}{}   by {}   epoch {}{cohorts}\n",
        workload.name,
        workload.weight,
        served(workload),
        workload.sticky,
        workload.epoch
    );
    for alarm in alarms(workload, now_ms) {
        let _ = writeln!(text, "  ! {alarm}");
    }
    for arm in std::iter::once(&workload.stable).chain(&workload.candidate) {
        if !arm.running.is_empty() {
            // What goes on is indented by two more.
            let running = wrapped(&one_line(&arm.running), 4);
            let _ = writeln!(text, "  {}", running.trim_start().trim_end());
        }
    }
    if let Some(rollout) = &workload.rollout {
        let waits = workload.rollout_waits.first();
        let waits = waits.map_or_else(String::new, |why| format!("\n    waits for: {}", clip(why)));
        let _ = writeln!(text, "  rollout {}{waits}", rollout_text::line(rollout));
    }
    text.push_str(&arms_table(&workload.stable, workload.candidate.as_ref()));
    text.push_str(&stages::table(&workload.stable, workload.candidate.as_ref()));
    text
}

/// The share that the candidate serves, where it clearly differs from the weight: conversations stay
/// where they began, and lists and cohorts have their own say.
fn served(workload: &WorkloadStatus) -> String {
    let longest = |arm: &ArmStatus| arm.windows.last().map_or(0, |window| window.requests);
    let all = longest(&workload.stable) + workload.candidate.as_ref().map_or(0, longest);
    let (weight, Some(served)) = (workload.weight_ratio, workload.served_ratio) else {
        return String::new();
    };
    // More than chance would make of it, even if requests come in conversations of a few.
    let chance = 4.0 * (weight * (1.0 - weight) * 4.0 / all.max(1) as f64).sqrt() + 0.005;
    let differs = all >= 100 && (served - weight).abs() > chance;
    if differs { format!(" (serves {})", percent(served)) } else { String::new() }
}

/// Returns the facts that need a person: a kill, a rollback, unhealthy endpoints.
fn alarms(workload: &WorkloadStatus, now_ms: u64) -> Vec<String> {
    let mut alarms = Vec::new();
    if let Some(killed) = &workload.killed {
        let when = span(now_ms.saturating_sub(killed.at_ms));
        alarms.push(format!(
            "KILLED by {} {when} ago ({}): {}",
            one_line(&killed.by),
            moment(killed.at_ms),
            clip(&killed.reason)
        ));
    }
    if let Some(queue) = workload.queue.filter(|it| it.waiting > 0) {
        let oldest = queue.oldest_ms.map_or(0, |it| now_ms.saturating_sub(it));
        let what = if workload.killed.is_some() { "until it is revived" } else { "for their turn" };
        alarms.push(format!(
            "{} wait in the queue {what}, the oldest for {}",
            counted(queue.waiting, "request"),
            span(oldest)
        ));
    }
    if let Some(closed) = &workload.closed {
        alarms.push(format!(
            "rolled back from {} by {} at {}: {}{}",
            closed.weight_before,
            one_line(&closed.by),
            moment(closed.at_ms),
            clip(&closed.reason),
            if closed.finishing { " (running conversations finish there)" } else { "" }
        ));
    }
    alarms.extend(workload.condemned.iter().filter_map(|it| condemned(workload, it)));
    alarms.extend(decided_per_request(workload));
    for arm in std::iter::once(&workload.stable).chain(&workload.candidate) {
        for endpoint in arm.endpoints.iter().filter(|e| e.health == Probe::Unhealthy) {
            alarms.push(format!("{} of {} is unhealthy", endpoint.address, arm.release));
        }
    }
    alarms
}

/// What is said of a release that was rolled back; nothing where the line of the closed candidate
/// says it.
fn condemned(workload: &WorkloadStatus, it: &CondemnedRelease) -> Option<String> {
    let is_candidate = workload.candidate.as_ref().is_some_and(|arm| arm.release == it.release);
    let rolled_back = format!(
        "release {} was rolled back by {} at {}: {}",
        it.release,
        one_line(&it.by),
        moment(it.at_ms),
        clip(&it.reason)
    );
    match &it.let_in {
        Some(mark) => Some(format!(
            "{rolled_back}; {} let it in again at {}: {}",
            one_line(&mark.by),
            moment(mark.at_ms),
            clip(&mark.reason)
        )),
        None if is_candidate && workload.closed.is_some() => Some(format!(
            "release {} gets traffic again only with --override and a reason",
            it.release
        )),
        None => Some(format!("{rolled_back}; only --override and a reason give it traffic")),
    }
}

/// Requests that are to stick to something and carry nothing of the kind.
fn decided_per_request(workload: &WorkloadStatus) -> Option<String> {
    let arms = std::iter::once(&workload.stable).chain(&workload.candidate);
    let longest = |arm: &ArmStatus| arm.windows.iter().max_by_key(|w| w.seconds).map(|w| w.keys);
    let mut sum = Keys::default();
    for keys in arms.filter_map(longest) {
        sum.conversation += keys.conversation;
        sum.user += keys.user;
        sum.tenant += keys.tenant;
        sum.request += keys.request;
    }
    let all = sum.conversation + sum.user + sum.tenant + sum.request;
    let many = workload.sticky != KeyKind::Request && all >= 20 && sum.request * 10 > all * 9;
    many.then(|| {
        format!(
            "sticky by {}, but {} of {} requests carried none and were decided each on its own: see docs/how-to/conversations.md",
            workload.sticky,
            grouped(sum.request),
            grouped(all)
        )
    })
}

/// Formats one cell of a row from a window.
type Cell = fn(&Window) -> String;

/// One row per measure, one block of columns per arm, one column per window.
fn arms_table(stable: &ArmStatus, candidate: Option<&ArmStatus>) -> String {
    let rows: [(&str, Cell); 7] = [
        ("requests", |w| grouped(w.requests)),
        ("errors", |w| w.error_ratio.map_or_else(none, percent)),
        ("client gone", |w| grouped(w.outcomes.client_gone)),
        ("p50", |w| w.p50_ms.map_or_else(none, millis)),
        ("p95", |w| w.p95_ms.map_or_else(none, millis)),
        ("p99", |w| w.p99_ms.map_or_else(none, millis)),
        ("first byte", |w| w.first_byte_p50_ms.map_or_else(none, millis)),
    ];
    let labels: Vec<&str> = rows.iter().map(|(label, _)| *label).collect();
    let mut blocks = vec![format!("\n\n{}", labels.join("\n"))];
    for (role, arm) in [("stable", Some(stable)), ("candidate", candidate)] {
        let Some(arm) = arm else { continue };
        let up = arm.endpoints.iter().filter(|e| e.health != Probe::Unhealthy).count();
        if arm.windows.is_empty() {
            blocks.push(format!(
                "{role} {}, {up}/{} up\n\nno requests yet",
                clip(&arm.release),
                arm.endpoints.len()
            ));
            continue;
        }
        let lengths = arm.windows.iter().map(|w| span(u64::from(w.seconds) * 1000)).collect();
        let mut table = Table::headless().right([0, 1, 2]);
        table.row(lengths);
        for (_, cell) in rows {
            table.row(arm.windows.iter().map(cell).collect());
        }
        let release = clip(&arm.release);
        blocks.push(format!("{role} {release}, {up}/{} up\n{table}", arm.endpoints.len()));
    }
    beside(&blocks)
}

/// The blocks next to each other, two blanks apart, indented by two.
fn beside(blocks: &[String]) -> String {
    let width = |block: &String| block.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let height = blocks.iter().map(|block| block.lines().count()).max().unwrap_or(0);
    let mut text = String::new();
    for number in 0..height {
        let cells = blocks.iter().map(|block| {
            let line = block.lines().nth(number).unwrap_or_default();
            format!("{line:<width$}", width = width(block))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests;
