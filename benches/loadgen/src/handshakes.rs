//! TLS connections that are used once: what counts is the handshake.
//!
//! wrk would resume its sessions where a server lets it, and servers differ in how long they
//! do; here every handshake is a full one.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::clock::now_us;
use crate::latency::Latencies;
use crate::span::{micros, seconds};
use crate::{request, response};

/// What to connect to.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address of the proxy
    #[arg(long)]
    target: SocketAddr,
    /// Name that its certificate is for
    #[arg(long, default_value = "agents.example.com")]
    name: String,
    /// The certificate, or that of who signed it, in PEM
    #[arg(long)]
    certificate: std::path::PathBuf,
    /// How many connections are being made or used at a time
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds that are measured
    #[arg(long, default_value = "3", value_parser = seconds)]
    seconds: Duration,
}

/// Connects, asks, reads, and does it again until the time is up; then reports.
pub(crate) async fn run(args: Args) -> Result<()> {
    let connector = connector(&args.certificate)?;
    let name = ServerName::try_from(args.name.clone())
        .with_context(|| format!("--name is {:?}, not a host name", args.name))?;
    let requests: Rc<[Vec<u8>]> = request::of_all_users("/small", "Connection: close\r\n").into();
    let until = now_us() + micros(args.seconds);
    let began = now_us();
    let mut clients = Vec::new();
    for client in 0..args.connections {
        let (connector, name, requests) = (connector.clone(), name.clone(), Rc::clone(&requests));
        clients.push(tokio::task::spawn_local(async move {
            let mut times = Vec::new();
            let mut turn = client;
            while now_us() < until {
                let before = now_us();
                once(args.target, &connector, name.clone(), &requests[turn % requests.len()])
                    .await?;
                times.push(now_us() - before);
                turn += args.connections;
            }
            anyhow::Ok(times)
        }));
    }
    let mut latencies = Latencies::default();
    for client in clients {
        for micros in client.await.context("a client ended early")?? {
            latencies.record(micros);
        }
    }
    println!(
        "stagegate-bench requests={} duration_us={} {}",
        latencies.count(),
        now_us() - began,
        latencies.fields("")
    );
    Ok(())
}

fn connector(certificate: &std::path::Path) -> Result<TlsConnector> {
    let shown = || format!("reading the certificate {}", certificate.display());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).with_context(shown)?)
        .with_context(shown)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One connection with one request.
async fn once(
    target: SocketAddr,
    connector: &TlsConnector,
    name: ServerName<'static>,
    request: &[u8],
) -> Result<()> {
    let stream =
        request::connect(target).await.with_context(|| format!("connecting to {target}"))?;
    let mut stream = connector.connect(name, stream).await.context("shaking hands")?;
    stream.write_all(request).await.context("sending a request")?;
    let mut buffer = Vec::with_capacity(1 << 10);
    while response::sized(&buffer)?.is_none_or(|length| buffer.len() < length) {
        if stream.read_buf(&mut buffer).await.context("reading a response")? == 0 {
            anyhow::bail!("the connection was closed before a response was complete");
        }
    }
    // Answers the server's goodbye; one that has closed already is no failure.
    let _ = stream.shutdown().await;
    Ok(())
}
