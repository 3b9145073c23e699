//! What may be served twice.

use super::from_text::{FromText, Wrong};
use super::net::UrlPath;
use super::net::is_token;
use crate::read::Json;
use stagegate_settings::SafePath;

/// A method's name, in upper case as methods are.
#[derive(Clone)]
pub(crate) struct Method(pub(crate) String);

impl FromText for Method {
    const NAME: &'static str = "method";
    const JSON: Json = Json::Pattern("^[!#$%&'*+.^_`|~0-9A-Z-]+$");
    const HINT: &'static str = "write a method like `GET` or `POST`, in upper case";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let upper = !text.bytes().any(|b| b.is_ascii_lowercase());
        let valid = (upper && is_token(text)).then(|| Self(text.to_owned()));
        valid.ok_or_else(|| "is not a method".into())
    }
}

impl FromText for SafePath {
    const NAME: &'static str = "path";
    const JSON: Json = Json::Pattern("^/[!-~]*$");
    const HINT: &'static str = "write a path like `/v1/chat`, or `/v1/chat/*` for everything below";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (path, below) = match text.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            Some(_) => return Err("has a `*` that does not stand alone after a `/`".into()),
            None => (text, false),
        };
        let UrlPath(path) = UrlPath::from_text(path).map_err(|_| Wrong::from("is not a path"))?;
        if path.contains(['?', '*']) || path.contains("..") {
            return Err("has a `?`, a `*` or `..` in it".into());
        }
        Ok(if below { Self::Below(path) } else { Self::Exactly(path) })
    }
}
