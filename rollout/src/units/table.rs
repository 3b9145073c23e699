//! The units that were seen lately.

use super::class::UnitClass;
use super::part::Parts;
use super::seen::Seen;
use super::sums::{UnitSums, cache_slice};
use super::tallies::Tallies;
use crate::{Arm, Outcome};
use foldhash::fast::FixedState;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Units that are remembered. One takes about a hundred bytes.
const MOST_UNITS: usize = 65_536;
/// Tenants that are counted one by one: the first of a step, which tend to be the busiest.
pub(crate) const MOST_TENANTS: usize = 100;
/// Turns after which a visit ends, so that a busy unit is heard of in time.
const LONGEST_VISIT: u8 = 20;
/// A request is a repeat within this time after a failure, in milliseconds.
const REPEAT_MS: u64 = 60_000;

/// A unit that was seen lately.
#[derive(Clone, Debug)]
struct Unit {
    arm: Arm,
    turns: u32,
    /// One bit for each class in which it has failed.
    failed: u32,
    visit: Visit,
    last_ms: u64,
    /// The parts of the traffic that it belonged to last.
    parts: Parts,
    /// The body's length of the newest failed request, and when it failed.
    failure: Option<(u64, u64)>,
}

/// The turns since the last pause.
#[derive(Clone, Debug, Default)]
struct Visit {
    /// The unit had a visit before.
    is_later: bool,
    /// Per class, turns that say something about it and failed ones.
    classes: Vec<(u8, u8)>,
    turns: u8,
    nanos: u64,
    priced: bool,
    input: (u64, u64),
}

/// The units of one step of one rollout that were seen lately, in bounded memory.
#[derive(Clone, Debug)]
pub struct UnitTable {
    classes: Vec<UnitClass>,
    pause_ms: u64,
    most: usize,
    units: HashMap<u64, Unit, FixedState>,
    /// Tenants that are counted one by one.
    tenants: HashSet<Arc<str>, FixedState>,
    /// What is counted by part and by kind of failure.
    tallies: Tallies,
    /// Something was added at some time.
    used: bool,
    sums: [UnitSums; 2],
}

impl UnitTable {
    /// The longest pause after which a visit is over, in milliseconds.
    pub const LONGEST_PAUSE_MS: u64 = 300_000;

    /// No units. `hold_ms` is the time for which the step is observed: a visit is over after a pause of
    /// a sixth of it, from a second to five minutes.
    #[must_use]
    pub fn new(mut classes: Vec<UnitClass>, hold_ms: u64) -> Self {
        classes.truncate(32);
        let sums = || UnitSums::of(&classes);
        Self {
            pause_ms: (hold_ms / 6).clamp(1000, Self::LONGEST_PAUSE_MS),
            most: MOST_UNITS,
            units: HashMap::with_hasher(FixedState::default()),
            tenants: HashSet::with_hasher(FixedState::default()),
            tallies: Tallies::default(),
            used: false,
            sums: [sums(), sums()],
            classes,
        }
    }

    /// The table of the next step, for a split that leaves conversations where they began. Units that
    /// are known keep the number of their turns and the classes in which they failed, so that they are
    /// compared with their like; their visits are not first ones. Nothing is counted yet.
    #[must_use]
    pub fn next_step(self, classes: Vec<UnitClass>, hold_ms: u64) -> Self {
        let mut next = Self::new(classes, hold_ms);
        if next.classes != self.classes {
            return next;
        }
        next.units = self.units;
        for unit in next.units.values_mut() {
            let classes = vec![(0, 0); next.classes.len()];
            unit.visit = Visit { is_later: true, classes, ..Visit::default() };
        }
        next
    }

    /// Adds a request.
    pub fn add(&mut self, seen: &Seen) {
        self.used = true;
        if let Some(tenant) = &seen.tenant
            && self.tenants.len() < MOST_TENANTS
            && !self.tenants.contains(tenant)
        {
            self.tenants.insert(Arc::clone(tenant));
        }
        let tenant = seen.tenant.as_ref().filter(|tenant| self.tenants.contains(*tenant));
        if seen.unit == 0 {
            let mut unit = Unit::begin(seen, self.classes.len());
            self.sums[seen.arm.index()].begun += 1;
            let counted = &mut (&mut self.sums[seen.arm.index()], &mut self.tallies);
            unit.add(seen, tenant, &self.classes, counted);
            unit.visit.end(&self.classes, &mut self.sums[seen.arm.index()]);
            return;
        }
        if self.units.len() >= self.most && !self.units.contains_key(&seen.unit) {
            self.make_room();
        }
        let sums = &mut self.sums;
        let unit = self.units.entry(seen.unit).or_insert_with(|| {
            sums[seen.arm.index()].begun += 1;
            Unit::begin(seen, self.classes.len())
        });
        if unit.arm != seen.arm {
            // A key that changed sides (a lost pin, a candidate without endpoints) is another unit.
            unit.visit.end(&self.classes, &mut sums[unit.arm.index()]);
            *unit = Unit::begin(seen, self.classes.len());
            sums[seen.arm.index()].begun += 1;
        }
        let sums = &mut sums[seen.arm.index()];
        if seen.at_ms >= unit.last_ms + self.pause_ms {
            unit.visit.end(&self.classes, sums);
        }
        unit.add(seen, tenant, &self.classes, &mut (&mut *sums, &mut self.tallies));
        if unit.visit.turns >= LONGEST_VISIT {
            unit.visit.end(&self.classes, sums);
        }
    }

