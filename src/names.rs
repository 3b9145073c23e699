//! Looking up the names of endpoints again while the process runs.

use crate::plane::Plane;
use crate::resolve;
use stagegate_control::Control;
use std::sync::Arc;

/// Looks up the names every `resolve_every`, for ever. A look-up that fails changes nothing.
pub(crate) async fn keep_looking_up(control: Control, plane: Arc<Plane>) {
    loop {
        let config = Arc::clone(&control.view().config);
        tokio::time::sleep(config.resolve_every).await;
        // On a thread of its own: the system's resolver blocks.
        let look_up = move || resolve::look_up(&config, &resolve::system_resolver);
        let Ok(found) = tokio::task::spawn_blocking(look_up).await else { continue };
        if found.is_empty() {
            continue;
        }
        match plane.take_addresses(found).await {
            Ok(true) => tracing::info!("endpoints have new addresses"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "cannot use the new addresses of endpoints"),
        }
    }
}
