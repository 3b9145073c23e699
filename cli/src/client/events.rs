//! A stream of server-sent events (HTML, section 9.2), read in a thread of its own.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// The server sends something every 15 s at least; after so much silence it is gone.
pub(super) const SILENCE: Duration = Duration::from_secs(40);

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    told: Receiver<Told>,
}

/// Something that came by the stream.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Event(String),
    Beat,
}

/// What a wait for the next event led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The data of the newest event; older ones that waited are left out.
    Event(String),
    /// Nothing new, and the stream is alive.
    Nothing,
    /// The stream has ended.
    Ended,
}

impl Events {
    /// Reads events from `body` until it ends.
    pub(super) fn of(body: impl Read + Send + 'static) -> std::io::Result<Self> {
        let (tell, told) = channel();
        std::thread::Builder::new().name("events".to_owned()).spawn(move || {
            // Ends with the stream, and with whoever listened.
            let _ = each(BufReader::new(body), |it| tell.send(it).is_ok());
        })?;
        Ok(Self { told })
    }

    /// Waits for the next event, at most for `patience`.
    pub fn next(&self, patience: Duration) -> Next {
        let mut newest = match self.told.recv_timeout(patience) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => return Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => return Next::Ended,
        };
        for told in self.told.try_iter() {
            if told != Told::Beat {
                newest = told;
            }
        }
        match newest {
            Told::Event(data) => Next::Event(data),
            Told::Beat => Next::Nothing,
        }
    }
}

/// Tells each event and each comment of a stream, until `tell` says no.
fn each(stream: impl BufRead, mut tell: impl FnMut(Told) -> bool) -> std::io::Result<()> {
    let mut data: Option<String> = None;
    for line in stream.lines() {
        let line = line?;
        let goes_on = if line.is_empty() {
            data.take().is_none_or(|data| tell(Told::Event(data)))
        } else if line.starts_with(':') {
            tell(Told::Beat)
        } else {
            if let Some(value) = line.strip_prefix("data:") {
                let value = value.strip_prefix(' ').unwrap_or(value);
                data = Some(match data {
                    Some(before) => format!("{before}\n{value}"),
                    None => value.to_owned(),
                });
            }
            true
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Events, Next, Told, each};
    use std::time::Duration;

    #[test]
    fn events_are_read_with_comments_between_them() {
        let stream =
            ":\n\nevent: status\nid: 1-1\ndata: {\"a\":1}\n\n:\n\ndata:x\ndata: y\n\ndata: cut";
        let mut all = Vec::new();
        each(stream.as_bytes(), |it| {
            all.push(it);
            true
        })
        .expect("memory");
        let event = |text: &str| Told::Event(text.to_owned());
        assert_eq!(all, [Told::Beat, event("{\"a\":1}"), Told::Beat, event("x\ny")]);
    }

    #[test]
    fn the_newest_event_counts_and_an_end_is_told() {
        let events = Events::of(&b"data: 1\n\ndata: 2\n\n:\n\n"[..]).expect("a thread");
        let mut seen = Vec::new();
        loop {
            match events.next(Duration::from_secs(60)) {
                Next::Event(data) => seen.push(data),
                Next::Nothing => {}
                Next::Ended => break,
            }
        }
        assert_eq!(seen.last().map(String::as_str), Some("2"));
    }
}
