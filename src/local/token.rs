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

#[cfg(test)]
mod tests {
    use super::new;
    use stagegate_admin::auth::authenticate;
    use stagegate_cli::Role;
    use stagegate_config::{Token, TokenHash};
    use std::path::Path;
    use std::process::Command;

    fn accepted(text: &str, hash: &str) -> bool {
        let hash = TokenHash::parse(hash).expect("a hash as the configuration takes it");
        let tokens = [Token {
            name: "operator".to_owned(),
            role: stagegate_config::Role::Operator,
            workloads: std::collections::BTreeMap::new(),
            hash,
        }];
        authenticate(&tokens, Some(format!("Bearer {text}").as_bytes())).is_ok()
    }

    #[test]
    fn the_composes_script_makes_tokens_like_the_program_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/tokens.sh");
        let copy = dir.path().join("tokens.sh");
        std::fs::copy(script, &copy).expect("copied");
        // No stagegate and no docker: only what every system has.
        let made = Command::new("sh").arg(&copy).env("PATH", "/usr/bin:/bin").output();
        let made = made.expect("a shell");
        assert!(made.status.success(), "{made:?}");
        let file = std::fs::read_to_string(dir.path().join(".env")).expect("written");
        let value = |name: &str| {
            let line = file.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap_or_else(|| panic!("{name} is missing")).to_owned()
        };
        let ours = new("operator", Role::Operator).expect("random bytes");
        let token = value("STAGEGATE_TOKEN");
        assert_eq!(token.len(), ours.text.len());
        assert!(
            accepted(&ours.text, &ours.hash) && accepted(&token, &value("STAGEGATE_TOKEN_HASH"))
        );
        let viewer = std::fs::read_to_string(dir.path().join("secrets/prometheus_token"));
        let viewer = viewer.expect("written");
        assert!(accepted(&viewer, &value("PROMETHEUS_TOKEN_HASH")));
        assert!(!accepted(&viewer, &value("STAGEGATE_TOKEN_HASH")));
        let again = Command::new("sh").arg(&copy).output().expect("a shell");
        assert!(!again.status.success(), "tokens that are there are kept");
    }
}
