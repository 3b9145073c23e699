//! The environment that an instance is, and those whose passports it admits.

use crate::read::{Map, NonEmpty, raw};
use crate::scalar::{EnvironmentName, FilePath, PublicKey};

raw! {
    /// The environment that this instance is. Releases earn passports in one and show them in another.
    pub(crate) struct RawEnvironment {
        /// Its name, like `staging`.
        name: EnvironmentName = required,
        /// The file of the key that signs passports here; `stagegate key new` makes one.
        key: FilePath = optional,
        /// Public keys of other environments, by name: their passports can be admitted here.
        trusted: Map<EnvironmentName, NonEmpty<PublicKey>> = default("{}"),
    }
}
