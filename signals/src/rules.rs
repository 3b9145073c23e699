//! The outcome of a request, from its status and its body.

use crate::failure::{Failure, Nature};
use stagegate_rollout::Outcome;
use std::collections::BTreeMap;

/// The position of the model's provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// Behind the agent: that it is overloaded or limits rates blames no release.
    #[default]
    Behind,
    /// The backend itself: its failures are its own.
    Backend,
}

/// One workload's rules. Where they say nothing, the status decides ([`Outcome::of_status`]), and a
/// failure in the body by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Classes of statuses.
    pub status: BTreeMap<u16, Outcome>,
    /// Classes of error codes and types as bodies name them.
    pub codes: BTreeMap<Box<str>, Outcome>,
    /// The position of the model's provider.
    pub provider: Provider,
}

impl Provider {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Backend => "backend",
        }
    }
}

impl Rules {
    /// The class of a complete answer, or of one that failed in the middle.
    ///
    /// A code named in the rules decides first, then a status named in them. Without rules: a 4xx
    /// that blames the client stays the client's; a gRPC status decides for itself; a failure that
    /// may pass is `external` when the provider stands behind the agent, else `transient`; one that
    /// will not pass is `permanent`; one that the client asked for follows the status; one of
    /// unknown name follows the status too, and is `permanent` after a good one.
    #[must_use]
    pub fn outcome(&self, status: u16, failure: Option<&Failure>) -> Outcome {
        let ruled = self.status.get(&status).copied();
        let plain = ruled.unwrap_or_else(|| Outcome::of_status(status));
        let Some(failure) = failure else { return plain };
        if let Some(class) = failure.names().find_map(|name| self.codes.get(name)) {
            return *class;
        }
        if ruled.is_some() || ((400..500).contains(&status) && plain == Outcome::Ok) {
            return plain;
        }
        if let Some(own) = failure.own() {
            return own;
        }
        match (failure.nature(), self.provider) {
            (Some(Nature::Transient), Provider::Behind) => Outcome::External,
            (Some(Nature::Transient), Provider::Backend) => Outcome::Transient,
            (Some(Nature::Permanent), _) => Outcome::Permanent,
            (None, _) if plain == Outcome::Ok => Outcome::Permanent,
            (Some(Nature::Client) | None, _) => plain,
        }
    }

    /// Returns true if a response of this status and class was refused because of the client's
    /// request: a 4xx, or a failure in the body or in gRPC's status that blames the client.
    #[must_use]
    pub fn is_rejection(status: u16, failure: Option<&Failure>, outcome: Outcome) -> bool {
        outcome == Outcome::Ok && ((400..500).contains(&status) || failure.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::{Provider, Rules};
    use crate::failure::Failure;
    use stagegate_rollout::Outcome;

    #[test]
    fn a_failure_after_a_good_status_counts_by_what_it_is() {
        let rules = Rules::default();
        let class = |name: &str| rules.outcome(200, Some(&Failure::named(name)));
        for (name, outcome) in [
            ("overloaded_error", Outcome::External),
            ("slow_down", Outcome::External),
            ("UNAVAILABLE", Outcome::External),
            ("throttlingException", Outcome::External),
            ("rate_limited", Outcome::External),
            ("RateLimitError", Outcome::External),
            ("service_unavailable", Outcome::External),
            ("invalid_request_error", Outcome::Permanent),
            ("insufficient_quota", Outcome::Permanent),
            ("project_spend_limit_exceeded", Outcome::Permanent),
            ("tool_crashed", Outcome::Permanent),
        ] {
            assert_eq!(class(name), outcome, "{name}");
        }
    }

    #[test]
    fn a_backend_that_is_the_provider_answers_for_itself() {
        let rules = Rules { provider: Provider::Backend, ..Rules::default() };
        let overloaded = Failure::named("overloaded_error");
        assert_eq!(rules.outcome(200, Some(&overloaded)), Outcome::Transient);
        assert_eq!(rules.outcome(529, Some(&overloaded)), Outcome::Transient);
    }

    #[test]
    fn the_body_refines_a_failed_status_but_not_a_refused_one() {
        let rules = Rules::default();
        let quota = Failure::named("insufficient_quota");
        assert_eq!(rules.outcome(429, Some(&quota)), Outcome::Permanent);
        assert_eq!(rules.outcome(429, None), Outcome::Transient);
        let unknown = Failure::named("whatever");
        assert_eq!(rules.outcome(503, Some(&unknown)), Outcome::Transient);
        let bad = Failure::named("invalid_request_error");
        assert_eq!(rules.outcome(400, Some(&bad)), Outcome::Ok);
        assert!(Rules::is_rejection(400, None, Outcome::Ok));
        assert!(Rules::is_rejection(200, Failure::of_grpc(b"5").as_ref(), Outcome::Ok));
        assert!(!Rules::is_rejection(429, None, Outcome::Transient));
        assert!(!Rules::is_rejection(200, None, Outcome::Ok));
    }

    #[test]
    fn a_grpc_status_counts_by_its_code() {
        let rules = Rules::default();
        for (status, outcome) in [
            ("0", Outcome::Ok),
            ("1", Outcome::ClientGone),
            ("2", Outcome::Permanent),
            ("4", Outcome::Transient),
            ("5", Outcome::Ok),
            ("8", Outcome::Transient),
            ("12", Outcome::Permanent),
            ("13", Outcome::Permanent),
            (" 14 ", Outcome::Transient),
            ("15", Outcome::Permanent),
            ("99", Outcome::Permanent),
            ("x", Outcome::Permanent),
        ] {
            let failure = Failure::of_grpc(status.as_bytes());
            assert_eq!(rules.outcome(200, failure.as_ref()), outcome, "{status}");
        }
        let rules = Rules { codes: [("UNAVAILABLE".into(), Outcome::External)].into(), ..rules };
        let failure = Failure::of_grpc(b"14");
        assert_eq!(rules.outcome(200, failure.as_ref()), Outcome::External);
    }

    #[test]
    fn rules_go_before_defaults_and_codes_before_statuses() {
        let rules = Rules {
            status: [(404, Outcome::Permanent), (503, Outcome::External)].into(),
            codes: [("slow_down".into(), Outcome::Ok)].into(),
            ..Rules::default()
        };
        assert_eq!(rules.outcome(404, None), Outcome::Permanent);
        assert_eq!(
            rules.outcome(503, Some(&Failure::named("insufficient_quota"))),
            Outcome::External
        );
        assert_eq!(rules.outcome(503, Some(&Failure::named("slow_down"))), Outcome::Ok);
    }
}
