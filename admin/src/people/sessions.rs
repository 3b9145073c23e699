//! Sessions: in the memory of this process, each by the hash of its key.
//!
//! A session holds what was shown at its begin, and no rights. These are read from the configuration
//! with each request, so a token or a rule that leaves it ends or changes its sessions at once.

use crate::auth::{Caller, Denied, NoRandomness};
use sha2::{Digest, Sha256};
use stagegate_config::{Admin, Oidc, Role, TokenHash};
use stagegate_oidc::Claims;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a session's key begins with; a token begins with `sgt_`.
pub(super) const PREFIX: &str = "sgs_";
/// Longest life of a session.
pub const LIFE: Duration = Duration::from_hours(12);
/// Most sessions at a time; the oldest one makes room.
const MOST: usize = 1000;

/// The open sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, which is no key.
    pub id: String,
    /// What was shown at its begin.
    pub who: Who,
    /// Its beginning in Unix milliseconds.
    pub since_ms: u64,
    begun: Instant,
}

/// What somebody has shown.
#[derive(Clone, Debug)]
pub enum Who {
    /// A token.
    Token {
        /// Its name.
        name: String,
        /// Its hash.
        hash: TokenHash,
    },
    /// Claims of the provider with this issuer.
    Person {
        /// The provider.
        issuer: String,
        /// The claims.
        claims: Claims,
    },
}

impl Session {
    /// Who it is and what they may do, by this configuration.
    ///
    /// # Errors
    /// When the token is gone, or no rule speaks for the person.
    pub fn caller(&self, admin: &Admin) -> Result<Caller, Denied> {
        let caller = match &self.who {
            Who::Token { name, hash } => {
                let same = |it: &&stagegate_config::Token| it.name == *name && it.hash == *hash;
                admin.tokens.iter().find(same).map(Caller::owner).ok_or(Denied::SessionOver)?
            }
            Who::Person { issuer, claims } => {
                let oidc = admin.oidc.as_ref().filter(|it| it.provider.issuer == *issuer);
                person(oidc.ok_or(Denied::SessionOver)?, claims)?
            }
        };
        Ok(Caller { session: Some(self.id.clone()), ..caller })
    }
}

/// The person of these claims.
///
/// # Errors
/// When no rule speaks for them.
pub(super) fn person(oidc: &Oidc, claims: &Claims) -> Result<Caller, Denied> {
    let rules: Vec<_> =
        oidc.roles.iter().filter(|rule| claims.has(&rule.claim, &rule.value)).collect();
    if rules.is_empty() {
        return Err(Denied::NoRule);
    }
    // The subject is the one claim that every provider gives.
    let actor = claims.text(&oidc.name).or_else(|| claims.text("sub")).ok_or(Denied::NoRule)?;
    let for_all = rules.iter().filter(|it| it.workloads.is_empty()).map(|it| it.role).max();
    let mut caller = Caller::of(actor, for_all.unwrap_or(Role::Viewer));
    for rule in rules {
        for workload in &rule.workloads {
            let role = caller.workloads.entry(workload.clone()).or_insert(rule.role);
            *role = rule.role.max(*role);
        }
    }
    Ok(caller)
}

