//! Keys for the sources of a request's identity.

use crate::read::{At, choice, leaf, raw, words};
use crate::scalar::{
    CookieName, FilePath, HeaderName, Int, JsonPointer, JwtSecret, Line, SizeIn, Wait,
};
use stagegate_settings::{CertificateName, IdentityFrom, IssuedId, JwtAlgorithm};

raw! {
    /// Sources of a request's identity. In each list the first source that yields something wins.
    pub(crate) struct RawIdentity {
        /// Clients whose identity headers are believed. By default those of `trusted_proxies`, or
        /// anyone's where there are no trusted proxies. Headers of others are removed from the
        /// request.
        from: IdentityFrom = optional,
        /// Sources of the tenant id.
        tenant: Vec<At<RawSource>> = default("[]"),
        /// Sources of the user id.
        user: Vec<At<RawSource>> = default("[]"),
        /// Sources of the conversation id; here `learned` is possible too.
        conversation: Vec<At<RawSource>> = default("[]"),
        /// Ids that your backends issue, beside those of the protocols that `learned` knows: the handles
        /// that tools of MCP return, for example. Needs `learned`.
        issued: Vec<At<IssuedId>> = default("[]"),
        /// The verification of tokens; needed by `jwt` sources.
        jwt: RawJwt = optional,
        /// Bytes of a request body that are held back at most while `body` and `learned` sources
        /// look for an id in it, up to 16MiB. An id that comes later is counted in
        /// `stagegate_identity_late_total`.
        max_inspect_bytes: SizeIn<0, { 16 << 20 }> = default("16MiB"),
        /// Time without a request after which a conversation is over. Until then it stays on the arm
        /// on which it began.
        conversation_idle: Wait = default("24h"),
        /// Memory for conversations that began on stable: 16MiB hold about 10 million within
        /// two times `conversation_idle`. With 0 a growing weight also moves running conversations.
        conversation_memory: SizeIn<0, { 1 << 30 }> = default("16MiB"),
    }
}

leaf! {
    /// An id that backends issue. A request that uses it goes to the release that issued it.
    IssuedId {
        /// JSON pointer to it in a response, or in an event or message of one. `*` stands for every entry
        /// of a list. A pointer that goes on in a text reads the text as JSON.
        response: JsonPointer = required,
        /// JSON pointer to it in a request, in the same form.
        request: JsonPointer = required,
    }
}

choice! {
    /// One place an id can be read from.
    pub(crate) enum RawSource {
        words {
            /// Ids that backends issue in their responses. Only for conversations.
            "learned" => Learned,
        }
        keys {
            /// A request header.
            "header" => Header(HeaderName),
            /// A cookie.
            "cookie" => Cookie(CookieName),
            /// A claim of a verified token. A token that cannot be verified is no identity.
            "jwt" => Jwt(Line),
            /// A JSON pointer into a request body that is JSON, or to a field of a form
            /// (`application/x-www-form-urlencoded`): `/user/id` is the field `user[id]`.
            "body" => Body(JsonPointer),
            /// A segment of the path.
            "path" => Path(RawSegment),
            /// A name in the client's verified certificate. Needs `client_ca` on a listener.
            "mtls" => Mtls(CertificateName),
        }
    }
}

raw! {
    /// A segment of the path.
    pub(crate) struct RawSegment {
        /// Its number; 1 is the first.
        segment: Int<1, 64> = required,
    }
}

raw! {
    /// The verification of tokens: `jwks`, `public_key` or `secret` must be given.
    pub(crate) struct RawJwt {
        /// JSON Web Key Set file.
        jwks: FilePath = optional,
        /// Public key file in PEM form.
        public_key: FilePath = optional,
        /// Shared secret of HS256, at least 16 characters.
        secret: JwtSecret = optional,
        /// Accepted algorithms. By default HS256 with a secret, and RS256, ES256 and EdDSA with
        /// public keys.
        algorithms: Vec<At<JwtAlgorithm>> = optional,
        /// Required `iss` claim.
        issuer: Line = optional,
        /// Required `aud` claim.
        audience: Line = optional,
        /// Header the token is in; a leading `Bearer ` is skipped.
        header: HeaderName = default("authorization"),
    }
}

words! {
    /// Clients whose identity headers are believed.
    IdentityFrom, |from| from.label(), {
        /// The peers of `trusted_proxies`.
        Trusted,
        /// Everybody: the clients themselves say who they are.
        Anyone,
    }
}

words! {
    /// The kind of name (subjectAltName) of a certificate.
    CertificateName, |name| name.label(), {
        /// The first URI, else the first DNS name, else the first e-mail address.
        San,
        /// The first URI, like a SPIFFE id.
        Uri,
        /// The first DNS name.
        Dns,
        /// The first e-mail address.
        Email,
    }
}

words! {
    /// A signature algorithm.
    JwtAlgorithm, |algorithm| algorithm.label(), {
        /// HMAC with SHA-256.
        Hs256,
        /// RSA PKCS#1 v1.5 with SHA-256.
        Rs256,
        /// ECDSA on P-256 with SHA-256.
        Es256,
        /// Ed25519.
        EdDsa,
    }
}
