//! The top of the file.

use super::policy::Policies;
use super::{
    admin, eval, flags, fleet, matching, metric_source, notify, otlp, tls, tracing, workload,
};
use crate::raw::{RawConfig, RawEnvironment, RawListener, RawWorkload};
use crate::read::{At, Context, Map, NonEmpty, plain};
use crate::scalar::Workers;
use crate::{Admin, Config, Environment, Workload, Written};
use ipnet::IpNet;
use stagegate_rollout::WorkloadName;
use stagegate_settings::{Clients, ListenAddress, Listener};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Checks everything.
pub(crate) fn config(raw: RawConfig, cx: &mut Context<'_>) -> Option<Config> {
    let declared = raw.workloads.as_ref().map(|at| names(&at.value));
    let admin = plain(raw.admin).and_then(|raw| admin::admin(raw, declared.as_ref(), cx));
    let flags_address = raw.flags.as_ref().and_then(|at| at.value.listen.clone());
    let otlp_address = raw.otlp.as_ref().and_then(|at| at.value.listen.clone());
    let grpc_address = raw.flags.as_ref().and_then(|at| at.value.grpc.clone());
    let others = [
        (flags_address, "the address of the flags"),
        (grpc_address, "the address of the flags over gRPC"),
        (otlp_address, "the address for OTLP"),
    ];
    check_addresses(&raw.listeners, admin.as_ref(), others, cx);
    // What could not be read might have been somebody.
    let trusts_anyone = raw.trusted_proxies.as_ref().is_none_or(|at| !at.value.is_empty());
    cx.has_trusted_proxies = trusts_anyone;
    let listeners = listeners(raw.listeners, trusts_anyone, cx);
    let trusted_proxies = raw.trusted_proxies.as_ref().map(|at| trusted(&at.value, cx));
    let eval = plain(raw.eval).and_then(|raw| eval::limits(raw, cx));
    let notify = notify::channels(raw.notify, declared.as_ref(), cx);
    let metric_sources = metric_source::metric_sources(raw.metric_sources, cx);
    let tracing = match raw.tracing {
        Some(at) => tracing::tracing(at, cx).map(Some),
        None => Some(None),
    };
    cx.has_flags = raw.flags.is_some();
    let exported = tracing.as_ref().and_then(Option::as_ref);
    let otlp = match raw.otlp {
        Some(at) => otlp::otlp(at, exported, cx).map(Some),
        None => Some(None),
    };
    let flags = match raw.flags {
        Some(at) => flags::flags(at, cx).map(Some),
        None => Some(None),
    };
    let fleet = match raw.fleet {
        Some(at) => fleet::fleet(at, cx).map(Some),
        None => Some(None),
    };
    let mut policies = Policies::new(raw.policies, cx);
    let workloads = workloads(raw.workloads, &mut policies, cx);
    let (policies, readiness) = policies.finish(cx).unzip();
    let data_dir = plain(raw.data_dir).map(|path| cx.base_dir.join(path.0));
    let workers = raw.workers.map(|at| match at.value {
        Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
        Workers::Count(count) => count,
    });
    let environment = match raw.environment {
        Some(at) => environment(at.value, cx).map(Some),
        None => Some(None),
    };
    let mut files = std::mem::take(&mut cx.files);
    files.sort_unstable();
    files.dedup();
    Some(Config {
        files,
        written: Written::default(),
        listeners: listeners?,
        admin: admin?,
        data_dir: data_dir?,
        clients: Clients {
            limits: plain(raw.limits)?,
            trusted_proxies: trusted_proxies?,
            forwarded: plain(raw.forwarded)?,
            path: plain(raw.path)?,
        },
        workers: workers?,
        drain_timeout: plain(raw.drain_timeout)?.0,
        decision_log: plain(raw.decision_log)?,
        measurements: plain(raw.measurements)?,
        resolve_every: plain(raw.resolve_every)?.0,
        eval: eval?,
        notify: notify?,
        metric_sources: metric_sources?,
        tracing: tracing?,
        otlp: otlp?,
        flags: flags?,
        fleet: fleet?,
        environment: environment?,
        workloads: workloads?,
        policies: policies?,
        readiness: readiness?,
    })
}

