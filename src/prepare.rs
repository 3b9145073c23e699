//! Prepares the data plane's settings of each workload: plain settings, and values that need files,
//! name lookups or memory.

use crate::{resolve, scoring, traces};
use anyhow::Context as _;
use stagegate_config as config;
use stagegate_proxy as proxy;
use stagegate_settings::Jwt;
use stagegate_signals::Prices;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Settings of every workload. Resolves names and reads key files, so it may block.
///
/// # Errors
/// When a name cannot be found, or a file cannot be read or used.
pub(crate) fn workloads(
    config: &config::Config,
    outlet: &Arc<proxy::Outlet>,
) -> anyhow::Result<Vec<proxy::WorkloadSettings>> {
    let trace = traces::settings(config);
    let of = |it| workload(it, scoring::tap(config, it, outlet), trace);
    config.workloads.iter().map(of).collect()
}

fn workload(
    workload: &config::Workload,
    tap: Option<proxy::TapSettings>,
    trace: Option<proxy::TraceSettings>,
) -> anyhow::Result<proxy::WorkloadSettings> {
    let name = &workload.spec.name;
    let release = |(release, settings): (&stagegate_rollout::ReleaseName, &config::Release)| {
        let addresses = resolve::of_release(workload, settings, &resolve::system_resolver)
            .with_context(|| format!("workloads.{name}.releases.{release}.endpoints"))?;
        Ok((release.clone(), addresses))
    };
    let settings = Arc::clone(&workload.settings);
    let pairs = || Arc::new(proxy::Quota::new(workload.eval.max_rate));
    Ok(proxy::WorkloadSettings {
        jwt: settings
            .identity
            .jwt
            .as_ref()
            .map(jwt)
            .transpose()
            .with_context(|| format!("workloads.{name}.identity.jwt"))?,
        releases: workload.releases.iter().map(release).collect::<anyhow::Result<_>>()?,
        changes: workload
            .releases
            .iter()
            .filter_map(|(name, release)| {
                let request = release.artifact.request.as_ref()?;
                Some((name.clone(), Arc::clone(request.changes())))
            })
            .collect(),
        signals: signals(workload).with_context(|| format!("workloads.{name}.cost.prices"))?,
        tap,
        trace,
        pairs: workload.scores_pairs().then(pairs),
        settings,
    })
}

fn signals(workload: &config::Workload) -> anyhow::Result<proxy::SignalSettings> {
    // Decoded once; a price list of one's own is read with every configuration.
    static BUILTIN: LazyLock<Arc<Prices>> = LazyLock::new(|| Arc::new(Prices::builtin()));
    let prices = match &workload.cost.prices {
        None => Arc::clone(&BUILTIN),
        Some(path) => Arc::new(Prices::from_json(&read(path)?)?),
    };
    Ok(proxy::SignalSettings {
        protocol: workload.settings.protocol.signals(),
        rules: workload.settings.outcomes.clone(),
        prices,
        tenants: workload.cost.tenants.clone(),
    })
}

fn jwt(settings: &Jwt) -> anyhow::Result<Arc<proxy::Jwt>> {
    let read = |path: &PathBuf| read(path);
    let files = proxy::JwtFiles {
        jwks: settings.jwks.as_ref().map(read).transpose()?,
        public_key: settings.public_key.as_ref().map(read).transpose()?,
    };
    Ok(Arc::new(proxy::Jwt::new(settings, &files)?))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
