//! What is remembered of conversations, as bytes that outlive the process: pins, and the sketches of
//! conversations that began on stable.
//!
//! The form is private to the program: a version, the secret under which ids are hashed, the time, the
//! pins, the sketches, and a checksum. Bytes of another version, or damaged ones, are refused as a whole.

use crate::began::Filter;
use crate::pins::{Pin, Pins, Seed, wall_s};
use crate::plan::{Plan, Workload, numbers};
use siphasher::sip::SipHasher13;
use stagegate_rollout::{Arm, Weight};
use std::collections::HashMap;
use std::hash::Hasher as _;
use std::time::Instant;

/// Clocks that are no further apart are the same.
const ROUNDING_S: u64 = 2;
/// The first version had no times.
const FIRST: &[u8; 8] = b"SGCONV\x00\x01";
const MAGIC: &[u8; 8] = b"SGCONV\x00\x02";

/// Bytes that are not what a process remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecallError {
    /// They are damaged, or of another version of the program.
    #[error("damaged, or written by another version")]
    Damaged,
    /// Another secret is in use already.
    #[error("of another data directory")]
    Foreign,
}

/// Everything that is remembered.
pub(crate) fn remembered(plan: &Plan, pins: &Pins) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let seed = pins.seed();
    seed.iter().for_each(|half| out.extend_from_slice(&half.to_le_bytes()));
    for time in [pins.steady_s(Instant::now()), wall_s()] {
        out.extend_from_slice(&time.to_le_bytes());
    }
    let names = numbers::names();
    put(&mut out, names.len());
    for (number, (workload, release)) in &names {
        out.extend_from_slice(&number.to_le_bytes());
        text(&mut out, workload);
        text(&mut out, release);
    }
    let at = out.len();
    put(&mut out, 0);
    let mut count = 0usize;
    pins.each(|key, pin| {
        count += 1;
        out.extend_from_slice(&key.to_le_bytes());
        for number in [pin.release, pin.generation, pin.used_s] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(pin.arm.index() as u8);
    });
    out[at..at + 8].copy_from_slice(&(count as u64).to_le_bytes());
    for workload in &plan.workloads {
        for filter in workload.prepared.began.filters() {
            let (began_s, words) = filter.parts();
            text(&mut out, &workload.prepared.name);
            out.extend_from_slice(&began_s.to_le_bytes());
            let at = out.len();
            put(&mut out, 0);
            words.for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            let bytes = (out.len() - at - 8) as u64;
            out[at..at + 8].copy_from_slice(&bytes.to_le_bytes());
        }
    }
    let sum = checksum(seed, &out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Adds what a process remembered to what is remembered already. Releases and workloads that are no
/// more are left out.
pub(crate) fn recall(bytes: &[u8], plan: &Plan, pins: &Pins) -> Result<(), RecallError> {
    let damaged = RecallError::Damaged;
    let (body, sum) = bytes.split_last_chunk::<8>().ok_or(damaged)?;
    let has_times = body.starts_with(MAGIC);
    let magic = if has_times { MAGIC } else { FIRST };
    let mut rest = body.strip_prefix(magic.as_slice()).ok_or(damaged)?;
    let input = &mut rest;
    let seed = [number(input).ok_or(damaged)?, number(input).ok_or(damaged)?];
    if checksum(seed, body) != u64::from_le_bytes(*sum) {
        return Err(damaged);
    }
    if !pins.take_seed(seed) {
        return Err(RecallError::Foreign);
    }
    let shift = if has_times {
        let (steady_s, then_s) = (number(input).ok_or(damaged)?, number(input).ok_or(damaged)?);
        Shift::since(steady_s, then_s, pins)
    } else {
        Shift(0)
    };
    take_pins(input, pins, shift).ok_or(damaged)?;
    while !input.is_empty() {
        take_filter(input, &plan.workloads, shift).ok_or(damaged)?;
    }
    Ok(())
}

/// Seconds from the clock of the process that remembered to the clock of this one.
#[derive(Clone, Copy, Debug)]
struct Shift(i64);

impl Shift {
    /// What was remembered at `steady_s` by the clock of that process, and `then_s` by the wall clock.
    /// Between the two processes only the wall clock counts; it never makes anything younger.
    fn since(steady_s: u64, then_s: u64, pins: &Pins) -> Self {
        let passed = wall_s().saturating_sub(then_s);
        let here = pins.steady_s(Instant::now());
        let shift = here.cast_signed().wrapping_sub(steady_s.saturating_add(passed).cast_signed());
        // Less is the rounding of seconds: a sketch that is read again stays the same one.
        Self(if shift.unsigned_abs() <= ROUNDING_S { 0 } else { shift })
    }

    fn of(self, then_s: u64) -> u64 {
        then_s.saturating_add_signed(self.0)
    }
}

fn take_pins(input: &mut &[u8], pins: &Pins, shift: Shift) -> Option<()> {
    let mut known = HashMap::new();
    for _ in 0..number(input)? {
        let old = short(input)?;
        let (workload, release) = (take_text(input)?, take_text(input)?);
        known.insert(old, numbers::of(workload, release));
    }
    for _ in 0..number(input)? {
        let key = number(input)?;
        let (release, generation, used_s) = (short(input)?, short(input)?, short(input)?);
        let (arm, tail) = input.split_first()?;
        *input = tail;
        let arm = *Arm::ALL.get(usize::from(*arm))?;
        let release = *known.get(&release)?;
        let used_s = shift.of(u64::from(used_s)) as u32;
        // The weight that drew it is not kept: it stays where it is and is not compared.
        let (drawn, unit) = (Weight::ZERO, key as u32);
        pins.put(key, Pin { arm, release, generation, drawn, unit, used_s });
    }
    Some(())
}

fn take_filter(input: &mut &[u8], workloads: &[Workload], shift: Shift) -> Option<()> {
    let name = take_text(input)?;
    let began_s = shift.of(number(input)?);
    let bytes = usize::try_from(number(input)?).ok()?;
    let (words, tail) = input.split_at_checked(bytes)?;
    *input = tail;
    let words = words.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let filter = Filter::from_parts(began_s, words)?;
    if let Some(workload) = workloads.iter().find(|it| *it.prepared.name == *name) {
        workload.prepared.began.merge(filter);
    }
    Some(())
}

fn checksum([a, b]: Seed, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(a, b);
    hasher.write(bytes);
    hasher.finish()
}

fn put(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u64).to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn number(input: &mut &[u8]) -> Option<u64> {
    let (head, tail) = input.split_first_chunk::<8>()?;
    *input = tail;
    Some(u64::from_le_bytes(*head))
}

fn short(input: &mut &[u8]) -> Option<u32> {
    let (head, tail) = input.split_first_chunk::<4>()?;
    *input = tail;
    Some(u32::from_le_bytes(*head))
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(number(input)?).ok()?;
    let (text, tail) = input.split_at_checked(length)?;
    *input = tail;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{FIRST, MAGIC, checksum, recall, remembered};
    use crate::pins::{Pin, Pins, wall_s};
    use crate::plan::{Plan, numbers};
    use stagegate_rollout::{Arm, Weight};
    use std::time::{Duration, Instant};

    #[test]
    fn pins_outlive_the_process_and_damage_is_noticed() {
        let idle = Duration::from_secs(100);
        let (plan, before) = (Plan::default(), Pins::new());
        let release = numbers::of("w", "v2");
        let key = before.key("w", "c-1");
        let (arm, drawn, unit) = (Arm::Candidate, Weight::ZERO, key as u32);
        before.put(key, Pin { arm, release, generation: 7, drawn, unit, used_s: 50 });
        let bytes = remembered(&plan, &before);
        let after = Pins::new();
        recall(&bytes, &plan, &after).expect("whole");
        assert_eq!(after.key("w", "c-1"), key, "the same secret");
        assert_eq!(after.get(key, idle, 60), before.get(key, idle, 60));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(recall(&damaged, &plan, &Pins::new()).is_err(), "byte {at}");
            assert!(recall(&bytes[..at], &plan, &Pins::new()).is_err(), "cut at {at}");
        }
        let other = Pins::new();
        other.seed();
        assert!(recall(&bytes, &plan, &other).is_err(), "of another directory");
        // As the version before wrote it.
        let body = &bytes[MAGIC.len()..bytes.len() - 8];
        let mut first = [FIRST.as_slice(), &body[..16], &body[32..]].concat();
        first.extend_from_slice(&checksum(before.seed(), &first).to_le_bytes());
        let after = Pins::new();
        recall(&first, &plan, &after).expect("an earlier version");
        assert_eq!(after.get(key, idle, 60), before.get(key, idle, 60));
    }

    #[test]
    fn a_wall_clock_that_jumped_makes_no_conversation_older_or_younger() {
        let idle = Duration::from_secs(100);
        for begun_s in [wall_s() - 3 * 3600, wall_s() + 3 * 3600] {
            // The wall clock was set while this process ran.
            let (plan, before) = (Plan::default(), Pins::beginning_at(begun_s));
            let release = numbers::of("w", "v2");
            let pin = |used_s: u64| Pin {
                arm: Arm::Candidate,
                release,
                generation: 7,
                drawn: Weight::ZERO,
                unit: 1,
                used_s: used_s as u32,
            };
            let now_s = before.steady_s(Instant::now());
            let (used, idled) = (before.key("w", "used"), before.key("w", "idled"));
            before.put(used, pin(now_s));
            before.put(idled, pin(now_s - 200));
            let after = Pins::new();
            recall(&remembered(&plan, &before), &plan, &after).expect("whole");
            let now_s = after.steady_s(Instant::now());
            assert!(after.get(used, idle, now_s).is_some(), "{begun_s}");
            assert!(after.get(idled, idle, now_s).is_none(), "{begun_s}");
        }
    }
}
