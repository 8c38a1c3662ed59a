//! The demonstration server as a process: sockets, readiness, endpoints.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use flipless_testing::client::Client;
use flipless_testing::notify::Notifications;
use flipless_testing::process::Launch;
use flipless_testing::wait_for;

const SERVER: &str = env!("CARGO_BIN_EXE_server");
const O_NONBLOCK: u32 = 0o4000;

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn binds_a_port_when_not_activated() {
    let server = Launch::plain(SERVER)
        .set("FLIPLESS_RUN", "3fa9c1d2e0b4-7")
        .serving();
    assert!(server.address().ip().is_loopback());
    let answer = server.connect().get("/health");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    assert_eq!(answer.header("x-flipless-run"), Some("3fa9c1d2e0b4-7"));
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = listener();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, stderr) = Launch::plain(SERVER).set("PORT", &port).spawn().exit();
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.contains(&format!("can't listen on 127.0.0.1:{port}")),
        "{stderr}"
    );
}

#[test]
fn accepts_on_the_inherited_socket() {
    let listener = listener();
    let server = Launch::program_on(&[SERVER], &listener).serving();
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn accepts_on_every_socket_of_the_name() {
    let sockets = [listener(), TcpListener::bind("[::1]:0").unwrap()];
    let addresses = sockets
        .each_ref()
        .map(|socket| socket.local_addr().unwrap());
    for names in ["app:app", ""] {
        let copies = sockets
            .iter()
            .map(|socket| socket.try_clone().unwrap())
            .collect();
        let _server = Launch::program(&[SERVER], copies, names).spawn();
        for address in addresses {
            assert_eq!(
                Client::connect(address).get("/health").status,
                200,
                "{address} {names:?}"
            );
        }
    }
}

#[test]
fn sockets_without_a_pid_are_accepted_on() {
    let listener = listener();
    // `systemfd --no-pid` sets no LISTEN_PID. The server treats an empty variable like a missing one.
    let server = Launch::program_on(&[SERVER], &listener)
        .set("LISTEN_PID", "")
        .serving();
    assert_eq!(server.connect().get("/health").status, 200);
}

#[test]
fn sockets_of_another_process_are_ignored() {
    let listener = listener();
    let mut server = Launch::program_on(&[SERVER], &listener)
        .set("LISTEN_PID", "1")
        .spawn();
    let own = server.listening_address();
    assert_ne!(own, listener.local_addr().unwrap());
    assert_eq!(Client::connect(own).get("/health").status, 200);
}

#[test]
fn a_socket_of_another_name_is_refused() {
    let sockets = vec![listener()];
    let (status, stderr) = Launch::program(&[SERVER], sockets, "metrics")
        .spawn()
        .exit();
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.contains("no passed socket is named \"app\""),
        "{stderr}"
    );
}

#[test]
fn a_descriptor_that_does_not_listen_is_refused() {
    let listener = listener();
    let connected = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (status, stderr) = Launch::program(&[SERVER], vec![connected], "app")
        .spawn()
        .exit();
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.contains("descriptor 3 (app)") && stderr.contains("not listening"),
        "{stderr}"
    );

    let file = std::fs::File::open("/dev/null").unwrap();
    let (status, stderr) = Launch::program(&[SERVER], vec![file], "app").spawn().exit();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("descriptor 3 (app)"), "{stderr}");
}

#[test]
fn a_unix_socket_is_accepted_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app");
    let _server =
        Launch::program(&[SERVER], vec![UnixListener::bind(&path).unwrap()], "app").spawn();
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream
        .set_read_timeout(Some(flipless_testing::LIMIT))
        .unwrap();
    std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 200") && answer.ends_with("ok\n"),
        "{answer}"
    );
}

#[test]
fn a_blocking_inherited_socket_becomes_non_blocking() {
    const CLOEXEC: u32 = 0o2000000;
    let listener = listener();
    let server = Launch::program_on(&[SERVER], &listener).serving();
    let flags = server.fd_flags(3);
    assert_eq!(flags & O_NONBLOCK, O_NONBLOCK, "{flags:o}");
    assert_eq!(flags & CLOEXEC, CLOEXEC, "{flags:o}");
}

