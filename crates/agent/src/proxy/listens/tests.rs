#![allow(clippy::unwrap_used)]

use super::*;

fn dump(files: &[(&str, &str)]) -> String {
    files
        .iter()
        .map(|(name, text)| format!("# configuration file {name}:\n{text}\n"))
        .collect()
}

fn texts(files: &[(&str, &str)], main: &str) -> Vec<String> {
    let listens = in_dump(&dump(files), main);
    listens.into_iter().map(|listen| listen.text).collect()
}

const MAIN: &str = "/etc/nginx/nginx.conf";

#[test]
fn a_listen_is_found_where_nginx_reads_it() {
    let found = texts(
        &[
            (
                MAIN,
                "# listen 1;\nhttp {\n include conf.d/*.conf;\n server { include \"own/listen\"; }\n}\n\
                 stream { server { listen 9000; } }\n",
            ),
            ("/etc/nginx/conf.d/a.conf", "server { listen 443 ssl; }\n"),
            ("/etc/nginx/own/listen", "listen 80 default_server;"),
            ("/etc/nginx/conf.d/deep/no.conf", "server { listen 1; }"),
        ],
        MAIN,
    );
    let expected = ["listen 443 ssl", "listen 80 default_server", "listen 9000"];
    assert_eq!(found, expected);
}

#[test]
fn relative_includes_begin_where_the_main_file_is() {
    let staged = "/var/proxy/staging/nginx/nginx.conf";
    let found = texts(
        &[
            (
                staged,
                "http { include conf.d/*.conf; include /etc/nginx/conf.d/*.conf; }",
            ),
            (
                "/var/proxy/staging/nginx/conf.d/a.conf",
                "server { listen 81; }",
            ),
            ("/etc/nginx/conf.d/a.conf", "server { listen 82; }"),
        ],
        staged,
    );
    assert_eq!(found, ["listen 81", "listen 82"]);
}

#[test]
fn a_server_without_a_listen_has_the_default() {
    let found = texts(&[(MAIN, "http { server { return 200; } }")], MAIN);
    assert_eq!(found, ["listen *:80"]);
}

#[test]
fn addresses_are_read_as_nginx_reads_them() {
    let single = |host: &str| Host::Single(host.into());
    for (address, host, ports) in [
        ("80", Host::Any, 80..=80),
        ("*:8080", Host::Any, 8080..=8080),
        ("0.0.0.0:80", Host::Any, 80..=80),
        ("[::]:80", Host::Any6, 80..=80),
        ("[::]", Host::Any6, 80..=80),
        ("[::1]:81", single("[::1]"), 81..=81),
        ("10.0.0.1", single("10.0.0.1"), 80..=80),
        ("localhost:8000-8100", single("localhost"), 8000..=8100),
        (
            "unix:/run/x:y.sock",
            Host::Unix("/run/x:y.sock".into()),
            0..=0,
        ),
    ] {
        assert_eq!(split(address), Some((host, ports)), "{address}");
    }
}

#[test]
fn udp_and_files_take_no_connection_on_a_port() {
    for (text, expected) in [
        ("listen 80", true),
        ("listen 70-90", true),
        ("listen 80 quic reuseport", false),
        ("listen 80 udp", false),
        ("listen unix:/run/80", false),
        ("listen 81", false),
    ] {
        let words: Vec<String> = text.split(' ').map(String::from).collect();
        assert_eq!(
            listen(&words).map(|listen| listen.is_on(80)),
            Some(expected),
            "{text}"
        );
    }
}

