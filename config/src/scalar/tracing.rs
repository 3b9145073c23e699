//! Values of tracing.

use super::from_text::{FromText, Wrong};
use super::net::HeaderValue;
use super::notify::ChannelUrl;
use crate::read::Json;
use crate::{Collector, Secret};

/// Paths that OTLP/HTTP appends itself.
const SIGNALS: [&str; 2] = ["/v1/traces", "/v1/logs"];

/// A collector's address.
#[derive(Clone)]
pub(crate) struct CollectorUrl(pub(crate) Collector);

impl FromText for CollectorUrl {
    const NAME: &'static str = "URL";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write `http://host:4318`, or `http://host:4317` for gRPC";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        ChannelUrl::from_text(text)?;
        let (scheme, rest) = text.split_once("://").ok_or("has no scheme")?;
        if rest.contains('?') {
            return Err("has a query, which no collector knows".into());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let tls = scheme == "https";
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are inside brackets, the port's is not.
            Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| "has a port that is not from 1 to 65535")?)
            }
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let path = path.trim_end_matches('/');
        let path = SIGNALS.iter().find_map(|signal| path.strip_suffix(signal)).unwrap_or(path);
        Ok(Self(Collector {
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port,
            path: path.trim_end_matches('/').to_owned(),
            tls,
        }))
    }
}

/// A header's value that may be a key.
#[derive(Clone)]
pub(crate) struct SecretHeader(pub(crate) Secret);

impl FromText for SecretHeader {
    const NAME: &'static str = HeaderValue::NAME;
    const JSON: Json = HeaderValue::JSON;
    const HINT: &'static str =
        "write visible ASCII characters, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        HeaderValue::from_text(text).map(|HeaderValue(text)| Self(Secret::new(&text)))
    }
}

/// An attribute's name.
#[derive(Clone)]
pub(crate) struct AttributeName(pub(crate) String);

impl FromText for AttributeName {
    const NAME: &'static str = "attribute name";
    const JSON: Json = Json::Pattern("^[A-Za-z][A-Za-z0-9_.-]*$");
    const HINT: &'static str = "write a name like `deployment.environment.name`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if text == "service.name" {
            return Err(Wrong::with_hint("has a key of its own", "write `service_name` instead"));
        }
        valid.then(|| Self(text.to_owned())).ok_or_else(|| "is not an attribute's name".into())
    }
}

#[cfg(test)]
mod tests {
    use super::{CollectorUrl, FromText};
    use crate::Collector;

    #[test]
    fn a_collector_has_a_host_a_port_and_perhaps_a_path() {
        let at = |host: &str, port, path: &str, tls| Collector {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            tls,
        };
        for (text, wanted) in [
            ("http://collector:4318", at("collector", 4318, "", false)),
            ("http://Collector:4318/", at("collector", 4318, "", false)),
            ("http://collector:4318/v1/traces", at("collector", 4318, "", false)),
            ("https://otlp.example.com/otlp/", at("otlp.example.com", 443, "/otlp", true)),
            ("https://otlp.example.com/otlp/v1/logs", at("otlp.example.com", 443, "/otlp", true)),
            ("http://[::1]:4317", at("::1", 4317, "", false)),
            ("http://[::1]", at("::1", 80, "", false)),
        ] {
            let read = CollectorUrl::from_text(text).ok().map(|it| it.0);
            assert_eq!(read, Some(wanted), "{text}");
        }
        for text in ["collector:4318", "grpc://collector", "http://collector:4318/?a=b", "http://"]
        {
            assert!(CollectorUrl::from_text(text).is_err(), "{text}");
        }
    }
}
