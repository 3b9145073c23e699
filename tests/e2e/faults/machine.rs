//! What only root can do to a machine: small disks.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command to its end.
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|it| it.success()), "{program} {}", arguments.join(" "));
}

/// A disk in memory; unmounted when it is dropped.
pub(super) struct Disk {
    at: tempfile::TempDir,
}

impl Disk {
    /// One of so many MiB.
    pub(super) fn new(mebibytes: u32) -> Self {
        let at = tempfile::tempdir().expect("a directory");
        let disk = Self { at };
        let size = format!("size={mebibytes}m");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &disk.name()]);
        disk
    }

    fn name(&self) -> String {
        self.at.path().display().to_string()
    }

    /// A directory on it.
    pub(super) fn data(&self) -> String {
        self.at.path().join("data").display().to_string()
    }

    fn filler(&self) -> PathBuf {
        self.at.path().join("filler")
    }

    /// Leaves no byte free.
    pub(super) fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.filler()).expect("the filler");
        for size in [64 * 1024, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    /// Gives the room back.
    pub(super) fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("the filler goes");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.at.path() as &Path).status();
    }
}
