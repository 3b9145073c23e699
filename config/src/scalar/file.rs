//! Values that name files.

use super::from_text::{FromText, Wrong};
use crate::read::Json;
use std::path::PathBuf;
use std::sync::Arc;

/// A path as written; relative ones are taken from the configuration's directory.
#[derive(Clone)]
pub(crate) struct FilePath(pub(crate) PathBuf);

impl FromText for FilePath {
    const NAME: &'static str = "path of a file";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write a path; a relative one is taken from this file's directory";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = !text.trim().is_empty() && !text.contains('\0');
        valid.then(|| Self(text.into())).ok_or_else(|| "is not a path".into())
    }
}

/// Permissions of a file, as `chmod` takes them.
#[derive(Clone, Copy)]
pub(crate) struct FileMode(pub(crate) u32);

impl FromText for FileMode {
    const NAME: &'static str = "file mode";
    const JSON: Json = Json::Pattern("^0?[0-7]{3}$");
    const HINT: &'static str = "write three octal digits in quotes, like `'0660'`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(text);
        let octal = digits.len() == 3 && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| octal);
        mode.map(Self).ok_or_else(|| "is not the permissions of a file".into())
    }
}

/// A tenant or user id, or a file of them.
#[derive(Clone)]
pub(crate) enum Member {
    Id(Arc<str>),
    File(PathBuf),
}

impl FromText for Member {
    const NAME: &'static str = "id or `file:` with a path";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write an id of up to 256 characters, or `file:ids.txt` for a file with one a line";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Some(path) = text.strip_prefix("file:") {
            return FilePath::from_text(path).map(|FilePath(path)| Self::File(path));
        }
        let valid = is_id(text).then(|| Self::Id(text.into()));
        valid.ok_or_else(|| "is not an id".into())
    }
}

/// Returns true if a text can be an id: a header can carry it unchanged.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=256).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}
