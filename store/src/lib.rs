//! The stored data: runtime state with its chain of changes, and the decision log.
//!
//! Three stores with different promises, each in its own module:
//!
//! - [`Store`] loses nothing. A change it acknowledged survives `kill -9` and a power cut; a change
//!   it cannot record is refused, and nothing of it remains.
//! - [`DecisionLog`] never stands in the way. It takes every request's record without blocking and
//!   drops, counting, what it cannot write.
//! - [`SampleStore`] keeps sampled answers and their scores: all of a batch or nothing, once.
//!
//! Everything here blocks. Asynchronous callers go through a blocking thread; only
//! [`LogWriter::try_append`] may be called from anywhere.

mod background;
mod decisions;
mod lock;
mod private;
mod samples;
mod state;

pub use background::in_background;
pub use decisions::{
    DecisionLog, Dropped, Filter, LogError, LogStatus, LogWriter, OwnedFlag, OwnedRecord,
    OwnedSpent, Recent, Retention, Spool, SpoolFlush,
};
pub use lock::{LockError, Presence};
pub use samples::{
    Closing, Concluded, JudgeSpend, NewPair, NewReview, NewSample, NewScore, PairCount, Reviewed,
    SampleFilter, SamplePage, SampleStore, SamplesError, Scored, SpendStore, StoredPair,
    StoredReview, StoredSample, StoredScore, StoredTally,
};
pub use state::{
    Attachment, AuditEntry, AuditFilter, Broken, ChangedRelease, ChannelRecord, Ending,
    EvidenceSnapshot, FactKind, Forgotten, Head, Lost, MeasuredRetention, Message, NewAnalysis,
    NewAudit, NewChange, NewDrill, NewEvalReport, NewFact, NewFlag, NewIdempotency, NewMessage,
    NewRelease, Outbox, Reader, Readers, Recorded, RecordedWindow, RegisteredRelease,
    RolloutRecord, Saved, SavedFlag, Store, StoreError, StoredAnalysis, StoredEvalReport,
    StoredFact, StoredResponse, Verified, VerifyError,
};
