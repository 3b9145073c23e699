//! Checks the settings for scoring live traffic, and their consistency.

use crate::raw::{Definition, RawEval, RawJudge, RawRedact, RawSampling};
use crate::read::{At, Context, plain};
use crate::{EvalLimits, EvalSettings};
use stagegate_eval::{HealthLimits, InvalidRule, Redactor, Rule, ScorerSpec};
use stagegate_rollout::Weight;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Largest rubric or schema.
const MAX_FILE: u64 = 1 << 20;
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const MIN_MEMORY: u64 = 1 << 20;
const PER_MESSAGE: std::ops::RangeInclusive<u64> = 1 << 10..=16 << 20;

pub(crate) fn limits(raw: RawEval, cx: &mut Context<'_>) -> Option<EvalLimits> {
    let (memory, per_message) = (raw.memory?, raw.per_message?);
    if memory.value.0 < MIN_MEMORY {
        cx.problem(&memory.site, "is below 1MiB", "write at least `1MiB`");
        return None;
    }
    if !PER_MESSAGE.contains(&per_message.value.0) {
        let hint = "write a size from `1KiB` to `16MiB`";
        cx.problem(&per_message.site, "is not a size from 1KiB to 16MiB", hint);
        return None;
    }
    Some(EvalLimits {
        memory: memory.value.0,
        per_message: per_message.value.0,
        workers: plain(raw.workers)?.0 as usize,
        max_age: plain(raw.max_age)?.0,
        max_samples: plain(raw.max_samples)?.0,
        judge: plain(raw.judge).and_then(|raw| judge(raw, cx))?,
    })
}

fn judge(raw: RawJudge, cx: &mut Context<'_>) -> Option<HealthLimits> {
    let window = raw.window?;
    if window.value.0 < SHORTEST_WINDOW {
        cx.problem(&window.site, "is below 1s", "write at least `1s`; `15m` is usual");
        return None;
    }
    Some(HealthLimits {
        silence_ms: plain(raw.silence)?.0.as_millis() as u64,
        at_least: plain(raw.samples)?.0,
        drift: plain(raw.drift)?.0.get(),
        coverage: plain(raw.coverage)?.0.get(),
        window_ms: window.value.0.as_millis() as u64,
    })
}

pub(crate) fn settings(
    sampling: Option<At<RawSampling>>,
    scorers: Option<At<Vec<At<Definition>>>>,
    redact: Option<At<Vec<At<RawRedact>>>>,
    confidence: Option<String>,
    cx: &mut Context<'_>,
) -> Option<EvalSettings> {
    let At { value: sampling, site } = sampling?;
    let scorers = self::scorers(scorers, cx);
    let redactor = redactor(redact, cx);
    let scorers = scorers?;
    let given = sampling.stable.is_some() || sampling.candidate.is_some();
    let usual = |percent| if scorers.is_empty() { Weight::ZERO } else { Weight::percent(percent) };
    let max_rate = plain(sampling.max_rate)?.per_second();
    let stable = plain(sampling.stable).unwrap_or_else(|| usual(2));
    let candidate = plain(sampling.candidate).unwrap_or_else(|| usual(5));
    let picks = stable != Weight::ZERO || candidate != Weight::ZERO;
    if given && !picks && !scorers.is_empty() {
        cx.warn(&site, "scores nothing, and there are scorers", "write shares above 0%");
    }
    let redactor = redactor?;
    Some(EvalSettings {
        stable,
        candidate,
        max_rate,
        scorers,
        labelled: None,
        redactor,
        confidence,
    })
}

fn scorers(
    raw: Option<At<Vec<At<Definition>>>>,
    cx: &mut Context<'_>,
) -> Option<Vec<Arc<ScorerSpec>>> {
    let mut read = Vec::new();
    let mut lines: HashMap<String, u32> = HashMap::new();
    let mut whole = true;
    for At { value: definition, site } in plain(raw)? {
        let Some(spec) = scorer(&definition, cx) else {
            whole = false;
            continue;
        };
        if let Some(line) = lines.insert(spec.name.clone(), site.mark.line) {
            let message = format!("has the name `{}` of the scorer in line {line}", spec.name);
            let hint = "give every scorer of a workload its own name";
            cx.problem(&site.without_value(), message, hint);
            whole = false;
        }
        let other = read.iter().find(|it: &&Arc<ScorerSpec>| {
            it.gate && spec.gate && it.unit.is_conversation() != spec.unit.is_conversation()
        });
        if let Some(other) = other {
            let message = format!(
                "judges another unit than the scorer `{}`, and both have `gate: true`",
                other.name
            );
            let hint = "give all scorers with `gate: true` the same `unit`";
            cx.problem(&site.without_value(), message, hint);
            whole = false;
        }
        read.push(Arc::new(spec));
    }
    whole.then_some(read)
}

/// The scorer of a definition.
pub(crate) fn scorer(definition: &Definition, cx: &mut Context<'_>) -> Option<ScorerSpec> {
    let base = cx.base_dir.to_path_buf();
    let read = ScorerSpec::read(&definition.value, &|name| text_of(&base.join(name)));
    let problems = match read {
        Ok(spec) => return Some(spec),
        Err(problems) => problems.0,
    };
    for problem in problems {
        let site = definition.site(&problem.key, problem.value.is_some())?;
        cx.problem(&site, problem.message, problem.hint);
    }
    None
}

fn text_of(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(format!("it is not a regular file of up to {MAX_FILE} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn redactor(raw: Option<At<Vec<At<RawRedact>>>>, cx: &mut Context<'_>) -> Option<Redactor> {
    let mut rules = Vec::new();
    let mut whole = true;
    for At { value, .. } in plain(raw)? {
        let (rule, site) = match value {
            RawRedact::Pattern(at) => (Rule::Pattern(at.value.0), at.site),
            RawRedact::Pointer(at) => (Rule::Pointer(at.value.0), at.site),
        };
        // One by one, so that each problem is put where it is.
        match Redactor::new(std::slice::from_ref(&rule)) {
            Ok(_) => rules.push(rule),
            Err(error) => {
                whole = false;
                let (message, hint) = match &error {
                    InvalidRule::Pattern(_, why) => {
                        let why = why.lines().last().unwrap_or_default();
                        (format!("is not a regular expression ({why})"), "correct the expression")
                    }
                    InvalidRule::Empty(_) => {
                        ("matches where nothing is".into(), "name at least one character")
                    }
                    InvalidRule::Pointer(_) => {
                        ("is not a JSON pointer".into(), "write one like `/messages/*/content`")
                    }
                };
                cx.problem(&site, message, hint);
            }
        }
    }
    whole.then(|| Redactor::new(&rules).ok()).flatten()
}