impl Sessions {
    /// Begins a session; returns its key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn begin(&self, who: Who, now_ms: u64) -> Result<(String, Session), NoRandomness> {
        let key = format!("{PREFIX}{}", random::<32>()?);
        let session = Session { id: random::<8>()?, who, since_ms: now_ms, begun: Instant::now() };
        let mut open = self.lock();
        open.retain(|_, it| it.begun.elapsed() < LIFE);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, it)| it.begun).map(|(key, _)| *key);
            oldest.and_then(|key| open.remove(&key));
        }
        open.insert(hash(key.as_bytes()), session.clone());
        Ok((key, session))
    }

    /// The caller who shows this key.
    ///
    /// # Errors
    /// When the session is over.
    pub fn caller(&self, key: &[u8], admin: &Admin) -> Result<Caller, Denied> {
        let open = self.lock();
        let session = open.get(&hash(key)).filter(|it| it.begun.elapsed() < LIFE);
        session.ok_or(Denied::SessionOver)?.caller(admin)
    }

    /// Every open session, newest first.
    pub fn all(&self) -> Vec<Session> {
        let mut all: Vec<Session> =
            self.lock().values().filter(|it| it.begun.elapsed() < LIFE).cloned().collect();
        all.sort_by_key(|it| std::cmp::Reverse((it.since_ms, it.id.clone())));
        all
    }

    /// Ends a session by its id.
    pub fn end(&self, id: &str) {
        self.lock().retain(|_, it| it.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sessions are found by the hash of their key, so a look-up's time says nothing about others.
pub(super) fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Random bytes in hex.
pub(super) fn random<const BYTES: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness::of(&error))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Sessions, Who, person};
    use crate::auth::Denied;
    use serde_json::{Value, json};
    use stagegate_config::settings::Provider;
    use stagegate_config::{Admin, Oidc, OidcRole, Ready, Role, Token, TokenHash};
    use stagegate_oidc::Claims;
    use std::collections::BTreeMap;

    fn oidc() -> Oidc {
        let rule = |claim: &str, value: &str, role, workloads: &[&str]| OidcRole {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role,
            workloads: workloads.iter().map(|it| it.parse().unwrap()).collect(),
        };
        Oidc {
            provider: Provider {
                issuer: "https://id.test".to_owned(),
                client_id: "c".to_owned(),
                client_secret: None,
                redirect: "https://ops.test/sign-in/callback".to_owned(),
                scopes: Vec::new(),
                ca: Vec::new(),
            },
            name: "email".to_owned(),
            roles: vec![
                rule("groups", "staff", Role::Viewer, &[]),
                rule("groups", "sre", Role::Operator, &[]),
                rule("groups", "agents", Role::Admin, &["agent"]),
            ],
        }
    }

    fn admin(tokens: Vec<Token>, oidc: Option<Oidc>) -> Admin {
        let address = "127.0.0.1:0".parse().unwrap();
        Admin { address, public_url: None, tokens, tls: None, oidc, ready: Ready::All }
    }

    fn claims(value: Value) -> Claims {
        match value {
            Value::Object(claims) => Claims(claims),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn the_highest_rule_counts_and_nobody_is_let_in_without_one() {
        let who = |groups: &[&str]| {
            person(&oidc(), &claims(json!({ "email": "ann@test", "groups": groups })))
        };
        let ann = who(&["staff", "sre"]).unwrap();
        assert_eq!((ann.actor.as_str(), ann.role), ("ann@test", Role::Operator));
        let agents = who(&["agents"]).unwrap();
        assert_eq!(agents.role, Role::Viewer, "of others they read");
        assert_eq!(agents.role_for(Some("agent")), Role::Admin);
        assert_eq!(who(&["sales"]), Err(Denied::NoRule));
        let nameless = person(&oidc(), &claims(json!({ "groups": ["sre"] })));
        assert_eq!(nameless, Err(Denied::NoRule));
        let subject = person(&oidc(), &claims(json!({ "sub": "7", "groups": ["sre"] })));
        assert_eq!(subject.unwrap().actor, "7");
    }

    #[test]
    fn a_session_lasts_as_long_as_what_it_rests_on() {
        let hash = TokenHash::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
        let token = Token {
            name: "ann".to_owned(),
            role: Role::Operator,
            workloads: BTreeMap::new(),
            hash: hash.clone(),
        };
        let with = admin(vec![token.clone()], Some(oidc()));
        let sessions = Sessions::default();
        let (key, session) =
            sessions.begin(Who::Token { name: "ann".to_owned(), hash }, 1).unwrap();
        assert_eq!(sessions.caller(key.as_bytes(), &with).unwrap().role, Role::Operator);
        assert_eq!(sessions.caller(b"sgs_guessed", &with), Err(Denied::SessionOver));
        let lower = admin(vec![Token { role: Role::Viewer, ..token }], None);
        assert_eq!(sessions.caller(key.as_bytes(), &lower).unwrap().role, Role::Viewer);
        let none = admin(Vec::new(), Some(oidc()));
        assert_eq!(sessions.caller(key.as_bytes(), &none), Err(Denied::SessionOver));

        let claims = claims(json!({ "email": "bob@test", "groups": ["sre"] }));
        let who = Who::Person { issuer: "https://id.test".to_owned(), claims };
        let (person, _) = sessions.begin(who, 2).unwrap();
        assert_eq!(sessions.caller(person.as_bytes(), &with).unwrap().actor, "bob@test");
        assert_eq!(sessions.caller(person.as_bytes(), &lower), Err(Denied::SessionOver));
        assert_eq!(sessions.all().len(), 2);
        sessions.end(&session.id);
        assert_eq!(sessions.caller(key.as_bytes(), &with), Err(Denied::SessionOver));
    }
}
