//! The check of an ID token (OpenID Connect Core 1.0, section 3.1.3.7).

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};
use stagegate_jwt::Key;

/// How far the provider's clock may be away from this one, in seconds.
const LEEWAY_S: u64 = 60;
/// Signatures that are accepted. `none` and those with a shared secret are not.
pub(crate) const ACCEPTED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Claims that the provider has signed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(pub Map<String, Value>);

impl Claims {
    /// The claim, if it is a text that is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|it| !it.is_empty())
    }

    /// Returns true if the claim is `value`, or a list that has it.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        match self.0.get(name) {
            Some(Value::String(text)) => text == value,
            Some(Value::Array(all)) => all.iter().any(|it| it.as_str() == Some(value)),
            _ => false,
        }
    }
}

/// A token that is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none, or has a critical header.
    #[error("it is not a token of a kind that is known")]
    Malformed,
    /// No key of the provider's set is the one that it names.
    #[error("the provider has no such key")]
    UnknownKey,
    /// Signature, issuer, audience or time.
    #[error("{0}")]
    Invalid(String),
    /// Another sign-in.
    #[error("its nonce is of another sign-in")]
    Nonce,
    /// It is for another party.
    #[error("it was issued to another party")]
    AuthorizedParty,
    /// It was issued in the future.
    #[error("it is of the future: check the clocks")]
    Future,
}

/// What a token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// Unix seconds.
    pub(crate) now_s: u64,
}

