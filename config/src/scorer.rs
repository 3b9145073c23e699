//! One scorer of a file, for those who try it out.

use crate::read::{self, Content, Context, Cursor, Node};
use crate::{Problem, Problems, check, load, raw};
use stagegate_eval::ScorerSpec;
use std::path::Path;

/// Reads the scorer with this name, as the configuration's own are read. The file is a
/// configuration, a mapping with `scorers`, or a list of scorers; nothing else of it is checked.
///
/// # Errors
/// Everything that is wrong with the scorer, or why it cannot be found.
pub fn scorer(path: &Path, name: &str) -> Result<ScorerSpec, Problems> {
    let content = load::content(path)?;
    let file = path.display().to_string();
    let env = |variable: &str| std::env::var(variable).ok();
    let mut cx = Context::new(&file, load::base_dir(path), &env);
    let root = load::tree(&content, &mut cx);
    let spec = root.and_then(|root| {
        let lists = lists(&Cursor::root(&root));
        let mut definitions = lists.iter().filter(|list| names(list.node).any(|it| it == name));
        let Some(list) = definitions.next() else {
            let names: Vec<&str> = lists.iter().flat_map(|list| names(list.node)).collect();
            cx.push(unknown(&file, name, &names));
            return None;
        };
        let definition = raw::named(list, name, &mut cx)?;
        check::scorer(&definition.value, &mut cx)
    });
    let (problems, _) = cx.finish();
    spec.filter(|_| problems.is_empty()).ok_or(Problems(problems))
}

/// The lists of scorers in a file.
fn lists<'n>(root: &Cursor<'n>) -> Vec<Cursor<'n>> {
    if matches!(root.node.content, Content::List(_)) {
        return vec![Cursor { path: root.path.clone(), ..*root }];
    }
    let mut found: Vec<Cursor<'n>> = root.below("scorers").into_iter().collect();
    if let Some(workloads) = root.below("workloads")
        && let Content::Map(entries) = &workloads.node.content
    {
        let workloads =
            entries.iter().map(|(key, node)| workloads.value(&key.text, key.mark, node));
        found.extend(workloads.filter_map(|workload| workload.below("scorers")));
    }
    found
}

fn names(list: &Node) -> impl Iterator<Item = &str> {
    let items: &[_] = match &list.content {
        Content::List(items) => items,
        _ => &[],
    };
    items.iter().filter_map(|item| raw::name_of(item))
}

fn unknown(file: &str, name: &str, names: &[&str]) -> Problem {
    let hint = match (read::suggestion(name, names), names) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "write it under `scorers`".to_owned(),
        (None, _) => format!("its scorers are {}", names.join(", ")),
    };
    load::of_whole_file(file, format!("there is no scorer `{name}`"), &hint)
}
