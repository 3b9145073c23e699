//! Identity sources and token keys.

use super::members::read_text;
use crate::raw::{RawIdentity, RawJwt, RawSource};
use crate::read::{At, Context, Site, join, plain};
use crate::scalar::FilePath;
use stagegate_settings::{Identity, IdentityFrom, Jwt, JwtAlgorithm, Source};
use std::path::PathBuf;

/// Largest key file.
const MAX_KEY_FILE: u64 = 1 << 20;

pub(crate) fn identity(at: At<RawIdentity>, cx: &mut Context<'_>) -> Option<Identity> {
    let At { value: raw, site } = at;
    let has_keys = raw.jwt.is_some() || cx.reported(&join(&site.key, "jwt"));
    let jwt_site = raw.jwt.as_ref().map(|at| at.site.clone());
    let jwt = raw.jwt.map(|at| keys(at, cx));
    let (mut learned, mut header_site) = (false, None);
    let from = plain(raw.from);
    let mut token_site = None;
    let mut list = |list: Option<At<Vec<At<RawSource>>>>, conversation, cx: &mut Context<'_>| {
        let mut out: Vec<Source> = Vec::new();
        for At { value, site } in plain(list)? {
            let Some(source) = source(value) else {
                if conversation {
                    learned = true;
                } else {
                    cx.problem(
                        &site,
                        "is possible for conversations only",
                        "name a `header`, `cookie`, `jwt`, `body`, `path` or `mtls` source",
                    );
                }
                continue;
            };
            let source = source?;
            if matches!(source, Source::Header(_)) {
                header_site.get_or_insert_with(|| site.clone());
            }
            if matches!(source, Source::Jwt(_)) {
                token_site.get_or_insert_with(|| site.clone());
            }
            if out.contains(&source) {
                cx.warn(&site, "is listed twice", "remove one of the two");
            } else {
                out.push(source);
            }
        }
        Some(out)
    };
    let tenant = list(raw.tenant, false, cx);
    let user = list(raw.user, false, cx);
    let conversation = list(raw.conversation, true, cx);
    check_use(has_keys, jwt_site, token_site, cx);
    check_trust(from, header_site, cx);
    let issued = plain(raw.issued)?;
    if let (Some(first), false) = (issued.first(), learned) {
        cx.problem(
            &first.site,
            "is not used, because ids of responses are not learned",
            "add `learned` to `conversation`",
        );
    }
    Some(Identity {
        from,
        tenant: tenant?,
        user: user?,
        conversation: conversation?,
        learned,
        issued: issued.into_iter().map(|at| at.value).collect(),
        jwt: match jwt {
            Some(keys) => Some(keys?),
            None => None,
        },
        max_inspect_bytes: plain(raw.max_inspect_bytes)?.into(),
        conversation_idle: plain(raw.conversation_idle)?.into(),
        conversation_memory: plain(raw.conversation_memory)?.into(),
    })
}

/// `None` for the word `learned`; `Some(None)` for a source whose parts could not be read.
fn source(raw: RawSource) -> Option<Option<Source>> {
    Some(match raw {
        RawSource::Learned => return None,
        RawSource::Header(name) => Some(Source::Header(name.value.0)),
        RawSource::Cookie(name) => Some(Source::Cookie(name.value.0)),
        RawSource::Jwt(claim) => Some(Source::Jwt(claim.value.0)),
        RawSource::Body(pointer) => Some(Source::Body(pointer.value.0)),
        RawSource::Mtls(name) => Some(Source::Certificate(name.value)),
        RawSource::Path(path) => {
            path.value.segment.map(|number| Source::PathSegment(number.value.0 as usize))
        }
    })
}

/// A header is somebody's word: it should be said whose.
fn check_trust(from: Option<IdentityFrom>, header: Option<Site>, cx: &mut Context<'_>) {
    let Some(site) = header else { return };
    match from {
        None if !cx.has_trusted_proxies => cx.warn(
            &site,
            "is believed from every client, because `trusted_proxies` is empty",
            "name your gateways in `trusted_proxies`, or write `from: anyone` in `identity`",
        ),
        Some(IdentityFrom::Trusted) if !cx.has_trusted_proxies => cx.warn(
            &site,
            "is believed from nobody, because `trusted_proxies` is empty",
            "name your gateways in `trusted_proxies`",
        ),
        _ => {}
    }
}

