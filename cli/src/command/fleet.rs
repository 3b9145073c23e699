//! `stagegate fleet`: the replicas, and what may be wrong with them.

use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, counted, millis, one_line};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_api::{
    FleetExamination, FleetOutcome, FleetStatus, ReplicaForgotten, ReplicaOutcome, ReplicaStanding,
    ReplicaState, ReplicaStatus,
};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `fleet`.
#[derive(Subcommand, Debug)]
pub(crate) enum FleetCommand {
    /// Show every replica: fresh, stale, fenced or silent, and the one that steers.
    #[command(after_help = examples!("fleet status"))]
    Status,
    /// Look at the NATS servers, the ledger and the replicas, and name the remedy of what is wrong.
    #[command(after_help = examples!("fleet doctor"))]
    Doctor,
    /// Take a replica that is gone for good out of the fleet.
    ///
    /// Until then each rollback waits for it to fence itself. A replica that ends properly is taken out
    /// by itself.
    #[command(after_help = examples!("fleet forget eu-7"))]
    Forget(ForgetArgs),
}

/// Options of `fleet forget`.
#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    /// Name of the replica.
    replica: String,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &FleetCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        FleetCommand::Status => status(client, format),
        FleetCommand::Doctor => doctor(client, format),
        FleetCommand::Forget(args) => forget(client, &args.replica, format),
    }
}