/// Sends a request. Returns the client as soon as the request waits in the listener's backlog.
fn waiting_request(listener: &TcpListener) -> std::net::TcpStream {
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::io::Write::write_all(&mut client, b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    client
}

#[test]
fn a_held_server_is_ready_and_answers_only_when_its_hold_ends() {
    let (listener, notifications) = (listener(), Notifications::new());
    let folder = tempfile::tempdir().unwrap();
    let hold = folder.path().join("a-1");
    std::fs::write(&hold, "").unwrap();
    let _server = Launch::program_on(&[SERVER], &listener)
        .notifying(&notifications)
        .set("FLIPLESS_HOLD", hold.to_str().unwrap())
        .spawn();
    let ready = notifications.wait_for("READY=1");
    assert!(
        ready.contains("STATUS=ready, held until the flip"),
        "{ready}"
    );
    let client = waiting_request(&listener);
    client
        .set_read_timeout(Some(std::time::Duration::from_millis(200)))
        .unwrap();
    let early = std::io::Read::read(&mut &client, &mut [0]).unwrap_err();
    assert_eq!(
        early.kind(),
        std::io::ErrorKind::WouldBlock,
        "the held server answered"
    );
    std::fs::remove_file(&hold).unwrap();
    client
        .set_read_timeout(Some(flipless_testing::LIMIT))
        .unwrap();
    let answer = std::io::read_to_string(client).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    notifications.wait_for("STATUS=serving");
}

#[test]
fn a_held_server_stops_at_once() {
    let (listener, notifications) = (listener(), Notifications::new());
    let hold = tempfile::NamedTempFile::new().unwrap();
    let mut server = Launch::program_on(&[SERVER], &listener)
        .notifying(&notifications)
        .set("FLIPLESS_HOLD", hold.path().to_str().unwrap())
        .spawn();
    notifications.wait_for("READY=1");
    // The held run never accepts this connection, so the next run answers it.
    let _client = waiting_request(&listener);
    server.signal("TERM");
    let (status, stderr) = server.exit();
    assert!(status.success(), "{stderr}");
}

#[test]
fn a_server_without_free_descriptors_accepts_again_when_some_are_free() {
    let listener = listener();
    let mut server = Launch::program_on(&[SERVER], &listener)
        .open_files(32)
        .serving();
    let clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    let line = server.stderr_line();
    assert!(
        line.contains("can't accept connections for now: Too many open files"),
        "{line}"
    );
    drop(clients);
    assert_eq!(server.connect().get("/health").status, 200);
}

#[test]
fn connections_made_before_readiness_wait_and_are_answered() {
    let (listener, notifications) = (listener(), Notifications::new());
    let mut early = Client::connect(listener.local_addr().unwrap());
    early
        .send("GET /health HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    let launch =
        Launch::program_on(&[SERVER], &listener).set("FLIPLESS_TEST_START_DELAY_MS", "300");
    let _server = launch.notifying(&notifications).spawn();
    assert_eq!(early.answer().unwrap().status, 200);
    // The server accepts only after READY=1, so the message has arrived.
    let first = notifications.so_far().remove(0);
    assert_eq!(first, "READY=1\nSTATUS=serving\n");
}

#[test]
fn an_unhealthy_server_is_never_ready() {
    let (listener, notifications) = (listener(), Notifications::new());
    let launch = Launch::program_on(&[SERVER], &listener).set("FLIPLESS_TEST_START", "unhealthy");
    let (status, stderr) = launch.notifying(&notifications).spawn().exit();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("GET /health returned 503"), "{stderr}");
    assert_eq!(notifications.so_far(), [""; 0]);
}

#[test]
fn the_environment_sets_the_health_path() {
    let (status, stderr) = Launch::plain(SERVER)
        .set("FLIPLESS_HEALTH_PATH", "/missing")
        .spawn()
        .exit();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("GET /missing returned 404"), "{stderr}");
}

#[test]
fn a_crash_at_the_start_is_an_error() {
    let (status, stderr) = Launch::plain(SERVER)
        .set("FLIPLESS_TEST_START", "crash")
        .spawn()
        .exit();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("FLIPLESS_TEST_START"), "{stderr}");
}

