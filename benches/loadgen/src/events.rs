//! The origin of the event streams: each event says when it was sent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::MissedTickBehavior;

use crate::clock::now_us;

/// Where and how often.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen; may be given several times
    #[arg(long, required = true)]
    listen: Vec<SocketAddr>,
    /// Milliseconds between two events of a stream
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    every_ms: u64,
}

/// Serves until it is ended from outside.
pub(crate) async fn run(args: Args) -> Result<()> {
    let every = Duration::from_millis(args.every_ms);
    let mut accepting = tokio::task::JoinSet::new();
    for address in args.listen {
        let listener = listen(address).with_context(|| format!("listening on {address}"))?;
        accepting.spawn_local(accept(listener, every));
    }
    while let Some(ended) = accepting.join_next().await {
        ended.context("a listener ended")??;
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

async fn accept(listener: TcpListener, every: Duration) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accepting a connection")?;
        tokio::task::spawn_local(async move {
            // A proxy that goes away is no failure of this side.
            let _ = serve(stream, every).await;
        });
    }
}

/// Answers one request: `/events` with a stream until the other side goes, the rest with a
/// small answer.
async fn serve(mut stream: TcpStream, every: Duration) -> io::Result<()> {
    const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
                           Connection: close\r\n\r\nok";
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while memmem::find(&buffer, b"\r\n\r\n").is_none() {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
    if buffer.starts_with(b"GET /events ") {
        return events(stream, every).await;
    }
    stream.write_all(SMALL).await
}

async fn events(mut stream: TcpStream, every: Duration) -> io::Result<()> {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                        Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n";
    let first = HEAD.to_owned() + &chunk(&event(now_us()));
    stream.write_all(first.as_bytes()).await?;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut end = [0; 64];
    loop {
        tokio::select! {
            _ = ticks.tick() => stream.write_all(chunk(&event(now_us())).as_bytes()).await?,
            // Whatever is read here, it is the end of this stream.
            _ = stream.read(&mut end) => return Ok(()),
        }
    }
}

/// What stands before the time in an event.
pub(crate) const STAMP: &[u8] = b"\"sent_us\":";

/// An event as agents send them: some 120 bytes, with the time it was sent.
fn event(now_us: u64) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" a word or two\"}}}}],\
         \"sent_us\":{now_us},\"finish_reason\":null}}\n\n"
    )
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    #[tokio::test]
    async fn a_stream_tells_when_each_event_was_sent_and_ends_with_its_reader() {
        let tasks = LocalSet::new();
        let story = async {
            let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
            let address = listener.local_addr().expect("its address");
            tokio::task::spawn_local(accept(listener, Duration::from_millis(1)));
            let before = now_us();
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(b"GET /small HTTP/1.1\r\n\r\n").await.expect("asked");
            let mut read = Vec::new();
            client.read_to_end(&mut read).await.expect("answered and closed");
            assert!(read.ends_with(b"ok"));
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(b"GET /events HTTP/1.1\r\n\r\n").await.expect("asked");
            while memmem::find_iter(&read, STAMP).count() < 3 {
                client.read_buf(&mut read).await.expect("events");
            }
            let at = memmem::find(&read, STAMP).expect("a stamp") + STAMP.len();
            let text: String = read[at..]
                .iter()
                .map(|b| char::from(*b))
                .take_while(char::is_ascii_digit)
                .collect();
            assert!(text.parse::<u64>().expect("a number") >= before);
        };
        tasks.run_until(story).await;
    }
}
