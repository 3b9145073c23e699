//! Single values: how each is read from text, and what is said when it cannot be.

mod change;
mod file;
mod from_text;
mod gate;
mod net;
mod notify;
mod quantity;
mod shadow;
mod signals;
mod text;
mod tracing;

pub(crate) use change::{BodyMember, QueryName, QueryValue};
pub(crate) use file::{FileMode, FilePath, Member, is_id};
pub(crate) use from_text::FromText;
pub(crate) use gate::{Bound, Chance, Margin, MeasureName, Owner, PolicyName, Ratio};
pub(crate) use net::{
    HeaderName, HeaderValue, HostName, NatsServer, PathPrefix, UrlPath, WebOrigin,
};
pub(crate) use notify::{
    ChannelKey, ChannelName, ChannelSecret, ChannelUrl, ClientSecret, HttpUrl,
};
pub(crate) use quantity::{Int, SizeIn, Wait, Workers, millis};
pub(crate) use shadow::Method;
pub(crate) use signals::{ErrorName, PriceSource, Status, Usd, ZoneName};
pub(crate) use text::{
    Body, CheckId, CookieName, Digest, EnvironmentName, FlagKey, FleetName, ForceSecret,
    JsonPointer, JwtSecret, Line, PublicKey, QueueSecret, ReplicaName, TokenName,
};
pub(crate) use tracing::{AttributeName, CollectorUrl, SecretHeader};
