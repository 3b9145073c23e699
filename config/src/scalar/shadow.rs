//! Methods and paths that are safe to be served twice.

use super::from_text::{FromText, Wrong, texts};
use super::net::{UrlPath, is_token};
use crate::read::Json;
use stagegate_settings::SafePath;

texts! {
    /// A method's name, in upper case as methods are.
    Method: "method", Json::Pattern("^[!#$%&'*+.^_`|~0-9A-Z-]+$"),
        "write a method like `GET` or `POST`, in upper case", "is not a method", |text| {
            let upper = !text.bytes().any(|b| b.is_ascii_lowercase());
            (upper && is_token(text)).then(|| text.to_owned())
        };
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
