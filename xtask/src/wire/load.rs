//! Clients and load generators: each speaks every protocol it knows, and nothing may fail.

use std::process::Command;

use anyhow::{Result, bail};

use super::lab::Lab;
use crate::process::{output, shown};
use crate::tools;

/// One request in each version of HTTP, over TLS and without.
pub(super) fn curl(lab: &Lab) -> Result<Vec<String>> {
    tools::system("curl", "curl")?;
    let (plain, tls) = (format!("http://{}/", lab.plain), format!("https://{}/", lab.tls));
    let mut lines = Vec::new();
    for (flags, url, expected) in [
        (&["--http1.0"][..], &plain, "200 1.1"),
        (&["--http1.1"], &plain, "200 1.1"),
        (&["--http2-prior-knowledge"], &plain, "200 2"),
        // The upgrade to h2c is not taken up, and the request is served as it is.
        (&["--http2"], &plain, "200 1.1"),
        (&["--http1.1"], &tls, "200 1.1"),
        (&["--http2"], &tls, "200 2"),
        (&["--http2", "--tls-max", "1.2"], &tls, "200 2"),
        (&["--http2", "--data", "x=y"], &tls, "200 2"),
        (&["--http1.1", "--data", "x=y", "--header", "Expect: 100-continue"], &plain, "200 1.1"),
    ] {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"]);
        command.args(["--write-out", "%{http_code} %{http_version}", "--cacert"]).arg(&lab.ca);
        let said = output(command.args(flags).arg(url))?;
        if said != expected {
            bail!("`{}` says {said:?}, not {expected:?}", shown(&command));
        }
        lines.push(format!("{} {url}: {said}", flags.join(" ")));
    }
    Ok(lines)
}

/// HTTP/1.1 over kept connections.
pub(super) fn wrk(lab: &Lab) -> Result<Vec<String>> {
    tools::system("wrk", "wrk")?;
    let mut lines = Vec::new();
    for url in [format!("http://{}/", lab.plain), format!("https://{}/", lab.tls)] {
        let mut command = Command::new("wrk");
        let said = output(command.args(["-t", "1", "-c", "64", "-d", "5s"]).arg(&url))?;
        if said.contains("Socket errors") || said.contains("Non-2xx") {
            bail!("{url}: {said}");
        }
        lines.push(format!("{url}: {}", line_with(&said, "requests in")?));
    }
    Ok(lines)
}

/// HTTP/2 with and without TLS, and HTTP/1.1.
pub(super) fn h2load(lab: &Lab) -> Result<Vec<String>> {
    tools::system("h2load", "nghttp2-client")?;
    let (plain, tls) = (format!("http://{}/", lab.plain), format!("https://{}/", lab.tls));
    let mut lines = Vec::new();
    for (flags, url) in [(&["--h1"][..], &plain), (&["-m", "16"], &plain), (&["-m", "16"], &tls)] {
        let mut command = Command::new("h2load");
        let said = output(command.args(["-n", "4000", "-c", "16"]).args(flags).arg(url))?;
        let requests = line_with(&said, "requests:")?;
        if !requests.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout") {
            bail!("`{}`: {requests}", shown(&command));
        }
        lines.push(format!("{} {url}: {requests}", flags.join(" ")));
    }
    Ok(lines)
}

fn line_with<'a>(text: &'a str, word: &str) -> Result<&'a str> {
    match text.lines().find(|line| line.contains(word)) {
        Some(line) => Ok(line.trim()),
        None => bail!("no line with {word:?} in {text:?}"),
    }
}
