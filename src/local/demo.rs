//! The server of the demo.

use crate::serve::{self, ServeOptions};
use anyhow::Context as _;
use stagegate_config::Config;
use stagegate_demo::Served;
use std::path::PathBuf;

/// Starts a server with this configuration file, as `serve` does.
pub(super) async fn start(file: PathBuf) -> anyhow::Result<Served> {
    let loaded = Config::load(&file)?;
    let running = serve::start(loaded.config, file, ServeOptions::default()).await?;
    let proxy = running.proxy_addr.context("the demo's listener has no address")?;
    Ok(Served { proxy, admin: running.admin.address, stop: Box::pin(running.stop()) })
}

#[cfg(test)]
mod tests {
    use stagegate_config::Config;
    use stagegate_demo::{Places, WORKLOAD, config_text};

    #[test]
    fn the_demos_configuration_has_no_problems() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        let place = |port: u16| ([127, 0, 0, 1], port).into();
        let places =
            Places { proxy: place(1), admin: place(2), stable: place(3), candidate: place(4) };
        std::fs::write(&file, config_text(&places)).expect("written");
        let loaded = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(loaded.config.workload(WORKLOAD).is_some());
        assert_eq!(loaded.config.admin.address, places.admin);
    }
}
