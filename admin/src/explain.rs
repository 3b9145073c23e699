//! Explanations of routing: dry runs of the current plan, step by step, and recorded decisions as
//! text. Pure: everything comes in as arguments.

use crate::describe;
use stagegate_api::{Decision, ExplainRequest, Explanation, RuleCheck};
use stagegate_rollout::{
    Arm, Choice, FENCED, Fallback, Flagged, HOLDBACK, Reason, ReleaseName, Split, Target, Weight,
    Who, WorkloadSpec, WorkloadState,
};

/// The facts that a dry run cannot know.
const CAVEATS: [&str; 3] = [
    "a signed force header would send the request to the arm it names",
    "a conversation that is pinned to an arm stays there; pins live in the proxy's memory",
    "a candidate without a healthy endpoint falls back to stable",
];

/// What the flags that are bound to a workload say about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound<'a> {
    /// The flag of the kill switch.
    pub kill: Option<&'a str>,
    /// It kills the workload for this request.
    pub kills: bool,
    /// The flag that may name the arm.
    pub arm_flag: Option<&'a str>,
    /// The arm that it names.
    pub arm: Option<Arm>,
}

/// Asks `split` where the described request would go.
#[must_use]
pub fn dry_run(
    split: &Split,
    epoch: u64,
    request: &ExplainRequest,
    bound: Bound<'_>,
) -> Explanation {
    let who = Who {
        request: request.request_id.as_deref().unwrap_or_default(),
        tenant: request.tenant.as_deref(),
        user: request.user.as_deref(),
        conversation: request.conversation.as_deref(),
        unreadable: false,
    };
    let choice = match bound.kill.filter(|_| bound.kills) {
        Some(flag) => split.killed(&who, flag),
        None => {
            let named = bound.arm_flag.zip(bound.arm);
            let flagged = named.map(|(flag, arm)| Flagged { flag, arm });
            split.choose_by_flag(&who, None, None, flagged)
        }
    };
    let (spec, state) = (split.spec(), split.state());
    let (key_kind, key) = split.key(&who);
    let bucket = state.salt.bucket(key).number();
    let release = release_of(spec, state, &choice);
    let rules = checks(split, &who, &choice, (bucket, bound));
    let why = rules.last().map_or("", |rule| rule.why.as_str());
    let destination = destination(spec, &choice, release);
    let mut caveats: Vec<String> = CAVEATS.iter().map(ToString::to_string).collect();
    if key.is_empty() {
        caveats.insert(
            0,
            "the request id would be hashed and none was given: real requests differ".to_owned(),
        );
    }
    Explanation {
        workload: spec.name.to_string(),
        epoch,
        target: describe::destination(choice.target),
        release: release.map(ToString::to_string),
        request: None,
        arm: describe::arm(choice.arm()),
        reason: describe::rule(choice.reason),
        detail: choice.detail.map(str::to_owned),
        key_kind: describe::key_kind(key_kind),
        key: key.to_owned(),
        salt: state.salt.to_string(),
        bucket,
        weight_parts: state.weight.parts(),
        weight: state.weight.to_string(),
        words: format!("{destination}: {why}."),
        rules,
        flags: Vec::new(),
        caveats,
    }
}

/// What makes a request one of a release, in JSON; none where requests go on unchanged.
#[must_use]
pub fn request_of(workload: Option<&stagegate_config::Workload>, release: &str) -> Option<String> {
    let release = workload?.releases.get(release)?;
    release.artifact.request.as_ref().map(|request| request.text().to_owned())
}

fn release_of<'a>(
    spec: &'a WorkloadSpec,
    state: &'a WorkloadState,
    choice: &Choice<'_>,
) -> Option<&'a ReleaseName> {
    match (choice.target, &spec.fallback) {
        (Target::Arm(stagegate_rollout::Arm::Candidate), _) => state.candidate.as_ref(),
        (Target::Arm(stagegate_rollout::Arm::Stable), _) => Some(&state.stable),
        (Target::FallbackRelease, Fallback::Release(release)) => Some(release),
        _ => None,
    }
}

