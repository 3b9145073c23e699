//! The request for which a program asks, as far as the program says so.
//!
//! It may say so in the context, by the fields `request_id` or `requestId` and `traceparent`, or in the
//! headers of its call: `baggage` with the member `stagegate.request_id`, `x-request-id`, and
//! `traceparent` (<https://www.w3.org/TR/trace-context-2/>). What proves it stands beside it: `request_proof` or
//! `requestProof`, the member `stagegate.request_proof`, the header `stagegate-request-proof`. The context comes first, because a header
//! of a call may be of a proxy on its way.

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

/// Longest id of a request. Records keep so many bytes of it.
const LONGEST: usize = 255;
/// Bytes of a `traceparent` of version 00, and the place of the trace's id in it.
const TRACEPARENT: usize = 55;
const TRACE_ID: std::ops::Range<usize> = 3..35;
/// The member of `baggage` that names the request.
const MEMBER: &str = "stagegate.request_id";
/// The member of `baggage` that proves it.
const PROOF_MEMBER: &str = "stagegate.request_proof";
/// The header that proves it, as the backend gets it.
const PROOF_HEADER: &str = "stagegate-request-proof";

/// A request that a program works on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its id.
    pub request_id: Option<String>,
    /// The proof that whoever asks got the request from this process, as the call says it.
    pub(crate) proof: Option<String>,
    /// The `traceparent` that came with the call. Only its form is checked.
    pub traceparent: Option<String>,
}

impl Origin {
    /// What the headers of a call say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let header = |name: &str| headers.get(name).and_then(text);
        let baggage: Vec<String> = headers.get_all("baggage").iter().filter_map(text).collect();
        let of_baggage = |name: &str| baggage.iter().find_map(|it| member(it, name));
        let id = of_baggage(MEMBER).or_else(|| header("x-request-id"));
        let proof = of_baggage(PROOF_MEMBER).or_else(|| header(PROOF_HEADER));
        Self {
            request_id: id.and_then(|id| known(&id)),
            proof: proof.and_then(|proof| known(&proof)),
            traceparent: header("traceparent").filter(|it| trace_id(it).is_some()),
        }
    }

    /// What the context says comes before it.
    pub(crate) fn or(mut self, context: &Map<String, Value>) -> Self {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        let id = text("request_id").or_else(|| text("requestId")).and_then(known);
        if id.is_some() {
            self.request_id = id;
        }
        let proof = text("request_proof").or_else(|| text("requestProof")).and_then(known);
        if proof.is_some() {
            self.proof = proof;
        }
        if let Some(given) = text("traceparent").filter(|it| trace_id(it).is_some()) {
            self.traceparent = Some(given.to_owned());
        }
        self
    }

    /// The trace's id, in hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(trace_id)
    }

    /// True if no request is named.
    pub(crate) const fn is_nobody(&self) -> bool {
        self.request_id.is_none() && self.traceparent.is_none()
    }
}

fn known(id: &str) -> Option<String> {
    let id = id.trim();
    let fits = !id.is_empty() && id.len() <= LONGEST && !id.chars().any(char::is_control);
    fits.then(|| id.to_owned())
}

/// The value of a member in one `baggage` field.
fn member(field: &str, name: &str) -> Option<String> {
    field.split(',').find_map(|member| {
        let (key, value) = member.split(';').next()?.split_once('=')?;
        (key.trim() == name).then(|| decoded(value.trim()))
    })
}

/// W3C Baggage 3.3.1: values are percent-encoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|it| char::from(*it).to_digit(16));
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(0), digit(1))
        {
            bytes.push((high << 4 | low) as u8);
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The id in a `traceparent`, if it has the form of one.
fn trace_id(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let hex = |range: std::ops::Range<usize>| {
        bytes[range].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let well = text.is_ascii()
        && bytes.len() == TRACEPARENT
        && [2, 35, 52].iter().all(|&at| bytes[at] == b'-')
        && [0..2, TRACE_ID, 36..52, 53..TRACEPARENT].into_iter().all(hex);
    let id = well.then(|| &text[TRACE_ID])?;
    id.bytes().any(|byte| byte != b'0').then_some(id)
}

#[cfg(test)]
mod tests {
    use super::Origin;
    use http::HeaderMap;
    use serde_json::{Value, json};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(headers: &[(&'static str, &str)], context: &Value) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        Origin::of(&map).or(context.as_object().expect("an object"))
    }

    #[test]
    fn the_context_comes_before_baggage_and_baggage_before_the_header_of_the_call() {
        let headers = [("x-request-id", "hop"), ("baggage", "a=1"), ("traceparent", PARENT)];
        let said = of(&headers, &json!({}));
        assert_eq!(said.request_id.as_deref(), Some("hop"));
        assert_eq!(said.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        let baggage = [("x-request-id", "hop"), ("baggage", "a=1, stagegate.request_id=r%201;p=2")];
        assert_eq!(of(&baggage, &json!({})).request_id.as_deref(), Some("r 1"));
        for field in ["request_id", "requestId"] {
            assert_eq!(of(&baggage, &json!({field: "own"})).request_id.as_deref(), Some("own"));
        }
        let own = PARENT.replace("4bf9", "0000");
        assert_eq!(of(&headers, &json!({"traceparent": own})).traceparent, Some(own.clone()));
    }

    #[test]
    fn what_names_no_request_is_passed_over() {
        let zero = PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        for bad in ["", "00-", "ü", &PARENT[..54], &zero, &PARENT.to_uppercase()] {
            assert_eq!(of(&[], &json!({"traceparent": bad, "request_id": 7})), Origin::default());
        }
        let long = "x".repeat(256);
        for bad in ["", " ", "a\nb", &long] {
            assert!(of(&[], &json!({"request_id": bad})).is_nobody());
        }
        assert_eq!(
            of(&[("baggage", "stagegate.request_id=%zz%4")], &json!({})).request_id.as_deref(),
            Some("%zz%4")
        );
    }
}
