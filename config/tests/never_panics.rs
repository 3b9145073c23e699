//! Whatever is in the file, the answer is settings or problems: never a panic, never silence.

use proptest::prelude::*;
use stagegate_config::{Config, Loaded, Problems};
use std::path::Path;

const FULL: &str = include_str!("../examples/full.yaml");

fn parse(text: &str) -> Result<Loaded, Problems> {
    let base = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    let env = |name: &str| {
        Some(match name {
            "DEPLOYER_TOKEN_HASH" => format!("sha256:{}", "ab".repeat(32)),
            "READER_TOKEN_HASH" | "WEB_KEY_HASH" | "OTLP_AGENTS_HASH" => {
                format!("sha256:{}", "cd".repeat(32))
            }
            "PAGERDUTY_KEY" => "R0UT1NG".to_owned(),
            "SLACK_URL" => "https://hooks.example.com/x".to_owned(),
            "OTLP_TOKEN" => "a-key-of-the-collector".to_owned(),
            "NATS_PASSWORD" => "a password for the tests".to_owned(),
            "OIDC_CLIENT_SECRET" | "WEBHOOK_SECRET" | "FORCE_SECRET" | "SCORER_SECRET"
            | "JUDGE_KEY" => "0123456789abcdef".to_owned(),
            _ => return None,
        })
    };
    Config::parse(text, "stagegate.yaml", base, &env)
}

/// A refused file must say why, and where.
fn answers(text: &str) -> Result<(), TestCaseError> {
    if let Err(problems) = parse(text) {
        prop_assert!(!problems.0.is_empty());
        let lines = text.lines().count().max(1) as u32 + 1;
        for problem in &problems {
            prop_assert!(!problem.message.is_empty() && !problem.hint.is_empty());
            prop_assert!(problem.line <= lines, "line {} of {}", problem.line, lines);
            prop_assert!(!problem.message.contains("defect of the checker"), "{}", problem);
            prop_assert!(!problem.message.contains("could not be read"), "{}", problem);
        }
    }
    Ok(())
}

/// Words that mean something somewhere in the file.
const WORDS: &[&str] = &[
    "{}",
    "[]",
    "~",
    "''",
    "off",
    "learned",
    "stable",
    "v42",
    "v43",
    "0",
    "-1",
    "99999999999999999999",
    "1%",
    "30s",
    "32MiB",
    "100/s",
    "http://a:1",
    "file:none.txt",
    "${X}",
    "${",
    "*x",
    "&x y",
    "!t z",
    "{ a: b }",
    "[a, b]",
    "\"\\u0000\"",
    "- a",
    "? b",
    "|",
    ">",
    "#",
    "true",
    "/",
    "\u{feff}",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_text(text in any::<String>()) {
        answers(&text)?;
    }

    #[test]
    fn on_text_that_looks_like_yaml(text in "([ \\-a-z:{}\\[\\],'\"&*!|>#?%\\n\\t0-9.$]{0,200})") {
        answers(&text)?;
    }

    #[test]
    fn on_a_right_file_with_values_replaced(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..WORDS.len()), 1..6),
    ) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        for (line, word) in edits {
            let line = line.get_mut(&mut lines);
            if let Some((key, _)) = line.clone().split_once(": ") {
                *line = format!("{key}: {}", WORDS[word]);
            }
        }
        answers(&lines.join("\n"))?;
    }

    #[test]
    fn on_a_right_file_with_lines_removed_doubled_or_moved(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..4_u8, 0..6_usize), 1..6),
    ) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        for (at, what, by) in edits {
            let at = at.index(lines.len());
            match what {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines[at] = format!("{}{}", " ".repeat(by), lines[at]),
                _ => lines[at] = lines[at].chars().skip(by).collect(),
            }
        }
        answers(&lines.join("\n"))?;
    }

    #[test]
    fn on_a_right_file_with_characters_changed(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..4),
    ) {
        let mut chars: Vec<char> = FULL.chars().collect();
        for (at, c) in edits {
            *at.get_mut(&mut chars) = c;
        }
        answers(&chars.into_iter().collect::<String>())?;
    }

    #[test]
    fn on_a_right_file_cut_short(at in any::<prop::sample::Index>()) {
        let chars: Vec<char> = FULL.chars().collect();
        answers(&chars[..at.index(chars.len())].iter().collect::<String>())?;
    }
}

#[test]
fn the_file_that_is_mutated_is_right() {
    assert!(parse(FULL).is_ok());
}
