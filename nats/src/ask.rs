//! Questions that each replica answers for itself: who asks says who did not answer.

use crate::client::Outgoing;
use crate::pack::{pack, unpack};
use crate::status::Health;
use stagegate_control::ports::{BoxFuture, ReplicaAnswer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long replicas are given to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions of others that are answered at a time.
const AT_A_TIME: usize = 8;
/// The header that names who asks, and who answers.
const REPLICA: &str = "Replica";

/// What this process answers to a question of another replica.
pub type Answering = Arc<dyn Fn(Vec<u8>) -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

impl Health {
    /// Answers the questions of others, for as long as the process runs.
    pub async fn answer_questions(self, answering: Answering) {
        let client = self.inner.api.client.clone();
        let Ok(mut asked) = client.subscribe(self.inner.api.names.asks()).await else { return };
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        while let Some(question) = asked.recv().await {
            let is_own = question.header(REPLICA) == Some(self.name().as_str());
            let (Some(subject), false) = (question.reply.clone(), is_own) else { continue };
            let Ok(text) = unpack(&question.payload) else { continue };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (client, answering) = (client.clone(), Arc::clone(&answering));
            let headers = vec![(REPLICA, self.name().to_string())];
            tokio::spawn(async move {
                let _place = place;
                let Ok(packed) = pack(&answering(text).await) else { return };
                let payload = packed.into();
                let answer = Outgoing { subject, reply: None, headers, payload };
                if let Err(error) = client.publish(answer).await {
                    tracing::debug!(%error, "cannot answer another replica");
                }
            });
        }
    }

    /// Asks every other replica of the roster, and waits for them at most two seconds.
    pub async fn ask_others(&self, question: &[u8]) -> Vec<ReplicaAnswer> {
        let Ok(mut answers) = self.send_question(question).await else { return Vec::new() };
        let roster = self.inner.api.roster().await.map(|(_, roster)| roster).unwrap_or_default();
        let others = roster.keys().filter(|name| *name != self.name());
        let mut found: BTreeMap<String, Option<Vec<u8>>> =
            others.map(|name| (name.to_string(), None)).collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while found.values().any(Option::is_none) {
            let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.recv()).await else {
                break;
            };
            let name = answer.header(REPLICA).map(str::to_owned);
            if let (Some(name), Ok(text)) = (name, unpack(&answer.payload)) {
                found.insert(name, Some(text));
            }
        }
        let answer = |(replica, answer)| ReplicaAnswer { replica, answer };
        found.into_iter().map(answer).collect()
    }

    async fn send_question(
        &self,
        question: &[u8],
    ) -> Result<tokio::sync::mpsc::Receiver<crate::client::Message>, String> {
        let client = &self.inner.api.client;
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
        let headers = vec![(REPLICA, self.name().to_string())];
        let (subject, payload) = (self.inner.api.names.asks(), pack(question)?.into());
        let question = Outgoing { subject, reply: Some(inbox), headers, payload };
        client.publish(question).await.map_err(|error| error.to_string())?;
        Ok(answers)
    }
}
