//! Sources of a request's identity.

use crate::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Sources of a request's tenant, user and conversation. In each list the first source that yields
/// something wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Clients whose identity headers are believed. `None`: those of trusted proxies, or anyone's
    /// where there are no trusted proxies.
    pub from: Option<IdentityFrom>,
    /// Sources of the tenant id.
    pub tenant: Vec<Source>,
    /// Sources of the user id.
    pub user: Vec<Source>,
    /// Sources of the conversation id.
    pub conversation: Vec<Source>,
    /// True if conversation ids that backends issue are recognised in requests and learned from
    /// responses.
    pub learned: bool,
    /// Ids of the workload's own that backends issue, beside those that are known.
    pub issued: Vec<IssuedId>,
    /// The verification of tokens; present whenever a source reads a token.
    pub jwt: Option<Jwt>,
    /// Bytes of a request body that are held back at most while an identity is looked for in it.
    pub max_inspect_bytes: usize,
    /// Time without a request after which a conversation is over.
    pub conversation_idle: Duration,
    /// Bytes of memory for the conversations that began on stable; none is kept when 0.
    pub conversation_memory: usize,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            from: None,
            tenant: Vec::new(),
            user: Vec::new(),
            conversation: Vec::new(),
            learned: false,
            issued: Vec::new(),
            jwt: None,
            max_inspect_bytes: 16 << 20,
            conversation_idle: Duration::from_secs(24 * 3600),
            conversation_memory: 16 << 20,
        }
    }
}

/// An id that backends issue in their responses and that clients use in requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedId {
    /// JSON pointer (RFC 6901) to it in a response; `*` stands for every entry of a list.
    pub response: String,
    /// JSON pointer to it in a request, in the same form.
    pub request: String,
}

/// Clients whose identity headers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFrom {
    /// Those of trusted proxies.
    Trusted,
    /// Everybody's.
    Anyone,
}

impl IdentityFrom {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Anyone => "anyone",
        }
    }
}

impl Identity {
    /// Every source of the three lists.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.tenant.iter().chain(&self.user).chain(&self.conversation)
    }
}

/// One place of a request an id can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A request header, by its lower-case name.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A claim of a verified token.
    Jwt(String),
    /// A JSON pointer (RFC 6901) into a request body that is JSON or a form.
    Body(String),
    /// A segment of the path; 1 is the first.
    PathSegment(usize),
    /// A name in the client's certificate.
    Certificate(CertificateName),
}

/// A kind of name (subjectAltName) in a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// The first URI, else the first DNS name, else the first e-mail address.
    San,
    /// The first URI, like a SPIFFE id.
    Uri,
    /// The first DNS name.
    Dns,
    /// The first e-mail address.
    Email,
}

impl CertificateName {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::San => "san",
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Email => "email",
        }
    }
}

/// The verification of tokens. A token that cannot be verified is no identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jwt {
    /// JSON Web Key Set file.
    pub jwks: Option<PathBuf>,
    /// Shared secret of HS256.
    pub secret: Option<Secret>,
    /// Public key file in PEM form, for the other algorithms.
    pub public_key: Option<PathBuf>,
    /// Accepted algorithms, never empty; each has a key to go with it.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Required `iss`.
    pub issuer: Option<String>,
    /// Required `aud`.
    pub audience: Option<String>,
    /// Lower-case name of the header the token is in; a leading `Bearer ` is skipped.
    pub header: String,
}

/// A signature algorithm of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// The name used in token headers.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}