#[test]
fn the_watchdog_is_pinged_again_and_again() {
    let notifications = Notifications::new();
    let launch = Launch::plain(SERVER)
        .notifying(&notifications)
        .set("WATCHDOG_USEC", "60000");
    let _server = launch.serving();
    notifications.wait_for("READY=1");
    for _ in 0..5 {
        notifications.wait_for("WATCHDOG=1");
    }
}

#[test]
fn a_watchdog_of_another_process_is_not_pinged() {
    let notifications = Notifications::new();
    let launch = Launch::plain(SERVER)
        .notifying(&notifications)
        .set("WATCHDOG_USEC", "1000");
    let server = launch.set("WATCHDOG_PID", "1").serving();
    // A tenth of a second is a hundred watchdog intervals.
    assert_eq!(server.connect().get("/slow?ms=100").status, 200);
    assert_eq!(notifications.so_far(), ["READY=1\nSTATUS=serving\n"]);
}

#[test]
fn the_status_counts_requests_and_connections() {
    let server = Launch::plain(SERVER)
        .set("FLIPLESS_RUN", "abc-12")
        .serving();
    let idle = server.connect();
    let mut client = server.connect();
    client.get("/health");
    let answer = wait_for("both connections", || {
        let answer = client.get("/status.json");
        answer.body.contains("\"connections\":2").then_some(answer)
    });
    let status: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(status["release"], "abc");
    assert_eq!(status["run"], "abc-12");
    assert_eq!(status["pid"], server.pid());
    assert!(status["requests"].as_u64().unwrap() >= 2, "{status}");
    assert_eq!(
        status["started"].as_str().unwrap().len(),
        "2026-01-31T09:00:00Z".len()
    );
    let page = client.get("/").body;
    assert!(page.contains(">abc-12<") && !page.contains("{{"), "{page}");
    drop(idle);
}

#[test]
fn uploads_are_counted() {
    let server = Launch::plain(SERVER).serving();
    let mut client = server.connect();
    // Above axum's default limit of 2 MiB.
    let size = 3 << 20;
    let head = format!("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: {size}\r\n\r\n");
    client.send(&head).unwrap();
    client.send_bytes(&vec![b'x'; size]).unwrap();
    assert_eq!(client.answer().unwrap().body, format!("{size}\n"));
}

#[test]
fn events_are_numbered_and_have_an_end() {
    let server = Launch::plain(SERVER).serving();
    let answer = server.connect().get("/stream?count=2&ms=1");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(
        answer.body,
        "data: 1\n\ndata: 2\n\nevent: end\ndata: complete\n\n"
    );
}

#[test]
fn a_websocket_echoes() {
    let server = Launch::plain(SERVER).serving();
    let mut client = server.connect();
    assert_eq!(client.upgrade("/echo").status, 101);
    client.send_frame(1, b"hello");
    assert_eq!(client.frame(), (1, b"hello".to_vec()));
}

#[test]
fn only_test_variables_can_be_read() {
    let launch = Launch::plain(SERVER)
        .set("FLIPLESS_TEST_VALUE", "a \"b\" $c")
        .set("SECRET", "x");
    let server = launch.serving();
    let mut client = server.connect();
    assert_eq!(
        client.get("/env?name=FLIPLESS_TEST_VALUE").body,
        "a \"b\" $c"
    );
    assert_eq!(client.get("/env?name=SECRET").status, 404);
    assert_eq!(client.get("/env?name=FLIPLESS_TEST_UNSET").status, 404);
}

#[test]
fn the_health_log_has_a_line_for_each_request() {
    let directory = tempfile::tempdir().unwrap();
    let launch =
        Launch::plain(SERVER).set("FLIPLESS_HEALTH_LOG", directory.path().to_str().unwrap());
    let server = launch.serving();
    let request = "GET /a%22b?c=d HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
    let mut client = server.connect();
    client.send(request).unwrap();
    assert_eq!(client.answer().unwrap().status, 404);
    let line = wait_for("the line", || {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let text: String = texts.collect();
        text.lines()
            .find(|line| line.contains("203.0.113.9"))
            .map(str::to_owned)
    });
    let fields: Vec<&str> = line.split('"').collect();
    assert_eq!(fields.len(), 6, "{line}");
    assert_eq!(
        (fields[1], fields[2], fields[5]),
        (r"/a\x22b", "404", "203.0.113.9")
    );
}