/// The claims of a token that one of `keys` has signed for us.
///
/// # Errors
/// A [`TokenError`] with what is wrong.
pub(crate) fn verify(
    token: &str,
    keys: &[Key],
    expected: &Expected<'_>,
) -> Result<Claims, TokenError> {
    stagegate_jwt::install();
    let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    // RFC 7515 4.1.11: who does not understand a critical member refuses the token.
    if header.crit.is_some() || header.extras.inner().contains_key("b64") {
        return Err(TokenError::Malformed);
    }
    let fits = |key: &&Key| {
        key.algorithm == header.alg
            && (header.kid.is_none() || key.id.is_none() || header.kid == key.id)
    };
    let mut failure = TokenError::UnknownKey;
    for key in keys.iter().filter(fits) {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_audience(&[expected.client_id]);
        validation.set_issuer(&[expected.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        match decode::<Map<String, Value>>(token, &key.key, &validation) {
            Ok(decoded) => return check(Claims(decoded.claims), expected),
            Err(error) => failure = TokenError::Invalid(error.to_string()),
        }
    }
    Err(failure)
}

/// The claims that the library does not check.
fn check(claims: Claims, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    // RFC 7519 4.1.1: one string. A list that holds the right name among others is none.
    if claims.text("iss") != Some(expected.issuer) {
        return Err(TokenError::Invalid("InvalidIssuer".to_owned()));
    }
    if claims.text("nonce") != Some(expected.nonce) {
        return Err(TokenError::Nonce);
    }
    let several = claims.0.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.0.get("azp") {
        Some(party) if party.as_str() != Some(expected.client_id) => {
            return Err(TokenError::AuthorizedParty);
        }
        None if several => return Err(TokenError::AuthorizedParty),
        _ => {}
    }
    match claims.0.get("iat").and_then(Value::as_f64) {
        Some(at) if at <= (expected.now_s + LEEWAY_S) as f64 => Ok(claims),
        _ => Err(TokenError::Future),
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCEPTED, Claims, Expected, TokenError, verify};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::{Value, json};
    use std::time::{SystemTime, UNIX_EPOCH};

    struct Issuer(Ed25519KeyPair);

    impl Issuer {
        fn new() -> Self {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
            Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"))
        }

        fn keys(&self) -> Vec<stagegate_jwt::Key> {
            let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
            let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] });
            let keys = stagegate_jwt::keys(set.to_string().as_bytes(), &ACCEPTED).expect("a set");
            keys.into_iter().map(|key| key.expect("usable")).collect()
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", part(header), part(claims));
            let signature = URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes()));
            format!("{message}.{signature}")
        }
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
    }

    fn with(change: impl FnOnce(&mut Value)) -> Result<Claims, TokenError> {
        let mut claims = json!({
            "iss": "https://id.test", "aud": "stagegate", "sub": "1", "nonce": "n",
            "iat": now(), "exp": now() + 300, "groups": ["sre", "all"], "email": "ann@test",
        });
        change(&mut claims);
        signed(&Issuer::new(), &json!({ "alg": "EdDSA", "kid": "k" }), &claims)
    }

    fn signed(issuer: &Issuer, header: &Value, claims: &Value) -> Result<Claims, TokenError> {
        let expected = Expected {
            issuer: "https://id.test",
            client_id: "stagegate",
            nonce: "n",
            now_s: now(),
        };
        verify(&issuer.sign(header, claims), &issuer.keys(), &expected)
    }

    #[test]
    fn a_good_token_gives_its_claims() {
        let claims = with(|_| {}).expect("good");
        assert!(claims.has("groups", "sre") && !claims.has("groups", "s"));
        assert!(claims.has("email", "ann@test") && !claims.has("missing", "x"));
        assert_eq!((claims.text("email"), claims.text("groups")), (Some("ann@test"), None));
        // Clocks differ a little.
        assert!(with(|it| it["exp"] = json!(now() - 30)).is_ok());
        assert!(with(|it| it["iat"] = json!(now() + 30)).is_ok());
        assert!(with(|it| it["aud"] = json!(["stagegate"])).is_ok());
        let several = |it: &mut Value| {
            it["aud"] = json!(["stagegate", "other"]);
            it["azp"] = json!("stagegate");
        };
        assert!(with(several).is_ok());
    }

    #[test]
    fn every_claim_that_is_not_as_it_should_be_is_refused() {
        let changes: [(&str, Value); 11] = [
            ("iss", json!("https://evil.test")),
            ("iss", json!(["https://id.test", "https://evil.test"])),
            ("aud", json!("other")),
            ("aud", json!(["stagegate", "other"])),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("azp", json!("other")),
            ("exp", json!(now() - 120)),
            ("nbf", json!(now() + 120)),
            ("iat", json!(now() + 120)),
            ("iat", Value::Null),
        ];
        for (name, value) in changes {
            let refused = with(|it| it[name] = value.clone());
            assert!(refused.is_err(), "{name}: {value}");
        }
        for name in ["iss", "aud", "exp", "nonce", "iat"] {
            let refused = with(|it| drop(it.as_object_mut().expect("a map").remove(name)));
            assert!(refused.is_err(), "without {name}");
        }
    }

    #[test]
    fn a_key_and_an_algorithm_of_somebody_else_are_refused() {
        let (ours, other) = (Issuer::new(), Issuer::new());
        let claims = json!({ "iss": "https://id.test", "aud": "stagegate", "nonce": "n",
            "iat": now(), "exp": now() + 300 });
        let expected = Expected {
            issuer: "https://id.test",
            client_id: "stagegate",
            nonce: "n",
            now_s: now(),
        };
        let forged = other.sign(&json!({ "alg": "EdDSA", "kid": "k" }), &claims);
        assert!(matches!(verify(&forged, &ours.keys(), &expected), Err(TokenError::Invalid(_))));
        for header in [
            json!({ "alg": "none", "kid": "k" }),
            json!({ "alg": "HS256", "kid": "k" }),
            json!({ "alg": "RS256", "kid": "k" }),
            json!({ "alg": "EdDSA", "kid": "another" }),
            json!({ "alg": "EdDSA", "kid": "k", "crit": ["exp"] }),
        ] {
            assert!(signed(&ours, &header, &claims).is_err(), "{header}");
        }
    }
}
