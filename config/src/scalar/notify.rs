//! Values of notification channels. What is as good as a key is never shown.

use super::from_text::{FromText, Wrong, texts};
use super::net::HostName;
use super::text::{JwtSecret, TokenName};
use crate::Secret;
use crate::read::Json;

texts! {
    /// A channel's name.
    ChannelName: "channel name", TokenName::JSON, TokenName::HINT, "is not a channel name",
        |text| TokenName::from_text(text).ok().map(|name| name.0);
}

/// The URL that messages are posted to. It is a secret, because everyone who knows a chat webhook
/// can write there.
#[derive(Clone)]
pub(crate) struct ChannelUrl(pub(crate) Secret);

impl FromText for ChannelUrl {
    const NAME: &'static str = "URL";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write `https://host/path`, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or("does not begin with `http://` or `https://`")?;
        if !text.bytes().all(|b| b.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&b)) {
            return Err("has characters that a URL cannot have".into());
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("names a user, which is not supported".into());
        }
        // The colons of an IPv6 address are inside brackets, the port's is not.
        let port = authority
            .rsplit_once(':')
            .filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
        let (host, port) = port.map_or((authority, None), |(host, port)| (host, Some(port)));
        HostName::parse(host).ok_or("has a host that is neither an IP address nor a name")?;
        let is_port = |port: &str| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0)
        };
        if port.is_some_and(|port| !is_port(port)) {
            return Err("has a port that is not from 1 to 65535".into());
        }
        Ok(Self(Secret::new(text)))
    }
}

/// An address that is no secret.
#[derive(Clone)]
pub(crate) struct HttpUrl(pub(crate) String);

impl FromText for HttpUrl {
    const NAME: &'static str = "URL";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write `https://host` or `https://host/path`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        ChannelUrl::from_text(text)?;
        if text.contains('?') {
            return Err("has a query".into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// The secret of a client of a provider: whatever the provider made.
#[derive(Clone)]
pub(crate) struct ClientSecret(pub(crate) Secret);

impl FromText for ClientSecret {
    const NAME: &'static str = "secret";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write the secret that the provider gave, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = !text.is_empty() && !text.chars().any(char::is_control);
        valid.then(|| Self(Secret::new(text))).ok_or_else(|| "is not a secret".into())
    }
}

/// A routing key: visible ASCII.
#[derive(Clone)]
pub(crate) struct ChannelKey(pub(crate) Secret);

impl FromText for ChannelKey {
    const NAME: &'static str = "key";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write the integration's routing key, best as `${NAME}` from the environment";
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| Self(Secret::new(text))).ok_or_else(|| "is not a routing key".into())
    }
}

/// The key that signs a webhook's messages.
#[derive(Clone)]
pub(crate) struct ChannelSecret(pub(crate) Secret);

impl FromText for ChannelSecret {
    const NAME: &'static str = JwtSecret::NAME;
    const JSON: Json = JwtSecret::JSON;
    const HINT: &'static str = JwtSecret::HINT;
    const SECRET: bool = true;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        JwtSecret::from_text(text).map(|JwtSecret(secret)| Self(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::{ChannelUrl, FromText};

    #[test]
    fn urls_have_a_scheme_and_a_host() {
        for text in [
            "https://hooks.example.com/services/T0/B0/x",
            "http://127.0.0.1:9093",
            "http://[::1]:9093/prefix/",
            "https://alerts/?a=b&c=%7C",
        ] {
            assert!(ChannelUrl::from_text(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "hooks.example.com",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://a:0/",
            "https://a:+1/",
            "https://a:65536",
            "https://u:p@a/",
            "https://a b/",
            "https://a/#x",
            "https://a/\n",
            "https://ä/",
        ] {
            assert!(ChannelUrl::from_text(text).is_err(), "{text}");
        }
    }
}