fn destination(spec: &WorkloadSpec, choice: &Choice<'_>, release: Option<&ReleaseName>) -> String {
    match (choice.target, release, &spec.fallback) {
        (Target::Arm(arm), Some(release), _) => format!("Goes to {arm} ({release})"),
        (Target::FallbackRelease, Some(release), _) => {
            format!("Goes to the kill switch's release ({release})")
        }
        (Target::Respond, _, Fallback::Respond(answer)) => {
            format!("Gets the kill switch's fixed answer {}", answer.status)
        }
        (Target::Respond, _, Fallback::Queue(answer)) => format!(
            "Waits in the queue if its method and path are listed, else gets the fixed answer {}",
            answer.status
        ),
        _ => "Goes nowhere".to_owned(),
    }
}

/// The rules in the order they are tried, up to the one that decided.
fn checks(
    split: &Split,
    who: &Who<'_>,
    choice: &Choice<'_>,
    (bucket, bound): (u32, Bound<'_>),
) -> Vec<RuleCheck> {
    let (spec, state) = (split.spec(), split.state());
    let mut rules = Vec::new();
    for rule in Reason::RULES {
        // While the candidate is closed, the rules between the deny list and the default are not
        // tried at all.
        let skipped = !state.is_open()
            && !matches!(rule, Reason::KillSwitch | Reason::Denied | Reason::Default);
        if skipped {
            continue;
        }
        let decided = rule == choice.reason;
        let why = match rule {
            Reason::KillSwitch => kill_switch(state, bound),
            Reason::Denied => listed("deny", decided),
            Reason::Forced => "a dry run carries no force header".to_owned(),
            Reason::Pinned => "a dry run knows no pinned conversations".to_owned(),
            Reason::Excluded => excluded(spec, state, who.tenant),
            Reason::Allowed => listed("allow", decided),
            Reason::Cohort => cohort(spec, state, who.tenant),
            Reason::Flag => match by_flag(bound) {
                Some(why) => why,
                None => continue,
            },
            Reason::Weight => by_weight(split, who, bucket),
            Reason::Default => default(state),
            Reason::CandidateDown | Reason::Refused => break,
        };
        rules.push(RuleCheck { rule: describe::rule(rule), decided, why });
        if decided {
            break;
        }
    }
    rules
}

fn kill_switch(state: &WorkloadState, bound: Bound<'_>) -> String {
    match (&state.killed, bound.kill) {
        (_, Some(flag)) if bound.kills => {
            format!("flag {flag} kills the workload for this request")
        }
        (Some(kill), _) => format!("the workload was killed by {} ({})", kill.by, kill.reason),
        (None, Some(flag)) => {
            format!("the workload is not killed, and flag {flag} kills it for nobody like this")
        }
        (None, None) => "the workload is not killed".to_owned(),
    }
}

/// None where no flag is bound.
fn by_flag(bound: Bound<'_>) -> Option<String> {
    let flag = bound.arm_flag?;
    Some(match bound.arm {
        Some(arm) => format!("flag {flag} names {arm}"),
        None => format!("flag {flag} names no arm"),
    })
}

fn listed(list: &str, decided: bool) -> String {
    let word = if decided { "is" } else { "is not" };
    format!("the tenant or user {word} on the {list} list")
}

fn excluded(spec: &WorkloadSpec, state: &WorkloadState, tenant: Option<&str>) -> String {
    let Some(tenant) = tenant else { return "the tenant is unknown".to_owned() };
    match state.excluding_group(spec, tenant) {
        Some(group) => format!("tenant {tenant} is excluded as {group}"),
        None if state.opted_in.contains(tenant) => format!("tenant {tenant} was opted in"),
        None => format!("tenant {tenant} is in no exclusion group"),
    }
}

fn cohort(spec: &WorkloadSpec, state: &WorkloadState, tenant: Option<&str>) -> String {
    let Some(tenant) = tenant else { return "the tenant is unknown".to_owned() };
    match spec.membership.cohort(tenant) {
        Some(cohort) if state.cohorts.contains(cohort) => {
            format!("tenant {tenant} is in the enabled cohort {cohort}")
        }
        Some(cohort) => format!("tenant {tenant} is in cohort {cohort}, which is not enabled"),
        None => format!("tenant {tenant} is in no cohort"),
    }
}

fn by_weight(split: &Split, who: &Who<'_>, bucket: u32) -> String {
    let (kind, key) = split.key(who);
    let weight = split.weight();
    let parts = weight.parts();
    let relation = if bucket < parts { "is below" } else { "is not below" };
    format!(
        "{} `{key}` falls in bucket {bucket}, which {relation} {parts} (weight {weight})",
        kind.label()
    )
}

fn default(state: &WorkloadState) -> String {
    match (&state.candidate, &state.closed) {
        (None, _) => "there is no candidate".to_owned(),
        (Some(candidate), Some(closed)) => {
            format!("candidate {candidate} was rolled back by {} ({})", closed.by, closed.reason)
        }
        _ => "no rule leads to the candidate".to_owned(),
    }
}

/// A recorded decision in words.
#[must_use]
pub fn recorded(decision: &Decision) -> String {
    let id = |kind: &str, id: &str| {
        if id.is_empty() { format!("an unknown {kind}") } else { format!("{kind} `{id}`") }
    };
    let tenant = id("tenant", &decision.tenant);
    let detail = &decision.detail;
    let bucket = || match decision.bucket {
        Some(bucket) => {
            let parts = decision.weight.parse().map_or(0, Weight::parts);
            let key = match decision.key.as_str() {
                "conversation" => id("conversation", &decision.conversation),
                "user" => id("user", &decision.user),
                "tenant" => tenant.clone(),
                _ => "the request id".to_owned(),
            };
            let relation = if bucket < parts { "is below" } else { "is not below" };
            format!("{key} fell in bucket {bucket}, which {relation} {parts} ({})", decision.weight)
        }
        None => "no rule led to the candidate".to_owned(),
    };
    let why = match decision.reason.as_str() {
        "kill_switch" if !detail.is_empty() => format!("flag {detail} killed the workload for it"),
        "kill_switch" => "the workload was killed".to_owned(),
        "denied" => format!("{tenant} or {} was on the deny list", id("user", &decision.user)),
        "forced" => "a signed force header named the arm".to_owned(),
        "pinned" => {
            format!("{} had begun on this arm", id("conversation", &decision.conversation))
        }
        "excluded" => format!("{tenant} was excluded as {detail}"),
        "allowed" => format!("{tenant} or {} was on the allow list", id("user", &decision.user)),
        "cohort" => format!("{tenant} was in the enabled cohort {detail}"),
        "flag" => format!("flag {detail} named the arm"),
        "candidate_down" => {
            "the candidate was chosen but had no healthy endpoint, so stable served".to_owned()
        }
        "refused" => format!("it was refused before anything was decided ({detail})"),
        _ if detail == FENCED => {
            "this replica did not know the newest changes of its fleet, so it sent everybody to stable"
                .to_owned()
        }
        _ if detail == HOLDBACK => {
            format!("{}, and is held back on stable while the last step is watched", bucket())
        }
        _ => bucket(),
    };
    let destination = if decision.release.is_empty() {
        "Got an answer of the proxy's own".to_owned()
    } else {
        format!("Went to {} ({})", decision.arm, decision.release)
    };
    let outcome = match decision.status {
        0 => format!("The client got no status; the outcome was {}", decision.outcome),
        status => format!("The client got {status}; the outcome was {}", decision.outcome),
    };
    format!("{destination} under plan {}: {why}. {outcome}.", decision.epoch)
}
