//! Pure but for its random bytes: what one sign-in must remember between its two ends.

use crate::OidcError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use stagegate_settings::Provider;
use subtle::ConstantTimeEq as _;

/// A sign-in that has begun: kept by this side, never shown to the browser.
#[derive(Clone)]
pub struct Flow {
    state: String,
    nonce: String,
    verifier: String,
}

/// A sign-in that begins.
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What must be kept until it comes back.
    pub flow: Flow,
}

impl Flow {
    /// A new one.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub(crate) fn new() -> Result<Self, OidcError> {
        Ok(Self { state: random()?, nonce: random()?, verifier: random()? })
    }

    /// The address of the provider for this sign-in.
    pub(crate) fn url(&self, endpoint: &str, provider: &Provider) -> String {
        // RFC 7636 4.2.
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &provider.redirect)
            .append_pair("scope", &provider.scopes.join(" "))
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{joint}{query}")
    }

    /// Returns true if the browser that came back brought this flow's state.
    #[must_use]
    pub fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(crate) fn verifier(&self) -> &str {
        &self.verifier
    }
}

/// 256 random bits in 43 characters, as RFC 7636 4.1 recommends.
fn random() -> Result<String, OidcError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| OidcError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Flow;
    use stagegate_settings::Provider;

    pub(crate) fn provider() -> Provider {
        Provider {
            issuer: "https://id.test".to_owned(),
            client_id: "stagegate".to_owned(),
            client_secret: None,
            redirect: "https://ops.test/sign-in/callback".to_owned(),
            scopes: vec!["openid".to_owned(), "email".to_owned()],
            ca: Vec::new(),
        }
    }

    #[test]
    fn the_address_has_all_that_the_provider_must_know_and_no_verifier() {
        // The verifier of RFC 7636, appendix B, and its challenge.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let flow = Flow { state: "s".into(), nonce: "n".into(), verifier: verifier.into() };
        let url = flow.url("https://id.test/auth?x=1", &provider());
        assert_eq!(
            url,
            "https://id.test/auth?x=1&response_type=code&client_id=stagegate\
             &redirect_uri=https%3A%2F%2Fops.test%2Fsign-in%2Fcallback&scope=openid+email&state=s\
             &nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
             &code_challenge_method=S256"
        );
        assert!(flow.has_state("s") && !flow.has_state("") && !flow.has_state("t"));
    }
}
