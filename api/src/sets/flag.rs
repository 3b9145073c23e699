//! Closed sets of flags.

closed_set! {
    /// A command on a flag.
    FlagAction {
        /// Everybody gets the variant that switches it off.
        Off = "off",
        /// Ends `off`; a flag that its file disables is enabled.
        On = "on",
        /// Everybody who is not excluded gets a variant.
        Set = "set",
        /// A tenant or user gets the variant that means on.
        Allow = "allow",
        /// A tenant or user gets the variant that means off.
        Deny = "deny",
        /// A share of those who are not excluded gets the variant that means on.
        Percent = "percent",
        /// Rules of run time are removed.
        Rm = "rm",
        /// All rules of run time are replaced.
        Put = "put",
    }
}

closed_set! {
    /// The kind of a rule of run time.
    FlagRuleKind {
        /// Everybody, before any other rule.
        Off = "off",
        /// One tenant or user, before everybody who is allowed.
        Deny = "deny",
        /// One tenant or user.
        Allow = "allow",
        /// Everybody who is not excluded.
        Set = "set",
        /// A share of those who are not excluded.
        Percent = "percent",
    }
}

closed_set! {
    /// The key that a percentage divides.
    FlagKey {
        /// The targeting key of the context.
        TargetingKey = "targeting_key",
        /// The user, or else the targeting key.
        User = "user",
        /// The tenant.
        Tenant = "tenant",
        /// The conversation.
        Conversation = "conversation",
    }
}

closed_set! {
    /// What decided about a flag.
    FlagDecider {
        /// The flag is off by a change of run time.
        Off = "off",
        /// The tenant or user is denied.
        Denied = "denied",
        /// The tenant or user is allowed.
        Allowed = "allowed",
        /// A change of run time gives everybody a variant.
        Set = "set",
        /// The key is in a percentage of run time.
        Percent = "percent",
        /// The release pins the variant.
        Release = "release",
        /// The rule of the file.
        Targeting = "targeting",
        /// The rule of the file decided nothing.
        Default = "default",
        /// The flag has no rule.
        Static = "static",
        /// The flag is disabled.
        Disabled = "disabled",
        /// The evaluation failed.
        Error = "error",
    }
}
