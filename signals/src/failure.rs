//! Failures that an answer names although its status may say otherwise, and what they mean.
//!
//! An answer that says that it failed has failed, whatever the failure is called. Names refine the
//! class. They and their meaning are the providers' own: OpenAI's error codes guide, Anthropic's
//! error types, Google's canonical status names, the exceptions of Bedrock's runtime API, JSON-RPC's
//! error codes, gRPC's status codes and Connect's words for them.

use crate::found::{ErrorNames, Found};
use crate::text::Text;
use stagegate_rollout::Outcome;

/// A failure named in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    names: ErrorNames,
    /// The backend's own status, which leaves nothing to names.
    own: Option<Outcome>,
}

/// The error codes of the Connect protocol, which are gRPC's from 1 on in lower case, and the HTTP statuses of
/// unary calls that fail with them: the present one, and the one of its first versions
/// (connectrpc.com/docs/protocol, "Error codes").
const CONNECT: [(&str, &[u16]); 16] = [
    ("canceled", &[499, 408]),
    ("unknown", &[500]),
    ("invalid_argument", &[400]),
    ("deadline_exceeded", &[504, 408]),
    ("not_found", &[404]),
    ("already_exists", &[409]),
    ("permission_denied", &[403]),
    ("resource_exhausted", &[429]),
    ("failed_precondition", &[400, 412]),
    ("aborted", &[409]),
    ("out_of_range", &[400]),
    ("unimplemented", &[501, 404]),
    ("internal", &[500]),
    ("unavailable", &[503]),
    ("data_loss", &[500]),
    ("unauthenticated", &[401]),
];

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Trying again may help.
    Transient,
    /// Trying again does not help.
    Permanent,
    /// The client asked for what there is not.
    Client,
}

impl Failure {
    /// The failure a document names.
    pub(crate) fn of(found: &Found) -> Self {
        let mut names = found.error;
        if names.code.is_empty() {
            names.code = found.code;
        }
        Self { names, own: None }
    }

    /// A failure known by its name alone.
    pub(crate) fn named(name: &str) -> Self {
        let mut names = ErrorNames::default();
        names.kind.set(name);
        Self { names, own: None }
    }

    /// The name that it goes by: its code, or else its type, or its status.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let names = [&self.names.code, &self.names.kind, &self.names.status];
        names.into_iter().find_map(Text::get)
    }

    /// The failure that a `grpc-status` tells, in a head or in trailers; none for 0, which is
    /// success.
    #[must_use]
    pub fn of_grpc(status: &[u8]) -> Option<Self> {
        Self::of_grpc_code(std::str::from_utf8(status.trim_ascii()).ok()?.parse::<u8>().ok())
    }

    fn of_grpc_code(code: Option<u8>) -> Option<Self> {
        let (name, outcome) = match code {
            Some(0) => return None,
            Some(1) => ("CANCELLED", Outcome::ClientGone),
            Some(3) => ("INVALID_ARGUMENT", Outcome::Ok),
            Some(4) => ("DEADLINE_EXCEEDED", Outcome::Transient),
            Some(5) => ("NOT_FOUND", Outcome::Ok),
            Some(6) => ("ALREADY_EXISTS", Outcome::Ok),
            Some(7) => ("PERMISSION_DENIED", Outcome::Ok),
            Some(8) => ("RESOURCE_EXHAUSTED", Outcome::Transient),
            Some(9) => ("FAILED_PRECONDITION", Outcome::Ok),
            Some(10) => ("ABORTED", Outcome::Ok),
            Some(11) => ("OUT_OF_RANGE", Outcome::Ok),
            Some(12) => ("UNIMPLEMENTED", Outcome::Permanent),
            Some(13) => ("INTERNAL", Outcome::Permanent),
            Some(14) => ("UNAVAILABLE", Outcome::Transient),
            Some(15) => ("DATA_LOSS", Outcome::Permanent),
            Some(16) => ("UNAUTHENTICATED", Outcome::Ok),
            _ => ("UNKNOWN", Outcome::Permanent),
        };
        Some(Self { own: Some(outcome), ..Self::named(name) })
    }

    /// The failure that a response of AWS Lambda tells in `X-Amz-Function-Error`: the function failed, whatever
    /// the status says (Lambda API, "Invoke").
    #[must_use]
    pub fn of_function(value: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(value.trim_ascii()).ok().filter(|name| !name.is_empty())?;
        Some(Self { own: Some(Outcome::Permanent), ..Self::named(name) })
    }

    /// The failure that an error code of the Connect protocol tells; none for a word that is no code, or
    /// that does not come with `status`, where a response is none but an error.
    #[must_use]
    pub(crate) fn of_connect(word: &str, status: Option<u16>) -> Option<Self> {
        let (code, (_, statuses)) = (1..).zip(CONNECT).find(|(_, (known, _))| *known == word)?;
        let fits = status.is_none_or(|status| statuses.contains(&status));
        fits.then(|| Self::of_grpc_code(Some(code))).flatten()
    }

    /// The failure that a backend's close of a WebSocket tells (RFC 6455 7.4.1 and the registry of
    /// IANA); none for a close that is no failure. 1006 stands for an end without a close. Codes of
    /// applications mean nothing by themselves; rules may name them, as `close_4001`.
    #[must_use]
    pub fn of_close(code: u16) -> Option<Self> {
        let outcome = match code {
            1000 | 1001 | 1005 => return None,
            1006 | 1012 | 1013 => Outcome::Transient,
            1014 => Outcome::External,
            1011 | 1015 => Outcome::Permanent,
            // The backend complains of what the client sent.
            _ => Outcome::Ok,
        };
        Some(Self { own: Some(outcome), ..Self::named(&format!("close_{code}")) })
    }

    /// The failure that a client's close of a WebSocket tells of the backend: it could not be
    /// understood.
    #[must_use]
    pub fn of_client_close(code: u16) -> Option<Self> {
        let blames = matches!(code, 1002 | 1003 | 1007);
        let own = Some(Outcome::Permanent);
        blames.then(|| Self { own, ..Self::named(&format!("client_close_{code}")) })
    }

    /// Its names, the most telling first; none is empty.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.names.code.get(), self.names.kind.get(), self.names.status.get()]
            .into_iter()
            .flatten()
    }

    /// What it is called, for people who compare failures: its most telling name, and the fingerprint of its message. The
    /// message itself is not kept.
    #[must_use]
    pub fn label(&self) -> String {
        let plain = |name: &&str| {
            name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-. ".contains(&it))
        };
        let name = self.names().find(plain).unwrap_or("unnamed");
        match self.names.message {
            0 => name.to_owned(),
            message => format!("{name} #{message:08x}"),
        }
    }

    /// The class that the backend's own status gives it.
    pub(crate) const fn own(&self) -> Option<Outcome> {
        self.own
    }

    /// Returns the class of the failure, if its names or its code are known.
    pub(crate) fn nature(&self) -> Option<Nature> {
        self.names().find_map(nature_of).or(match self.names.number {
            408 | 424 | 425 | 429 | 500..=599 => Some(Nature::Transient),
            400..=499 => Some(Nature::Permanent),
            // JSON-RPC: what was asked cannot be read, is unknown or has wrong parameters; A2A: the
            // task or the wanted form does not exist, MCP: the resource does not.
            -32_700 | -32_602..=-32_600 | -32_005..=-32_001 | -32_009..=-32_007 => {
                Some(Nature::Client)
            }
            -32_603 | -32_099..=-32_000 => Some(Nature::Permanent),
            _ => None,
        })
    }
}

