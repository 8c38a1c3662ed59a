//! A server that can't take over a listener, does not report ready, and dies of SIGTERM in the middle of an
//! answer. The relay in front of it makes deployments without a gap possible.
//!
//! The server reads its port from `PORT`, as programs for EB do. The README names settings for programs that get their
//! port in another way. A server with a fixed port can't run beside its next version. The relay refuses such a server
//! with a message.

use std::env;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

fn main() -> Result<()> {
    let port = env::var("PORT").unwrap_or_else(|_| "5000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || answer(stream));
    }
    Ok(())
}

/// Answers in HTTP/1.0, where the end of the connection is the end of the answer.
fn answer(mut stream: TcpStream) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    // Because of this pause, a stop under load interrupts some answers in the middle.
    thread::sleep(Duration::from_millis(20));
    let (status, text) = match request.split(' ').nth(1) {
        Some("/") => ("200 OK", "Hello from a port of my own\n"),
        Some("/health") => ("200 OK", "ok\n"),
        _ => ("404 Not Found", "no such page\n"),
    };
    write!(
        stream,
        "HTTP/1.0 {status}\r\nContent-Type: text/plain\r\n\r\n{text}"
    )
}
