//! Vectors of texts, from a server that speaks OpenAI's embeddings API.

use crate::client::Failure;
use crate::output::Progress;
use serde::Deserialize;
use serde_json::json;
use stagegate_eval::coverage::Asked;
use std::time::Duration;
use ureq::Agent;

/// Texts of one request.
const AT_ONCE: usize = 32;
/// Longest time of one request.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most bytes of an answer.
const LARGEST: u64 = 64 << 20;

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    index: usize,
    embedding: Vec<f64>,
}

/// A server of embeddings.
pub(super) struct Embeddings<'a> {
    /// Where to post, like `http://127.0.0.1:8701/v1/embeddings`.
    pub(super) url: &'a str,
    /// The model's name, as the server knows it.
    pub(super) model: &'a str,
    /// The key, if the server wants one.
    pub(super) key: Option<&'a str>,
}

impl Embeddings<'_> {
    /// The texts, each with its vector.
    ///
    /// # Errors
    /// When the server does not answer, refuses, or leaves a text out.
    pub(super) fn of(&self, texts: Vec<Asked>) -> Result<Vec<Asked>, Failure> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .build()
            .into();
        let progress = Progress::bar(texts.len() as u64, "asking for vectors");
        let mut done = Vec::with_capacity(texts.len());
        let mut rest = texts.into_iter().peekable();
        while rest.peek().is_some() {
            let part: Vec<Asked> = rest.by_ref().take(AT_ONCE).collect();
            let vectors = self.ask(&agent, &part)?;
            part.iter().for_each(|_| progress.step());
            done.extend(part.into_iter().zip(vectors).map(|(it, vector)| it.with_vector(vector)));
        }
        Ok(done)
    }

    fn ask(&self, agent: &Agent, part: &[Asked]) -> Result<Vec<Vec<f64>>, Failure> {
        let failed = |why: String| Failure::Local(format!("{}: {why}", self.url));
        let texts: Vec<&str> = part.iter().map(Asked::text).collect();
        let mut request = agent.post(self.url).header("content-type", "application/json");
        if let Some(key) = self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = json!({ "model": self.model, "input": texts }).to_string();
        let mut response = request.send(body).map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let text = text.map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            let short: String = text.chars().take(200).collect();
            return Err(failed(format!("answered {status}: {short}")));
        }
        let answer: Answer = serde_json::from_str(&text)
            .map_err(|error| failed(format!("the answer is no list of embeddings: {error}")))?;
        let mut vectors: Vec<Vec<f64>> = vec![Vec::new(); part.len()];
        for one in answer.data {
            if let Some(place) = vectors.get_mut(one.index) {
                *place = one.embedding;
            }
        }
        match vectors.iter().position(Vec::is_empty) {
            Some(missing) => Err(failed(format!("text {missing} got no vector"))),
            None => Ok(vectors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Embeddings;
    use crate::canned;
    use serde_json::{Value, json};
    use stagegate_eval::coverage::{Asked, coverage};

    #[test]
    fn each_text_gets_its_vector_whatever_the_order_of_the_answer() {
        let answer = json!({ "data": [
            { "index": 1, "embedding": [0.0, 1.0] }, { "index": 0, "embedding": [1.0, 0.0] } ] });
        let (address, asked) = canned::serve_all("200 OK", &[answer.to_string()]);
        let url = format!("http://{address}/v1/embeddings");
        let server = Embeddings { url: &url, model: "m", key: Some("k") };
        let texts = ["one", "two"].map(|text| Asked::of(text, &Value::from(text)));
        let found = server.of(texts.to_vec()).expect("vectors");
        asked.join().expect("one request");
        assert!(coverage(&found[..1], &found[1..], 0.5).share < 0.1);
        assert!(coverage(&found[..1], &found[..1], 0.5).share > 0.9);

        let (address, _asked) = canned::serve_all("200 OK", &[r#"{"data":[]}"#.to_owned()]);
        let url = format!("http://{address}/");
        let server = Embeddings { url: &url, model: "m", key: None };
        let texts = vec![Asked::of("a", &Value::from("one"))];
        let why = server.of(texts).err().map(|it| it.to_string()).unwrap_or_default();
        assert!(why.contains("text 0 got no vector"), "{why}");
    }
}
