//! Closed sets of samples and reviews.

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
    /// Who named a stage of a request.
    StageSource {
        /// The answer, in its `Server-Timing` header or trailer.
        ServerTiming = "server_timing",
        /// A span that the agent exported.
        Trace = "trace",
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
