//! Writes the `stagegate.yaml` of a story: small defaults, and every key can be set.

use super::Backend;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A whole configuration.
#[derive(Clone)]
pub(crate) struct Setup {
    settings: BTreeMap<String, String>,
    admin: BTreeMap<String, String>,
    listener: BTreeMap<String, String>,
    listeners: Vec<String>,
    workloads: Vec<Workload>,
    /// Where to listen, for configurations that must know it beforehand.
    pub(crate) listen: Option<SocketAddr>,
}

/// One workload of it.
#[derive(Clone)]
pub(crate) struct Workload {
    name: String,
    settings: BTreeMap<String, String>,
    releases: Vec<(String, Vec<String>)>,
    /// More keys of a release, as a part of a flow mapping.
    pins: BTreeMap<String, String>,
}

impl Setup {
    /// A configuration with one workload.
    pub(crate) fn of(workload: Workload) -> Self {
        let mut setup = Self {
            settings: BTreeMap::new(),
            admin: BTreeMap::new(),
            listener: BTreeMap::new(),
            listeners: Vec::new(),
            workloads: vec![workload],
            listen: None,
        };
        setup.set("drain_timeout", "5s");
        setup.set("workers", "2");
        setup
    }

    /// Sets a top-level key to a YAML flow value.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// As [`Setup::set`], for chaining from a constructor.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a key of `admin`.
    pub(crate) fn with_admin(mut self, key: &str, value: &str) -> Self {
        self.admin.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of the listener that clients connect to.
    pub(crate) fn with_listener(mut self, key: &str, value: &str) -> Self {
        self.listener.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a listener, written as a YAML flow value.
    pub(crate) fn and_listener(mut self, listener: &str) -> Self {
        self.listeners.push(listener.to_owned());
        self
    }

    /// Fixes the address clients connect to.
    pub(crate) fn listen(&mut self, address: SocketAddr) -> &mut Self {
        self.listen = Some(address);
        self
    }

    /// Adds a workload.
    pub(crate) fn and(mut self, workload: Workload) -> Self {
        self.workloads.push(workload);
        self
    }

    /// The first workload, to change it.
    pub(crate) fn workload(&mut self) -> &mut Workload {
        &mut self.workloads[0]
    }

    /// The file's text.
    pub(crate) fn yaml(&self, proxy: SocketAddr, admin: SocketAddr, data_dir: &str) -> String {
        let mut text = format!("listeners:\n  - address: {proxy}\n");
        for (key, value) in &self.listener {
            text.push_str(&format!("    {key}: {value}\n"));
        }
        for listener in &self.listeners {
            text.push_str(&format!("  - {listener}\n"));
        }
        text.push_str(&format!("admin:\n  address: {admin}\n"));
        for (key, value) in &self.admin {
            text.push_str(&format!("  {key}: {value}\n"));
        }
        text.push_str(&format!("data_dir: {data_dir}\n"));
        for (key, value) in &self.settings {
            text.push_str(&format!("{key}: {value}\n"));
        }
        text.push_str("workloads:\n");
        for workload in &self.workloads {
            workload.write(&mut text);
        }
        text
    }
}

impl Workload {
    /// A workload named `agent` that takes every path and has one release, `v1`.
    pub(crate) fn new(stable: &Backend) -> Self {
        Self::at(stable.address)
    }

    /// As [`Workload::new`], with the address of a backend that is not ours.
    pub(crate) fn at(stable: SocketAddr) -> Self {
        Self::url(&format!("http://{stable}"))
    }

    /// As [`Workload::new`], with any URL of an endpoint.
    pub(crate) fn url(stable: &str) -> Self {
        let workload = Self {
            name: "agent".to_owned(),
            settings: BTreeMap::new(),
            releases: vec![("v1".to_owned(), vec![stable.to_owned()])],
            pins: BTreeMap::new(),
        };
        workload
            .with("match", "[{ path_prefix: / }]")
            .with("stable", "v1")
            .with("health", "off")
            .with("sticky", "user")
            .with(
                "identity",
                "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
                 conversation: [{ header: x-session-id }] }",
            )
    }

    /// A workload with a candidate, `v2`, that nobody reaches yet.
    pub(crate) fn canary(stable: &Backend, candidate: &Backend) -> Self {
        Self::new(stable).release("v2", candidate.address).with("candidate", "v2")
    }

    /// Gives it another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Registers a release.
    pub(crate) fn release(self, name: &str, address: SocketAddr) -> Self {
        self.release_at(name, &format!("http://{address}"))
    }

    /// As [`Workload::release`], with any URL of an endpoint.
    pub(crate) fn release_at(mut self, name: &str, url: &str) -> Self {
        self.releases.push((name.to_owned(), vec![url.to_owned()]));
        self
    }

    /// Adds another endpoint to the release registered last.
    pub(crate) fn replica(mut self, address: SocketAddr) -> Self {
        self.releases.last_mut().expect("a release").1.push(format!("http://{address}"));
        self
    }

    /// Adds keys to a release, as a part of a YAML flow mapping: `flags: { a: b }`.
    pub(crate) fn pinned(mut self, release: &str, keys: &str) -> Self {
        self.pins.insert(release.to_owned(), format!(", {keys}"));
        self
    }

    /// Sets a key to a YAML flow value.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Takes a key away.
    pub(crate) fn unset(&mut self, key: &str) -> &mut Self {
        self.settings.remove(key);
        self
    }

    /// As [`Workload::set`], for chaining from a constructor.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    fn write(&self, text: &mut String) {
        text.push_str(&format!("  {}:\n    releases:\n", self.name));
        for (name, addresses) in &self.releases {
            let urls: Vec<String> = addresses.iter().map(|url| format!("\"{url}\"")).collect();
            let (urls, more) = (urls.join(", "), self.pins.get(name).map_or("", String::as_str));
            text.push_str(&format!("      {name}: {{ endpoints: [{urls}]{more} }}\n"));
        }
        for (key, value) in &self.settings {
            text.push_str(&format!("    {key}: {value}\n"));
        }
    }
}
