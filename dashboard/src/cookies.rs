//! Pure: the cookies of a session and of a sign-in.

use http::{HeaderMap, HeaderValue, header};

/// A cookie of these pages. Where it comes over TLS its name has a prefix with which no other host, and
/// no page over plain HTTP, can set it.
#[derive(Clone, Copy)]
pub(crate) struct Cookie {
    plain: &'static str,
    secure: &'static str,
    /// If a browser sends it when a page of another site leads here.
    same_site: &'static str,
}

/// The key of a session.
pub(crate) const SESSION: Cookie =
    Cookie { plain: "stagegate_session", secure: "__Host-stagegate_session", same_site: "Strict" };

/// What a browser keeps while it is at the provider, whose page leads back here.
pub(crate) const SIGN_IN: Cookie =
    Cookie { plain: "stagegate_sign_in", secure: "__Host-stagegate_sign_in", same_site: "Lax" };

impl Cookie {
    /// Its value in a request. A listener that speaks TLS takes it by its secure name only.
    pub(crate) fn find(self, headers: &HeaderMap, speaks_tls: bool) -> Option<&str> {
        let plain = || find(headers, self.plain).filter(|_| !speaks_tls);
        find(headers, self.secure).or_else(plain)
    }

    /// The `Set-Cookie` for a browser that speaks TLS or not.
    pub(crate) fn set(self, is_secure: bool, value: &str, life_s: u64) -> String {
        let (name, secure) = if is_secure { (self.secure, "; Secure") } else { (self.plain, "") };
        let same_site = self.same_site;
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={life_s}{secure}")
    }
}

/// Tells by the `Origin` of a form if a browser speaks TLS, for one with a proxy before this listener.
pub(crate) fn from_https(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    origin.is_some_and(|it| it.starts_with(b"https://"))
}

fn find<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{SESSION, SIGN_IN};
    use http::{HeaderMap, HeaderValue};

    fn sent(cookies: &'static str) -> HeaderMap {
        [(http::header::COOKIE, HeaderValue::from_static(cookies))].into_iter().collect()
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let given = sent("a=b; stagegate_session=abc; c=d");
        assert_eq!(SESSION.find(&given, false), Some("abc"));
        assert_eq!(SESSION.find(&given, true), None, "anybody could have set it");
        let both = sent("stagegate_session=a; __Host-stagegate_session=b");
        assert_eq!(SESSION.find(&both, false), Some("b"));
        assert_eq!(SESSION.find(&both, true), Some("b"));
        assert_eq!(SESSION.find(&sent("not_stagegate_session=abc"), false), None);
    }

    #[test]
    fn over_tls_a_cookie_is_for_this_host_alone() {
        let plain = SESSION.set(false, "v", 1);
        assert_eq!(plain, "stagegate_session=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=1");
        let secure = SIGN_IN.set(true, "v", 1);
        assert_eq!(
            secure,
            "__Host-stagegate_sign_in=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=1; Secure"
        );
    }
}
