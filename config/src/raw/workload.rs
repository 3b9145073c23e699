//! One workload: releases, arms and who goes where.

use super::{
    Definition, RawCost, RawHealth, RawHostHeader, RawIdentity, RawLabelled, RawQueue, RawRedact,
    RawRelease, RawSampling, RawShadow, RawUpstreamTls,
};
use crate::read::{At, Map, NonEmpty, OrOff, choice, leaf, raw, words};
use crate::scalar::{
    Body, FlagKey, ForceSecret, HeaderValue, Int, JsonPointer, Member, PolicyName, Wait,
};
use stagegate_rollout::{
    CohortName, FixedResponse, GroupName, OnRollback, ReleaseName, Salt, Sticky, Weight,
};
use stagegate_settings::{Ejection, FallbackToStable, Limits, Match, Protocol, Retry, Timeouts};
use stagegate_signals::Rules;

raw! {
    /// One agent workflow behind the proxy.
    pub(crate) struct RawWorkload {
        /// The requests of the workload: those that match at least one entry.
        r#match: NonEmpty<Match> = required,
        /// The protocol of the backend.
        protocol: Protocol = default("auto"),
        /// The sources of a request's tenant, user and conversation.
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
        /// The identity that decisions are sticky by. A request without that identity is decided by
        /// its own id.
        sticky: Sticky = default("conversation"),
        /// The salt that is hashed before the key. By default every rollout has another.
        salt: Salt = optional,
        /// The effect of a rollback on conversations on the candidate.
        on_rollback: OnRollback = default("migrate"),
        /// The policy of this workload's rollouts: a name from `policies`.
        policy: PolicyName = default("default"),
        /// Lists of tenants that are switched on as one, in the order they open.
        cohorts: Vec<At<RawCohort>> = default("[]"),
        /// Tenants by group that stay on stable until opted in. An exclusion wins over a cohort.
        exclusions: Map<GroupName, Vec<At<Member>>> = default("{}"),
        /// Tenants and users who always get the candidate while it is open.
        allow: RawMembers = default("{}"),
        /// Tenants and users who never get the candidate.
        deny: RawMembers = default("{}"),
        /// The response while the workload is killed.
        kill_switch: RawKillSwitch = default("{}"),
        /// Active health checks of every endpoint, or `off`.
        health: OrOff<RawHealth> = default("{}"),
        /// TLS towards `https:` and `h2:` endpoints.
        upstream_tls: RawUpstreamTls = default("{}"),
        /// Ejection of endpoints that fail real requests, or `off`.
        ejection: OrOff<Ejection> = default("{}"),
        /// Timeouts towards the backend.
        timeouts: Timeouts = default("{}"),
        /// Limits of requests.
        limits: Limits = default("{}"),
        /// Retries of requests; never after a byte of the response was seen.
        retry: Retry = default("{}"),
        /// The destination of a request that finds no connection to the candidate.
        fallback_to_stable: FallbackToStable = default("never"),
        /// The `Host` header that the backend receives.
        host_header: RawHostHeader = default("preserve"),
        /// Lets testers choose the arm with a signed header.
        force: RawForce = optional,
        /// The classes of responses, by status and by the contents of their bodies.
        outcomes: Rules = default("{}"),
        /// The prices and the budget of the workload.
        cost: RawCost = default("{}"),
        /// The share of each arm that is scored; nothing by default, unless there are scorers.
        sampling: RawSampling = default("{}"),
        /// The scorers of sampled responses. The verdicts of those with `gate: true` are joined: a
        /// sample passes if it passes all of them.
        scorers: Vec<At<Definition>> = default("[]"),
        /// Requests with their correct responses, for `labelled_accuracy`. Reviews by people count
        /// for it too.
        labelled: RawLabelled = optional,
        /// Parts that are removed from samples before they are stored.
        redact: Vec<At<RawRedact>> = default("[]"),
        /// JSON pointer to the backend's confidence in a response, from 0 to 1; the header
        /// `Agent-Confidence` has priority.
        confidence: JsonPointer = optional,
        /// Copies requests that stable serves to another release. Its responses reach no client.
        shadow: RawShadow = optional,
        /// Keys of flags that are evaluated for each request and sent to the backend in
        /// `stagegate-flags` and `baggage`; `*` stands for every flag. Needs the section `flags`.
        forward_flags: Vec<At<FlagKey>> = default("[]"),
        /// Key of a flag that names the arm where no list, pin or cohort does, before the weight: `true`
        /// or `candidate`, `false` or `stable`. Any other value, and a flag that is missing or fails, leave it
        /// to the weight. While the candidate is closed, no flag opens it. Needs the section `flags`.
        arm_flag: FlagKey = optional,
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
        /// The destination of requests while the workload is killed.
        fallback: RawFallback = default("stable"),
        /// Key of a flag that kills the workload for those for whom its value is `false`. Any other
        /// value, and a flag that is missing or fails, kills nobody. Needs the section `flags`.
        flag: FlagKey = optional,
    }
}

choice! {
    /// The destination of a killed workload's requests.
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
            /// No backend for now: requests are stored and sent after the workload was revived.
            "queue" => Queue(RawQueue),
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
        /// The body. Without one, a status from 400 on is answered with problem details, and with the
        /// error object of OpenAI's, Anthropic's or Gemini's protocol, which their SDKs show.
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
    /// The protocol of the backend.
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
    /// The identity that decisions are sticky by: its hash decides.
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
    /// The effect of a rollback on conversations on the candidate.
    OnRollback, |on_rollback| on_rollback.label(), {
        /// Running responses finish; the conversation's next request goes to stable.
        Migrate,
        /// Conversations on the candidate end there; new ones go to stable.
        Finish,
        /// As `migrate`, and running candidate responses are aborted too.
        Cut,
    }
}
