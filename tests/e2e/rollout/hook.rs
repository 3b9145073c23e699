//! A webhook that remembers what it was told.

use crate::harness::{Backend, Exchange};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// A receiver of notifications.
pub(crate) struct Hook {
    pub(crate) backend: Backend,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    pub(crate) fn start() -> Self {
        let told = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&told);
        let backend = Backend::with("hook", async move |exchange: &mut Exchange| {
            let body = exchange.body().await;
            let notice = serde_json::from_slice(&body.bytes).expect("a notice");
            kept.lock().expect("notices").push(notice);
            exchange.reply("204 No Content", &[], b"").await;
        });
        Self { backend, told }
    }

    /// Every notice so far.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.told.lock().expect("notices").clone()
    }

    /// The notices of this kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.told().into_iter().filter(|notice| notice["kind"] == kind).collect()
    }
}
