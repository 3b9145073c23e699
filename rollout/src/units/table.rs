//! The units that were seen lately.

use super::class::UnitClass;
use super::seen::Seen;
use super::sums::{UnitSums, cache_slice};
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
            unit.add(seen, tenant, &self.classes, &mut self.sums[seen.arm.index()]);
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
        unit.add(seen, tenant, &self.classes, sums);
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
        std::array::from_fn(|arm| std::mem::replace(&mut self.sums[arm], UnitSums::of(classes)))
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
            failure: None,
        }
    }

    fn add(
        &mut self,
        seen: &Seen,
        tenant: Option<&Arc<str>>,
        classes: &[UnitClass],
        sums: &mut UnitSums,
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
mod tests {
    use super::{Seen, UnitTable};
    use crate::policy::ErrorClass;
    use crate::units::{SlowTime, UnitClass};
    use crate::{Arm, Outcome};

    const PERMANENT: UnitClass = UnitClass::Error { class: ErrorClass::Permanent };
    const ABANDONED: UnitClass = UnitClass::Error { class: ErrorClass::ClientGone };
    const SLOW: UnitClass = UnitClass::Slow { of: SlowTime::Total, above_us: 8_000_000 };

    fn table() -> UnitTable {
        UnitTable::new(vec![PERMANENT, ABANDONED, SLOW], 1_800_000)
    }

    fn seen(unit: u64, second: u64, outcome: Outcome) -> Seen {
        Seen {
            unit,
            tenant: None,
            arm: Arm::Candidate,
            at_ms: second * 1000,
            body: second,
            outcome,
            rejected: false,
            duration_us: 100_000,
            first_byte_us: if outcome == Outcome::ClientGone { 0 } else { 50_000 },
            abandoned: outcome == Outcome::ClientGone,
            nanos: Some(1000),
            input: (100, 60),
        }
    }

    #[test]
    fn a_conversation_fails_once_and_its_later_turns_are_at_no_risk() {
        let mut table = table();
        for (second, outcome) in [
            (1, Outcome::Ok),
            (2, Outcome::Ok),
            (3, Outcome::Permanent),
            (4, Outcome::Ok),
            (5, Outcome::Permanent),
        ] {
            table.add(&seen(7, second, outcome));
        }
        let [_, sums] = table.take(6000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!(class.turns, (5, 2));
        assert_eq!(class.first, [(1, 0), (2, 1)], "turn 1, turns 2 and 3");
        assert!(class.visits.is_empty(), "still under way");
        assert_eq!((sums.begun, table.len()), (1, 1));
        let [_, sums] = table.take(400_000);
        assert_eq!(sums.class(PERMANENT).expect("counted").visits, [(2, 5, 1)]);
        assert_eq!((sums.costs[2].count(), sums.costs[2].sum()), (1, 5000));
        let [_, sums] = table.take(900_000);
        assert!(sums.class(PERMANENT).expect("counted").visits.is_empty(), "once");
    }

    #[test]
    fn the_next_step_knows_how_far_a_conversation_is() {
        let mut table = table();
        for (unit, outcome) in [(7, Outcome::Ok), (8, Outcome::Permanent)] {
            table.add(&seen(unit, 1, outcome));
        }
        let mut next = table.clone().next_step(table.classes.clone(), 1_800_000);
        let [_, nothing] = next.take(2000);
        assert!(nothing.classes.is_empty(), "what was counted before is of the step before");
        for unit in [7, 8, 9] {
            next.add(&seen(unit, 10, Outcome::Ok));
        }
        let [_, sums] = next.take(400_000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!(class.first, [(1, 0), (1, 0)], "unit 9's turn 1 and unit 7's turn 2");
        assert_eq!(
            (class.visits.clone(), class.first_visits.clone()),
            (vec![(0, 1, 3)], vec![(0, 1, 1)])
        );
        let other = next.next_step(vec![PERMANENT], 1_800_000);
        assert!(other.is_empty(), "of another policy");
    }

    #[test]
    fn a_repeat_of_what_failed_is_no_turn() {
        let mut table = table();
        let first = seen(7, 1, Outcome::Permanent);
        table.add(&first);
        for second in 2..5 {
            table.add(&Seen { body: first.body, ..seen(7, second, Outcome::Permanent) });
        }
        // Two minutes later it is asked anew.
        table.add(&Seen { body: first.body, ..seen(7, 125, Outcome::Ok) });
        let [_, sums] = table.take(126_000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!((class.turns, sums.repeats), ((2, 1), 3));
        assert_eq!(class.first, [(1, 1)]);
    }

    #[test]
    fn requests_without_a_key_are_units_of_their_own() {
        let mut table = table();
        for second in 0..5 {
            table.add(&seen(0, 1, if second == 0 { Outcome::Permanent } else { Outcome::Ok }));
        }
        let [_, sums] = table.take(1000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!((class.turns, class.first.clone()), ((5, 1), vec![(5, 1)]));
        assert_eq!((class.visits.len(), sums.begun, table.len()), (2, 5, 0));
        assert_eq!(sums.costs.iter().map(crate::Histogram::count).sum::<u64>(), 5);
    }

    #[test]
    fn a_client_that_leaves_without_an_answer_is_slow_once_the_limit_is_over() {
        let mut table = table();
        let hung = seen(0, 1, Outcome::ClientGone);
        table.add(&Seen { duration_us: 5_000_000, ..hung.clone() });
        table.add(&Seen { duration_us: 9_000_000, ..hung.clone() });
        table.add(&Seen { duration_us: 9_000_000, first_byte_us: 5, ..hung });
        // A fast failure is no fast answer.
        table.add(&seen(0, 1, Outcome::Permanent));
        table.add(&seen(0, 1, Outcome::Ok));
        let [_, sums] = table.take(1000);
        assert_eq!(sums.class(ABANDONED).expect("counted").turns, (4, 2), "not who left later");
        assert_eq!(sums.class(SLOW).expect("counted").turns, (3, 2));
        assert_eq!(sums.class(PERMANENT).expect("counted").turns, (2, 1), "who left is in none");
    }

    #[test]
    fn what_finds_no_room_is_closed_and_not_lost() {
        let mut table = table();
        table.most = 64;
        for unit in 1..=200 {
            table.add(&Seen { at_ms: unit * 10, ..seen(unit, 1, Outcome::Ok) });
            assert!(table.len() <= 64);
        }
        let [_, sums] = table.take(1_000_000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!((class.turns.0, class.visits.clone()), (200, vec![(0, 1, 200)]));
    }

    #[test]
    fn a_busy_unit_is_heard_of_every_twenty_turns() {
        let mut table = table();
        for second in 0..45 {
            table.add(&seen(3, second, Outcome::Ok));
        }
        let [_, sums] = table.take(46_000);
        let class = sums.class(PERMANENT).expect("counted");
        assert_eq!(
            (&class.visits[..], &class.first_visits[..]),
            (&[(0, 20, 2)][..], &[(0, 20, 1)][..])
        );
    }

    #[test]
    fn a_key_that_changes_sides_is_another_unit() {
        let mut table = table();
        table.add(&seen(3, 1, Outcome::Permanent));
        table.add(&Seen { arm: Arm::Stable, ..seen(3, 2, Outcome::Permanent) });
        let [stable, candidate] = table.take(3000);
        for sums in [stable, candidate] {
            assert_eq!(sums.class(PERMANENT).expect("counted").first, [(1, 1)]);
        }
    }
}
