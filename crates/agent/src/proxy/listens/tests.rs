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

    /// The function returns for any output of nginx.
    #[test]
    fn any_dump_is_read(text in "\\PC{0,200}") {
        let text = format!("# configuration file {MAIN}:\n{text}");
        in_dump(&text, MAIN);
    }
}
