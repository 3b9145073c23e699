//! What requests to a release are changed by.

use super::from_text::{FromText, Wrong};
use crate::read::Json;

/// A character of a query that needs no escape, or `%`, but none that separates parameters.
fn is_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$'()*,;:@/?+".contains(&byte)
}

/// The name of a parameter of a query.
#[derive(Clone)]
pub(crate) struct QueryName(pub(crate) String);

impl FromText for QueryName {
    const NAME: &'static str = "parameter name";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write a name like `variant`, percent-encoded where needed";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = !text.is_empty() && text.bytes().all(is_query);
        valid.then(|| Self(text.to_owned())).ok_or_else(|| "is not a name in a query".into())
    }
}

/// The value of a parameter of a query.
#[derive(Clone)]
pub(crate) struct QueryValue(pub(crate) String);

impl FromText for QueryValue {
    const NAME: &'static str = "parameter value";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "percent-encode other characters, like `%20` for a blank";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = text.bytes().all(|b| is_query(b) || b == b'=');
        valid.then(|| Self(text.to_owned())).ok_or_else(|| "is not a value in a query".into())
    }
}

/// A member of the outermost object of a body, written as a JSON pointer.
#[derive(Clone)]
pub(crate) struct BodyMember(pub(crate) String);

impl FromText for BodyMember {
    const NAME: &'static str = "member of a body";
    const JSON: Json = Json::Pattern("^/[^/~\"\\\\]+$");
    const HINT: &'static str = "write a member of the outermost object, like `/model`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let plain = |c: char| !matches!(c, '/' | '~' | '"' | '\\') && !c.is_control();
        let name =
            text.strip_prefix('/').filter(|name| !name.is_empty() && name.chars().all(plain));
        name.map(|name| Self(name.to_owned()))
            .ok_or_else(|| "is not a member of the outermost object".into())
    }
}
