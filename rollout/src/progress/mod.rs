//! A rollout from start to end: the state machine.
//!
//! [`step()`] is pure: a state and an input give a new state and effects; the caller performs the
//! effects in their order, records first. What must hold, whatever comes in:
//!
//! - no step is left for a larger one without the verdict `pass`, or a force with a reason;
//! - time alone changes nothing: a weight grows by a command, and a rollout becomes final by a
//!   verdict that holds over the whole watch;
//! - a rollback is possible in every state, and after it nothing leads to the candidate;
//! - triggers work wherever the candidate gets traffic: also paused, also while someone waits;
//! - while the kill switch is on, nothing is judged and clocks stand still.
//!
//! | phase | entered by | weight | left by |
//! |---|---|---|---|
//! | idle (no rollout) | | free | `start` |
//! | progressing | `start`, `promote`, `resume` | the step's | `promote`, `pause`, `abort`, rollback |
//! | paused | `pause` | stays where it is | `resume`, `abort`, rollback |
//! | watching | `promote` into the last step | 100% without the policy's holdback | a pass over the watch, `pause`, `abort`, rollback |
//! | completed | a pass over the watch, or force; a release against itself, by the end of its step | free; the former stable is one rollback away | rollback, `start` |
//! | aborted, rolled back | `abort`; a rollback by hand or by a trigger | zero and closed, until someone opens it | `start` |

mod aa;
mod command;
mod effect;
mod holdback;
mod id;
mod notice;
mod order;
mod preflight;
mod promote;
mod refusal;
mod replay;
mod rollout;
mod start;
mod step;
mod transitions;
mod verdict;

pub use effect::{Effect, Entry};
pub use id::RolloutId;
pub use notice::{Notice, NoticeKind};
pub use order::{Grounds, Order};
pub use preflight::{OfflineEval, OpenChecks, Preflight, Readiness};
pub use refusal::RolloutRefusal;
pub use replay::{RecordedMinute, Recording, Replay, ReplayEvent, replay};
pub use rollout::{Alarm, Former, Mark, Phase, Rollout, Status, Transition, Turn};
pub use step::{Change, Input, Stepped, apply, step};
