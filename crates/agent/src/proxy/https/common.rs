//! Finds the server on the public port that includes EB's folder of locations. The server of HTTPS has the same
//! locations and the same simple directives.

use std::path::Path;

use flipless_settings::Settings;
use flipless_settings::nginx::glob;
use flipless_settings::nginx::https::{Common, INCLUDE, LOCATIONS};

use crate::instance::paths::NGINX;
use crate::proxy::advice::Advice;
use crate::proxy::configuration::Configuration;

use crate::proxy::listens::{self, Host};
use crate::proxy::syntax::Directive;

/// Directives that the server of HTTPS has in its own form, or must not have.
const NOT_COMMON: [&str; 5] = ["listen", "server_name", "http2", "http3", "ssl"];
/// Directives that act on each request before a location does.
const REWRITES: [&str; 4] = ["break", "return", "rewrite", "set"];

/// Returns what the server of HTTPS has in common with the server on the public port.
///
/// # Errors
/// If there is no such server, or if it has blocks or rewrites of its own, which HTTPS would lack.
pub fn find(configuration: &Configuration, settings: &Settings) -> Result<Common, Advice> {
    let public = settings.front.port;
    let mut servers = configuration.servers().filter(|(_, server)| {
        listens::of_server(server).any(|listen| listen.is_on(public)) && includes_locations(server)
    });
    let Some((file, server)) = servers.next() else {
        return Err(Advice {
            reason: format!(
                "[https] needs a server on port {public} that includes {INCLUDE}, and nginx's configuration has none"
            ),
            hint: format!(
                "add `include {INCLUDE};` to the server on port {public} in .platform/nginx/nginx.conf, and move its \
                 locations to files in .platform/nginx/conf.d/elasticbeanstalk/"
            ),
        });
    };
    let mut lines = Vec::new();
    for directive in &server.block {
        let name = directive.name();
        if !directive.block.is_empty() || REWRITES.contains(&name) {
            return Err(not_served(file, directive, public));
        }
        if !NOT_COMMON.contains(&name) && !name.starts_with("ssl_") && !is_include(directive) {
            lines.push(line(directive));
        }
    }
    let ipv6 =
        listens::of_server(server).any(|listen| listen.host == Host::Any6 && listen.is_on(public));
    Ok(Common { ipv6, lines })
}

fn includes_locations(server: &Directive) -> bool {
    server.block.iter().any(is_include)
}

/// Returns whether the directive includes the piece for locations, and so EB's whole folder.
fn is_include(directive: &Directive) -> bool {
    match directive.words.as_slice() {
        [include, pattern] if include == "include" => {
            let nginx = Path::new(NGINX);
            glob::matches(&nginx.join(pattern), &nginx.join(LOCATIONS))
        }
        _ => false,
    }
}

fn not_served(file: &Path, directive: &Directive, public: u16) -> Advice {
    let text = directive.words.join(" ");
    let hint = match directive.name() {
        "location" => {
            "move it to a file in .platform/nginx/conf.d/elasticbeanstalk/, which both servers include"
        }
        _ => {
            "move it to a file in .platform/nginx/conf.d/elasticbeanstalk/; a redirect to HTTPS is `[https] redirect` \
             in flipless.toml"
        }
    };
    Advice {
        reason: format!(
            "`{text}` in the server on port {public} in {} does not apply to HTTPS: flipless's server for HTTPS has \
             only the blocks and rewrites in conf.d/elasticbeanstalk/",
            file.display()
        ),
        hint: hint.into(),
    }
}

/// Writes a simple directive as a line.
fn line(directive: &Directive) -> String {
    let words: Vec<String> = directive.words.iter().map(|word| quoted(word)).collect();
    words.join(" ") + ";"
}

/// Quotes a word if nginx would read it as something else (ngx_conf_read_token).
fn quoted(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || ";{}\"'\\#".contains(c);
    match word.is_empty() || word.contains(special) {
        true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        false => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::syntax;

    fn find_in(server: &str) -> Result<Common, String> {
        let dump = format!("# configuration file /etc/nginx/nginx.conf:\nhttp {{ {server} }}\n");
        let found = find(&Configuration::in_dump(&dump), &Settings::default());
        found.map_err(|advice| format!("{advice}\n{}", advice.hint))
    }

    #[test]
    fn the_simple_directives_of_ebs_own_server_are_common() {
        let common = find_in(
            "server { listen 80 default_server; server_name _; access_log /var/log/a.log main; \
             gzip off; include conf.d/elasticbeanstalk/*.conf; ssl_protocols TLSv1; }",
        );
        let lines = vec!["access_log /var/log/a.log main;".into(), "gzip off;".into()];
        assert_eq!(common, Ok(Common { ipv6: false, lines }));
    }

    #[test]
    fn https_has_ipv6_if_the_public_port_has() {
        let with = |listens: &str| {
            let server = format!("server {{ {listens} include /etc/nginx/{INCLUDE}; }}");
            find_in(&server).map(|common| common.ipv6)
        };
        assert_eq!(with("listen 80;"), Ok(false));
        assert_eq!(with("listen 80; listen [::]:80;"), Ok(true));
        assert_eq!(with("listen 80; listen [::]:8080;"), Ok(false));
        assert_eq!(with(""), Ok(false), "nginx's default is *:80");
    }

    #[test]
    fn a_server_without_ebs_folder_or_with_locations_of_its_own_is_refused() {
        for (server, said) in [
            ("", "needs a server on port 80"),
            (
                "server { listen 80; location / { return 200; } }",
                "needs a server on port 80",
            ),
            (
                "server { listen 8080; include conf.d/elasticbeanstalk/*.conf; }",
                "needs a server on port 80",
            ),
            (
                "server { include conf.d/elasticbeanstalk/*.conf; location /up { return 200; } }",
                "`location /up` in the server on port 80 in /etc/nginx/nginx.conf",
            ),
            (
                "server { include conf.d/elasticbeanstalk/*.conf; if ($a) { return 301 https://x; } }",
                "`[https] redirect`",
            ),
            (
                "server { include conf.d/elasticbeanstalk/*.conf; return 301 https://x; }",
                "`return 301 https://x`",
            ),
        ] {
            let refused = find_in(server).expect_err(server);
            assert!(refused.contains(said), "{server}: {refused}");
        }
    }

    proptest::proptest! {
        /// nginx reads a written directive as the same words.
        #[test]
        fn a_written_directive_has_the_same_words(
            words in proptest::collection::vec("[a-z$ ;{}\"'#./]{0,8}", 1..4),
        ) {
            let directive = Directive { words, block: Vec::new() };
            proptest::prop_assert_eq!(syntax::parse(&line(&directive)), vec![directive]);
        }
    }
}
