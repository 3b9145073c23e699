//! Closed sets of callers, changes and messages.

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
