//! One gate: from words to a measure and its limit.
//!
//! Here only what the words say is decided. Which limits fit which measure is the core's to say.

use super::external;
use super::places::{Item, keys};
use crate::raw::{Against, RawGate, TimingWord};
use crate::read::{At, Context, Site, plain};
use crate::scalar::{Bound, Margin, MeasureName, Ratio, millis};
use stagegate_rollout::{Amount, Axis, Gate, Limit, Measure, Number, Severity, Then, Timing};

/// Checks one gate; with it, where its keys are written.
pub(super) fn gate(at: At<RawGate>, cx: &mut Context<'_>) -> Option<(Gate, Item)> {
    let At { value: raw, site: whole } = at;
    if cx.reported(&whole.key) {
        // One of its values could not be read; what hangs on it would only repeat that.
        return None;
    }
    let keys = keys!(raw, "axis": axis, "measure": measure, "class": class, "stage": stage,
        "margin": margin, "ratio": ratio, "max": max, "min": min, "scored": scored, "for": r#for,
        "then": then, "name": name, "source": source, "query": query, "every": every,
        "timeout": timeout, "against": against);
    let measure = measure(&raw, &whole, cx);
    let limit = measure.as_ref().and_then(|measure| limit(&raw, measure, &whole, cx));
    let (measure, limit) = measure.zip(limit)?;
    let axis = raw.axis?;
    if axis.value != measure.axis() {
        let belongs = measure.axis();
        let message = format!("is another axis: `{measure}` is measured on axis `{belongs}`");
        cx.problem(&axis.site, message, format!("write `axis: {belongs}`"));
        return None;
    }
    let then = plain(raw.then)?;
    let usual = Gate::new(measure, limit);
    let gate = Gate {
        for_ms: plain(raw.r#for).map(millis),
        requests: plain(raw.requests).map_or(usual.requests, |it| it.0),
        scored: plain(raw.scored).map_or(usual.scored, |it| it.0),
        then,
        owner: plain(raw.owner).map(|it| it.0),
        severity: plain(raw.severity).unwrap_or(match then {
            Then::Rollback => Severity::Critical,
            Then::Alert => Severity::Warning,
        }),
        ..usual
    };
    Some((gate, Item { whole, keys }))
}

fn measure(raw: &RawGate, whole: &Site, cx: &mut Context<'_>) -> Option<Measure> {
    let axis = raw.axis.as_ref()?.value;
    if axis == Axis::External {
        return external::measure(raw, whole, cx);
    }
    external::only_external(raw, axis, cx)?;
    if axis == Axis::Error {
        if let Some(measure) = &raw.measure {
            cx.problem(
                &measure.site,
                "is not measured on axis `error`",
                "write `class: permanent`, `transient`, `external`, `rejected` or `client_gone` instead",
            );
            return None;
        }
        if let (None, Some(stage)) = (&raw.class, &raw.stage) {
            return Some(Measure::StageErrorRate { stage: stage.value.0.as_str().into() });
        }
        let Some(class) = &raw.class else {
            let hint = "add `class: permanent`, `transient`, `external`, `rejected` or `client_gone`, or a `stage` of the agents' traces";
            cx.problem(&whole.missing("class"), "is missing", hint);
            return None;
        };
        timing(raw, None, cx)?;
        return Some(Measure::ErrorRate { class: class.value });
    }
    if let Some(class) = &raw.class {
        let hint = format!("remove it, or write `axis: error` instead of `{axis}`");
        cx.problem(&class.site, "is of axis `error`", hint);
        return None;
    }
    let Some(name) = &raw.measure else {
        let simple = Measure::SIMPLE.iter().find(|simple| simple.axis == axis);
        let example = simple.map_or("p99", |simple| simple.word);
        let hint = format!("add `measure`, like `measure: {example}`");
        cx.problem(&whole.missing("measure"), "is missing", hint);
        return None;
    };
    let of = timing(raw, Some(name.value), cx)?;
    Some(match name.value {
        MeasureName::Simple(simple) => simple.measure.clone(),
        MeasureName::Quantile(quantile) => Measure::Latency { of, quantile },
        MeasureName::TailRatio => Measure::TailRatio { of },
        MeasureName::BurnRate(window_ms) => Measure::BurnRate { window_ms },
        MeasureName::Spend(window_ms) => Measure::Spend { window_ms },
    })
}

/// The time that a latency gate measures; only latency measures have one.
fn timing(raw: &RawGate, measure: Option<MeasureName>, cx: &mut Context<'_>) -> Option<Timing> {
    let is_time = matches!(measure, Some(MeasureName::Quantile(_) | MeasureName::TailRatio));
    let given = [raw.stage.as_ref().map(|at| &at.site), raw.of.as_ref().map(|at| &at.site)];
    if let (false, Some(site)) = (is_time, given.into_iter().flatten().next()) {
        let message = "says which time is measured, and this gate measures none";
        cx.problem(site, message, "remove it, or measure `p50`, `p95`, `p99` or `p99/p50`");
        return None;
    }
    match (&raw.stage, &raw.of) {
        (Some(_), Some(of)) => {
            cx.problem(&of.site, "is given beside `stage`", "keep one of the two");
            None
        }
        (Some(stage), None) => Some(Timing::Stage(stage.value.0.as_str().into())),
        (None, of) => Some(match of.as_ref().map(|at| at.value) {
            None | Some(TimingWord::Total) => Timing::Total,
            Some(TimingWord::FirstByte) => Timing::FirstByte,
            Some(TimingWord::BetweenChunks) => Timing::BetweenChunks,
        }),
    }
}

fn limit(raw: &RawGate, measure: &Measure, whole: &Site, cx: &mut Context<'_>) -> Option<Limit> {
    let given: Vec<(&str, &Site)> = [
        ("max", raw.max.as_ref().map(|at| &at.site)),
        ("min", raw.min.as_ref().map(|at| &at.site)),
        ("margin", raw.margin.as_ref().map(|at| &at.site)),
        ("ratio", raw.ratio.as_ref().map(|at| &at.site)),
    ]
    .into_iter()
    .filter_map(|(key, site)| Some((key, site?)))
    .collect();
    match given.as_slice() {
        [] => {
            let message = "has no limit";
            let hint = "add `max`, `min`, or `against: stable` with a `margin` or `ratio`";
            cx.problem(&whole.without_value(), message, hint);
            return None;
        }
        [_] => {}
        [(first, _), (_, second), ..] => {
            cx.problem(second, format!("is given beside `{first}`"), "keep one of the two");
            return None;
        }
    }
    if let Some(Margin(by)) = raw.margin.as_ref().map(|at| at.value) {
        compared(raw, Against::Stable, &[Against::Stable], "a margin", cx)?;
        return Some(Limit::Margin(by));
    }
    if let Some(Ratio(by)) = raw.ratio.as_ref().map(|at| at.value) {
        return ratio(raw, measure, by, whole, cx);
    }
    if let (Some(against), true) = (&raw.against, raw.max.is_some() || raw.min.is_some()) {
        let paced = matches!(measure, Measure::DailyProjection | Measure::BurnRate { .. });
        if !(paced && against.value == Against::Budget) {
            cx.problem(
                &against.site,
                "compares, and `max` and `min` do not",
                "remove it, or write a `margin` or `ratio`",
            );
            return None;
        }
    }
    match (&raw.max, &raw.min) {
        (Some(at), _) => Some(Limit::Max(bound(at, measure, cx)?)),
        (None, Some(at)) => Some(Limit::Min(bound(at, measure, cx)?)),
        (None, None) => None,
    }
}

fn ratio(
    raw: &RawGate,
    measure: &Measure,
    by: Amount,
    whole: &Site,
    cx: &mut Context<'_>,
) -> Option<Limit> {
    let workload = measure.is_of_the_workload();
    if raw.against.is_none() && !workload {
        let hint = "add `against: stable`, or `against: baseline` for its own past";
        cx.problem(&whole.missing("against"), "is missing", hint);
        return None;
    }
    let budgeted = matches!(measure, Measure::DailyProjection | Measure::BurnRate { .. });
    let external = matches!(measure, Measure::External(_));
    let (usual, possible, what): (_, &[Against], _) = if external {
        (Against::Stable, &[Against::Stable], "an external value")
    } else if budgeted {
        (Against::Baseline, &[Against::Baseline, Against::Budget], "spend")
    } else {
        (Against::Baseline, &[Against::Stable, Against::Baseline], "a measure without a budget")
    };
    Some(match compared(raw, usual, possible, what, cx)? {
        Against::Stable => Limit::Ratio(by),
        Against::Baseline => Limit::Baseline(by),
        // Both are multiples of the budget already.
        Against::Budget => Limit::Max(by),
    })
}

/// The comparison that the limit uses, if it is one of the possible ones.
fn compared(
    raw: &RawGate,
    usual: Against,
    possible: &[Against],
    what: &str,
    cx: &mut Context<'_>,
) -> Option<Against> {
    let Some(against) = &raw.against else { return Some(usual) };
    if possible.contains(&against.value) {
        return Some(against.value);
    }
    let words: Vec<String> = possible.iter().map(|it| format!("`{}`", it.label())).collect();
    let message = format!("is nothing that {what} can be compared with");
    cx.problem(&against.site, message, format!("write {}", words.join(" or ")));
    None
}

/// The number of a `max` or `min`, in the measure's own unit.
fn bound(at: &At<Bound>, measure: &Measure, cx: &mut Context<'_>) -> Option<Amount> {
    let simple = measure.simple();
    let takes_percent = measure.is_share()
        || matches!(measure, Measure::BurnRate { .. } | Measure::External(_))
        || simple.is_some_and(|simple| simple.number == Number::Times);
    let found = match (measure, at.value) {
        (Measure::Latency { .. }, Bound::Time(time)) => Some(time),
        (Measure::Latency { .. }, _) => None,
        (_, Bound::Number(number)) => Some(number),
        (_, Bound::Share(share)) => takes_percent.then_some(share),
        (_, Bound::Time(_)) => None,
    };
    let wanted = match (simple, measure) {
        (Some(simple), _) => simple.unit,
        (None, Measure::Latency { .. }) => "write a duration like `8s`",
        (None, Measure::ErrorRate { .. } | Measure::StageErrorRate { .. }) => {
            "write a share like `2%`"
        }
        (None, Measure::BurnRate { .. }) => "write a multiple of the budget's pace like `4.8`",
        (None, Measure::Spend { .. }) => "write dollars like `0.05`",
        (None, Measure::External(_)) => {
            "write a number in the unit of the value, or a share like `2%`"
        }
        (None, _) => "write a number like `5`",
    };
    if found.is_none() {
        cx.problem(&at.site, "is not in the unit of what is measured", wanted);
    }
    found
}
