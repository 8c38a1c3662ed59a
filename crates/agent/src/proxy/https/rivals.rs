//! Servers of the user on the port of HTTPS.

use flipless_settings::Settings;

use crate::instance::paths::NGINX;
use crate::proxy::advice::Advice;
use crate::proxy::configuration::Configuration;
use crate::proxy::listens;
use crate::proxy::syntax::Directive;

/// Refuses a server of the user that would take the same requests as flipless's server of HTTPS. nginx would only warn,
/// and ignore one of the two (ngx_http_server_names).
pub fn refuse(configuration: &Configuration, settings: &Settings) -> Result<(), Advice> {
    let https = &settings.https;
    let is_rival = |server: &Directive| {
        let on_port = listens::of_server(server).any(|listen| listen.is_on(https.port));
        on_port && takes(server, &https.domains)
    };
    let Some((file, _)) = configuration.servers().find(|(_, server)| is_rival(server)) else {
        return Ok(());
    };
    let (port, file) = (https.port, file.display());
    Err(Advice {
        reason: format!(
            "{file} has a server on port {port} that takes the same requests as flipless's HTTPS server"
        ),
        hint: format!(
            "remove the server from the bundle, or leave out [https]. EB deletes no file in {NGINX}: if the file comes \
             from an earlier version, remove it in a predeploy hook, with `rm -f {file}`"
        ),
    })
}

/// Returns whether the server takes requests for one of these names, or for any name.
fn takes(server: &Directive, domains: &[String]) -> bool {
    let names = server
        .block
        .iter()
        .filter(|found| found.name() == "server_name");
    let names: Vec<&String> = names.flat_map(Directive::arguments).collect();
    names.is_empty()
        || names
            .iter()
            .any(|name| name.as_str() == "_" || domains.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_for_the_same_names_is_refused_with_its_file() {
        for (server, refused) in [
            ("listen 443 ssl;", true),
            ("listen 443 ssl; server_name shop.example.com;", true),
            ("listen [::]:443 ssl; server_name _;", true),
            ("listen 443 ssl; server_name api.example.com;", false),
            ("listen 8443 ssl;", false),
            ("listen 80;", false),
        ] {
            let dump = format!(
                "# configuration file /etc/nginx/conf.d/https.conf:\nserver {{ {server} }}\n"
            );
            let mut settings = Settings::default();
            settings.https.domains = vec!["shop.example.com".into()];
            let found = refuse(&Configuration::in_dump(&dump), &settings);
            assert_eq!(found.is_err(), refused, "{server}");
            if let Err(advice) = found {
                let hint = "`rm -f /etc/nginx/conf.d/https.conf`";
                assert!(advice.hint.contains(hint), "{}", advice.hint);
            }
        }
    }
}
