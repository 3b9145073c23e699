//! The meaning of an answer for a message. Pure.

use crate::Target;
use crate::client::Reply;

/// Longest remark that is kept of a failure, in characters.
const REMARK: usize = 200;

/// The fate of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The receiver has it.
    Delivered,
    /// The message itself is wrong for this receiver: another try would end the same.
    Refused(String),
    /// Try again: the receiver is busy, broken, unreachable, or its settings are wrong and may be
    /// put right meanwhile.
    Again {
        /// The reason, in words.
        why: String,
        /// The pause that the receiver asked for.
        asked_ms: Option<u64>,
    },
}

/// Judges how a try ended. Nothing hidden of the target's gets into the words, even if the receiver
/// sends it back.
pub(crate) fn judge(result: Result<Reply, String>, target: &Target) -> Verdict {
    let reply = match result {
        Ok(reply) => reply,
        Err(why) => return Verdict::Again { why, asked_ms: None },
    };
    match reply.status {
        200..=299 => Verdict::Delivered,
        // The services' documents say of these that repeating does not help.
        400 | 413 | 422 => Verdict::Refused(words(&reply, target)),
        _ => Verdict::Again { why: words(&reply, target), asked_ms: reply.retry_after_ms },
    }
}

fn words(reply: &Reply, target: &Target) -> String {
    let mut text = reply.text.clone();
    for hidden in target.hidden().into_iter().filter(|hidden| !hidden.is_empty()) {
        text = text.replace(hidden, "***");
    }
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line: Vec<&str> = line.split_whitespace().collect();
    let said: String = line.join(" ").chars().take(REMARK).collect();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    format!("it answered {}{said}", reply.status)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};
    use crate::client::Reply;
    use crate::{Hidden, Target};

    fn verdict(status: u16, text: &str) -> Verdict {
        let target = Target::PagerDuty {
            url: Hidden::new("http://pager.test/v2/enqueue"),
            key: Hidden::new("the-routing-key"),
        };
        let reply = Reply { status, retry_after_ms: Some(7), text: text.to_owned() };
        judge(Ok(reply), &target)
    }

    #[test]
    fn every_status_has_one_meaning() {
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(status, "ok"), Verdict::Delivered);
        }
        for status in [400, 413, 422] {
            assert!(matches!(verdict(status, ""), Verdict::Refused(_)), "{status}");
        }
        for status in [301, 302, 401, 403, 404, 408, 410, 429, 500, 502, 503, 529] {
            let again = verdict(status, "");
            assert!(matches!(again, Verdict::Again { asked_ms: Some(7), .. }), "{status}");
        }
    }

    #[test]
    fn what_the_receiver_says_is_kept_short_and_without_secrets() {
        let said = "bad\u{1b}[2J key the-routing-key at http://pager.test/v2/enqueue\nx";
        let Verdict::Refused(words) = verdict(400, said) else { panic!("refused") };
        assert_eq!(words, "it answered 400: bad [2J key *** at *** x");
        let Verdict::Refused(words) = verdict(400, &"long ".repeat(1000)) else {
            panic!("refused")
        };
        assert!(words.chars().count() < 250, "{words}");
    }
}
