//! A server that runs a test's function for each connection.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-flipless-run: r-1\r\n\r\nok\n";
pub const OK_AND_CLOSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n";

pub struct Server {
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the server, with one thread per connection.
    pub fn start(behaviour: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let behaviour = Arc::new(behaviour);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let behaviour = Arc::clone(&behaviour);
                let stream = stream.unwrap();
                thread::spawn(move || behaviour(stream));
            }
        });
        Self {
            address,
            ending,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // This connection wakes the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A port without a listener.
pub fn unused() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Reads a request's head; false at the end of the connection.
pub fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// Reads one request and answers it; the connection ends when the stream is dropped.
pub fn answer(stream: &mut TcpStream, answer: &str) -> bool {
    read_head(stream) && stream.write_all(answer.as_bytes()).is_ok()
}

/// Blocks until the client has closed the connection.
pub fn wait_for_end(mut stream: TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}
