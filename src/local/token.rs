//! Tokens of the admin API.

use stagegate_admin::auth;
use stagegate_cli::{NewToken, Role};

/// A new token.
pub(super) fn new(name: &str, role: Role) -> Result<NewToken, String> {
    let role = match role {
        Role::Viewer => stagegate_config::Role::Viewer,
        Role::Operator => stagegate_config::Role::Operator,
        Role::Admin => stagegate_config::Role::Admin,
    };
    let auth::NewToken { text, hash, config_line } =
        auth::new_token(name, role).map_err(|error| error.to_string())?;
    Ok(NewToken { text, hash, config_line })
}
