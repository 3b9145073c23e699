//! The files of the pages, in the binary, under names that change with their content.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file of the pages.
pub(crate) struct Asset {
    text: &'static str,
    content_type: &'static str,
    name: String,
}

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(&Sha256::digest(text)[..8]);
        Self { text, content_type, name: format!("{stem}-{hash}.{ending}") }
    }

    /// The address, which names this content for ever.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css"))
});
pub(crate) static LIVE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("../assets/live.js"))
});

/// Serves a file.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = [&*STYLE, &*LIVE].into_iter().find(|it| it.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.text).into_response()
}
