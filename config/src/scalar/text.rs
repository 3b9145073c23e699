//! Names, pointers, secrets and free text.

use super::from_text::{FromText, Wrong};
use super::net::is_token;
use crate::TokenHash;
use crate::read::Json;
use stagegate_rollout::{CohortName, ForceKey, GroupName, ReleaseName, Salt, WorkloadName};
use stagegate_settings::Secret;

/// The grammar of names, as `stagegate-rollout` checks it.
const NAME_PATTERN: Json = Json::Name("^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$");
const NAME_HINT: &str =
    "use 1 to 63 letters, digits, `.`, `_` or `-`, starting with a letter or digit";

macro_rules! names {
    ($($name:ident $label:literal,)*) => {$(
        impl FromText for $name {
            const NAME: &'static str = $label;
            const JSON: Json = NAME_PATTERN;
            const HINT: &'static str = NAME_HINT;

            fn from_text(text: &str) -> Result<Self, Wrong> {
                text.parse().map_err(|_| concat!("is not a ", $label).into())
            }
        }
    )*};
}

names! {
    WorkloadName "workload name",
    ReleaseName "release name",
    CohortName "cohort name",
    GroupName "group name",
}

/// A token's name: the actor of the audit.
#[derive(Clone)]
pub(crate) struct TokenName(pub(crate) String);

impl FromText for TokenName {
    const NAME: &'static str = "token name";
    const JSON: Json = NAME_PATTERN;
    const HINT: &'static str = NAME_HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        // One grammar for every name people give.
        let valid = text.parse::<WorkloadName>().is_ok().then(|| Self(text.to_owned()));
        valid.ok_or_else(|| "is not a token name".into())
    }
}

/// One line of text that is not empty.
#[derive(Clone)]
pub(crate) struct Line(pub(crate) String);

impl FromText for Line {
    const NAME: &'static str = "text";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write one line of text, up to 1024 characters";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.trim().is_empty() {
            return Err("is empty".into());
        }
        let fits = text.chars().count() <= 1024 && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or_else(|| "is not one short line of text".into())
    }
}

/// Any text at all.
#[derive(Clone)]
pub(crate) struct Body(pub(crate) String);

impl FromText for Body {
    const NAME: &'static str = "text";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write a text, in quotes or after `|`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(Self(text.to_owned()))
    }
}

/// A content digest, `sha256:<64 hex digits>`.
#[derive(Clone)]
pub(crate) struct Digest(pub(crate) String);

impl FromText for Digest {
    const NAME: &'static str = "digest";
    const JSON: Json = Json::Pattern("^sha256:[0-9a-f]{64}$");
    const HINT: &'static str = "write `sha256:` and 64 lower-case hex digits";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let valid = (lower && TokenHash::parse(text).is_some()).then(|| Self(text.to_owned()));
        valid.ok_or_else(|| "is not a SHA-256 digest".into())
    }
}

impl FromText for Salt {
    const NAME: &'static str = "text";
    const JSON: Json = Json::Text;
    const HINT: &'static str = Line::HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Line::from_text(text).map(|Line(text)| Self::new(&text))
    }
}

/// A JSON pointer (RFC 6901) to something below the top.
#[derive(Clone)]
pub(crate) struct JsonPointer(pub(crate) String);

impl FromText for JsonPointer {
    const NAME: &'static str = "JSON pointer";
    const JSON: Json = Json::Pattern("^/([^~]|~[01])*$");
    const HINT: &'static str = "write a pointer like `/metadata/user_id`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        let valid = (text.starts_with('/') && escapes).then(|| Self(text.to_owned()));
        valid.ok_or_else(|| "is not a JSON pointer".into())
    }
}

/// A cookie's name; case matters.
#[derive(Clone)]
pub(crate) struct CookieName(pub(crate) String);

impl FromText for CookieName {
    const NAME: &'static str = "cookie name";
    const JSON: Json = Json::Pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
    const HINT: &'static str = "write a cookie's name like `session`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = is_token(text).then(|| Self(text.to_owned()));
        valid.ok_or_else(|| "is not a cookie name".into())
    }
}

impl FromText for TokenHash {
    const NAME: &'static str = "token hash";
    const JSON: Json = Json::Pattern("^sha256:[0-9A-Fa-f]{64}$");
    const HINT: &'static str = "write `sha256:` and 64 hex digits, as `stagegate token new` prints them; never the token itself";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Self::parse(text).ok_or_else(|| "is not a token hash".into())
    }
}

/// The secret of HS256.
#[derive(Clone)]
pub(crate) struct JwtSecret(pub(crate) Secret);

impl FromText for JwtSecret {
    const NAME: &'static str = "secret";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write at least 16 characters, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = (text.len() >= 16).then(|| Self(Secret::new(text)));
        valid.ok_or_else(|| "is shorter than 16 bytes and could be guessed".into())
    }
}

/// The secret of force headers.
#[derive(Clone)]
pub(crate) struct ForceSecret(pub(crate) ForceKey);

impl FromText for ForceSecret {
    const NAME: &'static str = "secret";
    const JSON: Json = Json::Text;
    const HINT: &'static str = JwtSecret::HINT;
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let key = ForceKey::new(text.as_bytes()).map(Self);
        key.ok_or_else(|| "is shorter than 16 bytes and could be guessed".into())
    }
}

impl From<Line> for String {
    fn from(text: Line) -> Self {
        text.0
    }
}

impl From<Body> for String {
    fn from(text: Body) -> Self {
        text.0
    }
}

impl From<Digest> for String {
    fn from(text: Digest) -> Self {
        text.0
    }
}
