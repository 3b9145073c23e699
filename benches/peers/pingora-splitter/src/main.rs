//! A stock pingora as a bare 90/10 splitter: one thread, keep-alive on both sides, no logs.
//!
//! It is what pingora's own documentation shows, made to split: a peer that tells what
//! Stagegate would cost on that engine. `cargo xtask bench` builds and starts it.
//!
//! Usage: `pingora-splitter LISTEN STABLE CANDIDATE`, each an address like `127.0.0.1:8080`.

use std::cell::Cell;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::server::configuration::ServerConf;

thread_local! {
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// Sends every tenth request to the candidate.
struct Splitter {
    stable: String,
    candidate: String,
}

#[async_trait]
impl ProxyHttp for Splitter {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        let turn = TURN.get().wrapping_add(1);
        TURN.set(turn);
        let address = if turn % 10 == 0 { &self.candidate } else { &self.stable };
        Ok(Box::new(HttpPeer::new(address.as_str(), false, String::new())))
    }

    /// As its peers do: tells the backend who asked.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        _: &mut (),
    ) -> Result<()> {
        if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
            upstream.insert_header("x-forwarded-for", client.ip().to_string())?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--version"] {
        println!("pingora 0.9 splitter");
        return ExitCode::SUCCESS;
    }
    let [listen, stable, candidate] = arguments.as_slice() else {
        eprintln!("usage: pingora-splitter LISTEN STABLE CANDIDATE");
        return ExitCode::from(2);
    };
    let settings =
        ServerConf { threads: 1, upstream_keepalive_pool_size: 16_384, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    let splitter = Splitter { stable: stable.clone(), candidate: candidate.clone() };
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), splitter);
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever()
}
