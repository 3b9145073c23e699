//! Flags as the API shows them.

use crate::explain::Bound;
use serde_json::json;
use stagegate_api::{
    DecisionFlag, ExplainRequest, Explanation, FlagChanged, FlagDecider, FlagDetail,
    FlagEvaluation, FlagOverride, FlagTiming, Flags, UnknownFlag,
};
use stagegate_control as control;
use stagegate_control::View;
use stagegate_control::ports::FlagsAsked;
use stagegate_flags::{
    Bucketing, DecidedBy, Evaluation, Flag, FlagSet, Override, Scratch, Variant, stale,
};
use stagegate_timing::rfc3339;

/// What is different about a flag: both have one form in JSON.
#[must_use]
fn overriding(given: &Override) -> FlagOverride {
    serde_json::from_value(json!(given)).unwrap_or_default()
}

/// The result of a change.
#[must_use]
pub fn flag_changed(changed: &control::FlagChanged) -> FlagChanged {
    FlagChanged {
        flag: changed.key.clone(),
        action: changed.action.to_owned(),
        changed: changed.changed,
        summary: changed.summary.clone(),
        epoch: changed.epoch,
        flag_epoch: changed.flag_epoch,
        audit_seq: changed.audit_seq,
        actor: changed.actor.clone(),
        reason: changed.reason.clone(),
        recorded: changed.recorded,
        timing: changed.timing.map(|timing| FlagTiming {
            acknowledged_ms: timing.acknowledged_ms,
            acknowledged_workers: timing.acknowledged_workers,
            workers: timing.workers,
            settled: timing.settled,
        }),
        fleet: changed.fleet.as_ref().map(super::fleet_outcome),
        before: overriding(&changed.before),
        after: overriding(&changed.after),
        moves: changed.moves.clone(),
        dry_run: changed.dry_run,
    }
}

/// All flags in force.
#[must_use]
pub fn flags(set: &FlagSet, view: &View, asked: &FlagsAsked) -> Flags {
    let orphans = set.overlay().keys().filter(|key| set.get(key).is_none());
    Flags {
        flags: set.flags().map(|it| flag(set, it, view, asked)).collect(),
        orphans: orphans.cloned().collect(),
        unknown: asked
            .unknown
            .iter()
            .map(|(key, count)| UnknownFlag { flag: key.clone(), count: *count })
            .collect(),
        since_ms: asked.since_s * 1000,
    }
}

/// One flag in force.
#[must_use]
pub fn flag(set: &FlagSet, flag: &Flag, view: &View, asked: &FlagsAsked) -> FlagDetail {
    let key = flag.key();
    let (file, line, bucketing) = set.origin(key).unwrap_or(("", 0, Bucketing::default()));
    let given = set.overriding(key);
    let remarks = set.remarks().into_iter().filter(|(of, _)| of == key);
    FlagDetail {
        flag: key.to_owned(),
        enabled: given.and_then(|given| given.enabled).unwrap_or(flag.is_enabled()),
        variants: flag.variants().iter().map(|variant| variant.name().to_owned()).collect(),
        default_variant: flag.default_variant().map(|variant| variant.name().to_owned()),
        has_rule: flag.has_rule(),
        file: file.to_owned(),
        line,
        bucketing: bucketing.label().to_owned(),
        metadata: flag.metadata().clone(),
        definition: flag.definition().clone(),
        overriding: given.map(overriding),
        words: given.map(Override::words).unwrap_or_default(),
        permanent: set.exported(key, view.has_exclusions()),
        remarks: remarks.map(|(_, remark)| remark).collect(),
        epoch: view.epoch_of_flag(key),
        stale: stale(flag, given, &rfc3339(control::now_ms())[..10]),
        last_evaluated_ms: asked.last_s.get(key).map(|last| last * 1000),
    }
}

/// One flag as it would be served.
#[must_use]
pub fn flag_evaluation(key: &str, it: &Evaluation<'_>) -> FlagEvaluation {
    FlagEvaluation {
        flag: key.to_owned(),
        variant: it.variant().map(|variant| Variant::name(variant).to_owned()),
        value: it.value().cloned(),
        why: it.reason().label().to_owned(),
        decided_by: decider(it.decided_by()),
        problem: it.failure().map(ToString::to_string),
    }
}

