//! One workload: releases, arms and who goes where.

use super::{
    Definition, RawCost, RawHealth, RawHostHeader, RawIdentity, RawLabelled, RawRedact, RawRelease,
    RawSampling, RawShadow, RawUpstreamTls,
};
use crate::read::{At, Map, NonEmpty, OrOff, choice, leaf, raw, words};
use crate::scalar::{Body, ForceSecret, HeaderValue, Int, JsonPointer, Member, PolicyName, Wait};
use stagegate_rollout::{
    CohortName, FixedResponse, GroupName, OnRollback, ReleaseName, Salt, Sticky, Weight,
};
use stagegate_settings::{Ejection, FallbackToStable, Limits, Match, Protocol, Retry, Timeouts};
use stagegate_signals::Rules;

raw! {
    /// One agent workflow behind the proxy.
    pub(crate) struct RawWorkload {
        /// Which requests are the workload's: those that fit at least one entry.
        r#match: NonEmpty<Match> = required,
        /// What the backend speaks.
        protocol: Protocol = default("auto"),
        /// Where tenant, user and conversation of a request come from.
        identity: RawIdentity = default("{}"),
        /// The backend's versions by name. A release is immutable once it took traffic: another
        /// artifact needs another name.
        releases: Map<ReleaseName, RawRelease> = required,
        /// The release that serves everyone not sent elsewhere. Where it was promoted at runtime,
        /// the runtime state counts.
        stable: ReleaseName = required,
        /// The release under rollout.
        candidate: ReleaseName = optional,
        /// Share of targeting keys that go to the candidate when the workload is first seen; from
        /// then on the admin API moves it.
        weight: Weight = default("0%"),
        /// What a decision is sticky by. A request without that identity is decided by its own id.
        sticky: Sticky = default("conversation"),
        /// What is hashed before the key. By default every rollout has another.
        salt: Salt = optional,
        /// What a rollback does to conversations on the candidate.
        on_rollback: OnRollback = default("migrate"),
        /// What a rollout of this workload must go through: a name of `policies`.
        policy: PolicyName = default("default"),
        /// Lists of tenants that are switched on as one, in the order they open.
        cohorts: Vec<At<RawCohort>> = default("[]"),
        /// Tenants by group that stay on stable until opted in. An exclusion wins over a cohort.
        exclusions: Map<GroupName, Vec<At<Member>>> = default("{}"),
        /// Who always gets the candidate while it is open.
        allow: RawMembers = default("{}"),
        /// Who never gets the candidate.
        deny: RawMembers = default("{}"),
        /// What happens while the workload is killed.
        kill_switch: RawKillSwitch = default("{}"),
        /// Active health checks of every endpoint, or `off`.
        health: OrOff<RawHealth> = default("{}"),
        /// TLS towards `https:` and `h2:` endpoints.
        upstream_tls: RawUpstreamTls = default("{}"),
        /// When an endpoint is left out for failing real requests, or `off`.
        ejection: OrOff<Ejection> = default("{}"),
        /// Timeouts towards the backend.
        timeouts: Timeouts = default("{}"),
        /// Limits of requests.
        limits: Limits = default("{}"),
        /// When a request is sent again; never once a byte of the response was seen.
        retry: Retry = default("{}"),
        /// Whether a request that finds no connection to the candidate goes to stable.
        fallback_to_stable: FallbackToStable = default("never"),
        /// What the backend sees as `Host`.
        host_header: RawHostHeader = default("preserve"),
        /// Lets testers choose the arm with a signed header.
        force: RawForce = optional,
        /// How answers end, by status and by what their bodies say.
        outcomes: Rules = default("{}"),
        /// What answers cost and what may be spent.
        cost: RawCost = default("{}"),
        /// How much of each arm is scored; nothing, by default, unless there are scorers.
        sampling: RawSampling = default("{}"),
        /// Who judges the sampled answers. The verdicts of those with `gate: true` are joined: a
        /// sample passes if it passes all of them.
        scorers: Vec<At<Definition>> = default("[]"),
        /// What is known to be right: what `labelled_accuracy` is measured with, besides what people
        /// say.
        labelled: RawLabelled = optional,
        /// What is taken out of samples before they are kept.
        redact: Vec<At<RawRedact>> = default("[]"),
        /// Where answers say how sure the backend is, from 0 to 1; the header `Agent-Confidence`
        /// goes before it.
        confidence: JsonPointer = optional,
        /// Copies requests that stable serves to another release, whose answers nobody gets.
        shadow: RawShadow = optional,
    }
}

raw! {
    /// A named list of tenants that is switched on as one.
    pub(crate) struct RawCohort {
        /// Its name.
        name: CohortName = required,
        /// Its tenants, or files with one a line. A tenant belongs to at most one cohort.
        tenants: Vec<At<Member>> = required,
    }
}

raw! {
    /// Tenants and users.
    pub(crate) struct RawMembers {
        /// Tenant ids, or files with one a line.
        tenants: Vec<At<Member>> = default("[]"),
        /// User ids, or files with one a line.
        users: Vec<At<Member>> = default("[]"),
    }
}

raw! {
    /// The kill switch.
    pub(crate) struct RawKillSwitch {
        /// Where requests go while the workload is killed.
        fallback: RawFallback = default("stable"),
    }
}

choice! {
    /// Where a killed workload's requests go.
    pub(crate) enum RawFallback {
        words {
            /// The stable release.
            "stable" => Stable,
        }
        keys {
            /// One named release.
            "release" => Release(ReleaseName),
            /// No backend at all: a fixed answer.
            "respond" => Respond(FixedResponse),
        }
    }
}

leaf! {
    /// A fixed answer.
    FixedResponse {
        /// HTTP status.
        status: Int<200, 599> = default("503"),
        /// Sent as `Retry-After`, in whole seconds.
        retry_after: Wait = optional,
        /// `Content-Type` of the body.
        content_type: HeaderValue = default("text/plain; charset=utf-8"),
        /// The body.
        body: Body = default("''"),
    }
}

raw! {
    /// Signed force headers; `stagegate token force` makes one.
    pub(crate) struct RawForce {
        /// The secret they are signed with, at least 16 characters.
        secret: ForceSecret = required,
    }
}

words! {
    /// What the backend speaks.
    Protocol, |protocol| protocol.label(), {
        /// Recognised per request.
        Auto,
        /// OpenAI chat completions.
        OpenAiChat,
        /// OpenAI Responses.
        OpenAiResponses,
        /// Anthropic messages.
        Anthropic,
        /// Gemini.
        Gemini,
        /// Bedrock Converse.
        Bedrock,
        /// Model Context Protocol.
        Mcp,
        /// Agent2Agent.
        A2a,
        /// HTTP of no particular kind.
        Plain,
    }
}

words! {
    /// What a decision is sticky by: the identity whose hash decides.
    Sticky, |sticky| sticky.label(), {
        /// The conversation.
        Conversation,
        /// The user.
        User,
        /// The tenant.
        Tenant,
        /// Every request on its own.
        Request,
    }
}

words! {
    /// What a rollback does to conversations on the candidate.
    OnRollback, |on_rollback| on_rollback.label(), {
        /// Running responses finish; the conversation's next request goes to stable.
        Migrate,
        /// Conversations on the candidate end there; new ones go to stable.
        Finish,
        /// As `migrate`, and running candidate responses are aborted too.
        Cut,
    }
}
