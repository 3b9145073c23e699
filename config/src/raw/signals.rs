//! What answers are asked for: how they ended and what they cost.

use crate::read::{At, Map, leaf, raw, words};
use crate::scalar::{ErrorName, Member, PriceSource, Status, Usd};
use stagegate_rollout::Outcome;
use stagegate_signals::{Provider, Rules};

leaf! {
    /// How answers end, where the defaults do not fit. A code goes before a status.
    Rules {
        /// Classes by HTTP status.
        status: Map<Status, Outcome> = default("{}"),
        /// Classes by error code or type, as bodies name it.
        codes: Map<ErrorName, Outcome> = default("{}"),
        /// Where the provider of the model stands.
        provider: Provider = default("behind"),
    }
}

raw! {
    /// What answers cost and what may be spent.
    pub(crate) struct RawCost {
        /// What may be spent in a day, in US dollars.
        daily_budget: Usd = optional,
        /// What tokens cost: `builtin` for the list that came with this version, or `file:` and the
        /// path of a newer one (`prices.json` of the project genai-prices), read again with every
        /// reload.
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
    /// Where the provider of the model stands.
    Provider, |place| place.label(), {
        /// Behind the agent: that it is overloaded is `external`.
        Behind,
        /// The backend is the provider: that it is overloaded is `transient`.
        Backend,
    }
}
