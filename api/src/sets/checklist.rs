//! Closed sets of checklists.

closed_set! {
    /// The effect of open checks on a start.
    ReadinessDemand {
        /// A start is refused.
        Required = "required",
        /// A start goes on, and its message says how many are open.
        Advisory = "advisory",
        /// Nothing is checked.
        Off = "off",
    }
}

closed_set! {
    /// The part of a deployment that a check is about.
    CheckCategory {
        /// The quality before any traffic.
        Evaluation = "evaluation",
        /// The artifact, and the people who know of it.
        Release = "release",
        /// The way back.
        Rollback = "rollback",
        /// What is measured.
        Monitoring = "monitoring",
        /// The steps and who may promote.
        Policy = "policy",
        /// The time after the deployment.
        Afterwards = "afterwards",
        /// A check of the team's own.
        Own = "own",
    }
}

closed_set! {
    /// The way in which a check is met.
    CheckKind {
        /// Stagegate finds out by itself.
        Proved = "proved",
        /// A person says yes.
        Signed = "signed",
        /// A person hands over evidence.
        Attached = "attached",
        /// Stagegate generates a text and a person signs that very text.
        ProvedAndSigned = "proved_and_signed",
    }
}

closed_set! {
    /// The result of a check.
    CheckStanding {
        /// It is met.
        Yes = "yes",
        /// It is not.
        No = "no",
        /// It is not met, and a person accepted that.
        Waived = "waived",
        /// A signature or an attachment is too old, or of other pins.
        Expired = "expired",
    }
}

closed_set! {
    /// What a person does about a check.
    StatementKind {
        /// Says yes.
        Sign = "sign",
        /// Hands over evidence.
        Attach = "attach",
        /// Accepts that the check is open.
        Waive = "waive",
        /// Takes the former statements back.
        Withdraw = "withdraw",
    }
}

closed_set! {
    /// What is exercised.
    ExerciseKind {
        /// The release to go back to is probed at the workload's rate.
        Capacity = "capacity",
        /// A violation on a sandbox copy: rollback, alert, then the acknowledgement of a person.
        Incident = "incident",
        /// The acknowledgement of the incident that waits for it.
        Acknowledge = "acknowledge",
    }
}

closed_set! {
    /// How a task of the runbook is done.
    RunbookTaskKind {
        /// Stagegate does it and files the result.
        Automatic = "automatic",
        /// Stagegate has the figures, and a person judges.
        Assisted = "assisted",
        /// A person does it.
        Manual = "manual",
    }
}

closed_set! {
    /// The state of a task of the runbook.
    RunbookTaskState {
        /// Its hour has not come.
        Scheduled = "scheduled",
        /// Its hour has come.
        Due = "due",
        /// It should have been done an hour ago.
        Overdue = "overdue",
        /// Stagegate found something wrong: a person must look at it.
        Failed = "failed",
        /// It is done.
        Done = "done",
    }
}

closed_set! {
    /// What a person does about a task of the runbook.
    TaskAct {
        /// It is done.
        Done = "done",
        /// Somebody else has it.
        Assign = "assign",
        /// A remark.
        Comment = "comment",
    }
}

closed_set! {
    /// The state of a hand-off.
    HandoffState {
        /// A part is missing, or nobody completed it.
        Open = "open",
        /// It was completed.
        Complete = "complete",
        /// The release was taken out before it was completed.
        Over = "over",
    }
}

closed_set! {
    /// What a person does about a hand-off.
    HandoffAct {
        /// Says what a part is.
        Tell = "tell",
        /// Completes it; refused while a part is missing.
        Complete = "complete",
    }
}

closed_set! {
    /// A part of a hand-off.
    HandoffPartName {
        /// The deploy report of three days.
        Report = "report",
        /// Every task of the runbook is done.
        Tasks = "tasks",
        /// The rollback runbook was read and signed.
        Rollback = "rollback",
        /// Two people who own the workload from now on.
        Owners = "owners",
        /// What is open, each with an owner and a day.
        Issues = "issues",
        /// The limits of the gates as they were looked through.
        Thresholds = "thresholds",
        /// Kill switch, way back and incident were exercised.
        Drills = "drills",
        /// The expected spend.
        Forecast = "forecast",
        /// What failed and became a case of the frozen set.
        Cases = "cases",
        /// The day on which the deployment is looked back at.
        Retrospective = "retrospective",
    }
}
