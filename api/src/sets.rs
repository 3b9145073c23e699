//! Closed sets of words: each is an enum here and one word in JSON.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use utoipa::ToSchema;

/// Declares a closed set. The word of a value is its name in snake case.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            /// The value of this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }

        // Clients show the words; in tables and texts a value is its word.
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, word: &str) -> bool {
                self.as_str() == word
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }
    };
}

closed_set! {
    /// The arm that a request counts under.
    Arm {
        /// The stable release.
        Stable = "stable",
        /// The candidate.
        Candidate = "candidate",
    }
}

closed_set! {
    /// The rule that decided where a request goes.
    Rule {
        /// The kill switch is on.
        KillSwitch = "kill_switch",
        /// The tenant or user is on the deny list.
        Denied = "denied",
        /// A signed header names the arm.
        Forced = "forced",
        /// The conversation began on the arm.
        Pinned = "pinned",
        /// The tenant is in an exclusion group.
        Excluded = "excluded",
        /// The tenant or user is on the allow list.
        Allowed = "allowed",
        /// The tenant is in an enabled cohort.
        Cohort = "cohort",
        /// The targeting key is below the weight.
        Weight = "weight",
        /// No rule leads to the candidate.
        Default = "default",
        /// The candidate was chosen and has no healthy endpoint.
        CandidateDown = "candidate_down",
        /// The request was refused before anything was decided.
        Refused = "refused",
    }
}

closed_set! {
    /// The identity that is hashed, and that decisions are sticky by.
    KeyKind {
        /// The conversation.
        Conversation = "conversation",
        /// The user.
        User = "user",
        /// The tenant.
        Tenant = "tenant",
        /// The request itself.
        Request = "request",
    }
}

closed_set! {
    /// How a request ended.
    Outcome {
        /// Answered, and not with a server-side failure.
        Ok = "ok",
        /// Likely to work when tried again.
        Transient = "transient",
        /// The release's own fault.
        Permanent = "permanent",
        /// A dependency behind the release failed.
        External = "external",
        /// The client went away.
        ClientGone = "client_gone",
    }
}

closed_set! {
    /// Where a request would go.
    Destination {
        /// To stable.
        Stable = "stable",
        /// To the candidate.
        Candidate = "candidate",
        /// To the release that the kill switch falls back to.
        FallbackRelease = "fallback_release",
        /// Nowhere: the kill switch answers by itself.
        Respond = "respond",
    }
}

closed_set! {
    /// Where a rollout is.
    Phase {
        /// At a step below 100%, gathering evidence.
        Progressing = "progressing",
        /// Stopped; its triggers stay armed.
        Paused = "paused",
        /// At 100%, with triggers armed.
        Watching = "watching",
        /// The candidate became stable.
        Completed = "completed",
        /// Ended by a person before completion.
        Aborted = "aborted",
        /// Ended by a rollback.
        RolledBack = "rolled_back",
    }
}

closed_set! {
    /// What happened in a rollout.
    TransitionKind {
        /// It began.
        Started = "started",
        /// It went to the next step.
        Promoted = "promoted",
        /// It was stopped.
        Paused = "paused",
        /// It went on.
        Resumed = "resumed",
        /// The weight was set by hand.
        Overridden = "overridden",
        /// The candidate became stable.
        Completed = "completed",
        /// A person ended it.
        Aborted = "aborted",
        /// A rollback ended it.
        RolledBack = "rolled_back",
    }
}

closed_set! {
    /// The joint verdict of all gates.
    Verdict {
        /// A promotion is permitted.
        Pass = "pass",
        /// A gate is violated.
        Fail = "fail",
        /// There is not enough evidence.
        Inconclusive = "inconclusive",
        /// The evidence cannot be believed.
        Error = "error",
    }
}

closed_set! {
    /// What a gate judges.
    Axis {
        /// The quality of answers.
        Eval = "eval",
        /// Times.
        Latency = "latency",
        /// Spend.
        Cost = "cost",
        /// Failures.
        Error = "error",
    }
}

