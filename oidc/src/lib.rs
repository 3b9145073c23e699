//! Sign-in by an OpenID Connect provider: the authorization code flow with PKCE.
//!
//! [`Client::begin`] says where to send a browser, [`Client::finish`] turns what it brings back into
//! claims that the provider has signed. Who may do what by these claims is not decided here. All calls
//! block: make them where that is fine.
//!
//! Sources: OpenID Connect Core 1.0, Discovery 1.0, RFC 7636 (PKCE), RFC 9700 (best practice).

mod client;
mod flow;
mod provider;
mod token;

pub use client::Client;
pub use flow::{Begun, Flow};
pub use token::{Claims, TokenError};

/// The reason why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider cannot be reached, or answers what it must not.
    #[error("the sign-in provider: {0}")]
    Provider(String),
    /// The provider refused, in its own words.
    #[error("the sign-in provider refused: {0}")]
    Refused(String),
    /// The provider's ID token.
    #[error("the ID token is not good: {0}")]
    Token(#[from] TokenError),
    /// What a browser brought is not of a sign-in that it began.
    #[error("this is not the end of a sign-in that this browser began: begin again")]
    OtherFlow,
    /// No random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}