proptest::proptest! {
    /// Every listener is found, with any text around it and at any depth of includes.
    #[test]
    fn every_listener_is_found(
        ports in proptest::collection::vec(1u16.., 1..8),
        noise in "(#[a-z;{}]{0,9}\n|map \\$a \\$b \\{ default \"\\}\"; \\}\n){0,3}",
    ) {
        let server = |port: &u16| format!("{noise}server {{ {noise} listen '{port}' ; }}\n");
        let servers: String = ports.iter().map(server).collect();
        let files = [
            (MAIN, format!("{noise}http {{\n{noise} include conf.d/*.conf; }}")),
            ("/etc/nginx/conf.d/x.conf", servers),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let found: Vec<u16> = in_dump(&dump(&files), MAIN)
            .iter().map(|listen| *listen.ports.start()).collect();
        proptest::prop_assert_eq!(found, ports);
    }

    /// No output of nginx makes the function panic.
    #[test]
    fn any_dump_is_read(text in "\\PC{0,200}") {
        let text = format!("# configuration file {MAIN}:\n{text}");
        in_dump(&text, MAIN);
    }
}

#[test]
fn an_address_belongs_to_the_directive_that_opens_it() {
    let opens = |directive: &str, address: Address| {
        let text = format!("http {{ server {{ listen {directive}; }} }}");
        in_dump(&dump(&[(MAIN, &text)]), MAIN)[0].opens(&address)
    };
    let tcp = |address: &str| Address::Tcp(address.parse().unwrap());
    let udp = |address: &str| Address::Udp(address.parse().unwrap());
    for (directive, address) in [
        ("443 ssl", tcp("0.0.0.0:443")),
        ("*:443", tcp("0.0.0.0:443")),
        ("[::]:443 ipv6only=off", tcp("[::]:443")),
        ("127.0.0.1:8000-8002", tcp("127.0.0.1:8001")),
        ("[::1]:81", tcp("[::1]:81")),
        ("[0:0::1]:81", tcp("[::1]:81")),
        ("443 quic reuseport", udp("0.0.0.0:443")),
        // Only nginx looks up the address of a name.
        ("localhost:81", tcp("127.0.0.1:81")),
        ("unix:/run/x", Address::Unix("/run/x".into())),
    ] {
        assert!(opens(directive, address.clone()), "{directive} {address}");
    }
    for (directive, address) in [
        ("443 ssl", tcp("[::]:443")),
        ("443 ssl", udp("0.0.0.0:443")),
        ("443 ssl", tcp("127.0.0.1:443")),
        ("443 quic", tcp("0.0.0.0:443")),
        ("[::]:443", tcp("0.0.0.0:443")),
        ("127.0.0.1:443", tcp("0.0.0.0:443")),
        ("localhost:81", tcp("127.0.0.1:82")),
        ("unix:/run/x", Address::Unix("/run/y".into())),
        ("unix:/run/x", tcp("0.0.0.0:80")),
    ] {
        assert!(!opens(directive, address.clone()), "{directive} {address}");
    }
}

#[test]
fn servers_of_other_modules_count_too() {
    let found = texts(&[(MAIN, "rtmp { server { listen 1935; } }")], MAIN);
    assert_eq!(found, ["listen 1935"]);
}

#[test]
fn a_listener_blocks_an_address_if_one_of_the_two_is_the_wildcard_of_the_other() {
    let blocks = |directives: &str, address: &str| {
        let text = format!("http {{ server {{ listen 80; {directives} }} }}");
        let listens = in_dump(&dump(&[(MAIN, &text)]), MAIN);
        let tcp = |address: &str| Address::Tcp(address.parse().unwrap());
        let open = [tcp("0.0.0.0:80"), tcp(address)].into();
        blocking(&listens, &open).contains(&tcp(address))
    };
    for (directives, address) in [
        ("listen 10.0.0.1:443;", "0.0.0.0:443"),
        ("listen 443;", "10.0.0.1:443"),
        ("listen [::]:443 ipv6only=off;", "0.0.0.0:443"),
        ("listen 443;", "[::]:443"),
    ] {
        assert!(blocks(directives, address), "{directives} {address}");
    }
    for (directives, address) in [
        ("listen 443;", "0.0.0.0:443"),
        ("listen 443; listen 10.0.0.1:443;", "0.0.0.0:443"),
        ("listen 8443;", "0.0.0.0:443"),
        ("", "[::]:80"),
        ("listen 10.0.0.1:443;", "10.0.0.2:443"),
        ("listen 443 quic;", "10.0.0.1:443"),
        ("listen unix:/run/x;", "0.0.0.0:443"),
    ] {
        assert!(!blocks(directives, address), "{directives} {address}");
    }
}
