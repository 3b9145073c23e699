//! Identity of a request: tenant, user and conversation from the sources that a workload names.

mod form;
mod ids;
mod json;
mod jwt;
mod percent;
mod reading;
mod screen;

pub use jwt::{Jwt, JwtError, JwtFiles};

pub(crate) use ids::{BodyScan, IdRules, Learner, Uses, issued_in_head};
#[cfg(feature = "fuzz")]
pub(crate) use json::string_at;
pub(crate) use jwt::{JwtCache, Moment};
pub(crate) use screen::{Claims, screen};

use crate::http1::RequestHead;
use crate::spelling;
use crate::tls::Names;
use percent::percent_decoded;
use reading::{Reading, plain};
use stagegate_settings::{Identity as Sources, Source};

/// The sources of a workload's identities; the first source that has one wins.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) sources: &'a Sources,
    /// The verification of bearer tokens; without it no token is an identity.
    pub(crate) jwt: Option<&'a Jwt>,
}

/// The body of a request, for whoever looks for an identity in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    /// There is none.
    None,
    /// It was not read.
    Unread,
    /// It cannot be looked into: no JSON, compressed, or too large.
    Sealed,
    /// All of a JSON document.
    Whole(&'a [u8]),
    /// All of a form (`application/x-www-form-urlencoded`).
    Form(&'a [u8]),
}

/// The identities found in one request.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) tenant: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) conversation: Option<String>,
    /// The body was not read and might say something else.
    pub(crate) needs_body: bool,
    /// Tenant or user is not known, and a place for it has something that cannot be read or is not
    /// believed.
    pub(crate) unreadable: bool,
}

impl Identity<'_> {
    /// Identities in head and body. Sources are asked in order; where a body that was not read would
    /// have been asked, [`Found::needs_body`] says so.
    pub(crate) fn find(
        &self,
        head: &[u8],
        request: &RequestHead,
        body: Body<'_>,
        certificate: Option<&Names>,
        tokens: &mut JwtCache,
        now: Moment,
    ) -> Found {
        let (mut claims, mut needs_body, mut unreadable) = (None, false, false);
        let mut read = |source: &Source| match source {
            Source::Header(name) => request.field(head, name).map_or(Reading::Nothing, plain),
            Source::Cookie(name) => cookie(head, request, name),
            // People count from one.
            Source::PathSegment(n) => segment(request.target(head), n.saturating_sub(1)),
            Source::Certificate(name) => certificate
                .and_then(|names| names.first(*name))
                .map_or(Reading::Nothing, |name| Reading::of(name.to_owned())),
            Source::Body(pointer) => match body {
                Body::None => Reading::Nothing,
                Body::Unread => {
                    needs_body = true;
                    Reading::Nothing
                }
                Body::Sealed => Reading::Unreadable,
                Body::Whole(body) => json::read_at(body, pointer),
                Body::Form(body) => form::read_at(body, pointer),
            },
            Source::Jwt(claim) => {
                let Some(jwt) = self.jwt else { return Reading::Nothing };
                let Some(header) = request.field(head, jwt.header()) else {
                    return Reading::Nothing;
                };
                let claims = claims.get_or_insert_with(|| tokens.claims(jwt, header, now));
                let Some(claims) = claims.as_ref() else { return Reading::Unreadable };
                claims.get(claim.as_str()).cloned().map_or(Reading::Nothing, Reading::of)
            }
        };
        let mut ask = |sources: &[Source], matters: bool| {
            let mut unread = false;
            for source in sources {
                match read(source) {
                    Reading::Id(id) => return Some(id),
                    Reading::Unreadable => unread = true,
                    Reading::Nothing => {}
                }
            }
            unreadable |= unread && matters;
            None
        };
        let Sources { tenant, user, conversation, .. } = self.sources;
        let (tenant, user) = (ask(tenant, true), ask(user, true));
        let conversation = ask(conversation, false);
        Found { tenant, user, conversation, needs_body, unreadable }
    }
}

/// The cookie of this name. Backends differ in which of two they take.
fn cookie(head: &[u8], request: &RequestHead, name: &str) -> Reading {
    let all = request
        .fields
        .iter()
        .filter(|field| !field.nominated && field.name(head).eq_ignore_ascii_case(b"cookie"));
    let pairs = all.flat_map(|field| field.value(head).split(|&b| b == b';'));
    let mut values = pairs.filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
    });
    let Some(value) = values.next() else { return Reading::Nothing };
    if values.any(|other| other != value) {
        return Reading::Unreadable;
    }
    let Ok(text) = std::str::from_utf8(value) else { return Reading::Unreadable };
    Reading::of(text.trim_matches('"').to_owned())
}

/// A segment of the path in the form by which requests are routed. Where another server may read
/// another one there, it is not known whom the backend sees.
fn segment(target: &str, n: usize) -> Reading {
    let raw = target.split('?').next().unwrap_or("");
    let read = |path: &str| {
        let text = path.split('/').filter(|part| !part.is_empty()).nth(n)?;
        Some(percent_decoded(text).map(std::borrow::Cow::into_owned))
    };
    let found = read(&spelling::path(raw));
    // Readings are in lower case.
    let lower = |text: Option<Option<String>>| text.map(|it| it.map(|it| it.to_lowercase()));
    let shown = lower(found.clone());
    if spelling::readings(raw, 0).iter().any(|other| lower(read(other)) != shown) {
        return Reading::Unreadable;
    }
    match found {
        None => Reading::Nothing,
        Some(None) => Reading::Unreadable,
        Some(Some(text)) => Reading::of(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reading, segment};

    #[test]
    fn a_segment_is_read_as_the_path_is_routed() {
        for (target, expected) in [
            ("/t/Acme/chat?x=/t/no", "Acme"),
            ("//t//Acme/chat", "Acme"),
            ("/./t/Acme", "Acme"),
            ("/t/%41cme/chat", "Acme"),
            ("/t/%C3%A9%20x", "é x"),
        ] {
            assert!(matches!(segment(target, 1), Reading::Id(id) if id == expected), "{target}");
        }
        assert!(matches!(segment("/t", 1), Reading::Nothing));
        assert!(matches!(segment("/", 1), Reading::Nothing));
        // Some servers see somebody else there.
        for target in [
            "/t/acme/../medco",
            "/t/medco/..",
            "/t/acme%2fmedco",
            "/t%2facme/medco",
            "/t/acme;x=medco",
            "/t/acme%00medco",
            "/t\\acme/medco",
            "/t/%2561cme",
        ] {
            assert!(matches!(segment(target, 1), Reading::Unreadable), "{target}");
        }
    }
}
