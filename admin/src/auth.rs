//! Authentication and authorization.
//!
//! Roles: `viewer` reads (every `GET`, the dry run `POST /v1/explain`, replays of gates), `operator`
//! also changes and reloads, `admin` may do everything: forcing a promotion against its verdict needs
//! it. The table of the routes (`api/routes.rs`) says which role each of them needs. A caller may have
//! a higher role for some workloads: it counts for the routes below `/v1/workloads/{workload}`.
//!
//! A person's session ([`crate::people`]) is a caller too, with what its token or its provider's
//! claims permit at the time of the request.
//!
//! Open to everyone: `/livez`, `/readyz` and `/readyz/{workload}` (a probe has no token),
//! `/openapi.json` and `/docs` (they describe the program, not this installation). `/metrics` needs `viewer`: it names
//! workloads, releases and endpoints. No path is opened by the caller's address, because behind a
//! reverse proxy everyone comes from loopback.
//!
//! Without any token the listener must be on a loopback address, and everyone who reaches it acts
//! as `local` with every right. A web page the user has open could reach it too, so then the
//! `Host` must be a loopback name (DNS rebinding), an `Origin`, if there is one, must be this API
//! itself with its port, and a browser's change must be one that it asked for first.

use sha2::{Digest, Sha256};
use stagegate_config::{Role, Token};
use stagegate_rollout::WorkloadName;
use stagegate_sealed::{bearer, is_loopback_authority, owner};
use std::collections::BTreeMap;

/// The actor of every request while no token is configured.
pub const LOCAL_ACTOR: &str = "local";

/// The authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name changes are recorded under.
    pub actor: String,
    /// The caller's role for every workload, and for what belongs to none.
    pub role: Role,
    /// The workloads for which the caller may do more.
    pub workloads: BTreeMap<WorkloadName, Role>,
    /// The session that the caller has, if it is one.
    pub session: Option<String>,
}

impl Caller {
    /// Whoever asks while no token is configured.
    #[must_use]
    pub fn local() -> Self {
        Self::of(LOCAL_ACTOR, Role::Admin)
    }

    /// A caller with one role for everything.
    #[must_use]
    pub fn of(actor: &str, role: Role) -> Self {
        Self { actor: actor.to_owned(), role, workloads: BTreeMap::new(), session: None }
    }

    /// The owner of a token.
    pub(crate) fn owner(token: &Token) -> Self {
        Self { workloads: token.workloads.clone(), ..Self::of(&token.name, token.role) }
    }

    /// The role for a workload; for what belongs to none without one.
    #[must_use]
    pub fn role_for(&self, workload: Option<&str>) -> Role {
        let of = |name: &str| self.workloads.iter().find(|(it, _)| it.as_str() == name);
        let more = workload.and_then(of).map_or(self.role, |(_, role)| *role);
        more.max(self.role)
    }
}

/// The reason why a request is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No `Authorization` header.
    #[error("this needs a token: send `Authorization: Bearer sgt_…`")]
    NoToken,
    /// Not `Bearer <token>`.
    #[error("the Authorization header is not `Bearer <token>`")]
    Malformed,
    /// An unknown token.
    #[error("the token is not one of the configured ones")]
    UnknownToken,
    /// The token is good for less.
    #[error("the token's role is `{has}`; this needs `{needs}`")]
    Role {
        /// The role of the token.
        has: &'static str,
        /// The role that is needed.
        needs: &'static str,
    },
    /// A session that ended, or whose token or provider left the configuration.
    #[error("the session is over: sign in again")]
    SessionOver,
    /// A person for whom no rule speaks.
    #[error("no rule of `admin.oidc.roles` is for this person")]
    NoRule,
    /// A name that is not this machine's, while no token protects the listener.
    #[error(
        "no token is configured, so only requests to a loopback name are answered: use localhost or 127.0.0.1, or configure admin.tokens"
    )]
    ForeignHost,
    /// A web page of another site, while no token protects the listener.
    #[error(
        "no token is configured, so requests that a web page of another site may have sent are refused: send `Content-Type: application/json` or the header `x-stagegate: 1`, and no foreign `Origin`"
    )]
    ForeignOrigin,
}

impl Denied {
    /// Returns true if another token could help (401), false if not (403).
    #[must_use]
    pub const fn is_unauthenticated(self) -> bool {
        matches!(self, Self::NoToken | Self::Malformed | Self::UnknownToken | Self::SessionOver)
    }
}

/// The caller a bearer token belongs to.
///
/// # Errors
/// When the header is absent or malformed, or the token is unknown.
pub fn authenticate(tokens: &[Token], authorization: Option<&[u8]>) -> Result<Caller, Denied> {
    let header = authorization.ok_or(Denied::NoToken)?;
    let text = bearer(header).ok_or(Denied::Malformed)?;
    authenticate_key(tokens, text)
}

/// The owner of the token `key`.
///
/// # Errors
/// [`Denied::UnknownToken`] when it is none of `tokens`.
pub fn authenticate_key(tokens: &[Token], key: &[u8]) -> Result<Caller, Denied> {
    let token = owner(tokens, |token| token.hash.as_bytes(), key).ok_or(Denied::UnknownToken)?;
    Ok(Caller::owner(token))
}

/// Succeeds if the caller's role is at least `needed`, for this workload if one is concerned.
///
/// # Errors
/// [`Denied::Role`] when it does not.
pub fn authorize(caller: &Caller, needed: Role, workload: Option<&str>) -> Result<(), Denied> {
    let role = caller.role_for(workload);
    if role >= needed {
        return Ok(());
    }
    Err(Denied::Role { has: role.label(), needs: needed.label() })
}