/// Sources and keys need each other.
fn check_use(has_keys: bool, keys: Option<Site>, source: Option<Site>, cx: &mut Context<'_>) {
    match (has_keys, source) {
        (false, Some(source)) => cx.problem(
            &source,
            "reads a token, but there are no keys to verify it with",
            "add `jwt: { jwks: keys.json }` to `identity`: an unverified token is no identity",
        ),
        (true, None) => {
            if let Some(site) = keys {
                cx.warn(&site, "is not used by any source", "add a source like `{ jwt: sub }`");
            }
        }
        _ => {}
    }
}

fn keys(at: At<RawJwt>, cx: &mut Context<'_>) -> Option<Jwt> {
    let At { value: raw, site } = at;
    let public = raw.jwks.is_some() || raw.public_key.is_some();
    let unread = ["jwks", "public_key", "secret"].map(|key| cx.reported(&join(&site.key, key)));
    if unread.contains(&true) {
        return None;
    }
    if !public && raw.secret.is_none() {
        cx.problem(&site, "has no key", "add `jwks`, `public_key` or `secret`");
        return None;
    }
    if let Some(secret) = &raw.secret
        && secret.value.0.expose().len() < 32
    {
        cx.warn(
            &secret.site,
            "is shorter than the 32 bytes HS256 asks for",
            "use 32 random bytes or more",
        );
    }
    let algorithms = match raw.algorithms {
        Some(list) => algorithms(list, public, raw.secret.is_some(), cx),
        None => {
            let mut all = Vec::new();
            if raw.secret.is_some() {
                all.push(JwtAlgorithm::Hs256);
            }
            if public {
                all.extend([JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa]);
            }
            Some(all)
        }
    };
    let jwks = raw
        .jwks
        .map(|at| key_file(&at, is_key_set, "a JSON Web Key Set with at least one key", cx));
    let public_key =
        raw.public_key.map(|at| key_file(&at, is_public_pem, "a public key in PEM form", cx));
    Some(Jwt {
        jwks: jwks.map_or(Some(None), |path| path.map(Some))?,
        secret: plain(raw.secret).map(|secret| secret.0),
        public_key: public_key.map_or(Some(None), |path| path.map(Some))?,
        algorithms: algorithms?,
        issuer: plain(raw.issuer).map(|text| text.0),
        audience: plain(raw.audience).map(|text| text.0),
        header: plain(raw.header)?.0,
    })
}

fn algorithms(
    list: At<Vec<At<JwtAlgorithm>>>,
    public: bool,
    secret: bool,
    cx: &mut Context<'_>,
) -> Option<Vec<JwtAlgorithm>> {
    if list.value.is_empty() {
        cx.problem(&list.site, "accepts no algorithm", "name at least one, or leave the key out");
        return None;
    }
    let mut out = Vec::new();
    for At { value, site } in list.value {
        match value {
            JwtAlgorithm::Hs256 if !secret => {
                cx.problem(
                    &site,
                    "needs a `secret`, which is not given",
                    "add `secret`, or remove it",
                );
            }
            JwtAlgorithm::Rs256 | JwtAlgorithm::Es256 | JwtAlgorithm::EdDsa if !public => {
                cx.problem(
                    &site,
                    "needs a public key, which is not given",
                    "add `jwks` or `public_key`, or remove it",
                );
            }
            _ if out.contains(&value) => {
                cx.warn(&site, "is listed twice", "remove one of the two");
            }
            _ => out.push(value),
        }
    }
    Some(out)
}

/// The resolved path of a key file that looks like what it should be.
fn key_file(
    at: &At<FilePath>,
    looks_right: fn(&str) -> bool,
    what: &str,
    cx: &mut Context<'_>,
) -> Option<PathBuf> {
    let path = cx.base_dir.join(&at.value.0);
    let text = read_text(&path, &at.site, MAX_KEY_FILE, cx)?;
    if !looks_right(&text) {
        cx.problem(&at.site, format!("names a file that is not {what}"), format!("name {what}"));
        return None;
    }
    Some(path)
}

fn is_key_set(text: &str) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let keys = value.as_ref().and_then(|value| value.get("keys")?.as_array());
    keys.is_some_and(|keys| !keys.is_empty() && keys.iter().all(|key| key.get("kty").is_some()))
}

fn is_public_pem(text: &str) -> bool {
    // Never a private key: it has no business on the proxy.
    !text.contains("PRIVATE KEY-----")
        && text.contains("PUBLIC KEY-----")
        && text.contains("-----BEGIN ")
        && text.contains("-----END ")
}
