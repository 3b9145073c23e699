//! The key by which a scorer recognises a repeated request.

use crate::hash::digest;
use crate::{Sample, ScorerSpec};

/// `<id>:<scorer>:<version>`: a scorer that receives a key again has answered it already. For
/// several samples at once the id is a digest of theirs, in order.
#[must_use]
pub fn idempotency_key(spec: &ScorerSpec, samples: &[&Sample]) -> String {
    let id = match samples {
        [sample] => sample.id.clone(),
        many => {
            let ids: Vec<&str> = many.iter().map(|sample| sample.id.as_str()).collect();
            digest(&ids.join("\n"))[..32].to_owned()
        }
    };
    // A header takes what is visible in ASCII; ids that are not are digested too.
    let visible = id.bytes().all(|b| b.is_ascii_graphic());
    let id = if visible { id } else { digest(&id)[..32].to_owned() };
    format!("{id}:{}:{}", spec.name, spec.version)
}
