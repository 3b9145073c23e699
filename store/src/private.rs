//! Files for the service user alone: they hold what people asked and what they were answered.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Takes from group and others what they may do with `dir` and the files in it, two levels deep.
/// Returns the number of entries that were mended, and the first one that could not be.
pub(crate) fn mend(dir: &Path) -> (usize, Option<String>) {
    let mut found = Mended::default();
    found.close(dir);
    found.walk(dir, 2);
    (found.mended, found.refused)
}

#[derive(Default)]
struct Mended {
    mended: usize,
    refused: Option<String>,
}

impl Mended {
    fn walk(&mut self, dir: &Path, levels: u32) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            // Links lead elsewhere: what they point to is not ours.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_symlink() {
                continue;
            }
            self.close(&entry.path());
            if kind.is_dir() && levels > 1 {
                self.walk(&entry.path(), levels - 1);
            }
        }
    }

    fn close(&mut self, path: &Path) {
        let Ok(facts) = fs::symlink_metadata(path) else { return };
        let mode = facts.permissions().mode();
        if mode & 0o077 == 0 {
            return;
        }
        match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
            Ok(()) => self.mended += 1,
            Err(error) => {
                let refused = || format!("{}: {error}", path.display());
                self.refused.get_or_insert_with(refused);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mend;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_others_may_read_is_closed_and_links_are_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        let mode = |path: &std::path::Path| {
            fs::metadata(path).expect("it is there").permissions().mode() & 0o777
        };
        let (state, below) = (dir.path().join("state.db"), dir.path().join("decisions"));
        let foreign = outside.path().join("f");
        fs::write(&state, "x").expect("written");
        fs::create_dir(&below).expect("made");
        fs::write(below.join("1.log"), "x").expect("written");
        fs::write(&foreign, "x").expect("written");
        std::os::unix::fs::symlink(&foreign, dir.path().join("link")).expect("linked");
        for path in [&state, &below.join("1.log"), &foreign] {
            fs::set_permissions(path, Permissions::from_mode(0o644)).expect("set");
        }
        for path in [dir.path(), &below] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("set");
        }
        assert_eq!(mend(dir.path()), (4, None));
        assert_eq!((mode(&state), mode(&below.join("1.log"))), (0o600, 0o600));
        assert_eq!((mode(dir.path()), mode(&below)), (0o700, 0o700));
        assert_eq!(mode(&foreign), 0o644);
        assert_eq!(mend(dir.path()), (0, None), "once is enough");
    }
}
