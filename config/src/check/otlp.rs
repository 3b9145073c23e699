//! Receiving traces: who may send, and where they are passed on to.

use super::tracing;
use crate::raw::{RawForward, RawOtlp, RawOtlpToken};
use crate::read::{At, Context, plain};
use crate::{Forward, Otlp, OtlpToken, Tracing};
use std::collections::BTreeMap;

pub(crate) fn otlp(
    at: At<RawOtlp>,
    exported: Option<&Tracing>,
    cx: &mut Context<'_>,
) -> Option<Otlp> {
    let raw = at.value;
    let (raw_tokens, listen) = (raw.tokens?, raw.listen?);
    if raw_tokens.value.is_empty() && !listen.value.ip().is_loopback() {
        cx.problem(
            &listen.site,
            "is reachable from other machines, and there are no tokens",
            "add `tokens` (see `stagegate token new`), or use a loopback address like `127.0.0.1:4318`",
        );
    }
    let tokens = tokens(raw_tokens.value, cx);
    let parents = raw.parents?;
    if let Some(tracing) = exported.filter(|tracing| tracing.parents != parents.value) {
        let message = format!("is not `{}`, as in `tracing`", tracing.parents.label());
        cx.problem(&parents.site, message, "write the same in both: a request has one trace");
    }
    let forward = match raw.forward_to {
        Some(at) => forward(at, cx).map(Some),
        None => Some(None),
    };
    Some(Otlp {
        listen: listen.value,
        tokens: tokens?,
        sample: plain(raw.sample)?,
        parents: parents.value,
        wait: plain(raw.wait)?.0,
        max_body: plain(raw.max_body)?.into(),
        max_traces: plain(raw.max_traces)?.into(),
        max_spans: plain(raw.max_spans)?.into(),
        max_memory: plain(raw.max_memory)?.into(),
        max_stages: plain(raw.max_stages)?.into(),
        forward: forward?,
    })
}

fn tokens(raw: Vec<At<RawOtlpToken>>, cx: &mut Context<'_>) -> Option<Vec<OtlpToken>> {
    let mut names = BTreeMap::new();
    for token in &raw {
        let Some(name) = &token.value.name else { continue };
        if let Some(line) = names.insert(name.value.0.clone(), name.site.mark.line) {
            let message = format!("is already the name of the token in line {line}");
            cx.problem(&name.site, message, "give every token its own name");
        }
    }
    let tokens = raw.into_iter().map(|At { value: token, .. }| {
        Some(OtlpToken { name: plain(token.name)?.0, hash: *plain(token.hash)?.as_bytes() })
    });
    tokens.collect()
}

fn forward(at: At<RawForward>, cx: &mut Context<'_>) -> Option<Forward> {
    let raw = at.value;
    let endpoint = raw.endpoint?.value.0;
    let tls = tracing::towards(raw.tls, endpoint.tls, cx)?;
    let headers = plain(raw.headers)?.0.into_iter();
    Some(Forward {
        endpoint,
        headers: headers.map(|(name, value)| (name.value.0, value.value.0)).collect(),
        timeout: plain(raw.timeout)?.0,
        tls,
    })
}
