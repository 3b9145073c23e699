//! Looking ahead and looking back: plans, and replays of what was recorded.

use super::reads::find;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Body, Params, Segments};
use crate::api::heavy::heavy;
use crate::describe;
use crate::sources::SeriesStats;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::{
    GateOutlook, Outlook, RateSource, ReplayGates, Replayed, ReplayedEvent, ReplayedRollout,
    StepOutlook,
};
use stagegate_config::{Config, CostSettings, MetricTarget};
use stagegate_control::{Control, StoreAccessError, now_ms, unmeasurable};
use stagegate_rollout::{
    Analysis, GateId, Outcome, PlannedStep, Policy, Rates, RecordedMinute, Recording, ReleaseName,
    Replay, Sticky, Tick, WorkloadName, plan, replay,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use utoipa::IntoParams;

/// The assumptions of a plan.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanQuery {
    /// Requests a second of both arms; measured over the last quarter of an hour if left out.
    #[param(minimum = 0.0, maximum = 1e9)]
    rps: Option<f64>,
    /// Dollars of a request, for what the steps will cost; measured if left out.
    #[param(minimum = 0.0, maximum = 1e9)]
    usd_per_request: Option<f64>,
    /// Requests of a conversation; measured in the newest rollout if left out, or else 1.
    #[param(minimum = 1.0, maximum = 1e9)]
    turns: Option<f64>,
    /// Intraclass correlation of the turns of a conversation; left out, what the newest rollout has measured
    /// counts, or else 0.
    #[param(minimum = 0.0, maximum = 1.0)]
    icc: Option<f64>,
    /// Name of a policy; the workload's own if left out.
    policy: Option<String>,
}

/// The duration and cost of each step of a rollout, and the regression it can detect.
#[utoipa::path(get, path = "/v1/workloads/{workload}/plan", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), PlanQuery),
    responses((status = 200, description = "Step by step.", body = Outlook)))]
pub(super) async fn outlook(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<PlanQuery>,
) -> Result<Json<Outlook>, ApiError> {
    let view = app.control.view();
    find(&view, &name)?;
    let policy = view.policy(&name, query.policy.as_deref()).map_err(|known| {
        ApiError::unknown("policy", &format!("there is no such policy; there are: {known}"))
    })?;
    for (field, given) in [("rps", query.rps), ("usd_per_request", query.usd_per_request)] {
        if given.is_some_and(|number| !(0.0..=MOST).contains(&number)) {
            return Err(ApiError::field(field, &"it must be a number from 0 to 1e9"));
        }
    }
    for (field, given, least, most) in
        [("turns", query.turns, 1.0, MOST), ("icc", query.icc, 0.0, 1.0)]
    {
        if given.is_some_and(|number| !(least..=most).contains(&number)) {
            let problem = format!("it must be a number from {least} to {most}");
            return Err(ApiError::field(field, &problem));
        }
    }
    let mut rates = measured(&app.stats.snapshot(), &name);
    let (mut waived, mut by_conversation) = (Vec::new(), false);
    if let Some(workload) = view.config.workload(&name) {
        rates.scored_candidate = workload.eval.candidate.ratio();
        rates.scored_stable = workload.eval.stable.ratio();
        by_conversation = workload.spec.sticky == Sticky::Conversation;
        waived = unmeasurable(workload, &policy).into_iter().map(|(gate, _)| gate).collect();
    }
    rates.rps = query.rps.unwrap_or(rates.rps);
    rates.usd_per_request = query.usd_per_request.unwrap_or(rates.usd_per_request);
    let rps_from = if query.rps.is_some() { RateSource::Given } else { RateSource::Measured };
    let control = app.control.clone();
    let work = move || {
        // A plan without the store's word is one for independent values.
        let units = units(&control, &name).unwrap_or_default();
        let known = units.turns.filter(|_| by_conversation);
        let turns_from = match (query.turns, known) {
            (Some(_), _) => RateSource::Given,
            (None, Some(_)) => RateSource::Measured,
            (None, None) => RateSource::Assumed,
        };
        rates.turns = query.turns.or(known).unwrap_or(1.0);
        // What was given speaks of another traffic than the one that was measured.
        let given = query.turns.is_some() || query.icc.is_some();
        rates.effects = if given { BTreeMap::new() } else { units.effects };
        rates.icc = query.icc.unwrap_or(0.0);
        Outlook {
            workload: name,
            policy: policy.name.to_string(),
            rps: rates.rps,
            rps_from,
            turns: rates.turns,
            turns_from,
            steps: plan(&policy, &rates, &waived).into_iter().map(step).collect(),
        }
    };
    heavy(work).await.map(Json)
}

/// The largest number of a plan's assumptions: what follows from it is a number too.
const MOST: f64 = 1e9;

/// What the newest rollout has shown of the workload's conversations.
#[derive(Default)]
struct Units {
    /// How much their turns hang together, gate by gate.
    effects: BTreeMap<GateId, f64>,
    /// Their requests.
    turns: Option<f64>,
}

