//! Conversations under way, for the scorers that judge them as a whole.
//!
//! They are in memory only: those that are open when the process ends are not judged, whatever their arm.

use crate::Rules;
use stagegate_eval::{FirstTurns, Sample, ScoredUnit, Transcript};
use std::collections::HashMap;

/// The most conversations that are kept at once.
const MOST: usize = 10_000;
/// The most bytes of their transcripts.
const MOST_BYTES: usize = 32 << 20;

/// One conversation.
struct Open {
    transcript: Transcript,
    last_ms: u64,
    idle_ms: u64,
    /// It counts: its first turn is the first one that was seen of the conversation.
    counts: bool,
    is_over: bool,
}

/// The conversations under way, by workload and name.
pub(crate) struct Conversations {
    open: HashMap<(String, String), Open>,
    bytes: usize,
    judged: FirstTurns,
}

impl Conversations {
    /// None. Of `capacity` conversations it is remembered that they were judged.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { open: HashMap::new(), bytes: 0, judged: FirstTurns::new(capacity) }
    }

    /// Adds a turn that was sampled with its whole conversation.
    pub(crate) fn add(&mut self, turn: &Sample, rules: &Rules, now_ms: u64) {
        let Some(conversation) = &turn.conversation else { return };
        let Some((idle_ms, tools)) = ends(rules) else { return };
        if self.open.len() >= MOST || self.bytes >= MOST_BYTES {
            self.make_room();
        }
        let key = (turn.workload.clone(), conversation.clone());
        let judged = &mut self.judged;
        let mut before = 0;
        let open = self
            .open
            .entry(key)
            .and_modify(|open| {
                before = open.transcript.bytes();
                open.transcript.add(turn);
            })
            .or_insert_with(|| Open {
                transcript: Transcript::begin(turn),
                last_ms: now_ms,
                idle_ms,
                counts: judged.is_first(&turn.workload, turn.arm, conversation),
                is_over: false,
            });
        (open.last_ms, open.idle_ms) = (now_ms, idle_ms);
        open.is_over |= turn.tool_calls().iter().any(|call| tools.contains(&call.name.as_str()));
        self.bytes += open.transcript.bytes() - before;
    }

    /// Takes the conversations that are over, in the order of their last turns.
    pub(crate) fn over(&mut self, now_ms: u64) -> Vec<Sample> {
        let is_over = |_: &(String, String), open: &mut Open| {
            open.is_over || now_ms >= open.last_ms.saturating_add(open.idle_ms)
        };
        let mut over: Vec<Open> = self.open.extract_if(is_over).map(|(_, open)| open).collect();
        over.sort_by_key(|open| open.last_ms);
        self.bytes -= over.iter().map(|open| open.transcript.bytes()).sum::<usize>();
        let sample = |open: Open| open.transcript.into_sample(now_ms, open.counts);
        over.into_iter().map(sample).collect()
    }

    /// Ends the eighth that was silent for longest, whatever its arm.
    fn make_room(&mut self) {
        let mut times: Vec<u64> = self.open.values().map(|open| open.last_ms).collect();
        let place = times.len() / 8;
        let (_, oldest, _) = times.select_nth_unstable(place);
        let oldest = *oldest;
        let silent = self.open.values_mut().filter(|open| open.last_ms <= oldest);
        silent.for_each(|open| open.is_over = true);
    }
}

/// When a conversation is over for the scorers that judge it as a whole: the longest time, and the tools whose call
/// ends it; none without such scorers.
fn ends(rules: &Rules) -> Option<(u64, Vec<&str>)> {
    let mut longest = None;
    let mut tools = Vec::new();
    for scorer in &rules.scorers {
        if let ScoredUnit::Conversation { idle_ms, ends } = &scorer.unit {
            longest = longest.max(Some(*idle_ms));
            tools.extend(ends.as_deref());
        }
    }
    Some((longest?, tools))
}
