//! The requests: those that `benches/load/requests.lua` makes wrk send.

use std::net::SocketAddr;

/// How many users there are.
const USERS: usize = 4096;
/// How many tenants they belong to.
const TENANTS: usize = 64;

/// A `GET` of the user with this number, as bytes on the wire.
pub(crate) fn get(path: &str, user: usize, extra: &str) -> Vec<u8> {
    let (user, tenant) = (user % USERS + 1, (user % USERS + 1) % TENANTS);
    format!(
        "GET {path} HTTP/1.1\r\nHost: agents.example.com\r\nUser-Agent: agent-client/1.0\r\n\
         Accept: application/json\r\nX-Tenant-Id: tenant-{tenant}\r\nX-User-Id: user-{user}\r\n\
         X-Session-Id: conversation-{user}\r\n{extra}\r\n"
    )
    .into_bytes()
}

/// A request of each user, to be sent in turn.
pub(crate) fn of_all_users(path: &str, extra: &str) -> Vec<Vec<u8>> {
    (0..USERS).map(|user| get(path, user, extra)).collect()
}

/// A socket that connects to `target`, small writes sent at once.
pub(crate) async fn connect(target: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_one_tenant() {
        let all = of_all_users("/small", "");
        assert_eq!(all.len(), USERS);
        let text = String::from_utf8(all[64].clone()).expect("text");
        assert!(text.starts_with("GET /small HTTP/1.1\r\n") && text.ends_with("\r\n\r\n"));
        assert!(text.contains("tenant-1\r\n") && text.contains("user-65\r\n"), "{text}");
    }
}
