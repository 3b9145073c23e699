//! Colours on a terminal: what needs a person is red or yellow, what is well is green.

use std::sync::atomic::{AtomicBool, Ordering};

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` is set or `CLICOLOR` is 0.
    Auto,
    /// Always, pipes included.
    Always,
    /// Never.
    Never,
}

/// One command runs in a process, so that one decision is enough.
static ON: AtomicBool = AtomicBool::new(false);

/// Decides for this process.
pub(crate) fn decide(when: When, terminal: bool) {
    let variable = |name: &str| std::env::var(name).ok();
    ON.store(wanted(when, terminal, &variable), Ordering::Relaxed);
}

/// The rules of <https://no-color.org> and <https://bixense.com/clicolors>.
fn wanted(when: When, terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR").is_some() => false,
        When::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        When::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
        When::Auto => terminal && set("TERM").is_none_or(|term| term != "dumb"),
    }
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// The text with colours, if they are wanted. It holds no control characters but line ends.
pub(crate) fn paint(text: &str) -> String {
    if ON.load(Ordering::Relaxed) {
        text.split_inclusive('\n').map(line).collect()
    } else {
        text.to_owned()
    }
}

fn line(line: &str) -> String {
    let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
    if body.trim_start().starts_with("! ") {
        return format!("{RED}{body}{PLAIN}{end}");
    }
    // Cells of a table are two blanks apart.
    let mut painted = String::with_capacity(line.len());
    let mut rest = body;
    while !rest.is_empty() {
        let cell = rest.find("  ").unwrap_or(rest.len());
        let blanks = rest[cell..].len() - rest[cell..].trim_start_matches(' ').len();
        let (text, gap) = (&rest[..cell], &rest[cell..cell + blanks]);
        match colour_of(text) {
            Some(colour) => painted.push_str(&format!("{colour}{text}{PLAIN}{gap}")),
            None => painted.extend([text, gap]),
        }
        rest = &rest[cell + blanks..];
    }
    painted + end
}

fn colour_of(cell: &str) -> Option<&'static str> {
    let word = cell.split([' ', ':', ',']).next()?;
    Some(match word {
        "pass" | "ok" | "healthy" | "ready" | "enabled" | "held" | "delivered" => GREEN,
        "fail" | "fell" | "violated" | "ROLLBACK" | "unhealthy" | "WORSE" | "FAILED" | "error" => {
            RED
        }
        "inconclusive" | "no_data" | "unscored" | "open" | "next" => YELLOW,
        _ if cell.starts_with("NOT READY") => RED,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{When, line, wanted};

    #[test]
    fn environment_and_option_decide() {
        let with = |when, terminal, set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            wanted(when, terminal, &move |name| {
                set.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
            })
        };
        assert!(with(When::Auto, true, &[]));
        assert!(!with(When::Auto, false, &[]));
        assert!(!with(When::Auto, true, &[("NO_COLOR", "1")]));
        assert!(with(When::Auto, true, &[("NO_COLOR", "")]), "empty is not set");
        assert!(!with(When::Auto, true, &[("CLICOLOR", "0")]));
        assert!(with(When::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!with(When::Auto, true, &[("TERM", "dumb")]));
        assert!(with(When::Always, false, &[("NO_COLOR", "1")]));
        assert!(!with(When::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn alarms_and_states_stand_out_and_nothing_moves() {
        assert_eq!(line("  ! KILLED\n"), "\x1b[1;31m  ! KILLED\x1b[0m\n");
        assert_eq!(
            line("  gate  violated for 2m  0.4%\n"),
            "  gate  \x1b[1;31mviolated for 2m\x1b[0m  0.4%\n"
        );
        assert_eq!(line("nothing here"), "nothing here");
    }
}
