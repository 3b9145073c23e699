//! Closed sets of routing: where requests go, why, and how they end.

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
        /// The flag that is bound to the workload names the arm.
        Flag = "flag",
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
        /// It was measured: over the last quarter of an hour, or in the newest rollout.
        Measured = "measured",
        /// Nobody knows it: it was assumed.
        Assumed = "assumed",
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
