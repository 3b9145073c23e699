//! Answers that are alike for everybody of a role, asked once for all who look at the same time.
//!
//! Five hundred people on one page during an incident cost the API as much as one.

use crate::refusal::Refusal;
use axum::body::Bytes;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most questions whose answers are kept.
const MOST: usize = 256;

/// The answers that are kept.
#[derive(Default)]
pub(crate) struct Shared {
    answers: Mutex<HashMap<String, Arc<Place>>>,
    /// Counts changes by these pages: what was asked before one is not shown after it.
    changes: AtomicU64,
}

/// The place of an answer. Whoever asks first holds it meanwhile, and the others wait for it.
type Place = tokio::sync::Mutex<Option<Kept>>;

struct Kept {
    at: Instant,
    change: u64,
    answer: Bytes,
}

impl Shared {
    /// The answer to `question`, at most as old as `life`; `ask` asks for it. Refusals are not kept.
    pub(crate) async fn get(
        &self,
        question: String,
        life: Duration,
        ask: impl Future<Output = Result<Bytes, Refusal>>,
    ) -> Result<Bytes, Refusal> {
        let place = self.place(question);
        let mut place = place.lock().await;
        let change = self.changes.load(Ordering::Acquire);
        let fresh = |it: &&Kept| it.change == change && it.at.elapsed() < life;
        if let Some(kept) = place.as_ref().filter(fresh) {
            return Ok(kept.answer.clone());
        }
        // As old as its question.
        let at = Instant::now();
        let answer = ask.await?;
        *place = Some(Kept { at, change, answer: answer.clone() });
        Ok(answer)
    }

    /// Somebody changed something: answers from before are not used again.
    pub(crate) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn place(&self, question: String) -> Arc<Place> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST && !answers.contains_key(&question) {
            answers.clear();
        }
        Arc::clone(answers.entry(question).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;
    use crate::refusal::Refusal;
    use axum::body::Bytes;
    use http::StatusCode;
    use stagegate_api::Problem;
    use std::cell::Cell;
    use std::time::Duration;

    #[tokio::test]
    async fn a_question_is_asked_once_until_something_changes() {
        let (shared, asked) = (Shared::default(), Cell::new(0));
        let ask = |life| {
            let answer = async {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Ok(Bytes::from_static(b"{}"))
            };
            shared.get("/v1/status".to_owned(), life, answer)
        };
        let hour = Duration::from_secs(3600);
        let (one, other) = tokio::join!(ask(hour), ask(hour));
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(asked.get(), 1);
        ask(Duration::ZERO).await.expect("an answer");
        assert_eq!(asked.get(), 2, "it is too old");
        shared.forget();
        ask(hour).await.expect("an answer");
        assert_eq!(asked.get(), 3, "it is of before the change");
    }

    #[tokio::test]
    async fn a_refusal_is_not_kept() {
        let shared = Shared::default();
        let refusal = || Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            problem: Box::new(Problem::default()),
        };
        let hour = Duration::from_secs(3600);
        let refused = shared.get("/x".to_owned(), hour, async { Err(refusal()) }).await;
        assert!(refused.is_err());
        let then = shared.get("/x".to_owned(), hour, async { Ok(Bytes::from_static(b"1")) }).await;
        assert_eq!(then.expect("an answer"), &b"1"[..]);
    }
}
