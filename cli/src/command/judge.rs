//! One scorer asked about one sample.

use stagegate_eval::{HttpPost, ItemScores, Sample, Score, ScorerSpec, Sent, ask};
use std::time::{SystemTime, UNIX_EPOCH};

/// Asks one scorer about a sample, once. Without a result, the sample is unscored.
pub(crate) fn judge(spec: &ScorerSpec, sample: &Sample) -> Vec<Score> {
    if let Some(score) = spec.score(sample) {
        return vec![score];
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let unscored = |why: String| vec![Score::unscored(&spec.name, why)];
    match ask(spec, &[sample], now, &HttpPost::default()) {
        Sent::Answered(mut items) => match items.pop() {
            Some(ItemScores::Scored(scores)) => scores,
            Some(ItemScores::Again(why) | ItemScores::Unscored(why)) => unscored(why),
            None => unscored("the scorer answered nothing".to_owned()),
        },
        Sent::Later => unscored("the scorer will post its scores later".to_owned()),
        Sent::Again { why, .. } | Sent::Refused { why } => unscored(why),
    }
}
