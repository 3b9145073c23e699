//! Who asks: tenant, user and conversation from the places a workload names.

mod json;
mod jwt;
mod learn;

pub use jwt::{Jwt, JwtError, JwtFiles};

#[cfg(feature = "fuzz")]
pub(crate) use json::string_at;
pub(crate) use jwt::{JwtCache, Moment};
pub(crate) use learn::{Learner, learns_from};

use crate::http1::RequestHead;
use crate::tls::Names;
use stagegate_settings::{Identity as Sources, Source};
use std::borrow::Cow;

/// Longest identity in bytes; a longer one is no identity.
const MAX_ID: usize = 256;

/// Where a workload's identities come from; the first place that has one wins.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) sources: &'a Sources,
    /// How bearer tokens are verified; without it no token is an identity.
    pub(crate) jwt: Option<&'a Jwt>,
}

/// What one request's identities came out as.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) tenant: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) conversation: Option<String>,
    /// The body was not read and might say something else.
    pub(crate) needs_body: bool,
}

impl Identity<'_> {
    /// Identities in head and, if it was read, body. Sources are asked in order; where a body that
    /// was not read would have been asked, [`Found::needs_body`] says so.
    pub(crate) fn find(
        &self,
        head: &[u8],
        request: &RequestHead,
        body: Option<&[u8]>,
        certificate: Option<&Names>,
        tokens: &mut JwtCache,
        now: Moment,
    ) -> Found {
        let (mut claims, mut needs_body) = (None, false);
        let mut ask = |sources: &[Source]| {
            sources.iter().find_map(|source| match source {
                Source::Header(name) => plain(request.field(head, name)?),
                Source::Cookie(name) => cookie(head, request, name),
                // People count from one.
                Source::PathSegment(n) => segment(request.target(head), n.saturating_sub(1)),
                Source::Certificate(name) => {
                    certificate?.first(*name).map(str::to_owned).and_then(checked)
                }
                Source::Body(pointer) => {
                    needs_body |= body.is_none();
                    json::string_at(body?, pointer).and_then(checked)
                }
                Source::Jwt(claim) => {
                    let jwt = self.jwt?;
                    let claims = claims.get_or_insert_with(|| {
                        let header = request.field(head, jwt.header())?;
                        tokens.claims(jwt, header, now)
                    });
                    claims.as_ref()?.get(claim.as_str()).cloned().and_then(checked)
                }
            })
        };
        let Sources { tenant, user, conversation, learned, .. } = self.sources;
        let (tenant, user, conversation) = (ask(tenant), ask(user), ask(conversation));
        let issued =
            || learned.then(|| learn::issued_id(head, request, body)).flatten().and_then(checked);
        let conversation = conversation.or_else(issued);
        needs_body |= *learned && conversation.is_none() && body.is_none();
        Found { tenant, user, conversation, needs_body }
    }
}

fn plain(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(str::trim).map(str::to_owned).and_then(checked)
}

fn checked(id: String) -> Option<String> {
    let well_formed = !id.is_empty() && id.len() <= MAX_ID && !id.chars().any(char::is_control);
    well_formed.then_some(id)
}

fn cookie(head: &[u8], request: &RequestHead, name: &str) -> Option<String> {
    let all =
        request.fields.iter().filter(|field| field.name(head).eq_ignore_ascii_case(b"cookie"));
    all.flat_map(|field| field.value(head).split(|&b| b == b';')).find_map(|pair| {
        let (key, value) = std::str::from_utf8(pair).ok()?.trim().split_once('=')?;
        (key == name).then(|| value.trim_matches('"').to_owned()).and_then(checked)
    })
}

fn segment(target: &str, n: usize) -> Option<String> {
    let path = target.split('?').next()?;
    let text = path.split('/').filter(|part| !part.is_empty()).nth(n)?;
    checked(percent_decoded(text)?.into_owned())
}

fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |at: usize| (*rest.get(at)? as char).to_digit(16);
        bytes.push((digit(0)? * 16 + digit(1)?) as u8);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