closed_set! {
    /// The unit of a figure.
    Unit {
        /// A share, from 0 to 1.
        Share = "share",
        /// Microseconds.
        Us = "us",
        /// Dollars.
        Usd = "usd",
        /// Tokens.
        Tokens = "tokens",
        /// One value over another.
        Ratio = "ratio",
    }
}

closed_set! {
    /// The state of a gate.
    GateStatus {
        /// It holds.
        Ok = "ok",
        /// There is not enough evidence.
        Inconclusive = "inconclusive",
        /// It is violated.
        Violated = "violated",
        /// Nothing was measured for it.
        NoData = "no_data",
        /// Its measurements cannot be believed.
        Error = "error",
    }
}

closed_set! {
    /// Why scorers are not believed.
    DoubtReason {
        /// Samples cannot be kept.
        Store = "store",
        /// The budget for judging is used up.
        Budget = "budget",
        /// A scorer says nothing.
        Silent = "silent",
        /// A scorer judges otherwise than it did.
        Drift = "drift",
        /// Scorers do not keep up.
        Behind = "behind",
        /// The arms were not judged alike.
        Uneven = "uneven",
    }
}

closed_set! {
    /// What a rollback does to running conversations.
    OnRollback {
        /// Running answers finish; the next request goes to stable.
        Migrate = "migrate",
        /// Conversations end where they began.
        Finish = "finish",
        /// Running answers are aborted.
        Cut = "cut",
    }
}

closed_set! {
    /// Where a rate comes from.
    RateSource {
        /// The caller gave it.
        Given = "given",
        /// It was measured over the last quarter of an hour.
        Measured = "measured",
    }
}

