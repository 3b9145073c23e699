//! Tests of valid and invalid tokens.

use super::{Jwt, JwtError, JwtFiles};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use stagegate_settings::{Jwt as JwtSettings, JwtAlgorithm, Secret};

const SECRET: &str = "0123456789abcdef0123";
/// 2100-01-01.
const LATER: u64 = 4_102_444_800;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed_by(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = b64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(header: &Value, claims: &Value) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    signed_by(header, claims, |message| ring::hmac::sign(&key, message).as_ref().to_vec())
}

fn verifier() -> Jwt {
    let settings = JwtSettings {
        secret: Some(Secret::new(SECRET)),
        algorithms: vec![JwtAlgorithm::Hs256],
        issuer: Some("iss".to_owned()),
        audience: Some("aud".to_owned()),
        header: "authorization".to_owned(),
        ..JwtSettings::default()
    };
    Jwt::new(&settings, &JwtFiles::default()).expect("a secret")
}

fn good() -> Value {
    json!({ "tenant": "vip", "exp": LATER, "iss": "iss", "aud": "aud" })
}

/// The claims of a good token with some of them replaced; `null` removes.
fn but(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => claims.as_object_mut().expect("claims").remove(name),
            value => claims.as_object_mut().expect("claims").insert(name.clone(), value.clone()),
        };
    }
    claims
}

#[test]
fn a_good_token_is_an_identity() {
    let token = hs256(&json!({ "alg": "HS256", "typ": "JWT" }), &good());
    let (claims, expires) = verifier().verify(&token).expect("verified");
    assert_eq!((claims["tenant"].as_str(), expires), ("vip", LATER));
    let audiences = hs256(&json!({ "alg": "HS256" }), &but(&json!({ "aud": ["x", "aud"] })));
    assert!(verifier().verify(&audiences).is_some(), "RFC 7519 4.1.3 allows several audiences");
}

#[test]
fn a_required_claim_that_is_missing_or_wrong_makes_it_none() {
    let wrong = [
        json!({ "iss": null }),
        json!({ "iss": "x" }),
        json!({ "iss": ["iss"] }),
        json!({ "iss": ["iss", "x"] }),
        json!({ "aud": null }),
        json!({ "aud": "x" }),
        json!({ "aud": [] }),
        json!({ "exp": null }),
        json!({ "exp": 0 }),
        json!({ "exp": "4102444800" }),
        json!({ "nbf": LATER }),
    ];
    for changes in wrong {
        let token = hs256(&json!({ "alg": "HS256" }), &but(&changes));
        assert!(verifier().verify(&token).is_none(), "{changes}");
    }
}

#[test]
fn a_critical_member_makes_it_none() {
    let headers = [
        json!({ "alg": "HS256", "crit": ["nope"], "nope": 1 }),
        json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        json!({ "alg": "HS256", "crit": [] }),
        json!({ "alg": "HS256", "b64": false }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS384" }),
    ];
    for header in headers {
        assert!(verifier().verify(&hs256(&header, &good())).is_none(), "{header}");
    }
}

fn accepts(algorithm: JwtAlgorithm) -> JwtSettings {
    JwtSettings { algorithms: vec![algorithm], ..JwtSettings::default() }
}

#[test]
fn keys_of_curves_verify_and_other_keys_do_not() {
    let random = SystemRandom::new();
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let ec = ec.expect("a key");
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random);
    let ec = ec.expect("a key");
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let jwks = json!({ "keys": [
        { "kty": "EC", "kid": "e1", "crv": "P-256", "x": b64(x), "y": b64(y) }
    ]});
    let files = JwtFiles { jwks: Some(jwks.to_string().into()), ..JwtFiles::default() };
    let verifier = Jwt::new(&accepts(JwtAlgorithm::Es256), &files).expect("a key set");
    let header = json!({ "alg": "ES256", "kid": "e1" });
    let sign = |message: &[u8]| ec.sign(&random, message).expect("signed").as_ref().to_vec();
    let token = signed_by(&header, &good(), sign);
    assert!(verifier.verify(&token).is_some());
    assert!(verifier.verify(&token[..token.len() - 4]).is_none(), "a cut signature");
    let zeros = signed_by(&header, &good(), |_| vec![0; 64]);
    assert!(verifier.verify(&zeros).is_none(), "CVE-2022-21449");

    let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("a key");
    let der =
        [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", ed.public_key().as_ref()].concat();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    let files = JwtFiles { public_key: Some(pem.into_bytes()), ..JwtFiles::default() };
    let verifier = Jwt::new(&accepts(JwtAlgorithm::EdDsa), &files).expect("a public key");
    let header = json!({ "alg": "EdDSA" });
    let token = signed_by(&header, &good(), |message| ed.sign(message).as_ref().to_vec());
    assert!(verifier.verify(&token).is_some());
    assert!(verifier.verify(&hs256(&json!({ "alg": "HS256" }), &good())).is_none());
}

#[test]
fn an_rsa_key_below_2048_bits_is_refused_at_load() {
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "r1", "n": b64([0xff; 128]), "e": "AQAB" }
    ]});
    let files = JwtFiles { jwks: Some(jwks.to_string().into()), ..JwtFiles::default() };
    let error = Jwt::new(&accepts(JwtAlgorithm::Rs256), &files).expect_err("1024 bits");
    assert!(matches!(&error, JwtError::ShortKey(name) if name == " r1"), "{error}");
}
