//! The admin listener: who may use it, and how they show who they are.

use super::tls;
use crate::raw::{RawAdmin, RawOidc, RawOidcRole, RawToken};
use crate::read::{At, Context, Map, Site, plain};
use crate::{Admin, Oidc, OidcRole, Role, Token};
use stagegate_rollout::WorkloadName;
use stagegate_settings::Provider;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

/// The workloads of the file; none where they are wrong, and then names are not compared.
type Declared<'a> = Option<&'a BTreeSet<WorkloadName>>;

/// Below the address of the dashboard: where a provider sends browsers back to.
const CALLBACK: &str = "/sign-in/callback";

pub(crate) fn admin(raw: RawAdmin, declared: Declared<'_>, cx: &mut Context<'_>) -> Option<Admin> {
    let tls = match raw.tls {
        Some(at) => tls::listener(at, cx).map(Some),
        None => Some(None),
    };
    let oidc = match raw.oidc {
        Some(at) => oidc(at, declared, cx).map(Some),
        None => Some(None),
    };
    let (raw_tokens, address) = (raw.tokens?, raw.address?);
    // An `oidc` that is wrong was meant to be there.
    if raw_tokens.value.is_empty() && matches!(oidc, Some(None)) {
        nobody_asked(&address, &raw_tokens.site, cx);
    }
    let tokens = tokens(raw_tokens.value, declared, cx);
    Some(Admin {
        address: address.value,
        public_url: plain(raw.public_url).map(String::from),
        tokens: tokens?,
        tls: tls?,
        oidc: oidc?,
        ready: plain(raw.ready)?,
    })
}

/// Nobody has to say who they are.
fn nobody_asked(address: &At<SocketAddr>, tokens: &Site, cx: &mut Context<'_>) {
    if address.value.ip().is_loopback() {
        cx.warn(
            tokens,
            "is empty: everyone on this machine may change the workloads",
            "make a token with `stagegate token new`",
        );
    } else {
        cx.problem(
            &address.site,
            "is reachable from other machines, and there are no tokens",
            "add `tokens` (see `stagegate token new`), or use a loopback address like `127.0.0.1:9900`",
        );
    }
}

fn tokens(
    raw: Vec<At<RawToken>>,
    declared: Declared<'_>,
    cx: &mut Context<'_>,
) -> Option<Vec<Token>> {
    let mut names = HashMap::new();
    let mut hashes: Vec<&[u8; 32]> = Vec::new();
    for token in &raw {
        if let Some(name) = &token.value.name
            && let Some(line) = names.insert(name.value.0.as_str(), name.site.mark.line)
        {
            let message = format!("is already the name of the token in line {line}");
            cx.problem(
                &name.site,
                message,
                "give every token its own name: it is the actor of the audit",
            );
        }
        if let Some(hash) = &token.value.hash {
            if hashes.contains(&hash.value.as_bytes()) {
                cx.problem(
                    &hash.site,
                    "is the hash of another token too",
                    "make another token with `stagegate token new`",
                );
            }
            hashes.push(hash.value.as_bytes());
        }
    }
    let tokens = raw.into_iter().map(|At { value: token, .. }| {
        let workloads = roles(token.workloads, token.role.as_ref(), declared, cx);
        Some(Token {
            name: plain(token.name)?.0,
            role: plain(token.role)?,
            workloads: workloads?,
            hash: plain(token.hash)?,
        })
    });
    let all: Vec<_> = tokens.collect();
    all.into_iter().collect()
}

/// The roles for some workloads. One that is no more than the role for all would say something that is
/// not so.
fn roles(
    raw: Option<At<Map<WorkloadName, Role>>>,
    role: Option<&At<Role>>,
    declared: Declared<'_>,
    cx: &mut Context<'_>,
) -> Option<BTreeMap<WorkloadName, Role>> {
    let raw = raw?.value;
    for (name, more) in &raw.0 {
        check_declared(name, declared, cx);
        if let Some(role) = role.filter(|role| role.value >= more.value) {
            let message = format!("is not more than `{}`, the role for all", role.value.label());
            cx.problem(&more.site, message, "remove it, or lower `role`");
        }
    }
    Some(raw.0.into_iter().map(|(name, role)| (name.value, role.value)).collect())
}

fn check_declared(name: &At<WorkloadName>, declared: Declared<'_>, cx: &mut Context<'_>) {
    if let Some(declared) = declared.filter(|declared| !declared.contains(&name.value)) {
        let known: Vec<&str> = declared.iter().map(WorkloadName::as_str).collect();
        let hint = format!("write one of: {}", known.join(", "));
        cx.problem(&name.site, "is not among the workloads of this file", hint);
    }
}

fn oidc(at: At<RawOidc>, declared: Declared<'_>, cx: &mut Context<'_>) -> Option<Oidc> {
    let raw = at.value;
    let ca = match &raw.ca {
        Some(path) => tls::authorities(path, cx),
        None => Some(Vec::new()),
    };
    for url in [&raw.issuer, &raw.url].into_iter().flatten() {
        if url.value.0.starts_with("http://") && !is_here(&url.value.0) {
            cx.warn(
                &url.site,
                "is not https: whoever is between can sign in as anybody",
                "use an `https://` address",
            );
        }
    }
    let rules = plain(raw.roles).and_then(|rules| {
        let all: Vec<_> = rules.0.into_iter().map(|rule| self::rule(rule, declared, cx)).collect();
        all.into_iter().collect::<Option<Vec<_>>>()
    });
    let mut scopes: Vec<String> = raw.scopes?.value.into_iter().map(|at| at.value.0).collect();
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    let url = plain(raw.url)?.0;
    let provider = Provider {
        issuer: plain(raw.issuer)?.0,
        client_id: plain(raw.client_id)?.0,
        client_secret: raw.client_secret.map(|at| at.value.0),
        redirect: format!("{}{CALLBACK}", url.trim_end_matches('/')),
        scopes,
        ca: ca?,
    };
    Some(Oidc { provider, name: plain(raw.name)?.0, roles: rules? })
}

fn rule(at: At<RawOidcRole>, declared: Declared<'_>, cx: &mut Context<'_>) -> Option<OidcRole> {
    let raw = at.value;
    let workloads = raw.workloads?.value;
    workloads.iter().for_each(|name| check_declared(name, declared, cx));
    Some(OidcRole {
        claim: plain(raw.claim)?.0,
        value: plain(raw.value)?.0,
        role: plain(raw.role)?,
        workloads: workloads.into_iter().map(|at| at.value).collect(),
    })
}

/// Returns true for an address of this machine.
fn is_here(url: &str) -> bool {
    let authority = url.split("://").nth(1).unwrap_or_default();
    let host = authority.split(['/', ':']).next().unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1") || authority.starts_with("[::1]")
}
