//! The responses of one run, one candidate response after the other.

use crate::rng::Rng;
use crate::scenario::{
    BLOCK, Day, HORIZON, Mix, NORMAL, Reference, Scenario, Scores, Units, conversations as talk,
};

/// Failures of hard tasks and of the others, in failures of an average task of stable.
const HARD: (f64, f64) = (0.17 / NORMAL, 0.02 / NORMAL);
/// The share of hard tasks of stable and of the candidate.
const HARD_SHARE: (f64, f64) = (0.2, 0.3);
/// Candidate responses that come between a response and its score, on average: of failures and
/// of passes.
const DELAY: (f64, f64) = (20.0, 400.0);

/// One candidate response, and what stable served meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event {
    /// True if the candidate's response failed.
    pub failed: bool,
    /// The number of its slice.
    pub slice: usize,
    /// Stable's `(failures, responses)` per slice.
    pub stable: [(u64, u64); 2],
    /// True if it is the first turn of its conversation.
    pub first_turn: bool,
    /// Stable's failures and responses among first turns.
    pub stable_first_turns: (u64, u64),
    /// If it is the last turn of its conversation: the share of the turns that failed.
    pub conversation: Option<f64>,
    /// True if it ends a block of five minutes.
    pub ends_block: bool,
    /// Failed candidate responses since the change that were served when this one is consumed.
    pub failures_served: u64,
}

/// The responses of one run.
#[derive(Debug)]
pub struct Stream<'a> {
    scenario: &'a Scenario,
    rng: Rng,
    seen: u64,
    failures: u64,
    block_ends: u64,
    candidate_talk: Talk,
    stable_talk: Talk,
}

/// The conversation that an arm's next response belongs to.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    turns: u64,
    turns_left: u64,
    failures: u64,
    factor: f64,
}

impl Talk {
    /// Returns the failure factor of the next turn, and true if it is the first turn.
    fn next(&mut self, rng: &mut Rng) -> (f64, bool) {
        let first = self.turns_left == 0;
        if first {
            let turns = 1 + rng.before_success(1.0 / talk::TURNS);
            let factor = if rng.chance(talk::BAD) { talk::FACTOR_BAD } else { talk::FACTOR_OTHER };
            *self = Self { turns, turns_left: turns, failures: 0, factor };
        }
        self.turns_left -= 1;
        (self.factor, first)
    }

    /// Notes how the turn went; the share of failed turns if it was the last.
    fn end_turn(&mut self, failed: bool) -> Option<f64> {
        self.failures += u64::from(failed);
        (self.turns > 0 && self.turns_left == 0).then(|| self.failures as f64 / self.turns as f64)
    }
}

impl<'a> Stream<'a> {
    /// The run that this generator makes.
    #[must_use]
    pub fn new(scenario: &'a Scenario, rng: Rng) -> Self {
        Self {
            scenario,
            rng,
            seen: 0,
            failures: 0,
            block_ends: BLOCK,
            candidate_talk: Talk::default(),
            stable_talk: Talk::default(),
        }
    }

    /// The responses in the order in which they are consumed, [`HORIZON`] of them.
    pub fn events(mut self) -> Box<dyn Iterator<Item = Event> + 'a> {
        match self.scenario.scores {
            Scores::AtOnce => Box::new((0..HORIZON).map(move |_| self.serve())),
            Scores::LateInOrder => Box::new(self.late(false).into_iter()),
            Scores::LateAsTheyCome => Box::new(self.late(true).into_iter()),
        }
    }

    fn serve(&mut self) -> Event {
        let scenario = self.scenario;
        let (load, normal) = match scenario.day {
            Day::Flat => (1.0, NORMAL),
            Day::Waves => {
                // Both go around twice in a step.
                let turns = self.seen as f64 / HORIZON as f64 * 2.0;
                let phase = (turns * std::f64::consts::TAU).sin();
                (0.6 + 0.4 * phase, NORMAL * (1.0 + 0.5 * phase))
            }
        };
        let ratio = if self.seen >= scenario.from { scenario.ratio } else { 1.0 };
        let mut event = Event::default();
        let others = match scenario.reference {
            Reference::Limit => 0,
            Reference::Stable => self.rng.before_success(scenario.weight(self.seen)),
        };
        let mine = match (scenario.units, scenario.mix) {
            (Units::Conversations, _) => {
                event.stable[0].1 = others;
                for _ in 0..others {
                    let (factor, first) = self.stable_talk.next(&mut self.rng);
                    let failed = u64::from(self.rng.chance(normal * factor));
                    event.stable[0].0 += failed;
                    event.stable_first_turns.0 += failed * u64::from(first);
                    event.stable_first_turns.1 += u64::from(first);
                }
                let (factor, first) = self.candidate_talk.next(&mut self.rng);
                event.first_turn = first;
                factor
            }
            (Units::Independent, Mix::Same) => {
                event.stable[0] = (self.rng.binomial(others, normal), others);
                1.0
            }
            (Units::Independent, Mix::Shifted) => {
                let hard = self.rng.binomial(others, HARD_SHARE.0);
                event.stable = [
                    (self.rng.binomial(others - hard, normal * HARD.1), others - hard),
                    (self.rng.binomial(hard, normal * HARD.0), hard),
                ];
                event.slice = usize::from(self.rng.chance(HARD_SHARE.1));
                if event.slice == 1 { HARD.0 } else { HARD.1 }
            }
        };
        event.failed = self.rng.chance(normal * mine * ratio);
        event.conversation = self.candidate_talk.end_turn(event.failed);
        self.failures += u64::from(event.failed && self.seen >= scenario.from);
        self.seen += 1;
        event.failures_served = self.failures;
        event.ends_block = self.seen >= self.block_ends;
        if event.ends_block {
            self.block_ends = self.seen + (BLOCK as f64 * load).max(1.0) as u64;
        }
        event
    }

    /// All responses, by when their scores are consumed.
    fn late(&mut self, as_they_come: bool) -> Vec<Event> {
        let mut served: Vec<(f64, Event)> = Vec::with_capacity(HORIZON as usize);
        let mut watermark = 0.0f64;
        for at in 0..HORIZON {
            let event = self.serve();
            let mean = if event.failed { DELAY.0 } else { DELAY.1 };
            let scored = at as f64 + self.rng.exponential(mean);
            watermark = watermark.max(scored);
            served.push((if as_they_come { scored } else { watermark }, event));
        }
        let failures: Vec<u64> = served.iter().map(|(_, event)| event.failures_served).collect();
        served.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        served
            .into_iter()
            .map(|(at, event)| {
                let now = (at as usize).min(failures.len() - 1);
                Event { failures_served: failures[now], ..event }
            })
            .collect()
    }
}
