//! Checks the labelled set and the scorer that compares responses with it.

use super::members::read_text;
use crate::raw::RawLabelled;
use crate::read::{At, Context, Site};
use crate::scalar::Line;
use crate::{EvalSettings, LabelledSettings, Problem};
use serde_json::json;
use stagegate_eval::{LabelledSet, ScorerSpec};
use std::path::Path;
use std::sync::Arc;

/// Largest labelled set.
const MAX_FILE: u64 = 256 << 20;
/// The default name of the comparing scorer.
const USUAL: &str = "labelled";

pub(crate) fn labelled(
    raw: Option<At<RawLabelled>>,
    mut eval: EvalSettings,
    cx: &mut Context<'_>,
) -> Option<EvalSettings> {
    let Some(At { value: raw, site }) = raw else { return Some(eval) };
    let by = by(raw.scorer, &site, &eval.scorers, cx);
    let At { value: file, site: file_site } = raw.file?;
    let path = cx.base_dir.join(file.0);
    let set = set(&path, &file_site, &eval, cx);
    if !eval.is_on() {
        cx.warn(&site, "compares nothing: no answer is sampled", "give `sampling` shares above 0%");
    }
    eval.labelled = Some(LabelledSettings { set: Arc::new(set?), by: by? });
    Some(eval)
}

fn set(path: &Path, site: &Site, eval: &EvalSettings, cx: &mut Context<'_>) -> Option<LabelledSet> {
    let text = read_text(path, site, MAX_FILE, cx)?;
    match LabelledSet::read(&text, &eval.redactor) {
        Ok(set) => {
            if set.is_empty() {
                cx.warn(site, "names a file in which nothing is known to be right", "add lines");
            }
            Some(set)
        }
        Err(bad) => {
            let file: Arc<str> = path.display().to_string().into();
            for line in bad {
                cx.push(Problem {
                    file: Arc::clone(&file),
                    line: line.line,
                    column: 1,
                    key: site.key.clone(),
                    value: None,
                    message: line.message,
                    hint: line.hint.to_owned(),
                });
            }
            None
        }
    }
}

fn by(
    name: Option<At<Line>>,
    site: &Site,
    scorers: &[Arc<ScorerSpec>],
    cx: &mut Context<'_>,
) -> Option<Arc<ScorerSpec>> {
    let named = |name: &str| scorers.iter().find(|it| it.name == name).map(Arc::clone);
    let Some(At { value: Line(name), site }) = name else {
        if named(USUAL).is_some() {
            let message = format!("would compare under the name `{USUAL}`, which a scorer has");
            let hint = format!("write `scorer: {USUAL}`, or give that scorer another name");
            cx.problem(&site.without_value(), message, hint);
            return None;
        }
        let definition = json!({ "name": USUAL, "type": "equals" });
        return ScorerSpec::read(&definition, &|name| Err(name.to_owned())).ok().map(Arc::new);
    };
    let found = named(&name);
    if found.as_ref().is_some_and(|it| it.unit.is_conversation()) {
        let hint = "name a scorer with `unit: turn`: right answers are known of single requests";
        cx.problem(&site, "judges whole conversations", hint);
        return None;
    }
    if found.is_none() {
        let names: Vec<&str> = scorers.iter().map(|it| it.name.as_str()).collect();
        let hint = format!("name one of `scorers` ({}), or leave it out", names.join(", "));
        cx.problem(&site, "is no scorer of this workload", hint);
    }
    found
}
