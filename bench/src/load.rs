//! Clients that need little processor time themselves, so that a measurement shows the cost of the server. A client
//! sends the same bytes again and again, and expects answers of the same length.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use socket2::SockRef;

use crate::process::LIMIT;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

/// A connection to a server. Dropping this value resets the connection, so that no port stays in TIME_WAIT.
pub struct Connection {
    stream: TcpStream,
    /// The length of an answer, once it is known.
    answer: Option<usize>,
    buffer: [u8; 1024],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        Ok(Self {
            stream,
            answer: None,
            buffer: [0; 1024],
        })
    }

    /// Sends a request, and reads its whole answer.
    ///
    /// # Errors
    /// If the connection ends, or the status is not 200.
    pub fn request(&mut self) -> anyhow::Result<()> {
        self.send(REQUEST)
    }

    /// Sends the bytes of a request, and reads its whole answer.
    ///
    /// # Errors
    /// If the connection ends, or the status is not 200.
    pub fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        while self.answer.is_none_or(|length| filled < length) {
            match self.stream.read(&mut self.buffer[filled..])? {
                0 => bail!("the server closed the connection after {filled} bytes"),
                count => filled += count,
            }
            if self.answer.is_none() {
                self.answer = length(&self.buffer[..filled])?;
            }
        }
        ensure!(Some(filled) == self.answer, "an answer is too long");
        ensure!(
            self.buffer.starts_with(b"HTTP/1.1 200 "),
            "the status is not 200"
        );
        Ok(())
    }

    /// Sends a request. Returns whether the server closes the connection after the answer.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn last_request(&mut self) -> anyhow::Result<bool> {
        // The length may change, because this answer may have the additional field `Connection`.
        self.answer = None;
        self.request()?;
        let length = self.answer.unwrap_or_default();
        let head = String::from_utf8_lossy(&self.buffer[..length]).to_ascii_lowercase();
        Ok(head.contains("\r\nconnection: close\r\n"))
    }
}

/// Returns the length of the whole answer, or `None` while its head is incomplete.
fn length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let text = std::str::from_utf8(bytes)?;
    let Some(end) = text.find("\r\n\r\n") else {
        return Ok(None);
    };
    let head = text[..end].to_ascii_lowercase();
    let field = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let body: usize = field
        .context("an answer has no Content-Length")?
        .trim()
        .parse()?;
    Ok(Some(end + 4 + body))
}

/// How clients use connections.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Each client has one connection.
    KeepAlive,
    /// Each request has a connection of its own.
    NewConnections,
}

/// The answers of one server.
#[derive(Default)]
pub struct Answers {
    /// How long the client of each request waited, including the connect on a new connection.
    pub waits: Vec<Duration>,
    /// How long the clients ran.
    pub time: Duration,
}

impl Answers {
    /// Returns the requests per second.
    pub fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.time.as_secs_f64()
    }

    /// Returns the wait in milliseconds that this share of the requests did not exceed, or NaN without an answer.
    pub fn percentile(&mut self, share: f64) -> f64 {
        self.waits.sort_unstable();
        let rank = (self.waits.len() as f64 * share).ceil() as usize;
        let wait = self.waits.get(rank.saturating_sub(1));
        wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1000.0)
    }

    /// Adds the answers of another turn.
    pub fn add(&mut self, more: Self) {
        self.waits.extend(more.waits);
        self.time += more.time;
    }
}

/// Returns how many requests per second the server answers. See [`answers`].
///
/// # Errors
/// If one request fails.
pub fn rate(
    address: SocketAddr,
    clients: usize,
    manner: Manner,
    time: Duration,
) -> anyhow::Result<f64> {
    Ok(answers(address, REQUEST, clients, manner, time)?.rate())
}

/// Runs this number of clients for `time`, and returns their answers. Each client sends the same request again and
/// again, and waits for each answer.
///
/// # Errors
/// If one request fails.
pub fn answers(
    address: SocketAddr,
    request: &[u8],
    clients: usize,
    manner: Manner,
    time: Duration,
) -> anyhow::Result<Answers> {
    let began = Instant::now();
    let waits = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| scope.spawn(move || client(address, request, manner, began + time)))
            .collect();
        let ended = clients.into_iter().map(|client| client.join());
        ended
            .map(|waits| waits.unwrap_or_else(|_| bail!("a client panicked")))
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(Answers {
        waits: waits.concat(),
        time: began.elapsed(),
    })
}

fn client(
    address: SocketAddr,
    request: &[u8],
    manner: Manner,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address)?;
    let mut waits = Vec::new();
    let mut now = Instant::now();
    while now < until {
        if let Manner::NewConnections = manner {
            let answer = connection.answer;
            connection = Connection::open(address)?;
            connection.answer = answer;
        }
        connection.send(request)?;
        let after = Instant::now();
        waits.push(after - now);
        now = after;
    }
    Ok(waits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_length_includes_head_and_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(length(&head[..20]).unwrap(), None);
        assert_eq!(length(head).unwrap(), Some(head.len() + 2));
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_percentile_is_a_wait_that_occurred() {
        let wait = |ms| Answers {
            waits: vec![Duration::from_millis(ms)],
            time: Duration::from_millis(10),
        };
        let mut all = Answers::default();
        assert!(all.percentile(0.99).is_nan());
        (1..=200).rev().for_each(|ms| all.add(wait(ms)));
        assert_eq!(all.percentile(0.99), 198.0);
        assert_eq!(all.percentile(1.0), 200.0);
        assert_eq!(all.rate(), 100.0);
    }
}
