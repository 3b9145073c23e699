//! Values about answers: statuses, error names, money.

use super::file::FilePath;
use super::from_text::{FromText, Wrong, texts};
use super::quantity::Int;
use crate::read::Json;
use stagegate_rollout::Zone;
use stagegate_signals::parse_usd;
use std::path::PathBuf;

/// An HTTP status of a final answer.
#[derive(Clone, Copy)]
pub(crate) struct Status(pub(crate) u16);

impl FromText for Status {
    const NAME: &'static str = "HTTP status";
    const JSON: Json = Json::Pattern("^[2-5][0-9][0-9]$");
    const HINT: &'static str = "write a status from 200 to 599";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let status = Int::<200, 599>::from_text(text);
        status.map(|status| Self(status.0 as u16)).map_err(|_| "is not an HTTP status".into())
    }
}

texts! {
    /// A code or type that an error goes by.
    ErrorName: "error code", Json::Pattern("^[0-9A-Za-z._-]{1,48}$"),
        "write a code as bodies name it, like `overloaded_error`", "is not an error code", |text| {
            let fits = (1..=48).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            fits.then(|| text.to_owned())
        };
}

/// Money in nano-dollars, more than none.
#[derive(Clone, Copy)]
pub(crate) struct Usd(pub(crate) u64);

impl FromText for Usd {
    const NAME: &'static str = "amount of US dollars";
    const JSON: Json = Json::Pattern("^([0-9]+\\.?[0-9]*|\\.[0-9]+)$");
    const HINT: &'static str = "write dollars like `500` or `12.50`, up to a billion";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        // Programs print exponents, people who write a budget do not.
        let plain = !text.contains(['e', 'E']);
        match parse_usd(text.as_bytes()).filter(|_| plain) {
            Some(0) => Err("is zero, which would be spent at once".into()),
            Some(nanos) => Ok(Self(nanos)),
            None => Err("is not an amount of US dollars".into()),
        }
    }
}

/// A time zone.
#[derive(Clone)]
pub(crate) struct ZoneName(pub(crate) Zone);

impl FromText for ZoneName {
    const NAME: &'static str = "time zone";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write a name like `Europe/Berlin`, or a rule like `CET-1CEST,M3.5.0,M10.5.0/3`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Zone::parse(text).map(Self).map_err(|_| "is not a time zone".into())
    }
}

/// The source of prices.
#[derive(Clone)]
pub(crate) enum PriceSource {
    /// This version's own list.
    Builtin,
    /// A file.
    File(PathBuf),
}

impl FromText for PriceSource {
    const NAME: &'static str = "`builtin` or `file:` with a path";
    const JSON: Json = Json::Pattern("^(builtin|file:.+)$");
    const HINT: &'static str =
        "write `builtin`, or `file:prices.json` for a price list of your own";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text.strip_prefix("file:") {
            Some(path) => FilePath::from_text(path).map(|path| Self::File(path.0)),
            None if text == "builtin" => Ok(Self::Builtin),
            None => Err("is neither `builtin` nor a file".into()),
        }
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

impl From<ErrorName> for Box<str> {
    fn from(name: ErrorName) -> Self {
        name.0.into()
    }
}