closed_set! {
    /// What a token may do.
    Role {
        /// Read.
        Viewer = "viewer",
        /// Read and change.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

closed_set! {
    /// A part in which releases can differ.
    ReleasePart {
        /// Model.
        Model = "model",
        /// Prompt version.
        Prompt = "prompt",
        /// Tools version.
        Tools = "tools",
        /// Git tag.
        GitTag = "git_tag",
        /// Image or package digest.
        Digest = "digest",
        /// Endpoints.
        Endpoints = "endpoints",
        /// Notes.
        Notes = "notes",
    }
}

closed_set! {
    /// A figure of the candidate against stable's.
    FigureVerdict {
        /// It is worse.
        Worse = "worse",
        /// It is better.
        Better = "better",
        /// No difference was shown.
        NoDifferenceShown = "no_difference_shown",
        /// There are too few values to say anything.
        NoData = "no_data",
    }
}

closed_set! {
    /// Why a copy was not sent.
    ShadowDropReason {
        /// Its body is too large.
        TooLarge = "too_large",
        /// Too many copies were under way.
        InFlight = "in_flight",
        /// The process was overloaded.
        Overload = "overload",
        /// Too many copies waited.
        Queue = "queue",
        /// The release has no healthy endpoint.
        Unhealthy = "unhealthy",
        /// It waited too long.
        Stale = "stale",
        /// The release was taken out.
        Withdrawn = "withdrawn",
        /// The process was shutting down.
        Shutdown = "shutdown",
    }
}

closed_set! {
    /// Why an answer was sampled.
    SampleReason {
        /// By chance: it feeds the gates.
        Random = "random",
        /// Somebody wanted it.
        Targeted = "targeted",
        /// It is one half of a pair.
        Shadow = "shadow",
    }
}

closed_set! {
    /// Why a person should look at a sample.
    SampleDoubt {
        /// It failed.
        Failed = "failed",
        /// One scorer fails what others pass.
        Disagreeing = "disagreeing",
        /// The confidence is below one half.
        Unsure = "unsure",
    }
}

closed_set! {
    /// What became of a score or a review.
    Taken {
        /// It is the first verdict of who knows what is right.
        Counted = "counted",
        /// It was kept.
        Kept = "kept",
        /// That name has said something already: the first stands.
        Repeated = "repeated",
        /// There is no such sample.
        Unknown = "unknown",
    }
}

closed_set! {
    /// A person's verdict on an answer.
    ReviewVerdict {
        /// It is right.
        Pass = "pass",
        /// It is wrong.
        Fail = "fail",
    }
}

closed_set! {
    /// The kind of a notification channel.
    ChannelKind {
        /// A webhook.
        Webhook = "webhook",
        /// Slack.
        Slack = "slack",
        /// PagerDuty.
        Pagerduty = "pagerduty",
        /// Alertmanager.
        Alertmanager = "alertmanager",
    }
}

closed_set! {
    /// How much a notice matters.
    Severity {
        /// Good to know.
        Info = "info",
        /// Somebody should look at it soon.
        Warning = "warning",
        /// Somebody should look at it now.
        Critical = "critical",
    }
}

closed_set! {
    /// The result of an offline comparison.
    EvalVerdict {
        /// No case fell.
        Held = "held",
        /// A case passed before and fails now.
        Fell = "fell",
        /// No case fell, and some cannot be compared.
        Incomparable = "incomparable",
    }
}

closed_set! {
    /// The kind of a change.
    ChangeKind {
        /// The candidate's share was set.
        SetWeight = "set_weight",
        /// The candidate was taken out.
        Rollback = "rollback",
        /// The kill switch was turned on.
        Kill = "kill",
        /// The kill switch was turned off.
        Revive = "revive",
        /// The next cohort was opened.
        EnableCohort = "enable_cohort",
        /// The cohort that was opened last was closed.
        RollbackCohort = "rollback_cohort",
        /// A tenant was added to an exclusion group.
        Exclude = "exclude",
        /// A tenant was taken out of an exclusion group.
        Unexclude = "unexclude",
        /// An excluded tenant takes part.
        OptIn = "opt_in",
        /// Somebody was put on a list.
        List = "list",
        /// Somebody was taken off a list.
        Unlist = "unlist",
        /// The roles of the configuration were taken over.
        Declare = "declare",
        /// A rollout began.
        Start = "start",
        /// A rollout went to its next step.
        Promote = "promote",
        /// A rollout went to its next step whatever the verdict was.
        ForcePromote = "force_promote",
        /// A rollout was stopped where it is.
        Pause = "pause",
        /// A paused rollout went on.
        Resume = "resume",
        /// A rollout was ended before its completion.
        Abort = "abort",
        /// The former stable release was put back.
        Restore = "restore",
        /// The candidate became stable.
        Complete = "complete",
        /// The evidence changed.
        Analysis = "analysis",
        /// A release was registered.
        AddRelease = "add_release",
        /// A release was forgotten.
        RemoveRelease = "remove_release",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! words_are_their_json {
        ($($set:ident)+) => {
            $(for value in $set::ALL {
                let json = serde_json::to_value(value).expect("a word");
                assert_eq!(json.as_str(), Some(value.as_str()), "{}", stringify!($set));
                assert_eq!($set::from_word(value.as_str()), Some(*value));
            })+
        };
    }

    #[test]
    fn every_value_is_written_as_its_word() {
        words_are_their_json!(
            Arm Rule KeyKind Outcome Destination Phase TransitionKind Verdict Axis Unit GateStatus
            DoubtReason OnRollback RateSource Role ReleasePart FigureVerdict ShadowDropReason
            SampleReason SampleDoubt Taken ReviewVerdict ChannelKind Severity EvalVerdict ChangeKind
        );
    }

    #[test]
    fn a_value_stands_for_its_word_in_texts() {
        assert_eq!(format!("{:<10}|", Arm::Stable), "stable    |");
        assert!(
            Phase::RolledBack == "rolled_back"
                && Phase::RolledBack.replace('_', " ") == "rolled back"
        );
    }
}
