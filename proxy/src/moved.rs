//! Endpoints that move while the process runs: a name that stands for other addresses than before.

use crate::address::Address;
use crate::endpoint::EndpointSet;
use crate::plan::{PrepareError, Prepared, PreparedConfig, Release};
use stagegate_rollout::{ReleaseName, WorkloadName};
use std::sync::Arc;

/// The resolved addresses of a release's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAddresses {
    /// The workload.
    pub workload: WorkloadName,
    /// The release.
    pub release: ReleaseName,
    /// Every address of its endpoints.
    pub addresses: Vec<Address>,
}

impl PreparedConfig {
    /// The same configuration with the addresses that were found for some of its releases; none
    /// when they are what it has. Endpoints that stay keep connections and health. Must be called
    /// on the control runtime.
    ///
    /// # Errors
    /// A [`PrepareError`] when endpoints cannot be used; nothing is started then.
    pub async fn with_addresses(
        &self,
        found: Vec<FoundAddresses>,
    ) -> Result<Option<Self>, PrepareError> {
        let mut next = self.clone();
        let mut moved = false;
        for FoundAddresses { workload, release, addresses } in found {
            let of_name = |prepared: &Arc<Prepared>| prepared.settings.name == workload;
            let Some(at) = next.workloads.iter().position(of_name) else { continue };
            let prepared = &next.workloads[at];
            let health = prepared.settings.health.as_ref();
            let Some(old) = prepared.releases.get(&release) else { continue };
            if old.endpoints.is_for(&addresses, health) {
                continue;
            }
            let started = EndpointSet::start(&addresses, health.cloned(), Some(&old.endpoints));
            let endpoints = started.await.map_err(|why| PrepareError {
                workload: workload.clone(),
                release: release.clone(),
                why,
            })?;
            let renewed = Arc::new(Release {
                name: Arc::clone(&old.name),
                number: old.number,
                endpoints,
                changes: old.changes.clone(),
            });
            let mut releases = prepared.releases.clone();
            releases.insert(release, renewed);
            next.workloads[at] = Arc::new(Prepared { releases, ..Prepared::clone(prepared) });
            moved = true;
        }
        Ok(moved.then_some(next))
    }

    /// Returns true if both are the same configuration by pointer, not only equal.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.routes, &other.routes)
            && self.workloads.len() == other.workloads.len()
            && self.workloads.iter().zip(&other.workloads).all(|(one, two)| Arc::ptr_eq(one, two))
    }
}

#[cfg(test)]
mod tests {
    use super::{FoundAddresses, PreparedConfig};
    use crate::address::Address;
    use crate::fixtures::{address, workload};

    fn at(port: u16) -> Address {
        address([127, 0, 0, 1], port, "agent.internal:80")
    }

    fn found(ports: &[u16]) -> Vec<FoundAddresses> {
        let addresses = ports.iter().map(|&port| at(port)).collect();
        vec![FoundAddresses {
            workload: "agent".parse().expect("a name"),
            release: "v1".parse().expect("a name"),
            addresses,
        }]
    }

    #[tokio::test]
    async fn endpoints_that_stay_are_the_same_and_those_that_go_are_gone() {
        let empty = PreparedConfig::default();
        let before = PreparedConfig::prepare(vec![workload(vec![at(1), at(2)])], &empty);
        let before = before.await.expect("prepared");
        let ids = |config: &PreparedConfig| -> Vec<u64> {
            let release = config.workloads[0].releases().next().expect("a release");
            release.endpoints.all().iter().map(|endpoint| endpoint.id).collect()
        };
        let [first, second] = ids(&before)[..] else { panic!("two endpoints") };
        assert!(before.with_addresses(found(&[1, 2])).await.expect("fine").is_none());
        let after = before.with_addresses(found(&[2, 3])).await.expect("fine").expect("moved");
        let [kept, new] = ids(&after)[..] else { panic!("two endpoints") };
        assert_eq!(kept, second);
        assert!(new != first && new != second);
        assert!(after.is(&after.clone()) && !after.is(&before));
        let unknown =
            FoundAddresses { release: "v9".parse().expect("a name"), ..found(&[4]).remove(0) };
        assert!(after.with_addresses(vec![unknown]).await.expect("fine").is_none());
    }
}
