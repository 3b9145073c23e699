//! The messages of flagd's services, from its published definitions
//! (<https://buf.build/open-feature/flagd>), and the well-known `google.protobuf.Struct`.

use prost::{Message, Oneof};
use serde_json::{Map, Number};
use std::collections::BTreeMap;

/// Largest whole number that a double holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Kind {
    /// The only value of the enum `NullValue` is 0.
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Value>,
}

/// The request of every call that resolves one flag.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Resolve {
    #[prost(string, tag = "1")]
    pub(crate) flag_key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) context: Option<Struct>,
}

/// Everything in the answer to such a call but the value, whose field has the number 1 and a type of
/// its own in each. A field that is absent in v2 has its zero value in v1, so one form serves both.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Resolved {
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) variant: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResolveAll {
    #[prost(message, optional, tag = "1")]
    pub(crate) context: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResolvedAll {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) flags: BTreeMap<String, AnyFlag>,
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyFlag {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
    #[prost(string, tag = "2")]
    pub(crate) variant: String,
    #[prost(oneof = "AnyValue", tags = "3, 4, 5, 6")]
    pub(crate) value: Option<AnyValue>,
    #[prost(message, optional, tag = "7")]
    pub(crate) metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum AnyValue {
    #[prost(bool, tag = "3")]
    Bool(bool),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(double, tag = "5")]
    Number(f64),
    #[prost(message, tag = "6")]
    Object(Struct),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) data: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sync {
    #[prost(string, tag = "1")]
    pub(crate) provider_id: String,
    #[prost(string, tag = "2")]
    pub(crate) selector: String,
}

/// The answer to `SyncFlags` and to `FetchAllFlags`, which has no second field.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Synced {
    #[prost(string, tag = "1")]
    pub(crate) flag_configuration: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) sync_context: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SyncMetadata {
    #[prost(message, optional, tag = "2")]
    pub(crate) metadata: Option<Struct>,
}

impl Struct {
    pub(crate) fn of(object: &Map<String, serde_json::Value>) -> Self {
        let fields = object.iter().map(|(name, value)| (name.clone(), Value::of(value)));
        Self { fields: fields.collect() }
    }

    pub(crate) fn json(self) -> Map<String, serde_json::Value> {
        self.fields.into_iter().map(|(name, value)| (name, value.json())).collect()
    }
}

impl Value {
    fn of(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let kind = match value {
            Json::Null => Kind::Null(0),
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(number) => Kind::Number(number.as_f64().unwrap_or_default()),
            Json::String(text) => Kind::Text(text.clone()),
            Json::Array(items) => Kind::List(List { values: items.iter().map(Self::of).collect() }),
            Json::Object(object) => Kind::Object(Struct::of(object)),
        };
        Self { kind: Some(kind) }
    }

    fn json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.kind {
            None | Some(Kind::Null(_)) => Json::Null,
            Some(Kind::Bool(value)) => Json::Bool(value),
            Some(Kind::Number(number)) => number_of(number).map_or(Json::Null, Json::Number),
            Some(Kind::Text(text)) => Json::String(text),
            Some(Kind::List(list)) => list.values.into_iter().map(Self::json).collect(),
            Some(Kind::Object(object)) => Json::Object(object.json()),
        }
    }
}

/// The number as JSON would write it: whole numbers without a point.
#[allow(clippy::cast_possible_truncation)]
fn number_of(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

#[cfg(test)]
mod tests {
    use super::Struct;
    use prost::Message as _;
    use serde_json::{Value, json};

    #[test]
    fn a_context_comes_through_as_json_would_write_it() {
        let json = json!({
            "targetingKey": "ann", "age": 40, "share": 0.5, "far": 1e300, "on": true, "none": null,
            "groups": ["a", 1, {"deep": []}],
        });
        let Value::Object(object) = &json else { panic!("an object") };
        let bytes = Struct::of(object).encode_to_vec();
        let read = Struct::decode(&bytes[..]).expect("the same type");
        assert_eq!(Value::Object(read.json()), json);
    }

    #[test]
    fn a_context_that_is_nested_for_ever_is_refused() {
        // One level of a struct in a struct, again and again.
        let mut bytes = Vec::new();
        for _ in 0..500 {
            let mut value = vec![0x2a];
            prost::encoding::encode_varint(bytes.len() as u64, &mut value);
            value.extend(&bytes);
            let mut entry = vec![0x0a, 0x01, b'a', 0x12];
            prost::encoding::encode_varint(value.len() as u64, &mut entry);
            entry.extend(&value);
            bytes = vec![0x0a];
            prost::encoding::encode_varint(entry.len() as u64, &mut bytes);
            bytes.extend(&entry);
        }
        assert!(Struct::decode(&bytes[..]).is_err());
    }
}