/// The workload's conversations, as its newest analysis that tells of them has them.
fn units(control: &Control, workload: &str) -> Option<Units> {
    let name: WorkloadName = workload.parse().ok()?;
    let store = control.reader().ok()?;
    let analyses = store.analyses(&name, None, None, LOOKED_AT).ok()?;
    analyses.iter().find_map(|stored| {
        let analysis: Analysis = serde_json::from_str(&stored.analysis.body).ok()?;
        let told =
            analysis.measurements.iter().filter_map(|it| Some((it.gate.clone(), it.effect?)));
        let effects: BTreeMap<GateId, f64> = told.collect();
        let [_, seen] = analysis.units;
        let turns =
            (seen >= LEAST_UNITS).then(|| (analysis.requests as f64 / seen as f64).max(1.0));
        (turns.is_some() || !effects.is_empty()).then_some(Units { effects, turns })
    })
}

/// Analyses in which conversations are looked for.
const LOOKED_AT: usize = 20;
/// Conversations of the candidate that have a usual length.
const LEAST_UNITS: u64 = 30;

/// The workload's rates over the longest window there is.
fn measured(stats: &[SeriesStats], workload: &str) -> Rates {
    let ours = || stats.iter().filter(|series| *series.workload == *workload);
    let longest = ours().map(|series| series.seconds).max().unwrap_or(1);
    let mut outcomes = [0_u64; Outcome::ALL.len()];
    let (mut covered, mut costed, mut nanos) = (1.0_f64, 0_u64, 0_u64);
    for series in ours().filter(|series| series.seconds == longest) {
        outcomes.iter_mut().zip(series.outcomes).for_each(|(sum, count)| *sum += count);
        covered = covered.max(series.covers.as_secs_f64());
        costed += series.costed;
        nanos = nanos.saturating_add(series.spent_nanos);
    }
    let all: u64 = outcomes.iter().sum();
    let usual = Rates { rps: 0.0, ..Rates::default() };
    if all == 0 {
        return usual;
    }
    let share = |outcome: Outcome| outcomes[outcome.index()] as f64 / all as f64;
    Rates {
        rps: all as f64 / covered,
        usd_per_request: nanos as f64 / 1e9 / costed.max(1) as f64,
        permanent: share(Outcome::Permanent),
        transient: share(Outcome::Transient),
        external: share(Outcome::External),
        ..usual
    }
}

fn step(step: PlannedStep) -> StepOutlook {
    StepOutlook {
        weight: step.weight.to_string(),
        takes_ms: step.takes_ms,
        because: step.because,
        passes: step.passes,
        likely_ms: step.likely_ms,
        requests: step.requests,
        usd: step.usd,
        gates: step
            .gates
            .into_iter()
            .map(|gate| GateOutlook {
                gate: gate.gate.to_string(),
                needed: gate.needed,
                passes: gate.passes,
                regression: gate.regression,
                found_in_ms: gate.found_in_ms,
                effect: gate.effect,
            })
            .collect(),
    }
}

/// Replays a policy on recorded traffic.
///
/// The weights are those of the time; a replay ends where the policy would have rolled back.
#[utoipa::path(post, path = "/v1/workloads/{workload}/gates/replay", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = ReplayGates,
    responses((status = 200, description = "Event by event.", body = Replayed)))]
pub(super) async fn replay_gates(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Body(body): Body<ReplayGates>,
) -> Result<Json<Replayed>, ApiError> {
    let since_ms = body.since_ms;
    let view = app.control.view();
    let workload = find(&view, &name)?.split.spec().name.clone();
    let cost = view.config.workload(&name).map(|it| it.cost.clone()).unwrap_or_default();
    if body.text.len() > MAX_TEXT {
        let problem = format!("has more than {MAX_TEXT} bytes: send the part with the policies");
        return Err(ApiError::field("text", &problem));
    }
    let control = app.control.clone();
    let sources = sources_of(&view.config);
    let work = move || -> Result<Replayed, ApiError> {
        let policy = policy_of(&body, &sources)?;
        let store = control.reader()?;
        let mut runs: Vec<Run> = Vec::new();
        let mut damaged = None;
        store
            .each_window(&workload, since_ms, now_ms(), |window| {
                let Some(to) = window.candidate else { return };
                match serde_json::from_str(&window.body) {
                    Ok(minute) => add(&mut runs, window.stable, to, minute, body.exact),
                    Err(error) => damaged = Some(error.to_string()),
                }
            })
            .map_err(StoreAccessError::from)?;
        if let Some(why) = damaged {
            let detail = format!("a recorded window is damaged: {why}");
            return Err(ApiError::new(Kind::Unavailable, detail));
        }
        let rollouts = runs.iter().map(|run| judge(&policy, &workload, run, &cost));
        Ok(Replayed {
            policy: policy.name.to_string(),
            rollouts: rollouts.collect::<Result<_, _>>()?,
        })
    };
    Ok(Json(heavy(work).await??))
}

/// Largest text of policies in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// The recorded traffic of one pair of releases.
struct Run {
    from: ReleaseName,
    to: ReleaseName,
    ticks: Vec<Tick>,
}

