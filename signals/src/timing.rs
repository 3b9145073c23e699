//! Times by stage, as a backend states them in `Server-Timing` (W3C Server Timing, section 3).

/// Stages read from one answer; what comes after them is left out.
pub const MAX_STAGES: usize = 16;
/// Longest name of a stage.
const MAX_NAME: usize = 64;
/// An hour and a half: what is longer is no stage of an answer, and sums stay far from overflow.
const MAX_MS: f64 = 5_400_000.0;

/// One stage and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// Its name: a token of at most 64 characters.
    pub name: &'a str,
    /// Microseconds.
    pub micros: u64,
}

/// The stages of a field value that have a name and a duration, at most [`MAX_STAGES`]. What is
/// malformed is left out, the rest is kept.
pub fn server_timing(value: &[u8]) -> impl Iterator<Item = Stage<'_>> {
    split(value, b',').filter_map(stage).take(MAX_STAGES)
}

/// The name of a stage, as `stagegate-stage` gives one; none if it is not a token.
#[must_use]
pub fn stage_name(value: &[u8]) -> Option<&str> {
    let name = value.trim_ascii();
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let fits = !name.is_empty() && name.len() <= MAX_NAME && name.iter().all(is_token);
    std::str::from_utf8(name).ok().filter(|_| fits)
}

fn stage(metric: &[u8]) -> Option<Stage<'_>> {
    let mut parts = split(metric, b';');
    let name = stage_name(parts.next()?)?;
    let dur = parts.find_map(|part| {
        let at = memchr::memchr(b'=', part)?;
        let key = part[..at].trim_ascii();
        key.eq_ignore_ascii_case(b"dur").then(|| part[at + 1..].trim_ascii())
    })?;
    let dur = dur.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(dur);
    let ms: f64 = std::str::from_utf8(dur).ok()?.parse().ok()?;
    (0.0..=MAX_MS).contains(&ms).then(|| Stage { name, micros: (ms * 1000.0).round() as u64 })
}

/// Splits at `separator` outside quoted texts.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = bytes.iter().position(|&b| {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => return b == separator && !quoted,
            }
            false
        });
        rest = end.map(|end| &bytes[end + 1..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::{MAX_STAGES, server_timing, stage_name};
    use proptest::prelude::*;

    fn read(value: &str) -> Vec<(String, u64)> {
        server_timing(value.as_bytes()).map(|s| (s.name.to_owned(), s.micros)).collect()
    }

    #[test]
    fn stages_are_read_as_the_standard_writes_them() {
        let seen = read(
            r#"retrieval;dur=53.2, llm;desc="a, b;dur=9 \" c" ; dur=812 ,cache;desc="hit", total; DUR="900" "#,
        );
        let expected = [("retrieval", 53_200), ("llm", 812_000), ("total", 900_000)];
        assert_eq!(seen, expected.map(|(name, micros)| (name.to_owned(), micros)));
    }

    #[test]
    fn what_is_malformed_is_left_out_and_the_rest_kept() {
        for wrong in [
            "",
            ",",
            ";dur=1",
            "a b;dur=1",
            "a;dur=",
            "a;dur=x",
            "a;dur=-1",
            "a;dur=NaN",
            "a;dur=1e99",
            "a;dur",
            "\"a\";dur=1",
            "a;desc=\"x;dur=1",
        ] {
            assert_eq!(read(wrong), [], "{wrong}");
            assert_eq!(
                read(&format!("ok;dur=1,{wrong}")).first().map(|s| s.1),
                Some(1_000),
                "{wrong}"
            );
        }
        assert_eq!(stage_name(&[b'a'; 65]), None);
        assert_eq!(stage_name(b" plan "), Some("plan"));
    }

    #[test]
    fn a_flood_of_stages_is_capped() {
        let many: Vec<String> = (0..100).map(|n| format!("s{n};dur={n}")).collect();
        assert_eq!(read(&many.join(",")).len(), MAX_STAGES);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            prop_assert!(server_timing(&bytes).count() <= MAX_STAGES);
        }
    }
}
