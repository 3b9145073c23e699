//! `sem_ver`: compares two versions.

use datalogic_rs::bumpalo::Bump;
use datalogic_rs::bumpalo::collections::String;
use datalogic_rs::operator::EvalContext;
use datalogic_rs::{ArenaExt, CustomOperator, DataValue, Result};
use semver::{BuildMetadata, Version};
use std::fmt::Write;

/// `[version, operator, version]`. Null if one of the three is not understood.
///
/// Versions may begin with `v`, may lack their last one or two numbers, and may be numbers. Build metadata
/// is ignored.
pub(super) struct SemVer;

impl CustomOperator for SemVer {
    fn evaluate<'a>(
        &self,
        args: &[&'a DataValue<'a>],
        _: &mut EvalContext<'_, 'a>,
        arena: &'a Bump,
    ) -> Result<&'a DataValue<'a>> {
        let [left, DataValue::String(operator), right] = args else { return Ok(arena.null()) };
        let (Some(left), Some(right)) = (version(left, arena), version(right, arena)) else {
            return Ok(arena.null());
        };
        let held = match *operator {
            "=" => left == right,
            "!=" => left != right,
            "<" => left < right,
            "<=" => left <= right,
            ">" => left > right,
            ">=" => left >= right,
            "^" => left.major == right.major,
            "~" => left.major == right.major && left.minor == right.minor,
            _ => return Ok(arena.null()),
        };
        Ok(arena.bool(held))
    }
}

fn version(value: &DataValue<'_>, arena: &Bump) -> Option<Version> {
    let mut text = String::new_in(arena);
    match value {
        DataValue::String(raw) => text.push_str(raw.strip_prefix(['v', 'V']).unwrap_or(raw)),
        DataValue::Number(number) => match number.as_i64() {
            Some(number) => write!(text, "{number}").ok()?,
            None => write!(text, "{}", number.as_f64()).ok()?,
        },
        _ => return None,
    }
    // Only a plain `1` or `1.2` is completed, as in the JavaScript implementation.
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        match text.bytes().filter(|byte| *byte == b'.').count() {
            0 => text.push_str(".0.0"),
            1 => text.push_str(".0"),
            _ => {}
        }
    }
    let mut version = Version::parse(&text).ok()?;
    version.build = BuildMetadata::EMPTY;
    Some(version)
}
