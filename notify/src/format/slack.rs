//! Slack's incoming webhooks: blocks for people, `text` for notifications and for receivers that
//! know no blocks.
//!
//! From Slack's reference: at most 50 blocks; a section's text has at most 3000 characters, its
//! `fields` are at most 10 with 2000 each; `&`, `<` and `>` are escaped as in HTML, which also
//! keeps what people typed from mentioning everybody (`<!channel>`). There is no key for
//! duplicates: the outbox alone sees to those.

use super::{cut, json};
use crate::{Fact, Hidden, Notice, NoticeKind, Request, Severity, Standing};
use serde_json::{Value, json as value};

/// Most facts that are shown: more is not read in a chat.
const FACTS: usize = 20;

pub(crate) fn request(notice: &Notice, url: &Hidden) -> Request {
    let title = format!("{} {}", sign(notice), escaped(&cut(&notice.title, 600)));
    let mut blocks = vec![section(&format!("*{title}*"))];
    let shown = &notice.facts[..notice.facts.len().min(FACTS)];
    // A section takes ten fields.
    for facts in shown.chunks(10) {
        let fields: Vec<Value> = facts.iter().map(field).collect();
        blocks.push(value!({ "type": "section", "fields": fields }));
    }
    if let Some(link) = &notice.link {
        let link = escaped(link).replace('|', "%7C");
        blocks.push(section(&format!("<{link}|Read on>")));
    }
    let context: Vec<String> = notice
        .context()
        .into_iter()
        .map(|(name, value)| format!("{name} {}", escaped(&cut(value, 100))))
        .collect();
    if !context.is_empty() {
        let text = context.join(" · ");
        let element = value!({ "type": "mrkdwn", "text": text });
        blocks.push(value!({ "type": "context", "elements": [element] }));
    }
    let of = if notice.workload.is_empty() { "" } else { " — " };
    let text = format!("{title}{of}{}", escaped(&notice.workload));
    json(url, &value!({ "text": text, "blocks": blocks }))
}

fn section(text: &str) -> Value {
    value!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn field(fact: &Fact) -> Value {
    let (name, fact) = (escaped(&cut(&fact.name, 200)), escaped(&cut(&fact.value, 300)));
    value!({ "type": "mrkdwn", "text": format!("*{name}*\n{fact}") })
}

const fn is_good(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::Promoted | NoticeKind::Completed)
}

/// The colour of the message.
fn sign(notice: &Notice) -> &'static str {
    match (notice.standing(), notice.severity) {
        (Standing::Closed, _) => ":white_check_mark:",
        (_, Severity::Critical) => ":rotating_light:",
        (_, Severity::Warning) => ":warning:",
        (_, Severity::Info) if is_good(notice.kind) => ":white_check_mark:",
        (_, Severity::Info) => ":information_source:",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