/// What the flags that are bound to a workload say about a request.
#[must_use]
pub fn bound<'w>(
    set: &FlagSet,
    request: &ExplainRequest,
    excluded: bool,
    settings: &'w stagegate_config::settings::Workload,
) -> Bound<'w> {
    let (kill, arm_flag) = (settings.kill_flag.as_deref(), settings.arm_flag.as_deref());
    let mut scratch = Scratch::new();
    let context = scratch.of_fields(&fields(request)).excluding(excluded);
    let now = control::now_ms() / 1000;
    let kills = kill.is_some_and(|key| set.evaluate(key, &context, now).is_false());
    let arm = arm_flag.and_then(|key| set.evaluate(key, &context, now).arm());
    Bound { kill, kills, arm_flag, arm }
}

/// What is known of a request before it is decided.
fn fields(request: &ExplainRequest) -> Vec<(&str, &str)> {
    let (tenant, user) = (known("tenant", &request.tenant), known("user", &request.user));
    let conversation = known("conversation", &request.conversation);
    let target = user.or(conversation).or(tenant).map(|(_, id)| id);
    let target = target.or(request.request_id.as_deref()).unwrap_or_default();
    let fixed = [("targetingKey", target), ("workload", request.workload.as_str())];
    fixed.into_iter().chain([tenant, user, conversation].into_iter().flatten()).collect()
}

/// The flags that a request would carry to its backend.
#[must_use]
pub fn flags_sent(
    set: &FlagSet,
    request: &ExplainRequest,
    explained: &Explanation,
    excluded: bool,
    wants: impl Fn(&str) -> bool,
    pins: &[(String, String)],
) -> Vec<DecisionFlag> {
    let mut fields = fields(request);
    fields.push(("arm", explained.arm.as_str()));
    fields.extend(known("release", &explained.release));
    let mut scratch = Scratch::new();
    let context = scratch.of_fields(&fields).excluding(excluded);
    let evaluated = set.evaluate_all(&context, control::now_ms() / 1000);
    let pin = |key: &str| pins.iter().find(|(pinned, _)| pinned == key);
    let sent = evaluated.filter(|(flag, _)| wants(flag.key()) || pin(flag.key()).is_some());
    let sent = sent.map(|(flag, it)| {
        let taken = matches!(it.decided_by(), DecidedBy::Off | DecidedBy::Denied);
        let has = |name: &String| flag.variants().iter().any(|own| own.name() == name);
        let pinned = pin(flag.key()).filter(|(_, variant)| !taken && has(variant));
        let served = || (it.variant().map_or("", Variant::name), decider(it.decided_by()));
        let (variant, decided_by) = match pinned {
            Some((_, variant)) => (variant.as_str(), FlagDecider::Release),
            None => served(),
        };
        let (flag, variant) = (flag.key().to_owned(), variant.to_owned());
        DecisionFlag { flag, variant, decided_by, remote: false }
    });
    sent.collect()
}

/// What decided about a flag.
#[must_use]
pub const fn decider(by: DecidedBy) -> FlagDecider {
    match by {
        DecidedBy::Off => FlagDecider::Off,
        DecidedBy::Denied => FlagDecider::Denied,
        DecidedBy::Allowed => FlagDecider::Allowed,
        DecidedBy::Set => FlagDecider::Set,
        DecidedBy::Percent => FlagDecider::Percent,
        DecidedBy::Targeting => FlagDecider::Targeting,
        DecidedBy::Default => FlagDecider::Default,
        DecidedBy::Static => FlagDecider::Static,
        DecidedBy::Disabled => FlagDecider::Disabled,
        DecidedBy::Error => FlagDecider::Error,
    }
}

/// A field of a context, if it is known.
fn known<'a>(name: &'static str, id: &'a Option<String>) -> Option<(&'a str, &'a str)> {
    id.as_deref().map(|id| (name, id))
}
