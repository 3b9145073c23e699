//! Names, pointers, secrets and free text.

use super::from_text::{FromText, Wrong, texts};
use super::net::is_token;
use crate::TokenHash;
use crate::read::Json;
use stagegate_readiness::{Check, is_own_id};
use stagegate_rollout::{CohortName, ForceKey, GroupName, ReleaseName, Salt, WorkloadName};
use stagegate_settings::{QueueKey, Secret};

/// The grammar of names, as `stagegate-rollout` checks it.
const NAME_PATTERN: Json = Json::Name("^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$");
const NAME_HINT: &str =
    "use 1 to 63 letters, digits, `.`, `_` or `-`, starting with a letter or digit";

/// The grammar of names in subjects of NATS.
const FLEET_PATTERN: Json = Json::Name("^[0-9A-Za-z_-]{1,63}$");
const FLEET_HINT: &str = "use 1 to 63 letters, digits, `_` or `-`";

fn is_fleet_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&text.len()) && text.bytes().all(fits)
}

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

texts! {
    /// A token's name: the actor of the audit. One grammar for every name that people give.
    TokenName: "token name", NAME_PATTERN, NAME_HINT, "is not a token name",
        |text| text.parse::<WorkloadName>().is_ok().then(|| text.to_owned());
    /// Key of a flag, or `*` for all of them.
    FlagKey: "key of a flag", Json::Pattern("^[^\\\\x00-\\\\x1f]{1,256}$"),
        "write the key of a flag, or `*` for all", "is not a key of a flag", |text| {
            let plain = !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
            plain.then(|| text.to_owned())
        };
    /// Id of a check: one of the thirty, or one of the team's own.
    CheckId: "id of a check", Json::Name("^[A-Za-z][0-9A-Za-z-]{0,15}$"),
        "write an id like `C11` or `LEGAL`", "is not an id of a check", |text| {
            let known = Check::from_id(text).is_some() || is_own_id(text);
            known.then(|| text.to_owned())
        };
    /// Name of an environment.
    EnvironmentName: "name of an environment", NAME_PATTERN, NAME_HINT,
        "is not a name of an environment",
        |text| text.parse::<WorkloadName>().is_ok().then(|| text.to_owned());
    /// Name of a fleet: a part of subjects and of a stream's name.
    FleetName: "name of a fleet", FLEET_PATTERN, FLEET_HINT, "is not a name of a fleet",
        |text| is_fleet_name(text).then(|| text.to_owned());
    /// Name of a replica: a part of subjects.
    ReplicaName: "name of a replica", FLEET_PATTERN, FLEET_HINT, "is not a name of a replica",
        |text| is_fleet_name(text).then(|| text.to_owned());
    /// A public key (Ed25519).
    PublicKey: "public key", Json::Pattern("^[0-9a-f]{64}$"),
        "write 64 lower-case hex digits, as `stagegate key new` prints them",
        "is not a public key", |text| {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            (text.len() == 64 && text.bytes().all(hex)).then(|| text.to_owned())
        };
    /// Any text at all.
    Body: "text", Json::Text, "write a text, in quotes or after `|`", "is not a text",
        |text| Some(text.to_owned());
    /// A content digest, `sha256:<64 hex digits>`.
    Digest: "digest", Json::Pattern("^sha256:[0-9a-f]{64}$"),
        "write `sha256:` and 64 lower-case hex digits", "is not a SHA-256 digest", |text| {
            let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
            (lower && TokenHash::parse(text).is_some()).then(|| text.to_owned())
        };
    /// A JSON pointer (RFC 6901) to something below the top.
    JsonPointer: "JSON pointer", Json::Pattern("^/([^~]|~[01])*$"),
        "write a pointer like `/metadata/user_id`", "is not a JSON pointer", |text| {
            let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            (text.starts_with('/') && escapes).then(|| text.to_owned())
        };
    /// A cookie's name; case matters.
    CookieName: "cookie name", Json::Pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
        "write a cookie's name like `session`", "is not a cookie name",
        |text| is_token(text).then(|| text.to_owned());
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

impl FromText for Salt {
    const NAME: &'static str = "text";
    const JSON: Json = Json::Text;
    const HINT: &'static str = Line::HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Line::from_text(text).map(|Line(text)| Self::new(&text))
    }
}

impl FromText for TokenHash {
    const NAME: &'static str = "token hash";
    const JSON: Json = Json::Pattern("^sha256:[0-9A-Fa-f]{64}$");
    const HINT: &'static str = "write `sha256:` and 64 hex digits, as `stagegate token new` prints them; never the token itself";
    const SECRET: bool = true;
    const HASH: bool = true;

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

/// The key of a queue of requests.
#[derive(Clone)]
pub(crate) struct QueueSecret(pub(crate) QueueKey);

impl FromText for QueueSecret {
    const NAME: &'static str = "key";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write 64 hex digits, as `openssl rand -hex 32` prints them, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        QueueKey::parse(text).map(Self).ok_or_else(|| "is not a key of 64 hex digits".into())
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
