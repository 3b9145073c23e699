//! Links of Markdown pages and the headings they lead to. Pure: text in, findings out.

use std::collections::HashMap;

/// A link, and the line it is in, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) target: String,
}

/// The targets of all inline links outside of code.
pub(super) fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, text) in prose(page) {
        let text = without_code(text);
        let mut rest = text.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let end = rest.find(')').unwrap_or(rest.len());
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            found.push(Link { line, target: target.to_owned() });
            rest = &rest[end..];
        }
    }
    found
}

/// The anchors of all headings, as GitHub and mdBook make them.
pub(super) fn anchors(page: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = prose(page).filter_map(|(_, text)| heading(text));
    headings
        .map(|title| {
            let slug = slug(title);
            let earlier = seen.entry(slug.clone()).or_default();
            *earlier += 1;
            if *earlier == 1 { slug } else { format!("{slug}-{}", *earlier - 1) }
        })
        .collect()
}

/// Mentions of `docs/….md`, with an anchor where there is one, in a file that is not Markdown.
pub(super) fn mentions(text: &str) -> Vec<Link> {
    let part = |c: char| c.is_ascii_alphanumeric() || "-_./#".contains(c);
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in line.split(|c| !part(c)) {
            let word = word.trim_end_matches(['.', '/']);
            let file = word.split('#').next().unwrap_or_default();
            if word.starts_with("docs/") && file.ends_with(".md") {
                found.push(Link { line: index + 1, target: word.to_owned() });
            }
        }
    }
    found
}

/// The lines outside of fenced code, with their numbers.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    page.lines().enumerate().filter_map(move |(index, text)| {
        let mark = text.trim_start().get(..3).filter(|mark| matches!(*mark, "```" | "~~~"));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((index + 1, text)),
            _ => {}
        }
        None
    })
}

/// The text of a heading line.
fn heading(line: &str) -> Option<&str> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let title = line[level..].strip_prefix(' ')?;
    (1..=6).contains(&level).then_some(title.trim())
}

fn slug(title: &str) -> String {
    title
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The line with its code spans blanked.
fn without_code(line: &str) -> String {
    let mut inside = false;
    let blank = |c: char| {
        if c == '`' {
            inside = !inside;
        }
        if inside { ' ' } else { c }
    };
    line.chars().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(page: &str) -> Vec<String> {
        links(page).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn links_are_found_outside_of_code_only() {
        let page = "[a](b.md#c) and [d](e.md \"title\")\n`[x](y)`\n```\n[z](z)\n```\n![i](i.png)\n";
        assert_eq!(targets(page), ["b.md#c", "e.md", "i.png"]);
        assert_eq!(links(page)[2].line, 6);
    }

    #[test]
    fn headings_get_the_anchors_that_github_gives_them() {
        let page = "# A scorer of your own: `score/1`\n## Alerts\n```\n# no\n```\n## Alerts\n#no\n\
                    ## `policies.<policy name>`\n## On call: what to do when …\n";
        let wanted = [
            "a-scorer-of-your-own-score1",
            "alerts",
            "alerts-1",
            "policiespolicy-name",
            "on-call-what-to-do-when-",
        ];
        assert_eq!(anchors(page), wanted);
    }

    #[test]
    fn mentions_are_found_in_any_text() {
        let text = "runbook: docs/a/b.md#x\n// see `docs/C.md`.\n/other/docs/d.md docs/e.py";
        let targets: Vec<_> = mentions(text).into_iter().map(|m| (m.line, m.target)).collect();
        assert_eq!(targets, [(1, "docs/a/b.md#x".to_owned()), (2, "docs/C.md".to_owned())]);
    }
}