fn environment(raw: RawEnvironment, cx: &Context<'_>) -> Option<Environment> {
    let trusted = raw.trusted?.value.0.into_iter().map(|(name, keys)| {
        (name.value.0, keys.value.0.into_iter().map(|key| key.value.0).collect())
    });
    Some(Environment {
        name: plain(raw.name)?.0,
        key: plain(raw.key).map(|path| cx.base_dir.join(path.0)),
        trusted: trusted.collect(),
    })
}

fn names(workloads: &Map<WorkloadName, RawWorkload>) -> BTreeSet<WorkloadName> {
    workloads.0.iter().map(|(name, _)| name.value.clone()).collect()
}

fn listeners(
    raw: Option<At<NonEmpty<RawListener>>>,
    trusts_anyone: bool,
    cx: &mut Context<'_>,
) -> Option<Vec<Listener>> {
    let listeners = raw?.value.0;
    let all: Vec<_> =
        listeners.into_iter().map(|at| listener(at.value, trusts_anyone, cx)).collect();
    all.into_iter().collect()
}

fn listener(raw: RawListener, trusts_anyone: bool, cx: &mut Context<'_>) -> Option<Listener> {
    let tls = match raw.tls {
        Some(at) => tls::listener(at, cx).map(Some),
        None => Some(None),
    };
    let (address, proxy_protocol) = (raw.address?.value, raw.proxy_protocol?);
    // Whoever reaches a Unix socket was let in by its permissions.
    if proxy_protocol.value && !trusts_anyone && matches!(address, ListenAddress::Ip(_)) {
        cx.problem(
            &proxy_protocol.site,
            "leaves nobody who may connect: there are no trusted proxies",
            "name your load balancers' networks in `trusted_proxies`",
        );
        return None;
    }
    Some(Listener {
        address,
        mode: plain(raw.mode)?.0,
        tls: tls?,
        http2: plain(raw.http2)?,
        proxy_protocol: proxy_protocol.value,
    })
}

/// Two sockets cannot share an address; finding out at start would be late.
fn check_addresses(
    listeners: &Option<At<NonEmpty<RawListener>>>,
    admin: Option<&Admin>,
    others: [(Option<At<SocketAddr>>, &str); 3],
    cx: &mut Context<'_>,
) {
    let mut seen: Vec<(ListenAddress, String)> = Vec::new();
    if let Some(admin) = admin.filter(|admin| admin.address.port() != 0) {
        seen.push((ListenAddress::Ip(admin.address), "the admin address".to_owned()));
    }
    for (at, what) in others {
        let Some(at) = at.filter(|at| at.value.port() != 0) else { continue };
        let address = ListenAddress::Ip(at.value);
        match seen.iter().find(|(own, _)| *own == address) {
            Some((_, what)) => {
                cx.problem(&at.site, format!("is already {what}"), "give it another port");
            }
            None => seen.push((address, what.to_owned())),
        }
    }
    for listener in listeners.iter().flat_map(|at| &at.value.0) {
        let Some(at) = &listener.value.address else { continue };
        if matches!(at.value, ListenAddress::Ip(address) if address.port() == 0) {
            continue;
        }
        match seen.iter().find(|(address, _)| *address == at.value) {
            Some((_, what)) => {
                cx.problem(&at.site, format!("is already {what}"), "give it another port");
            }
            None => {
                seen.push((
                    at.value.clone(),
                    format!("the listener in line {}", at.site.mark.line),
                ));
            }
        }
    }
}

fn trusted(networks: &[At<IpNet>], cx: &mut Context<'_>) -> Vec<IpNet> {
    for at in networks.iter().filter(|at| at.value.prefix_len() == 0) {
        cx.warn(
            &at.site,
            "trusts every client: anyone can claim any address and identity",
            "name the networks of your own proxies",
        );
    }
    networks.iter().map(|at| at.value).collect()
}

fn workloads(
    raw: Option<At<Map<WorkloadName, RawWorkload>>>,
    policies: &mut Policies,
    cx: &mut Context<'_>,
) -> Option<Vec<Workload>> {
    let At { value: raw, site } = raw?;
    if raw.0.is_empty() {
        cx.problem(
            &site,
            "has no workload",
            "add one: a name, and below it `match`, `releases` and `stable`",
        );
        return None;
    }
    matching::check_distinct(&raw, cx);
    let checked: Vec<_> =
        raw.0.into_iter().map(|(name, raw)| workload::workload(name, raw, policies, cx)).collect();
    checked.into_iter().collect()
}