fn status(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/fleet")?;
    let fleet: FleetStatus = typed(&answer)?;
    output::show(format, &answer, || status_text(&fleet));
    let well = fleet.replicas.iter().all(|it| it.state == ReplicaState::Fresh);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn status_text(fleet: &FleetStatus) -> String {
    let mut text = format!(
        "fleet {}, {}, asked at {}\n",
        fleet.fleet,
        counted(fleet.replicas.len() as u64, "replica"),
        fleet.replica
    );
    match &fleet.leader {
        Some(leader) => {
            let _ = writeln!(text, "{} steers (term {})", leader.replica, leader.term);
        }
        None => text.push_str("no replica steers\n"),
    }
    text.push_str(&rows(&fleet.replicas, true));
    for warning in &fleet.warnings {
        let _ = writeln!(text, "! {}", one_line(warning));
    }
    text
}

/// The replicas as a table. `precise`: with what changes all the time.
pub(crate) fn rows(replicas: &[ReplicaStatus], precise: bool) -> String {
    let head = ["replica", "state", "version", "epoch", "entry", "fresh for", "config"];
    let mut table = Table::new(head).right([3, 4, 5]).whole([0]).indented();
    for it in replicas {
        let fresh = match it.fresh_for_ms {
            Some(left) => millis(left as f64),
            None if precise => "-".to_owned(),
            None => String::new(),
        };
        let state = match it.state {
            ReplicaState::Fresh => "fresh",
            ReplicaState::Stale => "STALE, keeps its plan",
            ReplicaState::Fenced => "FENCED, all to stable",
            ReplicaState::Silent => "SILENT",
        };
        table.row(vec![
            it.name.clone(),
            state.to_owned(),
            it.version.clone(),
            it.epoch.to_string(),
            it.entry.to_string(),
            fresh,
            it.config.get(..8).unwrap_or_default().to_owned(),
        ]);
    }
    table.or("no replica has proven that it knows the ledger yet")
}

fn doctor(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/fleet/doctor")?;
    let examined: FleetExamination = typed(&answer)?;
    output::show(format, &answer, || doctor_text(&examined));
    Ok(if examined.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn doctor_text(examined: &FleetExamination) -> String {
    let mut text = String::new();
    for it in &examined.findings {
        let mark = if it.ok { "ok" } else { "! " };
        let _ = writeln!(text, "{mark} {}: {}", one_line(&it.what), one_line(&it.found));
        if !it.remedy.is_empty() {
            let _ = writeln!(text, "   {}", one_line(&it.remedy));
        }
    }
    let wrong = examined.findings.iter().filter(|it| !it.ok).count();
    let _ = match wrong {
        0 => writeln!(text, "nothing needs a person"),
        wrong => writeln!(text, "{} to put right", counted(wrong as u64, "thing")),
    };
    text
}

fn forget(client: &AdminClient, replica: &str, format: Format) -> Result<ExitCode, Failure> {
    let path = format!("/v1/fleet/replicas/{}", segment(replica));
    let answer = client.send(&Method::DELETE, &path, &json!({}), Conditions::default())?;
    let ReplicaForgotten { replica } = typed(&answer)?;
    output::show(format, &answer, || format!("{replica} is no member of the fleet any more\n"));
    Ok(ExitCode::SUCCESS)
}

/// What became of a change on each replica, as one line, and a warning where that is not shown.
pub(crate) fn outcome_text(outcome: &FleetOutcome) -> String {
    let all = outcome.replicas.len();
    let mut parts = Vec::new();
    let of = |wanted| outcome.replicas.iter().filter(move |it| it.standing == wanted);
    let names = |wanted: ReplicaStanding| {
        of(wanted).map(|it| it.replica.as_str()).collect::<Vec<_>>().join(", ")
    };
    let slowest = of(ReplicaStanding::Acked)
        .filter_map(|it: &ReplicaOutcome| Some((it.acked_ms?, it.replica.as_str())))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    parts.push(match slowest {
        Some((ms, name)) => {
            format!("{} acknowledged (slowest {}, {name})", outcome.acked, millis(ms))
        }
        None => format!("{} acknowledged", outcome.acked),
    });
    if outcome.fenced > 0 {
        let who = names(ReplicaStanding::Fenced);
        parts.push(format!("{} fenced ({who}: silent, sends everybody to stable)", outcome.fenced));
    }
    if outcome.unknown > 0 {
        parts.push(format!("{} unknown ({})", outcome.unknown, names(ReplicaStanding::Unknown)));
    }
    let done = outcome.acked + outcome.fenced;
    let mut text = format!("{done} of {all} replicas: {}\n", parts.join(", "));
    if !outcome.complete {
        text.push_str(
            "! not complete: a replica that is not named as acknowledged or fenced may still send \
             requests as before; `stagegate fleet status` shows it\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{doctor_text, outcome_text, status_text};
    use serde_json::json;

    #[test]
    fn an_outcome_names_who_is_fenced_and_warns_of_the_unknown() {
        let outcome = |standing: &str, complete: bool| {
            let outcome = json!({
                "complete": complete, "acked": 1,
                "fenced": u32::from(complete), "unknown": u32::from(!complete),
                "replicas": [
                    { "replica": "eu-7", "standing": "acked", "acked_ms": 38.0 },
                    { "replica": "us-3", "standing": standing },
                ],
            });
            outcome_text(&serde_json::from_value(outcome).expect("the API's own shape"))
        };
        let fenced = outcome("fenced", true);
        assert!(
            fenced.starts_with(
                "2 of 2 replicas: 1 acknowledged (slowest 38.0 ms, eu-7), 1 fenced (us-3"
            ),
            "{fenced}"
        );
        assert!(!fenced.contains('!'), "{fenced}");
        let unknown = outcome("unknown", false);
        assert!(
            unknown.contains("1 unknown (us-3)") && unknown.contains("! not complete"),
            "{unknown}"
        );
    }

    #[test]
    fn a_silent_replica_and_a_remedy_are_shown() {
        let fleet = json!({
            "fleet": "agents", "replica": "a", "leader": { "replica": "b", "term": 7 }, "warnings": ["replica b: it does not answer"],
            "replicas": [
                { "name": "a", "state": "fresh", "version": "1", "epoch": 4, "entry": 9, "fresh_for_ms": 2900, "holds": false, "config": "0123456789" },
                { "name": "b", "state": "silent", "version": "", "epoch": 0, "entry": 0, "holds": false, "config": "" },
            ],
        });
        let text = status_text(&serde_json::from_value(fleet).expect("the API's own shape"));
        assert!(
            text.contains("2 replicas")
                && text.contains("b steers (term 7)")
                && text.contains("SILENT")
                && text.contains("01234567"),
            "{text}"
        );
        let examined = json!({ "ok": false, "findings": [
            { "ok": true, "what": "clocks", "found": "within 3 ms" },
            { "ok": false, "what": "ledger", "found": "1 copies", "remedy": "make it three" },
        ] });
        let text = doctor_text(&serde_json::from_value(examined).expect("the API's own shape"));
        assert!(
            text.contains("! ledger: 1 copies\n   make it three")
                || text.contains("!  ledger: 1 copies\n   make it three"),
            "{text}"
        );
        assert!(text.ends_with("1 thing to put right\n"), "{text}");
    }
}
