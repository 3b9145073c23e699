//! What a provider says of itself (OpenID Connect Discovery 1.0), and whether that can be believed.

use crate::OidcError;
use serde::Deserialize;

/// The parts that are needed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
}

/// Where a provider says what it is.
pub(crate) fn address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Metadata {
    /// Reads the document of `issuer`.
    ///
    /// # Errors
    /// When it is of another issuer (mix-up), or leads out of TLS.
    pub(crate) fn read(document: &[u8], issuer: &str) -> Result<Self, OidcError> {
        let read: Self = serde_json::from_slice(document)
            .map_err(|error| OidcError::Provider(format!("its metadata are wrong: {error}")))?;
        if read.issuer != issuer {
            let said = &read.issuer;
            let what = format!("it says that it is `{said}`, and `{issuer}` is configured");
            return Err(OidcError::Provider(what));
        }
        // A provider for tests may speak plain HTTP, if it is configured as such.
        let is_fine = |url: &str| {
            url.starts_with("https://")
                || (issuer.starts_with("http://") && url.starts_with("http://"))
        };
        for url in [&read.authorization_endpoint, &read.token_endpoint, &read.jwks_uri] {
            if !is_fine(url) {
                return Err(OidcError::Provider(format!("its address `{url}` is not https")));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::{Metadata, address};

    fn document(issuer: &str, token: &str) -> String {
        format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"https://id.test/a","token_endpoint":"{token}","jwks_uri":"https://id.test/k"}}"#
        )
    }

    #[test]
    fn another_issuer_and_an_open_way_are_refused() {
        let read = |issuer: &str, token: &str| {
            Metadata::read(document(issuer, token).as_bytes(), "https://id.test")
        };
        assert!(read("https://id.test", "https://id.test/t").is_ok());
        assert!(read("https://evil.test", "https://id.test/t").is_err());
        assert!(read("https://id.test/", "https://id.test/t").is_err(), "exactly the same");
        assert!(read("https://id.test", "http://id.test/t").is_err());
        assert!(Metadata::read(b"{}", "https://id.test").is_err());
        assert_eq!(address("https://id.test/"), address("https://id.test"));
    }
}
