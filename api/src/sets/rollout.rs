//! Closed sets of rollouts, gates and reports.

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
        /// Values that others measure.
        External = "external",
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
        /// A number in the unit of whoever measures it.
        Plain = "plain",
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
        /// Changes of its requests.
        Request = "request",
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