/// The parts of a request that tell a page of another site from a person's own programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// `Host`.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether it may change something.
    pub is_change: bool,
    /// Whether it looks as if a browser sent it.
    pub by_a_browser: bool,
    /// Whether it has a header or a content type that no page can send to another site without
    /// asking first (a preflight, which is never granted).
    pub asked_first: bool,
}

/// The caller of a listener without tokens: `local`, if the request was meant for this machine.
///
/// # Errors
/// When host or origin name another place, or a page of another site may have sent it.
pub fn local(asked: &Asked<'_>) -> Result<Caller, Denied> {
    let Some(host) = asked.host.filter(|host| is_loopback_authority(host)) else {
        return Err(Denied::ForeignHost);
    };
    let scheme = if asked.is_secure { "https://" } else { "http://" };
    let is_own = |origin: &str| {
        let authority = origin.strip_prefix(scheme).unwrap_or_default();
        authority.eq_ignore_ascii_case(host)
    };
    let from_elsewhere = asked.origin.is_some_and(|origin| !is_own(origin))
        || asked.fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
        || (asked.is_change && asked.by_a_browser && !asked.asked_first);
    if from_elsewhere {
        return Err(Denied::ForeignOrigin);
    }
    Ok(Caller::local())
}

/// A token that was just made. Its text is shown once; the configuration holds only the hash.
#[derive(Clone)]
pub struct NewToken {
    /// The token itself: `sgt_` and 64 hex digits (256 random bits).
    pub text: String,
    /// `sha256:` and the hash of `text` in hex, as the configuration wants it.
    pub hash: String,
    /// The line to put under `admin.tokens`.
    pub config_line: String,
}

/// The token itself is not shown.
impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("config_line", &self.config_line).finish_non_exhaustive()
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandomness(String);

impl NoRandomness {
    pub(crate) fn of(error: &getrandom::Error) -> Self {
        Self(error.to_string())
    }
}

/// Makes a token for `name`.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_token(name: &str, role: Role) -> Result<NewToken, NoRandomness> {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret).map_err(|error| NoRandomness::of(&error))?;
    let text = format!("sgt_{}", hex::encode(secret));
    let hash = format!("sha256:{}", hex::encode(Sha256::digest(&text)));
    let role = role.label();
    let config_line = format!("- {{ name: {name}, role: {role}, hash: \"{hash}\" }}");
    Ok(NewToken { text, hash, config_line })
}

#[cfg(test)]
mod tests {
    use super::{Asked, Caller, Denied, authorize, local};
    use stagegate_config::Role;

    fn with(host: Option<&str>, origin: Option<&str>) -> Result<(), Denied> {
        local(&Asked { host, origin, ..Asked::default() }).map(|_| ())
    }

    #[test]
    fn a_role_for_a_workload_counts_for_it_alone() {
        let mut caller = Caller::of("ann", Role::Viewer);
        let agent = "agent".parse().expect("a name");
        caller.workloads.insert(agent, Role::Operator);
        let may = |needed, workload| authorize(&caller, needed, workload).is_ok();
        assert!(may(Role::Operator, Some("agent")) && !may(Role::Admin, Some("agent")));
        assert!(!may(Role::Operator, Some("other")) && !may(Role::Operator, None));
        assert!(may(Role::Viewer, Some("other")) && may(Role::Viewer, None));
    }

    #[test]
    fn a_page_of_another_site_may_not_use_the_open_listener() {
        assert_eq!(with(Some("evil.test"), None), Err(Denied::ForeignHost));
        assert_eq!(with(None, None), Err(Denied::ForeignHost));
        for origin in [
            "https://evil.test",
            "null",
            "http://localhost:3000",
            "http://evil.localhost:9900",
            "http://localhost",
            "https://localhost:9900",
        ] {
            let from_page = with(Some("localhost:9900"), Some(origin));
            assert_eq!(from_page, Err(Denied::ForeignOrigin), "{origin}");
        }
        assert_eq!(with(Some("localhost:9900"), Some("http://localhost:9900")), Ok(()));
        assert_eq!(with(Some("127.0.0.1:9900"), None), Ok(()));
        let secure = |origin| {
            let host = Some("localhost:9900");
            local(&Asked { host, origin: Some(origin), is_secure: true, ..Asked::default() })
        };
        assert!(secure("https://localhost:9900").is_ok());
        assert_eq!(secure("http://localhost:9900"), Err(Denied::ForeignOrigin));
    }

    #[test]
    fn a_browser_asks_first_before_it_changes_anything() {
        let form = Asked {
            host: Some("127.0.0.1:9900"),
            is_change: true,
            by_a_browser: true,
            ..Asked::default()
        };
        assert_eq!(local(&form), Err(Denied::ForeignOrigin));
        assert!(local(&Asked { asked_first: true, ..form }).is_ok());
        assert!(local(&Asked { by_a_browser: false, ..form }).is_ok(), "curl without a body");
        for site in ["cross-site", "same-site"] {
            let asked = Asked { fetch_site: Some(site), asked_first: true, ..form };
            assert_eq!(local(&asked), Err(Denied::ForeignOrigin), "{site}");
        }
        let own = Asked { fetch_site: Some("same-origin"), asked_first: true, ..form };
        assert!(local(&own).is_ok());
    }
}
