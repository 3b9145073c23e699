//! TLS on listeners and towards endpoints.

use crate::read::{NonEmpty, raw, words};
use crate::scalar::{FilePath, HostName};
use stagegate_settings::ClientAuth;

raw! {
    /// TLS 1.2 and 1.3 on a listener. A reload takes over new files for new connections.
    pub(crate) struct RawTls {
        /// Certificates by the name the client asks for; the first is for all other clients.
        certificates: NonEmpty<RawCertificate> = required,
        /// File of the authorities that sign clients' certificates, in PEM form. Clients are asked
        /// for a certificate if it is given.
        client_ca: FilePath = optional,
        /// If clients need a certificate; `required` by default.
        client_auth: ClientAuth = optional,
    }
}

raw! {
    /// A certificate and its key.
    pub(crate) struct RawCertificate {
        /// File with the certificate and its chain, in PEM form.
        cert: FilePath = required,
        /// File with its private key, in PEM form.
        key: FilePath = required,
    }
}

raw! {
    /// TLS towards `https:` and `h2:` endpoints.
    pub(crate) struct RawUpstreamTls {
        /// File of the authorities that sign endpoints' certificates, in PEM form. By default the
        /// public ones.
        ca: FilePath = optional,
        /// File with the certificate shown to endpoints that ask, in PEM form.
        cert: FilePath = optional,
        /// File with its private key, in PEM form.
        key: FilePath = optional,
        /// Name that endpoints must have, sent as SNI. By default the one in their URL.
        server_name: HostName = optional,
        /// True if endpoints' certificates are verified.
        verify: bool = default("true"),
    }
}

words! {
    /// If clients need a certificate.
    ClientAuth, |auth| auth.label(), {
        /// Clients without one may ask too.
        Optional,
        /// Clients without one are turned away.
        Required,
    }
}
