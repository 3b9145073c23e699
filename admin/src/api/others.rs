//! What other replicas of a fleet know of themselves.

use crate::api::App;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The answers of other replicas.
#[derive(Debug)]
pub(super) struct Others<T> {
    /// Each with the name of its replica.
    pub(super) answers: Vec<(String, T)>,
    /// Those that did not answer in time.
    pub(super) silent: Vec<String>,
}

/// Asks all other replicas; nobody for a process on its own.
pub(super) async fn ask<T: DeserializeOwned>(app: &App, question: &impl Serialize) -> Others<T> {
    let mut others = Others { answers: Vec::new(), silent: Vec::new() };
    let Some(replicas) = app.control.replicas() else { return others };
    let Ok(question) = serde_json::to_vec(question) else { return others };
    for it in replicas.ask(question).await {
        let read = it.answer.and_then(|answer| serde_json::from_slice(&answer).ok());
        match read {
            Some(answer) => others.answers.push((it.replica, answer)),
            None => others.silent.push(it.replica),
        }
    }
    others
}
