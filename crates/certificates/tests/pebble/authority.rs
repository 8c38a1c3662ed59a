//! Debian's pebble, an authority for tests, with the DNS server that pebble asks.

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flipless_testing::wait_for;

/// How pebble is started.
#[derive(Clone, Default)]
pub struct Setup {
    /// The port from which pebble fetches challenges.
    pub challenges: u16,
    /// Identifiers and HMAC keys of external accounts. If there are none, pebble registers every client.
    pub external: Vec<(&'static str, &'static str)>,
}

/// A running pebble; killed when it is dropped.
pub struct Pebble {
    pub port: u16,
    _dns: Process,
    _pebble: Process,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Pebble {
    /// Starts pebble with the certificate and key in this folder (`tls.pem`, `tls.key`).
    pub fn start(folder: &Path, setup: &Setup) -> Self {
        let (dns, management, port) = (free_udp_port(), free_port(), free_port());
        let mut server = Command::new("pebble-challtestsrv");
        server.args(["-http01=", "-https01=", "-tlsalpn01=", "-defaultIPv6="]);
        server.arg(format!("-dns01=127.0.0.1:{dns}"));
        server.arg(format!("-management=127.0.0.1:{management}"));
        let server = spawn(server, &folder.join("dns.log"));

        let config = folder.join("pebble.json");
        std::fs::write(&config, configuration(folder, port, setup).to_string()).unwrap();
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&config);
        pebble.args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
        // pebble makes no pauses, and refuses no nonce at random. A separate test refuses a nonce.
        pebble
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0");
        // Each order has its own challenges.
        pebble.env("PEBBLE_AUTHZREUSE", "0");
        let pebble = spawn(pebble, &folder.join("pebble.log"));
        for port in [management, port] {
            wait_for("pebble", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Self {
            port,
            _dns: server,
            _pebble: pebble,
        }
    }
}

fn configuration(folder: &Path, port: u16, setup: &Setup) -> serde_json::Value {
    let keys: serde_json::Map<_, _> = setup
        .external
        .iter()
        .map(|(id, key)| ((*id).to_owned(), (*key).into()))
        .collect();
    serde_json::json!({"pebble": {
        "listenAddress": format!("127.0.0.1:{port}"),
        "managementListenAddress": "",
        "certificate": folder.join("tls.pem"),
        "privateKey": folder.join("tls.key"),
        "httpPort": setup.challenges,
        "tlsPort": 1,
        "externalAccountBindingRequired": !setup.external.is_empty(),
        "externalAccountMACKeys": keys,
    }})
}

fn spawn(mut command: Command, log: &Path) -> Process {
    let log = File::create(log).unwrap();
    command.stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn();
    Process(child.expect("Debian's package pebble is installed"))
}

/// Returns a port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
