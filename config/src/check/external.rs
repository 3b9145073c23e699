//! The measure of a gate on axis `external`.

use crate::metric_source::MetricKind;
use crate::raw::{Better, RawGate, WithoutData};
use crate::read::{At, Context, Site};
use crate::scalar::{Line, millis};
use stagegate_rollout::{Axis, ExternalValue, Measure, StableValue, Then};

/// Refuses keys of axis `external` on another axis.
pub(super) fn only_external(raw: &RawGate, axis: Axis, cx: &mut Context<'_>) -> Option<()> {
    let given = [
        raw.name.as_ref().map(|at| &at.site),
        raw.source.as_ref().map(|at| &at.site),
        raw.query.as_ref().map(|at| &at.site),
        raw.stable_query.as_ref().map(|at| &at.site),
        raw.label.as_ref().map(|at| &at.site),
        raw.better.as_ref().map(|at| &at.site),
        raw.every.as_ref().map(|at| &at.site),
        raw.timeout.as_ref().map(|at| &at.site),
        raw.no_data.as_ref().map(|at| &at.site),
    ];
    let Some(site) = given.into_iter().flatten().next() else { return Some(()) };
    let hint = format!("remove it, or write `axis: external` instead of `{axis}`");
    cx.problem(site, "is of axis `external`", hint);
    None
}

/// The measure; `None` after its problems were reported.
pub(super) fn measure(raw: &RawGate, whole: &Site, cx: &mut Context<'_>) -> Option<Measure> {
    let others = [
        raw.measure.as_ref().map(|at| &at.site),
        raw.class.as_ref().map(|at| &at.site),
        raw.of.as_ref().map(|at| &at.site),
        raw.stage.as_ref().map(|at| &at.site),
        raw.scored.as_ref().map(|at| &at.site),
    ];
    if let Some(site) = others.into_iter().flatten().next() {
        cx.problem(
            site,
            "is not for axis `external`",
            "remove it: `name`, `source` and `query` say what is measured",
        );
        return None;
    }
    let Some(name) = &raw.name else {
        let hint = "add `name`: the middle part of the gate's id, like `name: checkout`";
        cx.problem(&whole.missing("name"), "is missing", hint);
        return None;
    };
    let kind = kind(raw, whole, cx)?;
    let stable = stable(raw, kind, whole, cx)?;
    let higher_is_better = higher_is_better(raw, cx)?;
    let blocks = raw.then.as_ref().is_some_and(|then| then.value == Then::Rollback);
    Some(Measure::External(Box::new(ExternalValue {
        name: name.value.0.as_ref().into(),
        source: raw.source.as_ref()?.value.0.as_str().into(),
        query: raw.query.as_ref().map(|at| at.value.0.as_str().into()),
        stable,
        higher_is_better,
        every_ms: raw.every.as_ref().map_or(ExternalValue::EVERY_MS, |at| millis(at.value)),
        timeout_ms: raw.timeout.as_ref().map_or_else(
            || {
                let every = raw.every.as_ref().map_or(u64::MAX, |at| millis(at.value));
                ExternalValue::TIMEOUT_MS.min(every)
            },
            |at| millis(at.value),
        ),
        no_data_blocks: raw.no_data.as_ref().map_or(blocks, |at| at.value == WithoutData::Blocks),
    })))
}

/// The kind of the source that the gate names.
fn kind(raw: &RawGate, whole: &Site, cx: &mut Context<'_>) -> Option<MetricKind> {
    let Some(source) = &raw.source else {
        let hint = "add `source`: the name of one of `metric_sources`";
        cx.problem(&whole.missing("source"), "is missing", hint);
        return None;
    };
    // What could not be read was reported there.
    let known = cx.metric_sources.clone()?;
    let found = known.iter().find(|(name, _)| *name == source.value.0);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match names.as_slice() {
            [] => "add `metric_sources` at the top of the file".to_owned(),
            names => format!("write one of: {}", names.join(", ")),
        };
        cx.problem(&source.site, "is not among the `metric_sources`", hint);
    }
    found.map(|(_, kind)| *kind)
}

fn stable(
    raw: &RawGate,
    kind: MetricKind,
    whole: &Site,
    cx: &mut Context<'_>,
) -> Option<StableValue> {
    let mut refuse = |at: Option<&At<Line>>, message: &str, hint: &str| {
        let Some(at) = at else { return Some(()) };
        cx.problem(&at.site, message, hint);
        None
    };
    if kind == MetricKind::Webhook {
        let hint = "remove it: a webhook tells both values by itself";
        refuse(raw.label.as_ref(), "is for sources of type `prometheus`", hint)?;
        refuse(raw.stable_query.as_ref(), "is for sources of type `prometheus`", hint)?;
        return Some(StableValue::Told);
    }
    if raw.label.is_some() {
        let hint = "keep one of the two";
        refuse(raw.stable_query.as_ref(), "is given beside `label`", hint)?;
    }
    if raw.query.is_none() {
        let hint = "add `query`: an instant query in PromQL that gives one number";
        cx.problem(&whole.missing("query"), "is missing", hint);
        return None;
    }
    Some(match (&raw.label, &raw.stable_query) {
        (Some(label), _) => StableValue::Label(label.value.0.as_str().into()),
        (None, Some(query)) => StableValue::Query(query.value.0.as_str().into()),
        (None, None) => StableValue::None,
    })
}

/// A floor says by itself which way is better, and a ceiling too.
fn higher_is_better(raw: &RawGate, cx: &mut Context<'_>) -> Option<bool> {
    let fixed = raw.max.is_some() || raw.min.is_some();
    match &raw.better {
        Some(better) if fixed => {
            cx.problem(&better.site, "is said by `max` and `min` already", "remove it");
            None
        }
        Some(better) => Some(better.value == Better::Higher),
        None => Some(raw.min.is_some()),
    }
}
