//! What stands behind the proxy: a small HTTP/1.1 server that answers everything with 64 KiB, more
//! than a client that does not read can leave to socket buffers of its own choice.

use std::io::{BufRead as _, BufReader, Read as _, Write as _, copy, sink};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};

/// Bytes of an answer.
const SIZE: usize = 64 * 1024;

/// Serves for as long as this program runs.
pub(super) fn start() -> Result<SocketAddr> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening for the proxy")?;
    let address = listener.local_addr().context("listening for the proxy")?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whatever fails is a connection that the proxy closed.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    // What a scanner that also looks at pages wants to see of one.
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {SIZE}\r\n\
         Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nX-Frame-Options: DENY\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\n\r\n"
    );
    let answer = [head.as_bytes(), &[b'x'; SIZE]].concat();
    loop {
        let (mut length, mut line, mut first) = (0, String::new(), String::new());
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            if first.is_empty() {
                first.clone_from(&line);
            }
            line.clear();
        }
        if first.is_empty() {
            return Ok(());
        }
        copy(&mut reader.by_ref().take(length), &mut sink())?;
        let size = if first.starts_with("HEAD ") { head.len() } else { answer.len() };
        stream.write_all(&answer[..size])?;
    }
}