    /// What was counted since the last time, by [`Arm::index`]. Visits that are over at `now_ms` are
    /// in it. Empty sums, without a class, if nobody ever told of a request: then others count.
    pub fn take(&mut self, now_ms: u64) -> [UnitSums; 2] {
        if !self.used {
            return [UnitSums::default(), UnitSums::default()];
        }
        for unit in self.units.values_mut() {
            if unit.visit.turns > 0 && now_ms >= unit.last_ms + self.pause_ms {
                unit.visit.end(&self.classes, &mut self.sums[unit.arm.index()]);
            }
        }
        let classes = &self.classes;
        std::array::from_fn(|arm| {
            let mut sums = std::mem::replace(&mut self.sums[arm], UnitSums::of(classes));
            self.tallies.take(arm, classes, &mut sums);
            sums
        })
    }

    /// The number of units that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// True if none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Forgets the eighth that was seen least lately.
    fn make_room(&mut self) {
        let mut ages: Vec<u64> = self.units.values().map(|unit| unit.last_ms).collect();
        let (_, oldest, _) = ages.select_nth_unstable(self.most / 8);
        let oldest = *oldest;
        let (classes, sums) = (&self.classes, &mut self.sums);
        self.units.retain(|_, unit| {
            let stays = unit.last_ms > oldest;
            if !stays {
                unit.visit.end(classes, &mut sums[unit.arm.index()]);
            }
            stays
        });
    }
}

impl Unit {
    fn begin(seen: &Seen, classes: usize) -> Self {
        Self {
            arm: seen.arm,
            turns: 0,
            failed: 0,
            visit: Visit { classes: vec![(0, 0); classes], ..Visit::default() },
            last_ms: seen.at_ms,
            parts: Parts::default(),
            failure: None,
        }
    }

    fn add(
        &mut self,
        seen: &Seen,
        tenant: Option<&Arc<str>>,
        classes: &[UnitClass],
        (sums, tallies): &mut (&mut UnitSums, &mut Tallies),
    ) {
        self.last_ms = self.last_ms.max(seen.at_ms);
        let repeats = self.failure.is_some_and(|(body, at_ms)| {
            body == seen.body && seen.at_ms <= at_ms.saturating_add(REPEAT_MS)
        });
        if !matches!(seen.outcome, Outcome::Ok) || seen.rejected {
            self.failure = Some((seen.body, seen.at_ms));
        }
        self.visit.pay(seen);
        if repeats {
            sums.repeats += 1;
            return;
        }
        self.parts.follow(&seen.parts);
        let places = tallies.places(&self.parts);
        self.turns = self.turns.saturating_add(1);
        self.visit.turns += 1;
        for (place, class) in classes.iter().enumerate() {
            let Some(failed) = class.failed(seen) else { continue };
            let (bit, before) = (1 << place, self.failed);
            if let Some((_, of)) = sums.classes.get_mut(place) {
                of.turn(self.turns, failed, before & bit == 0);
            }
            if let Some(tenant) = tenant.filter(|_| before & bit == 0 && class.blames_the_release())
            {
                sums.of_tenant(tenant, *class, (1, u64::from(failed)));
            }
            if before & bit == 0 {
                let (arm, place) = (seen.arm.index(), (place, classes.len()));
                tallies.turn(arm, &places, place, failed);
                if let Some(kind) = seen.failure.as_ref().filter(|_| failed) {
                    tallies.failure(arm, kind, place);
                }
            }
            self.failed |= if failed { bit } else { 0 };
            if let Some((turns, failures)) = self.visit.classes.get_mut(place) {
                *turns += 1;
                *failures += u8::from(failed);
            }
        }
    }
}

impl Visit {
    fn pay(&mut self, seen: &Seen) {
        if let Some(nanos) = seen.nanos {
            self.nanos = self.nanos.saturating_add(nanos);
            self.priced = true;
        }
        self.input.0 = self.input.0.saturating_add(seen.input.0);
        self.input.1 = self.input.1.saturating_add(seen.input.1);
    }

    fn end(&mut self, classes: &[UnitClass], sums: &mut UnitSums) {
        for (place, (turns, failed)) in self.classes.iter_mut().enumerate() {
            if *turns > 0 && place < classes.len() {
                sums.classes[place].1.visit(*failed, *turns, !self.is_later);
            }
            (*turns, *failed) = (0, 0);
        }
        if self.priced {
            let (all, cached) = self.input;
            let share = if all > 0 { cached as f64 / all as f64 } else { 0.0 };
            sums.costs[cache_slice(share)].record(self.nanos);
        }
        self.is_later |= self.turns > 0;
        (self.turns, self.nanos, self.priced, self.input) = (0, 0, false, (0, 0));
    }
}

#[cfg(test)]
mod tests;