fn nature_of(name: &str) -> Option<Nature> {
    match name {
        // OpenAI
        "slow_down"
        | "server_is_overloaded"
        | "rate_limit_exceeded"
        | "server_error"
        | "internal_error"
        | "engine_overloaded"
        // Anthropic
        | "rate_limit_error"
        | "api_error"
        | "overloaded_error"
        | "timeout_error"
        // Google
        | "RESOURCE_EXHAUSTED"
        | "INTERNAL"
        | "UNAVAILABLE"
        | "DEADLINE_EXCEEDED"
        // Bedrock: 429, 503, 500, 424
        | "throttlingException"
        | "ThrottlingException"
        | "modelNotReadyException"
        | "ModelNotReadyException"
        | "serviceUnavailableException"
        | "ServiceUnavailableException"
        | "internalServerException"
        | "InternalServerException"
        | "modelErrorException"
        | "ModelErrorException"
        | "modelStreamErrorException"
        | "ModelStreamErrorException"
        | "modelTimeoutException"
        | "ModelTimeoutException"
        // Imitators and gateways: Mistral, LiteLLM and the classes of OpenAI's SDK, Groq, Fireworks
        | "rate_limited"
        | "rate_limit"
        | "too_many_requests"
        | "TooManyRequestsException"
        | "RateLimitError"
        | "service_unavailable"
        | "service_unavailable_error"
        | "ServiceUnavailableError"
        | "APIConnectionError"
        | "APITimeoutError"
        | "gateway_timeout" => Some(Nature::Transient),
        "insufficient_quota"
        | "credit_balance_exhausted"
        | "billing_hard_limit_reached"
        | "invalid_api_key"
        | "model_not_found"
        | "context_length_exceeded"
        | "invalid_prompt"
        | "invalid_request_error"
        | "authentication_error"
        | "billing_error"
        | "permission_error"
        | "not_found_error"
        | "request_too_large"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "PERMISSION_DENIED"
        | "NOT_FOUND"
        | "UNAUTHENTICATED"
        | "validationException"
        | "ValidationException"
        | "accessDeniedException"
        | "AccessDeniedException"
        | "resourceNotFoundException"
        | "ResourceNotFoundException" => Some(Nature::Permanent),
        // GraphQL, by the names of Apollo Server: what was asked is none.
        "GRAPHQL_PARSE_FAILED"
        | "GRAPHQL_VALIDATION_FAILED"
        | "BAD_USER_INPUT"
        | "BAD_REQUEST"
        | "OPERATION_RESOLUTION_FAILURE"
        | "PERSISTED_QUERY_NOT_FOUND"
        | "PERSISTED_QUERY_NOT_SUPPORTED" => Some(Nature::Client),
        _ if name.ends_with("spend_limit_exceeded") => Some(Nature::Permanent),
        _ => None,
    }
}
