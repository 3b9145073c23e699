//! Lists of tenants and users, inline or from files.

use crate::Problem;
use crate::read::{At, Context, Site};
use crate::scalar::{Member, is_id};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// Largest file of ids: tens of millions of them.
const MAX_BYTES: u64 = 1 << 30;

/// Ids and where each came from.
pub(crate) struct Ids {
    pub(crate) ids: Vec<Arc<str>>,
    /// Same length as `ids`.
    origins: Vec<Origin>,
    entries: Vec<Entry>,
}

/// The place of an id: an entry of the list and, in a file, a line.
#[derive(Clone, Copy)]
struct Origin {
    entry: u32,
    line: u32,
}

struct Entry {
    site: Site,
    file: Option<Arc<str>>,
}

impl Ids {
    /// A problem with one of the ids, placed where the id is written.
    pub(crate) fn problem(
        &self,
        index: usize,
        cx: &mut Context<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let Some(origin) = self.origins.get(index) else { return };
        let Some(entry) = self.entries.get(origin.entry as usize) else { return };
        match &entry.file {
            None => cx.problem(&entry.site, message, hint),
            Some(file) => cx.push(Problem {
                file: Arc::clone(file),
                line: origin.line,
                column: 1,
                key: entry.site.key.clone(),
                value: self.ids.get(index).map(|id| id.as_ref().to_owned()),
                message: message.into(),
                hint: hint.into(),
            }),
        }
    }

    /// The place of an id, for warnings.
    pub(crate) fn site(&self, index: usize) -> Option<&Site> {
        self.entries.get(self.origins.get(index)?.entry as usize).map(|entry| &entry.site)
    }
}

/// Collects the ids of a list, reading the files it names.
pub(crate) fn ids(list: &[At<Member>], cx: &mut Context<'_>) -> Ids {
    let mut out = Ids { ids: Vec::new(), origins: Vec::new(), entries: Vec::new() };
    for at in list {
        let entry = out.entries.len() as u32;
        match &at.value {
            Member::Id(id) => {
                out.entries.push(Entry { site: at.site.clone(), file: None });
                out.ids.push(Arc::clone(id));
                out.origins.push(Origin { entry, line: 0 });
            }
            Member::File(path) => {
                let path = cx.base_dir.join(path);
                let file: Arc<str> = path.display().to_string().into();
                out.entries.push(Entry { site: at.site.clone(), file: Some(Arc::clone(&file)) });
                let Some(text) = read_text(&path, &at.site, MAX_BYTES, cx) else { continue };
                for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
                    let (id, line) = (line.trim(), number as u32 + 1);
                    if id.is_empty() || id.starts_with('#') {
                        continue;
                    }
                    out.ids.push(id.into());
                    out.origins.push(Origin { entry, line });
                    if !is_id(id) {
                        let last = out.ids.len() - 1;
                        out.problem(
                            last,
                            cx,
                            "is not an id",
                            "write ids of up to 256 characters, one a line",
                        );
                    }
                }
            }
        }
    }
    out
}

/// The text of a file the configuration names; what is wrong with it is reported at `site`.
pub(crate) fn read_text(
    path: &Path,
    site: &Site,
    max_bytes: u64,
    cx: &mut Context<'_>,
) -> Option<String> {
    let read = || -> Result<String, String> {
        let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if !meta.is_file() {
            return Err("it is not a regular file".into());
        }
        if meta.len() > max_bytes {
            return Err(format!("it is larger than {max_bytes} bytes"));
        }
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    };
    cx.files.push(path.to_owned());
    match read() {
        Ok(text) => {
            let mut digest = DefaultHasher::new();
            text.hash(&mut digest);
            cx.digests.insert(path.to_owned(), digest.finish());
            Some(text)
        }
        Err(error) => {
            cx.problem(
                site,
                format!("names a file that cannot be read ({}): {error}", path.display()),
                "name a readable text file; a relative path is taken from this file's directory",
            );
            None
        }
    }
}
