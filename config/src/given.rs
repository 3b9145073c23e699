//! Releases that do not come from the file, under the rules of those that do.

use crate::scalar::{Digest, FromText, Line};
use crate::{Artifact, Endpoint, Origin, Release};

/// Longest notes of a release, in characters.
const MAX_NOTES: usize = 4096;
/// Most endpoints of a release: each costs a health check and a pool in every worker.
const MAX_ENDPOINTS: usize = 256;

/// A part of a release that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: `{value}` {problem}")]
pub struct InvalidRelease {
    /// The part, like `endpoints[1]` or `artifact.digest`.
    pub field: String,
    /// The given value, truncated if it is long.
    pub value: String,
    /// The problem and the correction.
    pub problem: String,
}

impl Release {
    /// A release registered while the program runs: endpoints written `http://host:port`, and the
    /// artifact's pins as the file would have them.
    ///
    /// # Errors
    /// Every part that is wrong.
    pub fn given(endpoints: &[String], artifact: Artifact) -> Result<Self, Vec<InvalidRelease>> {
        let mut wrong = Wrongs(Vec::new());
        if endpoints.is_empty() || endpoints.len() > MAX_ENDPOINTS {
            let problem = format!("endpoints were given; name 1 to {MAX_ENDPOINTS} of them");
            wrong.note("endpoints", &endpoints.len().to_string(), problem);
        }
        let mut read: Vec<Endpoint> = Vec::new();
        for (place, text) in endpoints.iter().take(MAX_ENDPOINTS).enumerate() {
            let field = format!("endpoints[{place}]");
            match wrong.read::<Endpoint>(&field, text) {
                Some(endpoint) if read.contains(&endpoint) => {
                    wrong.note(&field, text, "is listed twice; remove one of the two".to_owned());
                }
                Some(endpoint) => read.push(endpoint),
                None => {}
            }
        }
        for (key, value) in artifact.pins() {
            let (field, Some(value)) = (format!("artifact.{key}"), value) else { continue };
            if key == "request" {
                // It was read from its own form.
            } else if key == "digest" {
                wrong.read::<Digest>(&field, value);
            } else {
                wrong.read::<Line>(&field, value);
            }
        }
        if let Some(notes) = &artifact.notes {
            // A terminal that shows them would obey an escape sequence.
            let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            if notes.chars().count() > MAX_NOTES || notes.chars().any(obeyed) {
                let problem = format!(
                    "are not notes; write up to {MAX_NOTES} characters without control characters"
                );
                wrong.note("artifact.notes", notes, problem);
            }
        }
        if wrong.0.is_empty() {
            Ok(Self { endpoints: read, artifact, origin: Origin::RunTime, upstream_tls: None })
        } else {
            Err(wrong.0)
        }
    }
}

/// Collects what is wrong.
struct Wrongs(Vec<InvalidRelease>);

impl Wrongs {
    fn read<T: FromText>(&mut self, field: &str, text: &str) -> Option<T> {
        match T::from_text(text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.note(field, text, wrong.in_words(T::HINT));
                None
            }
        }
    }

    fn note(&mut self, field: &str, value: &str, problem: String) {
        let value = crate::read::shown(value);
        self.0.push(InvalidRelease { field: field.to_owned(), value, problem });
    }
}

#[cfg(test)]
mod tests {
    use super::{Artifact, Origin, Release};

    fn endpoints(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_release_given_at_run_time_is_like_one_of_the_file() {
        let artifact = Artifact { model: Some("m-5".into()), ..Artifact::default() };
        let given = Release::given(&endpoints(&["http://A:1", "http://[::1]:2"]), artifact);
        let given = given.expect("right");
        assert_eq!(given.endpoints[0].authority(), "a:1");
        assert_eq!(given.origin, Origin::RunTime);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let artifact = Artifact {
            model: Some(" ".into()),
            digest: Some("sha256:12".into()),
            notes: Some("\u{1b}[2J".into()),
            ..Artifact::default()
        };
        let given = endpoints(&["http://a:1", "ftp://a:2", "http://A:1", "b"]);
        let wrong = Release::given(&given, artifact).expect_err("wrong");
        let fields: Vec<&str> = wrong.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "endpoints[1]",
                "endpoints[2]",
                "endpoints[3]",
                "artifact.model",
                "artifact.digest",
                "artifact.notes"
            ]
        );
        let text = wrong[0].to_string();
        assert!(text.contains("`ftp://a:2` does not begin with `http://`"), "{text}");
        assert!(text.contains("write `http://host:port`"), "{text}");
        assert!(!wrong[5].to_string().contains('\u{1b}'), "{}", wrong[5]);
        assert_eq!(
            Release::given(&[], Artifact::default()).expect_err("none")[0].field,
            "endpoints"
        );
    }
}
