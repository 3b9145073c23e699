//! `fractional`: gives each key one of several variants, in the shares of their weights.

use crate::{Bucketing, cbor};
use datalogic_rs::bumpalo::Bump;
use datalogic_rs::bumpalo::collections::{String, Vec};
use datalogic_rs::operator::EvalContext;
use datalogic_rs::{ArenaExt, CustomOperator, DataValue, Result};
use stagegate_rollout::murmur3_x86_32;

/// Largest sum of weights.
const MOST_WEIGHT: u64 = i32::MAX as u64;

/// `[key?, [variant, weight?], …]`. Without a key, the flag's key and the targeting key are it. Null
/// if the key is missing or a weight is no integer.
pub(super) struct Fractional(pub(super) Bucketing);

impl CustomOperator for Fractional {
    fn evaluate<'a>(
        &self,
        args: &[&'a DataValue<'a>],
        context: &mut EvalContext<'_, 'a>,
        arena: &'a Bump,
    ) -> Result<&'a DataValue<'a>> {
        let variant = self.choose(args, context.root_input(), arena);
        Ok(variant.unwrap_or_else(|| arena.null()))
    }
}

impl Fractional {
    fn choose<'a>(
        &self,
        args: &[&'a DataValue<'a>],
        root: &'a DataValue<'a>,
        arena: &'a Bump,
    ) -> Option<&'a DataValue<'a>> {
        let (first, rest) = args.split_first()?;
        let explicit = match self.0 {
            Bucketing::V1 | Bucketing::V2 => first.is_string(),
            Bucketing::V3 => !first.is_array(),
        };
        let (hash, entries) = if explicit {
            (self.hash_of(first, arena)?, rest)
        } else {
            (self.hash_of_target(root, arena)?, args)
        };
        let mut total: u64 = 0;
        for entry in entries {
            let (_, weight) = variant_and_weight(entry)?;
            total += weight;
        }
        if total > MOST_WEIGHT {
            return None;
        }
        let mut end: u64 = 0;
        for entry in entries {
            let (variant, weight) = variant_and_weight(entry)?;
            end += weight;
            if below(self.0, hash, end, weight, total) {
                return Some(variant);
            }
        }
        None
    }

    /// The hash of a key that the rule names.
    fn hash_of(&self, key: &DataValue<'_>, arena: &Bump) -> Option<u32> {
        if self.0 != Bucketing::V3 {
            return key.as_str().map(|text| murmur3_x86_32(text.as_bytes()));
        }
        if key.is_null() {
            return None;
        }
        let mut bytes = Vec::new_in(arena);
        cbor::write(key, &mut bytes, arena);
        Some(murmur3_x86_32(&bytes))
    }

    /// The hash of the flag's key and the targeting key.
    fn hash_of_target(&self, root: &DataValue<'_>, arena: &Bump) -> Option<u32> {
        let target = root.get("targetingKey")?.as_str().filter(|key| !key.is_empty())?;
        let flag = root.get("$flagd")?.get("flagKey")?.as_str()?;
        if self.0 == Bucketing::V3 {
            let mut bytes = Vec::with_capacity_in(flag.len() + target.len() + 19, arena);
            cbor::write_list_head(2, &mut bytes);
            cbor::write_text(flag, &mut bytes);
            cbor::write_text(target, &mut bytes);
            return Some(murmur3_x86_32(&bytes));
        }
        let mut key = String::with_capacity_in(flag.len() + target.len(), arena);
        key.push_str(flag);
        key.push_str(target);
        Some(murmur3_x86_32(key.as_bytes()))
    }
}

/// Whether a hash lies below the end of a variant's share.
pub(crate) fn below(bucketing: Bucketing, hash: u32, end: u64, weight: u64, total: u64) -> bool {
    if bucketing == Bucketing::V1 {
        let share = f64::from(hash.cast_signed().unsigned_abs()) / f64::from(i32::MAX);
        return weight > 0 && share * 100.0 < end as f64 * 100.0 / total as f64;
    }
    (u64::from(hash) * total) >> 32 < end
}

/// The hash of a text in parts, as of a key that a rule names.
pub(crate) fn hash_of_parts<const N: usize>(
    bucketing: Bucketing,
    parts: [&str; N],
    arena: &Bump,
) -> u32 {
    let mut key = String::with_capacity_in(parts.iter().map(|part| part.len()).sum(), arena);
    parts.iter().for_each(|part| key.push_str(part));
    if bucketing != Bucketing::V3 {
        return murmur3_x86_32(key.as_bytes());
    }
    let mut bytes = Vec::with_capacity_in(key.len() + 9, arena);
    cbor::write_text(&key, &mut bytes);
    murmur3_x86_32(&bytes)
}

/// The two of an entry; the weight is 1 by default, and 0 if it is negative.
fn variant_and_weight<'a>(entry: &'a DataValue<'a>) -> Option<(&'a DataValue<'a>, u64)> {
    let (variant, weight) = match entry.as_array()? {
        [variant] => (variant, 1),
        [variant, DataValue::Number(weight)] => (variant, weight.as_i64()?.max(0).unsigned_abs()),
        _ => return None,
    };
    let usable = !variant.is_array() && !variant.is_object() && weight <= MOST_WEIGHT;
    usable.then_some((variant, weight))
}
