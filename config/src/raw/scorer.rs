//! The definition of a scorer: `eval` reads it and describes it; the places of its parts are kept
//! here, so that every problem names its line.

use crate::read::{
    At, Content, Context, Cursor, Field, Mark, Need, Node, Read, Shape, Site, TypeForm, join,
    unique_entries,
};
use serde_json::{Map, Number, Value};
use stagegate_eval::{KeyNeed, KeyShape, ScorerKey, ScorerType, check_types, scorer_types};
use std::collections::HashMap;

/// The definition of a scorer: a mapping with `name`, `type` and the keys of the type.
pub(crate) struct Definition {
    pub(crate) value: Value,
    /// Places by JSON pointer.
    places: HashMap<String, Placed>,
}

struct Placed {
    key: Mark,
    value: Site,
}

impl Definition {
    /// The place of a problem at this JSON pointer: of the value, or else of the key, which may be
    /// missing.
    pub(crate) fn site(&self, pointer: &str, of_value: bool) -> Option<Site> {
        if let Some(placed) = self.places.get(pointer) {
            let value = placed.value.clone();
            let key = Site { mark: placed.key, ..value.without_value() };
            return Some(if of_value { value } else { key });
        }
        let (parent, key) = pointer.rsplit_once('/')?;
        let parent = &self.places.get(parent)?.value;
        Some(Site { mark: parent.mark, key: join(&parent.key, key), written: None })
    }
}

/// The names under which the types of a scorer are described: outside and inside of checks.
const SCORER: &str = "scorer";
const CHECK: &str = "check";

impl Read for Definition {
    // Some of its keys hold secrets.
    const SECRET: bool = true;

    fn shape() -> Shape {
        Shape::Typed {
            name: SCORER,
            doc: "Judges sampled answers. `type` says how, and what other keys there are; `not-` \
                  before the type of a check turns its verdict around. A text `file:name` stands for \
                  the text of that file."
                .to_owned(),
            types: scorer_types().into_iter().map(|kind| form(kind, false)).collect(),
        }
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        if !matches!(at.node.content, Content::Map(_)) {
            let message = format!("is {}, not a scorer", at.node.kind());
            let hint = "write keys and values, `name` and `type` among them";
            cx.problem(&at.site(true), message, hint);
            return None;
        }
        let mut places = HashMap::new();
        let value = value(at, "", cx, &mut places)?;
        Some(Self { value, places })
    }
}

fn form(kind: ScorerType, in_set: bool) -> TypeForm {
    let example = kind.keys.iter().enumerate().filter_map(|(n, key)| {
        let shown = n >= kind.shared || key.need == KeyNeed::Required;
        let named = matches!(key.name, "name" | "type");
        let value = if named { kind.name } else { key.example };
        shown.then(|| format!("{}: {}", key.name, in_flow(value)))
    });
    TypeForm {
        name: kind.name,
        negatable: kind.check,
        doc: kind.doc,
        example: format!("{{ {} }}", example.collect::<Vec<_>>().join(", ")),
        shared: kind.shared,
        fields: kind.keys.into_iter().map(|key| field(key, in_set)).collect(),
    }
}

fn field(key: ScorerKey, in_set: bool) -> Field {
    let need = match key.need {
        KeyNeed::Required => Need::Required,
        KeyNeed::Optional => Need::Optional,
        KeyNeed::Default(text) => Need::Default(text),
    };
    let shape = match key.shape {
        KeyShape::Schema(schema) => Shape::Foreign { kind: key.form, schema, example: key.example },
        KeyShape::Checks => {
            let item = if in_set { Shape::Again(CHECK) } else { checks() };
            Shape::List { item: Box::new(item), at_least_one: true }
        }
    };
    Field { key: key.name, doc: key.doc, need, shape }
}

fn checks() -> Shape {
    Shape::Typed {
        name: CHECK,
        doc: "One check of a set: the type of a check, its keys, and these.".to_owned(),
        types: check_types().into_iter().map(|kind| form(kind, true)).collect(),
    }
}

/// A value as it is written between braces: JSON and plain words as they are, the rest in quotes.
fn in_flow(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '/');
    let is_plain = text.replace("://", "//").chars().all(plain);
    if is_plain || serde_json::from_str::<Value>(text).is_ok() {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Any node as a value of JSON, for other sections.
pub(crate) fn json_value(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Value> {
    value(at, "", cx, &mut HashMap::new())
}

/// Any node as a value; variables are put in, and words without quotes have the types of YAML's
/// core schema.
fn value(
    at: &Cursor<'_>,
    pointer: &str,
    cx: &mut Context<'_>,
    places: &mut HashMap<String, Placed>,
) -> Option<Value> {
    let Node { content, .. } = at.node;
    let secret = matches!(pointer, "/secret" | "/api_key");
    if secret {
        cx.secrets.insert(at.path.clone());
    }
    places.insert(pointer.to_owned(), Placed { key: at.mark, value: at.site(secret) });
    Some(match content {
        _ if at.node.is_null() => Value::Null,
        Content::Scalar { text, plain } => {
            let read = cx.substitute(text, &at.site(true))?;
            match read.as_str() {
                _ if !plain || read != *text => Value::from(read),
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                word => word.parse::<Number>().map_or_else(|_| Value::from(word), Value::Number),
            }
        }
        Content::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (n, node) in items.iter().enumerate() {
                list.push(value(&at.item(n, node), &format!("{pointer}/{n}"), cx, places)?);
            }
            Value::Array(list)
        }
        Content::Map(_) => {
            let mut map = Map::new();
            for (key, node) in unique_entries(at, cx)? {
                let below = at.value(&key.text, key.mark, node);
                let escaped = key.text.replace('~', "~0").replace('/', "~1");
                let inner = value(&below, &format!("{pointer}/{escaped}"), cx, places)?;
                map.insert(key.text.clone(), inner);
            }
            Value::Object(map)
        }
    })
}

/// The definition with this name among the items of a list.
pub(crate) fn named(list: &Cursor<'_>, name: &str, cx: &mut Context<'_>) -> Option<At<Definition>> {
    let Content::List(items) = &list.node.content else { return None };
    let (n, node) = items.iter().enumerate().find(|(_, node)| name_of(node) == Some(name))?;
    At::read(&list.item(n, node), cx)
}

/// The `name` of a definition.
pub(crate) fn name_of(node: &Node) -> Option<&str> {
    match &node.get("name")?.1.content {
        Content::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::read::{Context, Cursor, parse};
    use serde_json::json;
    use std::collections::HashMap;
    use std::path::Path;

    #[test]
    fn words_without_quotes_have_yaml_types_and_all_have_places() {
        let text = "a: 1\nb: '1'\nc: [true, no, ~, 1.5, x]\nd: {e: \"f: g\"}\nh: ${H}\n";
        let env = |_: &str| Some("5".to_owned());
        let mut cx = Context::new("f", Path::new("."), &env);
        let (root, mut places) = (parse(text).expect("YAML"), HashMap::new());
        let read = value(&Cursor::root(&root), "", &mut cx, &mut places).expect("read");
        let c = json!([true, "no", null, 1.5, "x"]);
        assert_eq!(read, json!({"a": 1, "b": "1", "c": c, "d": {"e": "f: g"}, "h": "5"}));
        assert_eq!((places["/c/3"].value.mark.line, places["/d/e"].value.mark.line), (3, 4));
    }
}
