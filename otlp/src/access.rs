//! Who may send.
//!
//! With tokens, every export needs one. Without, the listener is on a loopback address; then a name
//! that is no loopback name is refused, so that no web page reaches it by DNS rebinding. Pages of
//! browsers may not send at all.

use http::HeaderMap;
use http::header::{AUTHORIZATION, ORIGIN};
use stagegate_sealed::{bearer, is_loopback_authority, owner};

/// One sender of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its name.
    pub name: String,
    /// SHA-256 of its token.
    pub hash: [u8; 32],
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    NoToken,
    UnknownToken,
    ForeignHost,
    Page,
}

impl Denied {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NoToken => "this needs a token: send `Authorization: Bearer TOKEN`",
            Self::UnknownToken => "the token is not one of `otlp.tokens`",
            Self::ForeignHost => {
                "no tokens are configured, so only exports to a loopback name are taken: use localhost or 127.0.0.1, or configure otlp.tokens"
            }
            Self::Page => "web pages may not send traces here",
        }
    }

    /// True if a token would help.
    pub(crate) const fn is_unknown(self) -> bool {
        matches!(self, Self::NoToken | Self::UnknownToken)
    }
}

/// Refuses those who may not send. `authority` is the name that was asked for.
pub(crate) fn check(
    senders: &[Sender],
    headers: &HeaderMap,
    authority: Option<&str>,
) -> Result<(), Denied> {
    if headers.contains_key(ORIGIN) {
        return Err(Denied::Page);
    }
    if senders.is_empty() {
        let is_local = authority.is_some_and(is_loopback_authority);
        return if is_local { Ok(()) } else { Err(Denied::ForeignHost) };
    }
    let token = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let token = token.ok_or(Denied::NoToken)?;
    owner(senders, |sender| &sender.hash, token).map(|_| ()).ok_or(Denied::UnknownToken)
}

#[cfg(test)]
mod tests {
    use super::{Denied, Sender, check};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        [(HeaderName::from_static(name), HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn without_tokens_only_loopback_names_are_taken() {
        let none = HeaderMap::new();
        for (authority, wanted) in [
            (Some("localhost:4318"), Ok(())),
            (Some("127.0.0.1:4318"), Ok(())),
            (Some("[::1]:4318"), Ok(())),
            (Some("evil.example:4318"), Err(Denied::ForeignHost)),
            (None, Err(Denied::ForeignHost)),
        ] {
            assert_eq!(check(&[], &none, authority), wanted, "{authority:?}");
        }
        let page = with("origin", "http://localhost");
        assert_eq!(check(&[], &page, Some("localhost")), Err(Denied::Page));
    }

    #[test]
    fn with_tokens_one_of_them_is_needed_and_any_name_will_do() {
        // SHA-256 of `abc`.
        let hash = *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
        let senders = [Sender { name: "a".to_owned(), hash }];
        let ask = |headers: &HeaderMap| check(&senders, headers, Some("gate.example"));
        assert_eq!(ask(&HeaderMap::new()), Err(Denied::NoToken));
        assert_eq!(ask(&with("authorization", "Bearer abd")), Err(Denied::UnknownToken));
        assert_eq!(ask(&with("authorization", "Bearer abc")), Ok(()));
    }
}
