//! The conversation with a provider, in blocking calls.

use crate::OidcError;
use crate::flow::{Begun, Flow};
use crate::provider::{Metadata, address};
use crate::token::{ACCEPTED, Claims, Expected, TokenError, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use stagegate_jwt::Key;
use stagegate_settings::Provider;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use ureq::Agent;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer in bytes.
const LARGEST: u64 = 1 << 20;
/// How long metadata and keys are used before they are asked for again.
const FRESH: Duration = Duration::from_secs(300);
/// The same when a token names a key that is not among them.
const FRESH_KEYS: Duration = Duration::from_secs(5);

/// A client of one provider; cheap to clone.
#[derive(Clone)]
pub struct Client {
    provider: Arc<Provider>,
    agent: Agent,
    known: Arc<Mutex<Option<Known>>>,
}

/// What a provider said of itself.
#[derive(Clone)]
struct Known {
    metadata: Metadata,
    keys: Arc<Vec<Key>>,
    at: Instant,
}

impl Client {
    /// A client; it asks the provider when somebody signs in.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        let mut tls = TlsConfig::builder();
        if !provider.ca.is_empty() {
            let roots = provider.ca.iter().map(|it| Certificate::from_der(it).to_owned());
            tls = tls.root_certs(RootCerts::from(roots));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // A provider answers itself; a redirect could lead a secret elsewhere.
            .max_redirects(0)
            .tls_config(tls.build())
            .build();
        Self { provider: Arc::new(provider), agent: agent.into(), known: Arc::default() }
    }

    /// The settings of the provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// When the provider does not say where to go.
    pub fn begin(&self) -> Result<Begun, OidcError> {
        let known = self.known(FRESH)?;
        let flow = Flow::new()?;
        Ok(Begun { url: flow.url(&known.metadata.authorization_endpoint, &self.provider), flow })
    }

    /// Ends a sign-in: turns the code that a browser brought into claims.
    ///
    /// # Errors
    /// When the provider refuses the code, or its token is not good.
    pub fn finish(&self, flow: &Flow, code: &str) -> Result<Claims, OidcError> {
        let known = self.known(FRESH)?;
        let token = self.exchange(&known.metadata, flow, code)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let expected = Expected {
            issuer: &self.provider.issuer,
            client_id: &self.provider.client_id,
            nonce: flow.nonce(),
            now_s: now.as_secs(),
        };
        match verify(&token, &known.keys, &expected) {
            // The provider may have begun to use another key.
            Err(TokenError::UnknownKey) => {
                Ok(verify(&token, &self.known(FRESH_KEYS)?.keys, &expected)?)
            }
            verified => Ok(verified?),
        }
    }

    /// Exchanges the code for an ID token (OpenID Connect Core 1.0, section 3.1.3).
    fn exchange(&self, it: &Metadata, flow: &Flow, code: &str) -> Result<String, OidcError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: Option<String>,
        }
        let provider = &self.provider;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &provider.redirect)
            .append_pair("code_verifier", flow.verifier());
        let mut request = Request::post(&it.token_endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        match &provider.client_secret {
            // RFC 6749 2.3.1: both are form-encoded first.
            Some(secret) => {
                let part = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
                let both = format!("{}:{}", part(&provider.client_id), part(secret.expose()));
                let basic = format!("Basic {}", STANDARD.encode(both));
                request = request.header("authorization", basic);
            }
            None => {
                form.append_pair("client_id", &provider.client_id);
            }
        }
        let request = request.body(form.finish()).map_err(|error| unusable(&error))?;
        let (status, body) = self.read(self.agent.run(request))?;
        if status != 200 {
            return Err(OidcError::Refused(refusal(status, &body)));
        }
        let tokens: Tokens = serde_json::from_slice(&body)
            .map_err(|error| OidcError::Provider(format!("its tokens are wrong: {error}")))?;
        tokens.id_token.ok_or_else(|| {
            OidcError::Provider("it gave no ID token: is `openid` among the scopes?".to_owned())
        })
    }

    /// Metadata and keys that are not older than `fresh`.
    fn known(&self, fresh: Duration) -> Result<Known, OidcError> {
        let held = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held().as_ref().filter(|it| it.at.elapsed() < fresh) {
            return Ok(known.clone());
        }
        let issuer = &self.provider.issuer;
        let metadata = Metadata::read(&self.get(&address(issuer))?, issuer)?;
        let document = self.get(&metadata.jwks_uri)?;
        let keys = stagegate_jwt::keys(&document, &ACCEPTED)
            .map_err(|error| OidcError::Provider(format!("its keys are wrong: {error}")))?;
        // Keys for other purposes are no reason to turn people away.
        let keys: Vec<Key> = keys.into_iter().filter_map(Result::ok).collect();
        let known = Known { metadata, keys: Arc::new(keys), at: Instant::now() };
        *held() = Some(known.clone());
        Ok(known)
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, OidcError> {
        let request = Request::get(url).header("accept", "application/json").body(());
        let (status, body) = self.read(self.agent.run(request.map_err(|it| unusable(&it))?))?;
        match status {
            200 => Ok(body),
            _ => Err(OidcError::Provider(format!("{url} answers {status}"))),
        }
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Vec<u8>), OidcError> {
        let failed = |error: ureq::Error| {
            OidcError::Provider(format!("{} cannot be asked: {error}", self.provider.issuer))
        };
        let mut answer = answer.map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(failed)?;
        Ok((status, body))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("provider", &self.provider).finish_non_exhaustive()
    }
}

fn unusable(error: &ureq::http::Error) -> OidcError {
    OidcError::Provider(format!("an address of it cannot be used: {error}"))
}

/// What an error answer says (RFC 6749 5.2), in at most 200 characters.
fn refusal(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let said = match serde_json::from_slice::<Said>(body) {
        Ok(Said { error, error_description }) => format!("{error} {error_description}"),
        Err(_) => format!("status {status}"),
    };
    said.trim().chars().filter(|it| !it.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn a_refusal_is_told_in_one_short_line() {
        let body = br#"{"error":"invalid_grant","error_description":"grant request is\u001b[31m invalid"}"#;
        assert_eq!(refusal(400, body), "invalid_grant grant request is[31m invalid");
        assert_eq!(refusal(502, b"<html>"), "status 502");
    }
}
