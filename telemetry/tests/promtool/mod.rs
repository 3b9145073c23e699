//! Prometheus' own checker.

use std::path::Path;
use std::process::Command;

/// Lets promtool look at a file. Without promtool nothing is checked, except in CI, where it must be there.
pub(crate) fn run(arguments: [&str; 2], file: &Path) {
    match Command::new("promtool").args(arguments).arg(file).output() {
        Ok(output) => assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        #[allow(clippy::print_stderr)]
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: promtool does not start ({error}); install Debian's `prometheus`");
        }
        Err(error) => panic!("promtool must be there in CI: {error}"),
    }
}
