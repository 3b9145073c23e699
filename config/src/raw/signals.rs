//! Keys for the classes and the cost of responses.

use crate::read::{At, Map, leaf, raw, words};
use crate::scalar::{ErrorName, Member, PriceSource, Status, Usd, ZoneName};
use stagegate_rollout::Outcome;
use stagegate_signals::{Provider, Rules};

leaf! {
    /// The classes of responses, where the defaults do not fit. A code has priority over a status.
    Rules {
        /// Classes by HTTP status.
        status: Map<Status, Outcome> = default("{}"),
        /// Classes by error code or type, as bodies name it.
        codes: Map<ErrorName, Outcome> = default("{}"),
        /// The position of the model's provider.
        provider: Provider = default("behind"),
    }
}

raw! {
    /// The prices and the budget of a workload.
    pub(crate) struct RawCost {
        /// The daily budget in US dollars.
        daily_budget: Usd = optional,
        /// The time zone in which the budget's day begins at midnight: a name of the time zone database
        /// (`Europe/Berlin`), or a rule as POSIX's `TZ` has it (`CET-1CEST,M3.5.0,M10.5.0/3`).
        time_zone: ZoneName = default("UTC"),
        /// The price list of tokens: `builtin` for the list that came with this version, or `file:`
        /// and the path of a newer one (`prices.json` of the project genai-prices), read again with
        /// every reload.
        prices: PriceSource = default("builtin"),
        /// Tenants whose use is counted each on its own, at most 100; everyone else's counts as
        /// `other`.
        tenants: Vec<At<Member>> = default("[]"),
    }
}

words! {
    /// The class of a finished request.
    Outcome, |outcome| outcome.label(), {
        /// No failure.
        Ok,
        /// A failure that may pass.
        Transient,
        /// The release's own failure.
        Permanent,
        /// A failure of something behind the release.
        External,
    }
}

words! {
    /// The position of the model's provider.
    Provider, |place| place.label(), {
        /// Behind the agent: that it is overloaded is `external`.
        Behind,
        /// The backend is the provider: that it is overloaded is `transient`.
        Backend,
    }
}