fn add(
    runs: &mut Vec<Run>,
    from: ReleaseName,
    to: ReleaseName,
    minute: RecordedMinute,
    exact: bool,
) {
    let RecordedMinute { sum, ticks } = minute;
    let ticks = if exact && !ticks.is_empty() { ticks } else { vec![sum] };
    match runs.last_mut().filter(|run| run.from == from && run.to == to) {
        Some(run) => run.ticks.extend(ticks),
        None => runs.push(Run { from, to, ticks }),
    }
}

fn judge(
    policy: &Policy,
    workload: &WorkloadName,
    run: &Run,
    cost: &CostSettings,
) -> Result<ReplayedRollout, ApiError> {
    let Run { from, to, ticks } = run;
    let daily_budget = cost.daily_budget_nanos.map(|nanos| nanos as f64 / 1e9);
    let zone = &cost.time_zone;
    let recording = Recording { workload, from, to, windows: ticks, daily_budget, zone };
    let Replay { events, windows, spared, last } =
        replay(policy.clone(), &recording).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            ApiError::new(Kind::InvalidConfig, problems.join("; "))
        })?;
    let event = |event: stagegate_rollout::ReplayEvent| ReplayedEvent {
        at_ms: event.at_ms,
        step: event.step as u32 + 1,
        weight: event.weight.to_string(),
        verdict: describe::verdict(event.verdict),
        trigger: event.trigger.map(|trigger| trigger.to_string()),
        analysis: describe::rollout::analysis(&event.analysis),
    };
    Ok(ReplayedRollout {
        from: from.to_string(),
        to: to.to_string(),
        windows: windows as u64,
        spared,
        events: events.into_iter().map(event).collect(),
        last: last.as_ref().map(describe::rollout::analysis),
    })
}

/// The keys that a valid file needs in addition to policies. They are appended, so the line numbers
/// of the text do not change.
const REST: &str = "
listeners: [{ address: '127.0.0.1:1' }]
workloads:
  replay:
    match: [{}]
    releases: { r: { endpoints: ['http://127.0.0.1:1'] } }
    stable: r
";

/// Refuses a text that holds more than policies: other parts of a configuration name files, and the
/// answer would tell which of them the server has. Each key of the first level begins a line, and
/// YAML knows more line ends than one.
fn has_policies_only(text: &str) -> Result<(), ApiError> {
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let first_level =
        |line: &&str| !line.is_empty() && !line.starts_with([' ', '\t', '#', '}', ']']);
    let is_policies = |line: &str| {
        let key = line.trim_start_matches(['"', '\'']);
        key.strip_prefix("policies").is_some_and(|rest| rest.starts_with([':', '"', '\'']))
    };
    match lines.filter(first_level).find(|line| !is_policies(line)) {
        None => Ok(()),
        Some(line) => {
            let shown: String = line.chars().take(40).collect();
            let problem = format!(
                "text: has `{shown}` at the beginning of a line: send `policies:` alone, with everything in it indented"
            );
            Err(ApiError::new(Kind::InvalidConfig, problem))
        }
    }
}

/// The sources of external gates that the configuration in force has, without their addresses: a replay
/// asks none of them.
fn sources_of(config: &Config) -> String {
    let each = config.metric_sources.iter().map(|source| {
        let kind = match source.target {
            MetricTarget::Prometheus { .. } => "prometheus",
            MetricTarget::Webhook { .. } => "webhook",
        };
        format!("{{ name: '{}', type: {kind}, url: 'http://127.0.0.1:1' }}", source.name)
    });
    format!("metric_sources: [{}]\n", each.collect::<Vec<_>>().join(", "))
}

/// The wanted policy of the text.
fn policy_of(body: &ReplayGates, sources: &str) -> Result<Arc<Policy>, ApiError> {
    has_policies_only(&body.text)?;
    let text = format!("{}\n{REST}{sources}", body.text.trim_end());
    let loaded = Config::parse(&text, "policy", Path::new("/nonexistent"), &|_: &str| None);
    let config = loaded.map_err(|problems| ApiError::of_a_text(&problems))?.config;
    let own: Vec<&Arc<Policy>> =
        config.policies.values().filter(|it| body.text.contains(&*it.name)).collect();
    let found = match (&body.policy, own.as_slice()) {
        (Some(name), _) => config.policies.get(name.as_str()),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = config.policies.keys().map(|name| &**name).collect();
        // It depends on the text: no form of the field says it.
        ApiError::new(
            Kind::InvalidConfig,
            format!("policy: say which one: there are {}", known.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::has_policies_only;

    #[test]
    fn a_text_of_policies_names_no_file_of_the_server() {
        for good in ["policies: {}", "# mine\npolicies:\n  p: {\n  }\n", "\"policies\": {\n}", ""] {
            assert!(has_policies_only(good).is_ok(), "{good}");
        }
        for bad in [
            "policies: {}\ntracing: { tls: { ca: /etc/shadow } }",
            "policies: {}\rtracing: {}",
            "policies: {}\u{85}tracing: {}",
            "{ tracing: {} }",
            "---\npolicies: {}",
            "? tracing\n: {}",
            "policiesx: {}",
        ] {
            assert!(has_policies_only(bad).is_err(), "{bad}");
        }
    }
}
